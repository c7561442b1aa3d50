//! Stored against computed, task by task.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use longlead_exchange::mspdi::{
    Basis, ConstraintKind, Direction, Project, Scheduled, Task, TaskDates,
};

/// What a stale value means.
pub(super) const STALE: &str = "nothing holds this task, so its late finish is the project's \
     finish; the stored one is another date";

/// Stored instants are whole minutes or seconds.
const SECONDS_TOLERANCE: i64 = 6;

/// A value that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    Start,
    Finish,
    TotalSlack,
    FreeSlack,
    Critical,
}

impl Field {
    pub(super) const ALL: [Field; 5] =
        [Field::Start, Field::Finish, Field::TotalSlack, Field::FreeSlack, Field::Critical];

    pub(super) fn name(self) -> &'static str {
        match self {
            Field::Start => "Start",
            Field::Finish => "Finish",
            Field::TotalSlack => "TotalSlack",
            Field::FreeSlack => "FreeSlack",
            Field::Critical => "Critical",
        }
    }
}

/// One value that is not as stored.
#[derive(Debug)]
pub(super) struct Difference {
    uid: i64,
    task: String,
    pub(super) field: Field,
    stored: String,
    computed: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { uid, task, field, stored, computed } = self;
        write!(f, "task {uid} `{task}`: {} is {stored}, computed {computed}", field.name())
    }
}

/// Tasks that keep their dates. Their slack follows from what comes after them, so it can be
/// compared all the same.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) tasks: usize,
    pub(super) slack_stored: usize,
    pub(super) slack_agrees: usize,
}

/// What came of one file.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) agree: BTreeMap<Field, usize>,
    pub(super) differences: Vec<Difference>,
    /// Differences in which the stored value contradicts the file's own finish.
    pub(super) stale: Vec<Difference>,
    /// Tasks that MS Project doesn't schedule, by reason.
    pub(super) kept: BTreeMap<&'static str, Kept>,
    pub(super) losses: usize,
}

pub(super) fn compare(project: &Project, scheduled: &Scheduled, losses: usize) -> Comparison {
    let mut comparison =
        Comparison { losses: losses + scheduled.losses.len(), ..Comparison::default() };
    let held = held_tasks(project);
    for (position, task) in project.tasks.iter().enumerate() {
        let Some(dates) = scheduled.tasks.get(&task.uid) else { continue };
        if let Basis::Kept(reason) = dates.basis {
            let kept = comparison.kept.entry(reason).or_default();
            kept.tasks += 1;
            if let Some(stored) = task.total_slack_tenths {
                kept.slack_stored += 1;
                kept.slack_agrees += usize::from(stored.abs_diff(dates.total_slack_tenths) <= 1);
            }
            continue;
        }
        let is_stale = !held.contains(&position) && is_stale(project, scheduled, task, dates);
        compare_task(task, dates, is_stale, &mut comparison);
    }
    comparison
}

fn compare_task(task: &Task, dates: &TaskDates, is_stale: bool, comparison: &mut Comparison) {
    let instants =
        [(Field::Start, task.start, dates.start), (Field::Finish, task.finish, dates.finish)];
    for (field, stored, computed) in instants {
        let Some(stored) = stored else { continue };
        let agrees = (computed.duration_since(stored)).as_secs().abs() <= SECONDS_TOLERANCE;
        comparison.add(task, field, agrees, false, (&stored, &computed));
    }
    let total = task.total_slack_tenths.filter(|_| dates.basis != Basis::Finished);
    let free = task.free_slack_tenths.filter(|_| is_free_slack_defined(task, dates));
    let slacks = [
        (Field::TotalSlack, total, dates.total_slack_tenths),
        (Field::FreeSlack, free, dates.free_slack_tenths),
    ];
    for (field, stored, computed) in slacks {
        let Some(stored) = stored else { continue };
        let agrees = stored.abs_diff(computed) <= 1;
        comparison.add(task, field, agrees, is_stale, (&stored, &computed));
    }
    if let Some(stored) = task.is_critical {
        let agrees = stored == dates.is_critical;
        comparison.add(task, Field::Critical, agrees, is_stale, (&stored, &dates.is_critical));
    }
}

impl Comparison {
    fn add(
        &mut self,
        task: &Task,
        field: Field,
        agrees: bool,
        is_stale: bool,
        (stored, computed): (&dyn fmt::Display, &dyn fmt::Display),
    ) {
        if agrees {
            *self.agree.entry(field).or_default() += 1;
            return;
        }
        let difference = Difference {
            uid: task.uid,
            task: task.name.clone(),
            field,
            stored: stored.to_string(),
            computed: computed.to_string(),
        };
        let list = if is_stale { &mut self.stale } else { &mut self.differences };
        list.push(difference);
    }
}

/// Free slack against a deadline or an imposed latest date is a matter of taste, and MS Project
/// doesn't say which it follows.
fn is_free_slack_defined(task: &Task, dates: &TaskDates) -> bool {
    let is_imposed = !matches!(
        task.constraint,
        ConstraintKind::AsSoonAsPossible
            | ConstraintKind::StartNoEarlierThan
            | ConstraintKind::FinishNoEarlierThan
    );
    dates.basis == Basis::Scheduled && task.deadline.is_none() && !is_imposed
}

/// Places of tasks whose late dates something holds: a successor, a deadline or an imposed date,
/// of their own or of a summary above.
fn held_tasks(project: &Project) -> BTreeSet<usize> {
    let parents = project.parents();
    let followed: BTreeSet<i64> = project
        .tasks
        .iter()
        .flat_map(|task| task.predecessors.iter().map(|link| link.predecessor_uid))
        .collect();
    let is_held_itself = |task: &Task| {
        followed.contains(&task.uid)
            || task.deadline.is_some()
            || task.constraint != ConstraintKind::AsSoonAsPossible
    };
    let mut held = BTreeSet::new();
    for (position, task) in project.tasks.iter().enumerate() {
        // A summary stands before its tasks, so one look above is enough.
        let above = parents.get(position).copied().flatten();
        if is_held_itself(task) || above.is_some_and(|it| held.contains(&it)) {
            held.insert(position);
        }
    }
    held
}

/// Whether the stored late finish of a task that nothing holds is not the project's stored
/// finish, on which stored and computed plan agree.
fn is_stale(project: &Project, scheduled: &Scheduled, task: &Task, dates: &TaskDates) -> bool {
    project.direction == Direction::FromStart
        && !project.multiple_critical_paths
        && project.finish == Some(scheduled.finish)
        && task.late_finish.is_some_and(|stored| stored != dates.late_finish)
}
