//! Why a proposed contract says what it says.

use std::fmt;

use longlead_model::FieldKind;

/// Why a choice was made. [`Display`](fmt::Display) puts it into a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// A field names the device, since nothing else does.
    NamesDevice {
        /// The field.
        field: String,
    },
    /// A field is of the kind of most of its values.
    Kind {
        /// The kind.
        kind: FieldKind,
        /// How many values are of it.
        values: u64,
        /// How many aren't, and would go to quarantine.
        others: u64,
    },
    /// A whole number rises and hardly ever falls.
    Rises {
        /// How often it rose from one reading of a device to the next.
        rises: u64,
        /// How often it fell.
        falls: u64,
    },
    /// All values are whole, but the unit measures, so that decimals may come.
    WholeButMeasured,
    /// A field is kept in the unit of most of its values.
    Unit {
        /// Its UCUM code.
        unit: String,
        /// As it was sent.
        sent: String,
        /// How many values came in it.
        values: u64,
    },
    /// Values came in a unit that nobody knows.
    UnknownUnit {
        /// As it was sent.
        unit: String,
        /// How many values came in it.
        values: u64,
    },
    /// What was seen lies between these, in the field's unit; the range adds room.
    Range {
        /// The lowest.
        low: f64,
        /// The highest.
        high: f64,
    },
    /// How many readings had the field.
    Present {
        /// Those that had it.
        readings: u64,
        /// All.
        of: u64,
        /// Whether it is proposed to be required.
        required: bool,
    },
    /// The middle interval between readings of a device.
    Cadence {
        /// How many intervals there were.
        intervals: u64,
        /// The middle one, in microseconds.
        middle_micros: u64,
    },
    /// There are more fields than any contract should have.
    LeftOut {
        /// How many values had names beyond those looked at.
        fields: u64,
    },
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Choice::NamesDevice { field } => {
                write!(f, "nothing but `{field}` tells which device took a reading")
            }
            Choice::Kind { kind, values, others: 0 } => write!(f, "all {values} values are {kind}"),
            Choice::Kind { kind, values, others } => {
                write!(f, "{values} values are {kind}; {others} aren't and would be held back")
            }
            Choice::Rises { rises, falls } => {
                write!(
                    f,
                    "it rose {rises} times from one reading to the next and fell {falls} times"
                )
            }
            Choice::WholeButMeasured => {
                f.write_str("all values are whole, but what has a unit may come with decimals")
            }
            Choice::Unit { unit, sent, values } if unit == sent => {
                write!(f, "{values} values came in {unit}")
            }
            Choice::Unit { unit, sent, values } => {
                write!(f, "{values} values came in {sent}, which UCUM writes {unit}")
            }
            Choice::UnknownUnit { unit, values } => {
                write!(f, "{values} values came in `{}`, which is no unit", unit.escape_debug())
            }
            Choice::Range { low, high } => {
                // More digits than a sensor has say nothing.
                let short = |it: &f64| format!("{it:.5e}").parse().unwrap_or(*it);
                let (low, high): (f64, f64) = (short(low), short(high));
                write!(f, "what was seen lies between {low} and {high}")
            }
            Choice::Present { of, required: true, .. } => write!(f, "all {of} readings had it"),
            Choice::Present { readings, of, .. } => write!(f, "{readings} of {of} readings had it"),
            Choice::Cadence { intervals, middle_micros } => {
                let seconds = (*middle_micros as f64 / 1e5).round() / 10.0;
                write!(f, "the middle of {intervals} intervals between readings is {seconds} s")
            }
            Choice::LeftOut { fields } => {
                write!(f, "{fields} values had names beyond those that were looked at")
            }
        }
    }
}
