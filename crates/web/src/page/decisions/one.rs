//! `/decisions/…`: one decision: options, what waiting costs, why, who must be heard.

use std::time::Duration;

use axum::extract::{Path, Query};
use axum::response::{IntoResponse as _, Response};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use longlead_horizon::{DecisionForecast, OptionValue, State, Vocabulary, day, percent};
use longlead_model::{AssumptionStatus, Decision, Kind, RecordKey, nearest};
use longlead_records::{Change, ChangeFilter, Sequence};
use maud::{Markup, html};
use plotly::common::{Line, LineShape};
use plotly::{Layout, Trace};
use serde::Deserialize;

use super::consequence::{Consequence, Figures, GLANCE, consequences, figures};
use super::decide::{self, Answer};
use super::then::{Said, Then, said_before, then};
use super::waiting::Waiting;
use super::{amount, money, of_decision, option_title, points};
use crate::chart;
use crate::layout::{self, Page};
use crate::naming;
use crate::page::forecast::figure::{self, Mark};
use crate::page::{comparison, explain};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    discipline: Option<String>,
    #[serde(default)]
    saved: Option<u64>,
}

pub(crate) async fn show(
    seen: Seen,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let Some(decision) = found(&seen, &id)? else {
        return Ok(nowhere(&seen, &id));
    };
    let case = Case::gather(&seen, decision, GLANCE).await?;
    let saved = match asked.saved.and_then(|number| number.to_string().parse().ok()) {
        Some(sequence) => Some(effect(&seen, decision, sequence).await?),
        None => None,
    };
    let answer = Answer::blank(&case);
    Ok(page(&case, asked.discipline.as_deref(), saved, &answer)?.into_response())
}

/// The answer where no decision that the reader sees has an id.
pub(crate) fn nowhere(seen: &Seen, id: &str) -> Response {
    let decisions = seen.forecast().map(|it| it.decisions.as_slice()).unwrap_or_default();
    let near = nearest(id, decisions.iter().map(|it| it.id.as_str()));
    explain::nowhere(seen, "/decisions", id, near)
}

/// The decision that an id names, if the reader sees it.
pub(crate) fn found<'a>(seen: &'a Seen, id: &str) -> Result<Option<&'a DecisionForecast>, Problem> {
    Ok(seen.forecast()?.decisions.iter().find(|it| it.id.as_str() == id))
}

/// Everything that the page of a decision tells.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) seen: &'a Seen,
    pub(crate) decision: &'a DecisionForecast,
    /// The record, if people wrote it.
    pub(crate) record: Option<&'a Decision>,
    pub(crate) as_of: Date,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) consequences: Vec<Consequence>,
    pub(crate) then: Option<Then>,
    pub(crate) changes: Vec<Change>,
}

/// Changes of the record that are told at once.
const CHANGES_TOLD: u32 = 6;

impl<'a> Case<'a> {
    pub(crate) async fn gather(
        seen: &'a Seen,
        decision: &'a DecisionForecast,
        patience: Duration,
    ) -> Result<Case<'a>, Problem> {
        let as_of = seen.outlook.as_of;
        let record = seen.bundle().records.decisions.get(decision.id.as_str());
        let mut case = Case {
            seen,
            decision,
            record,
            as_of,
            waiting: of_decision(seen, decision, as_of),
            consequences: Vec::new(),
            then: None,
            changes: Vec::new(),
        };
        let Some(record) = record else {
            return Ok(case);
        };
        case.consequences = consequences(seen, decision, record, patience).await;
        if let Some(decided) = &record.decided {
            case.then = then(seen, &record.id, seen_target(seen, decision), decided).await?;
        }
        // Who changed what, and why, is for colleagues.
        if seen.sight.is_whole() {
            let filter = ChangeFilter {
                key: Some(case.key()),
                limit: Some(CHANGES_TOLD),
                ..ChangeFilter::default()
            };
            case.changes = seen.app.journal().changes(&filter).await?;
        }
        Ok(case)
    }

    pub(crate) fn key(&self) -> RecordKey {
        RecordKey::Record(Kind::Decision, self.decision.id.to_string())
    }

    pub(crate) fn may_decide(&self) -> bool {
        self.record.is_some() && self.seen.may_write(&self.key())
    }
}

/// The target of a decision, if what is said of it is shared with the reader.
fn seen_target<'a>(seen: &Seen, decision: &'a DecisionForecast) -> Option<&'a str> {
    decision.target.as_ref().map(|it| it.as_str()).filter(|id| seen.sees_activity(id))
}

/// What a change set did to the target.
#[derive(Debug)]
pub(crate) struct Effect {
    before: Said,
    now: Figures,
    sequence: Sequence,
}

async fn effect(
    seen: &Seen,
    decision: &DecisionForecast,
    sequence: Sequence,
) -> Result<Effect, Problem> {
    let target = seen_target(seen, decision);
    let before = said_before(seen, decision.id.as_str(), target, sequence).await?;
    Ok(Effect { before, now: figures(decision, seen.forecast()?), sequence })
}

/// The page, with what was typed into the form.
pub(crate) fn page(
    case: &Case<'_>,
    discipline: Option<&str>,
    saved: Option<Effect>,
    answer: &Answer,
) -> Result<axum::response::Html<String>, Problem> {
    let decision = case.decision;
    let page = Page {
        title: &decision.title,
        section: "/decisions",
        lede: Some(html! { (verdict(decision)) }),
        tools: html! {
            (ui::badge(decision.state))
            a.button href={ "/decisions/" (decision.id) "/memo" } { "Memo" }
            @if case.record.is_some() {
                a.button href=(ui::record_href(Kind::Decision, decision.id.as_str())) { "Record" }
            }
        },
        main: main(case, discipline, saved, answer)?,
        live: !answer.is_refused(),
    };
    Ok(layout::page(case.seen, &page))
}

/// By when, for what, and how sure.
pub(crate) fn verdict(decision: &DecisionForecast) -> String {
    if decision.decided.is_some() {
        return "Decided.".to_owned();
    }
    let Some(best) = decision.best_confidence else {
        return "It has no decide-by: it gates nothing that lies ahead, or no target has a date."
            .to_owned();
    };
    let target = decision.target_date.map_or_else(|| "its target".to_owned(), day);
    match decision.decide_by {
        Some(date) => format!(
            "Decide by {} ({}) to hold {target} with {}. Decided today, it holds with {}.",
            day(date),
            naming::days_away(decision.days_left.unwrap_or(0)),
            percent(decision.confidence),
            percent(best),
        ),
        None => format!(
            "It is too late to hold {target} with {}: even decided today, it holds with {}.",
            percent(decision.confidence),
            percent(best),
        ),
    }
}

fn main(
    case: &Case<'_>,
    discipline: Option<&str>,
    saved: Option<Effect>,
    answer: &Answer,
) -> Result<Markup, Problem> {
    let decision = case.decision;
    Ok(html! {
        div.stack {
            @if let Some(effect) = &saved { (saved_notice(case, effect)) }
            @if let Some(context) = case.record.and_then(|it| it.context.as_ref()) { p { (context) } }
            @if decision.derived { (derived_notice(case)) }
            (decided_card(case))
            @if decision.decided.is_none() && decision.best_confidence.is_some() { (stats(case)) }
            div.split {
                div.stack {
                    (options(case))
                    @if let Some(value) = &decision.option_value { (option_value(value)) }
                    @if decision.decided.is_none() { (curve(decision, case.as_of)) }
                    (reasons(case, discipline)?)
                }
                aside.stack {
                    @if case.may_decide() { (decide::form(case, answer)) }
                    (people(case))
                    (gates(case))
                    (assumptions(case))
                    (history(case))
                }
            }
        }
    })
}

fn saved_notice(case: &Case<'_>, effect: &Effect) -> Markup {
    let before = effect.before.target.as_ref();
    let moved = before
        .and_then(|it| it.p80)
        .zip(effect.now.p80)
        .map(|(from, to)| naming::days_between(from, to));
    html! {
        div.notice.good role="status" {
            strong { "Saved." }
            p {
                @match moved {
                    None => {}
                    Some(0) => { "The target's P80 date stays where it was. " }
                    Some(days) if days > 0 => { "The target's P80 date is now " (days) " days later. " }
                    Some(days) => { "The target's P80 date is now " (-days) " days earlier. " }
                }
                "To undo it, bring back the version before in the "
                a href={ (ui::record_href(Kind::Decision, case.decision.id.as_str())) "/history" } { "history" }
                " (change " (effect.sequence) ")."
            }
        }
    }
}

fn derived_notice(case: &Case<'_>) -> Markup {
    let decision = case.decision;
    html! {
        div.notice.info {
            p {
                "Nobody wrote this decision: it follows from what features need and what no hardware has. "
                @if !decision.needed_by.is_empty() {
                    "Needed by "
                    @for (number, (feature, by)) in decision.needed_by.iter().enumerate() {
                        @if number > 0 { ", " }
                        (naming::record(case.seen, Kind::Feature, feature.as_str()))
                        @if let Some(by) = by { " (decide by " (ui::date(*by)) ")" }
                    }
                    "."
                }
            }
            @if case.seen.may_add(Kind::Decision) {
                p { a.button href={ "/decisions/" (decision.id) "/record" } { "Record this decision" } }
            }
        }
    }
}

/// What was decided, and what the forecast said then.
fn decided_card(case: &Case<'_>) -> Markup {
    let made = case.record.and_then(|it| Some((it, it.decided.as_ref()?)));
    let Some((record, made)) = made else {
        return html! {};
    };
    let now = case.seen.forecast().map(|it| figures(case.decision, it)).unwrap_or_default();
    html! {
        section.card.done {
            h2 { "Decided on " (day(made.on)) ": " (option_title(record, &made.option).unwrap_or(&made.option)) }
            @if let Some(reason) = &made.reason { blockquote { (reason) } }
            @match &case.then {
                Some(then) => {
                    @if case.seen.sight.is_whole() { p.muted {
                        "Recorded by " (then.who_name) " on " (ui::date(then.at.to_zoned(TimeZone::UTC).date()))
                        ", change " a href={ "/history/" (then.sequence) } { (then.sequence) } "."
                    } }
                    (then_table(then, now))
                }
                None => {
                    p.muted { "Which change recorded it can't be told any more, so neither can the forecast of that moment." }
                }
            }
        }
    }
}

fn then_table(then: &Then, now: Figures) -> Markup {
    let said = &then.said;
    let Some(as_of) = said.as_of else {
        return html! { p.muted { "No forecast from before it was decided has been kept." } };
    };
    let p80 = said.target.as_ref().and_then(|it| it.p80);
    let on_time = said.decision.as_ref().and_then(|it| it.on_time);
    let on_time = on_time.or_else(|| said.target.as_ref().and_then(|it| it.on_time));
    let decide_by = said.decision.as_ref().and_then(|it| it.decide_by);
    html! {
        table.plain {
            caption { "The forecast when it was decided" }
            thead { tr { td {} th.num scope="col" { "Then (" (day(as_of)) ")" } th.num scope="col" { "Now" } } }
            tbody {
                tr { th scope="row" { "P80 of the target" } td.num { (ui::maybe_date(p80)) } td.num { (ui::maybe_date(now.p80)) } }
                tr { th scope="row" { "On time" } td.num { (ui::maybe_percent(on_time)) } td.num { (ui::maybe_percent(now.on_time)) } }
                tr { th scope="row" { "Decide by" } td.num { (ui::maybe_date(decide_by)) } td.num { (ui::dash()) } }
            }
        }
    }
}

fn stats(case: &Case<'_>) -> Markup {
    let decision = case.decision;
    let currency = case.seen.outlook.bundle.settings.currency;
    html! {
        div.cards.stats {
            div.card.stat {
                p.label { "Decide by" }
                p.value { @match decision.decide_by { Some(date) => { (ui::date(date)) } None => { "too late" } } }
                p.hint { @if let Some(days) = decision.days_left { (naming::days_away(days)) ", " } "for " (percent(decision.confidence)) " on time" }
            }
            div.card.stat {
                p.label { "On time if decided today" }
                p.value { (ui::maybe_percent(decision.best_confidence)) }
                p.hint { "target " (ui::maybe_date(decision.target_date)) }
            }
            @if let Some(waiting) = &case.waiting {
                (loss("Lost by waiting a week", waiting.week, waiting.week_cost, currency.as_str()))
                (loss("Lost by waiting four weeks", waiting.month, waiting.month_cost, currency.as_str()))
            }
            @if let Some(economic) = &decision.economic {
                div.card.stat title="Where a week of waiting and a week of delay cost the same" {
                    p.label { "Economic decide-by" }
                    p.value { @match economic.decide_by { Some(date) => { (ui::date(date)) } None => { "too late" } } }
                    p.hint { (percent(economic.confidence)) " is worth paying for" }
                }
            }
        }
    }
}

fn loss(label: &str, share: f64, cost: Option<f64>, currency: &str) -> Markup {
    html! {
        div.card.stat {
            p.label { (label) }
            p.value { (points(share)) }
            p.hint {
                @match cost {
                    Some(cost) => { (amount(cost, currency)) " expected, at the price of a week" }
                    None => { "of being on time; a delay has no price here" }
                }
            }
        }
    }
}

fn options(case: &Case<'_>) -> Markup {
    let record = case.record.filter(|it| !it.options.is_empty());
    html! {
        section #option-table aria-labelledby="options" {
            div.section-head {
                h2 #options { "Options" }
                p.muted { "What each would do to the target, if it were decided today." }
            }
            @match record {
                Some(record) => { (options_table(case, record)) }
                None if !case.decision.options.is_empty() => {
                    ul.prose { @for option in &case.decision.options { li { (option) } } }
                }
                None => { p.muted { "None has been written down yet." } }
            }
        }
    }
}

pub(crate) fn options_table(case: &Case<'_>, record: &Decision) -> Markup {
    let chosen = record.decided.as_ref().map(|it| it.option.as_str());
    html! {
        div.scroll {
            table.data {
                caption.visually-hidden { "Options with their consequences" }
                thead { tr {
                    th scope="col" { "Option" }
                    th.num scope="col" { "Cost" }
                    th.num scope="col" { "Target's P80" }
                    th.num scope="col" { "On time" }
                    th scope="col" { "Also moves" }
                } }
                tbody { @for (option, consequence) in record.options.iter().zip(&case.consequences) {
                    tr.lit[chosen == Some(option.id.as_str())] {
                        th.wide scope="row" {
                            (option.title)
                            small {
                                @if chosen == Some(option.id.as_str()) { "chosen" @if option.scenario.is_some() { ", " } }
                                @if let Some(scenario) = &option.scenario {
                                    "under " @if case.seen.sight.is_whole() {
                                        a href={ "/scenarios/" (scenario) } { (case.seen.bundle().records.title(Kind::Scenario, scenario.as_str()).unwrap_or(scenario.as_str())) }
                                    } @else { span.id { (scenario) } }
                                }
                            }
                        }
                        td.num.nowrap { @match option.cost { Some(cost) => { (money(cost)) } None => { (ui::dash()) } } }
                        (consequence_cells(case, consequence))
                    }
                } }
            }
        }
    }
}

/// What is said of dates under an option that leaves out what the target needs.
pub(crate) const SUPPOSED: &str = "Only if hardware that nobody has planned is carried after all: without it there is no such date.";

fn consequence_cells(case: &Case<'_>, consequence: &Consequence) -> Markup {
    let (figures, moved) = match consequence {
        Consequence::AsPlanned(figures) => (figures, None),
        Consequence::Planned { figures, moved } => (figures, Some(moved)),
        Consequence::Computing => {
            return html! {
                td colspan="3" {
                    "Being computed. " a href={ "/decisions/" (case.decision.id) } data-swap="#option-table" data-again { "Look again" }
                }
            };
        }
        Consequence::Broken(diagnostics) => {
            return html! {
                td colspan="3" {
                    "Its scenario contradicts the product: "
                    @for diagnostic in diagnostics.iter().take(2) { (diagnostic.message) ". " }
                }
            };
        }
        Consequence::Hidden => return html! { td.muted colspan="3" { "not shared with you" } },
    };
    let planned = case.seen.forecast().map(|it| super::consequence::figures(case.decision, it));
    let planned = planned.unwrap_or_default();
    html! {
        td.num.nowrap { (ui::maybe_date(figures.p80)) (delta(planned.p80, figures.p80)) }
        td.num { (ui::maybe_percent(figures.on_time)) }
        td.wide {
            @if figures.is_supposed {
                div { (SUPPOSED) }
            }
            @match moved {
                None => { span.muted { "nothing: it is what is planned" } }
                Some(moved) if moved.is_empty() => { span.muted { "no other date" } }
                Some(moved) => {
                    @for change in moved.iter().take(3) {
                        div { (change.title) " " (comparison::moved(change.moved_days)) }
                    }
                    @if moved.len() > 3 { span.muted { "and " (moved.len() - 3) " more" } }
                }
            }
        }
    }
}

/// By how many days a date differs from what is planned.
fn delta(planned: Option<Date>, date: Option<Date>) -> Markup {
    let days = planned.zip(date).map(|(from, to)| naming::days_between(from, to));
    html! { @if let Some(days) = days.filter(|days| *days != 0) { " " (comparison::moved(Some(days))) } }
}

/// The case for including now against a respin later.
pub(crate) fn option_value(value: &OptionValue) -> Markup {
    let sum = |sum: f64| amount(sum, &value.currency);
    html! {
        section.card {
            h2 { "Include now, or respin later" }
            p {
                strong { @if value.include { "Including now costs less" } @else { "Waiting costs less" } }
                @match value.threshold {
                    None => { ": waiting costs nothing even if the need is real." }
                    Some(share) if share > 1.0 => { ": including would not pay even if the need were certain." }
                    Some(share) => {
                        ": including pays once the need is likelier than " (format!("{:.1} %", share * 100.0))
                        ", and it is put at " (percent(value.probability)) "."
                    }
                }
            }
            dl.facts {
                dt { "Cost of including" } dd { (sum(value.cost_of_including)) }
                dt { "Cost of a respin, if the need is real" } dd { (sum(value.cost_of_respin)) }
                dt { "Expected cost of waiting" } dd { (sum(value.expected_cost_of_waiting)) }
                dt title="q: the probability that the need is real" { "Probability of the need, q" } dd { (percent(value.probability)) }
                dt title="q*: above it, including now pays" { "Threshold, q*" }
                dd { @match value.threshold { Some(share) => { (format!("{:.1} %", share * 100.0)) } None => { (ui::dash()) } } }
                dt title="Expected value of perfect information" { "Worth of knowing q first (EVPI)" } dd { "up to " (sum(value.evpi)) }
            }
        }
    }
}

fn curve(decision: &DecisionForecast, as_of: Date) -> Markup {
    if decision.curve.len() < 2 {
        return html! {};
    }
    let line = Line::new().color("var(--accent)").width(2.0).shape(LineShape::Linear);
    let points = decision.curve.iter().map(|(on, share)| (on.to_string(), *share));
    let asked = [decision.curve.first(), decision.curve.last()].into_iter().flatten();
    let asked = asked.map(|(on, _)| (on.to_string(), decision.confidence));
    let dotted = Line::new().color("var(--ink-3)").width(1.0).dash(plotly::common::DashType::Dash);
    let traces: Vec<Box<dyn Trace>> =
        vec![figure::curve("asked for", asked, dotted), figure::curve("on time", points, line)];
    let mut marks = vec![Mark::new(as_of, "today", "var(--accent)")];
    if let Some(date) = decision.decide_by {
        marks.push(Mark::new(date, format!("decide by {}", day(date)), "var(--ink)"));
    }
    if let Some(date) = decision.economic.as_ref().and_then(|it| it.decide_by) {
        marks.push(Mark::new(date, format!("economic {}", day(date)), "var(--ink-2)"));
    }
    let drawn = decision.curve.iter().map(|(on, _)| *on);
    let layout = figure::marked(Layout::new().y_axis(figure::shares()), &marks, drawn);
    let table = html! {
        div.scroll {
            table.data {
                caption.visually-hidden { "Probability of being on time by the day of the decision" }
                thead { tr { th scope="col" { "Decided on" } th.num scope="col" { "On time" } } }
                tbody { @for (on, share) in &decision.curve {
                    tr { td { (ui::date(*on)) } td.num { (percent(*share)) } }
                } }
            }
        }
    };
    let label = "Probability that the target holds, by the day of the decision";
    html! {
        section.card {
            h2 { "What waiting costs" }
            p.muted { "The probability that the target holds, by the day on which it is decided. Dashed: the confidence asked for." }
            (chart::chart("curve", label, &traces, &layout, &table))
        }
    }
}

/// The disciplines that have words of their own.
pub(crate) fn disciplines(seen: &Seen) -> Vec<&str> {
    let terms = seen.outlook.bundle.records.terms.values();
    let mut names: Vec<&str> =
        terms.flat_map(|term| term.names.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn reasons(case: &Case<'_>, discipline: Option<&str>) -> Result<Markup, Problem> {
    let seen = case.seen;
    let plan = seen.whole_plan()?;
    let disciplines = disciplines(seen);
    let own = seen.reader.user.discipline.as_deref();
    let told = discipline.filter(|it| disciplines.contains(it)).or(own);
    let vocabulary = Vocabulary::new(&seen.outlook.bundle, &plan.derivation, told);
    let because = &case.decision.because;
    let sentences: Vec<Markup> =
        because.iter().filter_map(|it| naming::sentence(seen, &vocabulary, it)).collect();
    Ok(html! {
        @if !sentences.is_empty() {
            section.card #reasons {
                div.section-head {
                    h2 { "Because" }
                    @if !disciplines.is_empty() {
                        nav.chips aria-label="In the words of" {
                            span.muted { "In the words of" }
                            @for name in &disciplines {
                                a.chip href={ "/decisions/" (case.decision.id) "?" (in_words_of(name)) }
                                    data-swap="#reasons" aria-current=[(told == Some(*name)).then_some("true")] { (name) }
                            }
                        }
                    }
                }
                ol.steps { @for sentence in &sentences { li { (sentence) } } }
                @if let Some(target) = &case.decision.target {
                    p { a href=(ui::explain_href(target.as_str())) { "The whole chain of its target" } }
                }
            }
        }
    })
}

/// The query that asks for the words of a discipline, whose name may have any letters.
fn in_words_of(discipline: &str) -> String {
    serde_urlencoded::to_string([("discipline", discipline)]).unwrap_or_default()
}

fn people(case: &Case<'_>) -> Markup {
    let decision = case.decision;
    html! {
        section.card {
            h2 { "Who decides, who must be heard" }
            dl.facts {
                dt { "Decides" }
                dd { @match &decision.owner { Some(owner) => { (stakeholder(case, owner.as_str())) } None => { span.muted { "nobody named" } } } }
                dt { "Consult" }
                dd {
                    @if decision.consult.is_empty() { span.muted { "nobody named" } }
                    @for person in &decision.consult { div { (stakeholder(case, person.as_str())) } }
                }
            }
        }
    }
}

/// Someone with a stake, with their discipline and organisation.
pub(crate) fn stakeholder(case: &Case<'_>, id: &str) -> Markup {
    let known = case.seen.bundle().records.stakeholders.get(id);
    let what: Vec<&str> = known
        .into_iter()
        .flat_map(|it| [it.discipline.as_deref(), it.organisation.as_deref()])
        .flatten()
        .collect();
    html! {
        (naming::record(case.seen, Kind::Stakeholder, id))
        @if !what.is_empty() { span.muted { " · " (what.join(", ")) } }
    }
}

fn gates(case: &Case<'_>) -> Markup {
    let decision = case.decision;
    html! {
        section.card {
            h2 { "What waits for it" }
            dl.facts {
                dt { "Gates" }
                dd {
                    @if decision.gates.is_empty() { (ui::dash()) }
                    @for gate in &decision.gates { div { (naming::activity(case.seen, gate)) } }
                }
                dt { "Target" }
                dd {
                    @match &decision.target {
                        Some(target) => {
                            (naming::activity(case.seen, target))
                            @if let Some(date) = decision.target_date { ", by " (ui::date(date)) }
                        }
                        None => { (ui::dash()) }
                    }
                }
                dt { "Confidence" } dd { (percent(decision.confidence)) }
                @if !decision.limited_by.is_empty() && decision.state != State::Done {
                    dt { "Limited by" }
                    dd {
                        @for limit in decision.limited_by.iter().take(4) {
                            div { (naming::activity(case.seen, &limit.activity)) span.muted { " in " (percent(limit.share)) " of late cases" } }
                        }
                    }
                }
            }
        }
    }
}

fn assumptions(case: &Case<'_>) -> Markup {
    let id = case.decision.id.as_str();
    let all = case.seen.bundle().records.assumptions.values();
    let bound: Vec<_> =
        all.filter(|it| it.decisions.iter().any(|decision| decision.as_str() == id)).collect();
    html! {
        @if case.record.is_some() {
            section.card {
                h2 { "What it takes to be true" }
                @if bound.is_empty() {
                    p.muted {
                        "No assumption is bound to it. "
                        @if case.seen.may_add(Kind::Assumption) { a href="/records/assumption/new" { "Add one" } "." }
                    }
                }
                ul.line-list {
                    @for assumption in bound {
                        li {
                            (assumption_badge(assumption.status)) " "
                            (naming::record(case.seen, Kind::Assumption, assumption.id.as_str()))
                            @if let Some(seen) = assumption.evidence.last() {
                                p.muted { (day(seen.on)) ": " (seen.note) }
                            } @else if let Some(check_by) = assumption.check_by {
                                p.muted {
                                    "To be checked by " (ui::date(check_by))
                                    @if check_by < case.as_of { ", overdue" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn assumption_badge(status: AssumptionStatus) -> Markup {
    let (class, shape, word) = match status {
        AssumptionStatus::Supported => ("safe", "safe", "supported"),
        AssumptionStatus::Contradicted => ("lost", "lost", "contradicted"),
        AssumptionStatus::Unknown => ("open", "open", "not yet known"),
    };
    html! { span class={ "badge " (class) } { (ui::icon(shape)) (word) } }
}

fn history(case: &Case<'_>) -> Markup {
    html! {
        @if !case.changes.is_empty() {
            section.card {
                h2 { "History" }
                ul.line-list {
                    @for change in &case.changes {
                        li {
                            a href={ "/history/" (change.sequence) } { (ui::date(change.at.to_zoned(TimeZone::UTC).date())) }
                            " " (change.who_name)
                            p.muted { (change.why.as_deref().unwrap_or("no reason given")) }
                        }
                    }
                }
                p { a href={ (ui::record_href(Kind::Decision, case.decision.id.as_str())) "/history" } { "All changes, and undo" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discipline_may_have_any_letters() {
        assert_eq!(in_words_of("R&D"), "discipline=R%26D");
    }
}
