//! Where everything stands: rows, pixels across, and which label fits where.
//!
//! Across, positions are pixels on a canvas of [`WIDTH`], the narrowest on which the timeline is
//! shown; on a wider one they stretch while text keeps its size. What doesn't overlap on the
//! narrowest canvas overlaps on no wider one: an anchor further right moves further than one to
//! its left, and what hangs on an anchor keeps its distance from it.

mod axis;
mod pack;
pub(crate) mod place;
pub(crate) mod text;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use longlead_model::Band;

use super::scene::{Closure, Group, Item, Lane, Scene, Tie, TieKind};
use super::view::{View, days_between};
pub(crate) use axis::Tick;
use axis::{Unit, has_lines, ticks};
use pack::{Rows, Spot, Wish};
use place::{Drawn, edge_marks, mark_wish};
pub(crate) use place::{Label, Placed, PlacedMark, Strip};

/// The narrowest canvas, in pixels.
pub(crate) const WIDTH: f64 = 960.0;

/// The heights and sizes of rows, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Density {
    pub(crate) row: f64,
    pub(crate) bar: f64,
    /// The height of the band's, a group's and a lane's own row.
    pub(crate) head: f64,
    pub(crate) text: f64,
    /// Rows that a lane has before what matters least is left to its detail.
    pub(crate) rows_max: usize,
    pub(crate) is_compact: bool,
}

const COMFORTABLE: Density =
    Density { row: 25.0, bar: 15.0, head: 22.0, text: 12.0, rows_max: 16, is_compact: false };
const COMPACT: Density =
    Density { row: 18.0, bar: 11.0, head: 19.0, text: 11.0, rows_max: 8, is_compact: true };

/// More items than this are drawn small.
const COMFORTABLE_MAX: usize = 110;

/// Labels that matter less than this are left out where there is no room.
const RANK_INSISTS: u32 = 40;

/// Decisions beyond the window that are told at its edge, on either side.
pub(crate) const EDGE_MAX: usize = 4;

/// A band of the timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Hardware,
    Decisions,
    Software,
}

/// The place of a band.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) part: Part,
    pub(crate) y: f64,
    pub(crate) height: f64,
}

/// The heading of a group.
#[derive(Clone, Debug)]
pub(crate) struct Heading<'a> {
    pub(crate) group: &'a Group,
    pub(crate) y: f64,
}

/// The place of a lane.
#[derive(Clone, Debug)]
pub(crate) struct LanePlace<'a> {
    pub(crate) lane: &'a Lane,
    pub(crate) y: f64,
    pub(crate) height: f64,
    /// Items for which there was no room.
    pub(crate) left_out: usize,
    /// True if it is shown in full because that was asked for.
    pub(crate) is_opened: bool,
}

/// A closed season.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shade {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) title: String,
    /// The title, where there is room for it.
    pub(crate) label: String,
}

/// A tie between two places.
#[derive(Clone, Debug)]
pub(crate) struct Curve<'a> {
    pub(crate) tie: &'a Tie,
    pub(crate) from: (f64, f64),
    pub(crate) to: (f64, f64),
}

/// The timeline, ready to be drawn.
#[derive(Debug)]
pub(crate) struct Layout<'a> {
    pub(crate) density: Density,
    pub(crate) height: f64,
    pub(crate) panels: Vec<Panel>,
    pub(crate) headings: Vec<Heading<'a>>,
    pub(crate) lanes: Vec<LanePlace<'a>>,
    pub(crate) items: Vec<Placed<'a>>,
    pub(crate) marks: Vec<PlacedMark<'a>>,
    /// Decisions beyond the window for which there is no room at its edge.
    pub(crate) marks_left_out: usize,
    pub(crate) quarters: Vec<Tick>,
    pub(crate) months: Vec<Tick>,
    pub(crate) weeks: Vec<Tick>,
    /// True if lines between weeks help.
    pub(crate) has_week_lines: bool,
    pub(crate) has_month_lines: bool,
    pub(crate) shades: Vec<Shade>,
    pub(crate) today: Option<f64>,
    pub(crate) curves: Vec<Curve<'a>>,
    /// Items that lie before the window, and after it.
    pub(crate) outside: (usize, usize),
}

/// Days to pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    from: Date,
    to: Date,
    per_day: f64,
}

impl Scale {
    fn of(view: &View) -> Scale {
        Scale { from: view.from, to: view.to, per_day: WIDTH / f64::from(view.days()) }
    }

    /// The left edge of a day, wherever it lies.
    fn free(self, date: Date) -> f64 {
        f64::from(days_between(self.from, date)) * self.per_day
    }

    /// The left edge of a day, or the canvas's edge where it lies beyond.
    fn start(self, date: Date) -> f64 {
        self.free(date).clamp(0.0, WIDTH)
    }

    /// The right edge of a day, or the canvas's edge where it lies beyond.
    fn end(self, date: Date) -> f64 {
        (self.free(date) + self.per_day).clamp(0.0, WIDTH)
    }

    fn shows(self, date: Date) -> bool {
        self.from <= date && date <= self.to
    }
}

impl Layout<'_> {
    /// The ids of the items and decisions that are shown.
    pub(crate) fn nodes(&self) -> BTreeSet<&str> {
        let items = self.items.iter().map(|it| it.item.id.as_str());
        items.chain(self.marks.iter().map(|it| it.mark.node.as_str())).collect()
    }
}

/// Lays a scene out in a view.
pub(crate) fn layout<'a>(scene: &'a Scene, as_of: Date, view: &View) -> Layout<'a> {
    let scale = Scale::of(view);
    let (before, after, shown) = counted(scene, view);
    let density = if shown > COMFORTABLE_MAX { COMPACT } else { COMFORTABLE };
    let mut layout = Layout {
        density,
        height: 0.0,
        panels: Vec::new(),
        headings: Vec::new(),
        lanes: Vec::new(),
        items: Vec::new(),
        marks: Vec::new(),
        marks_left_out: 0,
        quarters: ticks(Unit::Quarter, view, WIDTH),
        months: ticks(Unit::Month, view, WIDTH),
        weeks: ticks(Unit::Week, view, WIDTH),
        has_week_lines: has_lines(Unit::Week, view, WIDTH),
        has_month_lines: has_lines(Unit::Month, view, WIDTH),
        shades: shades(scene, scale),
        today: scale.shows(as_of).then(|| scale.start(as_of)),
        curves: Vec::new(),
        outside: (before, after),
    };
    let pen = &mut Pen { scale, view, density, y: 0.0 };
    band(&mut layout, scene, Band::Hardware, pen);
    decisions(&mut layout, scene, pen);
    band(&mut layout, scene, Band::Software, pen);
    layout.height = pen.y;
    layout.curves = curves(scene, &layout);
    layout
}

/// Items before the window, after it, and in it.
fn counted(scene: &Scene, view: &View) -> (usize, usize, usize) {
    let mut counts = (0, 0, 0);
    for (_, item) in scene.items() {
        if item.last() < view.from {
            counts.0 += 1;
        } else if item.first() > view.to {
            counts.1 += 1;
        } else {
            counts.2 += 1;
        }
    }
    counts
}

/// Where the next row goes, and how.
struct Pen<'v> {
    scale: Scale,
    view: &'v View,
    density: Density,
    y: f64,
}

/// Above and below what a panel or a lane holds.
const PAD: f64 = 5.0;

fn band<'a>(layout: &mut Layout<'a>, scene: &'a Scene, band: Band, pen: &mut Pen<'_>) {
    let top = pen.y;
    pen.y += pen.density.head;
    for group in scene.groups.iter().filter(|group| group.band == band) {
        self::group(layout, group, pen);
    }
    pen.y += PAD;
    let part = if band == Band::Hardware { Part::Hardware } else { Part::Software };
    layout.panels.push(Panel { part, y: top, height: pen.y - top });
}

fn group<'a>(layout: &mut Layout<'a>, group: &'a Group, pen: &mut Pen<'_>) {
    let drawn: Vec<(&Lane, Vec<Drawn<'_>>)> = group
        .lanes
        .iter()
        .map(|lane| (lane, drawn(lane, pen)))
        .filter(|(_, drawn)| !drawn.is_empty())
        .collect();
    if drawn.is_empty() {
        return;
    }
    layout.headings.push(Heading { group, y: pen.y });
    // A lane without a name begins in the row of its group.
    let is_named = drawn.iter().all(|(lane, _)| !lane.title.is_empty());
    pen.y += if is_named { pen.density.head } else { PAD };
    for (lane, drawn) in drawn {
        self::lane(layout, lane, drawn, pen);
    }
    pen.y += PAD;
}

fn drawn<'a>(lane: &'a Lane, pen: &Pen<'_>) -> Vec<Drawn<'a>> {
    let is_shown = |item: &&Item| item.last() >= pen.view.from && item.first() <= pen.view.to;
    lane.items.iter().filter(is_shown).map(|it| Drawn::of(it, pen.scale, pen.density)).collect()
}

/// Packs the items of a lane into rows: in the order of time while there is room for all, else in
/// the order of what matters.
fn lane<'a>(layout: &mut Layout<'a>, lane: &'a Lane, mut drawn: Vec<Drawn<'a>>, pen: &mut Pen<'_>) {
    let is_opened = pen.view.detail.as_deref() == Some(lane.id.as_str());
    let rows_max = if is_opened { usize::MAX } else { pen.density.rows_max };
    let insists = |it: &Drawn<'_>| !pen.density.is_compact || it.item.rank >= RANK_INSISTS;
    let pack = |drawn: &[Drawn<'a>]| -> (usize, Vec<Option<Spot>>) {
        let mut rows = Rows::default();
        let spots = drawn.iter().map(|it| rows.put(&it.wish(insists(it)), rows_max)).collect();
        (rows.len(), spots)
    };
    drawn.sort_by(|a, b| a.order().cmp(&b.order()));
    let (mut rows, mut spots) = pack(&drawn);
    if spots.contains(&None) {
        drawn.sort_by(|a, b| b.item.rank.cmp(&a.item.rank).then_with(|| a.order().cmp(&b.order())));
        (rows, spots) = pack(&drawn);
    }
    let left_out = spots.iter().filter(|spot| spot.is_none()).count();
    for (drawn, spot) in drawn.into_iter().zip(spots) {
        if let Some(spot) = spot {
            let y = pen.y + spot.row as f64 * pen.density.row;
            layout.items.push(drawn.placed(spot, y));
        }
    }
    let height = rows as f64 * pen.density.row;
    layout.lanes.push(LanePlace { lane, y: pen.y, height, left_out, is_opened });
    pen.y += height;
}

fn decisions<'a>(layout: &mut Layout<'a>, scene: &'a Scene, pen: &mut Pen<'_>) {
    let top = pen.y;
    pen.y += PAD;
    let (edge, left_out) = edge_marks(&scene.decisions, pen.view);
    layout.marks_left_out = left_out;
    let mut rows = Rows::default();
    let shown = scene.decisions.iter().filter(|mark| pen.scale.shows(mark.on));
    for mark in shown.chain(edge) {
        let placing = mark_wish(mark, pen.scale, pen.density);
        if let Some(spot) = rows.put(&placing.wish(true), usize::MAX) {
            let y = pen.y + spot.row as f64 * pen.density.row;
            layout.marks.push(placing.placed(spot, y));
        }
    }
    pen.y += rows.len().max(1) as f64 * pen.density.row + PAD;
    layout.panels.push(Panel { part: Part::Decisions, y: top, height: pen.y - top });
}

/// Closed seasons; their titles where these run into no other, those of the longest first.
fn shades(scene: &Scene, scale: Scale) -> Vec<Shade> {
    let shown = scene.closures.iter().filter(|it| it.to >= scale.from && it.from <= scale.to);
    let mut shown: Vec<&Closure> = shown.collect();
    shown.sort_by_key(|it| (-days_between(it.from, it.to), it.from, &it.title));
    let mut labelled = Rows::default();
    let shade = |closure: &Closure| {
        let (from, to) = (scale.start(closure.from), scale.end(closure.to));
        let label = (from, from + axis::PAD + text::width(&closure.title, axis::SIZE));
        let wish = Wish { core: label, labelled: Vec::new(), insists: false };
        let fits = label.1 <= WIDTH && labelled.put(&wish, 1).is_some();
        let label = if fits { closure.title.clone() } else { String::new() };
        Shade { from, to, title: closure.title.clone(), label }
    };
    shown.into_iter().map(shade).collect()
}

/// Ties between what is shown. Hardware carries a feature from one day to another: if either lies
/// beyond the window, a curve would tell something else.
fn curves<'a>(scene: &'a Scene, layout: &Layout<'_>) -> Vec<Curve<'a>> {
    let middle = layout.density.bar / 2.0 + place::TOP;
    let items: BTreeMap<&str, &Placed<'_>> =
        layout.items.iter().map(|it| (it.item.id.as_str(), it)).collect();
    let marks = layout.marks.iter().filter(|it| !it.is_beyond);
    let marks: BTreeMap<&str, (f64, f64)> =
        marks.map(|it| (it.mark.node.as_str(), (it.x, it.y + middle))).collect();
    let curve = |tie: &'a Tie| {
        let to = items.get(tie.to.as_str())?;
        let from = match tie.kind {
            TieKind::Gates => *marks.get(tie.from.as_str())?,
            TieKind::Carries => {
                let from = items.get(tie.from.as_str())?;
                to.point?;
                (from.point?, from.y + middle)
            }
            TieKind::Precedes => {
                let from = items.get(tie.from.as_str())?;
                (from.end(), from.y + middle)
            }
        };
        Some(Curve { tie, from, to: (to.reached_at(), to.y + middle) })
    };
    scene.ties.iter().filter_map(curve).collect()
}

#[cfg(test)]
mod tests;
