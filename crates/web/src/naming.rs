//! What things are called, for a reader who may not see all of them.

use jiff::civil::Date;
use longlead_horizon::{Reason, Segment, Vocabulary};
use longlead_model::{ActivityId, Kind, RecordKey};
use maud::{Markup, html};

use crate::reader::Seen;
use crate::ui;

/// A record by its title, leading to its page; its id alone if the reader doesn't see it.
pub(crate) fn record(seen: &Seen, kind: Kind, id: &str) -> Markup {
    let title = seen.bundle().records.title(kind, id);
    match title.filter(|_| seen.sees(&RecordKey::Record(kind, id.to_owned()))) {
        Some(title) => html! { a href=(ui::record_href(kind, id)) { (title) } },
        None => html! { span.id { (id) } },
    }
}

/// What an activity or milestone is called, if the reader sees it.
pub(crate) fn activity_title<'a>(seen: &'a Seen, id: &ActivityId) -> Option<&'a str> {
    let plan = seen.whole_plan().ok()?;
    let (_, node) = plan.derivation.find(id)?;
    seen.sees_activity(id.as_str()).then_some(node.title.as_str())
}

/// An activity or milestone by its name, leading to its explanation; its id alone if the reader
/// doesn't see it.
pub(crate) fn activity(seen: &Seen, id: &ActivityId) -> Markup {
    match activity_title(seen, id) {
        Some(title) => html! { a href=(ui::explain_href(id.as_str())) { (title) } },
        None => html! { span.id { (id) } },
    }
}

/// A reason as a sentence with its names leading to what they name; none if it tells of something
/// that isn't shared with the reader.
pub(crate) fn sentence(
    seen: &Seen,
    vocabulary: &Vocabulary<'_>,
    reason: &Reason,
) -> Option<Markup> {
    if !sees_reason(seen, reason) {
        return None;
    }
    let mut segments = vocabulary.segments(reason);
    capitalise(&mut segments);
    Some(html! {
        @for segment in &segments {
            @match segment {
                Segment::Record { kind, id, text } if !leads_somewhere(seen, *kind, id) => { (text) }
                segment => { (ui::sentence(std::slice::from_ref(segment))) }
            }
        }
        "."
    })
}

/// Whether all that a reason refers to is shared with the reader. Calendars are left out: they say
/// no more than the dates do.
fn sees_reason(seen: &Seen, reason: &Reason) -> bool {
    if seen.sight.is_whole() {
        return true;
    }
    let records = reason.references().into_iter().all(|(kind, id)| match kind {
        Kind::Calendar => true,
        Kind::Activity | Kind::Actual => seen.sees_activity(id),
        kind => seen.sees(&RecordKey::Record(kind, id.to_owned())),
    });
    records && reason.activities().into_iter().all(|id| seen.sees_activity(id.as_str()))
}

fn leads_somewhere(seen: &Seen, kind: Kind, id: &str) -> bool {
    seen.bundle().records.has(kind, id) && seen.sees(&RecordKey::Record(kind, id.to_owned()))
}

/// Sentences of reasons begin small, as they also follow a colon.
fn capitalise(segments: &mut [Segment]) {
    if let Some(Segment::Text(text)) = segments.first_mut() {
        let mut letters = text.chars();
        if let Some(first) = letters.next() {
            *text = first.to_uppercase().chain(letters).collect();
        }
    }
}

/// Days away in words: "in 12 days", "today", "3 days ago".
pub(crate) fn days_away(days: i32) -> String {
    match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        days if days < 0 => format!("{} days ago", -days),
        days => format!("in {days} days"),
    }
}

/// Days from one date to another.
pub(crate) fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

/// A share of samples as a figure with a bar, in the colour of its state.
pub(crate) fn meter(share: Option<f64>, class: &str) -> Markup {
    let Some(share) = share else {
        return ui::dash();
    };
    html! {
        span class={ "meter " (class) } style=(format!("--share:{share:.3}")) {
            (longlead_horizon::percent(share))
        }
    }
}
