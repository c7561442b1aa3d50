//! What records are called, and where they lead.

use std::collections::BTreeMap;

use longlead_model::{Bundle, Kind, RecordKey};
use maud::{Markup, html};

use crate::reader::Seen;
use crate::ui;

/// The titles of what a reader sees.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    pub(crate) bundle: &'a Bundle,
    /// Activities of the plan, authored and derived, with milestones.
    activities: BTreeMap<&'a str, &'a str>,
}

/// So many choices a list can offer before it slows a browser down.
pub(crate) const OPTIONS_MAX: usize = 1_500;

impl<'a> Names<'a> {
    /// Names of the records in a bundle, which must hold nothing that the reader doesn't see.
    pub(crate) fn new(seen: &'a Seen, bundle: &'a Bundle) -> Names<'a> {
        let forecast = seen.forecast().ok();
        let activities = forecast.into_iter().flat_map(|it| &it.activities);
        let activities = activities.map(|it| (it.id.as_str(), it.title.as_str()));
        let milestones = forecast.into_iter().flat_map(|it| &it.milestones);
        let milestones = milestones.map(|it| (it.id.as_str(), it.title.as_str()));
        Names { bundle, activities: activities.chain(milestones).collect() }
    }

    /// Names of records without a plan.
    #[cfg(test)]
    pub(crate) fn of_bundle(bundle: &'a Bundle) -> Names<'a> {
        Names { bundle, activities: BTreeMap::new() }
    }

    /// What is meant by an id, and its title. Where an activity is meant it may be a milestone's.
    fn meant(&self, kind: Kind, id: &str) -> Option<(Option<Kind>, Option<&str>)> {
        let records = &self.bundle.records;
        let candidates = match kind {
            Kind::Activity => vec![Kind::Activity, Kind::Milestone],
            kind => vec![kind],
        };
        let there = candidates.into_iter().find(|kind| records.has(*kind, id));
        if let Some(kind) = there {
            return Some((Some(kind), records.title(kind, id)));
        }
        let derived = matches!(kind, Kind::Activity | Kind::Actual);
        let title = derived.then(|| self.activities.get(id)).flatten()?;
        Some((None, Some(title)))
    }

    pub(crate) fn title(&self, kind: Kind, id: &str) -> Option<&str> {
        self.meant(kind, id)?.1
    }

    /// What a record is called: its title, what it joins, or its id.
    pub(crate) fn called(&self, key: &RecordKey) -> String {
        let RecordKey::Record(kind, id) = key else {
            return "Settings".to_owned();
        };
        let title = self.title(*kind, id).map(str::to_owned);
        title.or_else(|| self.described(*kind, id)).unwrap_or_else(|| id.clone())
    }

    /// What a record without a title is called after the records that it joins.
    fn described(&self, kind: Kind, id: &str) -> Option<String> {
        let records = &self.bundle.records;
        let title = |kind: Kind, id: &str| self.title(kind, id).unwrap_or(id).to_owned();
        match kind {
            Kind::BomLine => {
                let line = records.bom_lines.get(id)?;
                let part = title(Kind::Part, line.part.as_str());
                Some(format!("{part} on {}", title(Kind::Revision, line.revision.as_str())))
            }
            Kind::Offer => {
                let offer = records.offers.get(id)?;
                let part = title(Kind::Part, offer.part.as_str());
                Some(format!("{part} from {}", title(Kind::Supplier, offer.supplier.as_str())))
            }
            Kind::Certificate => {
                let certificate = records.certificates.get(id)?;
                let regime = title(Kind::Regime, certificate.regime.as_str());
                Some(format!(
                    "{regime} for {}",
                    title(Kind::Revision, certificate.revision.as_str())
                ))
            }
            Kind::Build => {
                let build = records.builds.get(id)?;
                let stage = build.stage.as_str().to_uppercase();
                Some(format!(
                    "{} {stage}, {} units",
                    title(Kind::Revision, build.revision.as_str()),
                    build.quantity
                ))
            }
            Kind::Link => {
                let link = records.links.get(id)?;
                let from = title(Kind::Activity, link.from.as_str());
                Some(format!("{from} → {}", title(Kind::Activity, link.to.as_str())))
            }
            _ => None,
        }
    }

    /// A record by its title, or by its id where it has none.
    pub(crate) fn link(&self, kind: Kind, id: &str) -> Markup {
        let Some((kind, title)) = self.meant(kind, id) else {
            return html! { span.id { (id) } };
        };
        let href = match kind {
            Some(kind) => ui::record_href(kind, id),
            None => ui::explain_href(id),
        };
        html! {
            @match title.map(str::to_owned).or_else(|| kind.and_then(|kind| self.described(kind, id))) {
                Some(title) => a href=(href) title=(id) { (title) },
                None => a.id href=(href) { (id) },
            }
        }
    }

    /// A link to whatever a key names.
    pub(crate) fn link_of(&self, key: &RecordKey) -> Markup {
        match key {
            RecordKey::Settings => html! { a href=(key_href(key)) { "Settings" } },
            RecordKey::Record(kind, id) => self.link(*kind, id),
        }
    }

    /// What a field can refer to: ids with titles.
    pub(crate) fn options(&self, kind: Kind) -> Vec<(&str, &str)> {
        let records = &self.bundle.records;
        let of = |kind: Kind| {
            records
                .ids(kind)
                .into_iter()
                .map(move |id| (id, records.title(kind, id).unwrap_or_default()))
        };
        let mut options: BTreeMap<&str, &str> = of(kind).collect();
        if kind == Kind::Activity {
            options.extend(of(Kind::Milestone));
            options.extend(&self.activities);
        }
        options.into_iter().take(OPTIONS_MAX).collect()
    }
}

/// The page of a record, or of the settings.
pub(crate) fn key_href(key: &RecordKey) -> String {
    format!("/records/{}/{}", key.kind_str(), key.id())
}
