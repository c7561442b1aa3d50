//! What the reader looks at: the window of time and the filters, as the address says them.

use jiff::ToSpan as _;
use jiff::civil::Date;
use longlead_horizon::Forecast;
use longlead_model::{Bundle, MarketId, ProductId, Records, TeamId};

/// The shortest window: six weeks.
pub(crate) const DAYS_MIN: i32 = 42;

/// The longest window: five years.
pub(crate) const DAYS_MAX: i32 = 1826;

/// The longest window that nobody asked for.
const DAYS_DEFAULT_MAX: i32 = 730;

/// What the address asks for, as it was written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) team: Option<String>,
    pub(crate) product: Option<String>,
    pub(crate) market: Option<String>,
    pub(crate) detail: Option<String>,
}

impl Query {
    /// Reads the part of an address after the question mark; what it doesn't know it leaves out.
    pub(crate) fn of(text: &str) -> Query {
        let mut query = Query::default();
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text).unwrap_or_default();
        for (name, value) in pairs {
            let place = match name.as_str() {
                "from" => &mut query.from,
                "to" => &mut query.to,
                "team" => &mut query.team,
                "product" => &mut query.product,
                "market" => &mut query.market,
                "detail" => &mut query.detail,
                _ => continue,
            };
            *place = Some(value);
        }
        query
    }
}

/// A window of time and the filters on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// First day shown.
    pub(crate) from: Date,
    /// Last day shown.
    pub(crate) to: Date,
    pub(crate) team: Option<TeamId>,
    pub(crate) product: Option<ProductId>,
    pub(crate) market: Option<MarketId>,
    /// The lane that is shown in full.
    pub(crate) detail: Option<String>,
    /// What of the address couldn't be followed, told to the reader.
    pub(crate) notes: Vec<String>,
}

/// A length of time that one click zooms to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zoom {
    pub(crate) title: &'static str,
    pub(crate) days: i32,
}

/// The lengths to zoom to, the shortest first.
pub(crate) const ZOOMS: [Zoom; 6] = [
    Zoom { title: "6 weeks", days: DAYS_MIN },
    Zoom { title: "Quarter", days: 91 },
    Zoom { title: "Half year", days: 182 },
    Zoom { title: "Year", days: 365 },
    Zoom { title: "2 years", days: 730 },
    Zoom { title: "5 years", days: DAYS_MAX },
];

impl View {
    /// The view that the address asks for. What it asks wrongly is left out, with a note.
    pub(crate) fn of(query: &Query, bundle: &Bundle, forecast: &Forecast) -> View {
        let mut view = View::fitting(forecast);
        let mut notes = Vec::new();
        let from = date(query.from.as_deref(), &mut notes);
        let to = date(query.to.as_deref(), &mut notes);
        (view.from, view.to) = window((view.from, view.to), (from, to), &mut notes);
        let records = &bundle.records;
        view.team = known(query.team.as_deref(), "team", &mut notes, |it| {
            records.teams.get_key_value(it).map(|(id, _)| id.clone())
        });
        view.product = known(query.product.as_deref(), "product", &mut notes, |it| {
            records.products.get_key_value(it).map(|(id, _)| id.clone())
        });
        view.market = known(query.market.as_deref(), "market", &mut notes, |it| {
            records.markets.get_key_value(it).map(|(id, _)| id.clone())
        });
        view.detail = written(query.detail.as_deref()).map(str::to_owned);
        view.notes = notes;
        view
    }

    /// The window that shows all that is to come, at most two years of it.
    pub(crate) fn fitting(forecast: &Forecast) -> View {
        let from = forecast.as_of.saturating_sub(1.month());
        let milestones = forecast.milestones.iter().flat_map(|it| [Some(it.p90), it.target]);
        let decisions = forecast.decisions.iter().map(|it| it.decide_by);
        let last = milestones.chain(decisions).flatten().max().unwrap_or(forecast.as_of);
        let to = last.saturating_add(3.weeks());
        let (from, to) = clamped(from, to, DAYS_DEFAULT_MAX);
        View { from, to, team: None, product: None, market: None, detail: None, notes: Vec::new() }
    }

    /// Days shown.
    pub(crate) fn days(&self) -> i32 {
        days_between(self.from, self.to) + 1
    }

    /// The same filters on a window of another length: from shortly before today if today is
    /// shown, else about the middle of what is shown.
    pub(crate) fn zoomed(&self, days: i32, as_of: Date) -> View {
        let shows_today = self.from <= as_of && as_of <= self.to;
        let from = if shows_today {
            as_of.saturating_sub((days / 12).days())
        } else {
            let middle = self.from.saturating_add((self.days() / 2).days());
            middle.saturating_sub((days / 2).days())
        };
        let to = from.saturating_add((days - 1).days());
        View { from, to, ..self.clone() }
    }

    /// The same view, half a window later, or earlier where `halves` is negative.
    pub(crate) fn panned(&self, halves: i32) -> View {
        let days = (self.days() / 2).saturating_mul(halves).days();
        let (from, to) = (self.from.saturating_add(days), self.to.saturating_add(days));
        View { from, to, ..self.clone() }
    }

    /// The same view with another lane shown in full.
    pub(crate) fn with_detail(&self, detail: Option<&str>) -> View {
        View { detail: detail.map(str::to_owned), ..self.clone() }
    }

    /// True if something is left out.
    pub(crate) fn is_filtered(&self) -> bool {
        self.team.is_some() || self.product.is_some() || self.market.is_some()
    }

    /// The address of the view.
    pub(crate) fn address(&self) -> String {
        let mut pairs = vec![("from", self.from.to_string()), ("to", self.to.to_string())];
        let filters = [
            ("team", self.team.as_ref().map(ToString::to_string)),
            ("product", self.product.as_ref().map(ToString::to_string)),
            ("market", self.market.as_ref().map(ToString::to_string)),
            ("detail", self.detail.clone()),
        ];
        pairs.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value?))));
        // Pairs of texts always encode.
        format!("/?{}", serde_urlencoded::to_string(pairs).unwrap_or_default())
    }
}

/// Whole days from one day to another.
pub(crate) fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

fn written(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn date(text: Option<&str>, notes: &mut Vec<String>) -> Option<Date> {
    let text = written(text)?;
    let date: Option<Date> = text.parse().ok();
    if date.is_none() {
        notes.push(format!("“{}” isn't a day; days are written like 2027-03-31.", shown(text)));
    }
    date
}

fn known<T>(
    text: Option<&str>,
    kind: &str,
    notes: &mut Vec<String>,
    find: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let text = written(text)?;
    let found = find(text);
    if found.is_none() {
        notes.push(format!("There is no {kind} “{}”, so all are shown.", shown(text)));
    }
    found
}

/// What somebody wrote, short enough to be repeated to them.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The window that is asked for, where one is.
fn window(
    usual: (Date, Date),
    (from, to): (Option<Date>, Option<Date>),
    notes: &mut Vec<String>,
) -> (Date, Date) {
    let (from, to) = match (from, to) {
        (None, None) => return usual,
        (Some(from), Some(to)) if to < from => {
            notes.push("The last day came before the first, so they were swapped.".to_owned());
            (to, from)
        }
        (Some(from), Some(to)) => (from, to),
        (Some(from), None) => (from, usual.1.max(from)),
        (None, Some(to)) => (usual.0.min(to), to),
    };
    let days = days_between(from, to) + 1;
    if days > DAYS_MAX {
        notes.push("At most five years are shown at once.".to_owned());
    } else if days < DAYS_MIN {
        notes.push("At least six weeks are shown.".to_owned());
    }
    clamped(from, to, DAYS_MAX)
}

/// The years in which a window may lie: dates beyond them leave no room to count.
const YEARS: (i16, i16) = (1970, 9000);

fn clamped(from: Date, to: Date, days_max: i32) -> (Date, Date) {
    let (first, last) = (Date::constant(YEARS.0, 1, 1), Date::constant(YEARS.1, 1, 1));
    let from = from.clamp(first, last);
    let days = (days_between(from, to.clamp(first, last)) + 1).clamp(DAYS_MIN, days_max);
    (from, from.saturating_add((days - 1).days()))
}

/// A filter that the reader can choose a value for.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) all: &'static str,
    /// Ids and names.
    pub(crate) values: Vec<(String, String)>,
    pub(crate) chosen: Option<String>,
}

/// The filters on a view; one that has nothing to choose between isn't offered.
pub(crate) fn filters(view: &View, records: &Records) -> Vec<Filter> {
    let chosen = |id: Option<&str>| id.map(str::to_owned);
    let offered = [
        Filter {
            name: "team",
            title: "Team",
            all: "All teams",
            values: records
                .teams
                .iter()
                .map(|(id, it)| (id.to_string(), it.title.clone()))
                .collect(),
            chosen: chosen(view.team.as_ref().map(TeamId::as_str)),
        },
        Filter {
            name: "product",
            title: "Product",
            all: "All products",
            values: records
                .products
                .iter()
                .map(|(id, it)| (id.to_string(), it.title.clone()))
                .collect(),
            chosen: chosen(view.product.as_ref().map(ProductId::as_str)),
        },
        Filter {
            name: "market",
            title: "Market",
            all: "All markets",
            values: records
                .markets
                .iter()
                .map(|(id, it)| (id.to_string(), it.title.clone()))
                .collect(),
            chosen: chosen(view.market.as_ref().map(MarketId::as_str)),
        },
    ];
    offered.into_iter().filter(|it| it.values.len() > 1 || it.chosen.is_some()).collect()
}
