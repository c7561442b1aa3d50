//! The sample bundle, `examples/coldtrack`, read from where it lies.

use std::path::{Path, PathBuf};
use std::{fs, io};

use longlead_model::{Bundle, Source};

/// Every file of the sample.
pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/coldtrack");
    let files = toml_files(&root).expect("the sample lies beside the crates");
    files.iter().map(|file| source(&root, file).expect("the sample is readable")).collect()
}

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
fn source(root: &Path, file: &Path) -> io::Result<Source> {
    let name = file.strip_prefix(root).unwrap_or(file).display().to_string();
    Ok(Source { name, text: fs::read_to_string(file)? })
}

/// The sample, which has nothing wrong with it.
pub(crate) fn bundle() -> Bundle {
    let (bundle, diagnostics) = Bundle::load(&sources());
    assert!(diagnostics.is_empty(), "{}", crate::diagnostics::told(&diagnostics));
    bundle
}

#[test]
fn the_sample_and_the_order_of_its_files_bring_no_diagnostics() {
    let mut reversed = sources();
    reversed.reverse();
    let (again, diagnostics) = Bundle::load(&reversed);
    assert!(diagnostics.is_empty(), "{}", crate::diagnostics::told(&diagnostics));
    assert!(again == bundle());
    assert!(again.records.count() > 300);
}
