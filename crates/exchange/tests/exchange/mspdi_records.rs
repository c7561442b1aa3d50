//! Between projects and records.

use expect_test::{Expect, expect};
use longlead_exchange::mspdi::{self, DatedActivity, from_records, read, to_records, write};
use longlead_model::{ActivityId, Bundle, Date, Source};

fn bundle(text: &str) -> Bundle {
    let sources = [Source { name: "plan.toml".into(), text: text.into() }];
    let (bundle, diagnostics) = Bundle::load(&sources);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    bundle
}

fn told(bundle: &Bundle, losses: &[longlead_exchange::Loss]) -> String {
    let mut text = String::new();
    for source in bundle.export() {
        text.push_str(&source.text);
    }
    for loss in losses {
        text.push_str(&format!("! {loss}\n"));
    }
    text
}

const PLAN: &str = r#"
    [settings]
    as_of = 2026-11-23
    calendar = "office"

    [[calendar]]
    id = "office"
    title = "Office"
    holidays = [2026-12-25]
    shutdowns = [{ title = "Year's end", from = 2026-12-28, to = 2027-01-01 }]
    worked = [2026-12-29]

    [[team]]
    id = "hardware"
    title = "Hardware"
    capacity = 2

    [[activity]]
    id = "board"
    title = "Board"
    work = { estimate = "10 d", team = "hardware" }
    start_no_earlier_than = 2026-11-30

    [[activity]]
    id = "cells"
    title = "Cells arrive"
    work = { estimate = "30 d", calendar = "elapsed" }

    [[activity]]
    id = "test"
    title = "Test"
    work = { estimate = { pert = [2, 3, 8] } }
    after = ["board", "cells"]

    [[link]]
    from = "board"
    to = "cells"
    kind = "SS"
    lag = "-2 d"
    lag_calendar = "office"

    [[milestone]]
    id = "ready"
    title = "Ready"
    after = ["test"]
    target = 2027-02-01

    [[actual]]
    id = "cells"
    started = 2026-11-16
    remaining = "12 d"
"#;

#[test]
fn a_plan_survives_the_way_through_a_file() {
    let bundle = bundle(PLAN);
    let (project, losses) = from_records(&bundle, &[], Date::constant(2026, 11, 23));
    let shown: Vec<String> = losses.iter().map(ToString::to_string).collect();
    expect![[r#"
        [
            "`test`: the estimate 2 / 3 / 8 d; its most likely value is told",
        ]
    "#]]
    .assert_debug_eq(&shown);
    let (back, _) = read(&write(&project)).unwrap();
    assert_eq!(back, project);
    let imported = to_records(&back);
    expect![[r#"
        [settings]
        as_of = 2026-11-23
        calendar = "office"
        [[activity]]
        id = "board"
        title = "Board"
        work = { estimate = "10 d", team = "hardware" }
        start_no_earlier_than = 2026-11-30

        [[activity]]
        id = "cells-arrive"
        title = "Cells arrive"
        work = { estimate = "30 d", calendar = "elapsed" }

        [[activity]]
        id = "test"
        title = "Test"
        work = { estimate = "3 d" }
        after = ["board", "cells-arrive"]
        [[milestone]]
        id = "ready"
        title = "Ready"
        after = ["test"]
        target = 2027-02-01
        link = [
            { from = "board", to = "cells-arrive", kind = "SS", lag = "-2 d", lag_calendar = "office" },
        ]
        actual = [
            { id = "cells-arrive", started = 2026-11-16, remaining = "12 d" },
        ]
        [[calendar]]
        id = "office"
        title = "Office"
        holidays = [2026-12-25, 2026-12-28]
        shutdowns = [{ title = "closed", from = 2026-12-30, to = 2027-01-01 }]
        [[team]]
        id = "hardware"
        title = "Hardware"
        capacity = 2
    "#]].assert_eq(&told(&imported.bundle, &imported.losses));
}

#[test]
fn derived_activities_are_told_with_their_dates() {
    let bundle = bundle("[settings]\nas_of = 2026-11-23\n");
    let id = |text: &str| ActivityId::try_from(text).unwrap();
    let dated = |name: &str, start, finish, is_milestone, after| DatedActivity {
        id: id(name),
        title: name.to_owned(),
        start,
        finish,
        is_milestone,
        target: None,
        after,
    };
    let day = |day| Date::constant(2027, 1, day);
    let list = [
        dated("build:evt-c", day(4), day(15), false, vec![]),
        dated("launch:alerts", day(18), day(18), true, vec![id("build:evt-c")]),
    ];
    let (project, losses) = from_records(&bundle, &list, Date::constant(2026, 11, 23));
    assert_eq!(losses, []);
    let tasks: Vec<_> = project
        .tasks
        .iter()
        .map(|it| (it.name.as_str(), it.start.unwrap(), it.finish.unwrap(), it.predecessors.len()))
        .collect();
    assert_eq!(
        tasks,
        [
            ("build:evt-c", day(4).at(8, 0, 0, 0), day(15).at(17, 0, 0, 0), 0),
            ("launch:alerts", day(18).at(17, 0, 0, 0), day(18).at(17, 0, 0, 0), 1),
        ]
    );
}

#[test]
fn what_records_cannot_say_is_told_task_by_task() {
    let check = |inner: &str, expect: Expect| {
        let text = format!(
            "<Project><StartDate>2026-01-05T08:00:00</StartDate><MinutesPerDay>480</MinutesPerDay>\
             <Tasks>{inner}</Tasks></Project>"
        );
        let (project, losses) = read(&text).unwrap();
        let mut imported = to_records(&project);
        imported.losses.extend(losses);
        expect.assert_eq(&told(&imported.bundle, &imported.losses));
    };
    let task = |uid: i64, level: u32, inner: &str| {
        format!(
            "<Task><UID>{uid}</UID><Name>T{uid}</Name><OutlineLevel>{level}</OutlineLevel>\
             <Duration>PT16H0M0S</Duration><DurationFormat>7</DurationFormat>{inner}</Task>"
        )
    };
    let link = |from: i64, kind: u8, lag: i64, format: u8| {
        format!(
            "<PredecessorLink><PredecessorUID>{from}</PredecessorUID><Type>{kind}</Type>\
             <LinkLag>{lag}</LinkLag><LagFormat>{format}</LagFormat></PredecessorLink>"
        )
    };
    let tasks = [
        task(
            1,
            1,
            "<ConstraintType>4</ConstraintType><ConstraintDate>2026-01-07T08:00:00</ConstraintDate>",
        ),
        task(2, 2, "<Deadline>2026-02-02T17:00:00</Deadline>"),
        task(3, 2, "<Manual>1</Manual><Start>2026-01-12T13:00:00</Start>"),
        task(4, 1, &format!("<ConstraintType>1</ConstraintType>{}", link(1, 1, 0, 7))),
        task(5, 1, &format!("<Cost>12</Cost><Notes>why</Notes>{}", link(4, 1, 50, 19))),
        task(6, 1, &link(99, 1, 0, 7)),
        task(7, 1, "<Active>0</Active>"),
    ];
    check(
        &tasks.concat(),
        expect![[r#"
        [settings]
        as_of = 2026-01-05
        [[activity]]
        id = "t2"
        title = "T2"
        work = { estimate = "2 d" }
        start_no_earlier_than = 2026-01-07

        [[activity]]
        id = "t3"
        title = "T3"
        work = { estimate = "2 d" }
        must_start_on = 2026-01-12

        [[activity]]
        id = "t4"
        title = "T4"
        work = { estimate = "2 d" }
        after = ["t2", "t3"]

        [[activity]]
        id = "t5"
        title = "T5"
        work = { estimate = "2 d" }

        [[activity]]
        id = "t6"
        title = "T6"
        work = { estimate = "2 d" }
        [[milestone]]
        id = "t2-due"
        title = "T2 due"
        after = ["t2"]
        target = 2026-02-02
        link = [
            { from = "t4", to = "t5", lag = "1 d" },
        ]
        ! task `T7` (uid 7): inactive; left out
        ! file: the grouping under 1 summary tasks; their tasks are taken one by one
        ! task `T2` (uid 2): the deadline 2026-02-02; milestone `t2-due` holds it
        ! task `T3` (uid 3): scheduled by hand; must start on 2026-01-12
        ! task `T4` (uid 4): as late as possible; placed as soon as possible
        ! task `T5` (uid 5): notes; left out
        ! task `T5` (uid 5): a lag of 50 % of the predecessor's duration; taken as that many days, which stay when the duration changes
        ! task `T6` (uid 6): a link from task 99, which isn't here; left out
        ! file: no status date; the project's start is taken as the as-of day
        ! task `T5` (uid 5): Cost; left out
    "#]],
    );
}

#[test]
fn every_project_that_is_exported_has_what_ms_project_asks_for() {
    let (project, _) = from_records(&bundle(PLAN), &[], Date::constant(2026, 11, 23));
    assert!(mspdi::schedule(&project).is_ok());
    let uids: Vec<i64> = project.calendars.iter().map(|it| it.uid).collect();
    assert!(uids.contains(&project.calendar_uid.unwrap()));
    for task in &project.tasks {
        assert!(task.uid > 0 && task.start.is_some() && task.finish.is_some());
        assert!(task.calendar_uid.is_none_or(|uid| uids.contains(&uid)));
    }
}
