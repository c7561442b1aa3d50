//! What a change does to the plan: the dates and decisions that move.

use std::sync::Arc;

use jiff::civil::Date;
use longlead_horizon::{Change, Comparison, compare, percent};
use longlead_model::{Bundle, Diagnostic, Edit};
use longlead_records::Snapshot;
use maud::{Markup, html};
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;
use crate::reader::Seen;
use crate::sight::discreet;
use crate::ui;

/// What moves, as far as the reader sees it; or what keeps the plan from being computed.
#[derive(Debug)]
pub(crate) enum Effect {
    Moves(Box<Comparison>),
    Unplanned(Vec<Diagnostic>),
}

/// Plans a product after edits, and compares it with the product as it is.
pub(crate) async fn of_edits(
    seen: &Seen,
    snapshot: &Arc<Snapshot>,
    bundle: Bundle,
    edits: &[Edit],
) -> Result<Effect, Problem> {
    let engine = seen.app.engine();
    let as_of = crate::engine::day(&snapshot.bundle, seen.app.now());
    let before = match seen.outlook.sequence() == snapshot.head {
        true => Ok(Arc::clone(&seen.outlook)),
        false => engine.of_snapshot(Arc::clone(snapshot), as_of).await,
    };
    let after = engine.of_bundle(snapshot, Arc::new(bundle), name_of(edits)).await;
    match (before, after) {
        (Ok(before), Ok(after)) => between(seen, before, after).await,
        (Err(told), _) | (_, Err(told)) => Ok(Effect::Unplanned(discreet(&seen.sight, told))),
    }
}

/// What differs between two plans, as far as the reader sees it.
pub(crate) async fn between(
    seen: &Seen,
    before: Arc<crate::engine::Outlook>,
    after: Arc<crate::engine::Outlook>,
) -> Result<Effect, Problem> {
    let of = |outlook| Seen::new(seen.app.clone(), seen.reader.clone(), outlook);
    let (before, after) = (of(before).await?, of(after).await?);
    Ok(match (before.forecast(), after.forecast()) {
        (Ok(before), Ok(after)) => Effect::Moves(Box::new(compare(before, after))),
        (Err(problem), _) | (_, Err(problem)) => Effect::Unplanned(problem.diagnostics),
    })
}

/// A name for edits: the same for the same.
fn name_of(edits: &[Edit]) -> String {
    let mut hash = Sha256::new();
    for edit in edits {
        hash.update(format!("{} {:?}\n", edit.key, edit.after));
    }
    format!("edits {}", hex::encode(hash.finalize()))
}

/// Rows of each table that are shown at once.
const ROWS_MAX: usize = 12;

/// Milestones and decisions that move.
pub(crate) fn moves(effect: &Effect) -> Markup {
    match effect {
        Effect::Unplanned(told) => html! {
            p.notice.warn { "The plan can't be computed with this." }
            (ui::diagnostics(told))
        },
        Effect::Moves(comparison)
            if comparison.milestones.is_empty() && comparison.decisions.is_empty() =>
        {
            html! {
                p.notice.info { "No milestone and no decide-by date moves." }
            }
        }
        Effect::Moves(comparison) => html! {
            @if !comparison.milestones.is_empty() { (milestones(comparison)) }
            @if !comparison.decisions.is_empty() { (decisions(comparison)) }
        },
    }
}

fn milestones(comparison: &Comparison) -> Markup {
    let all = &comparison.milestones;
    html! {
        div.scroll {
            table.data {
                caption { "Milestones that move (80 % sure)" }
                thead { tr {
                    th scope="col" { "Milestone" } th.num scope="col" { "Before" } th.num scope="col" { "After" }
                    th.num scope="col" { "Moves" } th.num scope="col" { "On time" }
                } }
                tbody {
                    @for milestone in all.iter().take(ROWS_MAX) {
                        tr {
                            th scope="row" { a href=(ui::explain_href(milestone.id.as_str())) { (milestone.title) } }
                            td.num { (ui::maybe_date(milestone.p80.before)) }
                            td.num { (ui::maybe_date(milestone.p80.after)) }
                            td.num { (moved(milestone.moved_days)) }
                            td.num { (shares(&milestone.on_time)) }
                        }
                    }
                }
            }
        }
        (rest(all.len(), "milestones"))
    }
}

fn decisions(comparison: &Comparison) -> Markup {
    let all = &comparison.decisions;
    html! {
        div.scroll {
            table.data {
                caption { "Decisions that move" }
                thead { tr {
                    th scope="col" { "Decision" } th.num scope="col" { "Decide by" } th.num scope="col" { "Then" }
                    th.num scope="col" { "Moves" } th.num scope="col" { "Best confidence" }
                } }
                tbody {
                    @for decision in all.iter().take(ROWS_MAX) {
                        tr {
                            th scope="row" { a href={ "/decisions/" (decision.id) } { (decision.title) } }
                            td.num { (ui::maybe_date(decision.decide_by.before)) }
                            td.num { (ui::maybe_date(decision.decide_by.after)) }
                            td.num { (sooner(&decision.decide_by)) }
                            td.num { (shares(&decision.best_confidence)) }
                        }
                    }
                }
            }
        }
        (rest(all.len(), "decisions"))
    }
}

fn rest(count: usize, what: &str) -> Markup {
    html! { @if count > ROWS_MAX { p.muted { "And " (count - ROWS_MAX) " more " (what) "." } } }
}

/// Days by which a date moves; later is worse.
pub(crate) fn moved(days: Option<i32>) -> Markup {
    match days {
        None => ui::dash(),
        Some(0) => html! { span.muted { "0 d" } },
        Some(days) if days > 0 => html! { span.delta.later { (days) " d later" } },
        Some(days) => html! { span.delta.earlier { (-days) " d earlier" } },
    }
}

/// Days by which a decide-by date moves: earlier is worse.
fn sooner(decide_by: &Change<Date>) -> Markup {
    let days = decide_by
        .before
        .zip(decide_by.after)
        .and_then(|(before, after)| (after - before).get_days().into());
    match days {
        None => ui::dash(),
        Some(0) => html! { span.muted { "0 d" } },
        Some(days) if days > 0 => html! { span.delta { (days) " d later" } },
        Some(days) => html! { span.delta { (-days) " d earlier" } },
    }
}

fn shares(change: &Change<f64>) -> Markup {
    match (change.before, change.after) {
        (None, None) => ui::dash(),
        (before, after) if before == after => ui::maybe_percent(after),
        (before, after) => html! {
            @match before { Some(share) => (percent(share)), None => "–" }
            " → "
            @match after { Some(share) => (percent(share)), None => "–" }
        },
    }
}
