//! Two people have changed one record: what it was, what it is, and what was typed.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use longlead_model::{RecordKey, text_of_json};
use longlead_records::{Conflict, Version};
use maud::{Markup, html};
use serde_json::{Map, Value as Json};

use super::edit::{self, Draft, Mode, Shown, Target};
use super::{Newest, diff};
use crate::form::{Field, Form, Names, brief, key_href};
use crate::problem::Problem;
use crate::reader::Seen;

/// The three versions of a record that a conflict is about.
struct Versions {
    base: Json,
    theirs: Option<Json>,
    mine: Option<Json>,
}

async fn versions(
    seen: &Seen,
    newest: &Newest,
    key: &RecordKey,
    draft: &Draft,
) -> Result<Versions, Problem> {
    let base = base(seen, key, draft.version).await?;
    // Short texts and tables say the same in two ways: the record decides how it is compared.
    let mine = draft.read().ok().and_then(|(key, text)| diff::json_of_text(&key, &text));
    let theirs = newest.text(key).and_then(|text| diff::json_of_text(key, &text));
    Ok(Versions { base: base.unwrap_or_default(), theirs, mine })
}

/// The record at the version that the author saw.
async fn base(
    seen: &Seen,
    key: &RecordKey,
    version: Option<Version>,
) -> Result<Option<Json>, Problem> {
    let Some(version) = version else {
        return Ok(None);
    };
    let filter = longlead_records::ChangeFilter {
        key: Some(key.clone()),
        before_sequence: Some((version.get().saturating_add(1)).into()),
        limit: Some(1),
        ..Default::default()
    };
    let changes = seen.app.journal().changes(&filter).await?;
    let text =
        changes.into_iter().find(|change| change.key == *key).and_then(|change| change.after);
    Ok(text.and_then(|text| diff::json_of_text(key, &text)))
}

/// The form again, with what they typed, under a comparison of the three versions.
pub(crate) async fn page(
    seen: &Seen,
    newest: &Newest,
    mut draft: Draft,
    conflict: &Conflict,
) -> Result<Response, Problem> {
    let key = conflict.key.clone();
    let versions = versions(seen, newest, &key, &draft).await?;
    let names = Names::new(seen, newest.bundle(seen));
    let base_version = draft.version;
    // What is saved from now on knows of their change.
    draft.version = newest.version(&key);
    let above = comparison(seen, &key, conflict, &versions, base_version, &draft, &names);
    let shown = Shown { above: Some(above), ..Shown::default() };
    Ok((StatusCode::CONFLICT, edit::page(seen, newest, &draft, &shown)).into_response())
}

/// One field in its three versions.
#[derive(Debug, PartialEq)]
struct Row<'a> {
    label: String,
    base: Option<&'a Json>,
    theirs: Option<&'a Json>,
    mine: Option<&'a Json>,
}

impl Row<'_> {
    fn is_theirs(&self) -> bool {
        self.theirs != self.base
    }

    fn is_mine(&self) -> bool {
        self.mine != self.base
    }

    /// Whether both have changed it, and to different values.
    fn is_contested(&self) -> bool {
        self.is_theirs() && self.is_mine() && self.theirs != self.mine
    }
}

/// The fields that either has changed.
fn rows<'a>(form: &'static Form, versions: &'a Versions) -> Vec<(&'static Field, Row<'a>)> {
    let member = |record: Option<&'a Json>, name: &str| record.and_then(|record| record.get(name));
    let rows = form.fields.iter().map(|field| {
        let row = Row {
            label: field.label.clone(),
            base: versions.base.get(&field.name),
            theirs: member(versions.theirs.as_ref(), &field.name),
            mine: member(versions.mine.as_ref(), &field.name),
        };
        (field, row)
    });
    rows.filter(|(_, row)| row.is_theirs() || row.is_mine()).collect()
}

fn comparison(
    seen: &Seen,
    key: &RecordKey,
    conflict: &Conflict,
    versions: &Versions,
    base_version: Option<Version>,
    draft: &Draft,
    names: &Names<'_>,
) -> Markup {
    let rows = rows(Form::of_key(key), versions);
    let contested = rows.iter().filter(|(_, row)| row.is_contested()).count();
    html! {
        section.card.conflict role="alert" {
            h2 { "Someone else has changed this meanwhile" }
            p { (who(conflict)) " Nothing of yours was saved, and nothing of it is lost: it is in the form below." }
            div.scroll { table.data {
                caption.visually-hidden { "What it was, what it is now, and what you typed" }
                thead { tr { th scope="col" { "Field" } th scope="col" { "When you began" } th scope="col" { "Now" } th scope="col" { "Yours" } } }
                tbody { @for (field, row) in &rows { tr class=[row.is_contested().then_some("contested")] {
                    th scope="row" { (row.label) @if row.is_contested() { small { "both changed" } } }
                    td { (brief_or_same(field, row.base, names)) }
                    td class=[row.is_theirs().then_some("changed")] { (brief_or_same(field, row.theirs, names)) }
                    td class=[row.is_mine().then_some("changed")] { (brief_or_same(field, row.mine, names)) }
                } } }
            } }
            (choices(seen, key, versions, base_version, draft, contested))
        }
    }
}

fn brief_or_same(field: &Field, json: Option<&Json>, names: &Names<'_>) -> Markup {
    match &field.control {
        crate::form::Control::Group(fields) => html! {
            @match json { Some(json) => (crate::form::facts(fields, json, names)), None => (crate::ui::dash()) }
        },
        _ => brief(field, json, names),
    }
}

fn who(conflict: &Conflict) -> Markup {
    html! {
        @match &conflict.by {
            Some(by) => {
                strong { (by.who_name) } " saved it on " (super::show::instant(by.at))
                @if let Some(why) = &by.why { ": “" (why) "”" }
                "."
            }
            None => "It was saved by someone else.",
        }
        @if conflict.theirs.is_none() { " The record was removed." }
    }
}

fn choices(
    seen: &Seen,
    key: &RecordKey,
    versions: &Versions,
    base_version: Option<Version>,
    draft: &Draft,
    contested: usize,
) -> Markup {
    let theirs_there = versions.theirs.is_some();
    html! {
        div.toolbar {
            @if theirs_there { a.button href={ (key_href(key)) "/edit" } { "Take theirs" } }
            @else { a.button href={ "/records/" (key.kind_str()) } { "Leave it removed" } }
            @if let (true, Some(base), Ok(record)) = (theirs_there, base_version, draft.record()) {
                form method="post" action={ (key_href(key)) "/edit" } {
                    (crate::layout::csrf(&seen.reader))
                    input type="hidden" name="mode" value="toml";
                    input type="hidden" name="text" value=(edit::text_of(&record));
                    input type="hidden" name="version" value=(base);
                    input type="hidden" name="why" value=(draft.why);
                    button.button.primary name="action" value="merge" { "Put my changes on top of theirs" }
                }
            }
        }
        p.muted {
            @if theirs_there {
                "On top of theirs, fields that only they changed keep their value"
                @if contested > 0 { "; of the " (super::counted(contested, "field", "fields")) " that both changed, yours holds" }
                ". You see the result before it is saved. Saving the form below as it is puts yours in place of theirs."
            } @else { "Saving the form below adds the record again." }
        }
    }
}

/// The draft with their changes to fields that it leaves alone, to be looked at again.
pub(crate) async fn merged(
    seen: &Seen,
    newest: &Newest,
    draft: Draft,
) -> Result<Response, Problem> {
    let Target::Change(key) = draft.target.clone() else {
        return Err(Problem::bad_request("Only a record that is there can be merged"));
    };
    let versions = versions(seen, newest, &key, &draft).await?;
    let (Some(theirs), Some(mine)) = (&versions.theirs, &versions.mine) else {
        return Err(Problem::bad_request("One of the two versions can't be read")
            .detail("Go back: what you typed is still in the form."));
    };
    let record = merge(&versions.base, theirs, mine);
    let mut merged = Draft::of(draft.target.clone(), &record, newest.version(&key), Mode::Form);
    merged.why = draft.why;
    let notice =
        "This is their version with your changes on top. Look at it, then save.".to_owned();
    let shown = Shown { notice: Some(notice), ..Shown::default() };
    let after = text_of_json(&record).ok();
    let above = after.and_then(|after| Some((newest.text(&key)?, after)));
    let above = above.map(|(now, after)| {
        html! {
            section.card { h2 { "What saving would change now" } (diff::lines(&now, &after)) }
        }
    });
    Ok(edit::page(seen, newest, &merged, &Shown { above, ..shown }).into_response())
}

/// Theirs, with every field that mine has changed since the base.
fn merge(base: &Json, theirs: &Json, mine: &Json) -> Json {
    let mut merged = theirs.as_object().cloned().unwrap_or_default();
    let empty = Map::new();
    let (base, mine) = (base.as_object().unwrap_or(&empty), mine.as_object().unwrap_or(&empty));
    for name in base.keys().chain(mine.keys()) {
        match (base.get(name), mine.get(name)) {
            (before, after) if before == after => {}
            (_, Some(after)) => {
                merged.insert(name.clone(), after.clone());
            }
            (_, None) => {
                merged.shift_remove(name);
            }
        }
    }
    Json::Object(merged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_one_leaves_alone_keeps_the_others_value() {
        let base = json!({ "a": 1, "b": 1, "c": 1, "d": 1 });
        let theirs = json!({ "a": 2, "b": 1, "c": 2, "d": 1, "e": 5 });
        let mine = json!({ "a": 1, "b": 3, "c": 3, "f": 6 });
        let expect = json!({ "a": 2, "b": 3, "c": 3, "e": 5, "f": 6 });
        assert_eq!(merge(&base, &theirs, &mine), expect);
    }
}
