//! Small pieces that pages share: icons, badges, dates, tables of problems.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use longlead_horizon::{Segment, State, percent};
use longlead_model::{Diagnostic, Kind, RecordKey};
use maud::{Markup, PreEscaped, html};

/// An icon by name: 16 × 16, drawn in the colour of the text.
pub(crate) fn icon(name: &str) -> Markup {
    let path = match name {
        "brand" => "M2 13V3h2v8h4v2zM9 13V3h2v8h4v2z",
        "horizons" => "M1 4h9v2H1zM4 7h11v2H4zM2 10h7v2H2z",
        "decision" => "M8 1l7 7-7 7-7-7zm0 3L4 8l4 4 4-4z",
        "feature" => "M2 2h5v5H2zM9 2h5v5H9zM2 9h5v5H2zM11 9h1v2h2v1h-2v2h-1v-2H9v-1h2z",
        "hardware" => {
            "M4 4h8v8H4zM6 1h1v2H6zM9 1h1v2H9zM6 13h1v2H6zM9 13h1v2H9zM1 6h2v1H1zM1 9h2v1H1zM13 6h2v1h-2zM13 9h2v1h-2z"
        }
        "fleet" => {
            "M3 5h3v6H3zM10 5h3v6h-3zM4 12h1v1H4zM11 12h1v1h-1zM7 7h2v2H7zM6.500 2a4 4 0 0 1 3 0l-.5 1a3 3 0 0 0-2 0z"
        }
        "data" => "M2 3h12v2H2zM2 7h8v2H2zM2 11h5v2H2zM11 9h2v4h-2z",
        "forecast" => "M1 13c3 0 3-9 7-9s4 9 7 9v1H1z",
        "plan" => "M1 2h7v2H1zM4 6h7v2H4zM7 10h8v2H7z",
        "what-if" => "M3 2h2v4c0 2 2 2 4 2h1V6l4 3-4 3v-2H9c-2 0-4 0-4 2v2H3z",
        "records" => "M2 2h12v3H2zM2 6.500h12v3H2zM2 11h12v3H2z",
        "history" => {
            "M8 1a7 7 0 1 1-6.300 4l1.800.8A5 5 0 1 0 8 3v2L5 2.500 8 0zM7 5h1.500v3l2.500 1.500-.8 1.200L7 8.800z"
        }
        "people" | "user" => "M8 2a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM2 14c0-3 2.500-5 6-5s6 2 6 5z",
        "audit" => "M3 1h7l3 3v11H3zm2 5v1h6V6zm0 3v1h6V9zm0 3v1h4v-1z",
        "api" => "M5 4L1 8l4 4 1-1-3-3 3-3zm6 0l4 4-4 4-1-1 3-3-3-3z",
        "search" => {
            "M7 1a6 6 0 1 1-3.600 10.800A6 6 0 0 1 7 1zm0 2a4 4 0 1 0 0 8 4 4 0 0 0 0-8zm4 9l1-1 3 3-1 1z"
        }
        "theme" => "M8 1a7 7 0 1 1 0 14V1z",
        "menu" => "M1 3h14v2H1zM1 7h14v2H1zM1 11h14v2H1z",
        "safe" => {
            "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zm3.500 4L7 9.500 4.500 7 3.500 8 7 11.500 12.500 6z"
        }
        "at-risk" => "M8 1l7.500 13H.5zM7.200 6v4h1.600V6zm0 5v1.600h1.600V11z",
        "lost" => {
            "M5 1h6l4 4v6l-4 4H5l-4-4V5zm.2 3L4 5.200 6.800 8 4 10.800 5.200 12 8 9.200 10.800 12l1.200-1.200L9.200 8 12 5.200 10.800 4 8 6.800z"
        }
        "done" => "M1 8l2-2 4 4 6-7 2 2-8 9z",
        "open" => "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zm0 2a5 5 0 1 0 0 10A5 5 0 0 0 8 3z",
        _ => "M7 7h2v2H7z",
    };
    html! {
        svg.icon viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false" {
            path fill="currentColor" fill-rule="evenodd" d=(path) {}
        }
    }
}

/// The state's class and name: `at-risk` and "at risk".
pub(crate) fn state_words(state: State) -> (&'static str, &'static str) {
    match state {
        State::Safe => ("safe", "safe"),
        State::AtRisk => ("risk", "at risk"),
        State::Lost => ("lost", "lost"),
        State::Done => ("done", "done"),
        State::Open => ("open", "open"),
    }
}

/// How a date or decision stands: colour, shape and word.
pub(crate) fn badge(state: State) -> Markup {
    let (class, word) = state_words(state);
    let shape = if state == State::AtRisk { "at-risk" } else { class };
    html! { span class={ "badge " (class) } { (icon(shape)) (word) } }
}

/// A day as pages tell it: "18 Jan 2027".
pub(crate) fn date(date: Date) -> Markup {
    html! { time datetime=(date) { (longlead_horizon::day(date)) } }
}

/// A day, or a dash where there is none.
pub(crate) fn maybe_date(day: Option<Date>) -> Markup {
    day.map_or_else(dash, date)
}

/// A share in per cent, or a dash where there is none.
pub(crate) fn maybe_percent(share: Option<f64>) -> Markup {
    share.map_or_else(dash, |share| html! { (percent(share)) })
}

/// Nothing to tell.
pub(crate) fn dash() -> Markup {
    html! { span.muted aria-label="none" { "–" } }
}

/// A sentence in which names stand between back-ticks, as diagnostics have them: these become code.
pub(crate) fn told(text: &str) -> Markup {
    // Without a second back-tick the first one is only a character.
    let is_even = text.matches('`').count().is_multiple_of(2);
    html! {
        @if is_even {
            @for (place, part) in text.split('`').enumerate() {
                @if place % 2 == 1 { code { (part) } } @else { (part) }
            }
        } @else { (text) }
    }
}

/// What is wrong with an input: code, what, where, and how to mend it.
pub(crate) fn diagnostics(diagnostics: &[Diagnostic]) -> Markup {
    html! {
        @if !diagnostics.is_empty() {
            ul.diagnostics {
                @for diagnostic in diagnostics {
                    li class=(if diagnostic.is_error() { "error" } else { "warning" }) {
                        p {
                            @if let Some(place) = &diagnostic.place { span.mono.muted { (place) " " } }
                            (told(&diagnostic.message))
                        }
                        @if let Some(help) = &diagnostic.help { p.help { (told(help)) } }
                        span.mono.muted.code { (diagnostic.code) }
                    }
                }
            }
        }
    }
}

/// An empty state that teaches: what would be here, and how to get it.
pub(crate) fn empty(title: &str, text: &str, action: Option<(&str, &str)>) -> Markup {
    html! {
        div.empty {
            h2 { (title) }
            p { (text) }
            @if let Some((href, label)) = action { p { a.button.primary href=(href) { (label) } } }
        }
    }
}

/// What is wrong with a field, to stand below its input.
pub(crate) fn wrong(field: &str, told: Option<&str>) -> Markup {
    html! { @if let Some(told) = told { p.error role="alert" id={ (field) "-error" } { (told) } } }
}

/// What an input is described by: its hint if it has one, and what is wrong with it.
pub(crate) fn described(field: &str, has_hint: bool, told: Option<&str>) -> Option<String> {
    let hint = has_hint.then(|| format!("{field}-hint"));
    let ids: Vec<String> = hint.into_iter().chain(told.map(|_| format!("{field}-error"))).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

/// `aria-invalid` of an input.
pub(crate) fn invalid(told: Option<&str>) -> Option<&'static str> {
    told.map(|_| "true")
}

/// An instant as pages tell it: "18 Jan 2027, 14:05 UTC".
pub(crate) fn instant(at: Timestamp) -> Markup {
    let civil = at.to_zoned(TimeZone::UTC).datetime();
    html! {
        time datetime=(at) {
            (longlead_horizon::day(civil.date())) ", "
            (format!("{:02}:{:02}", civil.hour(), civil.minute())) " UTC"
        }
    }
}

/// The page of a record, or of the settings.
pub(crate) fn key_href(key: &RecordKey) -> String {
    match key {
        RecordKey::Settings => "/records/settings".to_owned(),
        RecordKey::Record(kind, id) => record_href(*kind, id),
    }
}

/// The page of a record.
pub(crate) fn record_href(kind: Kind, id: &str) -> String {
    format!("/records/{kind}/{id}")
}

/// The page that explains a date.
pub(crate) fn explain_href(id: &str) -> String {
    format!("/explain/{id}")
}

/// A sentence whose names lead to their records.
pub(crate) fn sentence(segments: &[Segment]) -> Markup {
    html! {
        @for segment in segments {
            @match segment {
                Segment::Text(text) => { (text) }
                Segment::Record { kind, id, text } => { a href=(record_href(*kind, id)) { (text) } }
                Segment::Activity { id, text } => { a href=(explain_href(id.as_str())) { (text) } }
            }
        }
    }
}

/// Data for a script of ours: never run, only read.
pub(crate) fn json_script(id: &str, json: &serde_json::Value) -> Markup {
    // A `<` would end the element if a text held `</script>`.
    let text = json.to_string().replace('<', "\\u003c");
    html! { script type="application/json" id=(id) { (PreEscaped(text)) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_between_back_ticks_are_code_and_a_lone_back_tick_stays_one() {
        for (text, shown) in [
            ("`a<b` is no id", "<code>a&lt;b</code> is no id"),
            ("write `x` or `y`", "write <code>x</code> or <code>y</code>"),
            ("a lone ` stays", "a lone ` stays"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(told(text).into_string(), shown);
        }
    }
}
