//! The shapes that states have, and what all signs mean.

use maud::{Markup, html};

/// What the timeline's shapes are made of. A shape is centred on its place.
pub(crate) fn symbols() -> Markup {
    html! {
        defs {
            circle id="hz-safe" r="4.5" {}
            path id="hz-risk" fill-rule="evenodd" d="M-.7-5.2a.8.8 0 0 1 1.4 0L5.4 3.5a.8.8 0 0 1-.7 1.2h-9.4a.8.8 0 0 1-.7-1.2zM-.7-1.8-.5 1.3h1L.7-1.8zM0 1.9a.8.8 0 1 0 0 1.6.8.8 0 0 0 0-1.6" {}
            path id="hz-lost" d="M-3.6-3.6 3.6 3.6M3.6-3.6-3.6 3.6" {}
            path id="hz-done" d="M-4.2.6-1.3 3.5 4.3-2.9" {}
            circle id="hz-open" r="3.8" {}
            pattern id="hz-hatch" width="4" height="4" patternUnits="userSpaceOnUse"
                patternTransform="rotate(45)" {
                line.hatch-line x1="0" x2="0" y1="0" y2="4" {}
            }
        }
    }
}

/// What the signs mean, in words.
pub(crate) fn legend() -> Markup {
    html! {
        ul.legend.hz-legend aria-label="Legend" {
            li { (sample(html! {
                g.state-safe { rect.bar x="1" y="2" width="26" height="9" rx="2" {}
                line.spread x1="18" x2="38" y1="15" y2="15" {} line.spread x1="18" x2="18" y1="13" y2="17" {}
                line.spread x1="38" x2="38" y1="13" y2="17" {} circle.p50 cx="27" cy="15" r="2.5" {} }
            })) "to the median, P10–P90 below" }
            li { span.badge.safe { "safe" } }
            li { span.badge.risk { "at risk" } }
            li { span.badge.lost { "lost" } }
            li { span.badge.done { "done" } }
            li { span.badge.open { "no target" } }
            li { (sample(html! {
                g.state-safe { path.decision d="M20 1.5 27.5 9 20 16.5 12.5 9z" {} }
            })) "decide by" }
            li { (sample(html! {
                g.state-safe { path.target d="M16 17V1h7l-2 3 2 3h-7" {} }
            })) "target" }
            li { (sample(html! { rect.wait x="1" y="3" width="38" height="11" rx="3" {} })) "waits for hardware" }
            li { (sample(html! { path.link.carries d="M2 3C14 3 24 15 38 15" {} })) "hardware carries a feature" }
        }
    }
}

fn sample(drawing: Markup) -> Markup {
    html! { svg.hz.sample viewBox="0 0 40 18" width="40" height="18" aria-hidden="true" { (drawing) } }
}
