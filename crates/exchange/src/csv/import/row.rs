//! One line as records.

use std::collections::BTreeMap;

use longlead_model::{
    Activity, ActivityId, Actual, ActualId, Band, CalendarId, Date, Distribution, Estimate, Link,
    LinkKind, Milestone, MilestoneId, ProductId, Share, TeamId, TimeUnit, Work, slug_from,
};

use crate::ids::link_id;
use crate::report::Subject;

use super::super::{cell, link_text};
use super::{Cell, Importer, Row};

/// The longest cell that is quoted whole.
const QUOTED_MAX: usize = 60;

/// Rounds of rework where a table says none.
const REWORK_ROUNDS: u32 = 5;

impl Importer {
    pub(super) fn row(&mut self, row: &Row, id: ActivityId) {
        let title = row.cells.get("title").map_or(id.as_str(), |it| &it.text).to_owned();
        let after = self.after(row, &id);
        self.actual(row, &id);
        let target = self.date(row, "target");
        let is_milestone = row.cells.get("estimate").is_none_or(|it| it.text == "milestone");
        if let (true, Ok(id)) = (is_milestone, MilestoneId::try_from(id.as_str())) {
            self.milestone(row, id, title, after, target);
            return;
        }
        if let (Some(target), Some(cell)) = (target, row.cells.get("target")) {
            let what = format!("the target {target} of work");
            self.lose(subject(row, cell), what, "left out; only a milestone has a target");
        }
        let activity = Activity {
            id: id.clone(),
            title,
            product: self.id(row, "product", |it| ProductId::try_from(it).ok()),
            work: self.work(row),
            after,
            band: self.band(row),
            start_no_earlier_than: self.date(row, "start_no_earlier_than"),
            start_no_later_than: self.date(row, "start_no_later_than"),
            finish_no_earlier_than: self.date(row, "finish_no_earlier_than"),
            finish_no_later_than: self.date(row, "finish_no_later_than"),
            must_start_on: self.date(row, "must_start_on"),
            must_finish_on: self.date(row, "must_finish_on"),
        };
        self.bundle.records.activities.insert(id, activity);
    }

    fn milestone(
        &mut self,
        row: &Row,
        id: MilestoneId,
        title: String,
        after: Vec<ActivityId>,
        target: Option<Date>,
    ) {
        if !row.cells.contains_key("estimate") {
            let at = Subject::Cell { line: row.line, column: 0 };
            self.lose(at, format!("`{id}` has no estimate"), "taken as a milestone");
        }
        let own =
            ["id", "title", "estimate", "after", "target", "started", "finished", "remaining"];
        for (name, cell) in &row.cells {
            if !own.contains(name) {
                self.lose(subject(row, cell), format!("{name} of a milestone"), "left out");
            }
        }
        let milestone = Milestone {
            id: id.clone(),
            title,
            after,
            target,
            confidence: None,
            stakeholders: Vec::new(),
        };
        self.bundle.records.milestones.insert(id, milestone);
    }

    fn work(&mut self, row: &Row) -> Work {
        let estimate = self.read(row, "estimate", cell::estimate, "taken as no time");
        let none = Estimate { distribution: Distribution::Fixed(0.0), unit: TimeUnit::Day };
        let mut teams = self.teams(row);
        let is_single = teams.len() == 1 && teams.values().all(|units| *units == 1);
        let team = if is_single { teams.pop_first().map(|(team, _)| team) } else { None };
        let first_pass: Option<Share> = self.read(row, "first_pass", cell::share, "left out");
        let rounds = self.read(
            row,
            "rework_rounds_max",
            |it| it.parse::<u32>().map_err(|_| format!("`{it}` is not a count")),
            "left out",
        );
        Work {
            estimate: estimate.unwrap_or(none),
            calendar: self.id(row, "calendar", |it| CalendarId::try_from(it).ok()),
            team,
            teams,
            first_pass,
            rework: self.read(row, "rework", cell::estimate, "left out"),
            rework_rounds_max: rounds.unwrap_or(REWORK_ROUNDS),
            cost: None,
        }
    }

    fn teams(&mut self, row: &Row) -> BTreeMap<TeamId, u32> {
        let mut teams = BTreeMap::new();
        let Some(cell) = row.cells.get("team") else { return teams };
        for written in cell.text.split([';', ',']).map(str::trim).filter(|it| !it.is_empty()) {
            let (name, units) = match written.rsplit_once(char::is_whitespace) {
                Some((name, units)) => match units.parse::<u32>() {
                    Ok(units) if units > 0 => (name, units),
                    _ => (written, 1),
                },
                None => (written, 1),
            };
            if let Some(team) = self.name_as(row, cell, name, |it| TeamId::try_from(it).ok()) {
                let total: &mut u32 = teams.entry(team).or_default();
                *total = total.saturating_add(units);
            }
        }
        teams
    }

    fn band(&mut self, row: &Row) -> Option<Band> {
        let read = |it: &str| match it.to_lowercase().as_str() {
            "hardware" => Ok(Band::Hardware),
            "software" => Ok(Band::Software),
            _ => Err(format!("`{it}` is neither hardware nor software")),
        };
        self.read(row, "band", read, "left out")
    }

    fn date(&mut self, row: &Row, name: &'static str) -> Option<Date> {
        self.read(row, name, cell::date, "left out")
    }

    fn read<T>(
        &mut self,
        row: &Row,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
        instead: &str,
    ) -> Option<T> {
        let cell = row.cells.get(name)?;
        match read(&cell.text) {
            Ok(value) => Some(value),
            Err(error) => {
                let shown: String = error.chars().take(QUOTED_MAX * 3).collect();
                self.lose(subject(row, cell), format!("{name}: {shown}"), instead);
                None
            }
        }
    }

    fn id<T>(
        &mut self,
        row: &Row,
        name: &'static str,
        make: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let cell = row.cells.get(name)?;
        self.name_as(row, cell, &cell.text, make)
    }

    /// A name as an id; one that isn't is made into one.
    fn name_as<T>(
        &mut self,
        row: &Row,
        cell: &Cell,
        name: &str,
        make: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        if let Some(id) = make(name) {
            return Some(id);
        }
        let slug = slug_from(name);
        let shown: String = name.chars().take(QUOTED_MAX).collect();
        self.lose(subject(row, cell), format!("`{shown}` is no id"), format!("taken as `{slug}`"));
        make(&slug)
    }

    /// Plain predecessors; other links become records.
    fn after(&mut self, row: &Row, to: &ActivityId) -> Vec<ActivityId> {
        let mut after = Vec::new();
        let Some(cell) = row.cells.get("after") else { return after };
        for written in cell.text.split([';', ',']).map(str::trim).filter(|it| !it.is_empty()) {
            let Some(from) = self.linked(row, cell, written, to) else { continue };
            if !after.contains(&from) {
                after.push(from);
            }
        }
        after
    }

    fn linked(
        &mut self,
        row: &Row,
        cell: &Cell,
        written: &str,
        to: &ActivityId,
    ) -> Option<ActivityId> {
        // A title with spaces is no link text, but it may be a name of this table.
        let by_title = self.names.get(written).cloned();
        let text = match (by_title.is_some(), link_text::parse(written)) {
            (true, _) => return by_title,
            (false, Ok(text)) => text,
            (false, Err(error)) => {
                let shown: String = error.chars().take(QUOTED_MAX * 2).collect();
                self.lose(subject(row, cell), shown, "the link is left out");
                return None;
            }
        };
        let from = match self.names.get(text.from).cloned() {
            Some(from) => from,
            None => self.name_as(row, cell, text.from, |it| ActivityId::try_from(it).ok())?,
        };
        if text.is_plain() {
            return Some(from);
        }
        let lag_calendar = text
            .calendar
            .and_then(|name| self.name_as(row, cell, name, |it| CalendarId::try_from(it).ok()));
        let Some(id) = link_id(&self.bundle, &from, to) else {
            self.lose(subject(row, cell), format!("one link too many from `{from}`"), "left out");
            return None;
        };
        let kind: LinkKind = text.kind;
        let link = Link {
            id: id.clone(),
            from,
            to: to.clone(),
            kind,
            lag: text.lag,
            lag_calendar,
            bound: text.bound,
        };
        self.bundle.records.links.insert(id, link);
        None
    }

    fn actual(&mut self, row: &Row, id: &ActivityId) {
        let started = self.date(row, "started");
        let finished = self.date(row, "finished");
        let remaining = self.read(row, "remaining", cell::estimate, "left out");
        let Ok(id) = ActualId::try_from(id.as_str()) else { return };
        if started.is_some() || finished.is_some() || remaining.is_some() {
            let actual = Actual { id: id.clone(), started, finished, remaining, note: None };
            self.bundle.records.actuals.insert(id, actual);
        }
    }
}

fn subject(row: &Row, cell: &Cell) -> Subject {
    Subject::Cell { line: row.line, column: cell.column }
}
