//! One item or decision: its bars in pixels, and where its label may stand.

use longlead_horizon::State;

use super::pack::{Spot, Stretch, Wish};
use super::text::{cut, width};
use super::{Density, EDGE_MAX, Scale, WIDTH};
use crate::page::horizons::scene::{Item, Mark, SegmentKind};
use crate::page::horizons::view::View;

/// From the top of a row to its bars.
pub(crate) const TOP: f64 = 3.0;

/// Half of a sign that stands for a point in time, and what surrounds it.
pub(crate) const SIGN: f64 = 7.0;

/// From a bar to the text beside it, and from a bar's edge to the text in it.
const BESIDE: f64 = 6.0;
const WITHIN: f64 = 5.0;

/// From a sign before a label to the text.
pub(crate) const SIGN_WIDTH: f64 = 14.0;

/// The hatched end of a bar at risk.
pub(crate) const CAP: f64 = 10.0;

/// No bar is narrower.
const BAR_MIN: f64 = 3.0;

/// The flag of a target, right of its pole.
pub(crate) const FLAG: f64 = 7.0;

/// A part of an item, in pixels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Strip {
    pub(crate) kind: SegmentKind,
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// What is written into it.
    pub(crate) label: String,
}

/// A label at an anchor that stretches with the canvas.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Label {
    pub(crate) anchor: f64,
    /// Pixels from the anchor to the text's near edge: negative where the text ends there.
    pub(crate) offset: f64,
    pub(crate) text: String,
    pub(crate) note: String,
    /// At most so wide, with its sign.
    pub(crate) width: f64,
    /// True if the state's sign stands between the bar and the text.
    pub(crate) has_sign: bool,
    /// True if it is written into its bar.
    pub(crate) is_inside: bool,
}

impl Label {
    /// From left to right on a canvas that is so much wider than the narrowest.
    pub(crate) fn stretch(&self, wider: f64) -> Stretch {
        let near = self.anchor * wider + self.offset;
        if self.ends_at_anchor() { (near - self.width, near) } else { (near, near + self.width) }
    }

    /// True if the text lies left of its anchor.
    pub(crate) fn ends_at_anchor(&self) -> bool {
        self.offset < 0.0
    }
}

/// An item with its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed<'a> {
    pub(crate) item: &'a Item,
    /// The top of its row.
    pub(crate) y: f64,
    pub(crate) strips: Vec<Strip>,
    pub(crate) point: Option<f64>,
    pub(crate) spread: Option<Stretch>,
    pub(crate) p50: Option<f64>,
    pub(crate) target: Option<f64>,
    pub(crate) label: Option<Label>,
    /// All that it takes up without its label.
    pub(crate) core: Stretch,
}

impl Placed<'_> {
    /// Where it ends: at its sign, or with its last bar.
    pub(crate) fn end(&self) -> f64 {
        let ends = self.strips.iter().map(|it| it.to);
        self.point.unwrap_or_else(|| ends.fold(self.core.0, f64::max))
    }

    /// Where what it waits for reaches it: a launch at its sign, all else at its start.
    pub(crate) fn reached_at(&self) -> f64 {
        let first = self.strips.first().map(|it| it.from);
        let is_launch = self.item.id.starts_with("launch:");
        first.filter(|_| !is_launch).unwrap_or_else(|| self.end())
    }
}

/// An item in pixels, before it has a row.
#[derive(Clone, Debug)]
pub(crate) struct Drawn<'a> {
    pub(crate) item: &'a Item,
    strips: Vec<Strip>,
    point: Option<f64>,
    spread: Option<Stretch>,
    p50: Option<f64>,
    target: Option<f64>,
    core: Stretch,
    labels: Vec<Label>,
}

impl<'a> Drawn<'a> {
    pub(crate) fn of(item: &'a Item, scale: Scale, density: Density) -> Drawn<'a> {
        let strips = strips(item, scale);
        let point = item.point.filter(|it| scale.shows(*it));
        let point = point.map(|it| scale.end(it).clamp(SIGN, WIDTH - SIGN));
        let spread = item.spread.filter(|it| it.1 >= scale.from && it.0 <= scale.to);
        let spread = spread.map(|(low, high)| (scale.start(low), scale.end(high)));
        let target = item.target.filter(|it| item.state != State::Done && scale.shows(*it));
        let target = target.map(|it| scale.end(it).clamp(1.0, WIDTH - FLAG));
        let p50 = spread.and(Some(item.finish)).filter(|it| scale.shows(*it));
        let mut drawn = Drawn {
            item,
            strips,
            point,
            spread,
            p50: p50.map(|it| scale.end(it)),
            target,
            core: (0.0, 0.0),
            labels: Vec::new(),
        };
        drawn.core = drawn.extent();
        drawn.labels = drawn.places(density);
        drawn.inscribe(density);
        drawn
    }

    /// What decides its turn: its start, then its id.
    pub(crate) fn order(&self) -> (i64, &'a str) {
        ((self.core.0 * 1000.0) as i64, self.item.id.as_str())
    }

    pub(crate) fn wish(&self, insists: bool) -> Wish {
        let labelled = self.labels.iter().map(|it| joined(self.core, taken(it))).collect();
        Wish { core: self.core, labelled, insists }
    }

    pub(crate) fn placed(mut self, spot: Spot, y: f64) -> Placed<'a> {
        let label = spot.place.filter(|at| *at < self.labels.len());
        let label = label.map(|at| self.labels.swap_remove(at));
        if let Some(label) = label.as_ref().filter(|label| label.is_inside) {
            // The label took the room of what would be written there.
            let (from, to) = label.stretch(1.0);
            let is_under = |it: &&mut Strip| it.from < to && from < it.to;
            self.strips.iter_mut().filter(is_under).for_each(|it| it.label.clear());
        }
        Placed {
            item: self.item,
            y,
            strips: self.strips,
            point: self.point,
            spread: self.spread,
            p50: self.p50,
            target: self.target,
            label,
            core: self.core,
        }
    }

    fn extent(&self) -> Stretch {
        let mut extent: Option<Stretch> = None;
        let mut add = |stretch: Stretch| {
            extent = Some(extent.map_or(stretch, |it| joined(it, stretch)));
        };
        self.strips.iter().for_each(|it| add((it.from, it.to)));
        self.spread.into_iter().for_each(&mut add);
        self.point.into_iter().for_each(|x| add((x - SIGN, x + SIGN)));
        self.target.into_iter().for_each(|x| add((x - 1.0, x + FLAG)));
        let (from, to) = extent.unwrap_or((0.0, BAR_MIN));
        (from.max(0.0), to.min(WIDTH))
    }

    /// Where the bars and the sign end; the spread lies below and leaves the text alone.
    fn end(&self) -> f64 {
        let strips = self.strips.iter().map(|it| it.to);
        let point = self.point.map(|x| x + SIGN - 2.0);
        strips.chain(point).fold(f64::NEG_INFINITY, f64::max)
    }

    /// The places for the label, the best first.
    fn places(&self, density: Density) -> Vec<Label> {
        let item = self.item;
        let has_sign =
            self.point.is_none() && matches!(item.state, State::AtRisk | State::Lost | State::Done);
        let note_width = match item.note.as_str() {
            "" => 0.0,
            note => width(note, density.text) + BESIDE,
        };
        let sign_width = if has_sign { SIGN_WIDTH } else { 0.0 };
        let rest = note_width + sign_width;
        let full = width(&item.label, density.text) + rest;
        let label = Label {
            anchor: 0.0,
            offset: 0.0,
            text: item.label.clone(),
            note: item.note.clone(),
            width: full,
            has_sign,
            is_inside: false,
        };
        let rooms = self.rooms();
        let fitting = rooms.iter().filter(|room| full <= room.width);
        let mut places: Vec<Label> = fitting.map(|room| room.holding(label.clone())).collect();
        let widest = rooms.iter().max_by(|a, b| a.width.total_cmp(&b.width));
        if let Some(room) = widest.filter(|_| places.is_empty()) {
            let text = cut(&item.label, density.text, room.width - rest);
            if !text.is_empty() {
                let width = width(&text, density.text) + rest;
                places.push(room.holding(Label { text, width, ..label }));
            }
        }
        places
    }

    /// The places in which text can stand.
    fn rooms(&self) -> Vec<Room> {
        let mut rooms = Vec::new();
        rooms.extend(self.room_in_bar());
        let wait = self.strips.iter().find(|it| it.kind == SegmentKind::Wait);
        rooms.extend(wait.map(|it| {
            let to = self.point.map_or(it.to, |x| it.to.min(x - SIGN));
            Room::inside(it.from, to)
        }));
        let end = self.end();
        let end = if end.is_finite() { end } else { self.core.1 };
        match self.target.filter(|target| *target + FLAG > end) {
            Some(target) if target > end => {
                rooms.push(Room { width: target - end - 2.0 * BESIDE, ..Room::right(end) });
                rooms.push(Room::right(target + FLAG));
            }
            Some(target) => rooms.push(Room::right(target + FLAG)),
            None => rooms.push(Room::right(end)),
        }
        rooms.push(Room::left(self.core.0));
        rooms
    }

    /// The bar as far as nothing covers it.
    fn room_in_bar(&self) -> Option<Room> {
        let bars = self.strips.iter().filter(|it| it.kind != SegmentKind::Wait);
        // A text across two steps would be struck through by the line between them.
        let widest = bars.max_by(|a, b| (a.to - a.from).total_cmp(&(b.to - b.from)))?;
        let (from, mut to) = (widest.from, widest.to);
        if self.item.state == State::AtRisk {
            to -= CAP;
        }
        // A sign or a flag on the bar leaves the room before it.
        let covered = [self.point.map(|x| x - SIGN), self.target.map(|x| x - 2.0)];
        let to = covered.into_iter().flatten().filter(|x| *x > from).fold(to, f64::min);
        Some(Room::inside(from, to))
    }

    /// Leaves what is written into strips only where it fits.
    fn inscribe(&mut self, density: Density) {
        let (point, target) = (self.point, self.target);
        for strip in &mut self.strips {
            let to = point.map_or(strip.to, |x| strip.to.min(x - SIGN));
            let is_crossed = target.is_some_and(|x| strip.from < x && x < strip.to);
            let room = to - strip.from - 2.0 * WITHIN;
            if is_crossed || width(&strip.label, density.text) > room {
                strip.label.clear();
            }
        }
    }
}

/// A stretch of a row in which text can stand.
struct Room {
    anchor: f64,
    offset: f64,
    width: f64,
    is_inside: bool,
}

impl Room {
    fn inside(from: f64, to: f64) -> Room {
        Room { anchor: from, offset: WITHIN, width: to - from - 2.0 * WITHIN, is_inside: true }
    }

    fn right(anchor: f64) -> Room {
        Room { anchor, offset: BESIDE, width: WIDTH - anchor - BESIDE, is_inside: false }
    }

    fn left(anchor: f64) -> Room {
        Room { anchor, offset: -BESIDE, width: anchor - BESIDE, is_inside: false }
    }

    fn holding(&self, label: Label) -> Label {
        Label { anchor: self.anchor, offset: self.offset, is_inside: self.is_inside, ..label }
    }
}

/// What a label takes up on the narrowest canvas.
fn taken(label: &Label) -> Stretch {
    let near = label.anchor + label.offset;
    if label.ends_at_anchor() { (near - label.width, near) } else { (near, near + label.width) }
}

fn joined(a: Stretch, b: Stretch) -> Stretch {
    (a.0.min(b.0), a.1.max(b.1))
}

fn strips(item: &Item, scale: Scale) -> Vec<Strip> {
    let shown = item.segments.iter().filter(|it| it.to >= scale.from && it.from <= scale.to);
    let strip = |segment: &crate::page::horizons::scene::Segment| {
        let from = scale.start(segment.from);
        let to = scale.end(segment.to).max(from + BAR_MIN).min(WIDTH);
        let from = from.min(to - BAR_MIN);
        Strip { kind: segment.kind, from, to, label: segment.label.clone() }
    };
    shown.map(strip).collect()
}

/// A decision with its place.
#[derive(Clone, Debug)]
pub(crate) struct PlacedMark<'a> {
    pub(crate) mark: &'a Mark,
    pub(crate) y: f64,
    pub(crate) x: f64,
    /// True if its day lies beyond the window and it stands at the edge instead.
    pub(crate) is_beyond: bool,
    pub(crate) label: Option<Label>,
}

/// The decisions beyond the window that are told at its edge: the nearest on either side; and how
/// many aren't. What has been decided isn't told.
pub(crate) fn edge_marks<'a>(
    marks: &'a [Mark],
    view: &View,
) -> (impl Iterator<Item = &'a Mark> + use<'a>, usize) {
    let is_open = |mark: &&Mark| mark.state != State::Done;
    let before: Vec<&Mark> = marks.iter().filter(is_open).filter(|it| it.on < view.from).collect();
    let after: Vec<&Mark> = marks.iter().filter(is_open).filter(|it| it.on > view.to).collect();
    let left_out = before.len().saturating_sub(EDGE_MAX) + after.len().saturating_sub(EDGE_MAX);
    let told = before.into_iter().rev().take(EDGE_MAX).chain(after.into_iter().take(EDGE_MAX));
    (told, left_out)
}

/// A decision in pixels, before it has a row.
pub(crate) struct PlacingMark<'a> {
    mark: &'a Mark,
    x: f64,
    is_beyond: bool,
    labels: Vec<Label>,
}

pub(crate) fn mark_wish(mark: &Mark, scale: Scale, density: Density) -> PlacingMark<'_> {
    let is_beyond = !scale.shows(mark.on);
    let x = if is_beyond && mark.on > scale.to { WIDTH } else { scale.start(mark.on) };
    let x = x.clamp(SIGN, WIDTH - SIGN);
    let label = Label {
        anchor: x,
        offset: 0.0,
        text: mark.label.clone(),
        note: mark.note.clone(),
        width: width(&mark.label, density.text) + BESIDE + width(&mark.note, density.text),
        has_sign: false,
        is_inside: false,
    };
    let rooms = [
        Room { offset: BESIDE + SIGN, width: WIDTH - x - BESIDE - SIGN, ..Room::right(x) },
        Room { offset: -BESIDE - SIGN, width: x - BESIDE - SIGN, ..Room::left(x) },
    ];
    let fitting = rooms.iter().filter(|room| label.width <= room.width);
    let mut labels: Vec<Label> = fitting.map(|room| room.holding(label.clone())).collect();
    let widest = rooms.iter().max_by(|a, b| a.width.total_cmp(&b.width));
    if let Some(room) = widest.filter(|_| labels.is_empty()) {
        let rest = BESIDE + width(&mark.note, density.text);
        let text = cut(&mark.label, density.text, room.width - rest);
        let width = width(&text, density.text) + rest;
        labels.extend((width <= room.width).then(|| room.holding(Label { text, width, ..label })));
    }
    PlacingMark { mark, x, is_beyond, labels }
}

impl<'a> PlacingMark<'a> {
    pub(crate) fn wish(&self, insists: bool) -> Wish {
        let core = (self.x - SIGN, self.x + SIGN);
        let labelled = self.labels.iter().map(|it| joined(core, taken(it))).collect();
        Wish { core, labelled, insists }
    }

    pub(crate) fn placed(mut self, spot: Spot, y: f64) -> PlacedMark<'a> {
        let label = spot.place.filter(|at| *at < self.labels.len());
        let label = label.map(|at| self.labels.swap_remove(at));
        PlacedMark { mark: self.mark, y, x: self.x, is_beyond: self.is_beyond, label }
    }
}
