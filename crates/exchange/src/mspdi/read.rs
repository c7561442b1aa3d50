//! Reads MSPDI text.

mod calendar;
mod fields;
mod task;

use roxmltree::{Document, Node, ParsingOptions};
use thiserror::Error;

use crate::report::{Loss, Subject};

use super::{Assignment, Direction, Project, Resource, Timephased};
use fields::{Reader, elements, text_of};

/// The most XML nodes that are read: some two hundred thousand tasks.
const NODES_MAX: u32 = 40_000_000;

/// Why a text is not read at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The text is no XML, or more of it than any project has.
    #[error("this is not XML that can be read: {0}")]
    Xml(String),
    /// The text is XML of another kind.
    #[error("this is {}, not MS Project XML; {}", root_in_words(.root), mend_root(.root))]
    NotMspdi {
        /// The outermost element.
        root: String,
    },
}

const PRIMAVERA: &str = "APIBusinessObjects";

fn root_in_words(root: &str) -> String {
    if root == PRIMAVERA {
        return "Primavera P6 XML".to_owned();
    }
    let shown: String = root.chars().take(60).collect();
    format!("XML with the root <{shown}>")
}

fn mend_root(root: &str) -> &'static str {
    if root == PRIMAVERA {
        "export it from P6 as Microsoft Project XML"
    } else {
        "save the project as XML in MS Project"
    }
}

/// Reads MS Project XML.
///
/// What can't be read, or has no place in [`Project`], is told in the list; what another program
/// computes anyway (variances, work breakdown codes) is passed over.
///
/// # Errors
/// Text that is no XML, declares entities, or is XML of another kind.
pub fn read(text: &str) -> Result<(Project, Vec<Loss>), ReadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Documents with a DTD are refused: no project file has one, and entities can explode.
    let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| ReadError::Xml(error.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "Project" {
        return Err(ReadError::NotMspdi { root: root.tag_name().name().to_owned() });
    }
    let mut reader = Reader::default();
    let project = project(root, &mut reader);
    reader.told_twice("tasks", project.tasks.iter().map(|it| it.uid));
    reader.told_twice("calendars", project.calendars.iter().map(|it| it.uid));
    reader.told_twice("resources", project.resources.iter().map(|it| it.uid));
    Ok((project, reader.losses))
}

fn project(root: Node<'_, '_>, reader: &mut Reader) -> Project {
    let mut project = Project::default();
    for node in elements(root) {
        match node.tag_name().name() {
            "Calendars" => {
                project.calendars =
                    named(node, "Calendar").map(|it| calendar::calendar(it, reader)).collect();
            }
            "Tasks" => {
                project.tasks = named(node, "Task").map(|it| task::task(it, reader)).collect();
            }
            "Resources" => {
                project.resources =
                    named(node, "Resource").map(|it| resource(it, reader)).collect();
            }
            "Assignments" => {
                project.assignments =
                    named(node, "Assignment").map(|it| assignment(it, reader)).collect();
            }
            "ExtendedAttributes" | "OutlineCodes" if node.first_element_child().is_some() => {
                let what = format!("{} definitions", node.tag_name().name());
                reader.losses.push(Loss::new(Subject::File, what, "left out"));
            }
            name => setting(name, node, &mut project, reader),
        }
    }
    project
}

fn named<'a, 'input>(
    node: Node<'a, 'input>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    elements(node).filter(move |it| it.tag_name().name() == name)
}

fn setting(name: &str, node: Node<'_, '_>, project: &mut Project, reader: &mut Reader) {
    let at = &Subject::File;
    match name {
        "Name" => project.name = text_of(node),
        "Title" => project.title = text_of(node),
        "StartDate" => project.start = reader.date_time(at, node),
        "FinishDate" => project.finish = reader.date_time(at, node),
        "StatusDate" => project.status_date = reader.date_time(at, node),
        "CurrentDate" => project.current_date = reader.date_time(at, node),
        "ScheduleFromStart" => {
            project.direction = match reader.flag(at, node) {
                Some(false) => Direction::FromFinish,
                _ => Direction::FromStart,
            };
        }
        "CalendarUID" => project.calendar_uid = reader.reference(at, node),
        "DefaultStartTime" => reader.assign_time(at, node, &mut project.default_start),
        "DefaultFinishTime" => reader.assign_time(at, node, &mut project.default_finish),
        "MinutesPerDay" => reader.assign_count(at, node, &mut project.minutes_per_day),
        "MinutesPerWeek" => reader.assign_count(at, node, &mut project.minutes_per_week),
        "DaysPerMonth" => reader.assign_count(at, node, &mut project.days_per_month),
        "CriticalSlackLimit" => {
            project.critical_slack_limit_days = reader.integer(at, node).unwrap_or_default();
        }
        "HonorConstraints" => reader.assign_flag(at, node, &mut project.honor_constraints),
        "MultipleCriticalPaths" => {
            reader.assign_flag(at, node, &mut project.multiple_critical_paths);
        }
        "SplitsInProgressTasks" => {
            reader.assign_flag(at, node, &mut project.splits_in_progress_tasks);
        }
        "NewTasksAreManual" => reader.assign_flag(at, node, &mut project.new_tasks_are_manual),
        // The rest are settings of a program, not facts of a plan.
        _ => {}
    }
}

/// What a resource has besides what is read, and what another program computes from the rest.
const RESOURCE_DETAILS: [&str; 12] = [
    "Cost",
    "StandardRate",
    "OvertimeRate",
    "CostPerUse",
    "ActualCost",
    "Rates",
    "AvailabilityPeriods",
    "Baseline",
    "ExtendedAttribute",
    "OutlineCode",
    "Notes",
    "EmailAddress",
];

fn resource(node: Node<'_, '_>, reader: &mut Reader) -> Resource {
    // Work resources are what is meant where the file says nothing.
    let mut resource = Resource { kind: 1, ..Resource::default() };
    let subject = fields::subject_of(node, |uid, name| Subject::Resource { uid, name });
    let at = &subject;
    for field in elements(node) {
        match field.tag_name().name() {
            "UID" => resource.uid = reader.integer(at, field).unwrap_or_default(),
            "ID" => resource.id = reader.integer(at, field).unwrap_or_default(),
            "Name" => resource.name = text_of(field),
            "Type" => resource.kind = reader.small(at, field).unwrap_or(1),
            "IsNull" => reader.assign_flag(at, field, &mut resource.is_null),
            "MaxUnits" => resource.units_max = reader.number(at, field),
            "CalendarUID" => resource.calendar_uid = reader.reference(at, field),
            _ => {}
        }
    }
    reader.details(at, node, &RESOURCE_DETAILS);
    resource
}

/// What an assignment has besides what is read.
const ASSIGNMENT_DETAILS: [&str; 4] = ["Baseline", "ExtendedAttribute", "Notes", "Hyperlink"];

fn assignment(node: Node<'_, '_>, reader: &mut Reader) -> Assignment {
    let mut assignment = Assignment::default();
    let at = &Subject::File;
    for field in elements(node) {
        match field.tag_name().name() {
            "UID" => assignment.uid = reader.integer(at, field).unwrap_or_default(),
            "TaskUID" => assignment.task_uid = reader.integer(at, field).unwrap_or_default(),
            "ResourceUID" => {
                assignment.resource_uid = reader.integer(at, field).unwrap_or_default();
            }
            "Units" => assignment.units = reader.number(at, field),
            "Work" => assignment.work_seconds = reader.seconds(at, field),
            "TimephasedData" => assignment.timephased.extend(timephased(field, reader)),
            _ => {}
        }
    }
    let task = Subject::Task { uid: assignment.task_uid, name: String::new() };
    reader.details(&task, node, &ASSIGNMENT_DETAILS);
    assignment
}

fn timephased(node: Node<'_, '_>, reader: &mut Reader) -> Option<Timephased> {
    let at = &Subject::File;
    let field = |name| named(node, name).next();
    let kind = reader.small(at, field("Type")?)?;
    // The other kinds are costs, overtime and baselines, told by their own elements.
    if !matches!(kind, 1 | 2) {
        return None;
    }
    let start = reader.date_time(at, field("Start")?)?;
    let finish = reader.date_time(at, field("Finish")?)?;
    let work_seconds = field("Value").map_or(Some(0), |it| reader.seconds(at, it))?;
    Some(Timephased { kind, start, finish, work_seconds })
}

#[cfg(test)]
mod tests;
