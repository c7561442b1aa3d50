//! `/data/STREAM/proposal`: a contract that fits what a stream without one sends, for someone to look
//! over and to accept. Accepting saves a record like any other.

use axum::extract::Path;
use axum::response::Html;
use longlead_model::{Bundle, Kind, RecordKey};
use longlead_stream::{Contract, Proposal};
use maud::{Markup, html};
use serde_json::Value as Json;

use super::quarantine::segment;
use super::{contracts, stream};
use crate::layout::{self, Page, csrf};
use crate::page::sql::keeper;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::telemetry::problem;
use crate::ui;

/// What is proposed for a stream.
async fn proposed(seen: &Seen, name: &str) -> Result<Proposal, Problem> {
    if let Some(contract) = contracts(seen).get(name) {
        let title = format!("`{name}` has a contract");
        let detail = format!("It is the stream `{}`, under Data.", contract.stream());
        return Err(Problem::not_found(title).detail(detail));
    }
    let proposal = keeper(seen)?.proposal(name.to_owned()).await;
    proposal.map_err(|error| problem(&error))?.ok_or_else(|| {
        Problem::not_found(format!("Nothing was sent of a stream called `{name}`"))
            .detail("A contract is proposed once readings of it are in quarantine.")
    })
}

/// A proposed contract as JSON, for the form that adds records.
pub(crate) async fn record(seen: &Seen, name: &str) -> Result<Json, Problem> {
    let proposal = proposed(seen, name).await?;
    let (bundle, key) = bundle_of(&proposal);
    Ok(bundle.json(&key).unwrap_or_default())
}

/// A product of nothing but the proposed contract, and its key.
fn bundle_of(proposal: &Proposal) -> (Bundle, RecordKey) {
    let contract = proposal.contract.clone();
    let key = RecordKey::Record(Kind::Contract, contract.id.as_str().to_owned());
    let mut bundle = Bundle::default();
    bundle.records.contracts.insert(contract.id.clone(), contract);
    (bundle, key)
}

pub(crate) async fn show(seen: Seen, Path(name): Path<String>) -> Result<Html<String>, Problem> {
    let proposal = proposed(&seen, &name).await?;
    let contract = Contract::of(&proposal.contract, 0);
    let title = format!("A contract for {name}");
    let main = html! {
        div.sections {
            (accept(&seen, &name, &proposal))
            (reasons(&proposal))
            (stream::fields(&contract))
        }
    };
    let lede = html! {
        code { (name) } " has no contract, so its readings wait in quarantine. This one fits the newest of them."
    };
    let tools = html! { a.button.quiet href="/data" { "All streams" } };
    let page = Page { title: &title, section: "/data", lede: Some(lede), tools, main, live: false };
    Ok(layout::page(&seen, &page))
}

fn accept(seen: &Seen, name: &str, proposal: &Proposal) -> Markup {
    let (bundle, key) = bundle_of(proposal);
    let text = bundle.text(&key).unwrap_or_default();
    let why = format!("Proposed from readings of {name} in quarantine, and looked over");
    html! {
        section.card {
            h2 { "Look it over" }
            p { "Ranges, units and the cadence are guesses from what was seen. Say what you know better before you accept it; what was held back is judged again on the page of the stream." }
            @if seen.may_add(Kind::Contract) {
                form.toolbar method="post" action="/records/contract/new" {
                    (csrf(&seen.reader))
                    input type="hidden" name="mode" value="toml";
                    input type="hidden" name="text" value=(text);
                    input type="hidden" name="why" value=(why);
                    a.button.primary href={ "/records/contract/new?proposed=" (segment(name)) } { "Change and accept" }
                    button.button { "Accept as it is" }
                }
            } @else { p.muted { "Your role may not add contracts." } }
        }
    }
}

fn reasons(proposal: &Proposal) -> Markup {
    html! {
        section aria-labelledby="why" {
            h2 #why { "Why it says so" }
            div.scroll { table.data {
                thead { tr { th scope="col" { "Field" } th scope="col" { "Because" } } }
                tbody { @for (field, choice) in &proposal.choices { tr {
                    th.name scope="row" { @match field { Some(field) => { code { (field) } } None => "the stream" } }
                    td { (ui::told(&choice.to_string())) "." }
                } } }
            } }
        }
    }
}
