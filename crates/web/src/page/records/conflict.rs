//! Two people have changed one record: what it was, what it is, and what was typed.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use longlead_model::{RecordKey, text_of_json};
use longlead_records::{Conflict, Version};
use maud::{Markup, html};
use serde_json::{Map, Value as Json};

use super::edit::{self, Draft, Mode, Shown, Target};
use super::{Newest, diff};
use crate::form::{self, Control, Form, Names, key_href};
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
    let base = text_at(seen, key, draft.version).await?;
    let base = base.and_then(|text| diff::json_of_text(key, &text));
    // Short texts and tables say the same in two ways: the record decides how it is compared.
    let mine = draft.read().ok().and_then(|(key, text)| diff::json_of_text(&key, &text));
    let theirs = newest.text(key).and_then(|text| diff::json_of_text(key, &text));
    Ok(Versions { base: base.unwrap_or_default(), theirs, mine })
}

/// The text of a record at the version that an author saw.
pub(crate) async fn text_at(
    seen: &Seen,
    key: &RecordKey,
    version: Option<Version>,
) -> Result<Option<String>, Problem> {
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
    Ok(changes.into_iter().find(|change| change.key == *key).and_then(|change| change.after))
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

/// A value in its three versions: that of a field, or of an entry of a map.
#[derive(Debug)]
struct Row<'a> {
    label: String,
    /// Where it stands: `work`, `estimate`.
    path: Vec<String>,
    control: &'static Control,
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

/// What either has changed.
fn rows<'a>(
    form: &'static Form,
    base: &'a Json,
    theirs: Option<&'a Json>,
    mine: Option<&'a Json>,
) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for field in &form.fields {
        let member = |record: Option<&'a Json>| record.and_then(|record| record.get(&field.name));
        gather(
            Row {
                label: field.label.clone(),
                path: vec![field.name.clone()],
                control: &field.control,
                base: base.get(&field.name),
                theirs: member(theirs),
                mine: member(mine),
            },
            &mut rows,
        );
    }
    rows
}

/// A value that has changed; of a table its fields, of a map its entries, each by itself.
fn gather<'a>(row: Row<'a>, rows: &mut Vec<Row<'a>>) {
    if !row.is_theirs() && !row.is_mine() {
        return;
    }
    let inner = |name: &str, label: &str, control: &'static Control| {
        let member = |table: Option<&'a Json>| table.and_then(|table| table.get(name));
        Row {
            label: format!("{}, {label}", row.label),
            path: row.path.iter().cloned().chain([name.to_owned()]).collect(),
            control,
            base: member(row.base),
            theirs: member(row.theirs),
            mine: member(row.mine),
        }
    };
    match row.control {
        Control::Group(fields) => {
            for field in fields {
                gather(inner(&field.name, &field.label.to_lowercase(), &field.control), rows);
            }
        }
        Control::Map { value, .. } => {
            let versions = [row.base, row.theirs, row.mine].into_iter().flatten();
            let entries = versions.filter_map(Json::as_object).flat_map(Map::keys);
            for name in entries.collect::<BTreeSet<_>>() {
                gather(inner(name, name, value), rows);
            }
        }
        _ => rows.push(row),
    }
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
    let (theirs, mine) = (versions.theirs.as_ref(), versions.mine.as_ref());
    let rows = rows(Form::of_key(key), &versions.base, theirs, mine);
    let contested = rows.iter().filter(|row| row.is_contested()).count();
    html! {
        section.card.conflict role="alert" {
            h2 { "Someone else has changed this meanwhile" }
            p { (who(conflict)) " Nothing of yours was saved, and nothing of it is lost: it is in the form below." }
            div.scroll { table.data {
                caption.visually-hidden { "What it was, what it is now, and what you typed" }
                thead { tr { th scope="col" { "Field" } th scope="col" { "When you began" } th scope="col" { "Now" } th scope="col" { "Yours" } } }
                tbody { @for row in &rows { (row_of(row, names)) } }
            } }
            (choices(seen, key, versions, base_version, draft, contested))
        }
    }
}

/// A value in its three versions, in full: what each of the two has changed is marked.
fn row_of(row: &Row<'_>, names: &Names<'_>) -> Markup {
    let was = form::change(row.control, row.base, row.base, names);
    let theirs = form::change(row.control, row.base, row.theirs, names);
    let mine = form::change(row.control, row.base, row.mine, names);
    html! {
        tr class=[row.is_contested().then_some("contested")] {
            th scope="row" { (row.label) @if row.is_contested() { small { "both changed" } } }
            td { (was.after) }
            td class=[row.is_theirs().then_some("changed")] { (theirs.both) }
            td class=[row.is_mine().then_some("changed")] { (mine.both) }
        }
    }
}

fn who(conflict: &Conflict) -> Markup {
    html! {
        @match &conflict.by {
            Some(by) => {
                strong { (by.who_name) } " saved it on " (crate::ui::instant(by.at))
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
                "On top of theirs, values that only they changed stay as they are"
                @if contested > 0 { "; of the " (super::counted(contested, "value", "values")) " that both changed, yours holds" }
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
    let record = merge(&rows(Form::of_key(&key), &versions.base, Some(theirs), Some(mine)), theirs);
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

/// Theirs, with every value that mine has changed since the base.
fn merge(rows: &[Row<'_>], theirs: &Json) -> Json {
    let mut merged = theirs.as_object().cloned().unwrap_or_default();
    for row in rows.iter().filter(|row| row.is_mine()) {
        put(&mut merged, &row.path, row.mine);
    }
    Json::Object(merged)
}

/// Sets a value at a path, or takes it away. A table that is left with nothing goes, too.
fn put(table: &mut Map<String, Json>, path: &[String], value: Option<&Json>) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    if !rest.is_empty() {
        let inner = table.entry(name.as_str()).or_insert_with(|| Json::Object(Map::new()));
        let Some(inner) = inner.as_object_mut() else {
            return;
        };
        put(inner, rest, value);
        if inner.is_empty() {
            table.shift_remove(name);
        }
        return;
    }
    match value {
        Some(value) => {
            table.insert(name.clone(), value.clone());
        }
        None => {
            table.shift_remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use longlead_model::{Bundle, Kind};
    use serde_json::json;

    use super::*;

    fn merged(kind: Kind, base: &Json, theirs: &Json, mine: &Json) -> Json {
        merge(&rows(Form::of(Some(kind)), base, Some(theirs), Some(mine)), theirs)
    }

    #[test]
    fn what_one_leaves_alone_keeps_the_others_value() {
        let base = json!({ "id": "f", "title": "A", "release": "r1", "target": "2027-01-01" });
        let theirs = json!({ "id": "f", "title": "B", "release": "r2", "note": "theirs" });
        let mine = json!({ "id": "f", "title": "A", "release": "r3", "target": "2027-01-01", "product": "p" });
        let expect =
            json!({ "id": "f", "title": "B", "release": "r3", "note": "theirs", "product": "p" });
        assert_eq!(merged(Kind::Feature, &base, &theirs, &mine), expect);
    }

    #[test]
    fn fields_of_a_table_and_entries_of_a_map_are_contested_one_by_one() {
        let base = json!({
            "id": "f", "work": { "estimate": "5 d", "team": "x" }, "requires": { "ram": "1 KiB", "gps": "yes" },
        });
        let theirs = json!({
            "id": "f", "work": { "estimate": "8 d", "team": "x" }, "requires": { "ram": "2 KiB", "gps": "yes" },
        });
        let mine = json!({
            "id": "f", "work": { "estimate": "5 d", "team": "y" }, "requires": { "ram": "1 KiB", "light": "yes" },
        });
        let expect = json!({
            "id": "f", "work": { "estimate": "8 d", "team": "y" }, "requires": { "ram": "2 KiB", "light": "yes" },
        });
        assert_eq!(merged(Kind::Feature, &base, &theirs, &mine), expect);
        let rows = rows(Form::of(Some(Kind::Feature)), &base, Some(&theirs), Some(&mine));
        let told: Vec<_> = rows.iter().map(|row| row.path.join(".")).collect();
        assert!(told.contains(&"work.estimate".to_owned()), "{told:?}");
        assert!(told.contains(&"requires.ram".to_owned()), "{told:?}");
        assert!(!rows.iter().any(Row::is_contested), "{told:?}");
    }

    #[test]
    fn the_end_of_a_long_text_that_both_changed_is_shown() {
        let text = |end: &str| json!(format!("{}{end}", "Said at length. ".repeat(40)));
        let (base, theirs, mine) = (text("so"), text("this way"), text("that way"));
        let control = &Form::of(Some(Kind::Decision)).field("context").unwrap().control;
        let row = Row {
            label: "Context".to_owned(),
            path: vec!["context".to_owned()],
            control,
            base: Some(&base),
            theirs: Some(&theirs),
            mine: Some(&mine),
        };
        let bundle = Bundle::default();
        let page = row_of(&row, &Names::of_bundle(&bundle)).into_string();
        assert!(
            page.contains("<ins>this way</ins>") && page.contains("<ins>that way</ins>"),
            "{page}"
        );
        assert!(page.contains("<del>so</del>"), "{page}");
    }
}
