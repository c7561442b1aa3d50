//! Calendars of the bundle, compiled for the network.

use std::collections::BTreeSet;

use jiff::civil::Date;
use longlead_model::{Code, Diagnostic, Kind, Step};
use longlead_network as network;
use longlead_network::{CalendarIndex, SlotRange, WeekPattern};

use super::{Builder, EXTENDS_MAX};
use crate::calendar::PlanCalendar;

impl Builder<'_> {
    pub(super) fn compile_calendars(&mut self) {
        let elapsed = network::Calendar::elapsed(self.timeline.slots());
        self.add_calendar(PlanCalendar::Elapsed, elapsed, 7.0);
        let week = self.week_pattern(&longlead_model::Weekday::MONDAY_TO_FRIDAY);
        let usual = network::Calendar::from_week(self.timeline.slots(), &week);
        self.default_calendar = CalendarIndex::new(self.network.calendars.len() as u32);
        self.add_calendar(PlanCalendar::MondayToFriday, usual, 5.0);
        for calendar in self.bundle.records.calendars.values() {
            let week = self.calendar_pattern(calendar);
            let days = calendar.week.iter().collect::<BTreeSet<_>>().len() as f64;
            let compiled = network::Calendar::from_week(self.timeline.slots(), &week);
            let index = CalendarIndex::new(self.network.calendars.len() as u32);
            if self.add_calendar(PlanCalendar::Named(calendar.id.clone()), compiled, days) {
                self.calendars.insert(calendar.id.clone(), index);
            }
        }
        let named = self.bundle.settings.calendar.as_ref();
        if let Some(index) = named.and_then(|id| self.calendars.get(id)) {
            self.default_calendar = *index;
        }
    }

    fn add_calendar(
        &mut self,
        plan_calendar: PlanCalendar,
        calendar: Result<network::Calendar, network::CalendarError>,
        week_days: f64,
    ) -> bool {
        match calendar {
            Ok(calendar) => {
                self.network.calendars.push(calendar);
                self.plan_calendars.push(plan_calendar);
                self.week_days.push(week_days);
                true
            }
            Err(error) => {
                let message = format!("calendar `{plan_calendar}` can't be used: {error}");
                let place = self.bundle.place(Kind::Calendar, plan_calendar.as_str(), &[]);
                let diagnostic = Diagnostic::error(Code::EmptyInterval, message).at(place);
                self.diagnostics.push(diagnostic.help("give it at least one working day"));
                false
            }
        }
    }

    fn week_pattern(&self, week: &[longlead_model::Weekday]) -> WeekPattern {
        let mut working_weekdays = [false; 7];
        for day in week {
            if let Some(works) = working_weekdays.get_mut(*day as usize) {
                *works = true;
            }
        }
        let weekday = self.timeline.origin().weekday().to_monday_zero_offset();
        WeekPattern {
            working_weekdays,
            weekday_of_slot_zero: weekday.unsigned_abs(),
            non_working: Vec::new(),
            working: Vec::new(),
        }
    }

    /// The pattern of a calendar with the days off and on of all that it extends.
    fn calendar_pattern(&mut self, calendar: &longlead_model::Calendar) -> WeekPattern {
        let mut pattern = self.week_pattern(&calendar.week);
        let extending = calendar;
        let mut next = Some(calendar);
        // A circle of calendars is told by the model; here it must only end.
        for _ in 0..EXTENDS_MAX {
            let Some(calendar) = next else { break };
            let day = |date: &Date| self.slots(*date, *date);
            pattern.non_working.extend(calendar.holidays.iter().map(day));
            let periods = calendar.shutdowns.iter();
            pattern.non_working.extend(periods.map(|period| self.slots(period.from, period.to)));
            pattern.working.extend(calendar.worked.iter().map(day));
            let base = calendar.extends.as_ref();
            next = base.and_then(|id| self.bundle.records.calendars.get(id));
        }
        if next.is_some() {
            self.too_many_extend(extending);
        }
        pattern
    }

    fn too_many_extend(&mut self, calendar: &longlead_model::Calendar) {
        let id = calendar.id.as_str();
        let message = format!("calendar `{id}` extends more than {EXTENDS_MAX} others in a row");
        let path = [Step::Key("extends".to_owned())];
        let place = self.bundle.place(Kind::Calendar, id, &path);
        let diagnostic = Diagnostic::error(Code::OutOfRange, message).at(place);
        self.diagnostics.push(diagnostic.help("write the days off of several into one of them"));
    }

    fn slots(&self, from: Date, to: Date) -> SlotRange {
        let origin = self.timeline.origin();
        let slot = |date| i64::from(crate::timeline::days_between(origin, date));
        SlotRange { first: slot(from), end: slot(to) + 1 }
    }
}
