//! Activities, milestones and links that people wrote join the derived ones.

use longlead_model::{Activity, ActivityId, Band, Kind, Step};
use longlead_network::ConstraintKind;

use crate::derive::Role;
use crate::derive::builder::{Builder, Facets, derived};
use crate::reason::Reason;

pub(super) fn derive(builder: &mut Builder<'_>) {
    let records = &builder.bundle.records;
    for activity in records.activities.values() {
        let band = activity.band.unwrap_or(Band::Software);
        let mut node = derived(activity.id.clone(), activity.title.clone(), Role::Authored, band);
        node.because.push(Reason::Authored { activity: activity.id.clone() });
        let index = builder.add_work(node, &activity.work, Facets::default());
        for (kind, date) in constraints(activity) {
            builder.constrain(index, kind, date);
        }
        for (position, before) in activity.after.iter().enumerate() {
            let stated = (Kind::Activity, activity.id.as_str(), after_path(position));
            builder.stated_after(&activity.id, before, stated);
        }
    }
    for milestone in records.milestones.values() {
        let id = ActivityId::from(&milestone.id);
        let mut node =
            derived(id.clone(), milestone.title.clone(), Role::Milestone, Band::Hardware);
        node.because.push(Reason::Authored { activity: id.clone() });
        node.target = milestone.target;
        node.confidence = milestone.confidence.map(longlead_model::Share::value);
        builder.add_milestone(node, Facets::default());
        for (position, before) in milestone.after.iter().enumerate() {
            let stated = (Kind::Milestone, milestone.id.as_str(), after_path(position));
            builder.stated_after(&id, before, stated);
        }
    }
    for link in records.links.values() {
        builder.stated_link(link);
    }
}

fn after_path(position: usize) -> Vec<Step> {
    vec![Step::Key("after".to_owned()), Step::Index(position)]
}

fn constraints(activity: &Activity) -> [(ConstraintKind, Option<jiff::civil::Date>); 6] {
    [
        (ConstraintKind::StartNoEarlierThan, activity.start_no_earlier_than),
        (ConstraintKind::StartNoLaterThan, activity.start_no_later_than),
        (ConstraintKind::FinishNoEarlierThan, activity.finish_no_earlier_than),
        (ConstraintKind::FinishNoLaterThan, activity.finish_no_later_than),
        (ConstraintKind::MustStartOn, activity.must_start_on),
        (ConstraintKind::MustFinishOn, activity.must_finish_on),
    ]
}
