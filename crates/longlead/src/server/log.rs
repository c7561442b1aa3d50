//! Log lines on the error stream: for people, or as JSON for machines.

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use super::config::LogFormat;

/// Starts logging. `filter` is a level (`info`) or a list such as `warn,longlead_web=debug`.
pub(crate) fn start(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter =
        EnvFilter::try_new(filter).with_context(|| format!("`{filter}` is no log filter"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging can't start: {error}"))
}
