//! The short texts in which a form shows values that have more than one way to be written.

use serde_json::Value as Json;

use crate::edit::node_from;
use crate::estimate::{Estimate, Factor};
use crate::field::{Decoder, Field};
use crate::node::Places;
use crate::value::{Level, Share};

/// The text in which one input of a form shows a value, as [`Bundle::json`](crate::Bundle::json)
/// has it, of a field whose schema says `x-form`. Sent back, the text means the same value.
///
/// ```
/// # use longlead_model::form_text;
/// # use serde_json::json;
/// let estimate = json!({ "pert": [5, 8, 14], "unit": "d" });
/// assert_eq!(form_text("estimate", &estimate).as_deref(), Some("5 / 8 / 14 d"));
/// assert_eq!(form_text("share", &json!(0.8)).as_deref(), Some("80 %"));
/// assert_eq!(form_text("level", &json!(true)).as_deref(), Some("yes"));
/// ```
///
/// `None` if there is no such form, or if the value is none of its values.
pub fn form_text(form: &str, value: &Json) -> Option<String> {
    match form {
        "estimate" => decoded::<Estimate>(value).map(|estimate| estimate.text()),
        "factor" => decoded::<Factor>(value).map(|factor| factor.text()),
        "level" => decoded::<Level>(value).map(|level| level.to_string()),
        "share" => decoded::<Share>(value).map(share_text),
        "lag" | "money" | "quantity" => value.as_str().map(str::to_owned),
        _ => None,
    }
}

fn decoded<T: Field>(value: &Json) -> Option<T> {
    let places = Places::default();
    T::decode(&node_from(value).ok()?, &mut Decoder::new(&places))
}

/// In percent, unless that would round.
fn share_text(share: Share) -> String {
    let percent = share.to_string();
    match decoded::<Share>(&Json::String(percent.clone())) == Some(share) {
        true => percent,
        false => share.value().to_string(),
    }
}
