//! What reasons and nodes refer to: it decides who may see them.

use expect_test::{Expect, expect};
use longlead_horizon::{Plan, Reason, Segment, Vocabulary};
use longlead_model::{ActivityId, Kind};
use serde_json::Value as Json;

use crate::sample;

/// Every reason that a plan gives for anything.
fn all_reasons(bundle: &longlead_model::Bundle, plan: &Plan) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for node in &plan.derivation.nodes {
        let explanation = plan.explain(bundle, node.id.as_str()).unwrap();
        reasons.extend(explanation.steps.into_iter().flat_map(|step| step.because));
    }
    reasons.extend(plan.forecast.decisions.iter().flat_map(|it| it.because.clone()));
    reasons
}

/// The records that a serialised reason names: under the word of their kind, or by the role that
/// they play in it.
fn named(told: &Json) -> Vec<(Kind, String)> {
    let mut named = Vec::new();
    for (key, value) in told.as_object().unwrap().iter().filter(|(key, _)| *key != "kind") {
        let kind = match key.as_str() {
            "predecessor" | "successor" | "target" => Some(Kind::Activity),
            "by" => Some(Kind::Capability),
            // Which ends are joined; not the record of a link.
            "link" => None,
            key => Kind::named(key),
        };
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let ids = values.iter().filter_map(Json::as_str);
        named.extend(
            kind.into_iter().flat_map(|kind| ids.clone().map(move |id| (kind, id.to_owned()))),
        );
    }
    named
}

#[test]
fn a_reason_refers_to_every_record_that_it_names() {
    let bundle = sample::bundle();
    let plan = sample::planned(&bundle);
    let mut kinds = std::collections::BTreeSet::new();
    for reason in all_reasons(&bundle, &plan) {
        let told = serde_json::to_value(&reason).unwrap();
        kinds.insert(told["kind"].as_str().unwrap().to_owned());
        let references = reason.references();
        for (kind, id) in named(&told) {
            let is_builtin = kind == Kind::Calendar && !bundle.records.has(kind, &id);
            let is_derived = id.contains(':');
            let told_of = references.contains(&(kind, id.as_str()));
            assert_eq!(told_of, !is_builtin && !is_derived, "{kind:?} {id} in {told}");
        }
        for (kind, id) in references {
            let is_milestone = kind == Kind::Activity && bundle.records.has(Kind::Milestone, id);
            assert!(bundle.records.has(kind, id) || is_milestone, "{kind:?} {id} in {told}");
        }
    }
    assert!(kinds.len() > 25, "the sample has most reasons, not only {kinds:?}");
}

#[test]
fn a_sentence_leads_only_to_what_its_reason_refers_to() {
    let bundle = sample::bundle();
    let plan = sample::planned(&bundle);
    let vocabulary = Vocabulary::new(&bundle, &plan.derivation, None);
    for reason in all_reasons(&bundle, &plan) {
        let segments = vocabulary.segments(&reason);
        assert!(!segments.is_empty(), "{reason:?}");
        for segment in &segments {
            assert!(!segment.text().is_empty(), "{segments:?}");
            match segment {
                Segment::Text(_) => {}
                Segment::Record { kind, id, .. } => {
                    assert!(reason.references().contains(&(*kind, id.as_str())), "{segment:?}");
                }
                Segment::Activity { id, .. } => {
                    assert!(reason.activities().contains(&id), "{segment:?}");
                }
            }
        }
        let words = |pair: &[Segment]| matches!(pair, [Segment::Text(_), Segment::Text(_)]);
        assert!(!segments.windows(2).any(words), "{segments:?}");
    }
}

#[test]
fn a_sentence_comes_in_pieces_that_lead_to_what_they_name() {
    let bundle = sample::bundle();
    let plan = sample::planned(&bundle);
    let vocabulary = Vocabulary::new(&bundle, &plan.derivation, None);
    let check = |reason: &Reason, expected: &Expect| {
        let mut told = String::new();
        for segment in vocabulary.segments(reason) {
            match segment {
                Segment::Text(text) => told.push_str(&text),
                Segment::Record { kind, id, text } => {
                    told.push_str(&format!("[{text}]({} {id})", kind.as_str()));
                }
                Segment::Activity { id, text } => told.push_str(&format!("[{text}]({id})")),
            }
        }
        expected.assert_eq(&told);
    };
    let id = ActivityId::try_from("procure:tracker-c-evt:nrf9161-laca").unwrap();
    let (_, procure) = plan.derivation.find(&id).unwrap();
    check(
        &procure.because[0],
        &expect![
            "60 × [NRF9161-LACA-R7](part nrf9161-laca) are on the BOM of [Tracker rev C](revision tracker-c) for [tracker-c-evt](build tracker-c-evt)"
        ],
    );
    check(
        &procure.because[1],
        &expect![
            "[European distributor](supplier dist-eu) ships from stock [NRF9161-LACA-R7](part nrf9161-laca) in [4 / 6 / 9 d](offer dist-eu.nrf9161-laca), the soonest of 2 offers"
        ],
    );
    let waits = Reason::WaitsFor {
        activity: id.clone(),
        predecessor: "design:tracker-c".try_into().unwrap(),
        link: "FS".to_owned(),
        lag: None,
        until: "2027-03-02".parse().unwrap(),
    };
    check(
        &waits,
        &expect![
            "waits until “[Tracker rev C: specification and layout](design:tracker-c)” is done on 2 Mar 2027"
        ],
    );
    let estimated = Reason::Estimated {
        activity: id,
        estimate: "5 d".to_owned(),
        team: Some("hardware".try_into().unwrap()),
        calendar: longlead_horizon::PlanCalendar::MondayToFriday,
    };
    check(
        &estimated,
        &expect![
            "takes 5 d by [Tracker hardware](team hardware), on the calendar Monday to Friday"
        ],
    );
}

#[test]
fn a_derived_decision_stands_for_the_revision_and_the_capability() {
    let bundle = sample::bundle();
    let plan = sample::planned(&bundle);
    let carry = plan.forecast.decisions.iter().find(|it| it.id.is_derived()).unwrap();
    let gates = carry.because.iter().find(|it| matches!(it, Reason::Gates { .. })).unwrap();
    let (_, what) = carry.id.as_str().split_once(':').unwrap();
    let (revision, capability) = what.split_once(':').unwrap();
    let expected = [(Kind::Revision, revision), (Kind::Capability, capability)];
    assert_eq!(gates.references(), expected);
}

#[test]
fn every_node_follows_from_records_that_exist() {
    let bundle = sample::bundle();
    let plan = sample::planned(&bundle);
    for node in &plan.derivation.nodes {
        let facts = node.facts();
        assert!(!facts.is_empty(), "{} follows from nothing", node.id);
        for (kind, id) in facts {
            assert!(bundle.records.has(kind, &id), "{}: {kind:?} {id} doesn't exist", node.id);
        }
    }
}

#[track_caller]
fn check_facts(plan: &Plan, id: &str, expected: &Expect) {
    let id = ActivityId::try_from(id).unwrap();
    let (_, node) = plan.derivation.find(&id).unwrap();
    let facts: Vec<String> =
        node.facts().iter().map(|(kind, id)| format!("{} {id}", kind.as_str())).collect();
    expected.assert_eq(&facts.join("\n"));
}

#[test]
fn a_node_follows_from_the_facts_that_one_would_name() {
    let plan = sample::planned(&sample::bundle());
    check_facts(
        &plan,
        "design:tracker-c",
        &expect![[r#"
        product tracker
        revision tracker-c
        calendar office
        team hardware"#]],
    );
    check_facts(
        &plan,
        "procure:tracker-c-evt:nrf9161-laca",
        &expect![[r#"
        product tracker
        revision tracker-c
        part nrf9161-laca
        supplier dist-eu
        offer dist-eu.nrf9161-laca
        build tracker-c-evt"#]],
    );
    // On order, and partly here: the order names who delivers.
    check_facts(
        &plan,
        "procure:tracker-b-mp2:nrf9160-sica",
        &expect![[r#"
        product tracker
        revision tracker-b
        part nrf9160-sica
        supplier radio-maker
        build tracker-b-mp2
        order po-1041"#]],
    );
    check_facts(
        &plan,
        "build:tracker-c-evt",
        &expect![[r#"
        product tracker
        revision tracker-c
        calendar shenzhen
        supplier cm-sz
        build tracker-c-evt"#]],
    );
    check_facts(
        &plan,
        "certify:tracker-c:ce-red",
        &expect![[r#"
        product tracker
        revision tracker-c
        capability ble
        capability lte
        calendar lab-de
        team emc-lab
        market eu
        regime ce-red"#]],
    );
    check_facts(
        &plan,
        "approve:tracker-c:jp",
        &expect![[r#"
        product tracker
        revision tracker-c
        market jp"#]],
    );
    check_facts(
        &plan,
        "available:tracker-c:us",
        &expect![[r#"
        product tracker
        revision tracker-c
        market us"#]],
    );
    check_facts(
        &plan,
        "release:5.0",
        &expect![[r#"
        feature calibration
        feature charge-care
        feature esim-swap
        feature gw-failover
        feature gw-mesh-root
        feature mesh-relay
        release 5.0
        calendar office
        team qa"#]],
    );
    check_facts(
        &plan,
        "launch:door-open-alerts",
        &expect![[r#"
        product tracker
        revision tracker-a
        revision tracker-b
        revision tracker-c
        capability light
        capability ram
        feature door-open-alerts"#]],
    );
    check_facts(
        &plan,
        "enclosure-tool",
        &expect![[r#"
        product tracker
        activity enclosure-tool
        calendar shenzhen"#]],
    );
    check_facts(&plan, "japan-launch", &expect!["milestone japan-launch"]);
}
