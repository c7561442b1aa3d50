//! Single records as text and JSON, and edits of them.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use expect_test::{Expect, expect};
use longlead_model::{
    Bundle, Diagnostic, Edit, Kind, Mention, RecordKey, Source, field_at, text_of_json,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::round_trip::{record, text_of};
use crate::{diagnostics, sample};

fn key(text: &str) -> RecordKey {
    text.parse().unwrap()
}

fn edit(key_text: &str, after: &str) -> Edit {
    Edit { key: key(key_text), after: Some(after.to_owned()) }
}

fn removal(key_text: &str) -> Edit {
    Edit { key: key(key_text), after: None }
}

fn texts(bundle: &Bundle) -> Vec<(RecordKey, String)> {
    let keys = bundle.keys().into_iter();
    keys.map(|key| (key.clone(), bundle.text(&key).unwrap())).collect()
}

/// The sample as a journal holds it, with nothing wrong.
fn assembled() -> Bundle {
    let (bundle, told) = Bundle::assemble(&texts(&sample::bundle()));
    assert!(told.is_empty(), "{}", diagnostics::told(&told));
    bundle
}

fn check_edits(edits: &[Edit], expect: Expect) {
    let (_, told) = assembled().edited(edits);
    expect.assert_eq(&diagnostics::told(&told));
}

#[test]
fn a_key_is_read_as_it_is_written() {
    for key in sample::bundle().keys() {
        assert_eq!(key.to_string().parse::<RecordKey>(), Ok(key));
    }
    assert_eq!(key("actual/launch:geofence").id(), "launch:geofence");
    let settings = key("settings");
    assert_eq!((settings.kind_str(), settings.id()), ("settings", "settings"));
    let refused = |text: &str| text.parse::<RecordKey>().unwrap_err().to_string();
    expect![[r#""part" is neither "settings" nor a kind and an id such as "part/nrf9161""#]]
        .assert_eq(&refused("part"));
    expect!["there is no kind of record called `prat`"].assert_eq(&refused("prat/a"));
    expect![[r#""A b" is not an id"#]].assert_eq(&refused("part/A b"));
    expect![[r#""launch:a" is not an id"#]].assert_eq(&refused("part/launch:a"));
}

#[test]
fn the_sample_is_assembled_from_the_texts_of_its_records() {
    let (bundle, again) = (sample::bundle(), assembled());
    assert!(again == bundle);
    assert_eq!(again.export(), bundle.export());
    assert_eq!(texts(&again), texts(&bundle));
    assert_eq!(bundle.edits_to(&again), []);
}

#[test]
fn a_record_has_its_id_in_its_text_and_in_json() {
    let bundle = sample::bundle();
    for key in bundle.keys().into_iter().filter(|key| *key != RecordKey::Settings) {
        let text = bundle.text(&key).unwrap();
        assert!(
            text.contains(&format!("id = \"{}\"\n", key.id())) && text.ends_with('\n'),
            "{text}"
        );
        let json = bundle.json(&key).unwrap();
        assert_eq!(json["id"], key.id());
        let lines = text.lines().filter(|line| line.starts_with(|it: char| it.is_alphabetic()));
        let names: Vec<&str> =
            lines.filter_map(|line| line.split_once(" = ")).map(|it| it.0).collect();
        let members: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert!(
            names.len() >= members.len() && members.iter().all(|it| names.contains(&it.as_str()))
        );
    }
    assert_eq!(bundle.text(&key("part/nothing")), None);
    assert_eq!(bundle.json(&key("part/nothing")), None);
    assert_eq!(Bundle::default().text(&RecordKey::Settings).as_deref(), Some(""));
    assert_eq!(Bundle::default().keys(), []);
}

fn check_json(bundle: &Bundle) {
    for key in bundle.keys() {
        let json = bundle.json(&key).unwrap();
        let text = text_of_json(&json).unwrap();
        let (again, _) = bundle.edited(&[Edit { key: key.clone(), after: Some(text.clone()) }]);
        assert_eq!(again.json(&key).as_ref(), Some(&json), "{key}: {text}");
        // JSON has no dates: one that a scenario sets is a text until the scenario is applied.
        let may_set_dates = matches!(key, RecordKey::Record(Kind::Scenario, _));
        assert!(may_set_dates || again == *bundle, "{key}: {text}");
    }
}

#[test]
fn records_come_back_from_json_alike() {
    check_json(&sample::bundle());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_records_come_back_from_their_texts_and_json(
        one in proptest::collection::vec(record(), 0..5),
        two in proptest::collection::vec(record(), 0..5),
    ) {
        let load = |records| {
            Bundle::load(&[Source { name: "it.toml".into(), text: text_of(records) }]).0
        };
        let (one, two) = (load(one), load(two));
        for bundle in [&one, &two] {
            let (again, _) = Bundle::assemble(&texts(bundle));
            prop_assert!(again == *bundle);
            prop_assert_eq!(again.export(), bundle.export());
            check_json(bundle);
        }
        let edits = one.edits_to(&two);
        prop_assert!(edits.is_sorted_by_key(|edit| &edit.key));
        let (edited, _) = one.edited(&edits);
        prop_assert!(edited == two);
        prop_assert_eq!(edited.export(), two.export());
        prop_assert_eq!(edited.edits_to(&two), []);
    }
}

/// What is wrong after the edits is what is wrong with the texts that are there then.
fn check_as_assembled(bundle: &Bundle, edits: &[Edit]) {
    let mut after: BTreeMap<RecordKey, String> = texts(bundle).into_iter().collect();
    for edit in edits {
        match &edit.after {
            Some(text) => drop(after.insert(edit.key.clone(), text.clone())),
            None => drop(after.remove(&edit.key)),
        }
    }
    let (edited, told) = bundle.edited(edits);
    let (assembled, wanted) = Bundle::assemble(&after.into_iter().collect::<Vec<_>>());
    assert_eq!(diagnostics::told(&told), diagnostics::told(&wanted), "{edits:?}");
    assert!(edited == assembled);
}

/// A record's text, spoilt or not, or none.
fn spoilt(text: &str, how: u8) -> Option<String> {
    match how % 7 {
        0 => None,
        1 => Some(format!("{text}no such field = 1\n")),
        2 => Some(format!("{text}no_such_field = 1\n")),
        3 => Some(text.replace("id = \"", "id = \"x")),
        4 => Some(text.lines().take(2).map(|line| format!("{line}\n")).collect()),
        5 => Some(text.replace('1', "2")),
        _ => Some(text.to_owned()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_one_by_one_tell_what_all_texts_together_tell(
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let sample = assembled();
        // Settings that can't be read leave those before in force.
        let keys: Vec<RecordKey> =
            sample.keys().into_iter().filter(|key| *key != RecordKey::Settings).collect();
        let mut after: BTreeMap<RecordKey, String> = texts(&sample).into_iter().collect();
        let mut edited = sample.clone();
        for (key, how) in edits {
            let key = key.get(&keys).clone();
            let text = spoilt(&sample.text(&key).unwrap(), how);
            let was_there = match &text {
                Some(text) => after.insert(key.clone(), text.clone()).is_some(),
                None => after.remove(&key).is_some(),
            };
            if text.is_none() && !was_there {
                continue;
            }
            edited = edited.edited(&[Edit { key, after: text }]).0;
        }
        let (_, told) = edited.edited(&[]);
        let (assembled, wanted) = Bundle::assemble(&after.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(diagnostics::told(&told), diagnostics::told(&wanted));
        prop_assert!(edited == assembled);
    }
}

#[test]
fn removing_any_record_tells_what_it_leaves_broken() {
    let bundle = assembled();
    for key in bundle.keys() {
        check_as_assembled(&bundle, &[Edit { key, after: None }]);
    }
}

#[test]
fn what_is_wrong_is_forgotten_once_it_is_mended() {
    let bundle = assembled();
    for (index, key) in bundle.keys().into_iter().enumerate() {
        let text = bundle.text(&key).unwrap();
        let broken = match index % 3 {
            0 => format!("{text}no such field = 1\n"),
            1 => format!("{text}no_such_field = 1\n"),
            _ => String::new(),
        };
        let (broken, told) = bundle.edited(&[Edit { key: key.clone(), after: Some(broken) }]);
        assert!(told.iter().any(Diagnostic::is_error) || key == RecordKey::Settings, "{key}");
        let (mended, told) = broken.edited(&[Edit { key: key.clone(), after: Some(text) }]);
        assert_eq!(diagnostics::told(&told), "", "{key}");
        assert!(mended == bundle);
        let (removed, _) = broken.edited(&[Edit { key: key.clone(), after: None }]);
        assert!(!removed.keys().contains(&key));
    }
}

#[test]
fn the_bundle_that_is_edited_stays_as_it_is() {
    let bundle = assembled();
    let supplier = edit("supplier/new", "id = \"new\"\ntitle = \"New\"\n");
    let (edited, told) = bundle.edited(&[supplier.clone(), removal("settings")]);
    assert_eq!(
        diagnostics::told(&told),
        diagnostics::told(&bundle.edited(&[removal("settings")]).1)
    );
    assert!(bundle == assembled() && edited != bundle);
    assert_eq!(edited.records.title(Kind::Supplier, "new"), Some("New"));
    assert_eq!(bundle.edits_to(&edited), [removal("settings"), supplier]);
}

#[test]
fn many_edits_of_one_record_leave_one_text() {
    let mut bundle = assembled();
    let supplier =
        |number: u32| edit("supplier/new", &format!("id = \"new\"\ntitle = \"{number}\"\n"));
    for number in 0..100 {
        bundle = bundle.edited(&[supplier(number)]).0;
        bundle = bundle.edited(&[removal("supplier/new")]).0;
    }
    let size = format!("{bundle:?}").len();
    assert!(size.abs_diff(format!("{:?}", assembled()).len()) < 1_000);
}

#[test]
fn what_is_wrong_with_an_edit_is_told_by_its_line() {
    check_edits(
        &[edit("part/x", "id = \"x\"\ntitel = \"X\"\n")],
        expect![[r#"
        part/x:1:1: error[missing-field]: part `x` lacks `title`
          help: add `title = "…"`
        part/x:2:1: error[unknown-field]: part `x` has no field `titel`
          help: did you mean `title`?
    "#]],
    );
    check_edits(
        &[edit("part/x", "id = \"y\"\ntitle = \"X\"\n")],
        expect![[r#"
        part/x:1:6: error[contradiction]: this is part `x`, but its text gives it the id `y`
          help: write `id = "x"`; to rename a record, add it under its new id and remove this one
    "#]],
    );
    check_edits(
        &[edit("part/x", "title = \"X\"\n")],
        expect![[r#"
        part/x:1:1: error[missing-field]: this part lacks `id`
          help: add `id = "some-id"`
    "#]],
    );
    check_edits(
        &[edit("part/x", "[[part]]\nid = \"x\"\ntitle = \"X\"\n")],
        expect![[r#"
            part/x:1:3: error[unknown-field]: the text of part/x has records of its own under `part`
              help: write only the fields of part/x, without `[part]` or `[[part]]`
        "#]],
    );
    check_edits(
        &[edit("part/x", "id = \"x\"\ntitle = \"X\"\n\n[[offer]]\nid = \"y\"\n")],
        expect![[r#"
            part/x:4:3: error[unknown-field]: the text of part/x has records of its own under `offer`
              help: write only the fields of part/x, without `[offer]` or `[[offer]]`
        "#]],
    );
    check_edits(
        &[edit("settings", "[settings]\nseed = 2\n")],
        expect![[r#"
            settings:1:2: error[unknown-field]: the text of settings has records of its own under `settings`
              help: write only the fields of settings, without `[settings]` or `[[settings]]`
        "#]],
    );
    check_edits(
        &[edit("settings", "currency = \"usd\"\n")],
        expect![[r#"
        settings:1:12: error[wrong-value]: "usd" is not a currency; write its ISO 4217 code, such as USD or EUR
          help: write three capital letters, such as USD
    "#]],
    );
    check_edits(
        &[edit("part/x", "id = \"x\"\ntitle = \n")],
        expect![[r#"
        part/x:2:9: error[syntax]: not valid TOML: string values must be quoted, expected literal string
          help: see https://toml.io for how values, tables and lists are written
    "#]],
    );
    check_edits(
        &[edit("offer/a.b", "supplier = \"a\"\npart = \"c\"\nlead_time = \"3 wk\"\n")],
        expect![[r#"
            offer/a.b:1:1: error[contradiction]: this is offer `a.b`, but its text gives it the id `a.c`
              help: write `id = "a.b"`; to rename a record, add it under its new id and remove this one
        "#]],
    );
    check_edits(
        &[edit("link/a..b", "from = \"a\"\nto = \"b\"\nlag = 3\n")],
        expect![[r#"
        link/a..b:3:7: error[wrong-value]: a number of days or weeks is expected here, not a whole number
          help: write, for example, "5 d" or "-1 wk"
    "#]],
    );
    check_edits(
        &[removal("part/x")],
        expect![[r#"
        part/x: error[unknown-reference]: there is no part `x` to remove
          help: it may have been removed meanwhile; look at the record again
    "#]],
    );
    check_edits(
        &[removal("settings"), removal("settings")],
        expect![[r#"
        settings: error[unknown-reference]: the settings are the defaults already
          help: it may have been removed meanwhile; look at the record again
        decision/cells-last-buy:5:52: error[missing-rate]: 30 amounts are in CNY, but sums are told in USD, and no rate joins the two
          help: add a rate: rate = [{ id = "cny-usd", from = "CNY", to = "USD", rate = … }]
          decision/cells-last-buy:6:68: 174000 CNY in decision `cells-last-buy`
          offer/cell-maker.er14505:4:35: 9.80 CNY in offer `cell-maker.er14505`
          offer/cell-maker.er26500:5:29: 29.00 CNY in offer `cell-maker.er26500`
          offer/cell-maker.er26500:6:33: 24.50 CNY in offer `cell-maker.er26500`
          offer/cm-sz.enclosure-gateway:4:35: 21.00 CNY in offer `cm-sz.enclosure-gateway`
          offer/cm-sz.enclosure-tracker-b:4:35: 16.00 CNY in offer `cm-sz.enclosure-tracker-b`
          offer/cm-sz.enclosure-tracker-c:4:35: 18.50 CNY in offer `cm-sz.enclosure-tracker-c`
          offer/dist-sz.ap63203:4:35: 2.10 CNY in offer `dist-sz.ap63203`
        decision/japan-first:4:71: error[missing-rate]: 11 amounts are in JPY, but sums are told in USD, and no rate joins the two
          help: add a rate: rate = [{ id = "jpy-usd", from = "JPY", to = "USD", rate = … }]
          offer/passives-jp.blm18ag601:4:35: 2.1 JPY in offer `passives-jp.blm18ag601`
          offer/passives-jp.buzzer:4:35: 64 JPY in offer `passives-jp.buzzer`
          offer/passives-jp.grm155-100n:4:35: 0.9 JPY in offer `passives-jp.grm155-100n`
          offer/passives-jp.grm188-10u:4:35: 4.2 JPY in offer `passives-jp.grm188-10u`
          offer/passives-jp.s2b-ph:4:35: 14 JPY in offer `passives-jp.s2b-ph`
          offer/passives-jp.t520b107:5:29: 118 JPY in offer `passives-jp.t520b107`
          offer/passives-jp.t520b107:6:32: 84 JPY in offer `passives-jp.t520b107`
          regime/carrier-jp:5:150: 2600000 JPY in regime `carrier-jp`
    "#]],
    );
}

#[test]
fn a_record_may_be_written_without_its_natural_id() {
    let bundle = assembled();
    for (kind, of_kind) in
        [(Kind::BomLine, "bom_line"), (Kind::Offer, "offer"), (Kind::Link, "link")]
    {
        let id = bundle.records.ids(kind)[0].to_owned();
        let record = key(&format!("{of_kind}/{id}"));
        let text = bundle.text(&record).unwrap();
        let without: String = text.lines().skip(1).map(|line| format!("{line}\n")).collect();
        let (again, told) = bundle.edited(&[Edit { key: record, after: Some(without) }]);
        assert_eq!(diagnostics::told(&told), "");
        assert!(again == bundle);
    }
}

#[test]
fn a_record_that_is_not_edited_keeps_its_place() {
    let text =
        "[[part]]\nid = \"p\"\ntitle = \"P\"\n\n[[bom_line]]\nrevision = \"r\"\npart = \"p\"\n";
    let source = Source { name: "it.toml".into(), text: text.into() };
    let (bundle, _) = Bundle::load(&[source]);
    let (_, told) = bundle.edited(&[removal("part/p")]);
    expect![[r#"
        it.toml:6:12: error[unknown-reference]: BOM line `r.p` refers to revision `r` in `revision`, which doesn't exist
          help: add a `[[revision]]` with that id, or name one that exists
        it.toml:7:8: error[unknown-reference]: BOM line `r.p` refers to part `p` in `part`, which doesn't exist
          help: add a `[[part]]` with that id, or name one that exists
    "#]].assert_eq(&diagnostics::told(&told));
    let (_, told) = bundle.edited(&[edit("part/p", "id = \"p\"\n\ntitle = 1\n")]);
    expect![[r#"
        it.toml:6:12: error[unknown-reference]: BOM line `r.p` refers to revision `r` in `revision`, which doesn't exist
          help: add a `[[revision]]` with that id, or name one that exists
        part/p:3:9: error[wrong-value]: a text is expected here, not a whole number
          help: write, for example, "Light sensor"
    "#]].assert_eq(&diagnostics::told(&told));
}

#[test]
fn who_mentions_whom_is_told_both_ways() {
    let bundle = sample::bundle();
    for key in bundle.keys() {
        for Mention { kind, id, path } in bundle.mentions(&key) {
            assert!(bundle.mentioned_by(kind, &id).contains(&key), "{key} {kind} {id} {path}");
        }
    }
    let mentions = |key_text: &str| {
        let mentions = bundle.mentions(&key(key_text)).into_iter();
        mentions.map(|it| format!("{} {}/{}\n", it.path, it.kind, it.id)).collect::<String>()
    };
    let by = |key_text: &str| {
        let RecordKey::Record(kind, id) = key(key_text) else { panic!("no record") };
        let keys = bundle.mentioned_by(kind, &id);
        keys.iter().map(|key| format!("{key}\n")).collect::<String>()
    };
    expect![[r#"
        calendar calendar/office
    "#]]
    .assert_eq(&mentions("settings"));
    expect![[r#"
        changes[0].id part/nt3h2111
        changes[1].id offer/dist-eu.nt3h2111
        changes[2].id bom_line/tracker-c.nt3h2111
    "#]]
    .assert_eq(&mentions("scenario/add-nfc"));
    expect![[r#"
        gates[0] activity/cells-order
        target milestone/cells-window
        owner stakeholder/supply-manager
        consult[0] stakeholder/finance
        consult[1] stakeholder/sales
    "#]]
    .assert_eq(&mentions("decision/cells-last-buy"));
    expect![""].assert_eq(&by("scenario/add-nfc"));
    expect![[r#"
        team/emc-lab
        regime/ptcrb
        regime/red-cyber
    "#]]
    .assert_eq(&by("calendar/lab-de"));
    let milestone = bundle.records.milestones.keys().next().unwrap();
    expect![[r#"
        decision/cells-last-buy
    "#]]
    .assert_eq(&by(&format!("milestone/{milestone}")));
}

#[test]
fn json_becomes_the_text_of_a_record() {
    let check = |json: Json, expect: Expect| {
        expect.assert_eq(&match text_of_json(&json) {
            Ok(text) => text,
            Err(diagnostic) => diagnostic.to_string(),
        });
    };
    check(
        json!({ "id": "a", "work": { "estimate": "3 d", "team": null }, "n": null }),
        expect![[r#"
            id = "a"
            work = { estimate = "3 d" }
        "#]],
    );
    check(
        json!({ "a b": [1, 2.5, true], "": "it's" }),
        expect![[r#"
        "a b" = [1, 2.5, true]
        "" = "it's"
    "#]],
    );
    check(
        json!([1]),
        expect![[r#"
        error[wrong-value]: a record is a JSON object, not a list
          help: send its fields: { "id": "bolt", "title": "Bolt" }"#]],
    );
    check(
        json!({ "a": u64::MAX }),
        expect![[r#"
        error[out-of-range]: `a` is 18446744073709551615, which no field can hold
          help: write a number between -9·10¹⁸ and 9·10¹⁸"#]],
    );
    check(
        json!({ "a": [{ "b": [null] }] }),
        expect![[r#"
        error[wrong-value]: `a[0].b[0]` is null
          help: leave the item out, or give it a value"#]],
    );
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    check(
        json!({ "a": deep }),
        expect![[r#"
        error[too-deep]: values nest deeper than 32 levels here
          help: no record needs that; look for a bracket that isn't closed"#]],
    );
}

#[test]
fn text_nests_as_deep_as_it_is_read() {
    for depth in [30, 32, 33, 34, 40] {
        let value = (0..depth).fold(json!("x"), |inner, _| json!({ "a": inner }));
        let json = json!({ "id": "s", "title": "", "changes":
            [{ "kind": "part", "id": "p", "set": value }] });
        let is_told =
            |told: &[Diagnostic]| told.iter().any(|it| it.code == longlead_model::Code::TooDeep);
        match text_of_json(&json) {
            Ok(text) => {
                assert!(!is_told(&Bundle::default().edited(&[edit("scenario/s", &text)]).1))
            }
            Err(diagnostic) => assert!(is_told(&[diagnostic]) && depth > 28, "{depth}"),
        }
    }
}

#[test]
fn a_line_belongs_to_a_field() {
    let text = "# note\nid = \"a\"\n\nprices = [\n    { quantity = 1 }, # one\n]\nwork.estimate = \"3 d\"\ntitle = \"\"\"\ntwo\nlines\"\"\"\nwork.team = \"lab\"\n\"odd\" = 1";
    let told: String =
        (0..=13).map(|line| format!("{line} {}\n", field_at(text, line).unwrap_or("-"))).collect();
    expect![[r#"
        0 -
        1 -
        2 id
        3 -
        4 prices
        5 prices
        6 prices
        7 work
        8 title
        9 title
        10 title
        11 work
        12 odd
        13 -
    "#]]
    .assert_eq(&told);
    assert_eq!(field_at("id = \"a\"\ntitle = \nmpn = 1", 3), Some("mpn"));
    assert_eq!(field_at("", 1), None);
}

/// The sample several times over, each with ids of its own.
fn repeated(times: usize) -> Bundle {
    let sample = sample::bundle();
    let ids: BTreeSet<String> = sample.keys().iter().map(|key| key.id().to_owned()).collect();
    let mut texts = texts(&sample);
    for number in 1..times {
        for key in sample.keys() {
            let RecordKey::Record(kind, _) = key else { continue };
            let mut json = sample.json(&key).unwrap();
            rename(&mut json, &ids, number);
            let id = json["id"].as_str().unwrap().to_owned();
            texts.push((RecordKey::Record(kind, id), text_of_json(&json).unwrap()));
        }
    }
    let (bundle, told) = Bundle::assemble(&texts);
    println!("{} records, {} problems", bundle.records.count(), told.len());
    println!("{}", diagnostics::told(&told[..told.len().min(5)]));
    bundle
}

fn renamed(text: &str, ids: &BTreeSet<String>, number: usize) -> String {
    if ids.contains(text) {
        let glued = |glue: &str| {
            let (first, second) = text.split_once(glue)?;
            let both = ids.contains(first) && ids.contains(second);
            both.then(|| format!("{first}-{number}{glue}{second}-{number}"))
        };
        return glued("..").or_else(|| glued(".")).unwrap_or_else(|| format!("{text}-{number}"));
    }
    if !text.contains(':') || text.contains(' ') {
        return text.to_owned();
    }
    let parts: Vec<String> = text.split(':').map(|part| renamed(part, ids, number)).collect();
    parts.join(":")
}

/// Renames every id in a value; the names of members are ids only in the fields that are keyed so.
fn rename(json: &mut Json, ids: &BTreeSet<String>, number: usize) {
    match json {
        Json::String(text) => *text = renamed(text, ids, number),
        Json::Array(items) => items.iter_mut().for_each(|item| rename(item, ids, number)),
        Json::Object(members) => {
            for (name, value) in members.iter_mut() {
                if let ("provides" | "requires" | "teams", Json::Object(keyed)) =
                    (&**name, &mut *value)
                {
                    let entries = std::mem::take(keyed).into_iter();
                    keyed.extend(entries.map(|(id, value)| (renamed(&id, ids, number), value)));
                } else if !matches!(&**name, "kind" | "band" | "stage" | "discipline") {
                    rename(value, ids, number);
                }
            }
        }
        _ => {}
    }
}

#[test]
#[ignore = "it measures, and tests nothing"]
#[expect(clippy::disallowed_methods, reason = "the time is printed, and nothing depends on it")]
fn how_long_an_edit_takes() {
    let bundle = repeated(10);
    for kind in
        [Kind::Supplier, Kind::Part, Kind::BomLine, Kind::Activity, Kind::Calendar, Kind::Scenario]
    {
        let id = bundle.records.ids(kind)[0].to_owned();
        let key = RecordKey::Record(kind, id);
        let after = bundle.text(&key);
        let edits = [Edit { key: key.clone(), after }];
        let mut times: Vec<Duration> = (0..31)
            .map(|_| {
                let start = Instant::now();
                black_box(bundle.edited(&edits));
                start.elapsed()
            })
            .collect();
        times.sort();
        println!("{key}: median {:.2?}, least {:.2?}, most {:.2?}", times[15], times[0], times[30]);
    }
}
