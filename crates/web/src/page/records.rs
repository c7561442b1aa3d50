//! `/records`: every record there is, to read, to change and to take away.

pub(crate) mod batch;
pub(crate) mod bundle;
pub(crate) mod conflict;
pub(crate) mod csv;
pub(crate) mod delete;
pub(crate) mod diff;
pub(crate) mod edit;
pub(crate) mod effect;
pub(crate) mod list;
pub(crate) mod show;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::Query;
use axum::response::Html;
use longlead_model::{Bundle, Kind, RecordKey, nearest};
use longlead_records::{Snapshot, Version};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::form::{Names, key_href};
use crate::layout::{self, Page};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

/// The newest records. Their pages don't wait for the plan, so that what was just saved is there.
#[derive(Debug)]
pub(crate) struct Newest {
    pub(crate) snapshot: Arc<Snapshot>,
}

impl Newest {
    pub(crate) fn of(seen: &Seen) -> Newest {
        Newest { snapshot: seen.app.journal().current() }
    }

    /// The records that the reader sees.
    pub(crate) fn bundle<'a>(&'a self, seen: &'a Seen) -> &'a Bundle {
        if seen.sight.is_whole() { &self.snapshot.bundle } else { seen.bundle() }
    }

    pub(crate) fn json(&self, key: &RecordKey) -> Option<Json> {
        self.snapshot.bundle.json(key)
    }

    pub(crate) fn text(&self, key: &RecordKey) -> Option<String> {
        self.snapshot.bundle.text(key)
    }

    pub(crate) fn version(&self, key: &RecordKey) -> Option<Version> {
        self.snapshot.version(key)
    }

    /// Whether there is such a record for this reader. The settings are always there.
    pub(crate) fn has(&self, seen: &Seen, key: &RecordKey) -> bool {
        seen.sees(key)
            && match key {
                RecordKey::Settings => true,
                RecordKey::Record(kind, id) => self.snapshot.bundle.records.has(*kind, id),
            }
    }

    pub(crate) fn title<'a>(&'a self, key: &'a RecordKey) -> &'a str {
        match key {
            RecordKey::Settings => "Settings",
            RecordKey::Record(kind, id) => {
                self.snapshot.bundle.records.title(*kind, id).unwrap_or(id)
            }
        }
    }
}

/// The kind that a path names.
pub(crate) fn kind_of(name: &str) -> Result<Kind, Problem> {
    Kind::named(name).ok_or_else(|| {
        let problem = Problem::not_found(format!("There is no kind of record called `{name}`"));
        let names = Kind::ALL.iter().map(|kind| kind.as_str()).chain(["settings"]);
        match nearest(name, names) {
            Some(near) => {
                problem.detail(format!("Did you mean `{near}`? It is at /records/{near}."))
            }
            None => problem.detail("Records lists every kind there is."),
        }
    })
}

/// The key that a path names, whether there is such a record or not.
pub(crate) fn key_of(kind: &str, id: &str) -> Result<RecordKey, Problem> {
    if kind == "settings" && id == "settings" {
        return Ok(RecordKey::Settings);
    }
    let kind = kind_of(kind)?;
    let key = format!("{kind}/{id}").parse();
    key.map_err(|_| Problem::not_found(format!("There is no {} `{id}`", kind.word())))
}

/// The key of a record that is there and that the reader sees.
pub(crate) fn existing(
    seen: &Seen,
    newest: &Newest,
    kind: &str,
    id: &str,
) -> Result<RecordKey, Problem> {
    let key = key_of(kind, id)?;
    if newest.has(seen, &key) {
        return Ok(key);
    }
    let (RecordKey::Record(kind, id), bundle) = (&key, newest.bundle(seen)) else {
        return Err(Problem::not_found("There is no such page"));
    };
    let problem = Problem::not_found(format!("There is no {} `{id}`", kind.word()));
    Err(match nearest(id, bundle.records.ids(*kind).into_iter()) {
        Some(near) => {
            problem.detail(format!("Did you mean `{near}`? It is at /records/{kind}/{near}."))
        }
        None => problem.detail(format!("All {} are at /records/{kind}.", kind.plural_word())),
    })
}

/// The key of a record that the reader may change.
pub(crate) fn changeable(
    seen: &Seen,
    newest: &Newest,
    kind: &str,
    id: &str,
) -> Result<RecordKey, Problem> {
    let key = existing(seen, newest, kind, id)?;
    match seen.may_write(&key) {
        true => Ok(key),
        false => Err(may_not(seen, &key)),
    }
}

pub(crate) fn may_not(seen: &Seen, key: &RecordKey) -> Problem {
    let role = seen.reader.user.role.as_str();
    let what = match key {
        RecordKey::Settings => "the settings".to_owned(),
        RecordKey::Record(kind, _) if seen.sight.is_whole() => kind.plural_word(),
        RecordKey::Record(kind, id) => format!("{} `{id}`", kind.word()),
    };
    Problem::forbidden(format!("The role `{role}` may not change {what}")).detail(
        "Ask an owner of this Longlead, or someone of the discipline whose records they are.",
    )
}

/// Kinds by the discipline that works with them.
const DISCIPLINES: &[(&str, &[Kind])] = &[
    (
        "Product",
        &[
            Kind::Product,
            Kind::Milestone,
            Kind::Decision,
            Kind::Stakeholder,
            Kind::Requirement,
            Kind::Criterion,
            Kind::Assumption,
            Kind::Scenario,
            Kind::Term,
        ],
    ),
    ("Hardware", &[Kind::Revision, Kind::Capability, Kind::Part, Kind::BomLine, Kind::Build]),
    ("Software", &[Kind::Feature, Kind::Release, Kind::Contract]),
    ("Supply", &[Kind::Supplier, Kind::Offer, Kind::Order, Kind::Rate]),
    ("Regulatory", &[Kind::Market, Kind::Regime, Kind::Certificate]),
    (
        "Plan",
        &[
            Kind::Activity,
            Kind::Link,
            Kind::Actual,
            Kind::Risk,
            Kind::Correlation,
            Kind::Team,
            Kind::Calendar,
        ],
    ),
];

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
}

pub(crate) async fn index(seen: Seen, Query(asked): Query<Asked>) -> Result<Html<String>, Problem> {
    let newest = Newest::of(&seen);
    let bundle = newest.bundle(&seen);
    let q = asked.q.trim();
    let main = html! {
        form.filters method="get" action="/records" role="search" {
            label { "Search in all records"
                input type="search" name="q" value=(q) placeholder="Title, id, or any text in them" autocomplete="off";
            }
            button.button { "Search" }
            @if !q.is_empty() { a.button.quiet href="/records" { "Clear" } }
        }
        @if q.is_empty() { (kinds(&seen, bundle)) } @else { (found(&seen, bundle, q)) }
    };
    let may_import = crate::rights::Needs::WriteRecords.met_by(seen.reader.user.role);
    let page = Page {
        title: "Records",
        section: "/records",
        lede: Some(
            html! { (counted(bundle.records.count(), "record", "records")) " say what is known and meant. Everything else follows from them." },
        ),
        tools: html! {
            a.button href="/export" { "Export" }
            @if may_import && seen.sight.is_whole() { a.button href="/import" { "Import" } }
        },
        main,
        live: q.is_empty(),
    };
    Ok(layout::page(&seen, &page))
}

pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

/// A word at the head of a line.
pub(crate) fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn kinds(seen: &Seen, bundle: &Bundle) -> Markup {
    let count = |kind: Kind| bundle.records.ids(kind).len();
    // Partners see only kinds of which something is shared with them.
    let is_told = |kind: &&Kind| seen.sight.is_whole() || count(**kind) > 0;
    html! {
        @if !seen.sight.is_whole() && bundle.records.count() == 0 {
            (ui::empty("Nothing is shared with you yet", "What an owner shares with your organisation stands here, with all that belongs to it.", None))
        }
        div.cards.kinds {
            @for (discipline, kinds) in DISCIPLINES {
                @let kinds: Vec<&Kind> = kinds.iter().filter(is_told).collect();
                @if !kinds.is_empty() {
                    section.card.flush {
                        h2 { (discipline) }
                        table.data {
                            caption.visually-hidden { "Kinds of records: " (discipline) }
                            tbody { @for kind in kinds { (kind_row(*kind, count(*kind))) } }
                        }
                    }
                }
            }
            @if seen.sees(&RecordKey::Settings) {
                section.card.flush {
                    h2 { "Settings" }
                    table.data { tbody { tr {
                        th scope="row" {
                            a.row-link href=(key_href(&RecordKey::Settings)) { "Settings" }
                            small { "What holds for the whole product: its day, currency, calendar and confidence." }
                        }
                    } } }
                }
            }
        }
    }
}

fn kind_row(kind: Kind, count: usize) -> Markup {
    html! {
        tr {
            th scope="row" {
                a.row-link href={ "/records/" (kind) } { (capitalised(&kind.plural_word())) }
                small { (kind.doc().trim()) }
            }
            td.num { @if count == 0 { span.muted { "0" } } @else { (count) } }
        }
    }
}

/// Records that a search tells at most.
const FOUND_MAX: usize = 100;

/// Records with a text in them: first those that are called so.
fn found(seen: &Seen, bundle: &Bundle, q: &str) -> Markup {
    let names = Names::new(seen, bundle);
    let keys = search(bundle, q);
    html! {
        @if keys.is_empty() {
            (ui::empty("Nothing found", &format!("No record has “{q}” in it. Titles, ids and all texts were searched."), Some(("/records", "All records"))))
        } @else {
            p.muted {
                (counted(keys.len(), "record has", "records have")) " “" (q) "” in "
                (if keys.len() == 1 { "it" } else { "them" })
                @if keys.len() > FOUND_MAX { "; the first " (FOUND_MAX) " are shown" }
                "."
            }
            div.scroll {
                table.data data-rows {
                    caption.visually-hidden { "Records found" }
                    thead { tr { th scope="col" { "Record" } th scope="col" { "Kind" } th scope="col" { "Id" } } }
                    tbody {
                        @for (kind, id) in keys.iter().take(FOUND_MAX) {
                            tr {
                                th scope="row" { a.row-link href=(ui::record_href(*kind, id)) { (names.called(&RecordKey::Record(*kind, (*id).to_owned()))) } }
                                td { (capitalised(&kind.word())) }
                                td.id { (id) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Records that are called so, then those that say so.
pub(crate) fn search<'a>(bundle: &'a Bundle, q: &str) -> Vec<(Kind, &'a str)> {
    let wanted = q.to_lowercase();
    let ids = Kind::ALL
        .iter()
        .flat_map(|kind| bundle.records.ids(*kind).into_iter().map(|id| (*kind, id)));
    let is_called = |(kind, id): &(Kind, &str)| {
        let title = bundle.records.title(*kind, id);
        id.to_lowercase().contains(&wanted)
            || title.is_some_and(|it| it.to_lowercase().contains(&wanted))
    };
    let (called, others): (Vec<_>, Vec<_>) = ids.partition(is_called);
    let says = |(kind, id): &(Kind, &str)| {
        let text = bundle.text(&RecordKey::Record(*kind, (*id).to_owned()));
        text.is_some_and(|text| text.to_lowercase().contains(&wanted))
    };
    called.into_iter().chain(others.into_iter().filter(says)).collect()
}
