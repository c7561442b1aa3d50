//! `/records/KIND.csv`: the records of a kind for a spreadsheet, and back.

mod cell;

use std::collections::BTreeSet;

use axum::extract::{Multipart, Path};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use longlead_model::{Bundle, Code, Diagnostic, Kind, Place, RecordKey, nearest, text_of_json};
use serde_json::{Map, Value as Json};

use super::batch::{self, Batch, Origin};
use super::{Newest, kind_of, may_not};
use crate::form::Form;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::rights;

/// Spreadsheets take a file for UTF-8 only with this at its head.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The records of a kind as a file.
pub(crate) fn download(kind: Kind, bundle: &Bundle) -> Response {
    let name = format!("attachment; filename=\"{kind}.csv\"");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    (headers, format!("{BYTE_ORDER_MARK}{}", text(kind, bundle))).into_response()
}

fn text(kind: Kind, bundle: &Bundle) -> String {
    let form = Form::of(Some(kind));
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    // Writing to memory doesn't fail.
    let _ = writer.write_record(form.fields.iter().map(|field| field.name.as_str()));
    for id in bundle.records.ids(kind) {
        let record = bundle.json(&RecordKey::Record(kind, id.to_owned())).unwrap_or_default();
        let cells = form.fields.iter().map(|field| {
            let cell = record.get(&field.name).map(|value| cell::write(&field.control, value));
            cell::guarded(&cell.unwrap_or_default())
        });
        let _ = writer.write_record(cells);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

pub(crate) async fn upload(
    seen: Seen,
    Path(kind): Path<String>,
    body: Multipart,
) -> Result<Response, Problem> {
    let kind = kind_of(&kind)?;
    if !rights::may_write(seen.reader.user.role, Some(kind)) {
        return Err(may_not(&seen, &RecordKey::Record(kind, String::new())));
    }
    let files = batch::files(body).await?;
    let (name, bytes) = files.into_iter().next().unwrap_or_default();
    let newest = Newest::of(&seen);
    let read = read(kind, newest.bundle(&seen), &name, &bytes);
    let batch =
        Batch::of(&newest, &read.texts, if seen.may_add(kind) { &read.missing } else { &[] });
    let origin = Origin {
        title: format!("{} from {name}", super::capitalised(&kind.plural_word())),
        back: format!("/records/{kind}"),
        why: format!("From {name}"),
    };
    batch::preview(&seen, &newest, &batch, &origin, read.wrong).await
}

/// What a file says.
#[derive(Debug, Default)]
struct Read {
    texts: Vec<(RecordKey, String)>,
    /// Records that aren't in it.
    missing: Vec<RecordKey>,
    wrong: Vec<Diagnostic>,
}

fn read(kind: Kind, bundle: &Bundle, name: &str, bytes: &[u8]) -> Read {
    let mut read = Read::default();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches(BYTE_ORDER_MARK),
        Err(_) => {
            let wrong =
                Diagnostic::error(Code::UnreadableFile, format!("{name} is not UTF-8 text"));
            read.wrong.push(wrong.help("save it as “CSV UTF-8”"));
            return read;
        }
    };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(text))
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for row in reader.records() {
        match row {
            // A line of empty cells is a line that someone has cleared.
            Ok(row) if row.iter().all(|cell| cell.trim().is_empty()) => {}
            Ok(row) => rows.push(row),
            Err(error) => {
                read.wrong.push(Diagnostic::error(Code::Syntax, error.to_string()));
                return read;
            }
        }
    }
    let mut rows = rows.into_iter();
    let head = rows.next().unwrap_or_default();
    let columns = columns(kind, name, &head, &mut read.wrong);
    if !read.wrong.is_empty() {
        return read;
    }
    let mut told = BTreeSet::new();
    for row in rows {
        let line =
            row.position().map_or(0, |position| u32::try_from(position.line()).unwrap_or(u32::MAX));
        let place = |column: usize| Place {
            file: name.to_owned(),
            line,
            column: u32::try_from(column + 1).unwrap_or(0),
        };
        match record_of(kind, bundle, &columns, &row, &place) {
            Ok((key, _)) if !told.insert(key.clone()) => {
                read.wrong.push(twice(&key).at(Some(place(0))))
            }
            Ok(found) => read.texts.push(found),
            Err(mut wrong) => read.wrong.append(&mut wrong),
        }
    }
    let ids = bundle.records.ids(kind).into_iter().map(|id| RecordKey::Record(kind, id.to_owned()));
    read.missing = ids.filter(|key| !told.contains(key)).collect();
    read
}

fn twice(key: &RecordKey) -> Diagnostic {
    Diagnostic::error(Code::DuplicateId, format!("`{}` stands in two rows", key.id()))
        .help("keep one of them")
}

/// The separator that the head of the file has most of.
fn separator(text: &str) -> u8 {
    let head = text.lines().next().unwrap_or_default();
    let count = |separator: u8| head.bytes().filter(|byte| *byte == separator).count();
    let mut best = b',';
    for candidate in *b";\t" {
        if count(candidate) > count(best) {
            best = candidate;
        }
    }
    best
}

/// The field of each column; tells columns that are no field.
fn columns(
    kind: Kind,
    name: &str,
    head: &csv::StringRecord,
    wrong: &mut Vec<Diagnostic>,
) -> Vec<String> {
    let form = Form::of(Some(kind));
    let names = || form.fields.iter().map(|field| field.name.as_str());
    let mut columns: Vec<String> = Vec::new();
    for (number, cell) in head.iter().enumerate() {
        let column = cell.trim().to_lowercase().replace([' ', '-'], "_");
        let place = Place {
            file: name.to_owned(),
            line: 1,
            column: u32::try_from(number + 1).unwrap_or(0),
        };
        let told = if column.is_empty() {
            Some("this column has no name".to_owned())
        } else if form.field(&column).is_none() || column.contains('.') {
            Some(format!("{} have no field `{column}`", kind.plural_word()))
        } else if columns.contains(&column) {
            Some(format!("`{column}` stands in two columns"))
        } else {
            None
        };
        if let Some(message) = told {
            let help = match nearest(&column, names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the columns are {}", names().collect::<Vec<_>>().join(", ")),
            };
            wrong.push(Diagnostic::error(Code::UnknownField, message).at(Some(place)).help(help));
        }
        columns.push(column);
    }
    if head.is_empty() {
        let help = format!(
            "download the file first, or begin with {}",
            names().collect::<Vec<_>>().join(",")
        );
        wrong.push(Diagnostic::error(Code::Syntax, "the file is empty").help(help));
    }
    columns
}

/// The record of a row: fields that the file has no column for keep their value.
fn record_of(
    kind: Kind,
    bundle: &Bundle,
    columns: &[String],
    row: &csv::StringRecord,
    place: &impl Fn(usize) -> Place,
) -> Result<(RecordKey, String), Vec<Diagnostic>> {
    let form = Form::of(Some(kind));
    let mut told = Map::new();
    let mut wrong = Vec::new();
    for (number, column) in columns.iter().enumerate() {
        let cell = cell::unguarded(row.get(number).unwrap_or_default());
        let Some(field) = form.field(column) else { continue };
        match cell::read(&field.control, cell) {
            Ok(value) => {
                told.insert(column.clone(), value.unwrap_or(Json::Null));
            }
            Err(message) => {
                let diagnostic =
                    Diagnostic::error(Code::WrongValue, format!("`{column}`: {message}"));
                wrong.push(diagnostic.at(Some(place(number))));
            }
        }
    }
    if row.len() > columns.len() {
        let message =
            format!("this row has {} cells, but there are {} columns", row.len(), columns.len());
        let help = "put cells that hold the separator in quotes";
        wrong.push(
            Diagnostic::error(Code::Syntax, message).at(Some(place(columns.len()))).help(help),
        );
    }
    let id_told = told.get("id").filter(|id| !id.is_null()).cloned();
    if id_told.is_none() {
        told.shift_remove("id");
    }
    let told = Json::Object(told);
    let at_id = columns.iter().position(|column| column == "id").unwrap_or(0);
    let key = super::edit::key_of_new(kind, &told).map_err(|unnamed| {
        let unnamed = unnamed.fields.into_values().flatten();
        unnamed.map(|it| it.at(Some(place(at_id)))).collect::<Vec<_>>()
    });
    let key = match key {
        Ok(key) => key,
        Err(mut unnamed) => {
            wrong.append(&mut unnamed);
            return Err(wrong);
        }
    };
    let mut record = bundle.json(&key).unwrap_or(Json::Object(Map::new()));
    if let (Some(record), Json::Object(told)) = (record.as_object_mut(), told) {
        record.insert("id".to_owned(), Json::from(key.id()));
        record.extend(told);
    }
    let text = text_of_json(&record).map_err(|told| vec![told.at(Some(place(0)))]);
    let text = text.and_then(|text| told_alone(&key, text, columns, place));
    match (text, wrong.is_empty()) {
        (Ok(text), true) => Ok((key, text)),
        (Ok(_), false) => Err(wrong),
        (Err(mut more), _) => {
            wrong.append(&mut more);
            Err(wrong)
        }
    }
}

/// Tells what is wrong with a record by itself, at the cells where it stands. What is wrong with
/// it among the others is told with the changes.
fn told_alone(
    key: &RecordKey,
    text: String,
    columns: &[String],
    place: &impl Fn(usize) -> Place,
) -> Result<String, Vec<Diagnostic>> {
    let (_, told) = Bundle::assemble(&[(key.clone(), text.clone())]);
    // Alone, a scenario has no record to change: whether it fits is told with all records there.
    let is_scenario = matches!(key, RecordKey::Record(Kind::Scenario, _));
    let own = told.into_iter().filter(|it| {
        it.is_error()
            && batch_codes().contains(&it.code)
            && !(is_scenario && it.code == Code::MissingField)
    });
    let wrong: Vec<Diagnostic> = own
        .map(|mut diagnostic| {
            let line = diagnostic.place.as_ref().map_or(0, |place| place.line);
            let field = longlead_model::field_at(&text, line);
            let column = field.and_then(|field| columns.iter().position(|column| column == field));
            let missing = diagnostic.code == Code::MissingField;
            diagnostic.place = Some(place(if missing { 0 } else { column.unwrap_or(0) }));
            diagnostic
        })
        .collect();
    if wrong.is_empty() { Ok(text) } else { Err(wrong) }
}

/// What can be wrong with a record whatever the others say.
pub(crate) fn batch_codes() -> &'static [Code] {
    &[
        Code::UnreadableFile,
        Code::Syntax,
        Code::UnknownKind,
        Code::UnknownField,
        Code::MissingField,
        Code::WrongValue,
        Code::InvalidId,
        Code::DuplicateId,
        Code::UnknownUnit,
        Code::ImpossibleEstimate,
        Code::EmptyInterval,
        Code::NegativeValue,
        Code::OutOfRange,
        Code::TooDeep,
    ]
}

#[cfg(test)]
mod tests {
    use longlead_model::Edit;

    use super::*;
    use crate::testing::sample;

    fn changed(bundle: &Bundle, read: &Read) -> Vec<String> {
        assert_eq!(read.wrong, []);
        let edits: Vec<Edit> = read
            .texts
            .iter()
            .map(|(key, text)| Edit { key: key.clone(), after: Some(text.clone()) })
            .collect();
        let (edited, diagnostics) = bundle.edited(&edits);
        assert_eq!(diagnostics, []);
        bundle.edits_to(&edited).iter().map(|edit| edit.key.to_string()).collect()
    }

    #[test]
    fn a_file_that_comes_back_as_it_went_out_changes_nothing() {
        let bundle = sample();
        for kind in Kind::ALL {
            let file = text(*kind, &bundle);
            let read =
                read(*kind, &bundle, "file.csv", format!("{BYTE_ORDER_MARK}{file}").as_bytes());
            assert_eq!(changed(&bundle, &read), Vec::<String>::new(), "{kind}: {file}");
            assert_eq!(read.missing, [], "{kind}");
        }
    }

    #[test]
    fn a_file_from_a_spreadsheet_is_read_with_its_separator_and_its_gaps() {
        let bundle = sample();
        let file = "\u{feff}id;title\r\nw25q64;Flash\r\n;\r\nnew-part;New part\r\n";
        let read = read(Kind::Part, &bundle, "parts.csv", file.as_bytes());
        assert_eq!(changed(&bundle, &read), ["part/new-part", "part/w25q64"]);
        let flash = &read.texts.iter().find(|(key, _)| key.id() == "w25q64").unwrap().1;
        assert!(flash.contains("mpn = "), "columns that aren't there keep their values: {flash}");
        assert!(read.missing.len() > 10);
    }

    fn wrong(kind: Kind, file: &str) -> Vec<String> {
        let read = read(kind, &sample(), "f.csv", file.as_bytes());
        read.wrong
            .iter()
            .map(|it| {
                format!(
                    "{}: {}",
                    it.place.as_ref().map_or_else(String::new, |it| it.to_string()),
                    it.message
                )
            })
            .collect()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_row_and_column() {
        assert_eq!(
            wrong(Kind::Part, "id,titel\na,b\n"),
            ["f.csv:1:2: parts have no field `titel`"]
        );
        assert_eq!(
            wrong(Kind::Part, "id,title\na,b\na,c\n"),
            ["f.csv:3:1: `a` stands in two rows"]
        );
        assert_eq!(wrong(Kind::Part, "title\nb\n"), ["f.csv:2:1: the id is missing"]);
        let told = wrong(Kind::Order, "id,supplier,part,quantity,placed\na,b,c,many,2027-03-01\n");
        assert!(told[0].starts_with("f.csv:2:4: a whole number is expected"), "{told:?}");
        let told = wrong(Kind::Part, "id,title,provides\na,b,ram 5\n");
        assert!(told[0].starts_with("f.csv:2:3: `provides`: "), "{told:?}");
    }

    #[test]
    fn cells_that_a_spreadsheet_would_run_are_guarded() {
        let (bundle, _) = Bundle::default().edited(&[Edit {
            key: RecordKey::Record(Kind::Part, "a".to_owned()),
            after: Some("id = \"a\"\ntitle = \"=HYPERLINK(1)\"\nmpn = \"'-1\"\n".to_owned()),
        }]);
        let file = text(Kind::Part, &bundle);
        assert!(file.contains(",'=HYPERLINK(1),") && file.contains(",''-1,"), "{file}");
        let read = read(Kind::Part, &bundle, "f.csv", file.as_bytes());
        assert_eq!(changed(&bundle, &read), Vec::<String>::new());
    }
}
