//! How activities stand: by the targets that they drive.

use std::collections::BTreeMap;

use longlead_horizon::{ActivityForecast, Forecast, State};
use longlead_model::ActivityId;

/// What drives a date in fewer samples than this doesn't share its fate.
const CRITICALITY_MIN: f64 = 0.25;

/// The worst target that each activity drives.
pub(crate) struct Standings<'a> {
    driven: BTreeMap<&'a str, (State, &'a str)>,
    states: BTreeMap<&'a str, State>,
}

impl<'a> Standings<'a> {
    pub(crate) fn of(forecast: &'a Forecast) -> Standings<'a> {
        let mut driven: BTreeMap<&str, (State, &str)> = BTreeMap::new();
        for milestone in forecast.milestones.iter().filter(|it| it.target.is_some()) {
            for driver in milestone.drivers.iter().filter(|it| it.criticality >= CRITICALITY_MIN) {
                let now = (milestone.state, milestone.title.as_str());
                let worst = driven.entry(driver.activity.as_str()).or_insert(now);
                if severity(now.0) > severity(worst.0) {
                    *worst = now;
                }
            }
        }
        let states = forecast.milestones.iter().map(|it| (it.id.as_str(), it.state)).collect();
        Standings { driven, states }
    }

    /// How an activity stands: as the worst target that it drives, if it drives one.
    pub(crate) fn state(&self, activity: &ActivityForecast) -> State {
        if activity.finished {
            return State::Done;
        }
        let own = self.states.get(activity.id.as_str()).copied();
        let driven = self.driven.get(activity.id.as_str()).map(|(state, _)| *state);
        own.or(driven).unwrap_or(State::Open)
    }

    /// The name of the worst target that an activity drives.
    pub(crate) fn drives(&self, activity: &ActivityId) -> Option<&'a str> {
        self.driven.get(activity.as_str()).map(|(_, title)| *title)
    }
}

/// The worst of several states.
pub(crate) fn worst(states: impl Iterator<Item = State>) -> State {
    states.max_by_key(|it| severity(*it)).unwrap_or(State::Open)
}

fn severity(state: State) -> u8 {
    match state {
        State::Done => 0,
        State::Open => 1,
        State::Safe => 2,
        State::AtRisk => 3,
        State::Lost => 4,
    }
}

/// A state in words that stand alone.
pub(crate) fn state_word(state: State) -> &'static str {
    match state {
        State::Done => "done",
        State::Safe => "safe",
        State::AtRisk => "at risk",
        State::Lost => "lost",
        State::Open => "no target",
    }
}
