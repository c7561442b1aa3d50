//! Every check that needs no order: names, indices, dates, figures.

use std::collections::HashSet;

use crate::{
    activity::{Activity, Progress},
    estimate::Estimate,
    network::{Network, NetworkError},
    risk::Impact,
    time::At,
};

/// Positions are `u32`, and half of the range is left for derived lists.
const COUNT_MAX: usize = 1 << 30;

pub(super) fn check(network: &Network) -> Result<(), NetworkError> {
    check_counts(network)?;
    check_names(network)?;
    check_calendars(network)?;
    let checker = Checker { network };
    checker.date("the status date", network.status)?;
    network.activities.iter().try_for_each(|activity| checker.activity(activity))?;
    checker.links()?;
    checker.groups()?;
    checker.risks()
}

fn check_counts(network: &Network) -> Result<(), NetworkError> {
    let counts = [
        ("activities", network.activities.len()),
        ("links", network.links.len()),
        ("calendars", network.calendars.len()),
        ("teams", network.teams.len()),
        ("risks", network.risks.len()),
        ("groups", network.groups.len()),
    ];
    match counts.into_iter().find(|(_, count)| *count > COUNT_MAX) {
        Some((list, count)) => Err(NetworkError::TooMany { list, count, max: COUNT_MAX }),
        None => Ok(()),
    }
}

fn check_names(network: &Network) -> Result<(), NetworkError> {
    distinct("activities", network.activities.iter().map(|activity| activity.name.as_str()))?;
    distinct("risks", network.risks.iter().map(|risk| risk.name.as_str()))?;
    distinct("groups", network.groups.iter().map(|group| group.name.as_str()))
}

fn distinct<'a>(
    list: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), NetworkError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(NetworkError::DuplicateName { list, name: name.to_owned() });
        }
    }
    Ok(())
}

fn check_calendars(network: &Network) -> Result<(), NetworkError> {
    for (index, calendar) in network.calendars.iter().enumerate() {
        if calendar.horizon_slots() != network.horizon_slots {
            return Err(NetworkError::CalendarHorizon {
                calendar: index,
                calendar_slots: calendar.horizon_slots(),
                horizon_slots: network.horizon_slots,
            });
        }
    }
    Ok(())
}

struct Checker<'a> {
    network: &'a Network,
}

impl Checker<'_> {
    fn activity(&self, activity: &Activity) -> Result<(), NetworkError> {
        let whose = || format!("activity `{}`", activity.name);
        self.calendar(whose, activity.calendar.index())?;
        estimate(whose, &activity.estimate)?;
        if let Some(rework) = &activity.rework {
            let what = || format!("the first-pass probability of {}", whose());
            if !(rework.first_pass > 0.0 && rework.first_pass <= 1.0) {
                return Err(NetworkError::Probability {
                    what: what(),
                    value: rework.first_pass,
                    range: "above 0 and at most 1",
                });
            }
            estimate(|| format!("the rework of {}", whose()), &rework.estimate)?;
        }
        if let Some(group) = activity.group {
            index(whose, "groups", group.index(), self.network.groups.len())?;
        }
        for constraint in &activity.constraints {
            self.date_of(|| format!("a constraint of {}", whose()), constraint.at)?;
        }
        self.progress(activity)?;
        self.demands(activity)
    }

    fn progress(&self, activity: &Activity) -> Result<(), NetworkError> {
        let start_of = || format!("the actual start of activity `{}`", activity.name);
        match &activity.progress {
            Progress::NotStarted => Ok(()),
            Progress::Started { start, remaining } => {
                self.date_of(start_of, *start)?;
                remaining.as_ref().map_or(Ok(()), |remaining| {
                    estimate(|| format!("what remains of activity `{}`", activity.name), remaining)
                })
            }
            Progress::Finished { start, finish } => {
                self.date_of(start_of, *start)?;
                self.date_of(
                    || format!("the actual finish of activity `{}`", activity.name),
                    *finish,
                )?;
                if finish < start {
                    let activity = activity.name.clone();
                    return Err(NetworkError::FinishBeforeStart { activity });
                }
                Ok(())
            }
        }
    }

    fn demands(&self, activity: &Activity) -> Result<(), NetworkError> {
        let whose = || format!("activity `{}`", activity.name);
        let count = self.network.teams.len();
        activity
            .demands
            .iter()
            .try_for_each(|demand| index(whose, "teams", demand.team.index(), count))
    }

    fn links(&self) -> Result<(), NetworkError> {
        let count = self.network.activities.len();
        for (place, link) in self.network.links.iter().enumerate() {
            let whose = || format!("links[{place}]");
            index(whose, "activities", link.from.index(), count)?;
            index(whose, "activities", link.to.index(), count)?;
            self.calendar(whose, link.lag.calendar.index())?;
            // NaN fails this too.
            let fits = link.lag.amount.abs() <= f64::from(self.network.horizon_slots);
            if !fits {
                return Err(NetworkError::Lag {
                    link: self.network.spell_link(link),
                    amount: link.lag.amount,
                    horizon_slots: self.network.horizon_slots,
                });
            }
        }
        Ok(())
    }

    fn groups(&self) -> Result<(), NetworkError> {
        self.network.groups.iter().try_for_each(|group| {
            probability(|| format!("the correlation of group `{}`", group.name), group.rho)
        })
    }

    fn risks(&self) -> Result<(), NetworkError> {
        for risk in &self.network.risks {
            let whose = || format!("risk `{}`", risk.name);
            probability(|| format!("the probability of {}", whose()), risk.probability)?;
            for effect in &risk.effects {
                let count = self.network.activities.len();
                index(whose, "activities", effect.activity.index(), count)?;
                let (Impact::Add(impact) | Impact::Multiply(impact)) = &effect.impact;
                estimate(|| format!("the impact of {}", whose()), impact)?;
            }
        }
        Ok(())
    }

    fn calendar(&self, whose: impl Fn() -> String, calendar: usize) -> Result<(), NetworkError> {
        index(whose, "calendars", calendar, self.network.calendars.len())
    }

    fn date(&self, what: &str, at: At) -> Result<(), NetworkError> {
        self.date_of(|| what.to_owned(), at)
    }

    fn date_of(&self, what: impl Fn() -> String, at: At) -> Result<(), NetworkError> {
        let end = At::start_of(self.network.horizon_slots as i32);
        if at >= At::ZERO && at <= end {
            return Ok(());
        }
        Err(NetworkError::DateOutsideHorizon {
            what: what(),
            slots: at.slots(),
            horizon_slots: self.network.horizon_slots,
        })
    }
}

fn index(
    referrer: impl Fn() -> String,
    list: &'static str,
    index: usize,
    count: usize,
) -> Result<(), NetworkError> {
    if index < count {
        return Ok(());
    }
    Err(NetworkError::UnknownIndex { referrer: referrer(), list, index, count })
}

fn estimate(whose: impl Fn() -> String, estimate: &Estimate) -> Result<(), NetworkError> {
    estimate.validate().map_err(|source| NetworkError::Estimate { whose: whose(), source })
}

fn probability(what: impl Fn() -> String, value: f64) -> Result<(), NetworkError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(NetworkError::Probability { what: what(), value, range: "between 0 and 1" })
}
