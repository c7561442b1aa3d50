//! Bundles: TOML texts in, records and diagnostics out, and back again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::check;
use crate::diagnostic::{Code, Diagnostic, Place, nearest};
use crate::field::{Decoder, Field};
use crate::kind::{Kind, Records};
use crate::money::{Currency, Rates};
use crate::node::{Node, Places, Source, Span, Step, Table, Value, parse};
use crate::record::Settings;
use crate::value::Share;
use crate::write;

/// The records of a product with what holds for all of them, and where each stood.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// What holds for the whole bundle.
    pub settings: Settings,
    /// The records.
    pub records: Records,
    pub(crate) origins: BTreeMap<(Kind, String), Node>,
    pub(crate) places: Places,
}

/// Bundles are equal if their facts are; where these stood doesn't matter.
impl PartialEq for Bundle {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings && self.records == other.records
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            as_of: None,
            currency: Currency::USD,
            calendar: None,
            confidence: Share::P80,
            seed: 1,
            samples: 10_000,
        }
    }
}

impl Bundle {
    /// Reads a bundle. The order of the sources, and of the records in them, has no meaning.
    ///
    /// Every problem is told, in the order of the places where it stands. A record that can't be
    /// read is left out; if no diagnostic is an error, everything was read.
    pub fn load(sources: &[Source]) -> (Bundle, Vec<Diagnostic>) {
        let mut sources = sources.to_vec();
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        let places = Places::new(&sources);
        let mut loader = Loader {
            bundle: Bundle::default(),
            decoder: Decoder { places: &places, diagnostics: Vec::new(), subject: String::new() },
            settings_at: None,
        };
        for (file, source) in (0_u32..).zip(&sources) {
            let (table, diagnostics) = parse(&source.text, file, &places);
            loader.decoder.diagnostics.extend(diagnostics);
            loader.source(&table);
        }
        let Loader { mut bundle, decoder, .. } = loader;
        let mut diagnostics = decoder.diagnostics;
        bundle.places = places;
        diagnostics.extend(check::check(&bundle));
        diagnostics.sort_by(|a, b| (&a.place, a.code).cmp(&(&b.place, b.code)));
        (bundle, diagnostics)
    }

    /// The bundle in canonical form: one source for each kind that has records, in order.
    /// Loading these gives an equal bundle, and exporting that gives the same bytes.
    pub fn export(&self) -> Vec<Source> {
        write::export(self)
    }

    /// Where a record stands, or a value within it.
    pub fn place(&self, kind: Kind, id: &str, path: &[Step]) -> Option<Place> {
        let node = self.origins.get(&(kind, id.to_owned()))?;
        // The nearest value that stands in the file is better than no place at all.
        let within = (0..=path.len()).rev().find_map(|length| node.at_path(path.get(..length)?));
        self.places.place(within.unwrap_or(node).span)
    }

    /// The rates between currencies.
    pub fn rates(&self) -> Rates {
        let mut rates = Rates::default();
        for rate in self.records.rates.values() {
            rates.add(rate.from, rate.to, rate.rate);
        }
        rates
    }
}

/// The id of a record that may go without one: what it joins.
pub(crate) fn natural_id(kind: Kind, table: &Table) -> Option<String> {
    let joined = |first: &str, glue: &str, second: &str| {
        Some(format!("{}{glue}{}", table.text(first)?, table.text(second)?))
    };
    match kind {
        Kind::BomLine => joined("revision", ".", "part"),
        Kind::Offer => joined("supplier", ".", "part"),
        // Derived activities have colons in their ids, which the id of a link can't have.
        Kind::Link => joined("from", "..", "to").map(|id| id.replace(':', ".")),
        _ => None,
    }
}

/// The record with its natural id filled in, if it has none of its own.
fn with_id(kind: Kind, node: &Node) -> Cow<'_, Node> {
    let Value::Table(table) = &node.value else {
        return Cow::Borrowed(node);
    };
    if table.get("id").is_some() {
        return Cow::Borrowed(node);
    }
    let Some(id) = natural_id(kind, table) else {
        return Cow::Borrowed(node);
    };
    let mut table = table.clone();
    table.push("id".to_owned(), node.span, Node { value: Value::Text(id), span: node.span });
    Cow::Owned(Node { value: Value::Table(table), span: node.span })
}

/// Decodes one record into `records`; tells its id.
pub(crate) fn decode_record(
    kind: Kind,
    node: &Node,
    records: &mut Records,
    decoder: &mut Decoder<'_>,
) -> Option<String> {
    let node = with_id(kind, node);
    let id = match &node.value {
        Value::Table(table) => table.text("id"),
        _ => None,
    };
    decoder.subject = match id {
        Some(id) => format!("{} `{}`", kind.word(), id.chars().take(60).collect::<String>()),
        None => format!("this {}", kind.word()),
    };
    records.decode(kind, &node, decoder)
}

struct Loader<'a> {
    bundle: Bundle,
    decoder: Decoder<'a>,
    settings_at: Option<Span>,
}

impl Loader<'_> {
    fn source(&mut self, table: &Table) {
        for (key, span, node) in table.iter() {
            match (key, Kind::named(key), &node.value) {
                ("settings", ..) => self.settings(span, node),
                (_, Some(kind), Value::Array(items)) => {
                    items.iter().for_each(|item| self.record(kind, item));
                }
                (_, Some(kind), _) => self.record(kind, node),
                (_, None, _) => self.unknown_kind(key, span),
            }
        }
    }

    fn settings(&mut self, span: Span, node: &Node) {
        if let Some(first) = self.settings_at.replace(span) {
            let places = self.decoder.places;
            let diagnostic = Diagnostic::error(Code::DuplicateId, "the settings are written twice")
                .at(places.place(span))
                .related(places.place(first), "the first time")
                .help("keep one `[settings]` table");
            self.decoder.diagnostics.push(diagnostic);
            return;
        }
        self.decoder.subject = "the settings".to_owned();
        if let Some(settings) = Settings::decode(node, &mut self.decoder) {
            self.bundle.settings = settings;
        }
    }

    fn unknown_kind(&mut self, key: &str, span: Span) {
        let shown: String = key.chars().take(60).collect();
        let kinds = || Kind::ALL.iter().map(|kind| kind.as_str());
        let help = match nearest(key, kinds().chain(["settings"])) {
            Some("settings") => "did you mean `[settings]`?".to_owned(),
            Some(kind) => format!("did you mean `[[{kind}]]`?"),
            None => format!("the kinds are {}", kinds().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("there is no kind of record called `{shown}`");
        self.decoder.refuse(Code::UnknownKind, span, message, help);
    }

    fn record(&mut self, kind: Kind, node: &Node) {
        let taken = match &with_id(kind, node).value {
            Value::Table(table) => table.text("id").map(|id| (kind, id.to_owned())),
            _ => None,
        };
        if let Some(first) = taken.as_ref().and_then(|key| self.bundle.origins.get(key)) {
            self.duplicate(kind, node, first.span, taken.as_ref().map_or("", |(_, id)| id));
            return;
        }
        if let Some(key) = taken {
            self.bundle.origins.insert(key, node.clone());
        }
        decode_record(kind, node, &mut self.bundle.records, &mut self.decoder);
    }

    fn duplicate(&mut self, kind: Kind, node: &Node, first: Span, id: &str) {
        let shown: String = id.chars().take(60).collect();
        let places = self.decoder.places;
        let message = format!("{} `{shown}` is written twice", kind.word());
        let diagnostic = Diagnostic::error(Code::DuplicateId, message)
            .at(places.place(node.span))
            .related(places.place(first), "the first time")
            .help("give one of them another id, or remove it");
        self.decoder.diagnostics.push(diagnostic);
    }
}
