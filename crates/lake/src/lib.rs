//! The durable log of rows, their tables in DuckLake, and SQL over both.
mod disk;
mod log;
