//! Tables that are written read back equal.

use longlead_exchange::csv::{export, import};
use longlead_model::{Bundle, Source};

#[test]
fn a_table_that_is_written_reads_back_equal() {
    let text = r#"
        [[activity]]
        id = "board"
        title = "Board; with, \"quotes\""
        product = "tracker"
        band = "hardware"
        start_no_earlier_than = 2026-11-30
        must_finish_on = 2027-03-01
        [activity.work]
        estimate = { p50 = 12, p90 = 20.5, unit = "wk" }
        calendar = "office"
        teams = { hardware = 2, lab = 1 }
        first_pass = 0.8
        rework = { triangular = [1, 2, 4] }
        rework_rounds_max = 3

        [[activity]]
        id = "test"
        title = "Test"
        after = ["board", "build:evt"]
        work = { estimate = { observed = [3, 5, 4] }, team = "lab" }

        [[milestone]]
        id = "ready"
        title = "Ready"
        after = ["test"]
        target = 2027-04-01

        [[link]]
        from = "board"
        to = "test"
        kind = "SS"
        lag = "-1.5 wk"
        lag_calendar = "office"

        [[link]]
        from = "board"
        to = "ready"
        lag = "90 d"
        bound = "maximum"

        [[actual]]
        id = "board"
        started = 2026-12-01
        remaining = "4 wk"
    "#;
    let sources = [Source { name: "plan.toml".into(), text: text.into() }];
    // Diagnostics tell of a calendar and teams that are not here; the records are all the same.
    let (bundle, _) = Bundle::load(&sources);
    assert_eq!(bundle.records.activities.len(), 2);
    let (table, losses) = export(&bundle);
    assert_eq!(losses, []);
    let imported = import(table.as_bytes());
    assert_eq!(imported.losses, []);
    assert_eq!(imported.bundle.records, bundle.records);
}
