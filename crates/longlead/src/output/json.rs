//! JSON with each reason's sentence beside its data.

use longlead_horizon::{DecisionForecast, Explanation, Forecast, Plan, Reason, Vocabulary};
use serde_json::{Value as Json, json};

use crate::output::diagnostics;

/// JSON as text, indented, with a line end.
pub(crate) fn text(value: &Json) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// The forecast as JSON: its own keys, a sentence with each reason, and the warnings.
pub(crate) fn forecast<'a>(plan: &'a Plan, vocabulary: &Vocabulary<'a>) -> Json {
    let mut value = plain(&plan.forecast);
    if let Some(decisions) = value.get_mut("decisions").and_then(Json::as_array_mut) {
        for (told, decision) in decisions.iter_mut().zip(&plan.forecast.decisions) {
            say(told.get_mut("because"), &decision.because, vocabulary);
        }
    }
    if let Some(object) = value.as_object_mut() {
        object.insert("warnings".to_owned(), diagnostics::placeless_json(&plan.warnings));
    }
    value
}

/// A list of decisions as JSON, each reason with its sentence.
pub(crate) fn decisions<'a>(
    decisions: &[&'a DecisionForecast],
    vocabulary: &Vocabulary<'a>,
) -> Json {
    let told = decisions.iter().map(|decision| {
        let mut value = plain(decision);
        say(value.get_mut("because"), &decision.because, vocabulary);
        value
    });
    Json::Array(told.collect())
}

/// An explanation as JSON, each reason with its sentence.
pub(crate) fn explanation<'a>(explanation: &'a Explanation, vocabulary: &Vocabulary<'a>) -> Json {
    let mut value = plain(explanation);
    if let Some(steps) = value.get_mut("steps").and_then(Json::as_array_mut) {
        for (told, step) in steps.iter_mut().zip(&explanation.steps) {
            say(told.get_mut("because"), &step.because, vocabulary);
        }
    }
    if let Some(decision) = &explanation.decision {
        let because = value.get_mut("decision").and_then(|decision| decision.get_mut("because"));
        say(because, &decision.because, vocabulary);
    }
    value
}

fn say<'a>(because: Option<&mut Json>, reasons: &'a [Reason], vocabulary: &Vocabulary<'a>) {
    let Some(told) = because.and_then(Json::as_array_mut) else { return };
    for (told, reason) in told.iter_mut().zip(reasons) {
        if let Some(object) = told.as_object_mut() {
            object.insert("sentence".to_owned(), json!(vocabulary.sentence(reason)));
        }
    }
}

/// Parts of a forecast that are told as they are.
pub(crate) fn plain(value: &impl serde::Serialize) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

/// What the forecast was asked.
pub(crate) fn asked(forecast: &Forecast) -> Json {
    json!({
        "as_of": forecast.as_of,
        "seed": forecast.seed,
        "samples": forecast.samples,
        "confidence": forecast.confidence,
    })
}
