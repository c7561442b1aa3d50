//! Tasks of a project file.

use roxmltree::Node;

use crate::report::{Loss, Subject};

use super::super::{ConstraintKind, DurationFormat, LinkKind, PredecessorLink, Task};
use super::fields::{Reader, elements, subject_of, text_of};

/// What a task has besides what is read. The rest of what MS Project writes (variances, earned
/// value, work breakdown codes, how bars are drawn) follows from other fields.
const DETAILS: [&str; 15] = [
    "Cost",
    "FixedCost",
    "ActualCost",
    "ActualWork",
    "ActualOvertimeWork",
    "PhysicalPercentComplete",
    "Baseline",
    "ExtendedAttribute",
    "OutlineCode",
    "Hyperlink",
    "HyperlinkAddress",
    "Contact",
    "SubprojectName",
    "ExternalTaskProject",
    "CommitmentStart",
];

pub(super) fn task(node: Node<'_, '_>, reader: &mut Reader) -> Task {
    let subject = subject_of(node, |uid, name| Subject::Task { uid, name });
    let mut task = Task::default();
    for field in elements(node) {
        let name = field.tag_name().name();
        let known = identity(name, field, &mut task, &subject, reader)
            || dates(name, field, &mut task, &subject, reader)
            || amounts(name, field, &mut task, &subject, reader);
        if !known && name == "PredecessorLink" {
            task.predecessors.extend(link(field, &subject, reader));
        }
    }
    reader.details(&subject, node, &DETAILS);
    task
}

/// Reads what the task is; whether the field was one of these.
fn identity(
    name: &str,
    field: Node<'_, '_>,
    task: &mut Task,
    at: &Subject,
    reader: &mut Reader,
) -> bool {
    match name {
        "UID" => task.uid = reader.integer(at, field).unwrap_or_default(),
        "ID" => task.id = reader.integer(at, field).unwrap_or_default(),
        "Name" => task.name = text_of(field),
        "Notes" => task.notes = text_of(field),
        "OutlineLevel" => task.outline_level = reader.count(at, field).unwrap_or_default(),
        "Type" => task.kind = reader.small(at, field).unwrap_or_default(),
        "Priority" => task.priority = reader.count(at, field),
        "Summary" => reader.assign_flag(at, field, &mut task.is_summary),
        "Milestone" => reader.assign_flag(at, field, &mut task.is_milestone),
        "IsNull" => reader.assign_flag(at, field, &mut task.is_null),
        "Manual" => reader.assign_flag(at, field, &mut task.is_manual),
        "Active" => task.is_inactive = reader.flag(at, field) == Some(false),
        "ExternalTask" => reader.assign_flag(at, field, &mut task.is_external),
        "IsSubproject" => reader.assign_flag(at, field, &mut task.is_subproject),
        "Critical" => task.is_critical = reader.flag(at, field),
        "CalendarUID" => task.calendar_uid = reader.reference(at, field),
        "IgnoreResourceCalendar" => {
            reader.assign_flag(at, field, &mut task.ignores_resource_calendars);
        }
        _ => return false,
    }
    true
}

/// Reads a date; whether the field was one.
fn dates(
    name: &str,
    field: Node<'_, '_>,
    task: &mut Task,
    at: &Subject,
    reader: &mut Reader,
) -> bool {
    let date = match name {
        "Start" => &mut task.start,
        "Finish" => &mut task.finish,
        "Stop" => &mut task.stop,
        "Resume" => &mut task.resume,
        "EarlyStart" => &mut task.early_start,
        "EarlyFinish" => &mut task.early_finish,
        "LateStart" => &mut task.late_start,
        "LateFinish" => &mut task.late_finish,
        "ActualStart" => &mut task.actual_start,
        "ActualFinish" => &mut task.actual_finish,
        "ConstraintDate" => &mut task.constraint_date,
        "Deadline" => &mut task.deadline,
        _ => return false,
    };
    *date = reader.date_time(at, field);
    true
}

/// Reads a length, a share or a kind; whether the field was one.
fn amounts(
    name: &str,
    field: Node<'_, '_>,
    task: &mut Task,
    at: &Subject,
    reader: &mut Reader,
) -> bool {
    match name {
        "Duration" => task.duration_seconds = reader.seconds(at, field),
        "DurationFormat" => task.duration_format = format(field, at, reader),
        "Work" => task.work_seconds = reader.seconds(at, field),
        "RemainingDuration" => task.remaining_seconds = reader.seconds(at, field),
        "FreeSlack" => task.free_slack_tenths = reader.integer(at, field),
        "TotalSlack" => task.total_slack_tenths = reader.integer(at, field),
        "PercentComplete" => {
            task.percent_complete = reader.count(at, field).unwrap_or_default().min(100);
        }
        "ConstraintType" => {
            let number = reader.integer(at, field).unwrap_or_default();
            task.constraint = ConstraintKind::from_number(number).unwrap_or_else(|| {
                let what = format!("there is no constraint type {number}");
                reader.losses.push(Loss::new(at.clone(), what, "taken as soon as possible"));
                ConstraintKind::default()
            });
        }
        "LevelingDelay" => {
            task.leveling_delay_tenths = reader.integer(at, field).unwrap_or_default();
        }
        "LevelingDelayFormat" => task.leveling_delay_format = format(field, at, reader),
        _ => return false,
    }
    true
}

fn format(field: Node<'_, '_>, at: &Subject, reader: &mut Reader) -> DurationFormat {
    reader.small(at, field).map(DurationFormat::from_number).unwrap_or_default()
}

fn link(node: Node<'_, '_>, at: &Subject, reader: &mut Reader) -> Option<PredecessorLink> {
    let mut predecessor_uid = None;
    let mut kind = LinkKind::default();
    let (mut lag, mut lag_format) = (0, DurationFormat::default());
    let mut crosses_projects = false;
    for field in elements(node) {
        match field.tag_name().name() {
            "PredecessorUID" => predecessor_uid = reader.integer(at, field),
            "Type" => {
                let number = reader.integer(at, field).unwrap_or(1);
                kind = LinkKind::from_number(number).unwrap_or_else(|| {
                    let what = format!("there is no link type {number}");
                    reader.losses.push(Loss::new(at.clone(), what, "taken as finish-to-start"));
                    LinkKind::default()
                });
            }
            "LinkLag" => lag = reader.integer(at, field).unwrap_or_default(),
            "LagFormat" => lag_format = format(field, at, reader),
            "CrossProject" => reader.assign_flag(at, field, &mut crosses_projects),
            _ => {}
        }
    }
    if predecessor_uid.is_none() {
        reader.losses.push(Loss::new(at.clone(), "a link names no predecessor", "left out"));
    }
    let predecessor_uid = predecessor_uid?;
    Some(PredecessorLink { predecessor_uid, kind, lag, lag_format, crosses_projects })
}
