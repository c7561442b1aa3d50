use expect_test::{Expect, expect};

use super::*;
use crate::mspdi::{ConstraintKind, DurationFormat, Hours, LinkKind};

fn losses(text: &str) -> String {
    match read(text) {
        Ok((_, losses)) => losses.iter().map(|loss| format!("{loss}\n")).collect(),
        Err(error) => format!("refused: {error}\n"),
    }
}

fn check(inner: &str, expect: Expect) {
    let text = format!(
        "<?xml version=\"1.0\"?>\n<Project xmlns=\"http://schemas.microsoft.com/project\">{inner}</Project>"
    );
    expect.assert_eq(&losses(&text));
}

const TASK: &str = "<Tasks><Task><UID>7</UID><ID>3</ID><Name>Test &amp; tune</Name>\
    <OutlineLevel>1</OutlineLevel><Start>2026-01-05T08:00:00</Start>\
    <Duration>PT16H0M0S</Duration><DurationFormat>40</DurationFormat>\
    <TotalSlack>4800</TotalSlack><ConstraintType>4</ConstraintType>\
    <ConstraintDate>2026-01-05T08:00:00Z</ConstraintDate>\
    <PredecessorLink><PredecessorUID>5</PredecessorUID><Type>3</Type><LinkLag>50</LinkLag>\
    <LagFormat>19</LagFormat></PredecessorLink></Task></Tasks>";

#[test]
fn a_task_is_read_with_its_links() {
    let (project, losses) = read(&format!("<Project>{TASK}</Project>")).unwrap();
    assert_eq!(losses, []);
    let task = &project.tasks[0];
    assert_eq!((task.uid, task.id, task.name.as_str()), (7, 3, "Test & tune"));
    assert_eq!(task.duration_seconds, Some(57_600));
    assert!(task.duration_format.is_elapsed());
    assert_eq!(task.constraint, ConstraintKind::StartNoEarlierThan);
    assert_eq!(task.constraint_date, task.start);
    let link = task.predecessors[0];
    assert_eq!((link.predecessor_uid, link.kind, link.lag), (5, LinkKind::StartToStart, 50));
    assert_eq!(link.lag_format, DurationFormat::from_number(19));
}

#[test]
fn a_midnight_ends_a_day_and_the_week_begins_on_monday() {
    let text = "<Project><Calendars><Calendar><UID>1</UID><Name>Night</Name><WeekDays><WeekDay>\
        <DayType>2</DayType><DayWorking>1</DayWorking><WorkingTimes><WorkingTime>\
        <FromTime>23:00:00</FromTime><ToTime>00:00:00</ToTime></WorkingTime></WorkingTimes>\
        </WeekDay></WeekDays></Calendar></Calendars></Project>";
    let (project, _) = read(text).unwrap();
    let week = &project.calendars[0].week;
    assert_eq!(week[0], Some(vec![Hours { from: 1380, to: 1440 }]));
    assert_eq!(week[6], None);
}

#[test]
fn exceptions_in_the_older_form_count_where_there_are_no_newer_ones() {
    let old = "<WeekDays><WeekDay><DayType>0</DayType><DayWorking>0</DayWorking><TimePeriod>\
        <FromDate>2026-12-25T00:00:00</FromDate><ToDate>2026-12-25T23:59:00</ToDate></TimePeriod>\
        </WeekDay></WeekDays>";
    let new = "<Exceptions><Exception><TimePeriod><FromDate>2026-12-24T00:00:00</FromDate>\
        <ToDate>2026-12-26T23:59:00</ToDate></TimePeriod><Name>Christmas</Name><Type>1</Type>\
        <DayWorking>0</DayWorking></Exception></Exceptions>";
    let exceptions = |inner: &str| {
        let text = format!(
            "<Project><Calendars><Calendar><UID>1</UID>{inner}</Calendar></Calendars></Project>"
        );
        read(&text).unwrap().0.calendars[0].exceptions.clone()
    };
    assert_eq!(exceptions(old).len(), 1);
    let both = exceptions(&format!("{old}{new}"));
    assert_eq!(both.len(), 1);
    assert_eq!(both[0].name, "Christmas");
}

#[test]
fn what_cannot_be_read_is_told_with_its_task() {
    check(
        "<Tasks><Task><UID>1</UID><Name>A</Name><Start>soon</Start><Duration>3 days</Duration>\
         <ConstraintType>12</ConstraintType><Cost>1200</Cost><FixedCost>0</FixedCost>\
         <Baseline><Number>0</Number></Baseline><PredecessorLink><Type>9</Type></PredecessorLink>\
         </Task><Task><UID>1</UID><Name>B</Name></Task></Tasks>",
        expect![[r#"
            task `A` (uid 1): <Start> "soon" can't be read; taken as not given
            task `A` (uid 1): <Duration> "3 days" can't be read; taken as not given
            task `A` (uid 1): there is no constraint type 12; taken as soon as possible
            task `A` (uid 1): there is no link type 9; taken as finish-to-start
            task `A` (uid 1): a link names no predecessor; left out
            task `A` (uid 1): Baseline, Cost; left out
            file: several tasks have the UID 1; references mean the first
        "#]],
    );
}

#[test]
fn other_files_are_refused_with_what_they_are() {
    let check = |text: &str, expect: Expect| expect.assert_eq(&losses(text));
    check(
        "<APIBusinessObjects/>",
        expect![[r#"
        refused: this is Primavera P6 XML, not MS Project XML; export it from P6 as Microsoft Project XML
    "#]],
    );
    check(
        "<html/>",
        expect![[r#"
        refused: this is XML with the root <html>, not MS Project XML; save the project as XML in MS Project
    "#]],
    );
    check(
        "<!DOCTYPE Project [<!ENTITY a \"aaaa\">]><Project>&a;</Project>",
        expect![[r#"
        refused: this is not XML that can be read: XML with DTD detected
    "#]],
    );
    check(
        "id,title\n1,A\n",
        expect![[r#"
        refused: this is not XML that can be read: unknown token at 1:1
    "#]],
    );
}

#[test]
fn a_text_cut_off_anywhere_is_refused_or_read_but_never_fatal() {
    let text = format!("<Project>{TASK}</Project>");
    for end in 0..text.len() {
        assert!(read(&text[..end]).is_err(), "cut off at {end}");
    }
}

#[test]
fn elements_nested_very_deep_are_no_danger() {
    let depth = 200_000;
    let text = format!("<Project>{}{}</Project>", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(read(&text).is_ok());
}
