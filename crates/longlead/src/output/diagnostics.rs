//! Diagnostics for people and scripts.

use longlead_model::{Diagnostic, Place};
use serde_json::{Value as Json, json};

use crate::output::style::{bold, dim, error, warning};
use crate::output::words::count;
use crate::output::wrap;
use crate::settings::OutputSettings;

/// Nobody reads more at once; the rest is counted.
const SHOWN_MAX: usize = 100;

/// The diagnostics, errors and warnings in the order of their places.
pub(crate) fn list(diagnostics: &[Diagnostic], settings: &OutputSettings) -> String {
    let mut text = String::new();
    let shown = shown(diagnostics, settings);
    for diagnostic in shown {
        one(&mut text, diagnostic, settings.width);
    }
    let rest = diagnostics.len() - shown.len();
    if rest > 0 {
        text.push_str(&format!(
            "… and {}; --all shows all\n",
            count(rest, "more problem", "more problems")
        ));
    }
    text
}

fn shown<'a>(diagnostics: &'a [Diagnostic], settings: &OutputSettings) -> &'a [Diagnostic] {
    let most = if settings.all { usize::MAX } else { SHOWN_MAX };
    diagnostics.get(..most).unwrap_or(diagnostics)
}

fn one(text: &mut String, diagnostic: &Diagnostic, width: usize) {
    if let Some(place) = &diagnostic.place {
        text.push_str(&bold(&place.to_string()));
        text.push_str(": ");
    }
    let label = if diagnostic.is_error() { error("error") } else { warning("warning") };
    text.push_str(&format!(
        "{label}{}: {}\n",
        dim(&format!("[{}]", diagnostic.code)),
        wrap::harmless(&diagnostic.message)
    ));
    if let Some(help) = &diagnostic.help {
        text.push_str(&wrap::paragraph(help, "    help: ", "          ", width));
    }
    for (place, what) in &diagnostic.related {
        text.push_str(&format!("    {}: {}\n", bold(&place.to_string()), wrap::harmless(what)));
    }
}

/// "2 errors and 1 warning".
pub(crate) fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let told_errors = count(errors, "error", "errors");
    let told_warnings = count(warnings, "warning", "warnings");
    match (errors, warnings) {
        (0, 0) => "no problems".to_owned(),
        (0, _) => told_warnings,
        (_, 0) => told_errors,
        _ => format!("{told_errors} and {told_warnings}"),
    }
}

/// The diagnostics with how many there are in all.
pub(crate) fn json(diagnostics: &[Diagnostic], settings: &OutputSettings) -> Json {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    json!({
        "errors": errors,
        "warnings": diagnostics.len() - errors,
        "diagnostics": shown(diagnostics, settings).iter().map(one_json).collect::<Vec<_>>(),
    })
}

fn one_json(diagnostic: &Diagnostic) -> Json {
    json!({
        "code": diagnostic.code.as_str(),
        "severity": severity(diagnostic),
        "place": diagnostic.place.as_ref().map(place_json),
        "message": diagnostic.message,
        "help": diagnostic.help,
        "related": diagnostic.related.iter().map(|(place, what)| {
            json!({ "place": place_json(place), "what": what })
        }).collect::<Vec<_>>(),
    })
}

fn severity(diagnostic: &Diagnostic) -> &'static str {
    if diagnostic.is_error() { "error" } else { "warning" }
}

fn place_json(place: &Place) -> Json {
    json!({ "file": place.file, "line": place.line, "column": place.column })
}

/// Warnings of a plan without their places and in an order of their own: how a bundle is laid out
/// must not show in its forecast.
pub(crate) fn placeless_json(warnings: &[Diagnostic]) -> Json {
    let mut told: Vec<(&str, &str, Option<&str>)> = warnings
        .iter()
        .map(|it| (it.code.as_str(), it.message.as_str(), it.help.as_deref()))
        .collect();
    told.sort_unstable();
    let told = told
        .into_iter()
        .map(|(code, message, help)| json!({ "code": code, "message": message, "help": help }));
    Json::Array(told.collect())
}
