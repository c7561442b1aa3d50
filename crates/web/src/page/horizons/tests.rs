use std::sync::LazyLock;

use jiff::civil::date;
use longlead_horizon::{Ask, Plan, State, plan};
use longlead_records::people::Role;

use super::*;
use crate::testing::{self, sample};

/// The sample, planned with few samples.
static SAMPLE: LazyLock<(Bundle, Plan)> = LazyLock::new(|| {
    let bundle = sample();
    let ask = Ask { samples: 400, ..Ask::of(&bundle, bundle.settings.as_of.unwrap()) };
    let plan = plan(&bundle, &ask, &|_, _| {}).unwrap();
    (bundle, plan)
});

fn query(text: &str) -> Query {
    Query::of(text)
}

fn page(text: &str) -> String {
    let (bundle, plan) = &*SAMPLE;
    main(&plan.forecast, &plan.derivation, bundle, &query(text)).into_string()
}

#[test]
fn a_view_is_what_the_address_says_within_bounds() {
    let (bundle, plan) = &*SAMPLE;
    let check = |text: &str, (from, to): (jiff::civil::Date, jiff::civil::Date), notes: &[&str]| {
        let view = View::of(&query(text), bundle, &plan.forecast);
        assert_eq!((view.from, view.to), (from, to), "{text}");
        assert_eq!(view.notes, notes, "{text}");
        let again =
            View::of(&query(view.address().trim_start_matches("/?")), bundle, &plan.forecast);
        assert_eq!(View { notes: Vec::new(), ..view }, again, "{text}");
    };
    let usual = View::fitting(&plan.forecast);
    let usual = (usual.from, usual.to);
    assert_eq!(usual.0, date(2026, 10, 23));
    check("", usual, &[]);
    check("team=&product=&from=", usual, &[]);
    let year = (date(2027, 1, 1), date(2027, 12, 31));
    check("from=2027-01-01&to=2027-12-31", year, &[]);
    check("from=2027-01-01&to=2027-12-31&team=firmware&market=eu", year, &[]);
    let swapped = "The last day came before the first, so they were swapped.";
    check("to=2027-01-01&from=2027-12-31", year, &[swapped]);
    let short = (date(2027, 1, 1), date(2027, 2, 11));
    check("from=2027-01-01&to=2027-01-02", short, &["At least six weeks are shown."]);
    let long = (date(2027, 1, 1), date(2031, 12, 31));
    check("from=2027-01-01&to=9999-01-02", long, &["At most five years are shown at once."]);
    let note = "“soon” isn't a day; days are written like 2027-03-31.";
    check("from=soon", usual, &[note]);
    check("team=ghosts", usual, &["There is no team “ghosts”, so all are shown."]);
}

#[test]
fn zooming_keeps_today_in_sight_or_the_middle_in_the_middle() {
    let (_, plan) = &*SAMPLE;
    let usual = View::fitting(&plan.forecast);
    let as_of = plan.forecast.as_of;
    for zoom in view::ZOOMS {
        let zoomed = usual.zoomed(zoom.days, as_of);
        assert_eq!(zoomed.days(), zoom.days);
        assert!(zoomed.from < as_of && as_of < zoomed.to);
    }
    let later = View { from: date(2028, 1, 1), to: date(2028, 12, 31), ..usual };
    let zoomed = later.zoomed(91, as_of);
    assert_eq!((zoomed.from, zoomed.to), (date(2028, 5, 18), date(2028, 8, 16)));
    let panned = later.panned(1).panned(-1);
    assert_eq!(panned, later);
}

#[test]
fn a_feature_stands_between_the_decision_and_the_hardware_that_it_waits_for() {
    let (bundle, plan) = &*SAMPLE;
    let view = View::fitting(&plan.forecast);
    let facts = Facts::new(&plan.forecast, &plan.derivation, bundle, &view);
    let scene = scene(&facts);
    let (group, door) =
        scene.items().find(|(_, item)| item.id == "launch:door-open-alerts").unwrap();
    assert_eq!(group.title, "Coldtrack tracker");
    assert_eq!(door.label, "Door-open alerts");
    assert_eq!(door.target, Some(date(2027, 8, 31)));
    let waits = door.segments.iter().find(|it| it.kind == scene::SegmentKind::Wait).unwrap();
    assert_eq!(waits.label, "waits for Tracker rev C");
    let carried = |tie: &&scene::Tie| tie.to == door.id && tie.kind == scene::TieKind::Carries;
    let tie = scene.ties.iter().find(carried).unwrap();
    assert!(tie.from.starts_with("available:tracker-c:"), "{tie:?}");
    assert!(
        tie.told.starts_with("Door-open alerts needs ") && tie.told.contains("ight sensor"),
        "{tie:?}"
    );
    let layout = layout::layout(&scene, plan.forecast.as_of, &view);
    let chains = chains(&plan.derivation, &scene, &layout.nodes());
    let chain = |node: &str| -> Vec<&str> {
        let at = chains.nodes.iter().position(|it| it == node).unwrap();
        chains.chains[at].iter().map(|it| chains.nodes[*it].as_str()).collect()
    };
    let door = chain("launch:door-open-alerts");
    for node in ["design:tracker-c", "build:tracker-c-mp", "decision:light-sensor", "release:5.1"] {
        assert!(door.contains(&node), "{node} isn't in {door:?}");
    }
    assert!(!door.contains(&"design:gateway-c"), "{door:?}");
    let decided = chain("decision:light-sensor");
    assert!(decided.contains(&"launch:door-open-alerts"), "{decided:?}");
}

#[test]
fn filters_leave_in_what_they_ask_for() {
    let (bundle, plan) = &*SAMPLE;
    let titles = |text: &str| {
        let view = View::of(&query(text), bundle, &plan.forecast);
        let facts = Facts::new(&plan.forecast, &plan.derivation, bundle, &view);
        let scene = scene(&facts);
        let items: Vec<String> = scene.items().map(|(_, item)| item.id.clone()).collect();
        items
    };
    let all = titles("");
    let gateway = titles("product=gateway");
    assert!(gateway.len() < all.len());
    assert!(gateway.iter().all(|id| !id.contains("tracker-")), "{gateway:?}");
    assert!(gateway.iter().any(|id| id == "launch:gw-wifi-setup"));
    let japan = titles("market=jp");
    assert!(japan.iter().any(|id| id == "available:tracker-c:jp"));
    assert!(japan.iter().all(|id| id != "available:tracker-c:eu"));
}

#[test]
fn the_page_tells_what_matters_without_sight_colour_or_script() {
    let html = page("");
    for text in [
        "aria-label=\"Door-open alerts: ",
        "id=\"hz-chains\"",
        "data-node=\"decision:light-sensor\"",
        "<table",
        "<caption class=\"visually-hidden\">What the timeline shows",
        "<th class=\"num\" scope=\"col\">Decide by</th>",
        "<th scope=\"row\"><a href=\"/decisions/light-sensor\"",
        "type=\"submit\"",
        "P10 ",
    ] {
        assert!(html.contains(text), "{text} isn't there");
    }
    assert!(!html.contains(" onclick"));
    let narrow = page("product=gateway&team=firmware&from=2035-01-01&to=2036-01-01");
    assert!(narrow.contains("Nothing lies in this window"));
    assert!(page("from=<script>").contains("“&lt;script&gt;” isn't a day"));
}

#[test]
fn the_lede_is_what_the_forecast_says() {
    let (_, plan) = &*SAMPLE;
    let lede = |forecast: &Forecast| {
        let html = lede::lede(forecast).into_string();
        let mut text = String::new();
        let mut is_tag = false;
        for character in html.chars() {
            match character {
                '<' => is_tag = true,
                '>' => is_tag = false,
                _ if !is_tag => text.push(character),
                _ => {}
            }
        }
        text.replace("&lt;", "<")
    };
    let mut forecast = plan.forecast.clone();
    let told = lede(&forecast);
    assert!(
        told.starts_with(
            "5 decisions fall due within 60 days, first Power over Ethernet on gateway rev C? by "
        ),
        "{told}"
    );
    assert!(
        told.contains("2,000 more gateways before Lunar New Year will probably miss 29 Jan 2027"),
        "{told}"
    );
    forecast.milestones.retain(|it| it.state == State::Safe);
    forecast.decisions.retain(|it| it.id.to_string() == "light-sensor");
    assert_eq!(
        lede(&forecast),
        "One decision falls due within 60 days: Light sensor on tracker rev C? by 18 Jan 2027. \
         Door-open alerts holds 31 Aug 2027 with 80 % only if that is decided by then."
    );
    forecast.decisions.clear();
    assert_eq!(lede(&forecast), "No decision falls due within 60 days.");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_read_gets_the_page_and_a_partner_only_what_is_shared() {
    let app = testing::app().await;
    let viewer = testing::person(&app, Role::Viewer).await;
    let answer = viewer.get("/?from=2026-11-01&to=2027-10-31&team=firmware").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("decisions fall due within 60 days"), "{}", answer.text);
    assert!(
        answer.text.contains("data-node=\"develop:") || answer.text.contains("data-node=\"launch:")
    );
    let partner = testing::person(&app, Role::Partner).await;
    let answer = partner.get("/").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("Nothing is planned yet"), "{}", answer.text);
    assert!(!answer.text.contains("racker rev C"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_product_is_told_how_to_begin() {
    let app = testing::empty().await;
    assert!(app.planned(std::time::Duration::from_secs(60)).await);
    let owner = testing::person(&app, Role::Owner).await;
    let answer = owner.get("/").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("Import files"), "{}", answer.text);
}
