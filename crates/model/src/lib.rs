//! The product as records: typed ids, units, money, bundles, and diagnostics that tell where an
//! input is wrong and how to mend it.
//!
//! A *bundle* is a set of TOML texts. [`Bundle::load`] reads them in any order and layout and
//! reports every problem at once; [`Bundle::export`] writes the records back in one canonical form,
//! so that a second round trip changes no byte. A single record is read as text or JSON by its
//! [`RecordKey`] and changed by an [`Edit`].
//!
//! ```
//! use longlead_model::{Bundle, Source};
//!
//! let text = r#"
//!     [[capability]]
//!     id = "ram"
//!     title = "Free RAM"
//!     unit = "KiB"
//! "#;
//! let sources = [Source { name: "product.toml".into(), text: text.into() }];
//! let (bundle, diagnostics) = Bundle::load(&sources);
//! assert!(diagnostics.is_empty());
//! assert_eq!(bundle.records.capabilities.len(), 1);
//! ```
//!
//! What this crate does not do: read files (texts are arguments), know the day (dates are
//! arguments), or derive anything from the records (that is `longlead-horizon`).

mod bundle;
mod check;
mod diagnostic;
mod edit;
mod estimate;
mod field;
mod form;
mod id;
mod kind;
mod money;
mod node;
mod overlay;
mod quantity;
mod record;
mod record_map;
mod schema;
mod unit;
mod value;
mod write;

pub use bundle::Bundle;
pub use check::{column_name, is_own_table, table_name};
pub use diagnostic::{Code, Diagnostic, Place, Severity, nearest};
pub use edit::{Edit, Mention, RecordKey, RecordKeyError, field_at, text_of_json};
pub use estimate::{Distribution, Estimate, Factor, Lag, TimeUnit};
pub use form::form_text;
pub use id::*;
pub use kind::{Kind, Records};
pub use money::{Currency, Money, MoneyError, Rates};
pub use node::{Node, Source, Span, Step, Table, Value};
pub use quantity::*;
pub use record::*;
pub use record_map::RecordMap;
pub use schema::{bundle_schema, record_schema, settings_schema};
pub use unit::*;
pub use value::{Level, Share};

pub use jiff::civil::Date;
pub use rust_decimal::Decimal;
