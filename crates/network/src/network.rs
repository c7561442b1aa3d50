//! A network as a caller states it: plain data, checked by [`Network::compile`].

use thiserror::Error;

use crate::{
    activity::Activity,
    calendar::Calendar,
    estimate::EstimateError,
    link::{Link, LinkKind},
    risk::{CorrelationGroup, Risk},
    time::At,
};

/// Activities, links and everything that they refer to.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Length of every calendar.
    pub horizon_slots: u32,
    /// The as-of instant: work that has not happened can't happen before it.
    pub status: At,
    /// Referred to by [`CalendarIndex`](crate::CalendarIndex).
    pub calendars: Vec<Calendar>,
    /// Referred to by [`TeamIndex`](crate::TeamIndex).
    pub teams: Vec<Team>,
    /// Referred to by [`ActivityIndex`](crate::ActivityIndex).
    pub activities: Vec<Activity>,
    /// Referred to by [`LinkIndex`](crate::LinkIndex).
    pub links: Vec<Link>,
    /// Events that may happen.
    pub risks: Vec<Risk>,
    /// Referred to by [`GroupIndex`](crate::GroupIndex).
    pub groups: Vec<CorrelationGroup>,
}

impl Network {
    /// A network without activities.
    pub fn new(horizon_slots: u32, status: At) -> Network {
        Network {
            horizon_slots,
            status,
            calendars: Vec::new(),
            teams: Vec::new(),
            activities: Vec::new(),
            links: Vec::new(),
            risks: Vec::new(),
            groups: Vec::new(),
        }
    }
}

/// People or equipment that several activities share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// For messages.
    pub name: String,
    /// Units that can work at one time.
    pub capacity: u32,
}

/// Why a network can't be planned.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum NetworkError {
    /// Two activities, or two risks, or two groups have one name.
    #[error("two {list} are named `{name}`; names key random draws, so give each its own")]
    DuplicateName {
        /// `activities`, `risks` or `groups`.
        list: &'static str,
        /// The name.
        name: String,
    },
    /// A list is longer than an index can count.
    #[error("{count} {list} are more than can be counted; the most is {max}")]
    TooMany {
        /// Which list.
        list: &'static str,
        /// Its length.
        count: usize,
        /// The greatest length.
        max: usize,
    },
    /// An index points past the end of its list.
    #[error("{referrer} refers to {list}[{index}], of which there are {count}")]
    UnknownIndex {
        /// What refers.
        referrer: String,
        /// `activities`, `calendars`, `teams` or `groups`.
        list: &'static str,
        /// The index.
        index: usize,
        /// The length of the list.
        count: usize,
    },
    /// A calendar was made for another horizon.
    #[error(
        "calendars[{calendar}] covers {calendar_slots} slots but the horizon has {horizon_slots}; \
         make every calendar for the network's horizon"
    )]
    CalendarHorizon {
        /// Its position.
        calendar: usize,
        /// What it covers.
        calendar_slots: u32,
        /// What it should cover.
        horizon_slots: u32,
    },
    /// A date lies outside the horizon.
    #[error(
        "{what} is at slot {slots:.2}, outside the horizon of {horizon_slots} slots; \
         move the date or lengthen the horizon"
    )]
    DateOutsideHorizon {
        /// Which date.
        what: String,
        /// Where it lies.
        slots: f64,
        /// The horizon.
        horizon_slots: u32,
    },
    /// An estimate is impossible.
    #[error("the estimate of {whose} is impossible")]
    Estimate {
        /// Whose it is.
        whose: String,
        /// What is wrong with it.
        #[source]
        source: EstimateError,
    },
    /// A probability lies outside 0 to 1, or a first pass that never succeeds.
    #[error("{what} is {value}; it must be {range}")]
    Probability {
        /// Which one.
        what: String,
        /// Its value.
        value: f64,
        /// What is possible.
        range: &'static str,
    },
    /// A lag that is no number or longer than the horizon.
    #[error("the lag of {link} is {amount} slots; it must be a number within ±{horizon_slots}")]
    Lag {
        /// The link in words.
        link: String,
        /// The lag.
        amount: f64,
        /// The horizon.
        horizon_slots: u32,
    },
    /// An activity that finished before it started.
    #[error("`{activity}` is said to finish before it starts; exchange its actual dates")]
    FinishBeforeStart {
        /// Its name.
        activity: String,
    },
    /// Links that wait for each other.
    #[error("these activities wait for each other: {}; remove one of the links", spell(.activities))]
    Cycle {
        /// Names in the order of the links; the last one leads back to the first.
        activities: Vec<String>,
    },
}

fn spell(names: &[String]) -> String {
    let mut text = String::new();
    for name in names.iter().chain(names.first()) {
        if !text.is_empty() {
            text.push_str(" → ");
        }
        text.push('`');
        text.push_str(name);
        text.push('`');
    }
    text
}

impl Network {
    /// A link in words, for messages: ``FS `a` → `b` ``.
    pub(crate) fn spell_link(&self, link: &Link) -> String {
        let name = |index: crate::index::ActivityIndex| {
            self.activities.get(index.index()).map_or("?", |activity| activity.name.as_str())
        };
        let kind: LinkKind = link.kind;
        format!("{} `{}` → `{}`", kind.abbreviation(), name(link.from), name(link.to))
    }
}
