//! The pages: each has what it reads, its markup and its tests in one file.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod comparison;
pub(crate) mod data;
pub(crate) mod decisions;
pub(crate) mod explain;
pub(crate) mod features;
pub(crate) mod fleet;
pub(crate) mod forecast;
pub(crate) mod hardware;
pub(crate) mod history;
pub(crate) mod horizons;
pub(crate) mod people;
pub(crate) mod plan;
pub(crate) mod records;
pub(crate) mod search;
pub(crate) mod sign_in;
pub(crate) mod sql;
pub(crate) mod welcome;
pub(crate) mod what_if;
