//! Where a revision stands: in design, in build or in the field, and when its first units come.

use jiff::civil::Date;
use longlead_horizon::{ActivityForecast, Forecast};
use longlead_model::{Build, Bundle, Revision};
use maud::{Markup, html};

use crate::ui;

/// Where a revision stands on its way to users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Devices are in the field.
    Field,
    /// Its design is closed, and it is being built.
    Build,
    /// It is being designed, or will be.
    Design,
    /// Nothing of it is planned, and none is in the field.
    Unplanned,
}

impl Phase {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Phase::Field => "in the field",
            Phase::Build => "in build",
            Phase::Design => "in design",
            Phase::Unplanned => "not planned",
        }
    }
}

/// Where a revision stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing<'a> {
    pub(crate) revision: &'a Revision,
    pub(crate) phase: Phase,
    /// Devices in the field.
    pub(crate) fleet: u64,
    /// Units in builds that aren't finished.
    pub(crate) units_to_build: u64,
    /// The activity that ends with its first units, while these are still to come.
    pub(crate) first_units: Option<&'a ActivityForecast>,
    /// True if something can still be added to its specification.
    pub(crate) open: bool,
}

impl Standing<'_> {
    /// True if its first devices are still to come.
    pub(crate) fn is_planned(&self) -> bool {
        self.phase != Phase::Field
    }
}

/// The forecast of an activity; they are kept in the order of their ids.
pub(crate) fn activity<'a>(forecast: &'a Forecast, id: &str) -> Option<&'a ActivityForecast> {
    let activities = &forecast.activities;
    let found = activities.binary_search_by(|activity| activity.id.as_str().cmp(id)).ok()?;
    activities.get(found)
}

/// True if a build is still to be made, or being made.
pub(crate) fn is_to_build(forecast: &Forecast, build: &Build) -> bool {
    activity(forecast, &format!("build:{}", build.id)).is_some_and(|it| !it.finished)
}

/// Where a revision stands, by what the reader sees.
pub(crate) fn standing<'a>(
    bundle: &Bundle,
    forecast: &'a Forecast,
    revision: &'a Revision,
) -> Standing<'a> {
    let fleet = revision.fleet.as_ref().map_or(0, |fleet| fleet.units);
    let builds = bundle.records.builds.values().filter(|it| it.revision == revision.id);
    let open_builds: Vec<&Build> = builds.filter(|it| is_to_build(forecast, it)).collect();
    let design_id = format!("design:{}", revision.id);
    let design = activity(forecast, &design_id).filter(|it| !it.finished);
    let phase = match (fleet, design, open_builds.is_empty()) {
        (1.., _, _) => Phase::Field,
        (0, Some(_), _) => Phase::Design,
        (0, None, false) => Phase::Build,
        (0, None, true) => Phase::Unplanned,
    };
    let begun = bundle.records.actuals.contains_key(design_id.as_str());
    let frozen = revision.specification_freeze.is_some_and(|on| on < forecast.as_of);
    let units = activity(forecast, &format!("units:{}", revision.id));
    Standing {
        revision,
        phase,
        fleet,
        units_to_build: open_builds.iter().map(|build| build.quantity).sum(),
        first_units: units.filter(|it| !it.finished && fleet == 0),
        open: design.is_some() && !begun && !frozen,
    }
}

/// Every revision of a product, those in the field first, then by their first units.
pub(crate) fn in_order<'a>(
    bundle: &'a Bundle,
    forecast: &'a Forecast,
    product: &str,
) -> Vec<Standing<'a>> {
    let revisions = bundle.records.revisions.values().filter(|it| it.product.as_str() == product);
    let mut standings: Vec<_> = revisions.map(|it| standing(bundle, forecast, it)).collect();
    standings.sort_by_key(|it| {
        let first: Option<Date> = it.first_units.map(|units| units.finish_p50);
        (it.is_planned(), first.is_none(), first, it.revision.id.clone())
    });
    standings
}

/// Where it stands, as a badge.
pub(crate) fn badge(standing: &Standing<'_>) -> Markup {
    let class = if standing.phase == Phase::Field { "done" } else { "open" };
    html! { span class={ "badge " (class) } { (standing.phase.words()) } }
}

/// The day of the first units, leading to its explanation; for those in the field, how many.
pub(crate) fn first_units(standing: &Standing<'_>) -> Markup {
    match standing.first_units {
        Some(units) => html! {
            a href=(ui::explain_href(units.id.as_str())) { (ui::date(units.finish_p50)) }
        },
        None => ui::dash(),
    }
}
