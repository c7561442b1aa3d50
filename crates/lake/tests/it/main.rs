//! The lake from outside: what is acknowledged, what is seen, and what survives.

mod accept;
mod kill;
mod query;
mod sample;
