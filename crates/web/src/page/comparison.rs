//! What differs between two forecasts, as a page shows it.

use jiff::civil::Date;
use longlead_horizon::{
    Change, Comparison, DecisionChange, Forecast, MilestoneChange, compare, percent,
};
use longlead_model::{Bundle, Kind};
use maud::{Markup, html};

use crate::naming::days_between;
use crate::ui;

/// Activities that are listed: more would hide what matters.
const ACTIVITIES_MAX: usize = 15;

/// One of two plans that are compared, as far as the reader sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side<'a> {
    pub(crate) bundle: &'a Bundle,
    pub(crate) forecast: &'a Forecast,
}

/// Two forecasts side by side: what moves, and by how much. What stays isn't shown, and no more
/// than `rows_max` milestones and decisions are.
pub(crate) fn comparison(before: Side<'_>, after: Side<'_>, rows_max: usize) -> Markup {
    let comparison = &compare(before.forecast, after.forecast);
    if comparison.is_empty() {
        return html! { p.notice.info { "No date, decision or feature changes." } };
    }
    let scale = Scale::of(comparison, before.forecast, after.forecast);
    let title = |kind: Kind, id: &str| {
        let of = |side: Side<'_>| side.bundle.records.title(kind, id).map(str::to_owned);
        of(after).or_else(|| of(before)).unwrap_or_else(|| id.to_owned())
    };
    html! {
        div.comparison {
            (milestones(&comparison.milestones, &scale, [before.forecast, after.forecast], rows_max))
            (decisions(&comparison.decisions, rows_max))
            (coverage(comparison, &title))
            (activities(comparison))
        }
    }
}

/// Days by which something moves, with a sign that isn't colour alone.
pub(crate) fn moved(days: Option<i32>) -> Markup {
    match days {
        None => ui::dash(),
        Some(0) => html! { span.muted { "0 d" } },
        Some(days) if days > 0 => html! { span.delta.later { (days) " d later" } },
        Some(days) => html! { span.delta.earlier { (days.abs()) " d earlier" } },
    }
}

/// Days by which the last day for a decision moves: later isn't worse, so it has no colour.
fn shifted(change: &Change<Date>) -> Markup {
    let days = change.before.zip(change.after).map(|(before, after)| days_between(before, after));
    html! {
        @match days {
            Some(days) if days > 0 => { span.delta { (days) " d later" } },
            Some(days) if days < 0 => { span.delta { (days.abs()) " d earlier" } },
            days => (moved(days)),
        }
    }
}

fn rest(count: usize, shown_max: usize, what: &str) -> Markup {
    html! { @if count > shown_max { p.muted { "And " (count - shown_max) " more " (what) "." } } }
}

/// Days on a line from the first to the last of what is shown.
struct Scale {
    first: Date,
    days: f64,
}

impl Scale {
    fn of(comparison: &Comparison, before: &Forecast, after: &Forecast) -> Scale {
        let shown = |forecast: &Forecast| -> Vec<Date> {
            let ids = || comparison.milestones.iter().map(|it| &it.id);
            let is_shown = |id| ids().any(|shown| shown == id);
            let milestones = forecast.milestones.iter().filter(|it| is_shown(&it.id));
            milestones.flat_map(|it| [it.p10, it.p90]).collect()
        };
        let mut dates = shown(before);
        dates.extend(shown(after));
        let first = dates.iter().min().copied().unwrap_or(before.as_of);
        let last = dates.iter().max().copied().unwrap_or(before.as_of);
        Scale { first, days: f64::from((last - first).get_days().max(1)) }
    }

    fn per_cent(&self, date: Date) -> f64 {
        let days = f64::from((date - self.first).get_days());
        (days / self.days * 100.0).clamp(0.0, 100.0)
    }
}

fn milestones(
    changes: &[MilestoneChange],
    scale: &Scale,
    [before, after]: [&Forecast; 2],
    rows_max: usize,
) -> Markup {
    html! {
        @if !changes.is_empty() {
            h3 { "Milestones and launches" }
            div.scroll {
                table.data {
                    caption.visually-hidden { "Milestones that move" }
                    thead { tr {
                        th scope="col" { "Milestone" }
                        th.num scope="col" { "P50" } th.num scope="col" { "P80" }
                        th scope="col" { "Moves (P80)" } th.num scope="col" { "On time" }
                        th scope="col" { "Before and after" }
                    } }
                    tbody { @for change in changes.iter().take(rows_max) {
                        tr {
                            th scope="row" {
                                a href=(ui::explain_href(change.id.as_str())) { (change.title) }
                                @if change.supposed.after == Some(true) && change.supposed.before != Some(true) {
                                    p.hint { "Only if a revision carries what it then lacks." }
                                }
                            }
                            td.num { (dates(&change.p50)) }
                            td.num { (dates(&change.p80)) }
                            td { (moved(change.moved_days)) }
                            td.num { (shares(&change.on_time)) }
                            td {
                                (whisker(before, change, scale, "before"))
                                (whisker(after, change, scale, "after"))
                            }
                        }
                    } }
                }
            }
            (rest(changes.len(), rows_max, "milestones"))
        }
    }
}

fn whisker(forecast: &Forecast, change: &MilestoneChange, scale: &Scale, which: &str) -> Markup {
    let found = forecast.milestones.iter().find(|it| it.id == change.id);
    html! {
        @if let Some(it) = found {
            @let (class, _) = ui::state_words(it.state);
            @let (p10, p50, p90) = (scale.per_cent(it.p10), scale.per_cent(it.p50), scale.per_cent(it.p90));
            span class={ "range " (class) " " (which) } role="img"
                aria-label={ (which) ": P10 " (it.p10) ", P50 " (it.p50) ", P90 " (it.p90) }
                style={ "--p10:" (format!("{p10:.1}")) "%;--p50:" (format!("{p50:.1}")) "%;--p90:" (format!("{p90:.1}")) "%" } {}
        }
    }
}

/// A date before and after, or the one there is.
fn dates(change: &Change<Date>) -> Markup {
    pair(change, |date| ui::date(*date))
}

/// Shares as they are told: what rounds to the same hasn't moved.
fn shares(change: &Change<f64>) -> Markup {
    let told = Change { before: change.before.map(percent), after: change.after.map(percent) };
    pair(&told, |share| html! { (share) })
}

fn pair<T: PartialEq>(change: &Change<T>, shown: impl Fn(&T) -> Markup) -> Markup {
    match (&change.before, &change.after) {
        (None, None) => ui::dash(),
        (Some(before), Some(after)) if before == after => shown(after),
        (Some(before), Some(after)) => html! {
            del.muted { (shown(before)) } " " span.visually-hidden { "becomes " } ins { (shown(after)) }
        },
        (Some(before), None) => html! { del { (shown(before)) } span.muted { " gone" } },
        (None, Some(after)) => html! { ins { (shown(after)) } span.muted { " new" } },
    }
}

fn decisions(changes: &[DecisionChange], rows_max: usize) -> Markup {
    html! {
        @if !changes.is_empty() {
            h3 { "Decisions" }
            div.scroll {
                table.data {
                    caption.visually-hidden { "Decisions that move" }
                    thead { tr {
                        th scope="col" { "Decision" } th.num scope="col" { "Decide by" }
                        th scope="col" { "Moves" } th.num scope="col" { "On time if decided now" }
                    } }
                    tbody { @for change in changes.iter().take(rows_max) {
                        tr {
                            th scope="row" { a href={ "/decisions/" (change.id) } { (change.title) } }
                            td.num { (dates(&change.decide_by)) }
                            td { (shifted(&change.decide_by)) }
                            td.num { (shares(&change.best_confidence)) }
                        }
                    } }
                }
            }
            (rest(changes.len(), rows_max, "decisions"))
        }
    }
}

fn coverage(comparison: &Comparison, title: &dyn Fn(Kind, &str) -> String) -> Markup {
    let feature = |id: &str| html! { a href={ "/features/" (id) } { (title(Kind::Feature, id)) } };
    let revision =
        |id: &str| html! { a href={ "/hardware/" (id) } { (title(Kind::Revision, id)) } };
    html! {
        @if !comparison.coverage.is_empty() || !comparison.orphan_needs.is_empty() {
            h3 { "What runs where" }
            ul {
                @for change in &comparison.coverage {
                    li {
                        (feature(change.feature.as_str()))
                        @if change.supported.after == Some(true) { " runs on " } @else { " no longer runs on " }
                        (revision(change.revision.as_str()))
                    }
                }
                @for change in &comparison.orphan_needs {
                    @if let Some((needy, capability)) = &change.after {
                        li { (feature(needy.as_str())) " needs " (title(Kind::Capability, capability.as_str())) ", which nothing planned has" }
                    } @else if let Some((needy, capability)) = &change.before {
                        li { (feature(needy.as_str())) " gets what it needs: " (title(Kind::Capability, capability.as_str())) }
                    }
                }
            }
        }
    }
}

fn activities(comparison: &Comparison) -> Markup {
    let mut moves: Vec<_> = comparison
        .activities
        .iter()
        .map(|change| {
            let ends = change.finish_p50.before.zip(change.finish_p50.after);
            (ends.map(|(before, after)| days_between(before, after)), change)
        })
        .collect();
    moves.sort_by_key(|(days, _)| std::cmp::Reverse(days.map_or(i32::MAX, i32::abs)));
    let rest = moves.len().saturating_sub(ACTIVITIES_MAX);
    html! {
        @if !moves.is_empty() {
            details {
                summary { "Activities that move (" (moves.len()) ")" }
                div.scroll {
                    table.data {
                        thead { tr {
                            th scope="col" { "Activity" } th.num scope="col" { "Finish (P50)" }
                            th scope="col" { "Moves" }
                        } }
                        tbody { @for (days, change) in moves.iter().take(ACTIVITIES_MAX) {
                            tr {
                                th scope="row" { a href=(ui::explain_href(change.id.as_str())) { (change.title) } }
                                td.num { (dates(&change.finish_p50)) }
                                td { (moved(*days)) }
                            }
                        } }
                    }
                }
                @if rest > 0 { p.muted { "And " (rest) " more." } }
            }
        }
    }
}
