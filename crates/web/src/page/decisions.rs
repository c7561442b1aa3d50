//! `/decisions`: what to decide next, by date or by what waiting costs.

pub(crate) mod consequence;
pub(crate) mod decide;
pub(crate) mod memo;
pub(crate) mod one;
pub(crate) mod record;
pub(crate) mod then;
pub(crate) mod waiting;

use axum::extract::Query;
use axum::response::Html;
use jiff::civil::Date;
use longlead_horizon::{DecisionForecast, State, percent};
use longlead_model::{Kind, Money};
use maud::{Markup, html};
use serde::Deserialize;

use crate::layout::{self, Page};
use crate::naming;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;
use waiting::{Waiting, waiting};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    by: String,
}

/// A decision with what waiting costs.
#[derive(Debug)]
struct Item<'a> {
    decision: &'a DecisionForecast,
    waiting: Option<Waiting>,
    /// Of a derived decision, the one that people wrote about the same thing.
    recorded_as: Option<&'a DecisionForecast>,
}

pub(crate) async fn show(seen: Seen, Query(asked): Query<Asked>) -> Result<Html<String>, Problem> {
    let forecast = seen.forecast()?;
    let by_regret = asked.by == "regret";
    let item = |decision| Item {
        decision,
        waiting: of_decision(&seen, decision, forecast.as_of),
        recorded_as: recorded_as(decision, &forecast.decisions),
    };
    let (decided, open): (Vec<_>, Vec<_>) =
        forecast.decisions.iter().partition(|it| it.decided.is_some());
    let mut open: Vec<Item<'_>> = open.into_iter().map(item).collect();
    if by_regret {
        rank(&mut open);
    }
    let page = Page {
        title: "Decisions",
        section: "/decisions",
        lede: Some(lede(&open)),
        tools: tools(&seen, by_regret),
        main: main(&seen, &open, &decided, by_regret),
        live: true,
    };
    Ok(layout::page(&seen, &page))
}

/// What waiting with a decision costs, in the currency of the settings where a delay has a price.
pub(crate) fn of_decision(
    seen: &Seen,
    decision: &DecisionForecast,
    as_of: Date,
) -> Option<Waiting> {
    let record = seen.bundle().records.decisions.get(decision.id.as_str());
    let delay_cost = record.and_then(|it| it.delay_cost_per_week);
    waiting(decision, as_of, delay_cost.and_then(|money| in_own_currency(seen, money)))
}

/// An amount in the currency of the settings; none without a rate.
fn in_own_currency(seen: &Seen, money: Money) -> Option<f64> {
    let bundle = &seen.outlook.bundle;
    let own = bundle.rates().convert(money, bundle.settings.currency).ok()?;
    f64::try_from(own.amount).ok()
}

/// An amount as people read it: "12,400 EUR".
pub(crate) fn amount(amount: f64, currency: &str) -> String {
    let digits = format!("{:.0}", amount.abs());
    let mut text = String::new();
    for (number, digit) in digits.chars().enumerate() {
        if number > 0 && (digits.len() - number).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let sign = if amount <= -0.5 { "−" } else { "" };
    format!("{sign}{text} {currency}")
}

/// Money as people read it.
pub(crate) fn money(money: Money) -> String {
    let value = f64::try_from(money.amount).unwrap_or_default();
    amount(value, money.currency.as_str())
}

/// The decision that people wrote which gates the same work for the same target.
fn recorded_as<'a>(
    decision: &DecisionForecast,
    all: &'a [DecisionForecast],
) -> Option<&'a DecisionForecast> {
    if !decision.derived {
        return None;
    }
    all.iter().find(|it| !it.derived && it.gates == decision.gates && it.target == decision.target)
}

/// What loses most by waiting four weeks comes first: by money where a delay has a price, then by the
/// probability that is lost.
fn rank(items: &mut [Item<'_>]) {
    let money = |item: &Item<'_>| item.waiting.and_then(|it| it.month_cost).unwrap_or(0.0);
    let lost = |item: &Item<'_>| item.waiting.map_or(-1.0, |it| it.month);
    items.sort_by(|a, b| {
        let by_money = money(b).total_cmp(&money(a));
        by_money.then_with(|| lost(b).total_cmp(&lost(a)))
    });
}

fn lede(open: &[Item<'_>]) -> Markup {
    let dated = open.iter().filter_map(|it| Some((it, it.decision.days_left?)));
    let next = dated.min_by_key(|(_, days)| *days);
    let lost = open.iter().filter(|it| it.decision.state == State::Lost).count();
    html! {
        @match next {
            Some((item, days)) => {
                a href={ "/decisions/" (item.decision.id) } { (item.decision.title) }
                " is next: decide by " (ui::maybe_date(item.decision.decide_by))
                ", " (naming::days_away(days)) "."
            }
            None => { "No open decision has a decide-by." }
        }
        @if lost > 0 {
            " For " @if lost == 1 { "one" } @else { (lost) } " of them it is too late to hold the target with the confidence asked for."
        }
    }
}

fn tools(seen: &Seen, by_regret: bool) -> Markup {
    let current = |on: bool| on.then_some("true");
    html! {
        span.group role="group" aria-label="Order" {
            a.button href="/decisions" aria-current=[current(!by_regret)] { "By date" }
            a.button href="/decisions?by=regret" aria-current=[current(by_regret)] { "By regret" }
        }
        @if seen.may_add(Kind::Decision) {
            a.button.primary href="/records/decision/new" { "Add a decision" }
        }
    }
}

fn main(seen: &Seen, open: &[Item<'_>], decided: &[&DecisionForecast], by_regret: bool) -> Markup {
    html! {
        div.stack {
            @if by_regret {
                p.notice.info {
                    span {
                        strong { "Regret" }
                        " is what waiting is expected to cost: the probability of being on time that is lost by deciding a week or four weeks later, times what a week of delay of the target costs. "
                        "A delay of more than a week costs more, so it is the least that is lost. Decisions with a price come first, by money; the others follow, by the probability lost in four weeks."
                    }
                }
            }
            @if open.is_empty() {
                (ui::empty(
                    "Nothing to decide",
                    "A decision is a question that gates work. Record one with what waits for it and which date must hold, and its decide-by follows. Decisions also follow by themselves when a feature needs hardware that nobody has planned.",
                    seen.may_add(Kind::Decision).then_some(("/records/decision/new", "Add a decision")),
                ))
            } @else {
                (table(seen, open, by_regret))
            }
            @if !decided.is_empty() {
                details {
                    summary { (decided.len()) " decided" }
                    (decided_table(seen, decided))
                }
            }
        }
    }
}

fn table(seen: &Seen, open: &[Item<'_>], by_regret: bool) -> Markup {
    html! {
        div.scroll {
            table.data data-rows {
                caption.visually-hidden {
                    "Open decisions, " @if by_regret { "the costliest to put off first" } @else { "the most urgent first" }
                }
                thead { tr {
                    th scope="col" { "Decision" }
                    th scope="col" { "State" }
                    th.num scope="col" { "Decide by" }
                    th.num scope="col" title="The probability that the target holds if it is decided today" { "If decided today" }
                    th.num scope="col" title="Probability of being on time that is lost by waiting" { "Lost in a week" }
                    th.num scope="col" title="Probability of being on time that is lost by waiting 28 days" { "Lost in four weeks" }
                    th scope="col" { "Who decides" }
                    th scope="col" { "Target" }
                } }
                tbody { @for item in open { (row(seen, item)) } }
            }
        }
    }
}

fn row(seen: &Seen, item: &Item<'_>) -> Markup {
    let decision = item.decision;
    let (class, _) = ui::state_words(decision.state);
    let currency = seen.outlook.bundle.settings.currency;
    let loss = |share: Option<f64>, cost: Option<f64>| {
        html! {
            @match share { Some(share) => { (points(share)) } None => { (ui::dash()) } }
            @if let Some(cost) = cost { small { (amount(cost, currency.as_str())) } }
        }
    };
    html! {
        tr {
            th.wide scope="row" {
                a.row-link href={ "/decisions/" (decision.id) } { (decision.title) }
                @if decision.derived { (derived_line(seen, item)) }
            }
            td { (ui::badge(decision.state)) }
            td.num.nowrap {
                (ui::maybe_date(decision.decide_by))
                @if let Some(days) = decision.days_left { small { (naming::days_away(days)) } }
                @else if decision.state == State::Lost { small { "too late" } }
            }
            td.num {
                (naming::meter(decision.best_confidence, class))
                @if decision.best_confidence.is_some() { small { "of " (percent(decision.confidence)) " asked" } }
            }
            td.num.nowrap { (loss(item.waiting.map(|it| it.week), item.waiting.and_then(|it| it.week_cost))) }
            td.num.nowrap { (loss(item.waiting.map(|it| it.month), item.waiting.and_then(|it| it.month_cost))) }
            td { @match &decision.owner { Some(owner) => { (naming::record(seen, Kind::Stakeholder, owner.as_str())) } None => { (ui::dash()) } } }
            td {
                @match &decision.target { Some(target) => { (naming::activity(seen, target)) } None => { (ui::dash()) } }
                @if let Some(date) = decision.target_date { small { (ui::date(date)) } }
            }
        }
    }
}

/// A difference of probabilities, in percentage points.
pub(crate) fn points(share: f64) -> String {
    let points = share * 100.0;
    if points > 0.0 && points < 0.5 { "<1 pt".to_owned() } else { format!("{points:.0} pt") }
}

fn derived_line(seen: &Seen, item: &Item<'_>) -> Markup {
    html! {
        small {
            @match item.recorded_as {
                Some(recorded) => {
                    "Follows from facts; recorded as "
                    a href={ "/decisions/" (recorded.id) } { (recorded.title) }
                }
                None => {
                    "Follows from facts; nobody has recorded it"
                    @if seen.may_add(Kind::Decision) {
                        ". " a href={ "/decisions/" (item.decision.id) "/record" } { "Record this decision" }
                    }
                }
            }
        }
    }
}

fn decided_table(seen: &Seen, decided: &[&DecisionForecast]) -> Markup {
    let records = &seen.bundle().records.decisions;
    html! {
        div.scroll {
            table.data {
                caption.visually-hidden { "Decisions that have been made" }
                thead { tr {
                    th scope="col" { "Decision" }
                    th scope="col" { "Decided" }
                    th.num scope="col" { "On" }
                    th scope="col" { "Who decided" }
                } }
                tbody { @for decision in decided {
                    @let record = records.get(decision.id.as_str());
                    @let made = record.and_then(|it| it.decided.as_ref());
                    tr {
                        th.wide scope="row" { a.row-link href={ "/decisions/" (decision.id) } { (decision.title) } }
                        td.wide {
                            @if let Some(made) = made {
                                (record.and_then(|it| option_title(it, &made.option)).unwrap_or(&made.option))
                                @if let Some(reason) = &made.reason { small { (reason) } }
                            }
                        }
                        td.num.nowrap { (ui::maybe_date(made.map(|it| it.on))) }
                        td { @match &decision.owner { Some(owner) => { (naming::record(seen, Kind::Stakeholder, owner.as_str())) } None => { (ui::dash()) } } }
                    }
                } }
            }
        }
    }
}

/// What an option of a decision means.
pub(crate) fn option_title<'a>(
    decision: &'a longlead_model::Decision,
    id: &str,
) -> Option<&'a str> {
    decision.options.iter().find(|it| it.id == id).map(|it| it.title.as_str())
}

#[cfg(test)]
mod tests;
