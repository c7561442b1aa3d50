//! What stands on the timeline, in days: which activities make one item, in which lane, and how
//! it stands. Knows nothing of pixels.

mod chain;
mod decision;
mod facet;
mod hardware;
mod software;
mod standing;

use std::collections::BTreeMap;
use std::ops::Bound;

use jiff::civil::Date;
use longlead_horizon::{
    ActivityForecast, Derivation, Forecast, MilestoneForecast, Role, State, day, percent,
};
use longlead_model::{ActivityId, Band, Bundle};

use crate::page::horizons::view::View;
pub(crate) use chain::chains;
pub(crate) use decision::Mark;
use standing::Standings;
pub(crate) use standing::state_word;

/// All that stands on the timeline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scene {
    /// Hardware first.
    pub(crate) groups: Vec<Group>,
    /// Decisions that aren't past, by date.
    pub(crate) decisions: Vec<Mark>,
    /// When factories and offices are closed for so long that it shows.
    pub(crate) closures: Vec<Closure>,
    /// Why one item waits for another.
    pub(crate) ties: Vec<Tie>,
}

/// What belongs together: a revision, or the features of a product.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) band: Band,
    pub(crate) title: String,
    /// A fact about it, such as its devices in the field.
    pub(crate) note: String,
    pub(crate) lanes: Vec<Lane>,
}

/// Items of one kind within a group.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    /// What `detail` names it by.
    pub(crate) id: String,
    /// Empty where the group has only this lane.
    pub(crate) title: String,
    pub(crate) items: Vec<Item>,
    /// True if items stand for several that can be shown one by one.
    pub(crate) can_open: bool,
}

/// Something on the timeline: one activity, or several that are told as one.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The activity that explains it.
    pub(crate) id: String,
    /// A short name, as the lane says the rest.
    pub(crate) label: String,
    /// A figure after the name: the probability of its target.
    pub(crate) note: String,
    /// All of it in a sentence or two.
    pub(crate) told: String,
    pub(crate) state: State,
    /// How much it matters that it is labelled.
    pub(crate) rank: u32,
    pub(crate) segments: Vec<Segment>,
    /// The day of what it leads to, where that is a point in time.
    pub(crate) point: Option<Date>,
    /// P10 and P90 of its finish.
    pub(crate) spread: Option<(Date, Date)>,
    /// The last day on which it is on time.
    pub(crate) target: Option<Date>,
    /// The median of its finish.
    pub(crate) finish: Date,
    /// The probability that it is on time.
    pub(crate) on_time: Option<f64>,
    /// The activities that it stands for.
    pub(crate) covers: Vec<ActivityId>,
}

/// A stretch of an item.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) kind: SegmentKind,
    pub(crate) from: Date,
    /// Last day, included.
    pub(crate) to: Date,
    /// What is written into it if it fits.
    pub(crate) label: String,
}

/// What happens in a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SegmentKind {
    Work,
    /// Validation after a build, shipping after certification: the same item, another step.
    Next,
    /// Nothing but waiting for hardware.
    Wait,
}

/// A time in which nobody works.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Closure {
    pub(crate) from: Date,
    pub(crate) to: Date,
    pub(crate) title: String,
}

/// Why one thing waits for another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tie {
    pub(crate) kind: TieKind,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) told: String,
}

/// What ties two things together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TieKind {
    /// Hardware carries a feature.
    Carries,
    /// A decision gates an activity.
    Gates,
    /// One follows the other; drawn only where the reader points.
    Precedes,
}

impl Item {
    /// The first day that is drawn.
    pub(crate) fn first(&self) -> Date {
        let starts = self.segments.iter().map(|it| it.from);
        let low = self.spread.map(|it| it.0);
        starts.chain(self.point).chain(low).min().unwrap_or(self.finish)
    }

    /// The last day that is drawn.
    pub(crate) fn last(&self) -> Date {
        let ends = self.segments.iter().map(|it| it.to);
        let high = self.spread.map(|it| it.1);
        ends.chain(self.point).chain(high).max().unwrap_or(self.finish)
    }
}

impl Scene {
    /// All items with their groups.
    pub(crate) fn items(&self) -> impl Iterator<Item = (&Group, &Item)> {
        let of_group =
            |group| -> Box<dyn Iterator<Item = (&Group, &Item)> + '_> { items_of(group) };
        self.groups.iter().flat_map(of_group)
    }
}

fn items_of(group: &Group) -> Box<dyn Iterator<Item = (&Group, &Item)> + '_> {
    Box::new(group.lanes.iter().flat_map(move |lane| lane.items.iter().map(move |it| (group, it))))
}

/// What scenes are made from.
pub(crate) struct Facts<'a> {
    pub(crate) forecast: &'a Forecast,
    pub(crate) derivation: &'a Derivation,
    pub(crate) bundle: &'a Bundle,
    pub(crate) view: &'a View,
    activities: BTreeMap<&'a str, &'a ActivityForecast>,
    milestones: BTreeMap<&'a str, &'a MilestoneForecast>,
    standings: Standings<'a>,
}

impl<'a> Facts<'a> {
    /// What a reader sees of a plan, in a view.
    pub(crate) fn new(
        forecast: &'a Forecast,
        derivation: &'a Derivation,
        bundle: &'a Bundle,
        view: &'a View,
    ) -> Facts<'a> {
        Facts {
            forecast,
            derivation,
            bundle,
            view,
            activities: forecast.activities.iter().map(|it| (it.id.as_str(), it)).collect(),
            milestones: forecast.milestones.iter().map(|it| (it.id.as_str(), it)).collect(),
            standings: Standings::of(forecast),
        }
    }

    fn as_of(&self) -> Date {
        self.forecast.as_of
    }

    fn activity(&self, id: &ActivityId) -> Option<&'a ActivityForecast> {
        self.activities.get(id.as_str()).copied()
    }

    /// The activities of a verb that act on something.
    fn derived(
        &self,
        verb: &str,
        on: &str,
    ) -> impl Iterator<Item = (&'a str, &'a ActivityForecast)> + use<'a> {
        let prefix = format!("{verb}:{on}:");
        let from =
            self.activities.range::<str, _>((Bound::Included(prefix.as_str()), Bound::Unbounded));
        let found: Vec<_> = from
            .take_while(|(id, _)| id.starts_with(&prefix))
            .map(|(id, it)| (id.get(prefix.len()..).unwrap_or_default(), *it))
            .collect();
        found.into_iter()
    }

    /// True if the filters leave an item of these activities in.
    fn is_shown(&self, covers: &[ActivityId]) -> bool {
        facet::is_shown(self, covers)
    }

    /// An item of one activity.
    fn item(&self, activity: &ActivityForecast, label: String) -> Item {
        let milestone = self.milestones.get(activity.id.as_str()).copied();
        let mut item = Item {
            id: activity.id.to_string(),
            label,
            note: String::new(),
            told: String::new(),
            state: self.standings.state(activity),
            rank: 0,
            segments: Vec::new(),
            point: None,
            spread: spread(activity),
            target: None,
            finish: activity.finish_p50,
            on_time: None,
            covers: vec![activity.id.clone()],
        };
        if activity.role.has_work() {
            item.segments.push(work(activity));
        } else {
            item.point = Some(activity.finish_p50);
        }
        if let Some(milestone) = milestone {
            aim(&mut item, milestone);
        }
        self.tell(&mut item, &activity.title);
        item.rank = rank(&item, activity.criticality, activity.finished);
        item
    }

    /// Says all of an item in sentences, for those who can't see it and those who point at it.
    fn tell(&self, item: &mut Item, title: &str) {
        let first = item.first();
        let when = match item.state {
            State::Done if item.point.is_some() => format!("on {}", day(item.finish)),
            State::Done => format!("{} to {}", day(first), day(item.finish)),
            _ => {
                let from = match item.segments.first() {
                    Some(segment) => format!("{} to ", day(segment.from)),
                    None => String::new(),
                };
                let spread = item.spread.map_or(String::new(), |(low, high)| {
                    format!(" (P10 {}, P90 {})", day(low), day(high))
                });
                format!("{from}{}{spread}", day(item.finish))
            }
        };
        let target = match (item.target, item.on_time) {
            (Some(target), Some(share)) if item.state != State::Done => {
                format!(" On time by {} with {}.", day(target), percent(share))
            }
            (Some(target), _) => format!(" Target {}.", day(target)),
            _ => String::new(),
        };
        let drives = match item.target {
            None => item.covers.iter().find_map(|id| self.standings.drives(id)),
            Some(_) => None,
        };
        let drives = drives.map_or(String::new(), |title| format!(" It drives “{title}”."));
        let state = state_word(item.state);
        item.told = format!("{title}: {when}. {}.{target}{drives}", capitalised(state));
    }
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().map(|it| it.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", characters.as_str())
}

fn work(activity: &ActivityForecast) -> Segment {
    Segment {
        kind: SegmentKind::Work,
        from: activity.start_p50.min(activity.finish_p50),
        to: activity.finish_p50,
        label: String::new(),
    }
}

/// P10 and P90; what has happened has none.
fn spread(activity: &ActivityForecast) -> Option<(Date, Date)> {
    let spread = (activity.finish_p10, activity.finish_p90);
    (!activity.finished && spread.0 < spread.1).then_some(spread)
}

/// What an item takes from the milestone that it leads to.
fn aim(item: &mut Item, milestone: &MilestoneForecast) {
    item.state = milestone.state;
    item.target = milestone.target;
    item.on_time = milestone.on_time;
    item.finish = milestone.p50;
    let is_open = milestone.state != State::Done;
    item.spread =
        (is_open && milestone.p10 < milestone.p90).then_some((milestone.p10, milestone.p90));
    if let Some(share) = milestone.on_time.filter(|_| is_open && milestone.target.is_some()) {
        item.note = percent(share);
    }
}

/// Targets first, the shakiest before the safe; then what is critical, then what is to come.
fn rank(item: &Item, criticality: f64, finished: bool) -> u32 {
    match (item.target, item.state) {
        (_, State::Done) => 5,
        (Some(_), State::Lost | State::AtRisk) => 100,
        (Some(_), _) => 80,
        (None, State::Lost | State::AtRisk) => 70,
        _ if criticality >= 0.5 => 60,
        _ if finished => 5,
        _ => 20,
    }
}

/// What stands on the timeline in a view.
pub(crate) fn scene(facts: &Facts<'_>) -> Scene {
    let mut groups = hardware::groups(facts);
    groups.extend(software::groups(facts));
    for lane in groups.iter_mut().flat_map(|group| &mut group.lanes) {
        lane.items.retain(|item| facts.is_shown(&item.covers));
        lane.items.sort_by(|a, b| (a.first(), &a.id).cmp(&(b.first(), &b.id)));
    }
    let mut scene = Scene {
        groups,
        decisions: decision::marks(facts),
        closures: closures(facts),
        ties: Vec::new(),
    };
    scene.ties = chain::ties(facts, &scene);
    scene
}

/// A shutdown shorter than this shows on no scale.
const CLOSURE_DAYS_MIN: i32 = 5;

/// The shutdowns of the calendars that hardware is worked on; one that several calendars have is
/// told once, as long as it is for any of them.
fn closures(facts: &Facts<'_>) -> Vec<Closure> {
    let calendars = facts.bundle.records.calendars.values();
    let mut closures: Vec<Closure> = calendars
        .flat_map(|calendar| &calendar.shutdowns)
        .map(|it| Closure { from: it.from, to: it.to, title: it.title.clone() })
        .filter(|it| super::view::days_between(it.from, it.to) + 1 >= CLOSURE_DAYS_MIN)
        .collect();
    closures.sort();
    closures.dedup_by(|next, kept| {
        let is_same = next.title == kept.title && next.from <= kept.to;
        if is_same {
            kept.to = kept.to.max(next.to);
        }
        is_same
    });
    closures
}

/// Authored work and milestones of a band.
fn authored(facts: &Facts<'_>, band: Band, title: &str) -> Group {
    let of_band = facts.forecast.activities.iter().filter(|it| it.band == band);
    let mut lanes = [Role::Authored, Role::Milestone].map(|role| {
        let of_role = of_band.clone().filter(|it| it.role == role);
        let items: Vec<Item> = of_role.map(|it| facts.item(it, it.title.clone())).collect();
        (role, items)
    });
    let lanes = lanes.iter_mut().filter(|(_, items)| !items.is_empty());
    let lanes = lanes
        .map(|(role, items)| Lane {
            id: format!(
                "{}-{}",
                band.as_str(),
                if *role == Role::Milestone { "milestones" } else { "work" }
            ),
            title: if *role == Role::Milestone { "Milestones" } else { "Work" }.to_owned(),
            items: std::mem::take(items),
            can_open: false,
        })
        .collect();
    Group { band, title: title.to_owned(), note: String::new(), lanes }
}
