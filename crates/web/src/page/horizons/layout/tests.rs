use jiff::ToSpan as _;
use jiff::civil::date;
use longlead_horizon::State;
use proptest::prelude::*;

use super::place::{FLAG, SIGN};
use super::*;
use crate::page::horizons::scene::{Closure, Mark, Segment, SegmentKind};

/// What an item is made from: lane, days from the as-of day to its start, of work, of waiting, of
/// spread, to its target if it has one, letters of its name, state, rank, and whether it is a point.
type Seed = (usize, i32, i32, i32, i32, Option<i32>, usize, u8, u32, bool);

const LANES: usize = 6;

fn as_of() -> Date {
    date(2026, 11, 23)
}

fn item(at: usize, seed: &Seed) -> Item {
    let (_, start, work, wait, spread, target, letters, state, rank, is_point) = *seed;
    let from = as_of() + start.days();
    let worked = from + work.days();
    let finish = worked + wait.days();
    let segment = |kind, from, to, label: &str| Segment { kind, from, to, label: label.to_owned() };
    let mut segments = vec![segment(SegmentKind::Work, from, worked, "")];
    if wait > 0 {
        segments.push(segment(SegmentKind::Wait, worked, finish, "waits for Tracker rev C"));
    }
    let states = [State::Done, State::Safe, State::AtRisk, State::Lost, State::Open];
    Item {
        id: format!("item-{at}"),
        label: "Wide Name of mm".chars().cycle().take(letters).collect(),
        note: if target.is_some() { "89 %".to_owned() } else { String::new() },
        told: String::new(),
        state: states[usize::from(state)],
        rank,
        segments,
        point: is_point.then_some(finish),
        spread: (spread > 0).then(|| (finish - (spread / 2).days(), finish + spread.days())),
        target: target.map(|days| finish + days.days()),
        finish,
        on_time: None,
        covers: Vec::new(),
    }
}

fn scene(seeds: &[Seed], marks: &[(i32, usize, u8)]) -> Scene {
    let lane = |number: usize| Lane {
        id: format!("lane-{number}"),
        title: String::new(),
        items: seeds
            .iter()
            .enumerate()
            .filter(|(_, seed)| seed.0 == number)
            .map(|(at, seed)| item(at, seed))
            .collect(),
        can_open: false,
    };
    let group = |number: usize| Group {
        band: if number.is_multiple_of(2) { Band::Hardware } else { Band::Software },
        title: String::new(),
        note: String::new(),
        lanes: vec![lane(number)],
    };
    let mut decisions: Vec<Mark> = marks
        .iter()
        .enumerate()
        .map(|(at, (days, letters, state))| Mark {
            id: format!("{at}"),
            node: format!("decision:{at}"),
            label: "Which Option?".chars().cycle().take(*letters).collect(),
            note: "56 days · 89 %".to_owned(),
            told: String::new(),
            state: [State::Done, State::Safe, State::AtRisk, State::Lost][usize::from(*state)],
            on: as_of() + days.days(),
            gates: Vec::new(),
        })
        .collect();
    decisions.sort_by_key(|it| (it.on, it.id.clone()));
    let closure = Closure {
        from: date(2027, 1, 30),
        to: date(2027, 2, 20),
        title: "Lunar New Year".to_owned(),
    };
    Scene {
        groups: (0..LANES).map(group).collect(),
        decisions,
        closures: vec![closure],
        ties: Vec::new(),
    }
}

fn view(from: i32, days: i32) -> View {
    let from = as_of() + from.days();
    View {
        from,
        to: from + (days - 1).days(),
        team: None,
        product: None,
        market: None,
        detail: Some("lane-1".to_owned()),
        notes: Vec::new(),
    }
}

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    let seed = (
        0..LANES,
        -300..1500_i32,
        0..200_i32,
        prop_oneof![Just(0), 1..200_i32],
        prop_oneof![Just(0), 1..120_i32],
        proptest::option::of(-90..200_i32),
        1..60_usize,
        0..5_u8,
        0..101_u32,
        any::<bool>(),
    );
    proptest::collection::vec(seed, 0..300)
}

fn marks() -> impl Strategy<Value = Vec<(i32, usize, u8)>> {
    proptest::collection::vec((-200..900_i32, 1..70_usize, 0..4_u8), 0..20)
}

/// All that an item takes up across on a canvas that is so much wider, in pixels: its bars and
/// signs, and its label.
fn taken(placed: &Placed<'_>, wider: f64) -> Vec<(f64, f64)> {
    let strips = placed.strips.iter().map(|it| (it.from * wider, it.to * wider));
    let spread = placed.spread.map(|it| (it.0 * wider, it.1 * wider));
    let point = placed.point.map(|x| (x * wider - SIGN, x * wider + SIGN));
    let target = placed.target.map(|x| (x * wider - 1.0, x * wider + FLAG));
    let label = placed.label.as_ref().map(|it| it.stretch(wider));
    strips.chain(spread).chain(point).chain(target).chain(label).collect()
}

/// The narrowest canvas, some screens, and one wider than any.
const WIDER: [f64; 4] = [1.0, 1.06, 1.7, 6.0];

fn overlap(a: &[(f64, f64)], b: &[(f64, f64)]) -> bool {
    a.iter().any(|a| b.iter().any(|b| a.0 < b.1 && b.0 < a.1))
}

/// The top of a row, what something takes up in it, and its id.
type Taken<'a> = (f64, Vec<(f64, f64)>, &'a str);

fn assert_apart(rows: &[Taken<'_>], wider: f64) {
    for (at, (y, taken, id)) in rows.iter().enumerate() {
        for (other_y, other, other_id) in rows.iter().take(at).filter(|it| it.0 == *y) {
            assert!(
                !overlap(taken, other),
                "{id} {taken:?} and {other_id} {other:?} overlap at {y} = {other_y}, {wider} wide"
            );
        }
        for (from, to) in taken {
            let edge = WIDTH * wider;
            assert!(-0.01 <= *from && *to <= edge + 0.01, "{id} {from}–{to} leaves {edge}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_overlaps_and_nothing_leaves_the_canvas(
        seeds in seeds(), marks in marks(), from in -400..1200_i32, days in 42..1827_i32,
    ) {
        let (scene, view) = (scene(&seeds, &marks), view(from, days));
        let layout = layout(&scene, as_of(), &view);
        for wider in WIDER {
            let items = layout.items.iter();
            let rows: Vec<_> =
                items.map(|it| (it.y, taken(it, wider), it.item.id.as_str())).collect();
            assert_apart(&rows, wider);
            let marks = layout.marks.iter().map(|it| {
                let sign = (it.x * wider - SIGN, it.x * wider + SIGN);
                let label = it.label.as_ref().map(|it| it.stretch(wider));
                (it.y, std::iter::once(sign).chain(label).collect(), it.mark.id.as_str())
            });
            assert_apart(&marks.collect::<Vec<_>>(), wider);
        }
        let mut rows: Vec<f64> = layout.items.iter().map(|it| it.y).collect();
        rows.extend(layout.marks.iter().map(|it| it.y));
        rows.sort_by(f64::total_cmp);
        rows.dedup();
        for pair in rows.windows(2) {
            prop_assert!(pair[1] - pair[0] >= layout.density.row - 0.01, "rows overlap: {pair:?}");
        }
        let last = rows.last().copied().unwrap_or_default();
        prop_assert!(rows.is_empty() || last + layout.density.row <= layout.height);
    }

    #[test]
    fn what_is_written_into_a_bar_fits_it_and_leaves_its_label_alone(
        seeds in seeds(), from in -400..1200_i32, days in 42..1827_i32,
    ) {
        let (scene, view) = (scene(&seeds, &[]), view(from, days));
        let layout = layout(&scene, as_of(), &view);
        for placed in &layout.items {
            for strip in placed.strips.iter().filter(|it| !it.label.is_empty()) {
                let width = text::width(&strip.label, layout.density.text);
                prop_assert!(strip.from + width <= strip.to);
                let written = [(strip.from, strip.from + width)];
                let label: Vec<_> = placed.label.iter().map(|it| it.stretch(1.0)).collect();
                prop_assert!(!overlap(&written, &label), "{placed:?}");
            }
        }
    }

    #[test]
    fn the_order_of_the_records_changes_nothing(
        seeds in seeds(), from in -400..1200_i32, days in 42..1827_i32,
    ) {
        let view = view(from, days);
        let places = |scene: &Scene| {
            let layout = layout(scene, as_of(), &view);
            let placed = layout.items.iter();
            let placed = placed.map(|it| (it.item.id.clone(), (it.y, it.label.clone())));
            placed.collect::<BTreeMap<_, _>>()
        };
        let mut scene = scene(&seeds, &[]);
        let usual = places(&scene);
        for group in &mut scene.groups {
            group.lanes[0].items.reverse();
        }
        prop_assert_eq!(places(&scene), usual);
    }

    #[test]
    fn every_item_is_shown_or_counted(
        seeds in seeds(), from in -400..1200_i32, days in 42..1827_i32,
    ) {
        let (scene, view) = (scene(&seeds, &[]), view(from, days));
        let layout = layout(&scene, as_of(), &view);
        let left_out: usize = layout.lanes.iter().map(|it| it.left_out).sum();
        let (before, after) = layout.outside;
        prop_assert_eq!(layout.items.len() + left_out + before + after, seeds.len());
        let opened = layout.lanes.iter().find(|it| it.is_opened);
        prop_assert!(opened.is_none_or(|it| it.left_out == 0));
    }
}

#[test]
fn what_matters_most_is_shown_where_there_is_not_room_for_all() {
    let seeds: Vec<Seed> =
        (0..200).map(|at| (0, 0, 300, 0, 0, Some(0), 40, 1, at, false)).collect();
    let scene = scene(&seeds, &[]);
    let layout = layout(&scene, as_of(), &view(-30, 400));
    assert!(layout.density.is_compact);
    assert_eq!(layout.items.len(), layout.density.rows_max);
    assert!(layout.items.iter().all(|it| it.item.rank >= 200 - 8), "{:?}", layout.items);
    assert_eq!(layout.lanes[0].left_out, 192);
}

#[test]
fn axes_say_as_much_as_there_is_room_for() {
    let scene = Scene::default();
    let labels = |days: i32, of: fn(Layout<'_>) -> Vec<Tick>| {
        let ticks = of(layout(&scene, as_of(), &view(0, days)))
            .into_iter()
            .filter(|it| !it.label.is_empty());
        ticks.map(|it| it.label).take(4).collect::<Vec<_>>().join(" | ")
    };
    let cases = [
        (42, "23 Nov · week 48 | 30 Nov · week 49 | 7 Dec · week 50 | 14 Dec · week 51"),
        (91, "23 Nov | 30 Nov | 7 Dec | 14 Dec"),
        (182, "W48 | W49 | W50 | W51"),
        (300, "48 | 49 | 50 | 51"),
        (365, "W49 | W51 | W01 | W03"),
        (730, "W49 | W01 | W05 | W09"),
        (1826, "W01 | W14 | W27 | W40"),
    ];
    for (days, expected) in cases {
        assert_eq!(labels(days, |it| it.weeks), expected, "{days} days");
    }
    assert_eq!(labels(365, |it| it.quarters), "Q4 2026 | Q1 2027 | Q2 2027 | Q3 2027");
    assert_eq!(labels(1826, |it| it.quarters), "Q1 ’27 | Q2 ’27 | Q3 ’27 | Q4 ’27");
    assert_eq!(labels(1826, |it| it.months), "D | J | F | M");
}
