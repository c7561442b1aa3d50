//! Activities as a table: CSV with `,`, `;` or tabs.
//!
//! One line is one activity. The first line names the columns, in any order:
//! `id, title, product, band, estimate, calendar, team, after, start_no_earlier_than,
//! start_no_later_than, finish_no_earlier_than, finish_no_later_than, must_start_on,
//! must_finish_on, first_pass, rework, rework_rounds_max, started, finished, remaining, target`.
//! Only a title or an id is needed.
//!
//! - Estimates: `10 d`, `2 wk`, `5/8/14 d` (PERT), `triangular 5/8/14 d`, `p50 12 p90 20 wk`,
//!   `uniform 5/9 d`, `observed 11/9/14 d`, or `milestone` for a point in time.
//! - `after`: what it waits for, separated by `;` or `,`: `a`, `a FS+3d`, `b SS-1wk`,
//!   `c FS+5d@office` (counted on a calendar; otherwise elapsed), `d FS<=10d` (at most).
//! - `team`: `firmware`, or `firmware; lab 2` for more than one unit.
//! - Dates: `2027-01-31`, or `31.1.2027`.

mod cell;
mod export;
mod import;
mod link_text;
mod text;

pub use export::export;
pub use import::{Imported, import};

/// The columns, in the order in which they are written.
pub const COLUMNS: [&str; 21] = [
    "id",
    "title",
    "product",
    "band",
    "estimate",
    "calendar",
    "team",
    "after",
    "start_no_earlier_than",
    "start_no_later_than",
    "finish_no_earlier_than",
    "finish_no_later_than",
    "must_start_on",
    "must_finish_on",
    "first_pass",
    "rework",
    "rework_rounds_max",
    "started",
    "finished",
    "remaining",
    "target",
];

#[cfg(test)]
mod tests;
