//! A project that is written reads back equal.

use longlead_exchange::mspdi::{
    Assignment, Calendar, ConstraintKind, Direction, DurationFormat, Exception, Hours, LinkKind,
    PredecessorLink, Project, Recurrence, Resource, Task, Timephased, Week, WorkWeek, read, write,
};
use longlead_model::Date;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Text that XML can hold, with all that must be escaped.
fn text() -> impl Strategy<Value = String> {
    "[ -~äß✓&<>\"'\r\n\t]{0,12}"
}

fn date() -> impl Strategy<Value = Date> {
    (1984_i16..2149, 1_i8..=12, 1_i8..=28)
        .prop_map(|(year, month, day)| Date::constant(year, month, day))
}

fn instant() -> impl Strategy<Value = jiff::civil::DateTime> {
    (date(), 0_i8..24, 0_i8..60, 0_i8..60)
        .prop_map(|(date, hour, minute, second)| date.at(hour, minute, second, 0))
}

fn hours() -> impl Strategy<Value = Vec<Hours>> {
    vec((0_u16..1440, 1_u16..=1440), 0..3).prop_map(|pairs| {
        let mut hours: Vec<Hours> = pairs
            .into_iter()
            .filter(|(from, to)| from < to)
            .map(|(from, to)| Hours { from, to })
            .collect();
        hours.sort();
        hours
    })
}

fn week() -> impl Strategy<Value = Week> {
    proptest::array::uniform7(option::of(hours()))
}

prop_compose! {
    fn recurrence()(
        kind in 1_u8..=8,
        period in 1_u32..9,
        occurrences in option::of(0_u32..99),
        numbers in proptest::array::uniform5(0_u8..=31),
    ) -> Recurrence {
        let [days_of_week, month_item, month_position, month, month_day] = numbers;
        Recurrence {
            kind, period, occurrences, days_of_week, month_item, month_position, month, month_day,
        }
    }
}

prop_compose! {
    fn exception()(name in text(), from in date(), to in date(), recurrence in recurrence(), hours in hours())
        -> Exception { Exception { name, from, to, recurrence, hours } }
}

prop_compose! {
    fn work_week()(name in text(), from in date(), to in date(), week in week()) -> WorkWeek {
        WorkWeek { name, from, to, week }
    }
}

prop_compose! {
    fn calendar()(
        uid in 0_i64..9, name in text(), is_base: bool, base_uid in option::of(0_i64..9),
        week in week(), exceptions in vec(exception(), 0..3), work_weeks in vec(work_week(), 0..2),
    ) -> Calendar {
        let base_uid = base_uid.filter(|_| !is_base);
        Calendar { uid, name, is_base, base_uid, week, exceptions, work_weeks }
    }
}

fn constraint() -> impl Strategy<Value = ConstraintKind> {
    prop::sample::select(vec![
        ConstraintKind::AsSoonAsPossible,
        ConstraintKind::AsLateAsPossible,
        ConstraintKind::MustStartOn,
        ConstraintKind::MustFinishOn,
        ConstraintKind::StartNoEarlierThan,
        ConstraintKind::StartNoLaterThan,
        ConstraintKind::FinishNoEarlierThan,
        ConstraintKind::FinishNoLaterThan,
    ])
}

prop_compose! {
    fn link()(
        predecessor_uid in 0_i64..9,
        kind in prop::sample::select(vec![
            LinkKind::FinishToFinish, LinkKind::FinishToStart, LinkKind::StartToFinish,
            LinkKind::StartToStart,
        ]),
        lag in -99_999_i64..99_999,
        format in 0_u8..60,
        crosses_projects: bool,
    ) -> PredecessorLink {
        let lag_format = DurationFormat::from_number(format);
        PredecessorLink { predecessor_uid, kind, lag, lag_format, crosses_projects }
    }
}

prop_compose! {
    fn dates()(dates in vec(option::of(instant()), 12)) -> [Option<jiff::civil::DateTime>; 12] {
        let mut all = [None; 12];
        all.copy_from_slice(&dates);
        all
    }
}

prop_compose! {
    fn task()(
        (uid, id, name, notes) in (0_i64..9, 0_i64..9, text(), text()),
        (outline_level, kind, priority) in (0_u32..5, 0_u8..3, option::of(0_u32..1000)),
        flags: [bool; 8],
        dates in dates(),
        seconds in proptest::array::uniform3(option::of(0_i64..9_999_999)),
        slack in proptest::array::uniform2(option::of(-99_999_i64..99_999)),
        (is_critical, percent_complete, constraint, calendar_uid)
            in (option::of(any::<bool>()), 0_u32..=100, constraint(), option::of(0_i64..9)),
        (format, leveling_delay_tenths) in (0_u8..60, 0_i64..9_999),
        predecessors in vec(link(), 0..3),
    ) -> Task {
        let [is_summary, is_milestone, is_null, is_manual, is_inactive, is_external, is_subproject,
            ignores_resource_calendars] = flags;
        let [start, finish, stop, resume, early_start, early_finish, late_start, late_finish,
            actual_start, actual_finish, constraint_date, deadline] = dates;
        let [duration_seconds, work_seconds, remaining_seconds] = seconds;
        let [free_slack_tenths, total_slack_tenths] = slack;
        let duration_format = DurationFormat::from_number(format);
        Task {
            uid, id, name, notes, outline_level, kind, priority, is_summary, is_milestone, is_null,
            is_manual, is_inactive, is_external, is_subproject, ignores_resource_calendars, start,
            finish, stop, resume, early_start, early_finish, late_start, late_finish, actual_start,
            actual_finish, constraint_date, deadline, duration_seconds, duration_format,
            work_seconds, remaining_seconds, free_slack_tenths, total_slack_tenths, is_critical,
            percent_complete, constraint, calendar_uid, leveling_delay_tenths,
            leveling_delay_format: duration_format, predecessors,
        }
    }
}

prop_compose! {
    fn assignment()(
        uid in 0_i64..9, task_uid in 0_i64..9, resource_uid in -65_535_i64..9,
        units in option::of(0.0_f64..4.0), work_seconds in option::of(0_i64..99_999),
        stretches in vec((1_u8..=2, instant(), instant(), 0_i64..99_999), 0..3),
    ) -> Assignment {
        let timephased = stretches
            .into_iter()
            .map(|(kind, start, finish, work_seconds)| Timephased { kind, start, finish, work_seconds })
            .collect();
        Assignment { uid, task_uid, resource_uid, units, work_seconds, timephased }
    }
}

prop_compose! {
    fn resource()(
        uid in 0_i64..9, id in 0_i64..9, name in text(), kind in 0_u8..3, is_null: bool,
        units_max in option::of(0.0_f64..9.0), calendar_uid in option::of(0_i64..9),
    ) -> Resource {
        Resource { uid, id, name, kind, is_null, units_max, calendar_uid }
    }
}

prop_compose! {
    pub(crate) fn project()(
        (name, title) in (text(), text()),
        dates in proptest::array::uniform4(option::of(instant())),
        flags: [bool; 5],
        (minutes_per_day, critical_slack_limit_days, calendar_uid)
            in (1_u32..1440, -9_i64..9, option::of(0_i64..9)),
        calendars in vec(calendar(), 0..3),
        tasks in vec(task(), 0..8),
        resources in vec(resource(), 0..3),
        assignments in vec(assignment(), 0..3),
    ) -> Project {
        let [start, finish, status_date, current_date] = dates;
        let [from_start, honor_constraints, multiple_critical_paths, splits_in_progress_tasks,
            new_tasks_are_manual] = flags;
        let direction = if from_start { Direction::FromStart } else { Direction::FromFinish };
        Project {
            name, title, start, finish, status_date, current_date, direction, honor_constraints,
            multiple_critical_paths, splits_in_progress_tasks, new_tasks_are_manual,
            minutes_per_day, critical_slack_limit_days, calendar_uid, calendars, tasks, resources,
            assignments, ..Project::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_reads_back_equal(project in project()) {
        let (back, _) = read(&write(&project)).unwrap();
        prop_assert_eq!(back, project);
    }
}

/// The elements of a task in the order in which the schema lists them; MS Project refuses others.
const TASK_ORDER: [&str; 44] = [
    "UID",
    "ID",
    "Name",
    "Active",
    "Manual",
    "Type",
    "IsNull",
    "WBS",
    "OutlineNumber",
    "OutlineLevel",
    "Priority",
    "Start",
    "Finish",
    "Duration",
    "ManualStart",
    "ManualFinish",
    "ManualDuration",
    "DurationFormat",
    "Work",
    "Stop",
    "Resume",
    "Milestone",
    "Summary",
    "Critical",
    "IsSubproject",
    "ExternalTask",
    "EarlyStart",
    "EarlyFinish",
    "LateStart",
    "LateFinish",
    "FreeSlack",
    "TotalSlack",
    "PercentComplete",
    "ActualStart",
    "ActualFinish",
    "RemainingDuration",
    "ConstraintType",
    "CalendarUID",
    "ConstraintDate",
    "Deadline",
    "LevelingDelay",
    "LevelingDelayFormat",
    "IgnoreResourceCalendar",
    "Notes",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn elements_of_a_task_stand_in_the_order_of_the_schema(task in task()) {
        let project = Project { tasks: vec![Task { predecessors: Vec::new(), ..task }], ..Project::default() };
        let text = write(&project);
        let inner = text.split("<Task>").nth(1).unwrap().split("</Task>").next().unwrap();
        let places: Vec<usize> = inner
            .lines()
            .filter_map(|line| line.trim().strip_prefix('<')?.split('>').next())
            .filter(|name| !name.starts_with('/'))
            .filter_map(|name| TASK_ORDER.iter().position(|it| *it == name))
            .collect();
        prop_assert!(places.len() > 15 && places.is_sorted(), "{}", inner);
    }
}
