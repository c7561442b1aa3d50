//! `longlead new`: a small commented bundle to start from.

use longlead_model::bundle_schema;
use serde_json::json;

use crate::args::NewArguments;
use crate::command::Answer;
use crate::exit::Failure;
use crate::file;
use crate::output::json;
use crate::output::style::{bold, dim};
use crate::settings::Settings;

const TEMPLATE: &str = include_str!("../../templates/product.toml");

/// Makes editors that know TOML complete and check the file.
const SCHEMA_LINE: &str = "#:schema schema/bundle.json\n\n";

pub(crate) fn run(arguments: &NewArguments, settings: &Settings) -> Result<Answer, Failure> {
    let folder = &arguments.folder;
    let files = [
        ("product.toml".to_owned(), with_schema(TEMPLATE)),
        ("schema/bundle.json".to_owned(), json::text(&bundle_schema())),
    ];
    file::make_folder(folder, false)?;
    let written = file::write_all(folder, &files, false)?;
    if settings.output.json {
        return Ok(Answer::fine(json::text(&json!({ "written": written }))));
    }
    let shown = folder.display();
    let mut text = format!("Wrote a small product to start from:\n\n");
    for (path, what) in written
        .iter()
        .zip(["the facts, with comments that explain them", "for editors: completion and checks"])
    {
        text.push_str(&format!("  {}  {}\n", bold(path), dim(what)));
    }
    text.push_str(&format!(
        "\nNext:\n  longlead plan {shown}     what it leads to\n  longlead check {shown}    after each change\n"
    ));
    Ok(Answer::fine(text))
}

fn with_schema(template: &str) -> String {
    if template.starts_with("#:schema") {
        template.to_owned()
    } else {
        format!("{SCHEMA_LINE}{template}")
    }
}
