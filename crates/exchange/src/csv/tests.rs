use expect_test::{Expect, expect};

use super::*;

/// What a table becomes, in the canonical form of bundles, with what was lost.
fn check(text: &str, expect: Expect) {
    check_bytes(text.as_bytes(), expect);
}

fn check_bytes(bytes: &[u8], expect: Expect) {
    let imported = import(bytes);
    let mut text = String::new();
    for source in imported.bundle.export() {
        if source.name != "settings.toml" {
            text.push_str(&source.text);
        }
    }
    for loss in &imported.losses {
        text.push_str(&format!("! {loss}\n"));
    }
    expect.assert_eq(&text);
}

#[test]
fn a_table_of_activities_is_read() {
    check(
        "id,title,estimate,team,after,start_no_earlier_than,first_pass,rework\n\
         spec,Specification,10 d,hardware,,2027-01-11,,\n\
         emc,EMC test,p50 2 p90 4 wk,lab 2,spec; board SS+1wk,,80 %,5/8/14 d\n\
         board,\"Board, rev C\",5/8/14,hardware,spec FS+3d@office,,,\n\
         ready,Ready,milestone,,emc,,,\n",
        expect![[r#"
            [[activity]]
            id = "board"
            title = "Board, rev C"
            work = { estimate = { pert = [5, 8, 14], unit = "d" }, team = "hardware" }

            [[activity]]
            id = "emc"
            title = "EMC test"
            work = { estimate = { p50 = 2, p90 = 4, unit = "wk" }, teams = { lab = 2 }, first_pass = 0.8, rework = { pert = [5, 8, 14], unit = "d" } }
            after = ["spec"]

            [[activity]]
            id = "spec"
            title = "Specification"
            work = { estimate = "10 d", team = "hardware" }
            start_no_earlier_than = 2027-01-11
            [[milestone]]
            id = "ready"
            title = "Ready"
            after = ["emc"]
            link = [
                { from = "board", to = "emc", kind = "SS", lag = "1 wk" },
                { from = "spec", to = "board", lag = "3 d", lag_calendar = "office" },
            ]
        "#]],
    );
}

#[test]
fn semicolons_tabs_and_other_encodings_are_found_out() {
    check(
        "\u{feff}Title;Estimate\nKälteprüfung;2,5 d\n",
        expect![[r#"
        [[activity]]
        id = "k-ltepr-fung"
        title = "Kälteprüfung"
        work = { estimate = "2.5 d" }
    "#]],
    );
    let utf16: Vec<u8> =
        "\u{feff}id\testimate\r\na\t3 d\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check_bytes(
        &utf16,
        expect![[r#"
        [[activity]]
        id = "a"
        title = "a"
        work = { estimate = "3 d" }
    "#]],
    );
    check_bytes(
        b"id;title;estimate\na;Pr\xfcfung;1 d\n",
        expect![[r#"
        [[activity]]
        id = "a"
        title = "Prüfung"
        work = { estimate = "1 d" }
        ! file: not UTF-8; read as Latin 1; save it as UTF-8
    "#]],
    );
}

#[test]
fn what_cannot_be_read_is_told_with_line_and_column() {
    check(
        "ID,Title,Estimate,Owner,After,must_start_on,first_pass\n\
         A 1,First,\"1,000 d\",Ann,,31.2.2027,2\n\
         a-1,Second,3 months,,A 1; First; nowhere FS~2d,soon,,extra\n\
         ,,5 d,,,,\n\
         c,Third,8/5/14 d,,\"a-1 FS+2d, a-1 FS+2d\",,\n\
         d,,,,,,\n",
        expect![[r#"
            [[activity]]
            id = "a-1"
            title = "First"
            work = { estimate = "0 d" }

            [[activity]]
            id = "a-1-2"
            title = "Second"
            work = { estimate = "0 d" }
            after = ["a-1"]

            [[activity]]
            id = "c"
            title = "Third"
            work = { estimate = "0 d" }
            [[milestone]]
            id = "d"
            title = "d"
            link = [
                { from = "a-1", to = "c", lag = "2 d" },
                { id = "a-1..c-2", from = "a-1", to = "c", lag = "2 d" },
            ]
            ! line 1, column 4: there is no column `Owner`, or it is there twice; the column is left out
            ! line 2, column 1: `A 1` is no id; called `a-1`
            ! line 2, column 3: estimate: `1,000` can be read in two ways; write it without a comma; taken as no time
            ! line 2, column 6: must_start_on: `31.2.2027` is not a date; write 2027-01-31; left out
            ! line 2, column 7: first_pass: `2` is not a share; write 0.8 or 80 %; left out
            ! line 3, column 1: `a-1` is taken; called `a-1-2`
            ! line 3, column 3: estimate: `months` is not understood; write 10 d, 5/8/14 d, p50 12 p90 20 wk, uniform 5/9 d or observed 11/9/14 d; taken as no time
            ! line 3, column 5: `nowhere FS~2d` is not a link; write it like: a FS+3d; the link is left out
            ! line 3, column 6: must_start_on: `soon` is not a date; write 2027-01-31; left out
            ! line 3, column 8: a cell beyond the last column; left out
            ! line 4: neither a title nor an id; the line is left out
            ! line 5, column 3: estimate: the values must rise: low, likely, high; taken as no time
            ! line 6: `d` has no estimate; taken as a milestone
        "#]],
    );
}

#[test]
fn a_table_without_known_columns_says_how_to_begin() {
    check(
        "Vorgang,Dauer\nDesign,3\n",
        expect![[r#"
            ! line 1: the first line names neither a title nor an id; begin the table with: id,title,product,band,estimate,calendar,team,after,start_no_earlier_than,start_no_later_than,finish_no_earlier_than,finish_no_later_than,must_start_on,must_finish_on,first_pass,rework,rework_rounds_max,started,finished,remaining,target
            ! line 1, column 1: there is no column `Vorgang`, or it is there twice; the column is left out
            ! line 1, column 2: there is no column `Dauer`, or it is there twice; the column is left out
            ! line 2: neither a title nor an id; the line is left out
        "#]],
    );
    check("", expect![[""]]);
}
