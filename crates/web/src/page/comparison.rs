//! What differs between two forecasts, as a page shows it.

use jiff::civil::Date;
use longlead_horizon::{Change, Comparison, DecisionChange, Forecast, MilestoneChange, percent};
use longlead_model::{Bundle, Kind};
use maud::{Markup, html};

use crate::ui;

/// Activities that are listed: more would hide what matters.
const ACTIVITIES_MAX: usize = 15;

/// Both forecasts side by side: what moves, and by how much. What stays isn't shown.
pub(crate) fn comparison(
    comparison: &Comparison,
    bundle: &Bundle,
    before: &Forecast,
    after: &Forecast,
) -> Markup {
    if comparison.is_empty() {
        return html! { p.notice.info { "No date, decision or feature changes." } };
    }
    let scale = Scale::of(comparison, before, after);
    html! {
        div.comparison {
            (milestones(&comparison.milestones, &scale, before, after))
            (decisions(&comparison.decisions))
            (coverage(comparison, bundle))
            (activities(comparison))
        }
    }
}

/// Days by which something moves, with a sign that isn't colour alone.
pub(crate) fn moved(days: Option<i32>) -> Markup {
    match days {
        None | Some(0) => ui::dash(),
        Some(days) if days > 0 => html! { span.delta.later { (days) " d later" } },
        Some(days) => html! { span.delta.earlier { (days.abs()) " d earlier" } },
    }
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
    before: &Forecast,
    after: &Forecast,
) -> Markup {
    html! {
        @if !changes.is_empty() {
            h3 { "Milestones and launches" }
            div.scroll {
                table.data {
                    thead { tr {
                        th scope="col" { "Milestone" }
                        th.num scope="col" { "P50" } th.num scope="col" { "P80" }
                        th scope="col" { "Moves (P80)" } th.num scope="col" { "On time" }
                        th scope="col" { "Before and after" }
                    } }
                    tbody { @for change in changes {
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

fn decisions(changes: &[DecisionChange]) -> Markup {
    html! {
        @if !changes.is_empty() {
            h3 { "Decisions" }
            div.scroll {
                table.data {
                    thead { tr {
                        th scope="col" { "Decision" } th.num scope="col" { "Decide by" }
                        th.num scope="col" { "On time if decided now" }
                    } }
                    tbody { @for change in changes {
                        tr {
                            th scope="row" { a href={ "/decisions/" (change.id) } { (change.title) } }
                            td.num { (dates(&change.decide_by)) }
                            td.num { (shares(&change.best_confidence)) }
                        }
                    } }
                }
            }
        }
    }
}

fn coverage(comparison: &Comparison, bundle: &Bundle) -> Markup {
    let title = |kind: Kind, id: &str| bundle.records.title(kind, id).unwrap_or(id).to_owned();
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
            (ends.map(|(before, after)| (after - before).get_days()), change)
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
                @if rest > 0 { p.muted { "and " (rest) " more, which move less" } }
            }
        }
    }
}
