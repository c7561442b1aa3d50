//! `longlead new`: a small commented bundle to start from.

use longlead_model::bundle_schema;
use serde_json::json;

use crate::args::NewArguments;
use crate::command::Answer;
use crate::exit::Failure;
use crate::file;
use crate::output::json;
use crate::output::style::{BOLD, DIM, command, heading};
use crate::output::table::{Cell, Column, Table};
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
    let what = ["the facts, with comments that explain them", "for editors: completion and checks"];
    let mut table = Table::new(vec![Column::new(""), Column::new("")]);
    for (path, what) in written.iter().zip(what) {
        table.row(vec![Cell::styled(path.as_str(), BOLD), Cell::styled(what, DIM)]);
    }
    let text = format!(
        "Wrote a small product to start from:\n\n{}{}  {}\n  {}\n",
        table.render(settings.output.width),
        heading("Type next"),
        command(&format!("longlead plan {shown}")),
        command(&format!("longlead check {shown}")),
    );
    Ok(Answer::fine(text))
}

fn with_schema(template: &str) -> String {
    if template.starts_with("#:schema") {
        template.to_owned()
    } else {
        format!("{SCHEMA_LINE}{template}")
    }
}
