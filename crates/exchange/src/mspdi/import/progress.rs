//! Imposed dates and what has happened.

use jiff::civil::Date;
use longlead_model::{Activity, Actual, ActualId};

use super::super::{ConstraintKind, Task};
use super::{Importer, days_estimate, rounded};

impl Importer<'_> {
    /// Imposed dates: the task's own, and those that its summaries hand down.
    pub(super) fn impose(&mut self, place: usize, task: &Task, activity: &mut Activity) {
        let of = task.calendar_uid;
        if task.is_manual {
            activity.must_start_on = task.start.map(|it| self.start_day(of, it));
            let what = "scheduled by hand";
            match activity.must_start_on {
                Some(day) => self.lose(task, what, format!("must start on {day}")),
                None => self.lose(task, "scheduled by hand, without a date", "scheduled"),
            }
            return;
        }
        if let Some(date) = task.constraint_date {
            let start = Some(self.start_day(of, date));
            let finish = Some(self.finish_day(of, date));
            match task.constraint {
                ConstraintKind::AsSoonAsPossible | ConstraintKind::AsLateAsPossible => {}
                ConstraintKind::MustStartOn => activity.must_start_on = start,
                ConstraintKind::MustFinishOn => activity.must_finish_on = finish,
                ConstraintKind::StartNoEarlierThan => activity.start_no_earlier_than = start,
                ConstraintKind::StartNoLaterThan => activity.start_no_later_than = start,
                ConstraintKind::FinishNoEarlierThan => activity.finish_no_earlier_than = finish,
                ConstraintKind::FinishNoLaterThan => activity.finish_no_later_than = finish,
            }
        }
        let above: Vec<usize> = self.outline.above(place).collect();
        for summary in above.into_iter().filter_map(|it| self.project.tasks.get(it)) {
            self.hand_down(summary, activity);
        }
    }

    fn hand_down(&self, summary: &Task, activity: &mut Activity) {
        let Some(date) = summary.constraint_date else { return };
        let tightest = |present: Option<Date>, day: Date, pick: fn(Date, Date) -> Date| {
            Some(present.map_or(day, |present| pick(present, day)))
        };
        match summary.constraint {
            ConstraintKind::StartNoEarlierThan => {
                let day = self.start_day(None, date);
                let present = activity.start_no_earlier_than;
                activity.start_no_earlier_than = tightest(present, day, Date::max);
            }
            ConstraintKind::FinishNoLaterThan => {
                let day = self.finish_day(None, date);
                let present = activity.finish_no_later_than;
                activity.finish_no_later_than = tightest(present, day, Date::min);
            }
            _ => {}
        }
    }

    /// What has happened to a task.
    pub(super) fn actual(&mut self, task: &Task, activity: &Activity) {
        let of = task.calendar_uid;
        let is_done = task.actual_finish.is_some() || task.percent_complete == 100;
        let has_begun = is_done || task.actual_start.is_some() || task.percent_complete > 0;
        let Ok(id) = ActualId::try_from(activity.id.as_str()) else { return };
        if !has_begun {
            return;
        }
        let started = task.actual_start.or(task.start).map(|it| self.start_day(of, it));
        let finished = task.actual_finish.or(task.finish).filter(|_| is_done);
        let finished = finished.map(|it| self.finish_day(of, it));
        let remaining = self.remaining_days(task).filter(|_| !is_done).map(days_estimate);
        let actual = Actual { id: id.clone(), started, finished, remaining, note: None };
        self.bundle.records.actuals.insert(id, actual);
    }

    fn remaining_days(&self, task: &Task) -> Option<f64> {
        let whole = self.duration_days(task)?;
        let left = match (task.remaining_seconds, task.duration_seconds) {
            (Some(left), Some(seconds)) if seconds > 0 => left as f64 / seconds as f64,
            _ => 1.0 - f64::from(task.percent_complete) / 100.0,
        };
        Some(rounded(whole * left.clamp(0.0, 1.0)))
    }
}
