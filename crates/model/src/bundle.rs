//! Bundles: TOML texts in, records and diagnostics out, and back again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::check;
use crate::diagnostic::{Code, Diagnostic, Place, nearest, shown};
use crate::edit::RecordKey;
use crate::field::{Decoder, Field as _};
use crate::id::ActivityId;
use crate::kind::{Kind, Records};
use crate::money::{Currency, Rates};
use crate::node::{Node, Places, Source, Span, Step, Table, Value, parse};
use crate::record::Settings;
use crate::record_map::RecordMap;
use crate::value::Share;
use crate::write;

/// The records of a product with what holds for all of them, and where each stood.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// What holds for the whole bundle.
    pub settings: Settings,
    /// The records.
    pub records: Records,
    pub(crate) origins: Arc<Origins>,
    pub(crate) places: Places,
    /// Records that are written but can't be read: whoever refers to them isn't wrong.
    pub(crate) unread: BTreeSet<(Kind, String)>,
    /// Records as a scenario writes them: what it sets stands where the scenario does.
    pub(crate) overlaid: BTreeMap<(Kind, String), Node>,
}

/// What stood in the files, so that a place can be told for whatever is wrong, and what was wrong
/// with it there and then. Shared, since every scenario has a bundle of its own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    pub(crate) settings: Option<Node>,
    pub(crate) records: BTreeMap<Kind, RecordMap<String, Arc<Node>>>,
    /// What is wrong within a record, whatever the others hold.
    pub(crate) told: BTreeMap<RecordKey, Vec<Diagnostic>>,
    /// What is wrong with files, and with what in them belongs to no record.
    pub(crate) loose: Vec<Diagnostic>,
    /// True if a syntax error may have hidden records.
    pub(crate) is_fragment: bool,
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
        let places = Places::new(sources);
        let mut loader = Loader {
            bundle: Bundle::default(),
            origins: Origins::default(),
            decoder: Decoder::new(&places),
        };
        for (file, text) in places.texts() {
            let parsed = parse(text, file, &places);
            loader.origins.loose.extend(parsed.diagnostics);
            loader.origins.is_fragment |= !parsed.is_whole;
            loader.source(parsed.table);
        }
        let Loader { mut bundle, origins, .. } = loader;
        bundle.origins = Arc::new(origins);
        bundle.places = places;
        let diagnostics = bundle.diagnostics();
        (bundle, diagnostics)
    }

    /// All that is wrong, in the order of the places.
    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        let Origins { told, loose, is_fragment, .. } = &*self.origins;
        let written = loose.iter().chain(told.values().flatten());
        let mut diagnostics: Vec<Diagnostic> = written.cloned().collect();
        diagnostics.extend(match is_fragment {
            false => check::check(self),
            true => check::check_fragments(self),
        });
        diagnostics.sort_by(|a, b| (&a.place, a.code).cmp(&(&b.place, b.code)));
        diagnostics
    }

    /// The bundle in canonical form: one source for each kind that has records, in order.
    /// Loading these gives an equal bundle, and exporting that gives the same bytes.
    pub fn export(&self) -> Vec<Source> {
        write::export(self)
    }

    /// Where a record stands, or a value within it.
    pub fn place(&self, kind: Kind, id: &str, path: &[Step]) -> Option<Place> {
        let overlaid = match self.overlaid.is_empty() {
            true => None,
            false => self.overlaid.get(&(kind, id.to_owned())),
        };
        let place = |node: &Node| self.places.place(within(node, path).span);
        overlaid.and_then(place).or_else(|| place(self.origin(kind, id)?))
    }

    /// A record as it stood in its file.
    pub(crate) fn origin(&self, kind: Kind, id: &str) -> Option<&Node> {
        self.origins.records.get(&kind)?.get(id).map(|node| &**node)
    }

    /// Where a setting stands.
    pub(crate) fn place_of_setting(&self, name: &str) -> Option<Place> {
        let path = [Step::Key(name.to_owned())];
        self.places.place(within(self.origins.settings.as_ref()?, &path).span)
    }

    /// The rates between currencies; of several for one pair, the latest holds.
    pub fn rates(&self) -> Rates {
        let mut dated: Vec<_> = self.records.rates.values().collect();
        dated.sort_by_key(|rate| rate.on);
        let mut rates = Rates::default();
        for rate in dated {
            rates.add(rate.from, rate.to, rate.rate);
        }
        rates
    }
}

/// The value at a path, or the nearest one around it that stands in a file: better than none.
fn within<'a>(node: &'a Node, path: &[Step]) -> &'a Node {
    let mut nearest = node;
    for step in path {
        match nearest.at_path(std::slice::from_ref(step)) {
            Some(inner) => nearest = inner,
            None => break,
        }
    }
    nearest
}

/// True for kinds whose records may go without an id.
pub(crate) fn has_natural_id(kind: Kind) -> bool {
    matches!(kind, Kind::BomLine | Kind::Offer | Kind::Link)
}

/// The id of a record that may go without one: the two that it joins.
pub(crate) fn natural_id(kind: Kind, table: &Table) -> Option<String> {
    let joined = |first: &str, glue: &str, second: &str| {
        // Ends that are no ids are told where they stand, not once more for the id they'd make.
        let is_end = |id: &ActivityId| kind == Kind::Link || !id.is_derived();
        let end = |name: &str| {
            table.text(name).filter(|id| ActivityId::try_from(*id).as_ref().is_ok_and(is_end))
        };
        Some(format!("{}{glue}{}", end(first)?, end(second)?))
    };
    match kind {
        Kind::BomLine => joined("revision", ".", "part"),
        Kind::Offer => joined("supplier", ".", "part"),
        // Derived activities have colons in their ids, which the id of a link can't have.
        Kind::Link => joined("from", "..", "to").map(|id| id.replace(':', ".")),
        _ => None,
    }
}

/// Fills in the natural id of a record that has no id of its own.
pub(crate) fn fill_id(kind: Kind, node: &mut Node) {
    let span = node.span;
    let Value::Table(table) = &mut node.value else {
        return;
    };
    if table.get("id").is_some() || !has_natural_id(kind) {
        return;
    }
    match natural_id(kind, table) {
        Some(id) => table.set("id", Node { value: Value::Text(id), span }),
        // What keeps it from having one is told of the fields that it joins.
        None => table.refuse("id"),
    }
}

/// Decodes the settings.
pub(crate) fn decode_settings(node: &Node, decoder: &mut Decoder<'_>) -> Option<Settings> {
    decoder.subject = "the settings".to_owned();
    Settings::decode(node, decoder)
}

/// Decodes one record, whose id is filled in, into `records`; tells its id.
pub(crate) fn decode_record(
    kind: Kind,
    node: &Node,
    records: &mut Records,
    decoder: &mut Decoder<'_>,
) -> Option<String> {
    decoder.subject = match written_id(node) {
        Some(id) => format!("{} `{}`", kind.word(), shown(id)),
        None => format!("this {}", kind.word()),
    };
    records.decode(kind, node, decoder)
}

pub(crate) fn written_id(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Table(table) => table.text("id"),
        _ => None,
    }
}

struct Loader<'a> {
    bundle: Bundle,
    origins: Origins,
    decoder: Decoder<'a>,
}

impl Loader<'_> {
    fn source(&mut self, table: Table) {
        for (key, span, node) in table.into_nodes() {
            match (key.as_str(), Kind::named(&key), node) {
                ("settings", _, node) => self.settings(span, node),
                (_, Some(kind), Node { value: Value::Array(items), .. }) => {
                    items.into_iter().for_each(|item| self.record(kind, item));
                }
                (_, Some(kind), node) => self.record(kind, node),
                (_, None, _) => self.unknown_kind(&key, span),
            }
        }
    }

    fn settings(&mut self, span: Span, node: Node) {
        let places = self.decoder.places;
        if let Some(first) = &self.origins.settings {
            let diagnostic = Diagnostic::error(Code::DuplicateId, "the settings are written twice")
                .at(places.place(span))
                .related(places.place(first.span), "the first time")
                .help("keep one `[settings]` table");
            self.origins.loose.push(diagnostic);
            return;
        }
        if let Some(settings) = decode_settings(&node, &mut self.decoder) {
            self.bundle.settings = settings;
        }
        self.told(RecordKey::Settings);
        self.origins.settings = Some(node);
    }

    /// Files what was told of a record under its key.
    fn told(&mut self, key: RecordKey) {
        let diagnostics = std::mem::take(&mut self.decoder.diagnostics);
        if !diagnostics.is_empty() {
            self.origins.told.insert(key, diagnostics);
        }
    }

    fn unknown_kind(&mut self, key: &str, span: Span) {
        let kinds = || Kind::ALL.iter().map(|kind| kind.as_str());
        let help = match nearest(key, kinds().chain(["settings"])) {
            Some("settings") => "did you mean `[settings]`?".to_owned(),
            Some(kind) => format!("did you mean `[[{kind}]]`?"),
            None => format!("the kinds are {}", kinds().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("there is no kind of record called `{}`", shown(key));
        self.decoder.refuse(Code::UnknownKind, span, message, help);
        self.origins.loose.append(&mut self.decoder.diagnostics);
    }

    fn record(&mut self, kind: Kind, mut node: Node) {
        fill_id(kind, &mut node);
        let Some(id) = written_id(&node).map(str::to_owned) else {
            decode_record(kind, &node, &mut self.bundle.records, &mut self.decoder);
            self.origins.loose.append(&mut self.decoder.diagnostics);
            return;
        };
        let written = self.origins.records.entry(kind).or_default();
        if let Some(first) = written.get(&id) {
            let places = self.decoder.places;
            let message = format!("{} `{}` is written twice", kind.word(), shown(&id));
            let diagnostic = Diagnostic::error(Code::DuplicateId, message)
                .at(places.place(node.span))
                .related(places.place(first.span), "the first time")
                .help("give one of them another id, or remove it");
            self.origins.loose.push(diagnostic);
            return;
        }
        if decode_record(kind, &node, &mut self.bundle.records, &mut self.decoder).is_none() {
            self.bundle.unread.insert((kind, id.clone()));
        }
        written.insert(id.clone(), Arc::new(node));
        self.told(RecordKey::Record(kind, id));
    }
}
