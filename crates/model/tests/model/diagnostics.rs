//! What is wrong with a bundle is told with its place and its mend, and all of it.

use expect_test::{Expect, expect};
use longlead_model::{Bundle, Code, Diagnostic, Source};

/// Diagnostics as they are told, one after another.
pub(crate) fn told(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect()
}

/// Loads one file.
fn check(text: &str, expect: Expect) {
    check_files(&[("it.toml", text)], expect);
}

fn check_files(files: &[(&str, &str)], expect: Expect) {
    let source =
        |(name, text): &(&str, &str)| Source { name: (*name).into(), text: (*text).into() };
    let sources: Vec<Source> = files.iter().map(source).collect();
    expect.assert_eq(&told(&Bundle::load(&sources).1));
}

#[test]
fn every_code_has_a_case() {
    let elsewhere = [
        // Files are read by the command line.
        Code::UnreadableFile,
        // Told of the network, which `longlead-horizon` derives.
        Code::ContradictoryLags,
        Code::IncompletePlan,
    ];
    let cases = include_str!("diagnostics.rs");
    for (code, _) in Code::all() {
        let shown = ["error", "warning"].map(|severity| format!("{severity}[{code}]: "));
        let has_case = shown.iter().any(|shown| cases.contains(shown));
        assert!(has_case != elsewhere.contains(code), "{code}");
    }
}

#[test]
fn a_syntax_error_hides_no_other_and_makes_no_reference_wrong() {
    check(
        r#"
[[part]]
id = "modem"
title = "Modem
lifecycle = "old"

[[bom_line]]
revision = "tracker-c"
part = "modem"
quantity = -1
"#,
        expect![[r#"
            it.toml:4:15: error[syntax]: not valid TOML: invalid basic string, expected `"`
              help: see https://toml.io for how values, tables and lists are written
            it.toml:5:13: error[wrong-value]: "old" is not one of active, not-recommended, last-time-buy, obsolete
              help: write "active"
            it.toml:10:12: error[negative-value]: -1 is negative
              help: write zero or more
        "#]],
    );
}

#[test]
fn text_that_is_no_toml_at_all_is_told() {
    check(
        "\u{0}PK\u{3}\u{4}\n{",
        expect![[r#"
        it.toml:1:1: error[syntax]: not valid TOML: invalid unquoted key, expected letters, numbers, `-`, `_`
          help: see https://toml.io for how values, tables and lists are written
        it.toml:1:4: error[syntax]: not valid TOML: invalid unquoted key, expected letters, numbers, `-`, `_`
          help: see https://toml.io for how values, tables and lists are written
        it.toml:1:6: error[syntax]: not valid TOML: key with no value, expected `=`
          help: see https://toml.io for how values, tables and lists are written
        it.toml:2:1: error[syntax]: not valid TOML: invalid key-value pair, expected key
          help: see https://toml.io for how values, tables and lists are written
    "#]],
    );
    check(
        "part = [",
        expect![[r#"
        it.toml:1:9: error[syntax]: not valid TOML: unclosed array, expected `]`
          help: see https://toml.io for how values, tables and lists are written
    "#]],
    );
    check(
        "[[part]]\nid = \"a\"\nid = \"b\"\ntitle = \"Twice\"\n",
        expect![[r#"
        it.toml:3:1: error[syntax]: not valid TOML: duplicate key
          help: see https://toml.io for how values, tables and lists are written
    "#]],
    );
    check("\u{feff}# a byte order mark is fine\r\n", expect![[""]]);
    check("", expect![[""]]);
}

#[test]
fn kinds_and_fields_are_told_with_the_nearest_name() {
    check(
        r#"
[[ofer]]
id = "a"

[setings]
seed = 1

[[colour]]
id = "red"

[[supplier]]
id = "acme"
title = "Acme"
contry = "DE"
ceo = "?"
"#,
        expect![[r#"
            it.toml:2:3: error[unknown-kind]: there is no kind of record called `ofer`
              help: did you mean `[[offer]]`?
            it.toml:5:2: error[unknown-kind]: there is no kind of record called `setings`
              help: did you mean `[settings]`?
            it.toml:8:3: error[unknown-kind]: there is no kind of record called `colour`
              help: the kinds are product, revision, capability, feature, release, decision, activity, milestone, link, actual, calendar, team, risk, correlation, part, supplier, offer, bom_line, build, order, market, regime, certificate, stakeholder, requirement, criterion, term, assumption, rate, contract, scenario
            it.toml:14:1: error[unknown-field]: supplier `acme` has no field `contry`
              help: did you mean `country`?
            it.toml:15:1: error[unknown-field]: supplier `acme` has no field `ceo`
              help: its fields are id, title, country, calendar
        "#]],
    );
}

#[test]
fn missing_and_mistyped_fields_are_told_together() {
    check(
        r#"
[[risk]]
id = "fire"
probability = "often"
effects = { team = "lab", add = 5 }
mitigation = 7

[[team]]
id = "lab"
title = "Lab"
capacity = "two"

[[team]]
id = "line"
title = "Line"
capacity = 2.5

[[build]]
id = "evt"
revision = "c"
stage = "EVT"
quantity = 4_294_967_296
work = "soon"

[[revision]]
id = "c"
product = ["tracker"]
title = true
design = { team = "lab" }
provides = [1]
specification_freeze = "1 March"

[[part]]
"modem"

part = "x"
"#,
        expect![[r#"
            it.toml:2:1: error[missing-field]: risk `fire` lacks `title`
              help: add `title = "…"`
            it.toml:4:15: error[wrong-value]: "often" is not a share
              help: write, for example, 0.8 or "80 %"
            it.toml:5:33: error[wrong-value]: an estimate is expected here, not a whole number
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            it.toml:6:14: error[wrong-value]: a text is expected here, not a whole number
              help: write, for example, "Light sensor"
            it.toml:11:12: error[wrong-value]: a whole number is expected here, not a text
              help: write, for example, 100
            it.toml:16:12: error[wrong-value]: a whole number is expected here, not a number with a decimal point
              help: write, for example, 100
            it.toml:21:9: error[wrong-value]: "EVT" is not one of evt, dvt, pvt, mp
              help: did you mean "evt"?
            it.toml:23:8: error[wrong-value]: a table is expected here, not a text
              help: write, for example, { … }
            it.toml:27:11: error[wrong-value]: an id is expected here, not a list
              help: write, for example, "tracker-c"
            it.toml:28:9: error[wrong-value]: a text is expected here, not true or false
              help: write, for example, "Light sensor"
            it.toml:29:10: error[missing-field]: revision `c` lacks `design.estimate`
              help: add `estimate = { pert = [5, 8, 14], unit = "d" }`
            it.toml:30:12: error[wrong-value]: a table is expected here, not a list
              help: write, for example, { ble = true, ram = "256 KiB" }
            it.toml:31:24: error[wrong-value]: "1 March" is not a civil date
              help: write, for example, 2027-03-01 (without quotes)
            it.toml:33:1: error[missing-field]: this part lacks `id`
              help: add `id = "some-id"`
            it.toml:33:1: error[missing-field]: this part lacks `title`
              help: add `title = "…"`
            it.toml:34:8: error[syntax]: not valid TOML: key with no value, expected `=`
              help: see https://toml.io for how values, tables and lists are written
        "#]],
    );
    check(
        "part = 5\nsettings = 1\nteam = [1, [], 'x']\n",
        expect![[r#"
        it.toml:1:8: error[wrong-value]: a table is expected here, not a whole number
          help: write, for example, { … }
        it.toml:2:12: error[wrong-value]: a table is expected here, not a whole number
          help: write, for example, { … }
        it.toml:3:9: error[wrong-value]: a table is expected here, not a whole number
          help: write, for example, { … }
        it.toml:3:12: error[wrong-value]: a table is expected here, not a list
          help: write, for example, { … }
        it.toml:3:16: error[wrong-value]: a table is expected here, not a text
          help: write, for example, { … }
    "#]],
    );
}

#[test]
fn a_record_that_cannot_be_read_makes_no_reference_to_it_wrong() {
    check(
        r#"
[[product]]
id = "tracker"
titel = "Tracker"

[[revision]]
id = "c"
product = "tracker"
title = "Rev C"
"#,
        expect![[r#"
            it.toml:2:1: error[missing-field]: product `tracker` lacks `title`
              help: add `title = "…"`
            it.toml:4:1: error[unknown-field]: product `tracker` has no field `titel`
              help: did you mean `title`?
        "#]],
    );
}

#[test]
fn ids_are_told_with_a_slug() {
    check(
        r#"
[[product]]
id = "Tracker C"
title = "Tracker"

[[activity]]
id = "launch:x"
title = "It looks derived, which is allowed to activities"
work.estimate = "1 d"

[[part]]
id = "launch:x"
title = "No activity"

[[part]]
id = ""
title = "Nameless"

[[offer]]
supplier = "Ac Me"
part = "x"
lead_time = "4 wk"

[[offer]]
supplier = "acme"
lead_time = "4 wk"
"#,
        expect![[r#"
            it.toml:3:6: error[invalid-id]: "Tracker C" is not an id: an id has only a-z, 0-9, `-`, `_` and `.`, and starts with a letter or digit; 'T' is not allowed there
              help: write, for example, "tracker-c"
            it.toml:12:6: error[invalid-id]: "launch:x" is not an id: `:` is kept for the ids of derived activities, such as `launch:geofence`
              help: write, for example, "launch-x"
            it.toml:16:6: error[invalid-id]: "" is not an id: an id can't be empty
              help: write, for example, "x"
            it.toml:20:12: error[invalid-id]: "Ac Me" is not an id: an id has only a-z, 0-9, `-`, `_` and `.`, and starts with a letter or digit; 'A' is not allowed there
              help: write, for example, "ac-me"
            it.toml:24:1: error[missing-field]: this offer lacks `part`
              help: add `part = "some-id"`
        "#]],
    );
}

#[test]
fn duplicates_are_told_with_both_places() {
    check_files(
        &[
            ("b.toml", "[[team]]\nid = \"lab\"\ntitle = \"Lab\"\n"),
            ("a/team.toml", "[settings]\n\n[[team]]\nid = \"lab\"\ntitle = \"The lab\"\n"),
            ("c.toml", "[settings]\nseed = 2\n"),
        ],
        expect![[r#"
            b.toml:1:1: error[duplicate-id]: team `lab` is written twice
              help: give one of them another id, or remove it
              a/team.toml:3:1: the first time
            c.toml:1:2: error[duplicate-id]: the settings are written twice
              help: keep one `[settings]` table
              a/team.toml:1:1: the first time
        "#]],
    );
    check(
        r#"
bom_line = [
    { revision = "c", part = "r" },
    { revision = "c", part = "r", quantity = 2 },
]
part = { id = "r", title = "Resistor" }
revision = { id = "c", product = "t", title = "C" }
product = { id = "t", title = "T" }

[[activity]]
id = "launch"
title = "Launch"
work.estimate = "0 d"

[[milestone]]
id = "launch"
title = "Launch"

[[calendar]]
id = "elapsed"
title = "Every day"

[[decision]]
id = "modem"
title = "Which modem?"
options = [{ id = "a", title = "A" }, { id = "a", title = "Another" }]
"#,
        expect![[r#"
            it.toml:4:5: error[duplicate-id]: BOM line `c.r` is written twice
              help: give one of them another id, or remove it
              it.toml:3:5: the first time
            it.toml:16:6: error[duplicate-id]: `launch` is both an activity and a milestone
              help: give one of them another id
              it.toml:10:1: the activity
            it.toml:20:6: error[duplicate-id]: `elapsed` is the calendar that is always there
              help: give yours another id
            it.toml:26:39: error[duplicate-id]: decision `modem` has two options called `a`
              help: name each option once
        "#]],
    );
}

#[test]
fn references_are_told_with_the_nearest_id() {
    check(
        r#"
[settings]
calendar = "chian"

[[calendar]]
id = "china"
title = "China"

[[capability]]
id = "light"
title = "Light"

[[product]]
id = "tracker"
title = "Tracker"

[[feature]]
id = "door-open"
product = "traker"
title = "Door open"
requires = { ligth = true }
markets = ["us", "eu"]

[[actual]]
id = "lauch"
started = 2026-01-01

[[actual]]
id = "launch:door-open"
started = 2026-01-01

[[milestone]]
id = "launch"
title = "Launch"
after = ["bild"]

[[decision]]
id = "modem"
title = "Which modem?"
options = [{ id = "nordic", title = "A" }, { id = "quectel", title = "B" }]
decided = { option = "nordik", on = 2026-01-01 }
"#,
        expect![[r#"
            it.toml:3:12: error[unknown-reference]: the settings refer to calendar `chian`, which doesn't exist
              help: did you mean `china`?
            it.toml:19:11: error[unknown-reference]: feature `door-open` refers to product `traker` in `product`, which doesn't exist
              help: did you mean `tracker`?
            it.toml:21:22: error[unknown-reference]: feature `door-open` refers to capability `ligth` in `requires.ligth`, which doesn't exist
              help: did you mean `light`?
            it.toml:22:12: error[unknown-reference]: feature `door-open` refers to market `us` in `markets[0]`, which doesn't exist
              help: add a `[[market]]` with that id, or name one that exists
            it.toml:22:18: error[unknown-reference]: feature `door-open` refers to market `eu` in `markets[1]`, which doesn't exist
              help: add a `[[market]]` with that id, or name one that exists
            it.toml:25:6: error[unknown-reference]: actual `lauch` refers to activity `lauch` in `id`, which doesn't exist
              help: did you mean `launch`?
            it.toml:35:10: error[unknown-reference]: milestone `launch` refers to activity `bild` in `after[0]`, which doesn't exist
              help: add a `[[activity]]` with that id, or name one that exists
            it.toml:41:22: error[unknown-reference]: `nordik` is no option of decision `modem`
              help: did you mean `nordic`?
        "#]],
    );
}

#[test]
fn units_are_told_with_the_one_that_was_meant() {
    check(
        r#"
[[capability]]
id = "ram"
title = "RAM"
unit = "KiBt"

[[capability]]
id = "flash"
title = "Flash"
unit = "KiB"

[[capability]]
id = "ble"
title = "Bluetooth"

[[part]]
id = "mcu"
title = "MCU"
provides = { flash = "512 vlot", ble = "much" }

[[part]]
id = "soc"
title = "SoC"
provides = { flash = "512 V", ble = "5 KiB" }

[[part]]
id = "som"
title = "Module"
provides = { flash = true, ble = 1 }

[[regime]]
id = "fcc"
title = "FCC"
work.estimate = "5 d"
validity = "3 kg"

[[stakeholder]]
id = "cfo"
title = "CFO"

[[criterion]]
id = "fast"
title = "Fast"
stakeholder = "cfo"
metric = "latency"
at_least = "5 s"
at_most = "5 V"

[[criterion]]
id = "none"
title = "None"
stakeholder = "cfo"
metric = "latency"
at_least = "5 s"
at_most = "500 ms"
"#,
        expect![[r#"
            it.toml:5:8: error[unknown-unit]: `KiBt` is not a known unit
              help: did you mean `KiB`?
            it.toml:19:22: error[unknown-unit]: `vlot` is not a known unit
              help: did you mean `V`?
            it.toml:19:40: error[wrong-value]: `much` does not start with a number
              help: write a number and a unit, such as "256 KiB" or "3.7 V"
            it.toml:24:22: error[unit-mismatch]: 512 V can't be told in KiB, the unit of `flash`
              help: V measures electric potential, KiB measures information: write an amount in KiB
            it.toml:24:37: error[unit-mismatch]: `ble` has no unit, so it is there or it isn't
              help: write true, or give the capability unit = "KiB"
            it.toml:29:34: error[wrong-value]: true, false or a quantity is expected here, not a whole number
              help: write, for example, true or "256 KiB"
            it.toml:35:12: error[unit-mismatch]: 3 kg measures mass, and a length of time is meant
              help: write, for example, "3 a" or "18 mo"
            it.toml:47:11: error[unit-mismatch]: `s` (time) does not convert to `V` (electric potential)
              help: write both in units of electric potential or of time
            it.toml:55:11: error[empty-interval]: nothing is at least 5 s and at most 500 ms
              help: swap the two, or correct one
        "#]],
    );
}

#[test]
fn impossible_estimates_are_told_in_all_their_forms() {
    let estimates = [
        "{ pert = [14, 8, 5] }",
        "{ pert = [5, 8] }",
        "{ pert = 5 }",
        "{ triangular = [5, 15, 14], unit = \"wk\" }",
        "{ uniform = [9, 5] }",
        "{ uniform = [1, 2, 3] }",
        "{ observed = [] }",
        "{ p50 = 12 }",
        "{ p50 = 20, p90 = 12 }",
        "{ p50 = 0, p90 = 12 }",
        "{ p90 = 12 }",
        "{ pert = [1, 2, 3], p90 = 12 }",
        "{ pert = [1, 2, 3], uniform = [1, 2] }",
        "{ unit = \"d\" }",
        "{ fixed = 3, unit = \"h\" }",
        "{ fixed = 3, untis = \"d\" }",
        "{ pert = [1, nan, 3] }",
        "{ uniform = [1, inf] }",
        "{ uniform = [1, 99999999999999999999] }",
        "\"10\"",
        "\"10 h\"",
        "\"ten d\"",
        "\"inf d\"",
        "10",
    ];
    let activity = |(number, estimate): (usize, &&str)| {
        format!(
            "activity.work.estimate = {estimate}\nactivity.id = \"a{number}\"\nactivity.title=\"\"\n"
        )
    };
    let files: Vec<(String, String)> = estimates
        .iter()
        .enumerate()
        .map(|it| (format!("{:02}.toml", it.0), activity(it)))
        .collect();
    // One file each, as a table can be written once in a file.
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    check_files(
        &files,
        expect![[r#"
            00.toml:1:35: error[impossible-estimate]: low 14, likely 8, high 5 are out of order
              help: put the values in rising order: low ≤ likely ≤ high, 0 < P50 ≤ P90
            01.toml:1:35: error[impossible-estimate]: `pert` doesn't go with 2 values
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            02.toml:1:35: error[wrong-value]: a list of numbers is expected here, not a whole number
              help: write, for example, [5, 8, 14]
            03.toml:1:41: error[impossible-estimate]: low 5, likely 15, high 14 are out of order
              help: put the values in rising order: low ≤ likely ≤ high, 0 < P50 ≤ P90
            04.toml:1:38: error[impossible-estimate]: from 9 to 5 is no interval
              help: put the values in rising order: low ≤ likely ≤ high, 0 < P50 ≤ P90
            05.toml:1:38: error[impossible-estimate]: `uniform` doesn't go with 3 values
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            06.toml:1:39: error[impossible-estimate]: `observed` doesn't go with 0 values
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            07.toml:1:26: error[impossible-estimate]: `p50` needs `p90` beside it
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            08.toml:1:44: error[impossible-estimate]: P90 12 is below P50 20
              help: put the values in rising order: low ≤ likely ≤ high, 0 < P50 ≤ P90
            09.toml:1:34: error[impossible-estimate]: a lognormal lies above zero, P50 0 doesn't
              help: put the values in rising order: low ≤ likely ≤ high, 0 < P50 ≤ P90
            10.toml:1:26: error[impossible-estimate]: an estimate needs a shape
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            11.toml:1:52: error[impossible-estimate]: `p90` goes with `p50`, not with `pert`
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            12.toml:1:26: error[impossible-estimate]: an estimate has one shape, this one has pert and uniform
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            13.toml:1:26: error[impossible-estimate]: an estimate needs a shape
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            14.toml:1:46: error[wrong-value]: the unit of an estimate is "d" or "wk"
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            15.toml:1:39: error[unknown-field]: an estimate has no field `untis`
              help: its fields are fixed, pert, triangular, p50, uniform, observed, p90, unit
            16.toml:1:39: error[out-of-range]: NaN is not a number to plan with
              help: write a finite number
            17.toml:1:42: error[out-of-range]: inf is not a number to plan with
              help: write a finite number
            18.toml:1:42: error[out-of-range]: 99999999999999999999 doesn't fit a whole number of 64 bits
              help: write a number between -9·10¹⁸ and 9·10¹⁸
            19.toml:1:26: error[wrong-value]: "10" is not a duration in days or weeks
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            20.toml:1:26: error[wrong-value]: "10 h" is not a duration in days or weeks
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            21.toml:1:26: error[wrong-value]: "ten d" is not a duration in days or weeks
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            22.toml:1:26: error[wrong-value]: "inf d" is not a duration in days or weeks
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            23.toml:1:26: error[wrong-value]: an estimate is expected here, not a whole number
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
        "#]],
    );
}

#[test]
fn negative_values_are_told() {
    check(
        r#"
capability = [
    { id = "charge", title = "Charge", unit = "mAh" },
    { id = "sensitivity", title = "Sensitivity", unit = "dBm", better = "less" },
    { id = "low", title = "Lowest temperature", unit = "Cel", better = "less" },
]

[[activity]]
id = "a"
title = "A"
work = { estimate = { uniform = [-2, 5] }, rework = "-3 d", cost = "-5 USD" }

[[part]]
id = "battery"
title = "Battery"
provides = { charge = "-200 mAh", sensitivity = "-110 dBm", low = "-40 °C" }

[[part]]
id = "modem"
title = "Modem"

[[rate]]
id = "eur"
from = "EUR"
to = "USD"
rate = -1.1

[[revision]]
id = "c"
product = "t"
title = "C"
fleet = { units = -5, on = 2026-01-01 }

[[risk]]
id = "r"
title = "R"
probability = -0.1
effects = { activity = "a", multiply = -2 }
"#,
        expect![[r#"
            it.toml:11:33: error[negative-value]: -2 is negative
              help: write zero or more
            it.toml:11:53: error[negative-value]: -3 d is negative
              help: write zero or more
            it.toml:11:68: error[negative-value]: -5 USD is negative
              help: write zero or more
            it.toml:16:23: error[negative-value]: -200 mAh is negative
              help: write zero or more: no electric charge is below zero
            it.toml:26:8: error[negative-value]: -1.1 is negative
              help: write zero or more
            it.toml:32:19: error[negative-value]: -5 is negative
              help: write zero or more
            it.toml:37:15: error[out-of-range]: -0.1 is not between 0 and 1
              help: write a share such as 0.8 or "80 %"
            it.toml:38:40: error[negative-value]: -2 is negative
              help: write zero or more
        "#]],
    );
}

#[test]
fn values_out_of_range_are_told() {
    check(
        r#"
[settings]
samples = 0
confidence = 1.5
seed = 9223372036854775808

[[team]]
id = "lab"
title = "Lab"
capacity = 0

[[activity]]
id = "a"
title = "A"
start_no_earlier_than = 9999-12-31
start_no_later_than = 0001-01-01
work = { estimate = "1e300 wk", teams = { lab = 2 }, first_pass = 0, rework_rounds_max = 4_000_000_000 }

[[activity]]
id = "b"
title = "B"
must_start_on = 2027-03-01T10:00:00Z
must_finish_on = 2027-03-01T10:00:00
finish_no_later_than = 10:00:00
finish_no_earlier_than = "2027-03-01T10:00:00"
work = { estimate = "1 d", teams = { lab = 4_294_967_296 } }

[[link]]
from = "a"
to = "b"
lag = "-99999999 d"

[[offer]]
id = "x"
supplier = "s"
part = "p"
lead_time = "4 wk"
order_multiple = 0
minimum_order = -9223372036854775809

[[build]]
id = "mp"
revision = "c"
stage = "mp"
quantity = 100
work.estimate = "5 d"
weekly_rate = 0

[[rate]]
id = "eur"
from = "EUR"
to = "USD"
rate = 0

[[rate]]
id = "yen"
from = "JPY"
to = "USD"
rate = nan

[[rate]]
id = "won"
from = "KRW"
to = "USD"
rate = 1e300

[[risk]]
id = "r"
title = "R"
probability = inf
effects = { activity = "a", multiply = 1e9 }
"#,
        expect![[r#"
            it.toml:4:14: error[out-of-range]: 1.5 is not between 0 and 1
              help: write a share such as 0.8 or "80 %"
            it.toml:5:8: error[out-of-range]: 9223372036854775808 doesn't fit a whole number of 64 bits
              help: write a number between -9·10¹⁸ and 9·10¹⁸
            it.toml:10:12: error[out-of-range]: team `lab` has no capacity
              help: write how much it can do at once, at least 1
            it.toml:15:25: error[out-of-range]: 9999-12-31 is outside the years 1970 to 2169
              help: check the year
            it.toml:16:23: error[out-of-range]: 0001-01-01 is outside the years 1970 to 2169
              help: check the year
            it.toml:17:21: error[out-of-range]: 100000000000000000000000000000000000000000000000000000000000… wk is longer than a century
              help: write a shorter time
            it.toml:22:17: error[wrong-value]: 2027-03-01T10:00:00Z is not a civil date
              help: write a day such as 2027-03-01, without a time
            it.toml:23:18: error[wrong-value]: 2027-03-01T10:00:00 is not a civil date
              help: write a day such as 2027-03-01, without a time
            it.toml:24:24: error[wrong-value]: 10:00:00 is not a civil date
              help: write a day such as 2027-03-01, without a time
            it.toml:25:26: error[wrong-value]: "2027-03-01T10:00:00" is not a civil date
              help: write, for example, 2027-03-01 (without quotes)
            it.toml:26:44: error[out-of-range]: 4294967296 is larger than 4294967295
              help: write a smaller number
            it.toml:31:7: error[out-of-range]: -99999999 d is longer than a century
              help: write a shorter time
            it.toml:39:17: error[out-of-range]: -9223372036854775809 doesn't fit a whole number of 64 bits
              help: write a number between -9·10¹⁸ and 9·10¹⁸
            it.toml:43:12: error[unknown-reference]: build `mp` refers to revision `c` in `revision`, which doesn't exist
              help: add a `[[revision]]` with that id, or name one that exists
            it.toml:47:15: error[out-of-range]: build `mp` makes nothing in a week
              help: write 1 or more, or leave `weekly_rate` out
            it.toml:53:8: error[out-of-range]: one EUR is worth nothing at this rate
              help: write what it is worth, above zero
            it.toml:59:8: error[out-of-range]: NaN is not a number to plan with
              help: write a finite number
            it.toml:65:8: error[wrong-value]: "100000000000000000000000000000000000000000000000000000000000…" is not a number of at most 28 digits
              help: write, for example, 1.08
            it.toml:70:15: error[out-of-range]: inf is not a number to plan with
              help: write a finite number
            it.toml:71:40: error[out-of-range]: a factor of 1000000000 is more than 1000
              help: write a factor such as 1.2
        "#]],
    );
}

#[test]
fn work_and_settings_that_cannot_be_simulated_are_told() {
    check(
        "[settings]\nsamples = 0\n",
        expect![[r#"
        it.toml:2:11: error[out-of-range]: 0 samples: at least 1 and at most 10000000 make sense
          help: 10000 are enough for a P80 that holds to the day
    "#]],
    );
    check(
        "[settings]\nsamples = 4_000_000_000\n",
        expect![[r#"
        it.toml:2:11: error[out-of-range]: 4000000000 samples: at least 1 and at most 10000000 make sense
          help: 10000 are enough for a P80 that holds to the day
    "#]],
    );
    check(
        r#"
[[team]]
id = "lab"
title = "Lab"

[[activity]]
id = "a"
title = "A"
work = { estimate = "1 wk", teams = { lab = 2 }, rework = "1 d", rework_rounds_max = 4_000_000_000 }

[[activity]]
id = "b"
title = "B"
work = { estimate = "1 wk", first_pass = 0, rework = { fixed = 2 } }
"#,
        expect![[r#"
            it.toml:9:45: error[out-of-range]: 2 of `lab` are needed, but its capacity is 1
              help: ask for less, or raise the team's capacity
            it.toml:9:59: error[missing-field]: `rework` needs `first_pass` beside it: how likely is it to pass the first time?
              help: add `first_pass = 0.8`
            it.toml:9:86: error[out-of-range]: at most 100 rounds of rework can be simulated
              help: write a smaller number; 5 is usual
            it.toml:14:42: error[out-of-range]: work that never passes has no end: `first_pass` must be above zero
              help: write, for example, `first_pass = 0.8`
        "#]],
    );
}

#[test]
fn empty_intervals_are_told() {
    check(
        r#"
[[calendar]]
id = "never"
title = "Never"
week = []
shutdowns = [{ title = "Lunar New Year", from = 2027-02-12, to = 2027-02-05 }]

[[activity]]
id = "a"
title = "A"
work.estimate = "1 d"
start_no_earlier_than = 2027-03-01
start_no_later_than = 2027-02-01
finish_no_earlier_than = 2027-05-01
must_finish_on = 2027-04-01

[[actual]]
id = "a"
started = 2026-02-01
finished = 2026-01-01

[[certificate]]
id = "fcc"
revision = "c"
regime = "fcc"
issued = 2026-02-01
expires = 2026-01-01

[[order]]
id = "o"
supplier = "s"
part = "p"
quantity = 1
placed = 2026-02-01
promised = 2026-01-01
received = 2026-01-02
"#,
        expect![[r#"
            it.toml:5:8: error[empty-interval]: calendar `never` never works
              help: list the days worked: week = ["mon", "tue"]
            it.toml:6:14: error[empty-interval]: the shutdown ends on 2027-02-05, before it starts on 2027-02-12
              help: swap the two dates, or correct one
            it.toml:13:23: error[empty-interval]: `start_no_later_than` (2027-02-01) lies before `start_no_earlier_than` (2027-03-01)
              help: swap the two dates, or correct one
            it.toml:15:18: error[empty-interval]: `must_finish_on` (2027-04-01) lies before `finish_no_earlier_than` (2027-05-01)
              help: swap the two dates, or correct one
            it.toml:20:12: error[empty-interval]: `finished` (2026-01-01) lies before `started` (2026-02-01)
              help: swap the two dates, or correct one
            it.toml:24:12: error[unknown-reference]: certificate `fcc` refers to revision `c` in `revision`, which doesn't exist
              help: add a `[[revision]]` with that id, or name one that exists
            it.toml:25:10: error[unknown-reference]: certificate `fcc` refers to regime `fcc` in `regime`, which doesn't exist
              help: add a `[[regime]]` with that id, or name one that exists
            it.toml:27:11: error[empty-interval]: `expires` (2026-01-01) lies before `issued` (2026-02-01)
              help: swap the two dates, or correct one
            it.toml:31:12: error[unknown-reference]: order `o` refers to supplier `s` in `supplier`, which doesn't exist
              help: add a `[[supplier]]` with that id, or name one that exists
            it.toml:32:8: error[unknown-reference]: order `o` refers to part `p` in `part`, which doesn't exist
              help: add a `[[part]]` with that id, or name one that exists
            it.toml:35:12: error[empty-interval]: `promised` (2026-01-01) lies before `placed` (2026-02-01)
              help: swap the two dates, or correct one
            it.toml:36:12: error[empty-interval]: `received` (2026-01-02) lies before `placed` (2026-02-01)
              help: swap the two dates, or correct one
        "#]],
    );
}

#[test]
fn cycles_are_spelled_out() {
    check(
        r#"
[[release]]
id = "r1"
title = "1"
after = ["r3"]

[[release]]
id = "r2"
title = "2"
after = ["r1"]

[[release]]
id = "r3"
title = "3"
after = ["r2"]

[[release]]
id = "r4"
title = "4"
after = ["r4", "r3"]

[[calendar]]
id = "china"
title = "China"
extends = "factory"

[[calendar]]
id = "factory"
title = "Factory"
extends = "china"

[[activity]]
id = "a"
title = "A"
work.estimate = "1 d"
after = ["m"]

[[activity]]
id = "b"
title = "B"
work.estimate = "1 d"

[[milestone]]
id = "m"
title = "M"

[[link]]
from = "a"
to = "b"

[[link]]
from = "b"
to = "m"

[[link]]
id = "back-but-overlapping"
from = "b"
to = "a"
kind = "SS"
"#,
        expect![[r#"
            it.toml:2:1: error[cycle]: releases form a circle: `r1` comes after `r3` comes after `r2` comes after `r1`
              help: take one of these steps away
              it.toml:12:1: `r3` stands here
              it.toml:7:1: `r2` stands here
            it.toml:17:1: error[cycle]: releases form a circle: `r4` comes after `r4`
              help: take one of these steps away
            it.toml:22:1: error[cycle]: calendars form a circle: `china` extends `factory` extends `china`
              help: take one of these steps away
              it.toml:27:1: `factory` stands here
            it.toml:32:1: error[cycle]: activities form a circle: `a` comes after `m` comes after `b` comes after `a`
              help: take one of these steps away
              it.toml:43:1: `m` stands here
              it.toml:38:1: `b` stands here
        "#]],
    );
}

#[test]
fn a_long_cycle_is_told_in_part() {
    let activity = |number: usize| {
        let before = (number + 1) % 1000;
        format!(
            "[[activity]]\nid = \"a{number}\"\ntitle = \"\"\nwork.estimate = \"1 d\"\nafter = [\"a{before}\"]\n"
        )
    };
    check(
        &(0..1000).map(activity).collect::<String>(),
        expect![[r#"
        it.toml:1:1: error[cycle]: activities form a circle: `a0` comes after `a1` comes after `a2` comes after `a3` comes after `a4` comes after `a5` comes after `a6` comes after `a7` comes after `a8` comes after `a9` comes after … (990 more) … comes after `a0`
          help: take one of these steps away
          it.toml:6:1: `a1` stands here
          it.toml:11:1: `a2` stands here
          it.toml:16:1: `a3` stands here
          it.toml:21:1: `a4` stands here
          it.toml:26:1: `a5` stands here
          it.toml:31:1: `a6` stands here
          it.toml:36:1: `a7` stands here
          it.toml:41:1: `a8` stands here
          it.toml:46:1: `a9` stands here
          it.toml:51:1: `a10` stands here
    "#]],
    );
}

#[test]
fn amounts_without_a_rate_are_told_once_for_each_currency() {
    check(
        r#"
[settings]
currency = "EUR"

[[rate]]
id = "usd"
from = "EUR"
to = "USD"
rate = 1.08

[[rate]]
id = "same"
from = "EUR"
to = "EUR"
rate = 1

[[supplier]]
id = "s"
title = "S"

[[part]]
id = "p"
title = "P"

[[offer]]
supplier = "s"
part = "p"
lead_time = "4 wk"
prices = [
    { quantity = 1, price = "2 JPY" },
    { quantity = 1, price = "79228162514264337593543950335 JPY" },
    { quantity = 100, price = "1.00 CHF" },
    { quantity = 1000, price = "79228162514264337593543950335 USD" },
]

[[build]]
id = "evt"
revision = "c"
stage = "evt"
quantity = 1
work = { estimate = "5 d", cost = "12" }
fixed_cost = "12 usd"
"#,
        expect![[r#"
            it.toml:14:6: error[contradiction]: a rate from EUR to itself joins nothing
              help: name two currencies
            it.toml:30:29: error[missing-rate]: 2 amounts are in JPY, but sums are told in EUR, and no rate joins the two
              help: add a rate: rate = [{ id = "jpy-eur", from = "JPY", to = "EUR", rate = … }]
              it.toml:31:29: 79228162514264337593543950335 JPY in offer `s.p`
            it.toml:31:5: error[contradiction]: the price from 1 on is listed after the price from 1 on
              help: list prices from the smallest quantity on
            it.toml:32:31: error[missing-rate]: an amount is in CHF, but sums are told in EUR, and no rate joins the two
              help: add a rate: rate = [{ id = "chf-eur", from = "CHF", to = "EUR", rate = … }]
            it.toml:41:35: error[wrong-value]: "12" is not an amount with a currency, such as "12.40 USD"
              help: write an amount and a currency, such as "0.42 USD"
            it.toml:42:14: error[wrong-value]: "usd" is not a currency; write its ISO 4217 code, such as USD or EUR
              help: write three capital letters, such as USD
        "#]],
    );
}

#[test]
fn facts_that_contradict_each_other_are_told() {
    check(
        r#"
[settings]
as_of = 2026-06-01

[[activity]]
id = "a"
title = "A"
work = { estimate = "1 d", rework = "2 d" }

[[activity]]
id = "b"
title = "B"
work = { estimate = "1 d", first_pass = 0.9 }

[[actual]]
id = "a"
started = 2026-07-01
finished = 2026-07-02
remaining = "3 d"

[[actual]]
id = "b"

[[risk]]
id = "r"
title = "R"
probability = "20 %"
effects = [
    { activity = "a", team = "lab", add = "1 d" },
    { add = "1 d" },
    { activity = "a" },
    { activity = "a", add = "1 d", multiply = 2 },
    { activity = "a", multiply = { triangular = [1, 2, 3], unit = "d" } },
]

[[team]]
id = "lab"
title = "Lab"

[[order]]
id = "o"
supplier = "s"
part = "p"
quantity = 1
placed = 2026-01-01
received = 2026-02-01
remaining = "2 d"

[[decision]]
id = "d"
title = "D"
include_or_respin = { unit_cost = "1 USD", units = 1, cost_now = "1 USD", probability = 0.5, respin_cost = "1 USD", respin_in = "14 kg", value = "1 USD", value_left = 0.5 }
"#,
        expect![[r#"
            it.toml:8:37: error[missing-field]: `rework` needs `first_pass` beside it: how likely is it to pass the first time?
              help: add `first_pass = 0.8`
            it.toml:13:41: error[missing-field]: `first_pass` needs `rework` beside it: how long does another round take?
              help: add `rework = "10 d"`
            it.toml:17:11: error[contradiction]: `a` is said to have started after the as-of day 2026-06-01
              help: what hasn't happened yet is no actual; move `as_of` or remove the date
            it.toml:18:12: error[contradiction]: `a` is said to have finished after the as-of day 2026-06-01
              help: what hasn't happened yet is no actual; move `as_of` or remove the date
            it.toml:19:13: error[contradiction]: `a` has finished and still has something remaining
              help: keep `finished` or `remaining`, not both
            it.toml:22:6: error[missing-field]: the actual of `b` says neither that it started nor finished
              help: add `started = 2026-11-02`
            it.toml:29:5: error[contradiction]: an effect hits one of activity, supplier, team, regime or revision
              help: this one names 2; write one effect for each
            it.toml:30:5: error[contradiction]: an effect hits one of activity, supplier, team, regime or revision
              help: this one names none; say what it hits
            it.toml:31:5: error[contradiction]: an effect either adds time or multiplies the duration
              help: give one of `add = "10 d"` and `multiply = 1.3`
            it.toml:32:5: error[contradiction]: an effect either adds time or multiplies the duration
              help: give one of `add = "10 d"` and `multiply = 1.3`
            it.toml:33:60: error[unknown-field]: a factor has no field `unit`
              help: its fields are fixed, pert, triangular, p50, uniform, observed, p90
            it.toml:42:12: error[unknown-reference]: order `o` refers to supplier `s` in `supplier`, which doesn't exist
              help: add a `[[supplier]]` with that id, or name one that exists
            it.toml:43:8: error[unknown-reference]: order `o` refers to part `p` in `part`, which doesn't exist
              help: add a `[[part]]` with that id, or name one that exists
            it.toml:47:13: error[contradiction]: order `o` has arrived and still has something remaining
              help: keep `received` or `remaining`, not both
            it.toml:52:129: error[unit-mismatch]: 14 kg measures mass, and a length of time is meant
              help: write, for example, "3 a" or "18 mo"
        "#]],
    );
}

#[test]
fn what_nests_too_deep_is_told_and_overflows_no_stack() {
    let nested = |depth: usize| format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
    check(
        &nested(60),
        expect![[r#"
        it.toml:1:38: error[too-deep]: values nest deeper than 32 levels here
          help: no record needs that; look for a bracket that isn't closed
    "#]],
    );
    check(
        &nested(50_000),
        expect![[r#"
        it.toml:1:38: error[too-deep]: values nest deeper than 32 levels here
          help: no record needs that; look for a bracket that isn't closed
        it.toml:1:85: error[too-deep]: values nest deeper than 32 levels here
          help: no record needs that; look for a bracket that isn't closed
    "#]],
    );
    let dotted = |depth: usize| vec!["a"; depth].join(".");
    check(
        &format!("term.names = {{ {} = 1 }}", dotted(70)),
        expect![[r#"
        it.toml:1:1: error[missing-field]: this term lacks `id`
          help: add `id = "some-id"`
        it.toml:1:1: error[missing-field]: this term lacks `title`
          help: add `title = "…"`
        it.toml:1:1: error[missing-field]: this term lacks `definition`
          help: add `definition = "…"`
        it.toml:1:16: error[wrong-value]: a text is expected here, not a table
          help: write, for example, "Light sensor"
        it.toml:1:78: error[too-deep]: values nest deeper than 32 levels here
          help: no record needs that; look for a bracket that isn't closed
    "#]],
    );
    check(
        &format!("[{}]\nb = 1", dotted(50_000)),
        expect![[r#"
        it.toml: error[too-deep]: values nest deeper than 32 levels here
          help: no record needs that; look for a bracket that isn't closed
    "#]],
    );
    // Neither the brackets nor the dots alone pass the limit of the parser.
    let both = format!("{{ {} = ", dotted(70)).repeat(70);
    check(
        &format!("a = {both}1{}", "}".repeat(70)),
        expect![[r#"
            it.toml:1:1: error[unknown-kind]: there is no kind of record called `a`
              help: the kinds are product, revision, capability, feature, release, decision, activity, milestone, link, actual, calendar, team, risk, correlation, part, supplier, offer, bom_line, build, order, market, regime, certificate, stakeholder, requirement, criterion, term, assumption, rate, contract, scenario
            it.toml:1:71: error[too-deep]: values nest deeper than 32 levels here
              help: no record needs that; look for a bracket that isn't closed
        "#]],
    );
}

#[test]
fn hostile_texts_are_told_short_and_escaped() {
    let long = "x".repeat(10_000);
    check(
        &format!(
            "[[\"\\u001b[2J\"]]\n[[team]]\nid = \"{long}\"\ntitle = \"\"\n\"\\u0007\" = 1\n\
             calendar = \"{long}\"\n[[unknown{long}]]\n"
        ),
        expect![[r#"
            it.toml:1:3: error[unknown-kind]: there is no kind of record called `\u{1b}[2J`
              help: the kinds are product, revision, capability, feature, release, decision, activity, milestone, link, actual, calendar, team, risk, correlation, part, supplier, offer, bom_line, build, order, market, regime, certificate, stakeholder, requirement, criterion, term, assumption, rate, contract, scenario
            it.toml:3:6: error[invalid-id]: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…" is not an id: an id has at most 120 characters, this one has 10000
              help: write, for example, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            it.toml:5:1: error[unknown-field]: team `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` has no field `\u{7}`
              help: its fields are id, title, capacity, calendar, discipline
            it.toml:6:12: error[invalid-id]: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…" is not an id: an id has at most 120 characters, this one has 10000
              help: write, for example, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            it.toml:7:3: error[unknown-kind]: there is no kind of record called `unknownxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`
              help: the kinds are product, revision, capability, feature, release, decision, activity, milestone, link, actual, calendar, team, risk, correlation, part, supplier, offer, bom_line, build, order, market, regime, certificate, stakeholder, requirement, criterion, term, assumption, rate, contract, scenario
        "#]],
    );
    check(
        &format!(
            "[[rate]]\nid = \"a\"\nfrom = \"\\u001b\"\nto = \"{long}\"\nrate = \"{long}\"\n\
             [[capability]]\nid = \"a\"\ntitle = \"\"\nunit = \"m\\u001b\"\n\
             [[regime]]\nid = \"b\"\ntitle = \"\"\nwork.estimate = \"{long}\"\nboards = \"{long}\"\n\
             validity = \"1 {long}\"\n"
        ),
        expect![[r#"
            it.toml:3:8: error[wrong-value]: "\u{1b}" is not a currency; write its ISO 4217 code, such as USD or EUR
              help: write three capital letters, such as USD
            it.toml:4:6: error[wrong-value]: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…" is not a currency; write its ISO 4217 code, such as USD or EUR
              help: write three capital letters, such as USD
            it.toml:5:8: error[wrong-value]: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…" is not a number of at most 28 digits
              help: write, for example, 1.08
            it.toml:9:8: error[unknown-unit]: '\u{1b}' has no place in a unit (`m\u{1b}`, character 2)
              help: use UCUM's ASCII codes, such as uA, Ohm or Cel
            it.toml:13:17: error[wrong-value]: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…" is not a duration in days or weeks
              help: write "10 d", "5 / 8 / 14 d" or { pert = [5, 8, 14], unit = "d" }, { triangular = [5, 8, 14] }, "12..20 wk" or { p50 = 12, p90 = 20, unit = "wk" }, { uniform = [5, 9] } or { observed = [11, 9, 14] }
            it.toml:14:10: error[wrong-value]: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…" is not one of evt, dvt, pvt, mp
              help: write "evt"
            it.toml:15:12: error[unknown-unit]: a text of 10000 bytes is too long for a unit
              help: write a unit of at most 200 bytes
        "#]],
    );
}

#[test]
fn places_count_characters_and_survive_any_line_end() {
    check(
        "team = { id = \"größe\", title = \"\" }\r\n[[tem]]\r\n",
        expect![[r#"
        it.toml:1:15: error[invalid-id]: "größe" is not an id: an id has only a-z, 0-9, `-`, `_` and `.`, and starts with a letter or digit; 'ö' is not allowed there
          help: write, for example, "gr-e"
        it.toml:2:3: error[unknown-kind]: there is no kind of record called `tem`
          help: did you mean `[[team]]`?
    "#]],
    );
    // Far into a long line, past the marks from which columns are counted.
    let padding = "ä".repeat(3000);
    check(
        &format!("team = {{ id = \"a\", title = \"{padding}\", tilte = 1 }}"),
        expect![[r#"
        it.toml:1:3032: error[unknown-field]: team `a` has no field `tilte`
          help: did you mean `title`?
    "#]],
    );
}

#[test]
fn more_broken_scenarios_than_anybody_reads_are_counted() {
    let scenario = |number: usize| {
        let id = format!("s{number:04}");
        format!(
            "{{ id = \"{id}\", title = \"\", changes = {{ kind = \"part\", id = \"p\", remove = true }} }},\n"
        )
    };
    let scenarios: String = (0..1500).map(scenario).collect();
    let (_, diagnostics) = Bundle::load(&[Source {
        name: "it.toml".into(),
        text: format!("scenario = [\n{scenarios}]\n"),
    }]);
    assert_eq!(diagnostics.len(), 1001);
    expect![[r#"
        it.toml:1001:39: error[unknown-reference]: in scenario `s0999`: there is no part `p` to change
          help: give all its fields under `set` to add it
        it.toml:1002:1: warning[more]: 500 scenarios, from `s1000` on, were not checked
          help: each is checked when it is used; mend what is told of the others first
    "#]].assert_eq(&told(&diagnostics[999..]));
}

#[test]
fn names_of_a_stream_serve_as_names_of_tables_and_columns() {
    check(
        r#"
[[contract]]
id = "air-quality"
title = "Air"
fields = [
    { name = "TempC" },
    { name = "captured" },
    { name = "order", kind = "text" },
    { name = "2nd" },
    { name = "co2", sent_as = ["CO2", "tvoc"] },
    { name = "tvoc" },
    { name = "co2" },
]

[[contract]]
id = "quarantine"
title = "Held back"

[[contract]]
id = "weather"
title = "Weather"
sent_as = ["quarantine", "wx"]

[[contract]]
id = "wind"
title = "Wind"
sent_as = ["wx"]

[[contract]]
id = "devices"
title = "Devices"

[[contract]]
id = "links"
title = "Radio links"
"#,
        expect![[r#"
            it.toml:3:6: error[invalid-id]: `air-quality` can't be the name of a table
              help: write, for example, `air_quality`
            it.toml:6:14: error[invalid-id]: `TempC` can't be the name of a column
              help: write, for example, `temp_c`
            it.toml:7:14: error[invalid-id]: `captured` is a column that is always there
              help: write, for example, `captured_told`
            it.toml:8:14: error[invalid-id]: `order` is a word of SQL
              help: write, for example, `order_of`
            it.toml:9:14: error[invalid-id]: `2nd` can't be the name of a column
              help: write, for example, `x2nd`
            it.toml:11:14: error[duplicate-id]: `tvoc` names two fields
              help: keep it with `co2` or with `tvoc`
            it.toml:12:14: error[duplicate-id]: `co2` names two fields
              help: name `co2` once
            it.toml:16:6: error[invalid-id]: `quarantine` is a table that is always there
              help: write, for example, `quarantine_told`
            it.toml:22:12: error[duplicate-id]: `quarantine` is sent to contract `quarantine` already
              help: send each name to one contract
            it.toml:27:12: error[duplicate-id]: `wx` is sent to contract `weather` already
              help: send each name to one contract
            it.toml:30:6: error[invalid-id]: `devices` is a table that is always there
              help: write, for example, `devices_told`
            it.toml:34:6: warning[duplicate-id]: `links` is a table of the product or its plan in SQL as well
              help: rename it, for example to `links_told`, and send it as before: sent_as = ["links"]
        "#]],
    );
}

#[test]
fn a_contract_does_not_contradict_itself() {
    check(
        r#"
[[contract]]
id = "climate"
title = "Climate"
owner = "nobody"
unknown_fields = "drop"
objective = 0.9
allowed_lateness = "90 d"
retention = "2 wk"
fields = [
    { name = "temperature", unit = "Celsius", low = 85, high = -40 },
    { name = "door", kind = "boolean", unit = "V", low = 0 },
    { name = "reboots", kind = "counter", low = -1 },
    { name = "humidity", kind = "flaot" },
    { name = "battery", low = nan },
    { name = "light", low = "dark", high = "-2.5e3" },
]
"#,
        expect![[r#"
            it.toml:6:18: error[wrong-value]: "drop" is not one of quarantine, keep
              help: write "quarantine"
            it.toml:11:36: error[unknown-unit]: `Celsius` is not a known unit
              help: write a UCUM code, such as V, KiBy or mo; what has none goes in braces, as in {message}
            it.toml:14:33: error[wrong-value]: "flaot" is not one of float, integer, counter, boolean, text
              help: did you mean "float"?
            it.toml:15:31: error[out-of-range]: NaN is not a number to plan with
              help: write a finite number
            it.toml:16:29: error[wrong-value]: "dark" is not a number
              help: write, for example, 2.5
        "#]],
    );
    check(
        r#"
[[contract]]
id = "climate"
title = "Climate"
objective = 0.9
allowed_lateness = "90 d"
retention = "2 wk"
fields = [
    { name = "temperature", unit = "Cel", low = 85, high = -40 },
    { name = "door", kind = "boolean", unit = "V", low = 0 },
    { name = "reboots", kind = "counter", low = -1 },
]

[[contract]]
id = "position"
title = "Position"
cadence = "0 s"
allowed_lateness = "3 m"
retention = "-1 d"
fields = [{ name = "latitude", personal = true }]

[[contract]]
id = "driver"
title = "Who drives"
cadence = "10 s"
fields = [{ name = "driver", kind = "text", personal = true }]
"#,
        expect![[r#"
            it.toml:5:13: error[contradiction]: without a cadence nobody knows how many readings are due
              help: say how often a device sends: cadence = "10 min"
            it.toml:7:13: error[contradiction]: a reading may be 90 d late, and is kept for 2 wk only
              help: keep readings at least as long as they may be late
            it.toml:9:60: error[empty-interval]: no `temperature` is at least 85 and at most -40
              help: swap the two, or correct one
            it.toml:10:47: error[contradiction]: `door` is boolean, which has no unit
              help: remove unit = "V"
            it.toml:10:58: error[contradiction]: `door` is boolean, which has no range
              help: remove the bound
            it.toml:11:49: error[negative-value]: `reboots` counts, and never falls below zero to -1
              help: write zero or more, or kind = "integer"
            it.toml:17:11: error[out-of-range]: a cadence of 0 s is no span of time
              help: write more than zero, or remove it
            it.toml:18:20: error[unit-mismatch]: 3 m measures length, and a length of time is meant
              help: write, for example, "10 s" or "15 min"
            it.toml:19:13: error[negative-value]: -1 d is negative
              help: write zero or more: no time is below zero
            it.toml:22:1: error[contradiction]: `driver` tells of a person and is kept for ever
              help: say how long readings are kept: retention = "90 d"
        "#]],
    );
}
