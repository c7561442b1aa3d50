use expect_test::{Expect, expect};

use super::*;
use crate::mspdi::{
    Assignment, Calendar, ConstraintKind, DurationFormat, Exception, Hours, LinkKind,
    PredecessorLink, Recurrence, Resource, Task, Timephased,
};

const HOUR: i64 = 3_600;
const DAY: i64 = 8 * HOUR;

fn at(text: &str) -> DateTime {
    text.parse().unwrap()
}

/// A task of so many hours; 5 January 2026 is a Monday.
fn task(uid: i64, hours: i64) -> Task {
    Task { uid, id: uid, outline_level: 1, duration_seconds: Some(hours * HOUR), ..Task::default() }
}

fn after(mut task: Task, predecessor_uid: i64, kind: LinkKind, lag_days: i64) -> Task {
    let lag = lag_days * 4_800;
    let lag_format = DurationFormat::DAYS;
    let crosses_projects = false;
    task.predecessors.push(PredecessorLink {
        predecessor_uid,
        kind,
        lag,
        lag_format,
        crosses_projects,
    });
    task
}

fn fs(task: Task, predecessor_uid: i64) -> Task {
    after(task, predecessor_uid, LinkKind::FinishToStart, 0)
}

fn imposed(task: Task, constraint: ConstraintKind, date: &str) -> Task {
    Task { constraint, constraint_date: Some(at(date)), ..task }
}

fn project(tasks: Vec<Task>) -> Project {
    Project { start: Some(at("2026-01-05T08:00")), tasks, ..Project::default() }
}

fn check(project: &Project, expect: Expect) {
    let mut text = String::new();
    match schedule(project) {
        Ok(scheduled) => {
            for (uid, dates) in &scheduled.tasks {
                text.push_str(&format!(
                    "{uid}: {} → {} total {} free {}{}\n",
                    dates.start.strftime("%a %d %H:%M"),
                    dates.finish.strftime("%a %d %H:%M"),
                    dates.total_slack_tenths,
                    dates.free_slack_tenths,
                    if dates.is_critical { " critical" } else { "" },
                ));
            }
        }
        Err(error) => text.push_str(&format!("{error}\n")),
    }
    expect.assert_eq(&text);
}

#[test]
fn a_chain_crosses_the_weekend_and_is_critical() {
    let tasks = vec![task(1, 36), fs(task(2, 8), 1), fs(task(3, 0), 2), task(4, 8)];
    check(
        &project(tasks),
        expect![[r#"
            1: Mon 05 08:00 → Fri 09 12:00 total 0 free 0 critical
            2: Fri 09 13:00 → Mon 12 12:00 total 0 free 0 critical
            3: Mon 12 12:00 → Mon 12 12:00 total 0 free 0 critical
            4: Mon 05 08:00 → Mon 05 17:00 total 21600 free 21600
        "#]],
    );
}

/// Microsoft's article Q87301, "How Elapsed Duration Tasks Affect Slack Calculations": a task of
/// 8h and one of 9eh start on a Friday at 8 and precede a third; the first has no slack, the
/// second 2.63 elapsed days, which are 63 hours.
#[test]
fn an_elapsed_task_has_slack_over_the_weekend() {
    let elapsed = Task { duration_format: DurationFormat::from_number(6), ..task(2, 9) };
    let mut project = project(vec![task(1, 8), elapsed, fs(fs(task(3, 8), 1), 2)]);
    project.start = Some(at("1992-07-24T08:00"));
    check(
        &project,
        expect![[r#"
        1: Fri 24 08:00 → Fri 24 17:00 total 0 free 0 critical
        2: Fri 24 08:00 → Fri 24 17:00 total 37800 free 37800
        3: Mon 27 08:00 → Mon 27 17:00 total 0 free 0 critical
    "#]],
    );
}

#[test]
fn milestones_keep_the_end_of_a_gap_that_drives_them() {
    let start_to_start = |it| after(it, 2, LinkKind::StartToStart, 0);
    let tasks = vec![
        task(1, 40),
        fs(task(2, 8), 1),
        fs(task(3, 0), 1),
        start_to_start(task(4, 0)),
        fs(task(5, 0), 4),
        imposed(task(6, 0), ConstraintKind::StartNoEarlierThan, "2026-01-10T08:00"),
    ];
    check(
        &project(tasks),
        expect![[r#"
        1: Mon 05 08:00 → Fri 09 17:00 total 0 free 0 critical
        2: Mon 12 08:00 → Mon 12 17:00 total 0 free 0 critical
        3: Fri 09 17:00 → Fri 09 17:00 total 4800 free 4800
        4: Mon 12 08:00 → Mon 12 08:00 total 4800 free 0
        5: Mon 12 08:00 → Mon 12 08:00 total 4800 free 4800
        6: Mon 12 08:00 → Mon 12 08:00 total 4800 free 4800
    "#]],
    );
}

#[test]
fn a_finish_held_by_a_start_is_told_at_the_start_that_holds_it() {
    let tasks =
        vec![task(1, 40), fs(task(2, 8), 1), after(task(3, 8), 2, LinkKind::StartToFinish, 0)];
    check(
        &project(tasks),
        expect![[r#"
        1: Mon 05 08:00 → Fri 09 17:00 total 0 free 0 critical
        2: Mon 12 08:00 → Mon 12 17:00 total 0 free 0 critical
        3: Fri 09 08:00 → Mon 12 08:00 total 4800 free 4800
    "#]],
    );
}

#[test]
fn lags_are_working_time_elapsed_time_or_a_share_of_the_predecessor() {
    let with = |uid, lag, format| {
        let mut task = fs(task(uid, 8), 1);
        task.predecessors[0].lag = lag;
        task.predecessors[0].lag_format = DurationFormat::from_number(format);
        task
    };
    let tasks = vec![
        task(1, 40),
        with(2, 4_800, 7),
        with(3, 14_400, 8),
        with(4, 43_200, 8),
        with(5, 50, 19),
        with(6, -4_800, 39),
    ];
    check(
        &project(tasks),
        expect![[r#"
            1: Mon 05 08:00 → Fri 09 17:00 total 0 free 0 critical
            2: Tue 13 08:00 → Tue 13 17:00 total 7200 free 7200
            3: Mon 12 08:00 → Mon 12 17:00 total 12000 free 12000
            4: Tue 13 08:00 → Tue 13 17:00 total 7200 free 7200
            5: Wed 14 13:00 → Thu 15 12:00 total 0 free 0 critical
            6: Fri 09 08:00 → Fri 09 17:00 total 16800 free 16800
        "#]],
    );
}

#[test]
fn imposed_dates_win_over_links_and_leave_negative_slack_before_them() {
    let chained = |task| fs(task, 1);
    let tasks = vec![
        task(1, 40),
        imposed(chained(task(2, 8)), ConstraintKind::MustStartOn, "2026-01-08T08:00"),
        imposed(chained(task(3, 8)), ConstraintKind::StartNoLaterThan, "2026-01-07T08:00"),
        imposed(chained(task(4, 8)), ConstraintKind::FinishNoLaterThan, "2026-01-14T17:00"),
        imposed(task(5, 8), ConstraintKind::FinishNoEarlierThan, "2026-01-06T17:00"),
        imposed(task(6, 8), ConstraintKind::MustFinishOn, "2026-01-08T17:00"),
    ];
    let mut project = project(tasks);
    project.tasks.push(fs(task(7, 40), 4));
    check(
        &project,
        expect![[r#"
            1: Mon 05 08:00 → Fri 09 17:00 total -14400 free -14400 critical
            2: Thu 08 08:00 → Thu 08 17:00 total 0 free 33600 critical
            3: Wed 07 08:00 → Wed 07 17:00 total 0 free 38400 critical
            4: Mon 12 08:00 → Mon 12 17:00 total 0 free 0 critical
            5: Tue 06 08:00 → Tue 06 17:00 total 43200 free 43200
            6: Thu 08 08:00 → Thu 08 17:00 total 0 free 33600 critical
            7: Tue 13 08:00 → Mon 19 17:00 total 0 free 0 critical
        "#]],
    );
}

#[test]
fn a_missed_deadline_shows_as_negative_slack() {
    let late = Task { deadline: Some(at("2026-01-06T17:00")), ..fs(task(2, 8), 1) };
    check(
        &project(vec![task(1, 16), late, task(3, 40)]),
        expect![[r#"
        1: Mon 05 08:00 → Tue 06 17:00 total -4800 free 0 critical
        2: Wed 07 08:00 → Wed 07 17:00 total -4800 free 9600 critical
        3: Mon 05 08:00 → Fri 09 17:00 total 0 free 0 critical
    "#]],
    );
}

#[test]
fn summaries_hand_links_and_dates_down_and_start_with_their_first_task() {
    let below = |task: Task| Task { outline_level: 2, ..task };
    let summary = imposed(task(1, 0), ConstraintKind::StartNoEarlierThan, "2026-01-06T08:00");
    let tasks = vec![
        summary,
        below(task(2, 8)),
        fs(below(task(3, 16)), 2),
        fs(task(4, 0), 1),
        below(task(5, 8)),
        below(task(6, 16)),
        after(task(7, 8), 1, LinkKind::StartToStart, 1),
    ];
    check(
        &project(tasks),
        expect![[r#"
            2: Tue 06 08:00 → Tue 06 17:00 total 0 free 0 critical
            3: Wed 07 08:00 → Thu 08 17:00 total 0 free 0 critical
            5: Fri 09 08:00 → Fri 09 17:00 total 4800 free 4800
            6: Fri 09 08:00 → Mon 12 17:00 total 0 free 0 critical
            7: Wed 07 08:00 → Wed 07 17:00 total 14400 free 14400
        "#]],
    );
}

#[test]
fn what_has_happened_stays_and_the_rest_follows_it() {
    let done = Task {
        percent_complete: 100,
        actual_start: Some(at("2026-01-05T08:00")),
        actual_finish: Some(at("2026-01-07T12:00")),
        ..task(1, 20)
    };
    let begun = Task {
        percent_complete: 50,
        actual_start: Some(at("2026-01-07T13:00")),
        remaining_seconds: Some(DAY),
        ..fs(task(2, 16), 1)
    };
    let paused = Task { resume: Some(at("2026-01-13T08:00")), ..begun.clone() };
    let paused = Task { uid: 3, ..paused };
    check(
        &project(vec![done, begun, paused, fs(task(4, 8), 2)]),
        expect![[r#"
            1: Mon 05 08:00 → Wed 07 12:00 total 0 free 0
            2: Wed 07 13:00 → Fri 09 12:00 total 7200 free 0
            3: Wed 07 13:00 → Tue 13 17:00 total 0 free 0 critical
            4: Fri 09 13:00 → Mon 12 12:00 total 7200 free 7200
        "#]],
    );
}

#[test]
fn tasks_scheduled_by_hand_keep_their_dates_and_push_others() {
    let by_hand = Task {
        is_manual: true,
        start: Some(at("2026-01-10T10:00")),
        finish: Some(at("2026-01-13T17:00")),
        ..fs(task(2, 16), 1)
    };
    check(
        &project(vec![task(1, 80), by_hand, fs(task(3, 8), 2)]),
        expect![[r#"
        1: Mon 05 08:00 → Fri 16 17:00 total -14400 free -24000 critical
        2: Sat 10 10:00 → Tue 13 17:00 total 9600 free 0
        3: Wed 14 08:00 → Wed 14 17:00 total 9600 free 9600
    "#]],
    );
}

#[test]
fn a_task_follows_its_own_calendar_or_that_of_its_resource() {
    let mornings = |uid, base_uid| Calendar {
        uid,
        name: format!("mornings {uid}"),
        base_uid,
        week: [(); 7].map(|()| Some(vec![Hours { from: 480, to: 720 }])),
        ..Calendar::default()
    };
    let with_holiday = Calendar {
        uid: 1,
        name: "Standard".into(),
        is_base: true,
        exceptions: vec![Exception {
            name: "Epiphany".into(),
            from: Date::constant(2026, 1, 6),
            to: Date::constant(2026, 1, 6),
            recurrence: Recurrence::EVERY_DAY,
            hours: Vec::new(),
        }],
        ..Calendar::default()
    };
    let on_its_own = Task { calendar_uid: Some(2), ..task(2, 8) };
    let both = Task { calendar_uid: Some(2), ..task(4, 8) };
    let mut project = project(vec![task(1, 16), on_its_own, task(3, 8), both]);
    project.calendar_uid = Some(1);
    project.calendars = vec![with_holiday, mornings(2, None), mornings(3, Some(1))];
    project.resources.push(Resource {
        uid: 1,
        kind: 1,
        calendar_uid: Some(3),
        ..Resource::default()
    });
    for task_uid in [3, 4] {
        let assignment = Assignment { task_uid, resource_uid: 1, ..Assignment::default() };
        project.assignments.push(assignment);
    }
    check(
        &project,
        expect![[r#"
            1: Mon 05 08:00 → Wed 07 17:00 total 0 free 0 critical
            2: Mon 05 08:00 → Tue 06 12:00 total 2400 free 2400
            3: Mon 05 08:00 → Wed 07 12:00 total 0 free 2400 critical
            4: Mon 05 08:00 → Wed 07 12:00 total 0 free 0 critical
        "#]],
    );
}

#[test]
fn a_split_moves_along_with_its_task() {
    let stretch = |start: &str, finish: &str, hours: i64| Timephased {
        kind: 1,
        start: at(start),
        finish: at(finish),
        work_seconds: hours * HOUR,
    };
    let mut project = project(vec![task(1, 16), fs(task(2, 8), 1)]);
    project.assignments.push(Assignment {
        task_uid: 1,
        resource_uid: -65_535,
        timephased: vec![
            stretch("2026-01-05T08:00", "2026-01-05T17:00", 8),
            stretch("2026-01-06T08:00", "2026-01-08T17:00", 0),
            stretch("2026-01-09T08:00", "2026-01-09T17:00", 8),
        ],
        ..Assignment::default()
    });
    check(
        &project,
        expect![[r#"
        1: Mon 05 08:00 → Fri 09 17:00 total 0 free 0 critical
        2: Mon 12 08:00 → Mon 12 17:00 total 0 free 0 critical
    "#]],
    );
}

#[test]
fn a_task_as_late_as_possible_uses_its_slack_up() {
    let late = Task { constraint: ConstraintKind::AsLateAsPossible, ..task(1, 8) };
    check(
        &project(vec![late, fs(task(2, 8), 1), task(3, 40)]),
        expect![[r#"
        1: Thu 08 08:00 → Thu 08 17:00 total 0 free 0 critical
        2: Fri 09 08:00 → Fri 09 17:00 total 0 free 0 critical
        3: Mon 05 08:00 → Fri 09 17:00 total 0 free 0 critical
    "#]],
    );
}

#[test]
fn a_project_scheduled_from_its_finish_counts_back() {
    let late = |task: Task| Task { constraint: ConstraintKind::AsLateAsPossible, ..task };
    let mut project = project(vec![late(task(1, 16)), late(fs(task(2, 16), 1)), task(3, 8)]);
    project.direction = Direction::FromFinish;
    project.finish = Some(at("2026-01-30T17:00"));
    check(
        &project,
        expect![[r#"
        1: Tue 27 08:00 → Wed 28 17:00 total 0 free 0 critical
        2: Thu 29 08:00 → Fri 30 17:00 total 0 free 0 critical
        3: Tue 27 08:00 → Tue 27 17:00 total 14400 free 14400
    "#]],
    );
}

#[test]
fn chains_can_have_critical_paths_of_their_own() {
    let mut project = project(vec![task(1, 8), fs(task(2, 8), 1), task(3, 40)]);
    project.multiple_critical_paths = true;
    check(
        &project,
        expect![[r#"
        1: Mon 05 08:00 → Mon 05 17:00 total 0 free 0 critical
        2: Tue 06 08:00 → Tue 06 17:00 total 0 free 14400 critical
        3: Mon 05 08:00 → Fri 09 17:00 total 0 free 0 critical
    "#]],
    );
}

#[test]
fn a_levelling_delay_counts_from_when_a_task_could_start() {
    let delayed = Task {
        leveling_delay_tenths: 14_400,
        leveling_delay_format: DurationFormat::ELAPSED_DAYS,
        ..fs(task(2, 8), 1)
    };
    check(
        &project(vec![task(1, 40), delayed]),
        expect![[r#"
        1: Mon 05 08:00 → Fri 09 17:00 total 0 free 0 critical
        2: Tue 13 08:00 → Tue 13 17:00 total 0 free 0 critical
    "#]],
    );
}

#[test]
fn empty_and_inactive_rows_hold_nothing() {
    let empty = Task { is_null: true, ..task(2, 8) };
    let inactive = Task { is_inactive: true, ..task(3, 80) };
    check(
        &project(vec![task(1, 8), empty, inactive, fs(fs(task(4, 8), 3), 1)]),
        expect![[r#"
        1: Mon 05 08:00 → Mon 05 17:00 total 0 free 0 critical
        4: Tue 06 08:00 → Tue 06 17:00 total 0 free 0 critical
    "#]],
    );
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    check(
        &project(vec![fs(task(1, 8), 2), fs(task(2, 8), 1)]),
        expect![[r#"
        the tasks can't be put in order
    "#]],
    );
    let far = imposed(task(1, 8), ConstraintKind::StartNoEarlierThan, "2149-12-31T08:00");
    check(
        &project(vec![far]),
        expect![[r#"
        the dates from 2026-01-05 to 2149-12-31 are more than the thirty years that are scheduled
    "#]],
    );
    check(
        &Project::default(),
        expect![[r#"
        the project has neither a start nor a dated task
    "#]],
    );
}

#[test]
fn a_plan_longer_than_its_dates_is_scheduled_all_the_same() {
    let tasks = (1..=40).map(|uid| fs(task(uid, 400), uid - 1)).collect();
    let scheduled = schedule(&project(tasks)).unwrap();
    assert_eq!(scheduled.finish, at("2033-09-02T17:00"));
}
