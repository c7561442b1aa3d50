//! The web application and the API: pages, live updates, and one table of routes with the right
//! that each needs.
//!
//! [`App::start`] takes an open journal and starts planning from it; [`router`] serves it.
//! Everything is rendered on the server; a small script of our own swaps what changes.
//!
//! ```no_run
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! use longlead_records::Journal;
//! use longlead_web::{App, Settings, router};
//!
//! let journal = Journal::open("sqlite::memory:").await?;
//! let app = App::start(journal, Settings::default());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! axum::serve(listener, router(&app).into_make_service_with_connect_info::<std::net::SocketAddr>())
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! What this crate does not do: keep anything (that is `longlead-records`), plan anything (that is
//! `longlead-horizon`), bind ports or read configuration (that is the binary).

mod api;
mod app;
pub mod asking;
mod assets;
mod chart;
mod engine;
mod events;
mod facts;
mod form;
mod guard;
mod health;
mod layout;
mod naming;
mod page;
mod problem;
mod reader;
mod rights;
mod route;
#[cfg(test)]
mod security;
mod sight;
pub mod telemetry;
#[cfg(test)]
mod testing;
mod ui;

pub use api::document::openapi;
pub use app::{App, DemoAccount, Settings};
pub use engine::logged_dates;
pub use route::router;
