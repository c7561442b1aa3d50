//! The house rules that the compiler can't see.

#![cfg(test)]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn crates() -> Vec<String> {
    let folders = std::fs::read_dir(root().join("crates")).unwrap();
    let mut names: Vec<String> =
        folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_crate_is_on_the_map_in_architecture_md() {
    let architecture = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let missing: Vec<String> = crates()
        .into_iter()
        .chain(["xtask".to_owned()])
        .filter(|name| !architecture.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md doesn't mention {missing:?}");
}

#[test]
fn pure_crates_depend_on_nothing_that_does_io() {
    const IMPURE: [&str; 12] = [
        "tokio",
        "async-std",
        "hyper",
        "axum",
        "reqwest",
        "sqlx",
        "rusqlite",
        "postgres",
        "datafusion",
        "tempfile",
        "indicatif",
        "clap",
    ];
    for name in ["model", "network", "horizon", "exchange", "stream"] {
        let manifest = std::fs::read_to_string(root().join(format!("crates/{name}/Cargo.toml")));
        let manifest = manifest.unwrap();
        let (_, dependencies) = manifest.split_once("[dependencies]").unwrap();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        for line in dependencies.lines() {
            let dependency = line.split(['.', ' ', '=']).next().unwrap_or_default();
            assert!(!IMPURE.contains(&dependency), "{name} depends on {dependency}");
        }
    }
}

#[test]
fn the_network_has_never_heard_of_products() {
    let manifest = std::fs::read_to_string(root().join("crates/network/Cargo.toml")).unwrap();
    assert!(!manifest.contains("longlead-model"), "network depends on model");
}

#[test]
fn no_module_file_is_called_mod_rs() {
    let mut folders = vec![root().join("crates"), root().join("xtask")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert!(!path.ends_with("mod.rs"), "{}: write `foo.rs` beside `foo/`", path.display());
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            }
        }
    }
}
