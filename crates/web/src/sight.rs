//! What an organisation sees: everything, or, for a partner, what is shared with it.
//!
//! A share names a record. Whoever has it sees that record and all that belongs to it: the BOM
//! lines, builds and certificates of a revision, the offers, orders and builds of a supplier, the
//! work of a team. A derived activity is seen by whoever sees every record that its id names, and
//! what really happened to it, its actual, may be changed by whoever may change all of these. What
//! a seen record refers to stays an id: the record behind it isn't shown.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use longlead_horizon::{Forecast, Foresight, MilestoneForecast, Plan, Role as ActivityRole};
use longlead_model::{ActivityId, Bundle, Code, Diagnostic, Edit, Kind, RecordKey};
use longlead_records::people::{Role, Share, ShareLevel, User};

use crate::app::App;
use crate::engine::Outlook;
use crate::problem::Problem;
use crate::reader::Seen;

/// What a reader sees.
#[derive(Debug)]
pub(crate) enum Sight {
    /// Everything.
    Whole,
    /// What is shared.
    Shared(Arc<Shared>),
}

/// What is shared with a partner's organisation.
#[derive(Debug)]
pub(crate) struct Shared {
    keys: BTreeMap<RecordKey, ShareLevel>,
    /// Ids that derived activities may name, each with the least that may be done with the records
    /// of that id. All of them are seen.
    subjects: BTreeMap<String, ShareLevel>,
    bundle: Bundle,
    /// None if there is no plan.
    forecast: Option<Forecast>,
    /// The ids of the activities that are seen.
    activities: BTreeSet<String>,
}

/// What the shares of an organisation come to: records, and what may be done with them.
type Shares = BTreeMap<RecordKey, ShareLevel>;

/// Organisations whose sight is kept at hand with a plan.
const KEPT_MAX: usize = 32;

/// What partners see of one plan: made once for what is shared, as it takes the product apart.
#[derive(Debug, Default)]
pub(crate) struct Sights(Mutex<VecDeque<(Shares, Arc<Shared>)>>);

impl Sights {
    fn kept(&self, shares: &Shares) -> Option<Arc<Shared>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(of, _)| of == shares).map(|(_, shared)| Arc::clone(shared))
    }

    fn keep(&self, shares: Shares, shared: &Arc<Shared>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front((shares, Arc::clone(shared)));
        kept.truncate(KEPT_MAX);
    }
}

impl Sight {
    pub(crate) async fn of(app: &App, user: &User, outlook: &Outlook) -> Result<Sight, Problem> {
        if user.role != Role::Partner {
            return Ok(Sight::Whole);
        }
        let shares = app.people().shares(Some(user.organisation)).await?;
        Ok(Sight::of_shares(&shares, outlook))
    }

    /// What someone sees with whose organisation this is shared.
    pub(crate) fn of_shares(shares: &[Share], outlook: &Outlook) -> Sight {
        let shares: Shares = shares.iter().map(|share| (share.key.clone(), share.level)).collect();
        let shared = outlook.sights.kept(&shares).unwrap_or_else(|| {
            let shared = Arc::new(Shared::new(shares.clone(), outlook));
            outlook.sights.keep(shares, &shared);
            shared
        });
        Sight::Shared(shared)
    }

    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Sight::Whole)
    }

    pub(crate) fn bundle<'a>(&'a self, outlook: &'a Outlook) -> &'a Bundle {
        match self {
            Sight::Whole => &outlook.bundle,
            Sight::Shared(shared) => &shared.bundle,
        }
    }

    /// The forecast that is seen; none for a partner if there was no plan to take it from.
    pub(crate) fn forecast<'a>(&'a self, plan: &'a Plan) -> Option<&'a Forecast> {
        match self {
            Sight::Whole => Some(&plan.forecast),
            Sight::Shared(shared) => shared.forecast.as_ref(),
        }
    }

    pub(crate) fn sees(&self, key: &RecordKey) -> bool {
        match self {
            Sight::Whole => true,
            Sight::Shared(shared) => shared.level(key).is_some(),
        }
    }

    pub(crate) fn may_write(&self, key: &RecordKey) -> bool {
        match self {
            Sight::Whole => true,
            Sight::Shared(shared) => shared.level(key) == Some(ShareLevel::Edit),
        }
    }

    pub(crate) fn sees_activity(&self, id: &str) -> bool {
        match self {
            Sight::Whole => true,
            Sight::Shared(shared) => shared.activities.contains(id),
        }
    }
}

impl Shared {
    fn new(shares: Shares, outlook: &Outlook) -> Shared {
        let mut keys = with_belongings(&outlook.bundle, shares);
        let subjects = subjects(&outlook.bundle, &keys);
        for id in outlook.bundle.records.ids(Kind::Actual) {
            if let Some(level) = level_of_actual(id, &keys, &subjects) {
                keys.insert(RecordKey::Record(Kind::Actual, id.to_owned()), level);
            }
        }
        let texts: Vec<(RecordKey, String)> =
            keys.keys().filter_map(|key| Some((key.clone(), outlook.bundle.text(key)?))).collect();
        // References to what isn't shared lead nowhere, and that is as it should be.
        let (mut bundle, _) = Bundle::assemble(&texts);
        bundle.settings = outlook.bundle.settings.clone();
        let plan = outlook.plan.as_ref().ok();
        let forecast = plan.map(|plan| forecast(plan, &outlook.bundle, &keys));
        let activities = forecast.iter().flat_map(|it| &it.activities);
        let activities = activities.map(|it| it.id.to_string()).collect();
        Shared { keys, subjects, bundle, forecast, activities }
    }

    /// What may be done with a record. What really happened may be asked for before anyone has
    /// recorded it.
    fn level(&self, key: &RecordKey) -> Option<ShareLevel> {
        let known = self.keys.get(key).copied();
        known.or_else(|| match key {
            RecordKey::Record(Kind::Actual, id) => level_of_actual(id, &self.keys, &self.subjects),
            _ => None,
        })
    }
}

/// What may be done with the actual of an activity: what may be done with every record that the
/// activity follows from.
fn level_of_actual(
    activity: &str,
    keys: &Shares,
    subjects: &BTreeMap<String, ShareLevel>,
) -> Option<ShareLevel> {
    match activity.split_once(':') {
        Some((_, names)) => {
            let levels = names.split(':').map(|name| subjects.get(name).copied());
            levels.collect::<Option<Vec<_>>>()?.into_iter().min()
        }
        None => keys.get(&RecordKey::Record(Kind::Activity, activity.to_owned())).copied(),
    }
}

/// The ids of records that derived activities name. An id doesn't say its kind, so all records that
/// have it must be seen.
fn subjects(bundle: &Bundle, keys: &Shares) -> BTreeMap<String, ShareLevel> {
    let mut subjects = BTreeMap::new();
    for key in keys.keys() {
        if let RecordKey::Record(kind, id) = key
            && SUBJECTS.contains(kind)
        {
            let there = SUBJECTS.iter().filter(|kind| bundle.records.has(**kind, id));
            let levels = there.map(|kind| keys.get(&RecordKey::Record(*kind, id.clone())).copied());
            let levels: Option<Vec<ShareLevel>> = levels.collect();
            if let Some(level) = levels.and_then(|levels| levels.into_iter().min()) {
                subjects.insert(id.clone(), level);
            }
        }
    }
    subjects
}

/// The fields by which a record belongs to another.
const BELONGS: &[(Kind, &str, Kind)] = &[
    (Kind::Revision, "product", Kind::Product),
    (Kind::Feature, "product", Kind::Product),
    (Kind::BomLine, "revision", Kind::Revision),
    (Kind::Build, "revision", Kind::Revision),
    (Kind::Certificate, "revision", Kind::Revision),
    (Kind::Certificate, "regime", Kind::Regime),
    (Kind::Build, "supplier", Kind::Supplier),
    (Kind::Offer, "supplier", Kind::Supplier),
    (Kind::Order, "supplier", Kind::Supplier),
    (Kind::Activity, "work.team", Kind::Team),
    (Kind::Requirement, "stakeholder", Kind::Stakeholder),
    (Kind::Criterion, "stakeholder", Kind::Stakeholder),
];

/// The shared records with all that belongs to them, and to these in turn.
fn with_belongings(bundle: &Bundle, mut keys: Shares) -> Shares {
    keys.retain(|key, _| match key {
        RecordKey::Settings => false,
        RecordKey::Record(kind, id) => bundle.records.has(*kind, id),
    });
    let mut waiting: Vec<RecordKey> = keys.keys().cloned().collect();
    while let Some(owner) = waiting.pop() {
        let RecordKey::Record(owner_kind, owner_id) = &owner else {
            continue;
        };
        let level = keys.get(&owner).copied().unwrap_or(ShareLevel::View);
        for key in bundle.mentioned_by(*owner_kind, owner_id) {
            let held = keys.get(&key).copied();
            let is_news =
                held.is_none() || (held == Some(ShareLevel::View) && level != ShareLevel::View);
            if is_news && belongs(bundle, &key, *owner_kind, owner_id) {
                keys.insert(key.clone(), level);
                waiting.push(key);
            }
        }
    }
    keys
}

fn belongs(bundle: &Bundle, key: &RecordKey, owner_kind: Kind, owner_id: &str) -> bool {
    let RecordKey::Record(kind, _) = key else {
        return false;
    };
    bundle.mentions(key).iter().any(|mention| {
        mention.kind == owner_kind
            && mention.id == owner_id
            && BELONGS.contains(&(*kind, mention.path.as_str(), owner_kind))
    })
}

fn forecast(plan: &Plan, bundle: &Bundle, keys: &Shares) -> Forecast {
    let whole = &plan.forecast;
    let sees = |kind: Kind, id: &str| keys.contains_key(&RecordKey::Record(kind, id.to_owned()));
    let sees_node = |id: &ActivityId, role| subjects_seen(bundle, id, role, &sees);
    let milestones = whole.milestones.iter().filter(|it| sees_node(&it.id, it.role));
    let activities = whole.activities.iter().filter(|it| sees_node(&it.id, it.role));
    let activities: Vec<_> = activities.cloned().collect();
    let seen: BTreeSet<&ActivityId> = activities.iter().map(|activity| &activity.id).collect();
    let is_seen = |id: &ActivityId| seen.contains(id);
    let without_others = |milestone: &MilestoneForecast| {
        let mut milestone = milestone.clone();
        milestone.drivers.retain(|driver| is_seen(&driver.activity));
        milestone.supposed.retain(|(revision, capability)| {
            sees(Kind::Revision, revision.as_str()) && sees(Kind::Capability, capability.as_str())
        });
        milestone
    };
    let milestones = milestones.map(without_others).collect();
    let decisions = whole.decisions.iter().filter(|it| sees(Kind::Decision, it.id.as_ref()));
    let without_limits = |decision: &longlead_horizon::DecisionForecast| {
        let mut decision = decision.clone();
        decision.limited_by.retain(|limit| is_seen(&limit.activity));
        decision.gates.retain(is_seen);
        decision.needed_by.retain(|feature, _| sees(Kind::Feature, feature.as_str()));
        decision.because.clear();
        decision
    };
    let decisions = decisions.map(without_limits).collect();
    let coverage = whole.coverage.iter().filter(|it| {
        sees(Kind::Feature, it.feature.as_str()) && sees(Kind::Revision, it.revision.as_str())
    });
    Forecast {
        milestones,
        decisions,
        coverage: coverage.cloned().collect(),
        coverage_over_time: Vec::new(),
        foresight: Foresight::default(),
        focus: None,
        activities,
        ..whole.clone()
    }
}

/// Whether every record that the id of an activity names is seen.
fn subjects_seen(
    bundle: &Bundle,
    id: &ActivityId,
    role: ActivityRole,
    sees: &impl Fn(Kind, &str) -> bool,
) -> bool {
    let names: Vec<&str> = id.as_str().split(':').collect();
    match (role, names.as_slice()) {
        (ActivityRole::Authored, [id]) => sees(Kind::Activity, id),
        (ActivityRole::Milestone, [id]) => sees(Kind::Milestone, id),
        (_, [_, names @ ..]) if !names.is_empty() => {
            names.iter().all(|name| any_seen(bundle, name, sees))
        }
        _ => false,
    }
}

/// Kinds that the ids of derived activities name.
const SUBJECTS: &[Kind] = &[
    Kind::Build,
    Kind::Part,
    Kind::Revision,
    Kind::Regime,
    Kind::Market,
    Kind::Feature,
    Kind::Release,
];

/// Whether the records of this id are seen: all there are, since an id doesn't say its kind.
fn any_seen(bundle: &Bundle, id: &str, sees: &impl Fn(Kind, &str) -> bool) -> bool {
    let mut there = SUBJECTS.iter().filter(|kind| bundle.records.has(**kind, id)).peekable();
    there.peek().is_some() && there.all(|kind| sees(*kind, id))
}

/// Diagnostics as their reader may know them: to a partner, advice that names what isn't shared
/// with them would tell of it.
pub(crate) fn discreet(sight: &Sight, told: Vec<Diagnostic>) -> Vec<Diagnostic> {
    if sight.is_whole() {
        return told;
    }
    let (own, others): (Vec<_>, Vec<_>) = told.into_iter().partition(|diagnostic| {
        let place = diagnostic.place.as_ref();
        let key = place.and_then(|place| place.file.parse().ok());
        key.is_some_and(|key| sight.sees(&key))
    });
    let mut discreet: Vec<Diagnostic> = own
        .into_iter()
        .map(|diagnostic| Diagnostic { help: None, related: Vec::new(), ..diagnostic })
        .collect();
    if others.iter().any(Diagnostic::is_error) {
        let message = "it contradicts records that aren't shared with you";
        discreet.push(Diagnostic::error(Code::Contradiction, message));
    }
    discreet
}

/// What edits of a partner name that isn't shared with them, told as what isn't there is told:
/// which ids there are is nobody's to find out by trying. What a record named before, it may name.
pub(crate) fn unseen_references<'a>(
    seen: &Seen,
    edits: impl Iterator<Item = &'a Edit> + Clone,
) -> Vec<Diagnostic> {
    if seen.sight.is_whole() {
        return Vec::new();
    }
    let before = seen.bundle();
    let (after, told) = before.edited(&edits.clone().cloned().collect::<Vec<_>>());
    let mut unseen = Vec::new();
    for edit in edits.filter(|edit| edit.after.is_some()) {
        let place = edit.key.to_string();
        let known: BTreeSet<String> =
            before.mentions(&edit.key).into_iter().map(|mention| mention.id).collect();
        let mut named = after.mentions(&edit.key);
        named.retain(|mention| !known.contains(&mention.id));
        unseen.extend(
            told.iter()
                .filter(|diagnostic| {
                    let is_here = diagnostic.place.as_ref().is_some_and(|it| it.file == place);
                    let names = |id: &str| diagnostic.message.contains(&format!("`{id}`"));
                    is_here
                        && diagnostic.code == Code::UnknownReference
                        && named.iter().any(|mention| names(&mention.id))
                })
                .cloned(),
        );
    }
    unseen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn what_is_shared_is_taken_out_of_a_plan_once_for_each_choice_of_shares() {
        let app = testing::app().await;
        let partner = testing::person(&app, Role::Partner).await;
        let outlook = app.engine().latest().unwrap();
        let shared = async || {
            let shares = app.people().shares(Some(partner.organisation.id)).await.unwrap();
            match Sight::of_shares(&shares, &outlook) {
                Sight::Shared(shared) => shared,
                Sight::Whole => panic!("a partner sees what is shared"),
            }
        };
        let nothing = shared().await;
        assert!(Arc::ptr_eq(&nothing, &shared().await));
        let by = longlead_records::people::By {
            who: longlead_records::Actor::System,
            at: testing::now(),
            client: String::new(),
        };
        let key = "supplier/cm-sz".parse().unwrap();
        let id = partner.organisation.id;
        app.people().add_share(id, &key, ShareLevel::View, &by).await.unwrap();
        let supplier = shared().await;
        assert!(supplier.keys.contains_key(&key) && !nothing.keys.contains_key(&key));
        assert!(Arc::ptr_eq(&supplier, &shared().await));
        let activities = &supplier.forecast.as_ref().unwrap().activities;
        assert_eq!(supplier.activities.len(), activities.len());
        assert!(!activities.is_empty(), "its builds are seen");
    }
}
