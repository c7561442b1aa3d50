//! `longlead decide`: by when, how sure, and what waiting costs.

use jiff::civil::Date;
use longlead_horizon::{DecisionForecast, OptionValue, Plan, Reason, State, Vocabulary};
use longlead_model::{Bundle, Code, Decision, Diagnostic, Kind, StakeholderId, nearest};
use serde_json::json;

use crate::args::DecideArguments;
use crate::command::{Answer, judge, plan};
use crate::exit::Failure;
use crate::gather::{self, Origin};
use crate::output::chart::{Curve, chart};
use crate::output::headline::headline;
use crate::output::style::{BOLD, DIM, dim, heading, of_state, paint};
use crate::output::table::{Cell, Column, Table};
use crate::output::words::{day, days_away, decision_state, money, name, percent, sum};
use crate::output::{json as json_text, wrap};
use crate::settings::Settings;

pub(crate) fn run(arguments: &DecideArguments, settings: &Settings) -> Result<Answer, Failure> {
    let (path, id) = arguments.meant();
    let gathered = gather::bundle(&Origin::of(&arguments.from, &path), settings)?;
    let plan = gather::planned(&gathered, settings, None)?;
    let vocabulary = gather::vocabulary(&gathered.bundle, &plan, settings);
    let exit = judge(&plan.forecast, &plan.warnings, &settings.fail_on);
    let text = match &id {
        Some(id) => {
            let decision = find(&plan, id)?;
            one(&gathered.bundle, &plan, decision, &vocabulary, settings)
        }
        None => list(&plan, &vocabulary, settings),
    };
    Ok(Answer { exit, ..Answer::fine(text) })
}

fn find<'a>(plan: &'a Plan, id: &str) -> Result<&'a DecisionForecast, Diagnostic> {
    let decisions = &plan.forecast.decisions;
    decisions.iter().find(|decision| decision.id.as_str() == id).ok_or_else(|| {
        let ids: Vec<&str> = decisions.iter().map(|decision| decision.id.as_str()).collect();
        let help = match nearest(id, ids.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if ids.is_empty() => "the bundle has no decisions".to_owned(),
            None => format!("the decisions are {}", ids.join(", ")),
        };
        Diagnostic::error(Code::UnknownReference, format!("there is no decision `{id}`")).help(help)
    })
}

fn list<'a>(plan: &'a Plan, vocabulary: &Vocabulary<'a>, settings: &Settings) -> String {
    let decisions = &plan.forecast.decisions;
    if settings.output.json {
        let decisions: Vec<&DecisionForecast> = decisions.iter().collect();
        let mut value = json_text::asked(&plan.forecast);
        value["decisions"] = json_text::decisions(&decisions, vocabulary);
        return json_text::text(&value);
    }
    let mut text = String::new();
    for sentence in headline(&plan.forecast).iter().take(2) {
        text.push_str(&wrap::paragraph(sentence, "", "", settings.output.width));
    }
    text.push_str(&heading("Decisions, the most urgent first"));
    text.push_str(&plan::decisions(decisions, &settings.output));
    text
}

/// One decision in full; `demo` tells one too.
pub(crate) fn one<'a>(
    bundle: &'a Bundle,
    plan: &'a Plan,
    decision: &'a DecisionForecast,
    vocabulary: &Vocabulary<'a>,
    settings: &Settings,
) -> String {
    if settings.output.json {
        let told = json_text::decisions(&[decision], vocabulary);
        return json_text::text(told.get(0).unwrap_or(&json!(null)));
    }
    let width = settings.output.width;
    let authored = bundle.records.decisions.get(decision.id.as_str());
    let state = paint(of_state(decision.state), decision_state(decision.state));
    let mut text =
        format!("{}  {}  {state}\n\n", paint(BOLD, &decision.title), dim(decision.id.as_str()));
    if let Some(context) = authored.and_then(|it| it.context.as_ref()) {
        text.push_str(&wrap::paragraph(context, "", "", width));
    }
    if decision.derived {
        let why = "Nobody wrote this decision: it follows from what features need and what no \
                   hardware in the field has.";
        text.push_str(&wrap::paragraph(why, "", "", width));
    }
    text.push_str(&wrap::paragraph(&verdict(decision, plan.forecast.as_of), "", "", width));
    let curve = Curve {
        points: &decision.curve,
        confidence: decision.confidence,
        decide_by: decision.decide_by,
    };
    let drawn = chart(&curve, width);
    if !drawn.is_empty() && decision.decided.is_none() {
        text.push_str(&heading("Chance that the target holds, by the day of the decision"));
        text.push_str(&drawn);
    }
    text.push_str(&options(decision, authored, width));
    text.push_str(&economics(decision, width));
    text.push_str(&because(decision, vocabulary, width));
    text.push_str(&limits(decision, width));
    text.push_str(&people(bundle, decision, width));
    text
}

/// By when, for what, and how sure.
pub(crate) fn verdict(decision: &DecisionForecast, as_of: Date) -> String {
    if let Some(option) = &decision.decided {
        return format!("Decided: {option}.");
    }
    let Some(best) = decision.best_confidence else {
        return "It has no decide-by: it gates nothing that lies ahead, or no target has a date."
            .to_owned();
    };
    let target = decision.target_date.map_or("its target".to_owned(), day);
    match decision.decide_by {
        Some(date) => format!(
            "Decide by {} ({}) to hold {target} with {}. Decided today, {}, it holds with {}.",
            day(date),
            days_away(decision.days_left.unwrap_or(0)),
            percent(decision.confidence),
            day(as_of),
            percent(best),
        ),
        None => format!(
            "It is too late to hold {target} with {}: even decided today, {}, it holds with {}.",
            percent(decision.confidence),
            day(as_of),
            percent(best),
        ),
    }
}

fn options(decision: &DecisionForecast, authored: Option<&Decision>, width: usize) -> String {
    let mut text = heading("Options");
    let Some(authored) = authored else {
        for option in &decision.options {
            text.push_str(&wrap::paragraph(option, "  · ", "    ", width));
        }
        return text;
    };
    if authored.options.is_empty() {
        text.push_str("  None written down yet: `options = [{ id = \"yes\", title = \"…\" }]`.\n");
    }
    for option in &authored.options {
        let is_chosen = decision.decided.as_ref() == Some(&option.id);
        let mut told = format!("{}: {}", option.id, option.title);
        if let Some(cost) = &option.cost {
            told.push_str(&format!(" ({})", money(cost)));
        }
        if let Some(scenario) = &option.scenario {
            told.push_str(&format!(" → longlead compare --scenario {scenario}"));
        }
        let first = if is_chosen { "  ✓ " } else { "  · " };
        text.push_str(&wrap::paragraph(&told, first, "    ", width));
    }
    if let Some(decided) = &authored.decided {
        let why = decided.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        let told = format!("Decided on {} for {}{why}", day(decided.on), decided.option);
        text.push_str(&wrap::paragraph(&told, "  ", "  ", width));
    }
    text
}

fn economics(decision: &DecisionForecast, width: usize) -> String {
    let mut text = String::new();
    if let Some(value) = &decision.option_value {
        text.push_str(&heading("Include now, or respin later"));
        for sentence in option_value(value) {
            text.push_str(&wrap::paragraph(&sentence, "  ", "  ", width));
        }
    }
    if let Some(economic) = &decision.economic {
        let by = match economic.decide_by {
            Some(date) => format!("by {}", day(date)),
            None => "at once, and even that is too late".to_owned(),
        };
        let told = format!(
            "At what a week of waiting is worth and a week of delay costs, {} is the confidence to \
             pay for: decide {by}.",
            percent(economic.confidence),
        );
        text.push_str(&wrap::paragraph(&told, "  ", "  ", width));
    }
    text
}

fn option_value(value: &OptionValue) -> Vec<String> {
    let amount = |amount: f64| sum(amount, &value.currency);
    let advice = if value.include { "Including now costs less" } else { "Waiting costs less" };
    let threshold = match value.threshold {
        None => "Waiting costs nothing even if the need is real, so including can't pay".to_owned(),
        Some(share) if share > 1.0 => {
            "Including would not pay even if the need were certain".to_owned()
        }
        Some(share) => format!("Including pays from a probability of q* = {:.1} %", share * 100.0),
    };
    vec![
        format!(
            "{advice}: {} to include, against {} expected for waiting ({} if the need is real, \
             which has {}).",
            amount(value.cost_of_including),
            amount(value.expected_cost_of_waiting),
            amount(value.cost_of_respin),
            percent(value.probability),
        ),
        format!(
            "{threshold}. To know for certain whether the need is real is worth up to {} (EVPI).",
            amount(value.evpi),
        ),
    ]
}

fn because<'a>(
    decision: &'a DecisionForecast,
    vocabulary: &Vocabulary<'a>,
    width: usize,
) -> String {
    if decision.because.is_empty() {
        return String::new();
    }
    let mut text = heading("Because");
    for reason in &decision.because {
        // The table below has these with their shares.
        if matches!(reason, Reason::LimitedBy { .. }) {
            continue;
        }
        let sentence = vocabulary.sentence(reason);
        let is_step = matches!(reason, Reason::Lies { .. });
        let (first, later) = if is_step { ("    → ", "      ") } else { ("  · ", "    ") };
        text.push_str(&wrap::paragraph(&sentence, first, later, width));
    }
    text
}

fn limits(decision: &DecisionForecast, width: usize) -> String {
    if decision.limited_by.is_empty() || decision.state == State::Done {
        return String::new();
    }
    let mut table = Table::new(vec![
        Column::new("activity").wraps(20),
        Column::new("of late cases").right(),
        Column::new("id").wraps(16).rank(1),
    ]);
    for limit in &decision.limited_by {
        table.row(vec![
            Cell::from(limit.title.as_str()),
            Cell::from(percent(limit.share)),
            Cell::styled(limit.activity.as_str(), DIM),
        ]);
    }
    format!("{}{}", heading("What limits it, the weightiest first"), table.render(width))
}

fn people(bundle: &Bundle, decision: &DecisionForecast, width: usize) -> String {
    let title = |id: &StakeholderId| name(bundle, Kind::Stakeholder, id.as_str()).to_owned();
    let consult: Vec<String> = decision.consult.iter().map(title).collect();
    if decision.owner.is_none() && consult.is_empty() {
        return String::new();
    }
    let mut text = heading("People");
    if let Some(owner) = decision.owner.as_ref().map(title) {
        text.push_str(&wrap::paragraph(&format!("{owner} decides"), "  ", "  ", width));
    }
    if !consult.is_empty() {
        let told = format!("must be heard: {}", consult.join(", "));
        text.push_str(&wrap::paragraph(&told, "  ", "  ", width));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_without_a_threshold_is_told_in_words() {
        let value = OptionValue {
            include: false,
            probability: 0.5,
            threshold: None,
            cost_of_including: 100.0,
            cost_of_respin: 0.0,
            expected_cost_of_waiting: 0.0,
            evpi: 0.0,
            currency: "USD".to_owned(),
        };
        let told = option_value(&value).concat();
        assert!(told.contains("Waiting costs nothing even if the need is real"), "{told}");
        assert!(!told.contains("q*"), "{told}");
    }
}
