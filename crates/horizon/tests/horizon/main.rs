//! Product in, dated and explained answers out.

mod properties;
mod story;
mod support;
