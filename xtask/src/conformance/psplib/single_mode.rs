//! Sets with one mode and minimum lags of zero: J30, J60, J90, J120.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use longlead_network::{Compiled, Planning, PriorityRule, Scheme};

use super::{SetReport, instance::Instance, instance::Lines, mean, name, read, sm};

/// Best-known makespans by `parameter_instance`, as in the names of the files.
struct BestKnown {
    makespans: HashMap<String, i64>,
    /// Whether they are proven to be the shortest.
    proven: bool,
}

pub(super) fn run(folder: &Path, files: &[&PathBuf]) -> Result<SetReport> {
    let set = name(folder);
    let best_known = read_best_known(folder, &set)?;
    let mut report = SetReport { name: set.clone(), figures: Vec::new(), differ: Vec::new() };
    let mut cases = Vec::new();
    for path in files {
        let case = Case::read(path, &set, best_known.as_ref());
        cases.push(case.with_context(|| path.display().to_string())?);
    }
    check_critical_paths(&cases, &mut report);
    for scheme in [Scheme::Serial, Scheme::Parallel] {
        for rule in PriorityRule::ALL {
            let proven = best_known.as_ref().is_some_and(|it| it.proven);
            check_levelling(&cases, scheme, rule, proven, &mut report);
        }
    }
    Ok(report)
}

struct Case {
    name: String,
    instance: Instance,
    compiled: Compiled,
    critical_path: i64,
    best_known: Option<i64>,
}

impl Case {
    fn read(path: &Path, set: &str, best_known: Option<&BestKnown>) -> Result<Case> {
        let instance = sm::parse(&read(path)?)?;
        let compiled = instance.network()?.compile()?;
        let critical_path = compiled.schedule(Planning::MostLikely)?.finish.slot();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let key = stem.strip_prefix(set).unwrap_or(&stem);
        let best_known = best_known.and_then(|it| it.makespans.get(key).copied());
        Ok(Case { name: name(path), instance, compiled, critical_path, best_known })
    }
}

fn check_critical_paths(cases: &[Case], report: &mut SetReport) {
    let (mut agree, mut sum, mut best_sum) = (0, 0, 0);
    for case in cases {
        sum += case.critical_path;
        best_sum += case.best_known.unwrap_or(0);
        let stated = case.instance.mpm_time.unwrap_or(0);
        if case.critical_path == stated {
            agree += 1;
        } else {
            let Case { name, critical_path, .. } = case;
            report.differ.push(format!("{name}: critical path {critical_path}, not {stated}"));
        }
    }
    let with_best = cases.iter().filter(|case| case.best_known.is_some()).count();
    report.figures.push(format!(
        "critical path equals MPM-Time in {agree} of {} files, sum {sum}; best-known makespans \
         of {with_best}, sum {best_sum}",
        cases.len()
    ));
}

fn check_levelling(
    cases: &[Case],
    scheme: Scheme,
    rule: PriorityRule,
    proven: bool,
    report: &mut SetReport,
) {
    let (mut above_path, mut above_best) = (Vec::new(), Vec::new());
    let title = format!("{scheme:?} {}", rule.abbreviation());
    for case in cases {
        let work = case.compiled.planned_work(Planning::MostLikely);
        let levelled = match case.compiled.level(&work, scheme, rule) {
            Ok(levelled) => levelled,
            Err(error) => {
                report.differ.push(format!("{}: {title}: {error}", case.name));
                continue;
            }
        };
        let makespan = levelled.finish.slot();
        if let Some(fault) = case.instance.find_fault(&levelled) {
            report.differ.push(format!("{}: {title}: {fault}", case.name));
        }
        let bounds = [
            ("the critical path", Some(case.critical_path)),
            ("the optimum", case.best_known.filter(|_| proven)),
        ];
        for (what, bound) in bounds {
            if let Some(bound) = bound.filter(|&bound| makespan < bound) {
                report
                    .differ
                    .push(format!("{}: {title}: {makespan} is below {what}, {bound}", case.name));
            }
        }
        above_path.push(deviation(makespan, case.critical_path));
        above_best.extend(case.best_known.map(|best| deviation(makespan, best)));
    }
    let best = if above_best.is_empty() {
        String::new()
    } else {
        format!("{:6.2} % above best known, ", mean(&above_best))
    };
    report
        .figures
        .push(format!("{title:<14} {best}{:6.2} % above critical path", mean(&above_path)));
}

/// In percent.
fn deviation(makespan: i64, reference: i64) -> f64 {
    100.0 * (makespan - reference) as f64 / reference.max(1) as f64
}

fn read_best_known(folder: &Path, set: &str) -> Result<Option<BestKnown>> {
    let Some(parent) = folder.parent() else {
        return Ok(None);
    };
    for (end, ending_proven) in [("opt.sm", true), ("hrs.sm", false)] {
        let path = parent.join(format!("{set}{end}"));
        if path.is_file() {
            let makespans =
                parse_best_known(&read(&path)?).with_context(|| path.display().to_string())?;
            // All of J30 were solved by Demeulemeester & Herroelen (1997).
            return Ok(Some(BestKnown { makespans, proven: ending_proven || set == "j30" }));
        }
    }
    Ok(None)
}

/// Lines of parameter, instance and makespan, below any headings.
fn parse_best_known(text: &str) -> Result<HashMap<String, i64>> {
    let mut makespans = HashMap::new();
    let mut lines = Lines::of(text);
    while let Ok(line) = lines.next() {
        let words: Vec<&str> = line.text.split_whitespace().collect();
        let figures: Vec<i64> = words.iter().map_while(|word| word.parse().ok()).collect();
        match figures[..] {
            [parameter, instance, makespan, ..] => {
                makespans.insert(format!("{parameter}_{instance}"), makespan);
            }
            [] => {}
            _ => anyhow::bail!("line {}: expected parameter, instance, makespan", line.number),
        }
    }
    ensure!(!makespans.is_empty(), "no makespans");
    Ok(makespans)
}
