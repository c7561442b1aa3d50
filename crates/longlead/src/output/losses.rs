//! What another program's format could not say, or we could not take over.

use longlead_exchange::Loss;
use serde_json::{Value as Json, json};

use crate::output::style::heading;
use crate::output::words::count;
use crate::output::wrap;
use crate::settings::OutputSettings;

/// Nobody reads more at once; the rest is counted.
const SHOWN_MAX: usize = 40;

/// The losses as text; nothing if nothing was lost.
pub(crate) fn told(losses: &[Loss], settings: &OutputSettings) -> String {
    if losses.is_empty() {
        return String::new();
    }
    let told = count(losses.len(), "thing", "things");
    let mut text = heading(&format!("Could not be taken over as it stands: {told}"));
    let most = if settings.all { usize::MAX } else { SHOWN_MAX };
    for loss in losses.iter().take(most) {
        text.push_str(&wrap::paragraph(&loss.to_string(), "  · ", "    ", settings.width));
    }
    if losses.len() > most {
        text.push_str(&format!("  … and {} more; --all shows all\n", losses.len() - most));
    }
    text
}

/// The losses for scripts.
pub(crate) fn json(losses: &[Loss]) -> Json {
    let told = losses.iter().map(|loss| {
        json!({
            "subject": loss.subject.to_string(),
            "what": loss.what,
            "instead": loss.instead,
        })
    });
    Json::Array(told.collect())
}
