//! `longlead coverage`: which devices can run which feature, today and later.

use longlead_horizon::{FeatureCoverage, Forecast, Missing, Support};
use longlead_model::{Bundle, Feature, Kind, Product, Revision};

use crate::args::CoverageArguments;
use crate::command::{Answer, judge};
use crate::exit::Failure;
use crate::gather::{self, Origin};
use crate::output::style::{BAD, DIM, GOOD, dim, heading};
use crate::output::table::{Cell, Column, Table};
use crate::output::words::{day, grouped, name, percent};
use crate::output::{json, wrap};
use crate::settings::Settings;

pub(crate) fn run(arguments: &CoverageArguments, settings: &Settings) -> Result<Answer, Failure> {
    let gathered = gather::bundle(&Origin::of(&arguments.from, &arguments.bundle), settings)?;
    let plan = gather::planned(&gathered, settings, None)?;
    let exit = judge(&plan.forecast, &plan.warnings, &settings.fail_on);
    if settings.output.json {
        let mut value = json::asked(&plan.forecast);
        value["coverage"] = json::plain(&plan.forecast.coverage);
        value["coverage_over_time"] = json::plain(&plan.forecast.coverage_over_time);
        return Ok(Answer { exit, ..Answer::fine(json::text(&value)) });
    }
    Ok(Answer {
        exit,
        ..Answer::fine(told(&gathered.bundle, &plan.forecast, arguments.why, settings))
    })
}

fn told(bundle: &Bundle, forecast: &Forecast, why: bool, settings: &Settings) -> String {
    let width = settings.output.width;
    if forecast.coverage.is_empty() {
        let nothing = "There is nothing to match yet: a [[feature]] says what it `requires`, a \
                       [[revision]] and its parts what they provide.";
        return wrap::paragraph(nothing, "", "", width);
    }
    let mut text = String::new();
    for product in bundle.records.products.values() {
        text.push_str(&matrix(bundle, forecast, product, why, width));
        text.push_str(&over_time(bundle, forecast, product, width));
    }
    if !why {
        text.push_str(&format!("\n{}\n", dim("--why says what is missing under each feature")));
    }
    text.trim_start_matches('\n').to_owned()
}

fn revisions<'a>(bundle: &'a Bundle, product: &Product) -> Vec<&'a Revision> {
    bundle.records.revisions.values().filter(|it| it.product == product.id).collect()
}

fn features<'a>(bundle: &'a Bundle, product: &Product) -> Vec<&'a Feature> {
    bundle.records.features.values().filter(|it| it.product == product.id).collect()
}

/// What stands before a product's revisions in each of their names says nothing in a column.
fn short_names(revisions: &[&Revision], product: &Product) -> Vec<String> {
    let prefix = format!("{}-", product.id);
    let names = revisions.iter().map(|it| it.id.as_str());
    names.map(|name| name.strip_prefix(&prefix).unwrap_or(name).to_owned()).collect()
}

fn matrix(
    bundle: &Bundle,
    forecast: &Forecast,
    product: &Product,
    why: bool,
    width: usize,
) -> String {
    let revisions = revisions(bundle, product);
    let mut columns = vec![Column::new("feature").wraps(20), Column::new("id").wraps(16).rank(1)];
    columns.extend(short_names(&revisions, product).into_iter().map(Column::new));
    let mut table = Table::new(columns);
    for feature in features(bundle, product) {
        let mut cells =
            vec![Cell::from(feature.title.as_str()), Cell::styled(feature.id.as_str(), DIM)];
        let support: Vec<&Support> =
            revisions.iter().filter_map(|it| support(forecast, feature, it)).collect();
        cells.extend(support.iter().map(|it| match it.supported {
            true => Cell::styled("✓ yes", GOOD),
            false => Cell::styled("✗ no", BAD),
        }));
        table.row(cells);
        if why {
            for lacking in support.iter().filter(|it| !it.supported) {
                table.note(format!(
                    "{} lacks {}",
                    lacking.revision,
                    lacks(bundle, &lacking.missing)
                ));
            }
        }
    }
    let title = heading(&format!("{}: which revision can run which feature", product.title));
    format!("{title}{}", table.render(width))
}

fn support<'a>(
    forecast: &'a Forecast,
    feature: &Feature,
    revision: &Revision,
) -> Option<&'a Support> {
    let mut all = forecast.coverage.iter();
    all.find(|it| it.feature == feature.id && it.revision == revision.id)
}

fn lacks(bundle: &Bundle, missing: &[Missing]) -> String {
    let told: Vec<String> = missing
        .iter()
        .map(|it| {
            let name = name(bundle, Kind::Capability, it.capability.as_str());
            match (&it.has, it.need.as_str()) {
                (Some(has), need) => format!("{name} (has {has}, needs {need})"),
                (None, "yes") => name.to_owned(),
                (None, need) => format!("{name} (needs {need})"),
            }
        })
        .collect();
    told.join(", ")
}

/// The as-of day and the first day of each quarter.
fn quarterly(coverage: &FeatureCoverage) -> Vec<usize> {
    let points = coverage.points.iter().enumerate();
    points
        .filter(|(index, point)| *index == 0 || (point.on.day() == 1 && point.on.month() % 3 == 1))
        .map(|(index, _)| index)
        .collect()
}

fn over_time(bundle: &Bundle, forecast: &Forecast, product: &Product, width: usize) -> String {
    let rows: Vec<(&Feature, &FeatureCoverage)> = features(bundle, product)
        .into_iter()
        .filter_map(|feature| {
            let mut all = forecast.coverage_over_time.iter();
            Some((feature, all.find(|it| it.feature == feature.id)?))
        })
        .collect();
    let Some((_, first)) = rows.first() else { return String::new() };
    let shown = quarterly(first);
    let points = |coverage: &FeatureCoverage| -> Vec<longlead_horizon::CoveragePoint> {
        shown.iter().filter_map(|index| coverage.points.get(*index).copied()).collect()
    };
    let mut columns = vec![Column::new("feature").wraps(20)];
    let mut devices = vec![Cell::styled("devices in use", DIM)];
    for (rank, point) in (0_u8..).zip(points(first)) {
        let title = match rank {
            0 => "today".to_owned(),
            _ => format!("Q{} {}", (point.on.month() + 2) / 3, point.on.year()),
        };
        // Where there is no room, the far future goes first.
        columns.push(Column::new(title).right().rank(rank));
        devices.push(Cell::styled(grouped(&point.devices.to_string()), DIM));
    }
    let mut table = Table::new(columns);
    table.row(devices);
    for (feature, coverage) in &rows {
        let mut cells = vec![Cell::from(feature.title.as_str())];
        cells.extend(points(coverage).iter().map(|point| match point.share {
            share if share > 0.0 => Cell::from(percent(share)),
            _ => Cell::styled("–", DIM),
        }));
        table.row(cells);
    }
    let title = heading(&format!(
        "{}: share of devices in use that can run it (today is {})",
        product.title,
        day(forecast.as_of)
    ));
    format!("{title}{}", table.render(width))
}
