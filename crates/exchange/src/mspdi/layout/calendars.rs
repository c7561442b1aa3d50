//! Calendars of minutes, each made once.

use std::collections::HashMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use longlead_network::{Calendar, CalendarError};

use crate::report::{Loss, Subject};

use super::super::schedule::ScheduleFailure;
use super::super::working_time::WorkingTime;
use super::super::{Hours, Project};

/// The place of the calendar that works always.
pub(in super::super) const ELAPSED: usize = 0;

/// What a calendar of minutes is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Recipe {
    /// One calendar of the file.
    Of(Option<i64>),
    /// Only what two of them have in common.
    Common(Option<i64>, Option<i64>),
}

/// Makes calendars as they are asked for.
pub(super) struct Shop<'a> {
    project: &'a Project,
    first: Date,
    horizon_slots: u32,
    made: Vec<Result<Calendar, CalendarError>>,
    of_recipe: HashMap<Recipe, usize>,
    pub(super) losses: Vec<Loss>,
}

impl<'a> Shop<'a> {
    pub(super) fn new(project: &'a Project, first: Date, horizon_slots: u32) -> Shop<'a> {
        let made = vec![Calendar::elapsed(horizon_slots)];
        Shop { project, first, horizon_slots, made, of_recipe: HashMap::new(), losses: Vec::new() }
    }

    /// The calendar of a task without resources.
    pub(super) fn of_task(&mut self, calendar_uid: Option<i64>) -> usize {
        let known = calendar_uid.filter(|uid| self.project.calendar(*uid).is_some());
        self.make(Recipe::Of(known.or(self.project.calendar_uid)))
    }

    /// The calendar on which a resource with its own one works on a task.
    pub(super) fn of_assignment(&mut self, task: Option<i64>, resource: i64) -> usize {
        match task.filter(|uid| self.project.calendar(*uid).is_some()) {
            Some(task) => self.make(Recipe::Common(Some(task), Some(resource))),
            None => self.make(Recipe::Of(Some(resource))),
        }
    }

    /// The calendar at a place.
    pub(super) fn calendar(&self, place: usize) -> Option<&Calendar> {
        self.made.get(place)?.as_ref().ok()
    }

    /// Whether two places hold the same working time.
    pub(super) fn are_same(&self, one: usize, other: usize) -> bool {
        one == other || self.calendar(one) == self.calendar(other)
    }

    pub(super) fn finish(self) -> Result<Vec<Calendar>, ScheduleFailure> {
        let made: Result<Vec<Calendar>, CalendarError> = self.made.into_iter().collect();
        made.map_err(ScheduleFailure::Calendar)
    }

    fn make(&mut self, recipe: Recipe) -> usize {
        if let Some(place) = self.of_recipe.get(&recipe) {
            return *place;
        }
        let minutes = match recipe {
            Recipe::Of(uid) => self.minutes(&[WorkingTime::new(self.project, uid)]),
            Recipe::Common(one, other) => self.minutes(&[
                WorkingTime::new(self.project, one),
                WorkingTime::new(self.project, other),
            ]),
        };
        let made = match minutes {
            Err(CalendarError::NoWorkingTime { .. }) => {
                let name = self.name(recipe);
                let instead = "taken as Monday to Friday, 8 to 12 and 13 to 17";
                self.losses.push(Loss::new(Subject::Calendar(name), "no working time", instead));
                let usual = Project::default();
                self.minutes(&[WorkingTime::new(&usual, None)])
            }
            made => made,
        };
        self.made.push(made);
        self.of_recipe.insert(recipe, self.made.len() - 1);
        self.made.len() - 1
    }

    fn name(&self, recipe: Recipe) -> String {
        let name = |uid: Option<i64>| {
            let calendar = uid.and_then(|uid| self.project.calendar(uid));
            calendar.map_or("the default", |calendar| calendar.name.as_str()).to_owned()
        };
        match recipe {
            Recipe::Of(uid) => name(uid),
            Recipe::Common(one, other) => format!("{} with {}", name(one), name(other)),
        }
    }

    /// The minutes that all of `sources` work.
    fn minutes(&self, sources: &[WorkingTime<'_>]) -> Result<Calendar, CalendarError> {
        let mut dates = self.first.series(1.day());
        let mut day = [false; 1440];
        Calendar::from_pattern(self.horizon_slots, |slot| {
            let minute = slot as usize % 1440;
            if minute == 0 {
                day = [true; 1440];
                if let Some(date) = dates.next() {
                    sources.iter().for_each(|it| restrict(&mut day, it.hours(date)));
                }
            }
            day.get(minute).copied().unwrap_or(false)
        })
    }
}

fn restrict(day: &mut [bool; 1440], hours: &[Hours]) {
    let mut worked = [false; 1440];
    for stretch in hours {
        let range = usize::from(stretch.from)..usize::from(stretch.to).min(1440);
        if let Some(minutes) = worked.get_mut(range) {
            minutes.fill(true);
        }
    }
    for (minute, worked) in day.iter_mut().zip(worked) {
        *minute &= worked;
    }
}
