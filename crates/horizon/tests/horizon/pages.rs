//! What pages draw and filter by.

use std::collections::BTreeSet;

use jiff::civil::Date;
use longlead_horizon::{ActivityForecast, Forecast, Role};
use longlead_model::{ActivityId, LinkKind};

use crate::sample;
use crate::support::{load, planned, tracker};

fn activity<'a>(forecast: &'a Forecast, id: &str) -> &'a ActivityForecast {
    forecast.activities.iter().find(|it| it.id.as_str() == id).unwrap()
}

#[test]
fn an_activity_says_whose_it_is() {
    let forecast = sample::planned(&sample::bundle()).forecast;
    let check = |id: &str, product: Option<&str>, teams: &[&str], markets: &[&str]| {
        let activity = activity(&forecast, id);
        assert_eq!(activity.product.as_ref().map(|it| it.as_str()), product, "{id}");
        assert_eq!(activity.teams.iter().map(|it| it.as_str()).collect::<Vec<_>>(), teams, "{id}");
        let of: Vec<&str> = activity.markets.iter().map(|it| it.as_str()).collect();
        assert_eq!(of, markets, "{id}");
    };
    check("design:gateway-c", Some("gateway"), &["gateway-hw"], &[]);
    check("procure:tracker-c-evt:nrf9161-laca", Some("tracker"), &[], &[]);
    check("build:tracker-c-evt", Some("tracker"), &[], &[]);
    check("certify:tracker-c:ce-red", Some("tracker"), &["emc-lab"], &["eu"]);
    check("approve:tracker-c:jp", Some("tracker"), &[], &["jp"]);
    check("ship:tracker-c:us", Some("tracker"), &[], &["us"]);
    check("available:gateway-c:uk", Some("gateway"), &[], &["uk"]);
    check("develop:door-open-alerts", Some("tracker"), &["firmware"], &[]);
    check("launch:gw-failover", Some("gateway"), &[], &[]);
    check("enclosure-tool", Some("tracker"), &[], &[]);
    // It carries features of both products.
    check("release:5.0", None, &["qa"], &[]);
    check("japan-launch", None, &[], &[]);
}

#[test]
fn only_what_is_done_for_a_market_has_one() {
    let forecast = sample::planned(&sample::bundle()).forecast;
    for activity in &forecast.activities {
        let of_market =
            matches!(activity.role, Role::Certify | Role::Approve | Role::Ship | Role::Available);
        assert_eq!(!activity.markets.is_empty(), of_market, "{}", activity.id);
    }
}

#[test]
fn a_date_is_told_day_by_day_until_it_is_certain() {
    let bundle = sample::bundle();
    let forecast = sample::planned(&bundle).forecast;
    let mut spread = 0;
    for milestone in &forecast.milestones {
        let (id, points) = (&milestone.id, &milestone.distribution);
        assert!(points.len() <= 60, "{id}");
        assert!(points.first().unwrap().1 > 0.0, "{id}");
        assert_eq!(points.last().unwrap().1, 1.0, "{id}");
        let rises = |pair: &[(Date, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
        assert!(points.windows(2).all(rises), "{id}: {points:?}");
        for (percentile, share) in
            [(milestone.p10, 0.1), (milestone.p50, 0.5), (milestone.p90, 0.9)]
        {
            // What lies before a percentile has less than its share; rounding is to a thousandth.
            let before = points.iter().filter(|(day, _)| *day < percentile);
            assert!(before.clone().all(|(_, of)| *of <= share + 0.0005), "{id} {share}");
            let reached = points.iter().find(|(day, _)| *day >= percentile).unwrap();
            assert!(reached.1 >= share - 0.0005, "{id} {share}");
        }
        if let (Some(target), Some(on_time), false) =
            (milestone.target, milestone.on_time, milestone.unreachable)
        {
            let by = points.iter().rfind(|(day, _)| *day <= target);
            assert!(by.map_or(0.0, |point| point.1) <= on_time + 0.0005, "{id}");
        }
        spread += usize::from(points.len() > 20);
    }
    assert!(spread > 20, "only {spread} milestones of the sample are uncertain");
}

#[test]
fn what_has_happened_is_certain_on_its_day() {
    let bundle = load(&crate::support::TRACKER.replace(
        "[[milestone]]",
        "[[actual]]\nid = \"summer\"\nfinished = 2026-10-02\n\n[[milestone]]",
    ));
    let forecast = planned(&bundle).forecast;
    let summer = forecast.milestones.iter().find(|it| it.id.as_str() == "summer").unwrap();
    assert_eq!(summer.distribution, [("2026-10-02".parse().unwrap(), 1.0)]);
}

#[test]
fn links_say_whether_they_follow_from_facts_or_from_busy_teams() {
    let plan = planned(&tracker());
    let links = plan.links();
    let known: BTreeSet<&ActivityId> = plan.forecast.activities.iter().map(|it| &it.id).collect();
    assert!(links.iter().all(|link| known.contains(&link.from) && known.contains(&link.to)));
    let find = |from: &str, to: &str| {
        links.iter().find(|it| it.from.as_str() == from && it.to.as_str() == to).unwrap()
    };
    let derived = find("procure:c-evt:modem", "build:c-evt");
    assert!(derived.derived && !derived.resource);
    assert_eq!(derived.kind, LinkKind::FinishToStart);
    assert!(!links.iter().any(|link| link.derived && link.resource));
    assert!(links.iter().any(|link| link.resource), "a team does one after another");
    assert!(links.iter().any(|link| !link.derived && !link.resource), "people wrote one");
}
