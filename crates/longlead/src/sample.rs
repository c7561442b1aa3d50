//! The sample company, part of the program so that `demo` needs no files.

pub(crate) mod history;

use longlead_model::Source;

macro_rules! file {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../examples/coldtrack/", $name)))
    };
}

const FILES: &[(&str, &str)] = &[
    file!("README.md"),
    file!("assumptions.toml"),
    file!("glossary.toml"),
    file!("hardware/bom.toml"),
    file!("hardware/capabilities.toml"),
    file!("hardware/gateway.toml"),
    file!("hardware/parts.toml"),
    file!("hardware/tracker.toml"),
    file!("market.toml"),
    file!("people.toml"),
    file!("plan/activities.toml"),
    file!("plan/actuals.toml"),
    file!("plan/calendars.toml"),
    file!("plan/decisions.toml"),
    file!("plan/risks.toml"),
    file!("plan/scenarios.toml"),
    file!("plan/teams.toml"),
    file!("settings.toml"),
    file!("software/features.toml"),
    file!("software/releases.toml"),
    file!("software/streams.toml"),
    file!("supply/long-lead.toml"),
    file!("supply/offers.toml"),
    file!("supply/orders.toml"),
    file!("supply/suppliers.toml"),
];

/// The texts of the sample.
pub(crate) fn sources() -> Vec<Source> {
    let toml = FILES.iter().filter(|(name, _)| name.ends_with(".toml"));
    toml.map(|(name, text)| Source { name: format!("coldtrack/{name}"), text: (*text).to_owned() })
        .collect()
}

/// All files of the sample, with those that tell of it.
pub(crate) fn files() -> Vec<(String, String)> {
    FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn names_in(folder: &Path, within: &str, names: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{within}{}", path.file_name().unwrap().to_string_lossy());
            if path.is_dir() {
                names_in(&path, &format!("{name}/"), names);
            } else {
                names.push(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_sample_is_part_of_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/coldtrack");
        let mut names = Vec::new();
        names_in(&folder, "", &mut names);
        names.sort();
        let listed: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(listed, names, "list the sample's files in src/sample.rs, in order");
    }
}
