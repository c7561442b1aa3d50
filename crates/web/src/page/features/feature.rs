//! `/features/{feature}`: what it needs, what carries it to users, and how far it reaches.

mod reach;

use axum::extract::Path;
use axum::response::Html;
use longlead_horizon::{Carrier, Forecast, MilestoneForecast, Support, percent};
use longlead_model::{
    Bundle, Feature, Kind, RecordKey, RequirementPriority, RevisionId, StakeholderId,
};
use longlead_records::{Change, ChangeFilter};
use maud::{Markup, html};

use crate::layout::{self, Page};
use crate::page::features::{lacks, launch, revision_head};
use crate::page::hardware::figure::sum;
use crate::page::hardware::standing::{Standing, in_order};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

/// Changes that are shown before the history leads on.
const CHANGES_MAX: u32 = 5;

pub(crate) async fn show(seen: Seen, Path(id): Path<String>) -> Result<Html<String>, Problem> {
    let (bundle, forecast) = (seen.bundle(), seen.forecast()?);
    let features = &bundle.records.features;
    let Some(feature) = features.get(id.as_str()) else {
        let ids = features.keys().map(|it| it.as_str());
        return Err(crate::page::hardware::unknown(&id, ids));
    };
    let key = RecordKey::Record(Kind::Feature, id);
    let filter = ChangeFilter {
        key: Some(key.clone()),
        limit: Some(CHANGES_MAX),
        ..ChangeFilter::default()
    };
    // Who of the company changed what is the company's own.
    let changes = match seen.sight.is_whole() {
        true => seen.app.journal().changes(&filter).await?,
        false => Vec::new(),
    };
    let launch = launch(forecast, &feature.id);
    let carrier = seen.whole_plan()?.derivation.carriers.get(&feature.id);
    let revisions = in_order(bundle, forecast, feature.product.as_str());
    let main = html! {
        @if let Some(launch) = launch { (stats(launch)) }
        div.split {
            div.sections {
                (needs(bundle, forecast, feature, &revisions))
                (reach::section(forecast, feature))
                (history(&key, &changes))
            }
            div.sections {
                (facts(&seen, feature, carrier))
                (wanted(bundle, feature))
            }
        }
    };
    let href = ui::record_href(Kind::Feature, key.id());
    let tools = html! {
        a.button href=(href) { "Record" }
        @if seen.may_write(&key) { a.button href={ (href) "/edit" } { "Edit" } }
    };
    let title = &feature.title;
    let lede = Some(lede(bundle, launch, carrier, &seen));
    let page = Page { title, section: "/features", lede, tools, main, live: true };
    Ok(layout::page(&seen, &page))
}

fn revision(bundle: &Bundle, seen: &Seen, id: &RevisionId) -> Markup {
    let key = RecordKey::Record(Kind::Revision, id.as_str().to_owned());
    match bundle.records.revisions.get(id) {
        Some(it) if seen.sees(&key) => html! { a href={ "/hardware/" (id) } { (it.title) } },
        _ => html! { "hardware that isn't shared with you" },
    }
}

fn lede(
    bundle: &Bundle,
    launch: Option<&MilestoneForecast>,
    carrier: Option<&Carrier>,
    seen: &Seen,
) -> Markup {
    html! {
        @if let Some(launch) = launch { (ui::badge(launch.state)) " " }
        @match carrier {
            Some(Carrier::Field { revision: id }) => { "Runs on devices in the field, first on " (revision(bundle, seen, id)) "." }
            Some(Carrier::Revision { revision: id }) => { "Waits for " (revision(bundle, seen, id)) ", the first revision that can run it." }
            Some(Carrier::Supposed { revision: id, .. }) => { "No planned hardware can run it; its dates suppose that " (revision(bundle, seen, id)) " will carry what it lacks." }
            Some(Carrier::NoHardware) => { "Needs no hardware." }
            Some(Carrier::Nothing) | None => { "No planned hardware can run it, and no specification is open." }
        }
    }
}

fn stats(launch: &MilestoneForecast) -> Markup {
    let stat = |label: &str, value: Markup, hint: Markup| {
        html! { div.card.stat { p.label { (label) } p.value { (value) } p.hint { (hint) } } }
    };
    let distribution = format!("/forecast/{}", launch.id);
    html! {
        div.cards.figures {
            (stat("Launch P50", html! { a href=(ui::explain_href(launch.id.as_str())) { (ui::date(launch.p50)) } },
                html! { "as likely earlier as later" }))
            (stat("Launch P80", html! { (ui::date(launch.p80)) },
                html! { a href=(distribution) { "How sure is that?" } }))
            @if let Some(target) = launch.target {
                (stat("Target", html! { (ui::date(target)) }, html! { "to hold at " (percent(launch.confidence)) }))
            }
            @if let Some(on_time) = launch.on_time {
                (stat("On time", html! { (percent(on_time)) }, html! { "of all simulated courses" }))
            }
        }
    }
}

fn needs(
    bundle: &Bundle,
    forecast: &Forecast,
    feature: &Feature,
    revisions: &[Standing<'_>],
) -> Markup {
    let support = |standing: &Standing<'_>| {
        let mut of_feature = forecast.coverage.iter().filter(|it| it.feature == feature.id);
        of_feature.find(|it| it.revision == standing.revision.id)
    };
    let support: Vec<Option<&Support>> = revisions.iter().map(support).collect();
    html! {
        section #needs {
            div.section-head {
                h2 { "What it needs" }
                p.muted { "Each need against each revision of its product." }
            }
            @if feature.requires.is_empty() {
                p.muted { "It needs nothing in particular: every revision can run it." }
            } @else {
                div.scroll {
                    table.matrix {
                        caption.visually-hidden { "Needs by hardware revision" }
                        thead {
                            tr {
                                th scope="col" { "Needs" }
                                th scope="col" { "How much" }
                                @for standing in revisions { (revision_head(standing)) }
                            }
                        }
                        tbody {
                            @for (capability, need) in &feature.requires {
                                tr {
                                    th scope="row" {
                                        a href=(ui::record_href(Kind::Capability, capability.as_str())) {
                                            (bundle.records.capabilities.get(capability).map_or(capability.as_str(), |it| it.title.as_str()))
                                        }
                                    }
                                    td.num { (need) }
                                    @for (standing, support) in revisions.iter().zip(&support) {
                                        (need_cell(standing, *support, capability.as_str()))
                                    }
                                }
                            }
                            (verdict(bundle, revisions, &support))
                        }
                    }
                }
            }
        }
    }
}

fn need_cell(standing: &Standing<'_>, support: Option<&Support>, capability: &str) -> Markup {
    let planned = standing.is_planned();
    let Some(support) = support else {
        return html! { td.planned[planned] { (ui::dash()) } };
    };
    match support.missing.iter().find(|it| it.capability.as_str() == capability) {
        None => html! { td.yes.planned[planned] { "yes" } },
        Some(missing) => html! {
            td.no.planned[planned] {
                @match &missing.has { Some(has) => { "has " (has) } None => "has none" }
            }
        },
    }
}

fn verdict(bundle: &Bundle, revisions: &[Standing<'_>], support: &[Option<&Support>]) -> Markup {
    html! {
        tr.verdict {
            th scope="row" colspan="2" { "Can run it" }
            @for (standing, support) in revisions.iter().zip(support) {
                @match support {
                    None => td { (ui::dash()) },
                    Some(it) if it.supported => td.yes.planned[standing.is_planned()] { "yes" },
                    Some(it) => td.no.planned[standing.is_planned()] title=(lacks(bundle, it)) { "no" },
                }
            }
        }
    }
}

fn facts(seen: &Seen, feature: &Feature, carrier: Option<&Carrier>) -> Markup {
    let bundle = seen.bundle();
    let records = &bundle.records;
    let supposed = match carrier {
        Some(Carrier::Supposed { revision, capabilities }) => Some((revision, capabilities)),
        _ => None,
    };
    html! {
        section.card {
            h2 { "Facts" }
            dl.facts {
                dt { "Product" }
                dd { (records.products.get(&feature.product).map_or(feature.product.as_str(), |it| it.title.as_str())) }
                dt { "Release" }
                dd {
                    @match &feature.release {
                        Some(id) => a href=(ui::record_href(Kind::Release, id.as_str())) {
                            (records.releases.get(id).map_or(id.as_str(), |it| it.title.as_str()))
                        },
                        None => (ui::dash()),
                    }
                }
                dt { "Work" }
                dd { @match &feature.work { Some(work) => (work.estimate), None => (ui::dash()) } }
                @if !feature.after.is_empty() {
                    dt { "Builds on" }
                    dd {
                        @for (index, id) in feature.after.iter().enumerate() {
                            @if index > 0 { ", " }
                            a href={ "/features/" (id) } { (records.features.get(id).map_or(id.as_str(), |it| it.title.as_str())) }
                        }
                    }
                }
                @if let Some(value) = feature.value { dt { "Worth in a year" } dd { (sum(value)) } }
                @if let Some(cost) = feature.delay_cost_per_week { dt { "A week of delay" } dd { (sum(cost)) } }
                @if let Some(share) = feature.probability { dt { "Need is real" } dd { (share) } }
                @if let Some((id, capabilities)) = supposed {
                    dt { "Supposed" }
                    dd {
                        (revision(bundle, seen, id)) " carries "
                        @for (index, capability) in capabilities.iter().enumerate() {
                            @if index > 0 { ", " }
                            a href={ "/decisions/carry:" (id) ":" (capability) } { (capability) }
                        }
                    }
                }
            }
        }
    }
}

fn wanted(bundle: &Bundle, feature: &Feature) -> Markup {
    let requirements = bundle.records.requirements.values();
    let requirements: Vec<_> =
        requirements.filter(|it| it.features.contains(&feature.id)).collect();
    html! {
        section.card {
            h2 { "Who wants it" }
            @if feature.stakeholders.is_empty() && requirements.is_empty() {
                p.muted { "Nobody is on record." }
            }
            @if !feature.stakeholders.is_empty() {
                p {
                    @for (index, id) in feature.stakeholders.iter().enumerate() {
                        @if index > 0 { ", " }
                        (stakeholder(bundle, id))
                    }
                }
            }
            @if !requirements.is_empty() {
                ul.entries {
                    @for it in &requirements {
                        li {
                            p { a href=(ui::record_href(Kind::Requirement, it.id.as_str())) { (it.title) } }
                            p.muted { (priority(it.priority)) " for " (stakeholder(bundle, &it.stakeholder)) }
                        }
                    }
                }
            }
        }
    }
}

fn priority(priority: RequirementPriority) -> &'static str {
    match priority {
        RequirementPriority::Must => "A must",
        RequirementPriority::Should => "Expected",
        RequirementPriority::Could => "Welcome",
    }
}

fn stakeholder(bundle: &Bundle, id: &StakeholderId) -> Markup {
    let stakeholder = bundle.records.stakeholders.get(id);
    html! {
        a href=(ui::record_href(Kind::Stakeholder, id.as_str())) {
            (stakeholder.map_or(id.as_str(), |it| it.title.as_str()))
        }
    }
}

fn history(key: &RecordKey, changes: &[Change]) -> Markup {
    html! {
        @if !changes.is_empty() {
            section {
                div.section-head {
                    h2 { "History" }
                    p.muted { "The last changes to its record." }
                    a href={ (ui::record_href(Kind::Feature, key.id())) "/history" } { "All changes" }
                }
                div.scroll {
                    table.data {
                        thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "Why" } } }
                        tbody {
                            @for change in changes {
                                tr {
                                    td.nowrap { (ui::date(change.at.to_zoned(jiff::tz::TimeZone::UTC).date())) }
                                    td { (change.who_name) }
                                    td.wide {
                                        a href={ "/history/" (change.sequence) } {
                                            (change.why.as_deref().unwrap_or("no reason given"))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
