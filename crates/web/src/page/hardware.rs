//! `/hardware`: the revisions of each product, where they stand and what they cost.

pub(crate) mod cost;
mod demand;
pub(crate) mod figure;
mod revision;
pub(crate) mod standing;

use std::collections::BTreeMap;

use axum::response::Html;
use jiff::civil::Date;
use longlead_horizon::Forecast;
use longlead_model::{BuildStage, Bundle, RevisionId};
use maud::{Markup, html};

use crate::layout::{self, Page};
use crate::page::hardware::cost::{Cost, Offers, cost};
use crate::page::hardware::demand::{Demand, demands};
use crate::page::hardware::figure::{count, sum};
use crate::page::hardware::standing::{Phase, Standing, in_order};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

pub(crate) use revision::{show as show_revision, unknown};

/// A revision as one row of the table.
struct Row<'a> {
    standing: Standing<'a>,
    cost: Cost<'a>,
    demands: Vec<Demand<'a>>,
    /// Features that it can run, and features of its product.
    runs: (usize, usize),
}

pub(crate) async fn show(seen: Seen) -> Result<Html<String>, Problem> {
    let (bundle, forecast) = (seen.bundle(), seen.forecast()?);
    let offers = Offers::on(bundle, forecast.as_of);
    let runs = runs(forecast);
    let mut groups: Vec<(&str, Vec<Row<'_>>)> = Vec::new();
    for (product, title) in products(bundle) {
        let rows = in_order(bundle, forecast, product)
            .into_iter()
            .map(|standing| row(&seen, &offers, &runs, standing))
            .collect::<Result<Vec<_>, _>>()?;
        if !rows.is_empty() {
            groups.push((title, rows));
        }
    }
    let main = html! {
        @if groups.is_empty() { (empty(&seen)) } @else { (table(&groups)) }
    };
    let tools = html! {
        @if seen.may_add(longlead_model::Kind::Revision) {
            a.button href="/records/revision/new" { "Add a revision" }
        }
    };
    let lede = (!groups.is_empty()).then(|| lede(&groups));
    let page = Page { title: "Hardware", section: "/hardware", lede, tools, main, live: true };
    Ok(layout::page(&seen, &page))
}

/// The products of all revisions and features that are seen, by id, with their titles. A product
/// that isn't shared is known by its id alone.
pub(crate) fn products(bundle: &Bundle) -> BTreeMap<&str, &str> {
    let records = &bundle.records;
    let of_revisions = records.revisions.values().map(|it| &it.product);
    let of_features = records.features.values().map(|it| &it.product);
    let ids = of_revisions.chain(of_features);
    ids.map(|id| {
        let product = records.products.get(id);
        (id.as_str(), product.map_or(id.as_str(), |it| it.title.as_str()))
    })
    .collect()
}

/// How many features each revision can run, of how many.
fn runs(forecast: &Forecast) -> BTreeMap<&RevisionId, (usize, usize)> {
    let mut runs: BTreeMap<&RevisionId, (usize, usize)> = BTreeMap::new();
    for support in &forecast.coverage {
        let (able, all) = runs.entry(&support.revision).or_default();
        *able += usize::from(support.supported);
        *all += 1;
    }
    runs
}

fn row<'a>(
    seen: &'a Seen,
    offers: &Offers<'a>,
    runs: &BTreeMap<&RevisionId, (usize, usize)>,
    standing: Standing<'a>,
) -> Result<Row<'a>, Problem> {
    let (bundle, forecast) = (seen.bundle(), seen.forecast()?);
    let revision = standing.revision;
    let boards = boards(bundle, &standing);
    let cost = cost(bundle, offers, &revision.id, BuildStage::Mp, boards);
    let offered = seen.whole_plan()?.derivation.offered.get(&revision.id);
    let demands = demands(bundle, forecast, offered, revision);
    let runs = runs.get(&revision.id).copied().unwrap_or_default();
    Ok(Row { standing, cost, demands, runs })
}

/// For how many boards parts are bought: those still to be built, else those that were planned,
/// else those in the field.
fn boards(bundle: &Bundle, standing: &Standing<'_>) -> u64 {
    let builds = bundle.records.builds.values();
    let of_revision = builds.filter(|it| it.revision == standing.revision.id);
    let planned: u64 = of_revision.map(|build| build.quantity).sum();
    let known = [standing.units_to_build, planned, standing.fleet];
    known.into_iter().find(|boards| *boards > 0).unwrap_or(1)
}

fn lede(groups: &[(&str, Vec<Row<'_>>)]) -> Markup {
    let rows = || groups.iter().flat_map(|(_, rows)| rows);
    let fleet: u64 = rows().map(|row| row.standing.fleet).sum();
    let to_come = rows().filter(|row| row.standing.first_units.is_some()).count();
    let open = rows().filter(|row| row.standing.open);
    let next: Option<(Date, &str)> = open
        .filter_map(|row| {
            let revision = row.standing.revision;
            Some((revision.specification_freeze?, revision.title.as_str()))
        })
        .min();
    html! {
        (count(fleet)) " devices in the field, "
        (to_come) @if to_come == 1 { " revision" } @else { " revisions" } " to come."
        @if let Some((on, title)) = next {
            " The specification of " (title) " freezes on " (ui::date(on)) "."
        }
    }
}

fn empty(seen: &Seen) -> Markup {
    if !seen.sight.is_whole() {
        return ui::empty(
            "Nothing here is shared with you",
            "Revisions appear here once your customer shares them with your organisation.",
            None,
        );
    }
    let action = seen
        .may_add(longlead_model::Kind::Revision)
        .then_some(("/records/revision/new", "Add a revision"));
    ui::empty(
        "No hardware yet",
        "A revision is one state of the board, such as \"Tracker rev A\". Say what it offers, which \
         parts it carries and when it is built; its dates, costs and certificates follow.",
        action,
    )
}

/// All revisions in one table, so that the columns of all products stand under one another.
fn table(groups: &[(&str, Vec<Row<'_>>)]) -> Markup {
    html! {
        div.scroll {
            table.data {
                caption.visually-hidden { "Hardware revisions by product" }
                thead {
                    tr {
                        th scope="col" { "Revision" }
                        th scope="col" { "State" }
                        th.num scope="col" { "In the field" }
                        th.num scope="col" { "To build" }
                        th.num scope="col" { "First units P50" }
                        th.num scope="col" { "P80" }
                        th.num scope="col" { "Specification freeze" }
                        th.num scope="col" { "Parts of one board" }
                        th scope="col" { "Certificates" }
                        th.num scope="col" { "Runs" }
                    }
                }
                @for (title, rows) in groups {
                    tbody {
                        tr.group-head { th scope="rowgroup" colspan="10" { (title) } }
                        @for row in rows { (revision_row(row)) }
                    }
                }
            }
        }
    }
}

fn revision_row(row: &Row<'_>) -> Markup {
    let standing = &row.standing;
    let revision = standing.revision;
    html! {
        tr {
            th.name scope="row" {
                a.row-link href={ "/hardware/" (revision.id) } { (revision.title) }
                small.id { (revision.id) }
            }
            td {
                (standing::badge(standing))
                @if standing.phase == Phase::Field && standing.units_to_build > 0 {
                    small { "still being built" }
                }
            }
            td.num { @if standing.fleet > 0 { (count(standing.fleet)) } @else { (ui::dash()) } }
            td.num {
                @if standing.units_to_build > 0 { (count(standing.units_to_build)) }
                @else { (ui::dash()) }
            }
            td.num { (standing::first_units(standing)) }
            td.num { (ui::maybe_date(standing.first_units.map(|it| it.finish_p80))) }
            td.num {
                (ui::maybe_date(revision.specification_freeze))
                @if standing.open { small { "open until then" } }
            }
            td.num { (cost_cell(&row.cost)) }
            td { (certificates_cell(&row.demands)) }
            td.num { (row.runs.0) " of " (row.runs.1) small { "features" } }
        }
    }
}

fn cost_cell(cost: &Cost<'_>) -> Markup {
    let priced = cost.lines.len() - cost.unpriced;
    html! {
        @if priced == 0 {
            (ui::dash())
            small { @if cost.lines.is_empty() { "no BOM" } @else { "no offers" } }
        } @else {
            (sum(cost.per_board))
            small {
                "for " (count(cost.boards))
                @if cost.unpriced > 0 {
                    " · " (cost.unpriced) " of " (cost.lines.len()) " lines unpriced"
                }
            }
        }
    }
}

fn certificates_cell(demands: &[Demand<'_>]) -> Markup {
    let held = demands.iter().filter_map(|it| it.certificate).count();
    let expiries = demands.iter().filter_map(|it| it.certificate?.expires);
    html! {
        @if demands.is_empty() {
            (ui::dash())
        } @else {
            (held) " of " (demands.len())
            @if let Some(next) = expiries.min() { small { "next expires " (ui::date(next)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use longlead_model::{Kind, RecordKey};
    use longlead_records::Actor;
    use longlead_records::people::{By, Role, ShareLevel};

    use crate::testing;

    #[tokio::test]
    async fn revisions_tell_where_they_stand_what_they_cost_and_what_is_open() {
        let app = testing::app().await;
        let viewer = testing::person(&app, Role::Viewer).await;
        let list = viewer.get("/hardware").await;
        assert_eq!(list.status, StatusCode::OK);
        for told in ["Tracker rev C", "in the field", "in design", "41,200", "open until then"] {
            assert!(list.text.contains(told), "no {told}");
        }
        assert!(!list.text.contains("Add a revision"), "a viewer can't add");

        let page = viewer.get("/hardware/tracker-c").await;
        assert_eq!(page.status, StatusCode::OK);
        for told in
            ["Bill of materials", "idle", "opt3004", "Changes since", "/explain/units:tracker-c"]
        {
            assert!(page.text.contains(told), "no {told}");
        }
        let unknown = viewer.get("/hardware/tracker-cc").await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND);
        assert!(unknown.text.contains("tracker-c"), "{}", unknown.text);
    }

    #[tokio::test]
    async fn a_partner_sees_only_revisions_that_are_shared() {
        let app = testing::app().await;
        let partner = testing::person(&app, Role::Partner).await;
        let list = partner.get("/hardware").await;
        assert!(list.text.contains("Nothing here is shared with you"));
        assert!(!list.text.contains("Tracker rev"));
        assert_eq!(partner.get("/hardware/tracker-c").await.status, StatusCode::NOT_FOUND);

        let key = RecordKey::Record(Kind::Revision, "tracker-c".to_owned());
        let by = By { who: Actor::System, at: testing::now(), client: String::new() };
        let people = app.people();
        people.add_share(partner.organisation.id, &key, ShareLevel::View, &by).await.unwrap();
        let page = partner.get("/hardware/tracker-c").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("opt3004") && page.text.contains("none is shared with you"));
        for hidden in
            ["Ambient light sensor", "Tracker rev B", "/features/", "American distributor"]
        {
            assert!(!page.text.contains(hidden), "{hidden} is told");
        }
    }
}
