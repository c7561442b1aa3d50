//! Colour and weight. What they say is always said in words or signs too; where colour isn't
//! wanted, the stream that prints takes it out.

use anstyle::{AnsiColor, Style};
use longlead_horizon::State;

use crate::output::wrap;

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const CAREFUL: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();

pub(crate) fn paint(style: Style, text: &str) -> String {
    let text = wrap::harmless(text);
    if style == PLAIN { text } else { format!("{style}{text}{style:#}") }
}

pub(crate) fn bold(text: &str) -> String {
    paint(BOLD, text)
}

pub(crate) fn dim(text: &str) -> String {
    paint(DIM, text)
}

pub(crate) fn error(text: &str) -> String {
    paint(BAD.bold(), text)
}

pub(crate) fn warning(text: &str) -> String {
    paint(CAREFUL.bold(), text)
}

/// The title of a section.
pub(crate) fn heading(text: &str) -> String {
    format!("\n{}\n", bold(text))
}

/// A command to type next.
pub(crate) fn command(text: &str) -> String {
    paint(AnsiColor::Cyan.on_default(), text)
}

pub(crate) fn of_state(state: State) -> Style {
    match state {
        State::Done => DIM,
        State::Safe => GOOD,
        State::AtRisk => CAREFUL,
        State::Lost => BAD,
        State::Open => PLAIN,
    }
}
