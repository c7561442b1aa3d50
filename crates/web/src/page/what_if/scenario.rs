//! `/scenarios/SCENARIO`: a scenario on record, held against the newest plan.

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use maud::html;

use super::changes::Changes;
use super::difference::{change_list, result, under_bundle};
use super::draft::copy_form;
use super::save::copied;
use super::{framed, not_for_partners};
use crate::problem::Problem;
use crate::reader::Seen;

pub(crate) async fn show(seen: Seen, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    not_for_partners(&seen)?;
    let scenario = seen.bundle().scenario(&id).map_err(|diagnostic| {
        Problem::not_found(diagnostic.message).detail(diagnostic.help.unwrap_or_default())
    })?;
    let (title, changes) = (scenario.title.clone(), Changes::of_scenario(seen.bundle(), &id));
    let result = result(&seen, &title, &changes).await?;
    let under = under_bundle(&seen, &title, &changes).await;
    let main = html! {
        div #what-if .split.what-if {
            section aria-label="Changes" { (change_list(&seen, under.as_deref(), &changes, None)) }
            section aria-label="What differs" { (result) }
        }
    };
    let tools = html! {
        div.toolbar {
            @if crate::rights::Needs::WriteRecords.met_by(seen.reader.user.role) { (copy_form(&seen, &format!("/scenarios/{id}"))) }
            a.button.quiet href={ "/records/scenario/" (id) } { "Record" }
        }
    };
    let lede =
        html! { "A scenario on record: it changes nothing, and is held against the newest plan." };
    Ok(framed(&seen, &title, Some(lede), tools, main, true))
}

pub(crate) async fn copy(seen: Seen, Path(id): Path<String>) -> Result<Response, Problem> {
    not_for_partners(&seen)?;
    let scenario = seen.bundle().scenario(&id).map_err(|it| Problem::not_found(it.message))?;
    let changes = Changes::of_scenario(seen.bundle(), &id);
    let text = changes.text().map_err(|it| Problem::bad_request(it.message))?;
    let title = format!("{} (copy)", scenario.title);
    Ok(copied(&seen, title, text).await?.into_response())
}
