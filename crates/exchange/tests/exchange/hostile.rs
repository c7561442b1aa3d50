//! No text makes a reader panic or run away.

use longlead_exchange::{csv, mspdi};
use proptest::prelude::*;

use crate::mspdi_round_trip::project;

/// A real text with a stretch of it replaced by another.
fn damaged(text: String, at: f64, length: usize, with: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let start = ((characters.len() as f64) * at) as usize;
    let end = (start + length).min(characters.len());
    let before: String = characters[..start].iter().collect();
    let after: String = characters[end..].iter().collect();
    format!("{before}{with}{after}")
}

/// Everything that is done to a project file.
fn process(text: &str) {
    let Ok((project, _)) = mspdi::read(text) else { return };
    let imported = mspdi::to_records(&project);
    let start = longlead_model::Date::constant(2026, 1, 5);
    let (_, _) = mspdi::from_records(&imported.bundle, &[], start);
    let _ = mspdi::write(&project);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_bytes_are_a_table_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = csv::import(&bytes);
    }

    #[test]
    fn any_cells_are_read_or_told(
        cells in proptest::collection::vec("[-a-z0-9./,;@+<=%SF \"]{0,14}", 21),
    ) {
        let text = format!("{}\n{}\n", csv::COLUMNS.join("\t"), cells.join("\t"));
        let _ = csv::import(text.as_bytes());
    }

    #[test]
    fn any_text_is_a_project_or_not(text in "\\PC{0,200}") {
        process(&text);
        process(&format!("<Project><Tasks><Task>{text}</Task></Tasks></Project>"));
    }

    #[test]
    fn any_project_becomes_records(project in project()) {
        let _ = mspdi::to_records(&project);
    }

    #[test]
    fn a_damaged_file_is_read_or_refused(
        project in project(),
        at in 0.0_f64..1.0,
        length in 0_usize..40,
        with in "[<>/&;a-zA-Z0-9: -]{0,20}",
    ) {
        process(&damaged(mspdi::write(&project), at, length, &with));
    }
}

proptest! {
    // Calendars of minutes are long, so there are few of these.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_project_is_scheduled_or_refused(mut project in project()) {
        // Dates within a few years of each other, or the horizon alone would refuse nearly all.
        let near = |it: Option<jiff::civil::DateTime>| {
            it.and_then(|it| it.with().year(2026).build().ok())
        };
        project.start = near(project.start);
        project.finish = near(project.finish);
        for task in &mut project.tasks {
            for date in [
                &mut task.start, &mut task.finish, &mut task.actual_start, &mut task.actual_finish,
                &mut task.stop, &mut task.resume, &mut task.constraint_date, &mut task.deadline,
            ] {
                *date = near(*date);
            }
            task.duration_seconds = task.duration_seconds.map(|it| it % 999_999);
        }
        let _ = mspdi::schedule(&project);
        let _ = mspdi::network(&project);
    }
}

#[test]
fn numbers_beyond_all_measure_are_refused_or_told() {
    let huge = "9".repeat(400);
    for field in ["UID", "Duration", "OutlineLevel", "TotalSlack", "LevelingDelay", "Start"] {
        for value in [huge.as_str(), "-9223372036854775808", "1e308", "PT9999999999H0M0S", "NaN"] {
            process(&format!(
                "<Project><StartDate>2026-01-05T08:00:00</StartDate>\
                 <Tasks><Task><{field}>{value}</{field}></Task></Tasks></Project>"
            ));
        }
    }
}

#[test]
fn an_outline_of_a_hundred_thousand_levels_is_read_in_reasonable_time() {
    let mut text = String::from("<Project><Tasks>");
    for level in 1..=100_000 {
        text.push_str(&format!(
            "<Task><UID>{level}</UID><OutlineLevel>{level}</OutlineLevel></Task>"
        ));
    }
    text.push_str("</Tasks></Project>");
    process(&text);
}
