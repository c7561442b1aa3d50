//! Writes MSPDI text. MS Project checks the order of elements, so each function below writes
//! them in the order of the schema.

mod calendar;
mod markup;

use super::duration::write_seconds;
use super::{Assignment, Direction, PredecessorLink, Project, Resource, Task};
use markup::Markup;

/// The project as MS Project XML.
///
/// Reading the text gives an equal project. Characters that XML can't hold become U+FFFD, and
/// seconds and smaller parts of dates stay as they are.
pub fn write(project: &Project) -> String {
    let mut markup = Markup::new();
    markup.open_with("Project", "xmlns=\"http://schemas.microsoft.com/project\"");
    settings(&mut markup, project);
    calendar::calendars(&mut markup, &project.calendars);
    let parents = parent_numbers(project);
    markup.group("Tasks", &project.tasks, |markup, task| {
        let outline = parents.get(&task_key(task)).map_or("", String::as_str);
        write_task(markup, task, outline);
    });
    markup.group("Resources", &project.resources, write_resource);
    markup.group("Assignments", &project.assignments, write_assignment);
    markup.close("Project");
    markup.finish()
}

fn settings(markup: &mut Markup, project: &Project) {
    // 14 is the format of Project 2010 and later, which knows manual and inactive tasks.
    markup.value("SaveVersion", 14);
    markup.filled("Name", &project.name);
    markup.filled("Title", &project.title);
    markup.flag("ScheduleFromStart", project.direction == Direction::FromStart);
    markup.some("StartDate", project.start);
    markup.some("FinishDate", project.finish);
    markup.value("CriticalSlackLimit", project.critical_slack_limit_days);
    markup.some("CalendarUID", project.calendar_uid);
    markup.value("DefaultStartTime", project.default_start);
    markup.value("DefaultFinishTime", project.default_finish);
    markup.value("MinutesPerDay", project.minutes_per_day);
    markup.value("MinutesPerWeek", project.minutes_per_week);
    markup.value("DaysPerMonth", project.days_per_month);
    markup.flag("HonorConstraints", project.honor_constraints);
    markup.flag("MultipleCriticalPaths", project.multiple_critical_paths);
    markup.flag("SplitsInProgressTasks", project.splits_in_progress_tasks);
    markup.some("StatusDate", project.status_date);
    markup.some("CurrentDate", project.current_date);
    markup.flag("NewTasksAreManual", project.new_tasks_are_manual);
}

type TaskKey = (i64, i64);

fn task_key(task: &Task) -> TaskKey {
    (task.uid, task.id)
}

/// Outline numbers such as `2.1.3`, which MS Project reads the outline from.
fn parent_numbers(project: &Project) -> std::collections::HashMap<TaskKey, String> {
    let parents = project.parents();
    let mut children = vec![0_usize; project.tasks.len()];
    let mut roots = 0_usize;
    let mut numbers: Vec<String> = Vec::with_capacity(project.tasks.len());
    for (task, parent) in project.tasks.iter().zip(&parents) {
        let number = match parent {
            _ if task.is_null => String::new(),
            _ if task.outline_level == 0 => "0".to_owned(),
            Some(parent) => {
                let count = children.get_mut(*parent);
                let place = count.map_or(1, |it| {
                    *it += 1;
                    *it
                });
                match numbers.get(*parent).map(String::as_str) {
                    None | Some("0") => place.to_string(),
                    // A number as long as a chapter of a book is an attack, not an outline.
                    Some(above) if above.len() > 1_000 => above.to_owned(),
                    Some(above) => format!("{above}.{place}"),
                }
            }
            None => {
                roots += 1;
                roots.to_string()
            }
        };
        numbers.push(number);
    }
    project.tasks.iter().map(task_key).zip(numbers).collect()
}

fn write_task(markup: &mut Markup, task: &Task, outline: &str) {
    markup.open("Task");
    task_identity(markup, task, outline);
    task_dates(markup, task);
    task_slack(markup, task);
    task_progress(markup, task);
    task_constraint(markup, task);
    for link in &task.predecessors {
        write_link(markup, link);
    }
    markup.close("Task");
}

fn task_identity(markup: &mut Markup, task: &Task, outline: &str) {
    markup.value("UID", task.uid);
    markup.value("ID", task.id);
    markup.filled("Name", &task.name);
    markup.flag("Active", !task.is_inactive);
    markup.flag("Manual", task.is_manual);
    markup.value("Type", task.kind);
    markup.flag("IsNull", task.is_null);
    markup.filled("WBS", outline);
    markup.filled("OutlineNumber", outline);
    markup.value("OutlineLevel", task.outline_level);
    markup.some("Priority", task.priority);
}

fn task_dates(markup: &mut Markup, task: &Task) {
    markup.some("Start", task.start);
    markup.some("Finish", task.finish);
    markup.some("Duration", task.duration_seconds.map(write_seconds));
    if task.is_manual {
        markup.some("ManualStart", task.start);
        markup.some("ManualFinish", task.finish);
        markup.some("ManualDuration", task.duration_seconds.map(write_seconds));
    }
    markup.value("DurationFormat", task.duration_format.number());
    markup.some("Work", task.work_seconds.map(write_seconds));
    markup.some("Stop", task.stop);
    markup.some("Resume", task.resume);
    markup.flag("Milestone", task.is_milestone);
    markup.flag("Summary", task.is_summary);
    markup.some("Critical", task.is_critical.map(u8::from));
    markup.flag("IsSubproject", task.is_subproject);
    markup.flag("ExternalTask", task.is_external);
}

fn task_slack(markup: &mut Markup, task: &Task) {
    markup.some("EarlyStart", task.early_start);
    markup.some("EarlyFinish", task.early_finish);
    markup.some("LateStart", task.late_start);
    markup.some("LateFinish", task.late_finish);
    markup.some("FreeSlack", task.free_slack_tenths);
    markup.some("TotalSlack", task.total_slack_tenths);
}

fn task_progress(markup: &mut Markup, task: &Task) {
    markup.value("PercentComplete", task.percent_complete);
    markup.some("ActualStart", task.actual_start);
    markup.some("ActualFinish", task.actual_finish);
    markup.some("RemainingDuration", task.remaining_seconds.map(write_seconds));
}

fn task_constraint(markup: &mut Markup, task: &Task) {
    markup.value("ConstraintType", task.constraint.number());
    markup.value("CalendarUID", task.calendar_uid.unwrap_or(-1));
    markup.some("ConstraintDate", task.constraint_date);
    markup.some("Deadline", task.deadline);
    markup.value("LevelingDelay", task.leveling_delay_tenths);
    markup.value("LevelingDelayFormat", task.leveling_delay_format.number());
    markup.flag("IgnoreResourceCalendar", task.ignores_resource_calendars);
    markup.filled("Notes", &task.notes);
}

fn write_link(markup: &mut Markup, link: &PredecessorLink) {
    markup.open("PredecessorLink");
    markup.value("PredecessorUID", link.predecessor_uid);
    markup.value("Type", link.kind.number());
    markup.flag("CrossProject", link.crosses_projects);
    markup.value("LinkLag", link.lag);
    markup.value("LagFormat", link.lag_format.number());
    markup.close("PredecessorLink");
}

fn write_resource(markup: &mut Markup, resource: &Resource) {
    markup.open("Resource");
    markup.value("UID", resource.uid);
    markup.value("ID", resource.id);
    markup.filled("Name", &resource.name);
    markup.value("Type", resource.kind);
    markup.flag("IsNull", resource.is_null);
    markup.some("MaxUnits", resource.units_max);
    markup.some("CalendarUID", resource.calendar_uid);
    markup.close("Resource");
}

fn write_assignment(markup: &mut Markup, assignment: &Assignment) {
    markup.open("Assignment");
    markup.value("UID", assignment.uid);
    markup.value("TaskUID", assignment.task_uid);
    markup.value("ResourceUID", assignment.resource_uid);
    markup.some("Units", assignment.units);
    markup.some("Work", assignment.work_seconds.map(write_seconds));
    for stretch in &assignment.timephased {
        markup.open("TimephasedData");
        markup.value("Type", stretch.kind);
        markup.value("UID", assignment.uid);
        markup.value("Start", stretch.start);
        markup.value("Finish", stretch.finish);
        // 2 says that the stretch is counted in days; readers take it as it stands.
        markup.value("Unit", 2);
        markup.value("Value", write_seconds(stretch.work_seconds));
        markup.close("TimephasedData");
    }
    markup.close("Assignment");
}
