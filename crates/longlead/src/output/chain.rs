//! A chain of steps with their reasons, the last first, each waiting for the one below it.

use longlead_horizon::{Explanation, ExplanationStep, Reason, Vocabulary};

use crate::output::style::{bold, dim};
use crate::output::words::day;
use crate::output::wrap;

/// The steps as a tree whose trunk leads down to what the date rests on.
pub(crate) fn chain<'a>(
    explanation: &'a Explanation,
    vocabulary: &Vocabulary<'a>,
    width: usize,
) -> String {
    let mut text = String::new();
    for (number, step) in explanation.steps.iter().enumerate() {
        let is_last = number + 1 == explanation.steps.len();
        let trunk = if is_last { "    " } else { "  │ " };
        text.push_str(&step_title(step, trunk, width));
        let next = explanation.steps.get(number + 1);
        for reason in step.because.iter().filter(|reason| !is_told_by(reason, next)) {
            text.push_str(&reason_lines(reason, trunk, vocabulary, width));
        }
    }
    text
}

/// True if a reason says no more than that the step waits for the one told next.
fn is_told_by(reason: &Reason, next: Option<&ExplanationStep>) -> bool {
    match (reason, next) {
        (Reason::WaitsFor { predecessor, link, lag: None, .. }, Some(next)) => {
            link == "FS" && *predecessor == next.activity
        }
        _ => false,
    }
}

fn step_title(step: &ExplanationStep, trunk: &str, width: usize) -> String {
    let dates = if step.from == step.to {
        day(step.to)
    } else {
        format!("{} – {}", day(step.from), day(step.to))
    };
    let id = step.activity.as_str();
    let below = format!("\n{trunk}");
    let (first, second) = (4 + wrap::width(&step.title), wrap::width(&dates));
    let before_dates = if first + 2 + second <= width { "  " } else { &below };
    let taken = if before_dates == "  " { first + 2 + second } else { 4 + second };
    let before_id = if taken + 2 + wrap::width(id) <= width { "  " } else { &below };
    format!("  ● {}{before_dates}{dates}{before_id}{}\n", bold(&step.title), dim(id))
}

fn reason_lines<'a>(
    reason: &'a Reason,
    trunk: &str,
    vocabulary: &Vocabulary<'a>,
    width: usize,
) -> String {
    let sentence = vocabulary.sentence(reason);
    let is_driver = matches!(
        reason,
        Reason::WaitsFor { .. }
            | Reason::KeepsUp { .. }
            | Reason::TeamBusy { .. }
            | Reason::Imposed { .. }
            | Reason::FromAsOf { .. }
    );
    let sign = if is_driver { "→ " } else { "· " };
    wrap::paragraph(&sentence, &format!("{trunk}  {sign}"), &format!("{trunk}    "), width)
}
