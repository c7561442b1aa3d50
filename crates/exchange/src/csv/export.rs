//! Writes a table of activities.

use std::collections::BTreeMap;

use longlead_model::{Activity, ActivityId, Band, Bundle, Link, Milestone};

use crate::ids::link_id;
use crate::report::{Loss, Subject};

use super::COLUMNS;
use super::cell::estimate_text;
use super::link_text::LinkText;

/// Writes the activities and milestones of a bundle as CSV with commas, with the links that lead
/// to them and what has happened to them.
///
/// Importing the text gives equal records, save what the list tells.
pub fn export(bundle: &Bundle) -> (String, Vec<Loss>) {
    let mut exporter = Exporter { bundle, links: BTreeMap::new(), losses: Vec::new() };
    exporter.sort_links();
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let activities = bundle.records.activities.values();
    let rows = std::iter::once(header())
        .chain(activities.map(|it| exporter.activity(it)).collect::<Vec<_>>())
        .chain(
            bundle.records.milestones.values().map(|it| exporter.milestone(it)).collect::<Vec<_>>(),
        );
    for row in rows {
        let record = COLUMNS.iter().map(|name| row.get(name).map_or("", String::as_str));
        // Writing to memory can't fail, and every row has as many cells as the first.
        let _ = writer.write_record(record);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    (String::from_utf8(bytes).unwrap_or_default(), exporter.losses)
}

type Cells = BTreeMap<&'static str, String>;

fn header() -> Cells {
    COLUMNS.iter().map(|name| (*name, (*name).to_owned())).collect()
}

struct Exporter<'a> {
    bundle: &'a Bundle,
    /// By what they lead to.
    links: BTreeMap<&'a str, Vec<&'a Link>>,
    losses: Vec<Loss>,
}

impl<'a> Exporter<'a> {
    fn sort_links(&mut self) {
        let records = &self.bundle.records;
        for link in records.links.values() {
            let to = link.to.as_str();
            let is_here =
                records.activities.contains_key(to) || records.milestones.contains_key(to);
            if is_here {
                self.links.entry(to).or_default().push(link);
            } else {
                let subject = Subject::Record(link.id.to_string());
                let what = format!("a link to `{to}`, which is not in the table");
                self.losses.push(Loss::new(subject, what, "left out"));
            }
        }
    }

    fn activity(&mut self, activity: &Activity) -> Cells {
        let work = &activity.work;
        let mut cells = self.shared(activity.id.as_str(), &activity.title, &activity.after);
        let mut put = |name, text: Option<String>| {
            if let Some(text) = text {
                cells.insert(name, text);
            }
        };
        put("product", activity.product.as_ref().map(ToString::to_string));
        put("band", activity.band.map(|band| band_text(band).to_owned()));
        put("estimate", Some(estimate_text(&work.estimate)));
        put("calendar", work.calendar.as_ref().map(ToString::to_string));
        let single = work.team.iter().map(ToString::to_string);
        let several = work.teams.iter().map(|(team, units)| format!("{team} {units}"));
        let teams: Vec<String> = single.chain(several).collect();
        put("team", (!teams.is_empty()).then(|| teams.join("; ")));
        let date = |date: Option<longlead_model::Date>| date.map(|it| it.to_string());
        put("start_no_earlier_than", date(activity.start_no_earlier_than));
        put("start_no_later_than", date(activity.start_no_later_than));
        put("finish_no_earlier_than", date(activity.finish_no_earlier_than));
        put("finish_no_later_than", date(activity.finish_no_later_than));
        put("must_start_on", date(activity.must_start_on));
        put("must_finish_on", date(activity.must_finish_on));
        put("first_pass", work.first_pass.map(|it| it.value().to_string()));
        put("rework", work.rework.as_ref().map(estimate_text));
        put("rework_rounds_max", Some(work.rework_rounds_max.to_string()));
        if work.cost.is_some() {
            let subject = Subject::Record(activity.id.to_string());
            self.losses.push(Loss::new(subject, "its cost", "left out"));
        }
        cells
    }

    fn milestone(&mut self, milestone: &Milestone) -> Cells {
        let mut cells = self.shared(milestone.id.as_str(), &milestone.title, &milestone.after);
        cells.insert("estimate", "milestone".to_owned());
        if let Some(target) = milestone.target {
            cells.insert("target", target.to_string());
        }
        if milestone.confidence.is_some() || !milestone.stakeholders.is_empty() {
            let subject = Subject::Record(milestone.id.to_string());
            self.losses.push(Loss::new(subject, "its confidence and stakeholders", "left out"));
        }
        cells
    }

    /// What activities and milestones both have.
    fn shared(&mut self, id: &str, title: &str, after: &[ActivityId]) -> Cells {
        let mut cells = Cells::new();
        cells.insert("id", id.to_owned());
        cells.insert("title", title.to_owned());
        let mut waits: Vec<String> = after.iter().map(ToString::to_string).collect();
        for link in self.links.get(id).cloned().unwrap_or_default() {
            waits.push(self.link(link));
        }
        if !waits.is_empty() {
            cells.insert("after", waits.join("; "));
        }
        if let Some(actual) = self.bundle.records.actuals.get(id) {
            let date = |date: Option<longlead_model::Date>| date.map(|it| it.to_string());
            cells.extend(date(actual.started).map(|it| ("started", it)));
            cells.extend(date(actual.finished).map(|it| ("finished", it)));
            cells.extend(actual.remaining.as_ref().map(|it| ("remaining", estimate_text(it))));
            if actual.note.is_some() {
                let subject = Subject::Record(id.to_owned());
                self.losses.push(Loss::new(subject, "the note on its progress", "left out"));
            }
        }
        cells
    }

    fn link(&mut self, link: &Link) -> String {
        let text = LinkText {
            from: link.from.as_str(),
            kind: link.kind,
            lag: link.lag,
            calendar: link.lag_calendar.as_ref().map(|id| id.as_str()),
            bound: link.bound,
        };
        let natural = link_id(&Bundle::default(), &link.from, &link.to);
        if text.is_plain() || natural.as_ref() != Some(&link.id) {
            let subject = Subject::Record(link.id.to_string());
            self.losses.push(Loss::new(subject, "the link's own id", "only the link is told"));
        }
        text.write()
    }
}

fn band_text(band: Band) -> &'static str {
    match band {
        Band::Hardware => "hardware",
        Band::Software => "software",
    }
}
