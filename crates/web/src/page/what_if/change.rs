//! Changing one record of a what-if: its form with what it holds there, and what was typed.

use std::collections::BTreeMap;

use axum::Form as Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use longlead_model::{Bundle, Code, Diagnostic, Kind, RecordKey};
use longlead_records::{Draft, DraftError};
use maud::{Markup, html};
use serde_json::{Map, Value as Json};

use super::changes::Changes;
use super::draft::{View, elsewhere, own_draft, page};
use super::save::text_of;
use super::title_of;
use crate::form::{Form, Inputs, Names, Told, Typed, inputs};
use crate::layout::csrf;
use crate::problem::Problem;
use crate::reader::Seen;

/// Times that a change is put on top of what another window has saved.
const TRIES_MAX: usize = 3;

/// A record that is being changed.
#[derive(Debug)]
pub(super) struct Chosen {
    kind: Kind,
    id: String,
    /// What the form was made from.
    was: Json,
    typed: Typed,
    wrong: BTreeMap<String, Vec<Diagnostic>>,
    more: Option<String>,
    /// Whether the form has been sent and is shown again.
    is_sent: bool,
}

impl Chosen {
    /// A record as it is under the what-if; a blank one if there is none of this id.
    pub(super) fn of(seen: &Seen, under: Option<&Bundle>, key: RecordKey) -> Option<Chosen> {
        let RecordKey::Record(kind, id) = key else {
            return None;
        };
        let key = RecordKey::Record(kind, id.clone());
        let record = under.and_then(|bundle| bundle.json(&key));
        let record = record.or_else(|| seen.bundle().json(&key));
        let was = record.unwrap_or_else(|| Json::Object(Map::new()));
        let typed = Typed::of(Form::of(Some(kind)), &was);
        let wrong = BTreeMap::new();
        Some(Chosen { kind, id, was, typed, wrong, more: None, is_sent: false })
    }

    fn sent(kind: Kind, id: &str, fields: &[(String, String)], was: &str) -> Chosen {
        let was = serde_json::from_str(was).unwrap_or_else(|_| Json::Object(Map::new()));
        let typed = Typed::sent(fields);
        let wrong = BTreeMap::new();
        Chosen { kind, id: id.to_owned(), was, typed, wrong, more: None, is_sent: true }
    }

    pub(super) fn is_sent(&self) -> bool {
        self.is_sent
    }

    pub(super) fn key(&self) -> RecordKey {
        RecordKey::Record(self.kind, self.id.clone())
    }

    fn form(&self) -> &'static Form {
        Form::of(Some(self.kind))
    }

    /// The fields that were typed anew, each with its value; none where it was emptied.
    fn differences(&self) -> Result<Vec<(String, Option<Json>)>, Vec<Told>> {
        let (is, told) = self.typed.record(self.form());
        if !told.is_empty() {
            return Err(told);
        }
        let was = as_typed(self.form(), &self.was);
        let names = self.form().fields.iter().map(|field| &field.name).filter(|name| *name != "id");
        let changed = names.filter(|name| was.get(name) != is.get(name));
        Ok(changed.map(|name| (name.clone(), is.get(name).cloned())).collect())
    }
}

/// A record as its form would send it, so that what is written in two ways is compared as one.
fn as_typed(form: &Form, record: &Json) -> Json {
    Typed::of(form, record).record(form).0
}

/// The form of a record under a what-if.
pub(super) fn form(seen: &Seen, draft: &Draft, chosen: &Chosen) -> Markup {
    let key = chosen.key();
    let is_new = seen.bundle().json(&key).is_none();
    let names = Names::new(seen, seen.bundle());
    let (id, more) = (Some(chosen.id.as_str()), chosen.more.as_deref());
    let (typed, wrong) = (&chosen.typed, &chosen.wrong);
    let fields = Inputs { form: chosen.form(), typed, names: &names, wrong, id, more };
    html! {
        form.edit method="post" action={ "/what-if/" (draft.id) "/add" } data-dirty-guard novalidate {
            (csrf(&seen.reader))
            // Enter in a field adds the change: browsers press the first button.
            button.visually-hidden name="action" value="set" tabindex="-1" aria-hidden="true" { "Add to what-if" }
            input type="hidden" name="record" value=(key);
            input type="hidden" name="was" value=(chosen.was);
            h4 { (title_of(seen.bundle(), &key)) " " span.muted { (chosen.kind.word()) " " span.id { (chosen.id) } } }
            @if is_new {
                p.notice.info { "There is no such record: what you fill in adds one beside the real plan. To change one that is there, choose it from the list." }
            }
            (inputs(&fields))
            p.hint { "What you change here differs from the real plan; what you leave stays as it is there. Times read “16 wk”, “5 / 8 / 14 d” or “16..22 wk”." }
            div.form-actions {
                button.button.primary name="action" value="set" { "Add to what-if" }
                @if !is_new { button.button name="action" value="remove" formnovalidate { "Take the record out" } }
            }
        }
    }
}

pub(crate) async fn add(
    seen: Seen,
    Path(id): Path<String>,
    Body(sent): Body<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let draft = own_draft(&seen, &id).await?;
    let field = |name: &str| {
        sent.iter().find(|(told, _)| told == name).map_or("", |(_, value)| value.as_str())
    };
    let Ok(RecordKey::Record(kind, record)) = field("record").parse() else {
        return Err(Problem::bad_request("A change needs a record, such as `offer/…`"));
    };
    let mut chosen = Chosen::sent(kind, &record, &sent, field("was"));
    if let Some(list) = field("action").strip_prefix("more:") {
        chosen.more = Some(list.to_owned());
        let view = View { chosen: Some(chosen), ..View::default() };
        return Ok(page(&seen, &draft, view).await?.into_response());
    }
    if field("action") == "remove" {
        return write(&seen, draft, &|changes| changes.take_out(kind, &record)).await;
    }
    let differences = match chosen.differences() {
        Ok(differences) => differences,
        Err(told) => {
            chosen.wrong = wrong(told);
            let notice = Some("Nothing was added: a field needs another look.");
            let view = View { chosen: Some(chosen), notice, ..View::default() };
            let page = page(&seen, &draft, view).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    if differences.is_empty() {
        let notice = Some("Nothing was changed, so nothing was added.");
        let view = View { chosen: Some(chosen), notice, ..View::default() };
        return Ok(page(&seen, &draft, view).await?.into_response());
    }
    let real = seen.bundle();
    write(&seen, draft, &|changes| put(changes, real, kind, &record, &differences)).await
}

/// Puts what was typed into the changes of a what-if, as it differs from the real record.
fn put(
    changes: &mut Changes,
    real: &Bundle,
    kind: Kind,
    id: &str,
    differences: &[(String, Option<Json>)],
) {
    let record = real.json(&RecordKey::Record(kind, id.to_owned()));
    let record = record.map(|record| as_typed(Form::of(Some(kind)), &record)).unwrap_or_default();
    for (field, is) in differences {
        let was = record.get(field);
        match is {
            is if is.as_ref() == was => changes.leave(kind, id, field),
            None => changes.unset(kind, id, field),
            Some(is) => {
                changes.set(kind, id, field, is.clone());
                // Some tables of a change are joined with the record's: what is to go from one
                // goes only if the whole is emptied first.
                if was.is_some_and(|was| lacks(is, was)) {
                    changes.replace(kind, id, field);
                }
            }
        }
    }
}

/// Whether a table lacks something that another has.
fn lacks(is: &Json, was: &Json) -> bool {
    let (Json::Object(is), Json::Object(was)) = (is, was) else {
        return false;
    };
    was.iter().any(|(name, was)| is.get(name).is_none_or(|is| lacks(is, was)))
}

fn wrong(told: Vec<Told>) -> BTreeMap<String, Vec<Diagnostic>> {
    let mut wrong: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
    for Told { field, message } in told {
        let told = Diagnostic::error(Code::WrongValue, message).help("correct this value");
        wrong.entry(field).or_default().push(told);
    }
    wrong
}

/// Saves a change of a what-if. It names its own record and fields only, so it is put on top of
/// what another window has saved meanwhile.
async fn write(
    seen: &Seen,
    mut draft: Draft,
    change: &(dyn Fn(&mut Changes) + Sync),
) -> Result<Response, Problem> {
    for _ in 0..TRIES_MAX {
        let mut changes = Changes::of_text(&draft.changes);
        change(&mut changes);
        let (text, now) = (text_of(&draft, &changes)?, seen.app.now());
        match seen.app.journal().save_draft(&draft.id, draft.version, &text, now).await {
            Ok(saved) => return Ok(Redirect::to(&format!("/what-if/{}", saved.id)).into_response()),
            Err(DraftError::Conflict(newest)) => draft = *newest,
            Err(DraftError::Gone) => return Err(Problem::not_found("There is no such what-if")),
            Err(DraftError::Store(error)) => return Err(error.into()),
        }
    }
    elsewhere(seen, &draft).await
}

#[cfg(test)]
mod tests {
    use longlead_records::people::Role;

    use crate::testing::{Person, app, hidden, inputs, person};

    async fn started(person: &Person) -> String {
        let made = person.post("/what-if", &[("title", "So")]).await.location.unwrap();
        made.split('?').next().unwrap().to_owned()
    }

    /// A form as the page has it.
    fn fields_of(page: &str) -> Vec<(String, String)> {
        let mut fields = inputs(page);
        fields.extend(["record", "was"].map(|name| (name.to_owned(), hidden(page, name))));
        fields
    }

    async fn sent(person: &Person, path: &str, record: &str, typed: &[(&str, &str)]) -> String {
        let page = person.get(&format!("{path}?record={record}")).await.text;
        let mut fields = fields_of(&page);
        for (name, value) in typed {
            fields.retain(|(told, _)| told != name);
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        fields.push(("action".to_owned(), "set".to_owned()));
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let answer = person.post(&format!("{path}/add"), &fields).await;
        if answer.location.is_some() { person.get(path).await.text } else { answer.text }
    }

    async fn kept(person: &Person, path: &str) -> String {
        let id = path.rsplit('/').next().unwrap();
        person.app.journal().draft(id).await.unwrap().unwrap().changes
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_field_is_emptied_and_one_of_a_table_is_typed_as_people_write_it() {
        let app = app().await;
        let product = person(&app, Role::Product).await;
        let path = started(&product).await;
        let record = "feature/door-open-alerts";
        sent(&product, &path, record, &[("f.target", ""), ("f.work.estimate", "16 wk")]).await;
        let text = kept(&product, &path).await;
        assert!(text.contains("unset = [\"target\"]") && text.contains("16 wk"), "{text}");
        assert!(!text.contains("title"), "what is left alone isn't kept: {text}");
        let page = product.get(&path).await.text;
        assert!(page.contains("Work, estimate"), "{page}");
        // What is typed back to what really holds is no change any more.
        let key = record.parse().unwrap();
        let real = app.journal().current().bundle.json(&key).unwrap();
        let target = real["target"].as_str().unwrap();
        sent(&product, &path, record, &[("f.target", target)]).await;
        let text = kept(&product, &path).await;
        assert!(!text.contains("unset") && text.contains("16 wk"), "{text}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_form_that_is_sent_as_it_was_adds_nothing_and_says_so() {
        let app = app().await;
        let product = person(&app, Role::Product).await;
        let path = started(&product).await;
        for record in ["feature/door-open-alerts", "offer/dist-eu.nt3h2111", "market/us"] {
            let text = sent(&product, &path, record, &[]).await;
            assert!(
                text.contains("Nothing was changed, so nothing was added."),
                "{record}: {text}"
            );
        }
        assert_eq!(kept(&product, &path).await, "");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_lands_on_top_of_one_that_another_window_has_made() {
        let app = app().await;
        let product = person(&app, Role::Product).await;
        let path = started(&product).await;
        let record = "feature/door-open-alerts";
        let page = product.get(&format!("{path}?record={record}")).await.text;
        sent(&product, &path, "market/us", &[("f.shipping", "55..75 d")]).await;
        let mut fields = fields_of(&page);
        fields.retain(|(name, _)| name != "f.target");
        fields.push(("f.target".to_owned(), "2027-09-30".to_owned()));
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let answer = product.post(&format!("{path}/add"), &fields).await;
        assert!(answer.location.is_some(), "{}", answer.text);
        let text = kept(&product, &path).await;
        assert!(text.contains("2027-09-30") && text.contains("55..75 d"), "{text}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_entry_that_is_taken_from_a_map_is_gone_under_the_what_if() {
        let app = app().await;
        let product = person(&app, Role::Product).await;
        let path = started(&product).await;
        let current = app.journal().current();
        let features = current.bundle.records.features.values();
        let feature = features.into_iter().find(|it| it.requires.len() > 1).unwrap().id.to_string();
        let record = format!("feature/{feature}");
        let gone = [("f.requires.0.key", ""), ("f.requires.0.value", "")];
        let page = sent(&product, &path, &record, &gone).await;
        let text = kept(&product, &path).await;
        assert!(text.contains("unset = [\"requires\"]") && text.contains("requires"), "{text}");
        assert!(page.contains("removed: "), "{page}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_no_value_is_told_at_its_field_with_what_was_typed() {
        let app = app().await;
        let product = person(&app, Role::Product).await;
        let path = started(&product).await;
        let typed = [("f.requires.0.key", ""), ("f.requires.0.value", "yes"), ("f.title", "Half")];
        let text = sent(&product, &path, "feature/door-open-alerts", &typed).await;
        assert!(text.contains("say what this value is of"), "{text}");
        assert!(text.contains("data-dirty-guard") && text.contains("Half"), "{text}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_record_that_is_not_there_is_added_beside_the_plan() {
        let app = app().await;
        let product = person(&app, Role::Product).await;
        let path = started(&product).await;
        let typed = [("f.title", "A fair in spring"), ("f.target", "2027-04-01")];
        let page = sent(&product, &path, "milestone/fair", &typed).await;
        assert!(page.contains("is added") && page.contains("A fair in spring"), "{page}");
    }
}
