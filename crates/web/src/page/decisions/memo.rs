//! `/decisions/…/memo`: a decision on one sheet of paper, to be signed.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use jiff::ToSpan as _;
use longlead_horizon::{DecisionForecast, Reason, day, percent};
use longlead_model::Kind;
use maud::{Markup, html};

use super::consequence::{Consequence, PATIENCE};
use super::one::{self, Case, SUPPOSED, stakeholder, verdict};
use super::waiting::on_time;
use super::{amount, money, option_title, points};
use crate::layout::{self, Page};
use crate::naming;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

pub(crate) async fn show(seen: Seen, Path(id): Path<String>) -> Result<Response, Problem> {
    let Some(decision) = one::found(&seen, &id)? else {
        return Ok(one::nowhere(&seen, &id));
    };
    let case = Case::gather(&seen, decision, PATIENCE).await?;
    let page = Page {
        title: "Decision memo",
        section: "/decisions",
        lede: Some(
            html! { "One sheet for those who decide. Print it from the browser: A4 or Letter." },
        ),
        tools: html! { a.button href={ "/decisions/" (decision.id) } { "Back to the decision" } },
        main: memo(&case)?,
        live: true,
    };
    Ok(layout::page(&seen, &page).into_response())
}

fn memo(case: &Case<'_>) -> Result<Markup, Problem> {
    let (seen, decision) = (case.seen, case.decision);
    let bundle = seen.bundle();
    let owner = decision
        .owner
        .as_ref()
        .and_then(|it| bundle.records.title(Kind::Stakeholder, it.as_str()).or(Some(it.as_str())));
    Ok(html! {
        article.memo.decision-memo {
            header {
                h2 { (decision.title) }
                (ui::badge(decision.state))
                p.muted { "Decision memo · " (day(case.as_of)) " · " span.id { (decision.id) } }
            }
            @if let Some(context) = case.record.and_then(|it| it.context.as_ref()) { p { (context) } }
            (figures(case))
            section { h3 { "Options" } (options(case)) }
            @if let Some(value) = &decision.option_value {
                section {
                    h3 { "Include now, or respin later" }
                    p {
                        @if value.include { "Including now costs less: " } @else { "Waiting costs less: " }
                        (amount(value.cost_of_including, &value.currency)) " to include, against "
                        (amount(value.expected_cost_of_waiting, &value.currency)) " expected for waiting. "
                        @if let Some(threshold) = value.threshold.filter(|it| *it <= 1.0) {
                            "It pays once the need is likelier than " (format!("{:.1} %", threshold * 100.0))
                            "; it is put at " (percent(value.probability)) ". "
                        }
                        "Knowing first is worth up to " (amount(value.evpi, &value.currency)) "."
                    }
                }
            }
            (why(case)?)
            section.two {
                div { h3 { "What waiting costs" } (waiting(case)) }
                div {
                    h3 { "To be heard" }
                    @if decision.consult.is_empty() { p { "Nobody is named." } }
                    ul.heard {
                        @for person in &decision.consult { li { span.tick {} (stakeholder(case, person.as_str())) } }
                    }
                }
            }
            (recommendation(case))
            footer.signatures {
                div { span.line {} "Decided by" @if let Some(owner) = owner { ": " (owner) } }
                div { span.line {} "Option" }
                div { span.line {} "Date" }
            }
        }
    })
}

fn figures(case: &Case<'_>) -> Markup {
    let decision = case.decision;
    html! {
        div.figures {
            div.stat {
                p.label { "Decide by" }
                p.value { @match decision.decide_by {
                    Some(date) => { (ui::date(date)) }
                    None if decision.decided.is_some() => { "decided" }
                    None if decision.best_confidence.is_some() => { "too late" }
                    None => { (ui::dash()) }
                } }
                @if let Some(days) = decision.days_left { p.hint { (naming::days_away(days)) } }
            }
            div.stat {
                p.label { "On time if decided today" }
                p.value { (ui::maybe_percent(decision.best_confidence)) }
                p.hint { (percent(decision.confidence)) " asked for" }
            }
            div.stat {
                p.label { "Must hold" }
                p.value { (ui::maybe_date(decision.target_date)) }
                p.hint {
                    @if let Some(title) = decision.target.as_ref().and_then(|it| naming::activity_title(case.seen, it)) { (title) }
                }
            }
        }
    }
}

fn options(case: &Case<'_>) -> Markup {
    let Some(record) = case.record.filter(|it| !it.options.is_empty()) else {
        return html! {
            @if case.decision.options.is_empty() { p { "None has been written down yet." } }
            ul.prose { @for option in &case.decision.options { li { (option) } } }
        };
    };
    html! {
        table.plain {
            caption.visually-hidden { "Options with their consequences" }
            thead { tr {
                th scope="col" { "Option" } th.num scope="col" { "Cost" }
                th.num scope="col" { "Target's P80" } th.num scope="col" { "On time" }
            } }
            tbody { @for (option, consequence) in record.options.iter().zip(&case.consequences) {
                tr {
                    th scope="row" { (option.title) }
                    td.num { @match option.cost { Some(cost) => { (money(cost)) } None => { (ui::dash()) } } }
                    @match consequence {
                        Consequence::AsPlanned(figures) | Consequence::Planned { figures, .. } => {
                            td.num { (ui::maybe_date(figures.p80)) @if figures.is_supposed { " *" } } td.num { (ui::maybe_percent(figures.on_time)) }
                        }
                        Consequence::Computing => { td colspan="2" { "being computed: load the memo again" } }
                        Consequence::Broken(_) => { td colspan="2" { "its scenario contradicts the product" } }
                        Consequence::Hidden => { td colspan="2" { "not shared" } }
                    }
                }
            } }
        }
        @if case.consequences.iter().any(is_supposed) { p.muted { "* " (SUPPOSED) } }
    }
}

fn is_supposed(consequence: &Consequence) -> bool {
    match consequence {
        Consequence::AsPlanned(figures) | Consequence::Planned { figures, .. } => {
            figures.is_supposed
        }
        Consequence::Computing | Consequence::Broken(_) | Consequence::Hidden => false,
    }
}

/// Lines of a chain that fit a memo.
const LINES_MAX: usize = 5;

/// The reasons that matter most, in their order: what waits, what must hold, what limits.
fn telling(because: &[Reason]) -> Vec<&Reason> {
    let weight = |reason: &Reason| match reason {
        Reason::Gates { .. } | Reason::Freezes { .. } => 0,
        Reason::LimitedBy { .. } => 1,
        Reason::Supposed { .. } | Reason::Lacks { .. } | Reason::FirstRevision { .. } => 2,
        Reason::Requires { .. } | Reason::CarriedBy { .. } => 3,
        Reason::Lies { .. } => 4,
        // Its figures stand at the head of the memo, or under what waiting costs.
        Reason::Target { .. } | Reason::OnTimeIfNow { .. } | Reason::WaitingCosts { .. } => 6,
        _ => 5,
    };
    let mut ranked: Vec<(usize, &Reason)> =
        because.iter().enumerate().filter(|(_, reason)| weight(reason) < 6).collect();
    ranked.sort_by_key(|(number, reason)| (weight(reason), *number));
    ranked.truncate(LINES_MAX);
    ranked.sort_by_key(|(number, _)| *number);
    ranked.into_iter().map(|(_, reason)| reason).collect()
}

fn why(case: &Case<'_>) -> Result<Markup, Problem> {
    let vocabulary = case.seen.vocabulary()?;
    let because = telling(&case.decision.because).into_iter();
    let sentences: Vec<Markup> =
        because.filter_map(|it| naming::sentence(case.seen, &vocabulary, it)).collect();
    Ok(html! {
        section {
            h3 { "Why" }
            @if case.decision.decide_by.is_none() { p { (verdict(case.decision)) } }
            ol.steps { @for sentence in &sentences { li { (sentence) } } }
        }
    })
}

fn waiting(case: &Case<'_>) -> Markup {
    let currency = case.seen.outlook.bundle.settings.currency;
    let line = |what: &str, share: f64, cost: Option<f64>| {
        html! {
            tr {
                th scope="row" { (what) } td.num { (points(share)) " on time" }
                td.num { @match cost { Some(cost) => { (amount(cost, currency.as_str())) } None => { (ui::dash()) } } }
            }
        }
    };
    html! {
        @match &case.waiting {
            Some(waiting) => {
                table.plain {
                    caption.visually-hidden { "What is lost by waiting" }
                    tbody {
                        (line("A week", waiting.week, waiting.week_cost))
                        (line("A month", waiting.month, waiting.month_cost))
                        @if let Some(lost) = lost_past_decide_by(case.decision) {
                            (line("A week past decide-by", lost, None))
                        }
                    }
                }
            }
            None => { p { "It has been decided, or has no date." } }
        }
        @if let Some(economic) = &case.decision.economic {
            @if let Some(date) = economic.decide_by {
                p { "At the prices of waiting and delay: decide by " (day(date)) "." }
            }
        }
    }
}

/// The probability of being on time that is lost by deciding a week after the decide-by.
fn lost_past_decide_by(decision: &DecisionForecast) -> Option<f64> {
    let past = decision.decide_by?.saturating_add(7.days());
    let now = decision.best_confidence?;
    Some((now - on_time(now, &decision.curve, past)).max(0.0))
}

/// What was decided, or space for what is recommended.
fn recommendation(case: &Case<'_>) -> Markup {
    let made = case.record.and_then(|it| Some((it, it.decided.as_ref()?)));
    html! {
        section {
            @match made {
                Some((record, made)) => {
                    h3 { "Decided on " (day(made.on)) }
                    p { strong { (option_title(record, &made.option).unwrap_or(&made.option)) } }
                    @if let Some(reason) = &made.reason { p { (reason) } }
                }
                None => {
                    h3 { "Recommendation" }
                    div.write-here aria-label="Space to write" {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_lines_keep_the_order_of_the_chain_and_what_limits_comes_before_what_only_lies_there() {
        let id = |id: &str| longlead_model::ActivityId::try_from(id).unwrap();
        let on = jiff::civil::date(2027, 3, 1);
        let lies = |name: &str| Reason::Lies {
            activity: id(name),
            title: name.to_owned(),
            from: on,
            to: on,
        };
        let limited = Reason::LimitedBy { activity: id("z"), title: "Z".to_owned(), share: 0.5 };
        let target = Reason::Target { target: id("t"), on, confidence: 0.8 };
        let because = vec![target, lies("a"), lies("b"), lies("c"), lies("d"), lies("e"), limited];
        let told = telling(&because);
        let expect: Vec<&Reason> =
            because[1..5].iter().chain(std::iter::once(&because[6])).collect();
        assert_eq!(told, expect);
    }
}
