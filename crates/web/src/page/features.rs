//! `/features`: which revision can run which feature, and what that leaves open.

mod feature;
mod foreseen;

use std::collections::BTreeMap;

use axum::response::Html;
use longlead_horizon::{Forecast, MilestoneForecast, Support};
use longlead_model::{Bundle, Feature, FeatureId, Kind, RevisionId};
use maud::{Markup, html};

use crate::layout::{self, Page};
use crate::page::hardware::figure::count;
use crate::page::hardware::products;
use crate::page::hardware::standing::{Standing, in_order};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

pub(crate) use feature::show as show_feature;

/// The features of a product against its revisions.
struct Matrix<'a> {
    title: &'a str,
    revisions: Vec<Standing<'a>>,
    rows: Vec<Row<'a>>,
}

/// A feature against each revision of its product, in their order.
struct Row<'a> {
    feature: &'a Feature,
    launch: Option<&'a MilestoneForecast>,
    /// None where nothing is known, since one of the two isn't shared.
    support: Vec<Option<&'a Support>>,
}

/// The launch of a feature.
fn launch<'a>(forecast: &'a Forecast, feature: &FeatureId) -> Option<&'a MilestoneForecast> {
    let id = format!("launch:{feature}");
    forecast.milestones.iter().find(|it| it.id.as_str() == id)
}

fn matrices<'a>(bundle: &'a Bundle, forecast: &'a Forecast) -> Vec<Matrix<'a>> {
    let support: BTreeMap<(&FeatureId, &RevisionId), &Support> =
        forecast.coverage.iter().map(|it| ((&it.feature, &it.revision), it)).collect();
    let launches: BTreeMap<&str, &MilestoneForecast> = forecast
        .milestones
        .iter()
        .filter_map(|it| Some((it.id.as_str().strip_prefix("launch:")?, it)))
        .collect();
    let mut by_product: BTreeMap<&str, Vec<&Feature>> = BTreeMap::new();
    for feature in bundle.records.features.values() {
        by_product.entry(feature.product.as_str()).or_default().push(feature);
    }
    let products = products(bundle).into_iter();
    products
        .filter_map(|(product, title)| {
            let revisions = in_order(bundle, forecast, product);
            let mut rows: Vec<Row<'_>> = by_product
                .remove(product)?
                .into_iter()
                .map(|feature| Row {
                    feature,
                    launch: launches.get(feature.id.as_str()).copied(),
                    support: revisions
                        .iter()
                        .map(|it| support.get(&(&feature.id, &it.revision.id)).copied())
                        .collect(),
                })
                .collect();
            rows.sort_by_key(|row| {
                let p50 = row.launch.map(|it| it.p50);
                (p50.is_none(), p50, &row.feature.id)
            });
            Some(Matrix { title, revisions, rows })
        })
        .collect()
}

pub(crate) async fn show(seen: Seen) -> Result<Html<String>, Problem> {
    let (bundle, forecast) = (seen.bundle(), seen.forecast()?);
    let matrices = matrices(bundle, forecast);
    let main = html! {
        @if matrices.is_empty() {
            (empty(&seen))
        } @else {
            (foreseen::cards(bundle, &forecast.foresight))
            @for matrix in &matrices { (matrix_section(bundle, matrix)) }
        }
    };
    let tools = html! {
        @if seen.may_add(Kind::Feature) {
            a.button href="/records/feature/new" { "Add a feature" }
        }
    };
    let lede = (!matrices.is_empty()).then(|| lede(&matrices));
    let page = Page { title: "Features", section: "/features", lede, tools, main, live: true };
    Ok(layout::page(&seen, &page))
}

fn lede(matrices: &[Matrix<'_>]) -> Markup {
    let rows = || matrices.iter().flat_map(|matrix| &matrix.rows);
    let in_field = matrices.iter().flat_map(|matrix| {
        matrix.rows.iter().filter(|row| {
            let mut pairs = matrix.revisions.iter().zip(&row.support);
            pairs.any(|(it, support)| !it.is_planned() && support.is_some_and(|it| it.supported))
        })
    });
    html! {
        (in_field.count()) " of " (rows().count()) " features can run on devices that are in the field."
    }
}

fn empty(seen: &Seen) -> Markup {
    if !seen.sight.is_whole() {
        return ui::empty(
            "Nothing here is shared with you",
            "Features appear here once your customer shares them with your organisation.",
            None,
        );
    }
    let action = seen.may_add(Kind::Feature).then_some(("/records/feature/new", "Add a feature"));
    ui::empty(
        "No features yet",
        "A feature is software that users get. Say what it needs of the hardware, such as Bluetooth \
         or 128 KiB of RAM: which revisions can run it, and when it can launch, follows.",
        action,
    )
}

fn matrix_section(bundle: &Bundle, matrix: &Matrix<'_>) -> Markup {
    html! {
        section.support {
            div.section-head {
                h2 { (matrix.title) }
                p.muted { "Which revision can run which feature. Point at a “no” to see what lacks." }
            }
            div.scroll {
                table.matrix {
                    caption.visually-hidden { "Features of " (matrix.title) " by hardware revision" }
                    thead {
                        tr {
                            th scope="col" { "Feature" }
                            @for standing in &matrix.revisions { (revision_head(standing)) }
                            th scope="col" { "Launch P50" }
                            th scope="col" { "P80" }
                            th scope="col" { "Target" }
                            th scope="col" { "State" }
                        }
                    }
                    tbody { @for row in &matrix.rows { (feature_row(bundle, matrix, row)) } }
                }
            }
        }
    }
}

fn revision_head(standing: &Standing<'_>) -> Markup {
    let revision = standing.revision;
    html! {
        th.planned[standing.is_planned()] scope="col" {
            a href={ "/hardware/" (revision.id) } { (revision.title) }
            @match standing.first_units {
                Some(units) => small { "first units " (ui::date(units.finish_p50)) },
                None if standing.fleet > 0 => small { "in the field, " (count(standing.fleet)) },
                None => small { (standing.phase.words()) },
            }
        }
    }
}

fn feature_row(bundle: &Bundle, matrix: &Matrix<'_>, row: &Row<'_>) -> Markup {
    let feature = row.feature;
    let launch = row.launch;
    html! {
        tr {
            th scope="row" {
                a href={ "/features/" (feature.id) } { (feature.title) }
                (lacking(bundle, matrix, row))
            }
            @for (standing, support) in matrix.revisions.iter().zip(&row.support) {
                (cell(bundle, standing, *support))
            }
            td.num {
                @match launch {
                    Some(it) => a href=(ui::explain_href(it.id.as_str())) { (ui::date(it.p50)) },
                    None => (ui::dash()),
                }
            }
            td.num { (ui::maybe_date(launch.map(|it| it.p80))) }
            td.num { (ui::maybe_date(feature.target)) }
            td.state {
                @if let Some(launch) = launch {
                    (ui::badge(launch.state))
                    @if !launch.supposed.is_empty() || launch.unreachable {
                        small { "no planned hardware runs it" }
                    }
                }
            }
        }
    }
}

fn cell(bundle: &Bundle, standing: &Standing<'_>, support: Option<&Support>) -> Markup {
    let planned = standing.is_planned();
    match support {
        None => html! { td.planned[planned] { (ui::dash()) } },
        Some(support) if support.supported => html! { td.yes.planned[planned] { "yes" } },
        Some(support) => html! {
            td.no.planned[planned] {
                a.why href={ "/features/" (support.feature) "#needs" } {
                    "no"
                    span.tip { (lacks(bundle, support)) }
                }
            }
        },
    }
}

/// What a revision lacks for a feature, in words.
fn lacks(bundle: &Bundle, support: &Support) -> String {
    let lacking = support.missing.iter().map(|missing| {
        let capability = bundle.records.capabilities.get(&missing.capability);
        let title = capability.map_or(missing.capability.as_str(), |it| it.title.as_str());
        match (missing.need.as_str(), &missing.has) {
            ("yes", _) => format!("lacks {title}"),
            (need, Some(has)) => format!("{title}: needs {need}, has {has}"),
            (need, None) => format!("{title}: needs {need}, has none"),
        }
    });
    lacking.collect::<Vec<_>>().join("; ")
}

/// What each revision lacks, for those who can't point at a cell.
fn lacking(bundle: &Bundle, matrix: &Matrix<'_>, row: &Row<'_>) -> Markup {
    let lacking: Vec<(&Standing<'_>, &Support)> = matrix
        .revisions
        .iter()
        .zip(&row.support)
        .filter_map(|(standing, support)| Some((standing, (*support)?)))
        .filter(|(_, support)| !support.supported)
        .collect();
    html! {
        @if !lacking.is_empty() {
            details {
                summary { "Lacks something on " (lacking.len()) " of " (row.support.len()) }
                ul {
                    @for (standing, support) in lacking {
                        li { b { (standing.revision.title) } " " (lacks(bundle, support)) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use longlead_records::people::Role;

    use crate::testing;

    #[tokio::test]
    async fn the_matrix_tells_why_a_revision_cannot_run_a_feature() {
        let app = testing::app().await;
        let viewer = testing::person(&app, Role::Viewer).await;
        let list = viewer.get("/features").await;
        assert_eq!(list.status, StatusCode::OK);
        for told in [
            "has 160 KiB",
            "Needs that no planned hardware meets",
            "Anomaly detection on the device",
            "Hardware that no feature uses",
            "first units",
            "in the field, 41,200",
        ] {
            assert!(list.text.contains(told), "no {told}");
        }

        let page = viewer.get("/features/tap-to-start").await;
        assert_eq!(page.status, StatusCode::OK);
        for told in [
            "/hardware/tracker-c",
            "/forecast/launch:tap-to-start",
            "Who wants it",
            "No device in the field or in planned production",
        ] {
            assert!(page.text.contains(told), "no {told}");
        }
        let reaches = viewer.get("/features/geofence").await;
        assert!(reaches.text.contains("As a table"), "the chart has its table");
        let unknown = viewer.get("/features/tap-to-strat").await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND);
        assert!(unknown.text.contains("tap-to-start"));
    }

    #[tokio::test]
    async fn a_partner_sees_no_feature_and_nothing_of_what_is_foreseen() {
        let app = testing::app().await;
        let partner = testing::person(&app, Role::Partner).await;
        let list = partner.get("/features").await;
        assert!(list.text.contains("Nothing here is shared with you"));
        assert!(!list.text.contains("Hardware that no feature uses"));
        assert_eq!(partner.get("/features/tap-to-start").await.status, StatusCode::NOT_FOUND);
    }
}
