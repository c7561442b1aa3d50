//! What a change does to the plan: the dates and decisions that move.

use std::sync::Arc;

use longlead_model::{Bundle, Diagnostic, Edit};
use longlead_records::Snapshot;
use maud::{Markup, html};
use sha2::{Digest as _, Sha256};

use crate::page::comparison::{Side, comparison};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::sight::discreet;
use crate::ui;

/// What moves, as far as the reader sees it; or what keeps the plan from being computed.
#[derive(Debug)]
pub(crate) enum Effect {
    Moves(Markup),
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
        (Ok(was), Ok(is)) => {
            let before = Side { bundle: before.bundle(), forecast: was };
            let after = Side { bundle: after.bundle(), forecast: is };
            Effect::Moves(comparison(before, after, ROWS_MAX))
        }
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

/// What moves, or why that can't be told.
pub(crate) fn moves(effect: &Effect) -> Markup {
    match effect {
        Effect::Unplanned(told) => html! {
            p.notice.warn { "The plan can't be computed with this." }
            (ui::diagnostics(told))
        },
        Effect::Moves(moves) => html! { (moves) },
    }
}
