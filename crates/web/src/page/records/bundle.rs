//! `/export` and `/import`: the product as TOML files, out and in.

use axum::extract::{Multipart, Path};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use longlead_model::{Bundle, Code, Diagnostic, RecordKey, Source};
use longlead_records::people::AuditEvent;
use maud::html;

use super::batch::{self, Batch, Origin};
use super::csv::batch_codes;
use super::{Newest, counted};
use crate::layout::{self, Page};
use crate::problem::Problem;
use crate::reader::Seen;

/// The file that holds all others.
const WHOLE: &str = "bundle.toml";

/// The files of a product, in an order in which they may stand one after another: TOML wants what
/// has no header first.
fn sources(bundle: &Bundle) -> Vec<Source> {
    let mut sources = bundle.export();
    sources.sort_by_key(|source| source.text.starts_with('['));
    sources
}

fn whole(sources: &[Source]) -> String {
    sources.iter().map(|source| source.text.as_str()).collect::<Vec<_>>().join("\n")
}

pub(crate) async fn export(seen: Seen) -> Result<Html<String>, Problem> {
    let newest = Newest::of(&seen);
    let bundle = newest.bundle(&seen);
    let sources = sources(bundle);
    let main = html! {
        div.stack {
            section.card {
                h2 { "Everything in one file" }
                p.muted { (counted(bundle.records.count(), "record", "records")) " as TOML, in canonical form: importing it gives the same product, and exporting that the same bytes." }
                p { a.button.primary href={ "/export/" (WHOLE) } download { "Download " (WHOLE) } }
            }
            section.card.flush {
                h2 { "A file for each kind" }
                div.scroll { table.data {
                    caption.visually-hidden { "Files" }
                    thead { tr { th scope="col" { "File" } th.num scope="col" { "Records" } th.num scope="col" { "Lines" } th.num scope="col" { "Bytes" } } }
                    tbody { @for source in &sources { tr {
                        th scope="row" { a.row-link.id href={ "/export/" (source.name) } download { (source.name) } }
                        td.num { (records(bundle, source)) }
                        td.num { (source.text.lines().count()) }
                        td.num { (source.text.len()) }
                    } } }
                } }
            }
        }
    };
    let page = Page {
        title: "Export",
        section: "/records",
        lede: Some(
            html! { "The records as files that people, scripts and version control read. " code { "longlead plan" } " reads them, too." },
        ),
        tools: html! { a.button.quiet href="/records" { "All kinds" } },
        main,
        live: false,
    };
    Ok(layout::page(&seen, &page))
}

fn records(bundle: &Bundle, source: &Source) -> usize {
    let kind = source.name.strip_suffix(".toml").and_then(longlead_model::Kind::named);
    kind.map_or(1, |kind| bundle.records.ids(kind).len())
}

pub(crate) async fn file(seen: Seen, Path(file): Path<String>) -> Result<Response, Problem> {
    let newest = Newest::of(&seen);
    let sources = sources(newest.bundle(&seen));
    let text = match file.as_str() {
        WHOLE => whole(&sources),
        name => {
            let found = sources.into_iter().find(|source| source.name == name);
            let missing = || {
                Problem::not_found(format!("There is no file `{name}`"))
                    .detail("Export lists those that there are.")
            };
            found.ok_or_else(missing)?.text
        }
    };
    let by = seen.reader.by(seen.app.now());
    let detail = format!("{file}, {}", counted(text.lines().count(), "line", "lines"));
    seen.app.people().append_audit(&by, AuditEvent::Exchanged, &detail).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/toml; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{file}\"")),
    ];
    Ok((headers, text).into_response())
}

/// Files bring any kinds of records, so only those who see the whole product bring them.
fn may_import(seen: &Seen) -> Result<(), Problem> {
    match seen.sight.is_whole() {
        true => Ok(()),
        false => Err(Problem::forbidden("Partners can't import files")
            .detail("Change the records that are shared with you one by one, or by CSV.")),
    }
}

pub(crate) async fn import_form(seen: Seen) -> Result<Html<String>, Problem> {
    may_import(&seen)?;
    let main = html! {
        form.edit method="post" action="/import" enctype="multipart/form-data" {
            (layout::csrf(&seen.reader))
            div.field {
                label for="files" { "TOML files" }
                input #files type="file" name="files" accept=".toml" multiple required aria-describedby="files-hint";
                p.hint #files-hint { "One file, or all files of a bundle. They may hold a part of the product: what isn't in them stays unless you say otherwise." }
            }
            div.form-actions { button.button.primary { "Compare" } a.button.quiet href="/records" { "Cancel" } }
        }
    };
    let page = Page {
        title: "Import",
        section: "/records",
        lede: Some(
            html! { "You see what would change before anything is saved, and it is saved as one change." },
        ),
        tools: html! {},
        main,
        live: false,
    };
    Ok(layout::page(&seen, &page))
}

pub(crate) async fn import(seen: Seen, body: Multipart) -> Result<Response, Problem> {
    may_import(&seen)?;
    let files = batch::files(body).await?;
    let newest = Newest::of(&seen);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let origin = Origin {
        title: format!("Import of {}", names.join(", ")),
        back: "/import".to_owned(),
        why: format!("Imported from {}", names.join(", ")),
    };
    let (texts, told) = read(&files);
    let sent: std::collections::BTreeSet<&RecordKey> = texts.iter().map(|(key, _)| key).collect();
    let keys = newest.snapshot.bundle.keys().into_iter();
    let missing: Vec<RecordKey> = keys.filter(|key| !sent.contains(key)).collect();
    // Records of a file that can't be read would pass for missing.
    let missing = if told.is_empty() { missing } else { Vec::new() };
    let batch = Batch::of(&newest, &texts, &missing);
    batch::preview(&seen, &newest, &batch, &origin, told).await
}

/// The records of files, and what is wrong with the files themselves. What is wrong among the
/// records is told of the product that they'd make.
fn read(files: &[(String, Vec<u8>)]) -> (Vec<(RecordKey, String)>, Vec<Diagnostic>) {
    let mut told = Vec::new();
    let mut sources = Vec::new();
    for (name, bytes) in files {
        match std::str::from_utf8(bytes) {
            Ok(text) => sources.push(Source { name: name.clone(), text: text.to_owned() }),
            Err(_) => told.push(
                Diagnostic::error(Code::UnreadableFile, format!("{name} is not UTF-8 text"))
                    .help("save it as UTF-8"),
            ),
        }
    }
    let (bundle, diagnostics) = Bundle::load(&sources);
    let own =
        diagnostics.into_iter().filter(|it| it.is_error() && batch_codes().contains(&it.code));
    told.extend(own);
    let texts = bundle.keys().into_iter().filter_map(|key| Some((key.clone(), bundle.text(&key)?)));
    (texts.collect(), told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;

    #[test]
    fn the_one_file_holds_the_same_product() {
        let bundle = sample();
        let text = whole(&sources(&bundle));
        let (loaded, diagnostics) = Bundle::load(&[Source { name: WHOLE.to_owned(), text }]);
        assert_eq!(diagnostics, []);
        assert!(loaded == bundle);
    }

    #[test]
    fn a_part_of_a_product_is_no_mistake_but_a_field_that_nothing_has_is() {
        let file = |text: &str| vec![("a.toml".to_owned(), text.as_bytes().to_vec())];
        let (texts, told) =
            read(&file("[[feature]]\nid = \"x\"\nproduct = \"elsewhere\"\ntitle = \"X\"\n"));
        assert_eq!((texts.len(), told), (1, vec![]));
        let (_, told) = read(&file("[[part]]\nid = \"x\"\ntitel = \"X\"\n"));
        assert!(told.iter().any(|it| it.message.contains("titel")), "{told:?}");
    }
}
