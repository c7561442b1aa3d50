//! `/fleet`: the devices in the field, counted and listed.

pub(crate) mod command;
pub(crate) mod device;
pub(crate) mod export;
pub(crate) mod identity;
pub(crate) mod import;
mod telemetry;

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Html;
use longlead_model::{Code, Diagnostic, Kind, Place};
use longlead_records::devices::{
    Attribute, ChangeError, ChangeRequest, Counts, Device, DeviceFilter, Facet, Facts, Refusal,
};
use longlead_records::people::{Organisation, OrganisationId};
use maud::{Markup, html};

use crate::layout::{self, Page};
use crate::page::hardware::figure::count;
use crate::problem::Problem;
use crate::reader::{Reader, Seen};
use crate::rights::Needs;
use crate::ui;

/// Devices on a page.
const PAGE: u32 = 50;

/// Values of a facet that are shown; the others can be asked for by the filter.
const VALUES: usize = 8;

/// The facets that are counted on the page.
const SHOWN: [Facet; 7] = [
    Facet::State,
    Facet::Revision,
    Facet::Firmware,
    Facet::Market,
    Facet::Carrier,
    Facet::Product,
    Facet::Owner,
];

/// What facets of the fleet are called where people read them.
#[derive(Debug)]
pub(crate) struct FleetNames<'a> {
    seen: &'a Seen,
    organisations: BTreeMap<OrganisationId, String>,
}

impl<'a> FleetNames<'a> {
    pub(crate) async fn of(seen: &'a Seen) -> Result<FleetNames<'a>, Problem> {
        let named = |it: Organisation| (it.id, it.name);
        let mut organisations: BTreeMap<_, _> =
            seen.app.people().organisations().await?.into_iter().map(named).collect();
        if let Some(own) = seen.reader.only_owner() {
            organisations.retain(|id, _| *id == own);
        }
        Ok(FleetNames { seen, organisations })
    }

    /// A value of a facet as people call it.
    fn value(&self, facet: Facet, value: &str) -> String {
        let kind = match facet {
            Facet::Product => Kind::Product,
            Facet::Revision => Kind::Revision,
            Facet::Market => Kind::Market,
            Facet::Owner => {
                let owner = value.parse::<OrganisationId>().ok();
                let name = owner.and_then(|owner| self.organisations.get(&owner));
                return name.map_or_else(|| value.to_owned(), Clone::clone);
            }
            _ => return value.to_owned(),
        };
        let title = self.seen.bundle().records.title(kind, value);
        title.unwrap_or(value).to_owned()
    }

    /// A value of an attribute as people call it.
    pub(crate) fn value_of(&self, attribute: Attribute, value: &str) -> String {
        let facet = attribute.as_str().parse::<Facet>();
        facet.map_or_else(|_| value.to_owned(), |facet| self.value(facet, value))
    }

    /// A fact of a device as people call it, or a dash.
    pub(crate) fn fact(&self, facts: &Facts, attribute: Attribute) -> Markup {
        let Some(value) = facts.get(attribute) else {
            return ui::dash();
        };
        html! { (self.value_of(attribute, value)) }
    }
}

/// What a query asks.
pub(crate) type Asked = Vec<(String, String)>;

/// What a query asks of the fleet, as far as the reader may see it.
pub(crate) fn filter_of(reader: &Reader, asked: &Asked) -> Result<DeviceFilter, Problem> {
    let mut filter = DeviceFilter { only_owner: reader.only_owner(), ..DeviceFilter::default() };
    for (name, value) in asked {
        if value.chars().any(char::is_control) {
            return Err(Problem::bad_request(format!("`{name}` has a control character")));
        }
        match (name.as_str(), value.trim()) {
            ("q" | "after", "") => {}
            ("q", prefix) => filter.prefix = Some(prefix.to_owned()),
            ("after", after) => {
                let after = after.parse();
                let after =
                    after.map_err(|_| Problem::bad_request("`after` must be a serial number"))?;
                filter.after = Some(after);
            }
            (name, value) => {
                let facet = name.parse::<Facet>().ok();
                // Of these, an empty field of the form asks nothing.
                let typed = [Facet::Lot, Facet::Build, Facet::Gateway, Facet::State];
                if let Some(facet) = facet.filter(|it| !value.is_empty() || !typed.contains(it)) {
                    filter.facets.insert(facet, value.to_owned());
                }
            }
        }
    }
    Ok(filter)
}

/// The address of a filter.
fn href(path: &str, filter: &DeviceFilter) -> String {
    let mut query: Vec<(&str, &str)> = Vec::new();
    query.extend(filter.prefix.as_deref().map(|prefix| ("q", prefix)));
    query.extend(filter.facets.iter().map(|(facet, value)| (facet.as_str(), value.as_str())));
    query.extend(filter.after.as_ref().map(|after| ("after", after.as_str())));
    match query.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", serde_urlencoded::to_string(query).unwrap_or_default()),
    }
}

pub(crate) async fn show(seen: Seen, Query(asked): Query<Asked>) -> Result<Html<String>, Problem> {
    let filter = filter_of(&seen.reader, &asked)?;
    let devices = seen.app.journal().devices();
    let counts = devices.counts(&filter).await?;
    let names = FleetNames::of(&seen).await?;
    let is_whole = filter.prefix.is_none() && filter.facets.is_empty();
    let may_edit = Needs::EditFleet.met_by(seen.reader.user.role);
    let main = if is_whole && counts.total == 0 {
        nothing_yet(may_edit)
    } else {
        // One more tells whether there is a next page.
        let mut listed = devices.list(&filter, PAGE + 1).await?;
        let has_more = listed.len() > PAGE as usize;
        listed.truncate(PAGE as usize);
        html! {
            (chosen(&filter, &names))
            div.cards.fleet-counts { @for facet in SHOWN { (counted(facet, &counts, &filter, &names)) } }
            section {
                h2 { "Devices" }
                (search(&filter))
                @if listed.is_empty() {
                    (ui::empty("Nothing found", "No device fits this filter.", Some(("/fleet", "Show all devices"))))
                } @else {
                    (table(&listed, &names))
                    (pager(&filter, &listed, has_more))
                }
            }
        }
    };
    let page = Page {
        title: "Fleet",
        section: "/fleet",
        lede: Some(lede(counts.total, is_whole)),
        tools: tools(&filter, counts.total, may_edit),
        main,
        live: false,
    };
    Ok(layout::page(&seen, &page))
}

fn lede(total: u64, is_whole: bool) -> Markup {
    let devices = if total == 1 { "device" } else { "devices" };
    html! {
        @if is_whole { (count(total)) " " (devices) " registered." }
        @else { (count(total)) " " (devices) " pass the filter." }
    }
}

fn tools(filter: &DeviceFilter, total: u64, may_edit: bool) -> Markup {
    let filter = DeviceFilter { after: None, ..filter.clone() };
    html! {
        @if total > 0 {
            a.button href=(href("/fleet/export/devices.csv", &filter)) download { "Download CSV" }
            a.button href=(href("/fleet/export/events.csv", &filter)) download { "Download events" }
        }
        @if may_edit { a.button.primary href="/fleet/import" { "Import" } }
    }
}

fn nothing_yet(may_edit: bool) -> Markup {
    let text = "Devices come in two ways. Import a list as CSV: one line per device with its \
                serial number, revision, build, lot, market and firmware. Or let devices enrol \
                themselves: each that shows a certificate or a claim token is registered under its \
                serial number.";
    ui::empty("No devices yet", text, may_edit.then_some(("/fleet/import", "Import devices")))
}

fn label(facet: Facet) -> &'static str {
    match facet {
        Facet::Product => "Product",
        Facet::Revision => "Revision",
        Facet::Firmware => "Firmware",
        Facet::Market => "Market",
        Facet::Carrier => "Carrier",
        Facet::State => "State",
        Facet::Owner => "Owner",
        Facet::Build => "Build",
        Facet::Lot => "Lot",
        Facet::Gateway => "Gateway",
    }
}

/// What the list is narrowed by, each with a way to take it off.
fn chosen(filter: &DeviceFilter, names: &FleetNames<'_>) -> Markup {
    html! {
        @if !filter.facets.is_empty() {
            p.toolbar {
                @for (facet, value) in &filter.facets {
                    @let without = without(filter, *facet);
                    a.button.small href=(href("/fleet", &without)) aria-label={ "Take off: " (label(*facet)) } {
                        (label(*facet)) ": " (shown(names, *facet, value)) " ×"
                    }
                }
                a.button.small.quiet href="/fleet" { "Clear" }
            }
        }
    }
}

fn without(filter: &DeviceFilter, facet: Facet) -> DeviceFilter {
    let mut without = DeviceFilter { after: None, ..filter.clone() };
    without.facets.remove(&facet);
    without
}

fn shown(names: &FleetNames<'_>, facet: Facet, value: &str) -> String {
    match value {
        "" => "not known".to_owned(),
        value => names.value(facet, value),
    }
}

/// How many devices there are of each value of a facet; a click narrows to one, or widens again.
fn counted(facet: Facet, counts: &Counts, filter: &DeviceFilter, names: &FleetNames<'_>) -> Markup {
    let values = counts.by.get(&facet).map(Vec::as_slice).unwrap_or_default();
    let is_told = values.iter().any(|(value, _)| !value.is_empty());
    let most = values.first().map_or(1, |(_, n)| *n).max(1);
    let optional = matches!(facet, Facet::Product | Facet::Owner);
    if !is_told || (optional && values.len() < 2) {
        return html! {};
    }
    html! {
        section.card {
            table.data {
                caption { (label(facet)) }
                thead.visually-hidden { tr { th scope="col" { (label(facet)) } th scope="col" { "Devices" } } }
                tbody {
                    @for (value, n) in values.iter().take(VALUES) {
                        @let is_chosen = filter.facets.get(&facet) == Some(value);
                        tr {
                            th scope="row" {
                                a href=(href("/fleet", &toggled(filter, facet, value, is_chosen))) aria-current=[is_chosen.then_some("true")] {
                                    (shown(names, facet, value))
                                }
                            }
                            td.num { span.meter style={ "--share:" (share(*n, most)) } { (count(*n)) } }
                        }
                    }
                }
            }
            @if values.len() > VALUES { p.muted { (values.len() - VALUES) " more" } }
        }
    }
}

fn share(n: u64, most: u64) -> String {
    format!("{:.3}", n as f64 / most as f64)
}

fn toggled(filter: &DeviceFilter, facet: Facet, value: &str, is_chosen: bool) -> DeviceFilter {
    let mut toggled = without(filter, facet);
    if !is_chosen {
        toggled.facets.insert(facet, value.to_owned());
    }
    toggled
}

fn search(filter: &DeviceFilter) -> Markup {
    html! {
        form.filters method="get" action="/fleet" role="search" {
            label { "Serial number begins with"
                input type="search" name="q" value=(filter.prefix.as_deref().unwrap_or_default()) maxlength="64" autocomplete="off";
            }
            @for facet in [Facet::Lot, Facet::Build, Facet::Gateway] {
                label { (label(facet))
                    input name=(facet) value=(filter.facets.get(&facet).map(String::as_str).unwrap_or_default()) autocomplete="off" size="12";
                }
            }
            @for (facet, value) in filter.facets.iter().filter(|(facet, _)| SHOWN.contains(facet)) {
                input type="hidden" name=(facet) value=(value);
            }
            button.button { "Find" }
        }
    }
}

fn table(devices: &[Device], names: &FleetNames<'_>) -> Markup {
    let columns = [
        Attribute::Revision,
        Attribute::Firmware,
        Attribute::Market,
        Attribute::Carrier,
        Attribute::Lot,
        Attribute::Owner,
    ];
    html! {
        div.scroll { table.data data-rows {
            caption.visually-hidden { "Devices" }
            thead { tr {
                th scope="col" { "Serial number" } th scope="col" { "State" }
                @for column in columns { th scope="col" { (capitalised(column.as_str())) } }
                th scope="col" { "Unchanged since (UTC)" }
            } }
            tbody { @for device in devices {
                tr {
                    th scope="row" { a.row-link.mono href={ "/fleet/devices/" (device.serial) } { (device.serial) } }
                    td { (state(device)) }
                    @for column in columns { td { (names.fact(&device.facts, column)) } }
                    td.nowrap { (ui::instant(device.since)) }
                }
            } }
        } }
    }
}

/// The state of a device in a word.
pub(crate) fn state(device: &Device) -> Markup {
    html! { (device.state.map_or("registered", |state| state.as_str())) }
}

pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn pager(filter: &DeviceFilter, listed: &[Device], has_more: bool) -> Markup {
    let first = DeviceFilter { after: None, ..filter.clone() };
    let next = listed.last().map(|last| last.serial.clone());
    let next = DeviceFilter { after: next, ..filter.clone() };
    html! {
        @if has_more || filter.after.is_some() {
            nav.pager aria-label="Pages" {
                @if filter.after.is_some() { a.button rel="first" href=(href("/fleet", &first)) { "From the beginning" } }
                @if has_more { a.button rel="next" href=(href("/fleet", &next)) { "More" } }
            }
        }
    }
}

/// Who changes the registry, by a page or by the API.
pub(crate) fn request(
    reader: &Reader,
    app: &crate::app::App,
    why: Option<&str>,
    origin: &str,
) -> Result<ChangeRequest, Problem> {
    let plain = |text: &str| text.replace(char::is_control, " ");
    let why = crate::api::record::checked_why(why)?.map(|why| plain(&why));
    Ok(ChangeRequest { who: reader.actor(), at: app.now(), why, origin: plain(origin) })
}

/// A refusal as a diagnostic; `file` says what its line is a line of.
pub(crate) fn diagnostic(refusal: &Refusal, file: &str) -> Diagnostic {
    let code = Code::all().iter().map(|(code, _)| *code);
    let code = code.into_iter().find(|code| code.as_str() == refusal.code);
    let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let (line, column) = (number(refusal.line), number(refusal.column));
    let place = Place { file: file.to_owned(), line, column };
    let told = Diagnostic::error(code.unwrap_or(Code::WrongValue), refusal.message.clone());
    let told = told.at(Some(place));
    match &refusal.help {
        Some(help) => told.help(help.clone()),
        None => told,
    }
}

/// Why a change of devices wasn't made.
pub(crate) fn problem(error: ChangeError) -> Problem {
    match error {
        ChangeError::Refused(refusals) => {
            let told = refusals.iter().map(|refusal| diagnostic(refusal, "changes"));
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let problem = Problem::new(status, "invalid", "This can't be said of the devices");
            problem.diagnostics(told.collect())
        }
        ChangeError::Conflict(serials) => changed_meanwhile(&serials),
        ChangeError::Unknown => Problem::not_found("There is no such device or event"),
        ChangeError::Store(error) => error.into(),
    }
}

/// Others changed devices meanwhile.
pub(crate) fn changed_meanwhile(serials: &[longlead_records::devices::Serial]) -> Problem {
    let named: Vec<&str> = serials.iter().take(5).map(|serial| serial.as_str()).collect();
    let more = serials.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let status = StatusCode::PRECONDITION_FAILED;
    let title = "Devices have changed meanwhile";
    let problem = Problem::new(status, "precondition-failed", title);
    problem.detail(format!("{}{more}: look at them and send the change again.", named.join(", ")))
}

#[cfg(test)]
mod tests;
