//! The sample company, `examples/coldtrack`, read from where it lies.

use std::path::{Path, PathBuf};
use std::{fs, io};

use longlead_horizon::{Ask, Plan, plan};
use longlead_model::{Bundle, Source};

use crate::support::{ask, listed};

fn toml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(toml_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[expect(clippy::disallowed_methods, reason = "the tests read the sample; the crate reads nothing")]
fn source(file: &Path) -> io::Result<Source> {
    Ok(Source { name: file.display().to_string(), text: fs::read_to_string(file)? })
}

pub(crate) fn bundle() -> Bundle {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/coldtrack");
    let files = toml_files(&root).unwrap();
    let sources: Vec<Source> = files.iter().map(|file| source(file).unwrap()).collect();
    let (bundle, diagnostics) = Bundle::load(&sources);
    assert!(diagnostics.is_empty(), "{}", listed(&diagnostics));
    bundle
}

/// The plan of the sample, with as many samples as a test can wait for.
pub(crate) fn planned(bundle: &Bundle) -> Plan {
    let ask = Ask { samples: 500, ..ask(bundle) };
    plan(bundle, &ask, &|_, _| {}).unwrap_or_else(|told| panic!("{}", listed(&told)))
}
