//! The activities that are asked for: filtered, sorted, grouped and cut into pages.

use std::collections::BTreeMap;

use jiff::civil::Date;
use longlead_horizon::{ActivityForecast, Forecast, MilestoneForecast, Reason};
use longlead_model::{ActivityId, Actual, Bundle};

use crate::page::hardware::standing::activity;
use crate::page::plan::Asked;
use crate::problem::Problem;
use crate::reader::Seen;

/// Rows of one page.
pub(crate) const ROWS_MAX: usize = 200;

/// How far an activity has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Waiting,
    UnderWay,
    Finished,
}

/// An activity as a row. What has happened counts more than what was forecast.
#[derive(Clone, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) activity: &'a ActivityForecast,
    pub(crate) milestone: Option<&'a MilestoneForecast>,
    pub(crate) progress: Progress,
    pub(crate) start: Date,
    pub(crate) finish_p50: Date,
    pub(crate) finish_p80: Date,
    /// The estimate in words, where there is one.
    pub(crate) estimate: Option<String>,
    /// What it is grouped under.
    pub(crate) group: Option<String>,
}

/// A page of rows.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    pub(crate) rows: Vec<Row<'a>>,
    /// Rows on all pages.
    pub(crate) found: usize,
    /// Rows on the pages before.
    pub(crate) first: usize,
    /// The page, from 1.
    pub(crate) page: usize,
    /// Activities and milestones that aren't finished, whatever the filter.
    pub(crate) open: usize,
    /// Those of them that are critical.
    pub(crate) critical: usize,
}

pub(crate) fn listing<'a>(seen: &'a Seen, asked: &Asked) -> Result<Listing<'a>, Problem> {
    let (bundle, forecast) = (seen.bundle(), seen.forecast()?);
    let filter = Filter::of(asked);
    let mut found: Vec<Row<'a>> = forecast
        .activities
        .iter()
        .map(|activity| row(bundle, activity))
        .filter(|row| filter.lets_through(row))
        .collect();
    for row in &mut found {
        row.group = group(bundle, &asked.group, row.activity);
    }
    sort(&mut found, &asked.sort);
    let count = found.len();
    let pages = count.div_ceil(ROWS_MAX).max(1);
    let page = asked.page.parse().unwrap_or(1).clamp(1, pages);
    let first = (page - 1) * ROWS_MAX;
    let mut rows: Vec<Row<'_>> = found.into_iter().skip(first).take(ROWS_MAX).collect();
    let milestones: BTreeMap<&ActivityId, &MilestoneForecast> =
        forecast.milestones.iter().map(|it| (&it.id, it)).collect();
    for row in &mut rows {
        row.milestone = milestones.get(&row.activity.id).copied();
        row.estimate = estimate(seen, &row.activity.id)?;
    }
    let open = forecast.activities.iter().filter(|it| !it.finished);
    let critical = open.clone().filter(|it| it.critical).count();
    Ok(Listing { rows, found: count, first, page, open: open.count(), critical })
}

/// The row of one activity, for whoever sees it.
pub(crate) fn one<'a>(seen: &'a Seen, id: &str) -> Result<Option<Row<'a>>, Problem> {
    let (bundle, forecast) = (seen.bundle(), seen.forecast()?);
    let Some(activity) = activity(forecast, id) else {
        return Ok(None);
    };
    let mut row = row(bundle, activity);
    row.estimate = estimate(seen, &activity.id)?;
    row.milestone = milestone(forecast, &activity.id);
    Ok(Some(row))
}

fn milestone<'a>(forecast: &'a Forecast, id: &ActivityId) -> Option<&'a MilestoneForecast> {
    forecast.milestones.iter().find(|it| it.id == *id)
}

fn row<'a>(bundle: &Bundle, activity: &'a ActivityForecast) -> Row<'a> {
    let actual = bundle.records.actuals.get(activity.id.as_str());
    let started = actual.and_then(|it| it.started);
    let finished = actual.and_then(|it| it.finished).filter(|_| activity.finished);
    Row {
        activity,
        milestone: None,
        progress: progress(activity, actual),
        start: started.unwrap_or(activity.start_p50),
        finish_p50: finished.unwrap_or(activity.finish_p50),
        finish_p80: finished.unwrap_or(activity.finish_p80),
        estimate: None,
        group: None,
    }
}

fn progress(activity: &ActivityForecast, actual: Option<&Actual>) -> Progress {
    match (activity.finished, actual.and_then(|it| it.started)) {
        (true, _) => Progress::Finished,
        (false, Some(_)) => Progress::UnderWay,
        (false, None) => Progress::Waiting,
    }
}

/// The estimate that an activity follows from. Only of activities that the reader sees.
fn estimate(seen: &Seen, id: &ActivityId) -> Result<Option<String>, Problem> {
    let derivation = &seen.whole_plan()?.derivation;
    let because = derivation.find(id).map(|(_, node)| &node.because);
    let mut reasons = because.into_iter().flatten();
    Ok(reasons.find_map(|reason| match reason {
        Reason::Estimated { estimate, .. } => Some(estimate.clone()),
        Reason::BestOffer { lead_time, .. } => Some(lead_time.clone()),
        Reason::Shipped { time, .. } => Some(time.clone()),
        _ => None,
    }))
}

/// What is let through.
struct Filter<'a> {
    asked: &'a Asked,
    words: Vec<String>,
    from: Option<Date>,
    to: Option<Date>,
}

impl<'a> Filter<'a> {
    fn of(asked: &'a Asked) -> Filter<'a> {
        let words = asked.q.split_whitespace().map(str::to_lowercase).collect();
        Filter { asked, words, from: asked.from.parse().ok(), to: asked.to.parse().ok() }
    }

    fn lets_through(&self, row: &Row<'_>) -> bool {
        let (asked, activity) = (self.asked, row.activity);
        let is = |wanted: &str, given: &str| wanted.is_empty() || wanted == given;
        let state = match asked.state.as_str() {
            "finished" => row.progress == Progress::Finished,
            "under-way" => row.progress == Progress::UnderWay,
            "all" => true,
            _ => row.progress != Progress::Finished,
        };
        let product = activity.product.as_ref().map_or("", |it| it.as_str());
        state
            && is(&asked.band, activity.band.as_str())
            && is(&asked.product, product)
            && (asked.team.is_empty() || activity.teams.iter().any(|it| it.as_str() == asked.team))
            && (asked.critical.is_empty() || activity.critical)
            && self.from.is_none_or(|from| row.finish_p80 >= from)
            && self.to.is_none_or(|to| row.start <= to)
            && self.has_words(activity)
    }

    fn has_words(&self, activity: &ActivityForecast) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let text = format!("{} {}", activity.title.to_lowercase(), activity.id);
        self.words.iter().all(|word| text.contains(word))
    }
}

/// What an activity is grouped under.
fn group(bundle: &Bundle, by: &str, activity: &ActivityForecast) -> Option<String> {
    let records = &bundle.records;
    match by {
        "team" => Some(activity.teams.first().map_or_else(
            || "No team".to_owned(),
            |id| records.teams.get(id).map_or(id.as_str(), |it| it.title.as_str()).to_owned(),
        )),
        "product" => Some(activity.product.as_ref().map_or_else(
            || "No product".to_owned(),
            |id| records.products.get(id).map_or(id.as_str(), |it| it.title.as_str()).to_owned(),
        )),
        "revision" => Some(revision_of(bundle, activity.id.as_str()).map_or_else(
            || "No revision".to_owned(),
            |id| records.revisions.get(id).map_or(id, |it| it.title.as_str()).to_owned(),
        )),
        _ => None,
    }
}

/// The revision that the id of a derived activity names, itself or by a build of it.
fn revision_of<'a>(bundle: &'a Bundle, id: &'a str) -> Option<&'a str> {
    let mut names = id.split(':');
    let (verb, subject) = (names.next()?, names.next()?);
    match verb {
        "build" | "test" | "procure" => {
            bundle.records.builds.get(subject).map(|it| it.revision.as_str())
        }
        "design" | "certify" | "approve" | "units" | "ship" | "available" => Some(subject),
        _ => None,
    }
}

fn sort(rows: &mut [Row<'_>], by: &str) {
    let (key, reversed) = by.strip_prefix('-').map_or((by, false), |key| (key, true));
    rows.sort_by(|a, b| {
        let (x, y) = (a.activity, b.activity);
        let order = match key {
            "title" => x.title.to_lowercase().cmp(&y.title.to_lowercase()),
            "finish" => a.finish_p50.cmp(&b.finish_p50),
            "p80" => a.finish_p80.cmp(&b.finish_p80),
            "float" => x.total_float.total_cmp(&y.total_float),
            // What is most critical is what people look for, so it leads.
            "criticality" => y.criticality.total_cmp(&x.criticality),
            _ => (a.start, a.finish_p50).cmp(&(b.start, b.finish_p50)),
        };
        let order = if reversed { order.reverse() } else { order };
        // Those without a team, product or revision come last.
        let group =
            |row: &Row<'_>| row.group.as_ref().map(|it| (it.starts_with("No "), it.clone()));
        group(a).cmp(&group(b)).then(order).then_with(|| x.id.cmp(&y.id))
    });
}

/// The rows by group; without grouping, all in one.
pub(crate) fn grouped<'r, 'a>(rows: &'r [Row<'a>]) -> Vec<(Option<&'r str>, &'r [Row<'a>])> {
    let chunks = rows.chunk_by(|a, b| a.group == b.group);
    chunks.map(|rows| (rows.first().and_then(|row| row.group.as_deref()), rows)).collect()
}
