//! What differs under a what-if: its changes, and the two plans beside each other.

use std::sync::Arc;
use std::time::Instant;

use longlead_model::{Bundle, Diagnostic, Kind, RecordKey};
use maud::{Markup, html};
use serde_json::Value as Json;

use super::changes::{Changes, OneChange};
use super::title_of;
use crate::engine::Outlook;
use crate::form::{self, Names};
use crate::layout::csrf;
use crate::page::comparison;
use crate::page::records::diff;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

/// The records under a what-if, whether they can be planned or not.
pub(super) async fn under_bundle(
    seen: &Seen,
    title: &str,
    changes: &Changes,
) -> Option<Arc<Bundle>> {
    if changes.is_empty() {
        return None;
    }
    if let Ok(planned) = under(seen, title, changes).await {
        return Some(Arc::clone(&planned.bundle));
    }
    let scenario = changes.scenario(title).ok()?;
    Some(Arc::new(seen.bundle().under(&scenario).0))
}

/// What would differ, or what is wrong with the changes.
pub(super) async fn result(seen: &Seen, title: &str, changes: &Changes) -> Result<Markup, Problem> {
    let forecast = seen.forecast()?;
    if changes.is_empty() {
        let text = "Choose a record on the left and give one of its fields another value.";
        return Ok(ui::empty("Nothing is changed yet", text, None));
    }
    let started = Instant::now();
    let planned = match under(seen, title, changes).await {
        Ok(outlook) => outlook,
        Err(diagnostics) => return Ok(broken(&diagnostics)),
    };
    let plan = match &planned.plan {
        Ok(plan) => plan,
        Err(diagnostics) => return Ok(broken(diagnostics)),
    };
    let before = comparison::Side { bundle: seen.bundle(), forecast };
    let after = comparison::Side { bundle: &planned.bundle, forecast: &plan.forecast };
    let told = comparison::comparison(before, after, usize::MAX);
    let took = started.elapsed();
    Ok(html! {
        (told)
        p.muted { "Planned in " (planned.took.as_millis()) " ms, shown after " (took.as_millis()) " ms. Both plans draw the same samples: they differ only where their facts do." }
    })
}

async fn under(
    seen: &Seen,
    title: &str,
    changes: &Changes,
) -> Result<Arc<Outlook>, Vec<Diagnostic>> {
    let scenario = changes.scenario(title)?;
    let name = changes.text().map_err(|diagnostic| vec![diagnostic])?;
    seen.app.engine().under(&seen.outlook.snapshot, &scenario, name).await
}

fn broken(diagnostics: &[Diagnostic]) -> Markup {
    html! {
        p.notice.bad { "The plan can't be computed with these changes." }
        (ui::diagnostics(diagnostics))
    }
}

/// The changes, each with what stands there now; `own` has the address and version of the
/// reader's own draft, from which they can be taken back.
pub(super) fn change_list(
    seen: &Seen,
    under: Option<&Bundle>,
    changes: &Changes,
    own: Option<(&str, u64)>,
) -> Markup {
    html! {
        h2 { "Changes" }
        @if !changes.is_empty() {
            ol.changes {
                @for (index, change) in changes.iter().enumerate() {
                    li {
                        (change_line(seen, under, &change))
                        @if let Some((base, version)) = own {
                            form method="post" action={ (base) "/remove" } {
                                (csrf(&seen.reader))
                                input type="hidden" name="version" value=(version);
                                input type="hidden" name="index" value=(index);
                                button.button.quiet.small aria-label="Take this change back" { "Take back" }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn change_line(seen: &Seen, under: Option<&Bundle>, change: &OneChange<'_>) -> Markup {
    let bundle = seen.bundle();
    let key = RecordKey::Record(change.kind, change.id.to_owned());
    let names = Names::new(seen, bundle);
    let now = bundle.json(&key);
    let then = under.and_then(|under| under.json(&key)).filter(|_| !change.removes);
    html! {
        a href=(ui::key_href(&key)) { (title_of(bundle, &key)) } " " span.muted { (change.kind.word()) }
        @if change.removes { p { "is taken out" } }
        @if now.is_none() && !change.removes { p { "is added" } }
        @match &then {
            Some(then) => (differences(change.kind, &now.unwrap_or_default(), then, &names)),
            None => (as_written(change, &names)),
        }
    }
}

/// The fields that differ, each before and after.
fn differences(kind: Kind, now: &Json, then: &Json, names: &Names<'_>) -> Markup {
    let fields = diff::fields(form::Form::of(Some(kind)), now, then);
    html! {
        @for it in fields.iter().filter(|it| it.path != "id") {
            @let told = form::change(&it.field.control, it.before.as_ref(), it.after.as_ref(), names);
            div.change {
                span.muted { (it.label) ": " }
                @match (&it.before, &it.after) {
                    (None, _) => { ins { (told.after) } }
                    (Some(_), None) => { del.muted { (told.before) } " is emptied" }
                    (Some(_), Some(_)) if told.is_marked => { (told.both) }
                    (Some(_), Some(_)) => { del.muted { (told.before) } " → " ins { (told.after) } }
                }
            }
        }
    }
}

/// A change of a record that can't be read under it.
fn as_written(change: &OneChange<'_>, names: &Names<'_>) -> Markup {
    let form = form::Form::of(Some(change.kind));
    html! {
        @for (name, value) in &change.set {
            p {
                span.muted { (form::label(name)) ": " }
                @match form.field(name) {
                    Some(field) => { ins { (form::change(&field.control, None, Some(value), names).after) } }
                    None => { ins.mono { (form::toml_of_json(value)) } }
                }
            }
        }
        @for name in &change.unset { p { span.muted { (form::label(name)) } " is emptied" } }
    }
}
