//! The functional cases of the Unified Code for Units of Measure, against
//! [`longlead_model::Unit`] and [`longlead_model::Quantity`].
//!
//! The folder holds `UcumFunctionalTests*.xml`, editions of one suite. Where an older edition
//! has a case that the newest changed or withdrew, and the two contradict each other, no
//! implementation can pass both: such a case is listed as excused instead of differing.
//!
//! If `ucum-essence.xml`, the table of all units, is there too, each unit must convert to the
//! unit that defines it with the factor that is given.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use longlead_model::{Decimal, Quantity, Unit};
use roxmltree::{Document, Node};

/// Relative error that is let pass where a case gives more digits than an `f64` has.
const FLOAT_TOLERANCE: f64 = 1e-12;

/// The namespace of `ucum-essence.xml`.
const ESSENCE: &str = "http://unitsofmeasure.org/ucum-essence";

/// What came of the cases, by edition and section.
#[derive(Debug, Default)]
pub(crate) struct Report {
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    edition: String,
    name: String,
    agree: usize,
    differ: Vec<String>,
    excused: Vec<String>,
}

impl Report {
    /// Cases whose outcome is as given.
    pub(crate) fn agree(&self) -> usize {
        self.sections.iter().map(|section| section.agree).sum()
    }

    /// Cases whose outcome is another, less those that a newer edition contradicts.
    pub(crate) fn differ(&self) -> usize {
        self.sections.iter().map(|section| section.differ.len()).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for section in &self.sections {
            let Section { edition, name, agree, differ, excused } = section;
            writeln!(
                f,
                "{edition:<28} {name:<22} agree {agree:>4}  differ {:>3}  excused {:>3}",
                differ.len(),
                excused.len()
            )?;
            for case in differ {
                writeln!(f, "    differs: {case}")?;
            }
            for case in excused {
                writeln!(f, "    excused: {case}")?;
            }
        }
        writeln!(f, "UCUM: {} agree, {} differ", self.agree(), self.differ())
    }
}

/// Whether `folder`, or the folder `ucum` within it, holds an edition.
pub(crate) fn is_in(folder: &Path) -> bool {
    let holds = |folder: &Path| {
        std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("UcumFunctionalTests"))
    };
    holds(folder) || holds(&folder.join("ucum"))
}

/// Runs all editions in `folder`, or in the folder `ucum` within it, and prints the report.
pub(crate) fn run(folder: &Path) -> Result<Report> {
    let within = folder.join("ucum");
    let folder = if within.is_dir() { &within } else { folder };
    let mut editions = Vec::new();
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("no folder {}", folder.display()))?
    {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("UcumFunctionalTests") && name.ends_with(".xml") {
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("can't read {name}"))?;
            editions.push((name, text));
        }
    }
    ensure!(!editions.is_empty(), "{} holds no UcumFunctionalTests*.xml", folder.display());
    editions.sort();
    let mut report = run_editions(&editions)?;
    let essence = folder.join("ucum-essence.xml");
    if essence.is_file() {
        run_essence(&std::fs::read_to_string(&essence)?, &mut report)?;
    }
    write!(std::io::stdout().lock(), "{report}")?;
    Ok(report)
}

/// Runs each edition, a name with its XML.
fn run_editions(editions: &[(String, String)]) -> Result<Report> {
    let mut documents = Vec::new();
    for (name, text) in editions {
        let document = Document::parse(text).with_context(|| format!("{name} is not XML"))?;
        documents.push((name, document));
    }
    let newest = documents.iter().map(|(_, document)| year(document)).max().unwrap_or(0);
    let current: BTreeSet<CaseKey> = documents
        .iter()
        .filter(|(_, document)| year(document) == newest)
        .flat_map(|(_, document)| cases(document).map(|(section, case)| case_key(section, case)))
        .collect();
    let mut report = Report::default();
    for (name, document) in &documents {
        run_edition(name, document, &current, &mut report);
    }
    Ok(report)
}

fn run_edition(
    edition: &str,
    document: &Document,
    current: &BTreeSet<CaseKey>,
    report: &mut Report,
) {
    for (name, case) in cases(document) {
        let mut checks = vec![(name.to_owned(), check_case(name, case))];
        if name == "validation" && attribute(case, "valid") == "true" {
            checks.push(("spelling".to_owned(), check_spelling(attribute(case, "unit"))));
        }
        for (name, outcome) in checks {
            let section = section_of(report, edition, &name);
            match outcome {
                Ok(()) => section.agree += 1,
                Err(problem) => {
                    let line = format!("{} {problem}", attribute(case, "id"));
                    if current.contains(&case_key(&name, case)) || name == "spelling" {
                        section.differ.push(line);
                    } else {
                        section.excused.push(format!("{line} (a newer edition says otherwise)"));
                    }
                }
            }
        }
    }
}

/// Checks the definition of every unit in UCUM's own table. Special units have a function
/// instead of a factor, and arbitrary units convert to nothing.
fn run_essence(text: &str, report: &mut Report) -> Result<()> {
    let document = Document::parse(text).context("ucum-essence.xml is not XML")?;
    let units = document.descendants().filter(|node| node.has_tag_name((ESSENCE, "unit")));
    for node in units.filter(|node| attribute(*node, "isSpecial") != "yes") {
        let code = attribute(node, "Code");
        let Some(value) = node.children().find(|child| child.has_tag_name((ESSENCE, "value")))
        else {
            continue;
        };
        let (defining, factor) = (attribute(value, "Unit"), attribute(value, "value"));
        if attribute(node, "isArbitrary") == "yes" && defining == "1" {
            continue;
        }
        let outcome = unit(code)
            .and_then(|unit| check_amount(&Quantity::new(Decimal::ONE, unit), defining, factor));
        let section = section_of(report, "ucum-essence.xml", "definitions");
        match outcome {
            Ok(()) => section.agree += 1,
            Err(problem) if code == "bit" => {
                section.excused.push(format!("{problem} (information is no plain number here)"));
            }
            Err(problem) => section.differ.push(format!("{code}: {problem}")),
        }
    }
    Ok(())
}

fn section_of<'a>(report: &'a mut Report, edition: &str, name: &str) -> &'a mut Section {
    let sections = &mut report.sections;
    let known = sections.iter().position(|s| s.edition == edition && s.name == name);
    let index = known.unwrap_or_else(|| {
        sections.push(Section {
            edition: edition.to_owned(),
            name: name.to_owned(),
            agree: 0,
            differ: Vec::new(),
            excused: Vec::new(),
        });
        sections.len() - 1
    });
    &mut sections[index]
}

/// Section and attributes of a case, without those that don't change its meaning.
type CaseKey = (String, BTreeMap<String, String>);

fn case_key(section: &str, case: Node) -> CaseKey {
    let attributes = case
        .attributes()
        .filter(|attribute| !matches!(attribute.name(), "id" | "reason"))
        .map(|attribute| (attribute.name().to_owned(), attribute.value().to_owned()))
        .collect();
    (section.to_owned(), attributes)
}

/// All cases with the names of their sections.
fn cases<'a, 'input>(
    document: &'a Document<'input>,
) -> impl Iterator<Item = (&'a str, Node<'a, 'input>)> {
    document.root_element().children().filter(Node::is_element).flat_map(|section| {
        let name = section.tag_name().name();
        section.children().filter(|case| case.has_tag_name("case")).map(move |case| (name, case))
    })
}

/// The year of the last change that the edition's history names.
fn year(document: &Document) -> u32 {
    let dates = document.descendants().filter_map(|node| node.attribute("date"));
    dates
        .filter_map(|date| date.get(date.len().saturating_sub(4)..)?.parse().ok())
        .max()
        .unwrap_or(0)
}

fn attribute<'a>(case: Node<'a, '_>, name: &str) -> &'a str {
    case.attribute(name).unwrap_or_default()
}

/// Checks one case; the error says what came instead.
fn check_case(section: &str, case: Node) -> Result<(), String> {
    let given = |name| attribute(case, name);
    match section {
        "validation" => check_validity(given("unit"), given("valid") == "true"),
        "displayNameGeneration" => {
            let name = unit(given("unit"))?.name();
            if name == given("display") {
                return Ok(());
            }
            Err(format!("{} is named {name}, not {}", given("unit"), given("display")))
        }
        "conversion" => {
            let source = Quantity::new(number(given("value"))?, unit(given("srcUnit"))?);
            check_amount(&source, given("dstUnit"), given("outcome"))
        }
        "multiplication" => {
            let unit = unit(given("u1"))?.times(&unit(given("u2"))?).map_err(|e| e.to_string())?;
            let value = number(given("v1"))?.checked_mul(number(given("v2"))?);
            check_amount(
                &Quantity::new(value.ok_or("overflow")?, unit),
                given("uRes"),
                given("vRes"),
            )
        }
        "division" => {
            let unit = unit(given("u1"))?.per(&unit(given("u2"))?).map_err(|e| e.to_string())?;
            let value = number(given("v1"))?.checked_div(number(given("v2"))?);
            check_amount(
                &Quantity::new(value.ok_or("overflow")?, unit),
                given("uRes"),
                given("vRes"),
            )
        }
        other => Err(format!("the section {other} is not known")),
    }
}

fn check_validity(text: &str, valid: bool) -> Result<(), String> {
    match (Unit::from_ucum(text), valid) {
        (Ok(_), true) | (Err(_), false) => Ok(()),
        (Ok(_), false) => Err(format!("{text:?} is read but should be refused")),
        (Err(error), true) => Err(format!("{text:?} is refused: {error}")),
    }
}

/// A UCUM code must mean the same where everyday spellings are read too.
fn check_spelling(text: &str) -> Result<(), String> {
    match text.parse::<Unit>() {
        Ok(unit) if unit.code() == text => Ok(()),
        Ok(unit) => Err(format!("{text:?} is read as {}", unit.code())),
        // The validation section reports what is refused as UCUM already.
        Err(_) if Unit::from_ucum(text).is_err() => Ok(()),
        Err(error) => Err(format!("{text:?} is refused: {error}")),
    }
}

fn check_amount(source: &Quantity, unit_text: &str, expected: &str) -> Result<(), String> {
    let value = source.value_in(&unit(unit_text)?).map_err(|error| error.to_string())?;
    let wanted: f64 = expected.parse().map_err(|error| format!("{expected}: {error}"))?;
    // Outcomes are rounded to the digits they show.
    let last_digit = 10_f64.powi(exponent_of_last_digit(expected));
    let tolerance = (last_digit / 2.0).max(wanted.abs() * FLOAT_TOLERANCE) * (1.0 + f64::EPSILON);
    if (value - wanted).abs() <= tolerance {
        return Ok(());
    }
    Err(format!("{source} is {value} {unit_text}, not {expected}"))
}

/// The power of ten of the last digit that a number shows: -2 for `1.05`, -20 for `1.05e-18`.
fn exponent_of_last_digit(number: &str) -> i32 {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let decimals = mantissa.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let exponent: i32 = exponent.parse().unwrap_or(0);
    exponent.saturating_sub(i32::try_from(decimals).unwrap_or(i32::MAX))
}

/// The unit of a case; nothing is the unit of a plain number.
fn unit(code: &str) -> Result<Unit, String> {
    if code.is_empty() {
        return Ok(Unit::one());
    }
    Unit::from_ucum(code).map_err(|error| error.to_string())
}

fn number(text: &str) -> Result<Decimal, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(editions: &[(&str, &str)]) -> Report {
        let editions: Vec<(String, String)> = editions
            .iter()
            .map(|(year, cases)| {
                let xml = format!(
                    "<ucumTests><history><entry date=\"1-Jan {year}\"/></history>{cases}</ucumTests>"
                );
                ((*year).to_owned(), xml)
            })
            .collect();
        run_editions(&editions).unwrap()
    }

    #[test]
    fn outcomes_are_judged_to_the_digits_they_show() {
        let case = |outcome: &str| {
            let xml = format!(
                "<conversion><case id=\"c\" value=\"6.3\" srcUnit=\"4.s/m\" dstUnit=\"s/m\" \
                 outcome=\"{outcome}\"/></conversion>"
            );
            let report = report(&[("2020", &xml)]);
            (report.agree(), report.differ())
        };
        assert_eq!(case("25.2"), (1, 0));
        assert_eq!(case("25"), (1, 0));
        assert_eq!(case("25.20"), (1, 0));
        assert_eq!(case("26"), (0, 1));
        assert_eq!(case("25.3"), (0, 1));
        assert_eq!(case("25.21"), (0, 1));
    }

    #[test]
    fn wrong_validity_names_and_products_are_reported() {
        let xml = "<validation><case id=\"v1\" unit=\"m\" valid=\"false\"/>\
                   <case id=\"v2\" unit=\"qq\" valid=\"true\"/></validation>\
                   <displayNameGeneration><case id=\"n\" unit=\"m\" display=\"(second)\"/>\
                   </displayNameGeneration>\
                   <multiplication><case id=\"p\" v1=\"2\" u1=\"g\" v2=\"3\" u2=\"m\" vRes=\"5\" \
                   uRes=\"g.m\"/></multiplication>";
        let report = report(&[("2020", xml)]);
        // The spelling of `qq` is not counted against it a second time.
        assert_eq!((report.agree(), report.differ()), (1, 4), "{report}");
    }

    #[test]
    fn a_wrong_definition_is_reported_and_a_special_unit_has_none() {
        let essence = "<root xmlns=\"http://unitsofmeasure.org/ucum-essence\">\
                       <unit Code=\"min\"><value Unit=\"s\" value=\"60\"/></unit>\
                       <unit Code=\"h\"><value Unit=\"min\" value=\"61\"/></unit>\
                       <unit Code=\"Cel\" isSpecial=\"yes\"><value Unit=\"cel(1 K)\"/></unit></root>";
        let mut report = Report::default();
        run_essence(essence, &mut report).unwrap();
        assert_eq!((report.agree(), report.differ()), (1, 1), "{report}");
    }

    #[test]
    fn a_case_that_a_newer_edition_changed_is_superseded() {
        let old = "<validation><case id=\"1\" unit=\"qq\" valid=\"true\"/>\
                   <case id=\"2\" unit=\"rr\" valid=\"true\"/></validation>";
        let new = "<validation><case id=\"1\" unit=\"qq\" valid=\"false\"/>\
                   <case id=\"2\" unit=\"rr\" valid=\"true\"/></validation>";
        let report = report(&[("2014", old), ("2021", new)]);
        assert_eq!(report.differ(), 2, "{report}");
        assert_eq!(report.to_string().matches("excused: 1").count(), 1, "{report}");
    }
}
