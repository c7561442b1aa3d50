//! Puts what a score is made of into sentences.

use std::fmt;

use super::{Basis, Statement};

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Basis::Sequence => "by their numbers",
            Basis::Cadence => "by the cadence",
            Basis::Mixed => "by numbers where there are any, else by the cadence",
        })
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Statement::Completeness { received, expected, basis, objective, gaps } => {
                let (received, expected) = (Count(received), Count(expected));
                write!(f, "{received} of {expected} readings due are there, counted {basis}")?;
                match gaps {
                    0 => {}
                    1 => f.write_str("; the rest is missing in one gap")?,
                    gaps => write!(f, "; the rest is missing in {} gaps", Count(gaps))?,
                }
                match objective {
                    Some(objective) => write!(f, "; agreed are {}", Percent(objective)),
                    None => Ok(()),
                }
            }
            Statement::Freshness { fresh, stale } => {
                let devices = Count(fresh + stale);
                write!(f, "{} of {devices} devices have sent lately", Count(fresh))
            }
            Statement::Timeliness { timely, late, p95 } => {
                let all = Count(timely + late);
                write!(f, "{} of {all} rows arrived in time", Count(timely))?;
                match p95 {
                    Some(p95) => write!(f, "; 95 of 100 took no longer than {}", Span(p95)),
                    None => Ok(()),
                }
            }
            Statement::Fit { rows, quarantined } => {
                let (rows, quarantined) = (Count(rows), Count(quarantined));
                write!(f, "{rows} readings fit the contract, {quarantined} are in quarantine")
            }
            Statement::Clock { good, untold, future, unset, steps_back } => {
                write!(f, "{} rows have a time to be trusted", Count(good))?;
                for (count, what) in [
                    (untold, "told none"),
                    (future, "came from the future"),
                    (unset, "came from clocks that were never set"),
                ] {
                    if count > 0 {
                        write!(f, ", {} {what}", Count(count))?;
                    }
                }
                match steps_back {
                    0 => Ok(()),
                    1 => f.write_str("; a clock stepped back once"),
                    times => write!(f, "; clocks stepped back {times} times"),
                }
            }
            Statement::Sensors { sensors, stuck, drifting } => {
                let [sensors, stuck, drifting] = [sensors, stuck, drifting].map(Count);
                write!(f, "{stuck} of {sensors} sensors stick, {drifting} drift")
            }
        }
    }
}

/// A count with its thousands set apart.
struct Count(u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A share as people read it.
struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Six digits hide 0.07 × 100 = 7.000000000000001.
        write!(f, "{} %", (self.0 * 1e8).round() / 1e6)
    }
}

/// Microseconds in the unit in which people tell such a span.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 as f64 / 1e6;
        let (number, unit) = match seconds {
            _ if seconds < 1.0 => (seconds * 1e3, "ms"),
            _ if seconds < 120.0 => (seconds, "s"),
            _ if seconds < 7_200.0 => (seconds / 60.0, "min"),
            _ if seconds < 172_800.0 => (seconds / 3_600.0, "h"),
            _ => (seconds / 86_400.0, "d"),
        };
        write!(f, "{} {unit}", (number * 10.0).round() / 10.0)
    }
}
