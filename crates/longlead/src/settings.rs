//! What holds for one run: arguments, environment and the day, settled before anything is read.

use std::env;
use std::io::{IsTerminal as _, stdout};

use anstream::ColorChoice;
use jiff::civil::Date;
use longlead_horizon::Ask;
use longlead_model::{ActivityId, Bundle};

use crate::args::{Color, Finding, GlobalArguments};

/// Settings of a run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) output: OutputSettings,
    pub(crate) discipline: Option<String>,
    pub(crate) scenario: Option<String>,
    pub(crate) fail_on: Vec<Finding>,
    pub(crate) as_of: Option<Date>,
    pub(crate) today: Date,
    pub(crate) seed: Option<u64>,
    pub(crate) samples: Option<u32>,
    pub(crate) confidence: Option<f64>,
    pub(crate) threads: usize,
    pub(crate) levelled: bool,
}

/// How answers look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputSettings {
    pub(crate) json: bool,
    pub(crate) color: ColorChoice,
    pub(crate) width: usize,
    pub(crate) all: bool,
}

/// The width where there is no terminal: a table in a file or mail still reads well.
const WIDTH_OF_FILES: usize = 120;

impl Settings {
    pub(crate) fn new(arguments: &GlobalArguments, today: Date) -> Settings {
        Settings {
            output: OutputSettings {
                json: arguments.json,
                color: match arguments.color {
                    Color::Auto => ColorChoice::Auto,
                    Color::Always => ColorChoice::Always,
                    Color::Never => ColorChoice::Never,
                },
                width: width(),
                all: arguments.all,
            },
            discipline: arguments.discipline.clone(),
            scenario: arguments.scenario.clone(),
            fail_on: arguments.fail_on.clone(),
            as_of: arguments.as_of,
            today,
            seed: arguments.seed,
            samples: arguments.samples,
            confidence: arguments.confidence,
            threads: arguments.threads,
            levelled: !arguments.no_levelling,
        }
    }

    /// What is asked of a plan of this bundle: options first, then the bundle's settings.
    pub(crate) fn ask(&self, bundle: &Bundle, focus: Option<ActivityId>) -> Ask {
        let as_of = self.as_of.or(bundle.settings.as_of).unwrap_or(self.today);
        let own = Ask::of(bundle, as_of);
        Ask {
            seed: self.seed.unwrap_or(own.seed),
            samples: self.samples.unwrap_or(own.samples),
            confidence: self.confidence.unwrap_or(own.confidence),
            threads: self.threads,
            levelled: self.levelled,
            focus,
            ..own
        }
    }
}

/// Columns to fit into: COLUMNS if it is set, else the terminal's.
fn width() -> usize {
    let named = env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok());
    let terminal = || {
        let size = terminal_size::terminal_size().filter(|_| stdout().is_terminal());
        size.map(|(width, _)| usize::from(width.0))
    };
    named.or_else(terminal).unwrap_or(WIDTH_OF_FILES).clamp(40, 400)
}
