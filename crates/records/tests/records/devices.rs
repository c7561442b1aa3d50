//! The registry of devices.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use longlead_model::Bundle;
use longlead_records::devices::{
    Applied, Attribute, ChangeError, ChangeRequest, Counts, DeviceChange, DeviceEventKind,
    DeviceFilter, Devices, EventChange, Facet, Facts, ImportError, ImportKind, ImportPreview,
    Serial, SnapshotColumn, SnapshotTable,
};
use longlead_records::people::OrganisationKind;
use longlead_records::{Actor, Journal, restore};

use crate::world::{Database, by, coldtrack, later, owner, stories};

stories! {
    a_device_is_what_was_said_of_it_at_each_instant;
    what_reaches_back_keeps_what_it_replaces;
    a_change_made_on_an_old_version_is_told;
    what_does_not_fit_the_product_is_refused_with_its_line;
    events_make_the_state_and_can_be_struck_out;
    devices_are_counted_listed_and_found;
    a_file_is_previewed_then_applied_at_once;
    what_changed_since_the_preview_is_told;
    a_file_goes_out_as_it_came_in;
    at_any_instant_a_device_is_what_a_replay_says;
    the_registry_comes_as_columns;
    the_registry_is_backed_up;
    two_writers_change_the_registry_one_after_the_other;
    #[ignore = "measures: run it with --ignored --nocapture"]
    many_devices_go_in_at_once;
}

fn serial(text: &str) -> Serial {
    text.parse().unwrap()
}

fn request(seconds: i64) -> ChangeRequest {
    ChangeRequest {
        who: Actor::System,
        at: later(seconds),
        why: Some("As the factory says".to_owned()),
        origin: "api".to_owned(),
    }
}

fn says(device: &str, since: Option<i64>, facts: &[(Attribute, &str)]) -> DeviceChange {
    let mut told = Facts::default();
    for (attribute, value) in facts {
        told.set(*attribute, Some((*value).to_owned()).filter(|value| !value.is_empty()));
    }
    DeviceChange {
        serial: serial(device),
        since: since.map(later),
        facts: told,
        given: facts.iter().map(|(attribute, _)| *attribute).collect(),
        expected: None,
    }
}

fn event(device: &str, kind: DeviceEventKind, seconds: i64) -> EventChange {
    let (cause, source, note) = (None, None, None);
    EventChange { serial: serial(device), kind, at: later(seconds), cause, source, note }
}

async fn change(devices: &Devices, seconds: i64, changes: &[DeviceChange]) -> Applied {
    devices.change(&coldtrack(), &request(seconds), changes).await.unwrap()
}

async fn at(devices: &Devices, device: &str, seconds: i64, attribute: Attribute) -> Option<String> {
    let version = devices.as_of(&serial(device), later(seconds)).await.unwrap()?;
    version.facts.get(attribute).map(str::to_owned)
}

use Attribute::{Build, Carrier, Firmware, Gateway, Lot, Market, Owner, Product, Revision};

async fn a_device_is_what_was_said_of_it_at_each_instant(database: &Database) {
    let journal = database.open().await;
    let devices = journal.devices();
    let made = says("CT-1", Some(0), &[(Revision, "tracker-b"), (Firmware, "1.0")]);
    let applied = change(&devices, 10, std::slice::from_ref(&made)).await;
    assert_eq!((applied.added, applied.changed, applied.change), (1, 0, Some(1)));
    let applied = change(&devices, 20, &[says("CT-1", None, &[(Firmware, "1.1")])]).await;
    assert_eq!((applied.added, applied.changed), (0, 1));
    let applied = change(&devices, 30, &[says("CT-1", None, &[(Firmware, "1.1")])]).await;
    assert_eq!((applied.unchanged, applied.change), (1, None), "it is so already");
    assert_eq!(devices.head().await.unwrap(), 2);
    assert_eq!(at(&devices, "CT-1", -1, Firmware).await, None);
    assert_eq!(at(&devices, "CT-1", 0, Firmware).await.unwrap(), "1.0");
    assert_eq!(at(&devices, "CT-1", 19, Firmware).await.unwrap(), "1.0");
    assert_eq!(at(&devices, "CT-1", 20, Firmware).await.unwrap(), "1.1");
    assert_eq!(at(&devices, "CT-1", 20, Revision).await.unwrap(), "tracker-b");
    assert_eq!(at(&devices, "CT-1", 20, Product).await.unwrap(), "tracker", "it follows");
    let device = devices.device(&serial("CT-1")).await.unwrap().unwrap();
    assert_eq!((device.since, device.version, device.state), (later(20), 2, None));
    assert_eq!(devices.device(&serial("ct-1")).await.unwrap(), None, "case counts");
    journal.close().await;
}

async fn what_reaches_back_keeps_what_it_replaces(database: &Database) {
    let journal = database.open().await;
    let devices = journal.devices();
    change(&devices, 10, &[says("A", None, &[(Firmware, "1.0"), (Carrier, "x")])]).await;
    change(&devices, 30, &[says("A", None, &[(Firmware, "1.2")])]).await;
    // Told late: from 20 on it had another carrier, and firmware 1.1 until 30.
    change(&devices, 40, &[says("A", Some(20), &[(Firmware, "1.1"), (Carrier, "y")])]).await;
    let told = async |with_superseded| {
        let versions = devices.versions(&serial("A"), with_superseded).await.unwrap();
        let text = |version: &longlead_records::devices::DeviceVersion| {
            format!(
                "{} {} {} {}",
                version.number,
                version.facts.get(Firmware).unwrap(),
                version.facts.get(Carrier).unwrap(),
                version.by.change
            )
        };
        versions.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(told(false).await, ["4 1.2 y 2", "3 1.1 y 3", "1 1.0 x 1"]);
    assert_eq!(told(true).await, ["4 1.2 y 2", "2 1.2 x 2", "3 1.1 y 3", "1 1.0 x 1"]);
    let device = devices.device(&serial("A")).await.unwrap().unwrap();
    assert_eq!((device.facts.get(Carrier), device.version), (Some("y"), 4));
    assert_eq!(device.since, later(30));
    journal.close().await;
}

async fn a_change_made_on_an_old_version_is_told(database: &Database) {
    let journal = database.open().await;
    let devices = journal.devices();
    let bundle = coldtrack();
    let expecting = |firmware: &str, expected| DeviceChange {
        expected: Some(expected),
        ..says("A", None, &[(Firmware, firmware)])
    };
    devices.change(&bundle, &request(1), &[expecting("1", 0)]).await.unwrap();
    let refused = devices.change(&bundle, &request(2), &[expecting("2", 0)]).await;
    assert!(matches!(refused, Err(ChangeError::Conflict(who)) if who == [serial("A")]));
    devices.change(&bundle, &request(3), &[expecting("2", 1)]).await.unwrap();
    let refused = devices.change(&bundle, &request(4), &[expecting("3", 1)]).await;
    assert!(matches!(refused, Err(ChangeError::Conflict(_))), "{refused:?}");
    assert_eq!(at(&devices, "A", 9, Firmware).await.unwrap(), "2");
    journal.close().await;
}

async fn refusals(devices: &Devices, changes: &[DeviceChange]) -> Vec<String> {
    match devices.change(&coldtrack(), &request(100), changes).await {
        Err(ChangeError::Refused(refusals)) => {
            let told = |it: &longlead_records::devices::Refusal| {
                format!("{} {} {}", it.line, it.code, it.message)
            };
            refusals.iter().map(told).collect()
        }
        other => panic!("{other:?}"),
    }
}

async fn what_does_not_fit_the_product_is_refused_with_its_line(database: &Database) {
    let journal = database.open().await;
    let devices = journal.devices();
    let good = says("GOOD", None, &[(Market, "eu")]);
    let cases: [(&[(Attribute, &str)], &str); 8] = [
        (
            &[(Revision, "tracker-x")],
            "2 unknown-reference revision: there is no revision `tracker-x`",
        ),
        (&[(Market, "moon")], "2 unknown-reference market: there is no market `moon`"),
        (&[(Build, "no-such")], "2 unknown-reference build: there is no build `no-such`"),
        (&[(Product, "no-such")], "2 unknown-reference product: there is no product `no-such`"),
        (&[(Owner, "7")], "2 unknown-reference owner: there is no organisation `7`"),
        (&[(Gateway, "G")], "2 unknown-reference gateway: there is no device `G`"),
        (&[(Gateway, "BAD")], "2 contradiction gateway: it is the device itself"),
        (&[(Lot, " x")], "2 wrong-value lot: it begins or ends with a space, or is empty"),
    ];
    for (facts, expect) in cases {
        let told = refusals(&devices, &[good.clone(), says("BAD", None, facts)]).await;
        assert_eq!(told, [expect]);
    }
    let told = refusals(&devices, &[good.clone(), good.clone()]).await;
    assert_eq!(told, ["2 duplicate-id serial: `GOOD` stands in an earlier line, too"]);
    let told = refusals(&devices, &[says("BAD", Some(101), &[(Lot, "x")])]).await;
    assert!(told[0].starts_with("1 out-of-range since: "), "{told:?}");
    assert_eq!(devices.list(&DeviceFilter::default(), 9).await.unwrap(), [], "all or nothing");
    // A gateway may come with what speaks through it.
    let both = [says("S", None, &[(Gateway, "G")]), says("G", None, &[(Market, "eu")])];
    assert_eq!(change(&devices, 100, &both).await.added, 2);
    journal.close().await;
}

async fn events_make_the_state_and_can_be_struck_out(database: &Database) {
    let journal = database.open().await;
    let devices = journal.devices();
    change(&devices, 1, &[says("A", None, &[(Lot, "7")]), says("B", None, &[(Lot, "7")])]).await;
    let failed = EventChange {
        cause: Some("battery".to_owned()),
        ..event("A", DeviceEventKind::Failed, 50)
    };
    let events = [
        event("A", DeviceEventKind::Activated, 40),
        failed.clone(),
        event("A", DeviceEventKind::Made, 2),
        event("B", DeviceEventKind::Made, 3),
    ];
    let applied = devices.record_events(&request(60), &events).await.unwrap();
    assert_eq!(applied.added, 4);
    let again = devices.record_events(&request(61), &events[..2]).await.unwrap();
    assert_eq!((again.added, again.unchanged, again.change), (0, 2, None));
    let state = async |device: &str| {
        let device = devices.device(&serial(device)).await.unwrap().unwrap();
        (device.state, device.state_at)
    };
    assert_eq!(state("A").await, (Some(DeviceEventKind::Failed), Some(later(50))));
    let told = devices.events(&serial("A")).await.unwrap();
    assert_eq!(told[0].cause.as_deref(), Some("battery"));
    let states = async || counts(&devices, DeviceFilter::default()).await.by[&Facet::State].clone();
    assert_eq!(states().await, [("failed".to_owned(), 1), ("made".to_owned(), 1)]);
    let struck = devices.retract_event(&serial("A"), told[0].id, &request(70)).await.unwrap();
    assert_eq!(struck.changed, 1);
    assert_eq!(state("A").await, (Some(DeviceEventKind::Activated), Some(later(40))));
    assert_eq!(states().await, [("activated".to_owned(), 1), ("made".to_owned(), 1)]);
    assert!(devices.events(&serial("A")).await.unwrap()[0].is_retracted, "it stays to be seen");
    let other = devices.retract_event(&serial("B"), told[0].id, &request(71)).await;
    assert!(matches!(other, Err(ChangeError::Unknown)), "{other:?}");
    let unknown =
        devices.record_events(&request(72), &[event("X", DeviceEventKind::Made, 1)]).await;
    assert!(matches!(unknown, Err(ChangeError::Refused(_))), "{unknown:?}");
    journal.close().await;
}

async fn counts(devices: &Devices, filter: DeviceFilter) -> Counts {
    devices.counts(&filter).await.unwrap()
}

fn filter(facets: &[(Facet, &str)]) -> DeviceFilter {
    let facets = facets.iter().map(|(facet, value)| (*facet, (*value).to_owned())).collect();
    DeviceFilter { facets, ..DeviceFilter::default() }
}

async fn devices_are_counted_listed_and_found(database: &Database) {
    let journal = database.open().await;
    let devices = journal.devices();
    let fleet: Vec<DeviceChange> = (0..100)
        .map(|number| {
            let revision = if number % 4 == 0 { "tracker-a" } else { "tracker-b" };
            let lot = format!("lot-{}", number % 10);
            let market = if number % 2 == 0 { "eu" } else { "" };
            let facts = [(Revision, revision), (Lot, &lot), (Market, market)];
            says(&format!("CT-{number:03}"), None, &facts)
        })
        .collect();
    change(&devices, 1, &fleet).await;
    let all = counts(&devices, DeviceFilter::default()).await;
    assert_eq!(all.total, 100);
    let revisions = [("tracker-b".to_owned(), 75), ("tracker-a".to_owned(), 25)];
    assert_eq!(all.by[&Facet::Revision], revisions);
    assert_eq!(all.by[&Facet::Market], [(String::new(), 50), ("eu".to_owned(), 50)]);
    let b = counts(&devices, filter(&[(Facet::Revision, "tracker-b")])).await;
    assert_eq!(b.total, 75);
    assert_eq!(b.by[&Facet::Revision], revisions, "the other can still be chosen");
    assert_eq!(b.by[&Facet::Market], [(String::new(), 50), ("eu".to_owned(), 25)]);
    let lot = counts(&devices, filter(&[(Facet::Lot, "lot-3"), (Facet::Market, "")])).await;
    assert_eq!(lot.total, 10);
    let nowhere = filter(&[(Facet::Market, ""), (Facet::Revision, "tracker-b")]);
    assert_eq!(devices.list(&nowhere, 500).await.unwrap().len(), 50);
    // Page by page.
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let filter = DeviceFilter { after: after.clone(), ..DeviceFilter::default() };
        let page = devices.list(&filter, 33).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.serial.clone());
        seen.extend(page.into_iter().map(|device| device.serial));
    }
    let all: Vec<Serial> = fleet.iter().map(|change| change.serial.clone()).collect();
    assert_eq!(seen, all);
    let prefix = DeviceFilter { prefix: Some("CT-04".to_owned()), ..DeviceFilter::default() };
    assert_eq!(devices.list(&prefix, 50).await.unwrap().len(), 10);
    assert_eq!(counts(&devices, prefix).await.total, 10);
    let odd = DeviceFilter { prefix: Some("CT%".to_owned()), ..DeviceFilter::default() };
    assert_eq!(devices.list(&odd, 50).await.unwrap(), []);
    journal.close().await;
}

async fn import(
    devices: &Devices,
    kind: ImportKind,
    bundle: &Arc<Bundle>,
    seconds: i64,
    file: &str,
) -> ImportPreview {
    let request = ChangeRequest { origin: "fleet.csv".to_owned(), ..request(seconds) };
    let mut import = devices.begin_import(kind, Arc::clone(bundle), &request, None).await.unwrap();
    for piece in file.as_bytes().chunks(100) {
        import.feed(piece).await.unwrap();
    }
    import.finish().await.unwrap()
}

async fn a_file_is_previewed_then_applied_at_once(database: &Database) {
    let journal = database.open().await;
    let (devices, bundle) = (journal.devices(), Arc::new(coldtrack()));
    change(&devices, 1, &[says("A", None, &[(Firmware, "1")]), says("B", None, &[(Lot, "x")])])
        .await;
    let file = "Serial;Firmware;Lot;Market\n\
                A;2;;eu\n\
                B;;x;\n\
                C;1;;eu\n\
                C;1;;eu\n\
                D D;1;;eu\n\
                E;1;;moon\n\
                F;1;;eu;more\n";
    let preview = import(&devices, ImportKind::Devices, &bundle, 10, file).await;
    let told = (preview.added, preview.changed, preview.unchanged, preview.refused);
    assert_eq!(told, (1, 1, 1, 4));
    let places: Vec<(u64, u64)> =
        preview.refusals.iter().map(|refusal| (refusal.line, refusal.column)).collect();
    assert_eq!(places, [(5, 0), (6, 1), (7, 4), (8, 5)], "{:#?}", preview.refusals);
    let changes = &preview.examples[0].changes;
    assert_eq!(preview.examples[0].serial, serial("A"));
    assert_eq!(changes[0], (Market, None, Some("eu".to_owned())));
    assert_eq!(changes[1], (Firmware, Some("1".to_owned()), Some("2".to_owned())));
    assert_eq!(at(&devices, "A", 11, Firmware).await.unwrap(), "1", "nothing is applied yet");
    let apply = async |leave_out| {
        let (id, token) = (preview.id, preview.token.as_str());
        devices.apply_import(id, token, leave_out, &bundle, &request(20)).await
    };
    assert!(matches!(apply(false).await, Err(ImportError::Refused)));
    let applied = apply(true).await.unwrap();
    assert_eq!((applied.added, applied.changed, applied.unchanged), (1, 1, 1));
    let again = apply(true).await;
    assert!(matches!(again, Err(ImportError::Applied(change)) if Some(change) == applied.change));
    assert_eq!(at(&devices, "A", 11, Firmware).await.unwrap(), "2", "since the file was sent");
    let version = devices.as_of(&serial("A"), later(30)).await.unwrap().unwrap();
    assert_eq!(version.by.change, applied.change.unwrap());
    assert_eq!(counts(&devices, DeviceFilter::default()).await.total, 3);
    for (file, message) in [
        ("", "the file is empty"),
        ("serial,frimware\nA,1\n", "there is no column `frimware`"),
        ("lot\n1\n", "the column `serial` is missing"),
        ("serial,lot\nG,\"1\n", "a quote that begins here is never closed"),
    ] {
        let preview = import(&devices, ImportKind::Devices, &bundle, 40, file).await;
        assert_eq!((preview.refused, preview.added), (1, 0), "{file}");
        assert_eq!(preview.refusals[0].message, message);
    }
    journal.close().await;
}

async fn what_changed_since_the_preview_is_told(database: &Database) {
    let journal = database.open().await;
    let (devices, bundle) = (journal.devices(), Arc::new(coldtrack()));
    change(&devices, 1, &[says("A", None, &[(Firmware, "1")])]).await;
    let file = "serial,firmware,market\nA,2,eu\nB,2,eu\n";
    let preview = import(&devices, ImportKind::Devices, &bundle, 10, file).await;
    change(&devices, 11, &[says("A", None, &[(Carrier, "x")])]).await;
    let apply = async |preview: &ImportPreview, bundle: &Bundle| {
        devices.apply_import(preview.id, &preview.token, false, bundle, &request(20)).await
    };
    let conflict = apply(&preview, &bundle).await;
    assert!(matches!(conflict, Err(ImportError::Conflict(who)) if who == [serial("A")]));
    let newer = devices.compare_again(preview.id).await.unwrap().unwrap();
    assert_eq!((newer.added, newer.changed), (1, 1));
    assert!(newer.examples[0].reaches_back, "the file is older than the newest version");
    assert!(matches!(apply(&preview, &bundle).await, Err(ImportError::Renewed)));
    let without = Bundle::default();
    let product = apply(&newer, &without).await;
    assert!(matches!(product, Err(ImportError::Product(_))), "{product:?}");
    apply(&newer, &bundle).await.unwrap();
    let device = devices.device(&serial("A")).await.unwrap().unwrap();
    let told = [Firmware, Market, Carrier].map(|it| device.facts.get(it).unwrap().to_owned());
    assert_eq!(told, ["2", "eu", "x"], "nobody's change is lost");
    let preview = import(&devices, ImportKind::Devices, &bundle, 30, file).await;
    devices.discard_import(preview.id).await.unwrap();
    assert!(matches!(apply(&preview, &bundle).await, Err(ImportError::Gone)));
    journal.close().await;
}

async fn exported(devices: &Devices, kind: ImportKind, part: u32) -> String {
    let (mut text, mut filter) = (String::new(), DeviceFilter::default());
    loop {
        let (more, next) = devices.export_part(kind, &filter, part).await.unwrap();
        text.push_str(&more);
        match next {
            Some(next) => filter.after = Some(next),
            None => return text,
        }
    }
}

async fn a_file_goes_out_as_it_came_in(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let rental = OrganisationKind::Installer;
    people.create_organisation("Rental; Sons", rental, &by(&ada, 2)).await.unwrap();
    let (devices, bundle) = (journal.devices(), Arc::new(coldtrack()));
    let file = "serial,product,revision,build,lot,market,carrier,firmware,owner,gateway,since\r\n\
                A,tracker,tracker-b,,\"L,1\",eu,Carrier “X”,'-1,\"Rental; Sons\",G,2026-01-01T00:00:00Z\r\n\
                B,,,,,,,,,,2026-01-02T03:04:05.123456Z\r\n\
                G,,,,,,,,Cold Track,,2026-01-03T00:00:00Z\r\n";
    let preview = import(&devices, ImportKind::Devices, &bundle, 10, file).await;
    assert_eq!((preview.added, preview.refused), (3, 0), "{:?}", preview.refusals);
    let (id, token) = (preview.id, preview.token.as_str());
    devices.apply_import(id, token, false, &bundle, &request(11)).await.unwrap();
    for part in [1, 2, 3, 100] {
        assert_eq!(exported(&devices, ImportKind::Devices, part).await, file, "{part}");
    }
    let again = import(&devices, ImportKind::Devices, &bundle, 12, file).await;
    assert_eq!((again.added, again.changed, again.unchanged), (0, 0, 3));
    let events = "serial,event,at,cause,source,note\r\n\
                  A,made,2026-01-01T00:00:00Z,,,\r\n\
                  A,failed,2026-02-01T10:00:00Z,battery,\"RMA 7, 8\",\"dead,\nwet\"\r\n\
                  G,shipped,2026-01-05T00:00:00Z,,,\r\n";
    let preview = import(&devices, ImportKind::Events, &bundle, 13, events).await;
    assert_eq!((preview.added, preview.refused), (3, 0), "{:?}", preview.refusals);
    let (id, token) = (preview.id, preview.token.as_str());
    devices.apply_import(id, token, false, &bundle, &request(14)).await.unwrap();
    assert_eq!(exported(&devices, ImportKind::Events, 1).await, events);
    let state = devices.device(&serial("A")).await.unwrap().unwrap().state;
    assert_eq!(state, Some(DeviceEventKind::Failed));
    let wrong = "serial,event,at\nA,broken,2026-01-01\nX,made,2026-01-01\nA,made,yesterday\n";
    let preview = import(&devices, ImportKind::Events, &bundle, 15, wrong).await;
    let places: Vec<(u64, u64)> =
        preview.refusals.iter().map(|refusal| (refusal.line, refusal.column)).collect();
    assert_eq!(places, [(2, 2), (3, 0), (4, 3)], "{:#?}", preview.refusals);
    journal.close().await;
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// What was said, in the order in which it was said: since when, of what, which value.
#[derive(Default)]
struct Replay(Vec<(i64, Attribute, Option<String>)>);

impl Replay {
    fn at(&self, seconds: i64, attribute: Attribute) -> Option<String> {
        let known =
            self.0.iter().filter(|(since, what, _)| *since <= seconds && *what == attribute);
        // Of what is said since the same instant, the last holds.
        known.enumerate().max_by_key(|(order, it)| (it.0, *order)).and_then(|(_, it)| it.2.clone())
    }

    fn say(&mut self, since: i64, attribute: Attribute, value: Option<String>) {
        if self.at(since, attribute) != value {
            self.0.push((since, attribute, value));
        }
    }
}

async fn at_any_instant_a_device_is_what_a_replay_says(database: &Database) {
    let journal = database.open().await;
    let (devices, bundle) = (journal.devices(), Bundle::default());
    let told = [Lot, Carrier, Firmware];
    for seed in 1..=40 {
        let mut dice = Dice(seed);
        let names: Vec<String> = (0..4).map(|number| format!("S{seed}-{number}")).collect();
        let mut replays: BTreeMap<&str, Replay> = BTreeMap::new();
        for now in 1..=12_i64 {
            let mut changes = Vec::new();
            for name in &names {
                if dice.below(3) == 0 {
                    continue;
                }
                let since = if dice.below(2) == 0 { now * 10 } else { dice.below(12) as i64 * 10 };
                let since = since.min(now * 10);
                let mut facts = Vec::new();
                for attribute in told {
                    if dice.below(2) == 0 {
                        let value = ["", "a", "b", "c"][dice.below(4) as usize];
                        facts.push((attribute, value));
                    }
                }
                for (attribute, value) in &facts {
                    let value = Some((*value).to_owned()).filter(|value| !value.is_empty());
                    replays.entry(name).or_default().say(since, *attribute, value);
                }
                changes.push(says(name, Some(since), &facts));
            }
            devices.change(&bundle, &request(now * 10), &changes).await.unwrap();
        }
        for name in &names {
            let replay = replays.remove(name.as_str()).unwrap_or_default();
            for seconds in (-5..=125).step_by(5) {
                for attribute in told {
                    let found = at(&devices, name, seconds, attribute).await;
                    assert_eq!(
                        found,
                        replay.at(seconds, attribute),
                        "{name} {attribute} {seconds}"
                    );
                }
            }
            versions_join_without_gaps(&devices, &serial(name)).await;
        }
    }
    counts_are_in_step(&devices).await;
    journal.close().await;
}

async fn versions_join_without_gaps(devices: &Devices, serial: &Serial) {
    let versions = devices.versions(serial, false).await.unwrap();
    let Some(newest) = versions.first() else { return };
    let device = devices.device(serial).await.unwrap().unwrap();
    assert_eq!((newest.until, newest.since, &newest.facts), (None, device.since, &device.facts));
    for pair in versions.windows(2) {
        assert_eq!(pair[1].until, Some(pair[0].since));
        assert!(pair[1].since < pair[0].since);
    }
}

/// Counts that are kept ready are those that come of counting.
async fn counts_are_in_step(devices: &Devices) {
    let kept = counts(devices, DeviceFilter::default()).await;
    let counted = DeviceFilter { prefix: Some(String::new()), ..DeviceFilter::default() };
    assert_eq!(kept, counts(devices, counted).await);
}

async fn the_registry_comes_as_columns(database: &Database) {
    let journal = database.open().await;
    let devices = journal.devices();
    let mut empty = Vec::new();
    devices.snapshot(SnapshotTable::Devices, 10, |batch| empty.push(batch)).await.unwrap();
    assert_eq!((empty.len(), empty[0].rows), (1, 0), "the columns are known all the same");
    change(&devices, 1, &[says("A", None, &[(Firmware, "1")]), says("B", None, &[(Lot, "x")])])
        .await;
    change(&devices, 5, &[says("A", None, &[(Firmware, "2")])]).await;
    devices.record_events(&request(6), &[event("A", DeviceEventKind::Made, 0)]).await.unwrap();
    let columns = async |table, name: &str| {
        let mut found = Vec::new();
        let take = |batch: longlead_records::devices::SnapshotBatch| {
            assert!(batch.rows <= 2);
            let (_, column) = batch.columns.into_iter().find(|(held, _)| *held == name).unwrap();
            found.push(column);
        };
        devices.snapshot(table, 2, take).await.unwrap();
        found
    };
    let text = |texts: &[&str]| {
        SnapshotColumn::Text(texts.iter().map(|text| Some((*text).to_owned())).collect())
    };
    let serials = columns(SnapshotTable::Versions, "serial").await;
    assert_eq!(serials, [text(&["A", "A"]), text(&["B"])]);
    let us = |seconds| Some(later(seconds).as_microsecond());
    let ends = columns(SnapshotTable::Versions, "valid_to").await;
    assert_eq!(ends[0], SnapshotColumn::Instant(vec![us(5), None]));
    assert_eq!(columns(SnapshotTable::Devices, "state").await, [text(&["made", "registered"])]);
    assert_eq!(columns(SnapshotTable::Events, "event").await, [text(&["made"])]);
    journal.close().await;
}

async fn the_registry_is_backed_up(database: &Database) {
    let journal = database.open().await;
    let ada = owner(&journal.people()).await;
    let devices = journal.devices();
    let own = ada.organisation.to_string();
    change(&devices, 5, &[says("A", Some(2), &[(Owner, &own), (Firmware, "1")])]).await;
    change(&devices, 6, &[says("A", Some(1), &[(Firmware, "0")])]).await;
    devices.record_events(&request(7), &[event("A", DeviceEventKind::Made, 1)]).await.unwrap();
    let mut file = Vec::new();
    journal.backup(later(1000), &mut file).await.unwrap();
    let others = [Some(Database::sqlite()), Database::postgres().await];
    for other in others.into_iter().flatten() {
        restore(&other.url, &file[..]).await.unwrap();
        let restored: Journal = other.open().await;
        let there = restored.devices();
        let a = serial("A");
        assert_eq!(there.device(&a).await.unwrap(), devices.device(&a).await.unwrap());
        let versions = there.versions(&a, true).await.unwrap();
        assert_eq!(versions, devices.versions(&a, true).await.unwrap());
        assert_eq!(there.events(&a).await.unwrap(), devices.events(&a).await.unwrap());
        counts_are_in_step(&there).await;
        assert_eq!(change(&there, 9, &[says("B", None, &[(Lot, "1")])]).await.change, Some(4));
        restored.close().await;
    }
    journal.close().await;
}

async fn two_writers_change_the_registry_one_after_the_other(database: &Database) {
    let journal = database.open().await;
    let devices = journal.devices();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let devices = devices.clone();
            tokio::spawn(async move {
                for number in 0..10 {
                    let firmware = format!("{writer}.{number}");
                    let changes: Vec<DeviceChange> = (0..5)
                        .map(|device| says(&format!("D{device}"), None, &[(Firmware, &firmware)]))
                        .collect();
                    let at = request(1 + number);
                    devices.change(&Bundle::default(), &at, &changes).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    counts_are_in_step(&devices).await;
    assert_eq!(counts(&devices, DeviceFilter::default()).await.total, 5);
    for device in 0..5 {
        versions_join_without_gaps(&devices, &serial(&format!("D{device}"))).await;
    }
    journal.close().await;
}

/// As many as `LONGLEAD_DEVICES` says, or 100,000.
async fn many_devices_go_in_at_once(database: &Database) {
    let many: usize =
        std::env::var("LONGLEAD_DEVICES").map_or(100_000, |many| many.parse().unwrap());
    let journal = database.open().await;
    let (devices, bundle) = (journal.devices(), Arc::new(coldtrack()));
    let told = |what: &str, since: Instant, rows: usize| {
        let seconds = since.elapsed().as_secs_f64();
        eprintln!("{what}: {seconds:.2} s, {:.0} rows/s", rows as f64 / seconds);
    };
    let file = |firmware: &str, since: &str| {
        let mut text = "serial,revision,lot,market,carrier,firmware,since\n".to_owned();
        for number in 0..many {
            let (revision, lot) = (["tracker-a", "tracker-b"][number % 2], number / 5000);
            let (market, carrier) = (["eu", "us"][number % 7 % 2], number % 3);
            text.push_str(&format!(
                "CT-{number:08},{revision},lot-{lot},{market},carrier-{carrier},{firmware},{since}\n"
            ));
        }
        text
    };
    let sweeps = [
        ("new", "1.0", "2026-01-01"),
        ("the same", "1.0", "2026-01-01"),
        ("newer", "1.1", "2026-06-01"),
        ("reaching back", "0.9", "2026-03-01"),
    ];
    for (what, firmware, since) in sweeps {
        let (text, begun) = (file(firmware, since), Instant::now());
        let mut import = devices
            .begin_import(ImportKind::Devices, Arc::clone(&bundle), &request(0), None)
            .await
            .unwrap();
        for piece in text.as_bytes().chunks(64 << 10) {
            import.feed(piece).await.unwrap();
        }
        let preview = import.finish().await.unwrap();
        assert_eq!(preview.refused, 0, "{:?}", preview.refusals);
        told(&format!("{what}: read and compared"), begun, many);
        let begun = Instant::now();
        let applied = devices
            .apply_import(preview.id, &preview.token, false, &bundle, &request(0))
            .await
            .unwrap();
        told(&format!("{what}: applied {applied:?}"), begun, many);
    }
    let begun = Instant::now();
    let counted = counts(&devices, filter(&[(Facet::Market, "eu")])).await;
    eprintln!("counts of {}: {:?}", counted.total, begun.elapsed());
    let begun = Instant::now();
    let after = Some(serial(&format!("CT-{:08}", many / 2)));
    let page = DeviceFilter { after, ..filter(&[(Facet::Revision, "tracker-b")]) };
    devices.list(&page, 50).await.unwrap();
    eprintln!("a page: {:?}", begun.elapsed());
    let begun = Instant::now();
    let mut rows = 0;
    devices.snapshot(SnapshotTable::Versions, 8192, |batch| rows += batch.rows).await.unwrap();
    told("columns", begun, rows);
    let begun = Instant::now();
    exported(&devices, ImportKind::Devices, 5000).await;
    told("file out", begun, many);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    eprintln!("{}", peak.unwrap_or("no peak memory is told here"));
    counts_are_in_step(&devices).await;
    let _: Timestamp = later(0);
    journal.close().await;
}
