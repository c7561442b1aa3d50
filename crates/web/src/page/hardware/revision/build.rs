//! The builds of a revision: when, how many, and what each costs.

use longlead_horizon::{ActivityForecast, Forecast};
use longlead_model::{Build, Bundle, Decimal, Kind, Money, Revision};
use maud::{Markup, html};

use crate::page::hardware::cost::{Offers, cost};
use crate::page::hardware::figure::{count, sum};
use crate::page::hardware::revision::bom::stage_name;
use crate::page::hardware::standing::activity;
use crate::ui;

/// What a build costs, as far as it is on record.
struct Expense {
    /// Parts, with what is left over of reels and minimum orders.
    parts: Money,
    unpriced: usize,
    /// Tooling, fixtures and work.
    fixed: Option<Money>,
    /// All of it, by unit.
    per_unit: Option<Money>,
}

fn expense(bundle: &Bundle, offers: &Offers<'_>, build: &Build) -> Expense {
    let parts = cost(bundle, offers, &build.revision, build.stage, build.quantity);
    let currency = bundle.settings.currency;
    let rates = bundle.rates();
    let test = build.test.as_ref().and_then(|work| work.cost);
    let fixed: Vec<Money> = [build.fixed_cost, build.work.cost, test]
        .into_iter()
        .flatten()
        .filter_map(|money| rates.convert(money, currency).ok())
        .collect();
    let fixed = (!fixed.is_empty()).then(|| {
        fixed.iter().fold(Money::zero(currency), |sum, more| sum.plus(*more).unwrap_or(sum))
    });
    let all = parts.total.plus(fixed.unwrap_or(Money::zero(currency))).ok();
    let per_unit = all.and_then(|all| {
        let amount = all.amount.checked_div(Decimal::from(build.quantity))?;
        Some(Money { amount, currency })
    });
    Expense { parts: parts.total, unpriced: parts.unpriced, fixed, per_unit }
}

pub(crate) fn section(
    bundle: &Bundle,
    forecast: &Forecast,
    offers: &Offers<'_>,
    revision: &Revision,
) -> Markup {
    let builds = bundle.records.builds.values().filter(|it| it.revision == revision.id);
    let mut builds: Vec<&Build> = builds.collect();
    builds.sort_by_key(|build| (build.stage, &build.id));
    html! {
        section {
            div.section-head {
                h2 { "Builds" }
                p.muted { "Parts are priced for each build alone, with the minimum orders that it would have to place." }
            }
            @if builds.is_empty() {
                p.muted { "No build is on record." }
            } @else {
                div.scroll {
                    table.data {
                        thead {
                            tr {
                                th scope="col" { "Build" }
                                th.num scope="col" { "Units" }
                                th scope="col" { "Built by" }
                                th.num scope="col" { "Start P50" }
                                th.num scope="col" { "Finish P50" }
                                th.num scope="col" { "P80" }
                                th.num scope="col" { "Parts" }
                                th.num scope="col" { "Fixed cost" }
                                th.num scope="col" { "One unit" }
                            }
                        }
                        tbody { @for build in builds { (row(bundle, forecast, offers, build)) } }
                    }
                }
            }
        }
    }
}

fn row(bundle: &Bundle, forecast: &Forecast, offers: &Offers<'_>, build: &Build) -> Markup {
    let work = activity(forecast, &format!("build:{}", build.id));
    let expense = expense(bundle, offers, build);
    let supplier = build.supplier.as_ref();
    let name = |id| bundle.records.suppliers.get(id).map(|it| it.title.as_str());
    html! {
        tr {
            th scope="row" {
                a href=(ui::record_href(Kind::Build, build.id.as_str())) { (stage_name(build.stage)) }
                small.id { (build.id) }
            }
            td.num { (count(build.quantity)) }
            td {
                @match supplier {
                    Some(id) => a href=(ui::record_href(Kind::Supplier, id.as_str())) {
                        (name(id).unwrap_or(id.as_str()))
                    },
                    None => (ui::dash()),
                }
            }
            (dates(bundle, build, work))
            td.num {
                (sum(expense.parts))
                @if expense.unpriced > 0 { small { (expense.unpriced) " lines unpriced" } }
            }
            td.num { @match expense.fixed { Some(it) => (sum(it)), None => (ui::dash()) } }
            td.num { @match expense.per_unit { Some(it) => (sum(it)), None => (ui::dash()) } }
        }
    }
}

/// Start and finish; for a build that is past, what is on record of it.
fn dates(bundle: &Bundle, build: &Build, work: Option<&ActivityForecast>) -> Markup {
    let id = format!("build:{}", build.id);
    let actual = bundle.records.actuals.get(id.as_str());
    match work.filter(|it| !it.finished) {
        Some(work) => html! {
            td.num { (ui::date(work.start_p50)) }
            td.num { a href=(ui::explain_href(&id)) { (ui::date(work.finish_p50)) } }
            td.num { (ui::date(work.finish_p80)) }
        },
        None => html! {
            td.num { (ui::maybe_date(actual.and_then(|it| it.started))) }
            td.num { (ui::maybe_date(actual.and_then(|it| it.finished))) }
            td.num { span.badge.done { "done" } }
        },
    }
}
