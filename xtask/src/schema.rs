//! The JSON Schema of bundles, generated from the records, and the OpenAPI document, generated from
//! the table of routes: both checked in, so that editors complete and clients are generated without
//! running anything.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use longlead_model::{Kind, bundle_schema, record_schema};
use serde_json::Value as Json;

/// The file of a whole bundle file, one for each kind, and the API.
fn files() -> Vec<(String, Json)> {
    let kinds = Kind::ALL.iter().map(|kind| (format!("{kind}.json"), record_schema(*kind)));
    let bundle = ("bundle.json".to_owned(), bundle_schema());
    let api = ("openapi.json".to_owned(), longlead_web::openapi());
    [bundle, api].into_iter().chain(kinds).collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema")
}

fn text(schema: &Json) -> Result<String> {
    Ok(serde_json::to_string_pretty(schema)? + "\n")
}

/// Writes the schemas, or tells which of those checked in are not current.
pub(crate) fn run(check: bool) -> Result<ExitCode> {
    let folder = folder();
    std::fs::create_dir_all(&folder)?;
    let mut stale = Vec::new();
    for (name, schema) in files() {
        let path = folder.join(&name);
        let wanted = text(&schema)?;
        let current = std::fs::read_to_string(&path).unwrap_or_default();
        if current == wanted {
            continue;
        }
        stale.push(name);
        if !check {
            std::fs::write(&path, wanted).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    let mut out = std::io::stdout().lock();
    match (stale.as_slice(), check) {
        ([], _) => writeln!(out, "schema/ is current: {} files", files().len())?,
        (stale, false) => writeln!(out, "wrote schema/{}", stale.join(", schema/"))?,
        (stale, true) => {
            writeln!(out, "not current: schema/{}", stale.join(", schema/"))?;
            writeln!(out, "run `cargo xtask schema` and commit what it writes")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
