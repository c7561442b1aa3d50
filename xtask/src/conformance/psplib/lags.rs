//! Sets with minimum and maximum lags: RCPSP/max.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use longlead_network::{
    Bound, Compiled, CycleStep, LevelError, NetworkError, Planning, PriorityRule, ScheduleError,
    Scheme,
};

use super::{
    SetReport,
    instance::{Instance, job_name},
    mean, name, read, sch,
};

pub(super) fn run(folder: &Path, files: &[&PathBuf]) -> Result<SetReport> {
    let optima = read_optima(folder)?;
    let mut set = Set {
        report: SetReport { name: name(folder), figures: Vec::new(), differ: Vec::new() },
        ..Set::default()
    };
    for path in files {
        let optimum = optima.get(&name(path).to_uppercase()).copied().unwrap_or(Optimum::Unknown);
        set.check(path, optimum).with_context(|| path.display().to_string())?;
    }
    Ok(set.finish(files.len()))
}

/// What is known of an instance.
#[derive(Clone, Copy, PartialEq)]
enum Optimum {
    Unknown,
    Infeasible,
    Makespan(i64),
}

/// What the passes say of an instance.
enum Outcome {
    Plan {
        compiled: Box<Compiled>,
        finish: i64,
    },
    /// Lags that contradict each other, with the circle as jobs.
    Contradiction {
        jobs: Vec<usize>,
        spelled: String,
    },
}

#[derive(Default)]
struct Set {
    report: SetReport,
    contradictory: usize,
    tightened: usize,
    infeasible: usize,
    feasible: usize,
    optimum_sum: i64,
    example: Option<String>,
    levelled: HashMap<(Scheme, PriorityRule), Vec<f64>>,
}

impl Set {
    fn check(&mut self, path: &Path, optimum: Optimum) -> Result<()> {
        let instance = sch::parse(&read(path)?)?;
        let distances = Distances::of(&instance);
        let contradictory = distances.is_none();
        let file = name(path);
        match optimum {
            Optimum::Unknown => {}
            Optimum::Infeasible => self.infeasible += 1,
            Optimum::Makespan(makespan) => {
                self.feasible += 1;
                self.optimum_sum += makespan;
            }
        }
        match plan(&instance)? {
            Outcome::Contradiction { jobs, spelled } => {
                self.contradictory += 1;
                if !contradictory || matches!(optimum, Optimum::Makespan(_)) {
                    self.differ(&file, format!("is feasible, but called impossible: {spelled}"));
                }
                if cycle_length(&instance, &jobs).is_none_or(|length| length <= 0) {
                    self.differ(&file, format!("this is no positive cycle: {spelled}"));
                }
                self.example.get_or_insert(format!("{file}: {spelled}"));
            }
            Outcome::Plan { compiled, finish } => match &distances {
                None => {
                    let what = "has lags that contradict each other, and a plan";
                    self.differ(&file, what.to_owned());
                }
                Some(distances) => {
                    let least = distances.finish(&instance);
                    if finish != least {
                        self.differ(&file, format!("critical path {finish}, not {least}"));
                    }
                    self.level(&file, &instance, &compiled, optimum);
                    self.check_tightened(&file, instance, distances)?;
                }
            },
        }
        Ok(())
    }

    /// Each maximum lag made as tight as the others allow must still have a plan, and one
    /// slot tighter must not.
    fn check_tightened(
        &mut self,
        file: &str,
        mut instance: Instance,
        distances: &Distances,
    ) -> Result<()> {
        for (index, tightest) in distances.tightest(&instance) {
            let arc = instance.arcs[index];
            self.tightened += 1;
            instance.arcs[index].weight = tightest;
            if let Outcome::Contradiction { spelled, .. } = plan(&instance)? {
                self.differ(file, format!("a circle that adds no time is refused: {spelled}"));
            }
            instance.arcs[index].weight = tightest + 1;
            match plan(&instance)? {
                Outcome::Plan { .. } => {
                    let jobs = (job_name(arc.from), job_name(arc.to));
                    self.differ(
                        file,
                        format!("too tight a lag has a plan: {} → {}", jobs.0, jobs.1),
                    );
                }
                Outcome::Contradiction { jobs, spelled } => {
                    // Everything else leaves room for one slot less.
                    if cycle_length(&instance, &jobs) != Some(1) {
                        self.differ(file, format!("this is not one slot too much: {spelled}"));
                    }
                    self.example.get_or_insert(format!("{file}, one slot tighter: {spelled}"));
                }
            }
            instance.arcs[index] = arc;
        }
        Ok(())
    }

    fn level(&mut self, file: &str, instance: &Instance, compiled: &Compiled, optimum: Optimum) {
        let work = compiled.planned_work(Planning::MostLikely);
        for scheme in [Scheme::Serial, Scheme::Parallel] {
            for rule in PriorityRule::ALL {
                let title = format!("{scheme:?} {}", rule.abbreviation());
                let levelled = match compiled.level(&work, scheme, rule) {
                    Ok(levelled) => levelled,
                    Err(LevelError::DemandAboveCapacity { .. })
                        if optimum == Optimum::Infeasible =>
                    {
                        continue;
                    }
                    // Delays that never keep a lag can run out of the horizon.
                    Err(LevelError::Schedule(ScheduleError::BeyondHorizon { .. })) => continue,
                    Err(error) => {
                        self.differ(file, format!("{title}: {error}"));
                        continue;
                    }
                };
                if !levelled.broken_maximum_lags.is_empty() {
                    continue;
                }
                if let Some(fault) = instance.find_fault(&levelled) {
                    self.differ(file, format!("{title}: {fault}"));
                }
                let finish = levelled.finish.slot();
                match optimum {
                    Optimum::Makespan(best) if finish >= best => {
                        let above = 100.0 * (finish - best) as f64 / best.max(1) as f64;
                        self.levelled.entry((scheme, rule)).or_default().push(above);
                    }
                    Optimum::Makespan(best) => {
                        self.differ(
                            file,
                            format!("{title}: {finish} is below the optimum, {best}"),
                        );
                    }
                    Optimum::Infeasible => {
                        self.differ(
                            file,
                            format!("{title}: a plan of {finish} for the impossible"),
                        );
                    }
                    Optimum::Unknown => {}
                }
            }
        }
    }

    fn differ(&mut self, file: &str, what: String) {
        self.report.differ.push(format!("{file}: {what}"));
    }

    fn finish(mut self, count: usize) -> SetReport {
        let figures = &mut self.report.figures;
        figures.push(format!(
            "{count} files: lags that contradict each other found in {}; {} maximum lags made one \
             slot too tight",
            self.contradictory, self.tightened
        ));
        if self.infeasible + self.feasible > 0 {
            figures.push(format!(
                "stated infeasible (by lags or by teams) {}, feasible {} with optima summing to {}",
                self.infeasible, self.feasible, self.optimum_sum
            ));
        }
        if let Some(example) = &self.example {
            figures.push(format!("a contradiction: {example}"));
        }
        for scheme in [Scheme::Serial, Scheme::Parallel] {
            for rule in PriorityRule::ALL {
                let above = self.levelled.get(&(scheme, rule)).map_or(&[][..], Vec::as_slice);
                if !above.is_empty() {
                    let title = format!("{scheme:?} {}", rule.abbreviation());
                    figures.push(format!(
                        "{title:<14} all lags kept in {} of {}, there {:6.2} % above optimum",
                        above.len(),
                        self.feasible,
                        mean(above)
                    ));
                }
            }
        }
        self.report
    }
}

fn plan(instance: &Instance) -> Result<Outcome> {
    let place = |name: &String| -> Result<usize> {
        let found = (0..instance.jobs.len()).find(|&index| job_name(index) == *name);
        found.with_context(|| format!("the cycle names `{name}`, which is no job"))
    };
    let compiled = match instance.network()?.compile() {
        Ok(compiled) => compiled,
        Err(error @ NetworkError::Cycle { .. }) => {
            let spelled = error.to_string();
            let NetworkError::Cycle { activities } = error else { bail!("{spelled}") };
            let jobs = activities.iter().map(place).collect::<Result<_>>()?;
            return Ok(Outcome::Contradiction { jobs, spelled });
        }
        Err(error) => return Err(error.into()),
    };
    match compiled.schedule(Planning::MostLikely) {
        Ok(schedule) => {
            Ok(Outcome::Plan { compiled: Box::new(compiled), finish: schedule.finish.slot() })
        }
        Err(error) => {
            let spelled = error.to_string();
            let ScheduleError::PositiveCycle { steps, .. } = error else { bail!("{spelled}") };
            check_direction(instance, &steps)?;
            let jobs = steps.iter().map(|step| place(&step.name)).collect::<Result<_>>()?;
            Ok(Outcome::Contradiction { jobs, spelled })
        }
    }
}

/// A minimum lag pushes along its arc, and a maximum lag stands for an arc backwards.
fn check_direction(instance: &Instance, steps: &[CycleStep]) -> Result<()> {
    for step in steps {
        let arc =
            instance.arcs.get(step.link.index()).context("the cycle names an unknown link")?;
        let weight = match step.bound {
            Bound::Minimum => step.lag_slots,
            Bound::Maximum => -step.lag_slots,
        };
        if arc.weight as f64 != weight || arc.from != step.activity.index() {
            bail!("the cycle names a lag of {weight} from `{}`, which the file doesn't", step.name);
        }
    }
    Ok(())
}

/// The sum of the greatest arc weights around a circle of jobs; none if an arc is missing.
fn cycle_length(instance: &Instance, jobs: &[usize]) -> Option<i64> {
    let next = jobs.iter().cycle().skip(1);
    jobs.iter()
        .zip(next)
        .map(|(&from, &to)| {
            let arcs = instance.arcs.iter().filter(|arc| arc.from == from && arc.to == to);
            arcs.map(|arc| arc.weight).max()
        })
        .sum()
}

/// The longest path between any two jobs by the lags alone, or none if a circle of lags has
/// positive length: Floyd (1962) and Warshall (1962), which has nothing in common with the
/// passes.
struct Distances(Vec<Vec<i64>>);

const NO_PATH: i64 = i64::MIN / 4;

impl Distances {
    fn of(instance: &Instance) -> Option<Distances> {
        let count = instance.jobs.len();
        let mut distance = vec![vec![NO_PATH; count]; count];
        for (index, row) in distance.iter_mut().enumerate() {
            row[index] = 0;
        }
        for arc in &instance.arcs {
            let present = &mut distance[arc.from][arc.to];
            *present = arc.weight.max(*present);
        }
        for via in 0..count {
            let onwards = distance[via].clone();
            for row in &mut distance {
                let first = row[via];
                for (to, &second) in row.iter_mut().zip(&onwards) {
                    if first > NO_PATH && second > NO_PATH {
                        *to = (first + second).max(*to);
                    }
                }
            }
            // Found at once: a circle would make distances double with every round.
            if distance.iter().enumerate().any(|(index, row)| row[index] > 0) {
                return None;
            }
        }
        Some(Distances(distance))
    }

    /// The least finish of all jobs. None starts before time zero, whether an arc says so
    /// or not.
    fn finish(&self, instance: &Instance) -> i64 {
        let earliest = |to: usize| self.0.iter().map(|row| row[to]).max().unwrap_or(0).max(0);
        let finishes = instance.jobs.iter().enumerate();
        finishes.map(|(to, job)| earliest(to) + i64::from(job.duration)).max().unwrap_or(0)
    }

    /// For each maximum lag of a circle the least value that does not contradict the rest.
    fn tightest(&self, instance: &Instance) -> Vec<(usize, i64)> {
        let backwards = instance.arcs.iter().enumerate().filter(|(_, arc)| arc.weight < 0);
        backwards
            .map(|(index, arc)| (index, -self.0[arc.to][arc.from]))
            .filter(|&(_, weight)| weight < 0 && -weight > NO_PATH)
            .collect()
    }
}

/// `optimum/optimum.csv`: file and optimal makespan, or `unsat`.
fn read_optima(folder: &Path) -> Result<HashMap<String, Optimum>> {
    let path = folder.join("optimum").join("optimum.csv");
    if !path.is_file() {
        return Ok(HashMap::new());
    }
    let mut optima = HashMap::new();
    for (index, line) in read(&path)?.lines().enumerate().skip(1) {
        let wrong = || format!("{}: line {}: `{line}`", path.display(), index + 1);
        let (file, value) = line.split_once(',').with_context(wrong)?;
        let optimum = match value.trim() {
            "unsat" => Optimum::Infeasible,
            "" | "unknown" => Optimum::Unknown,
            makespan => Optimum::Makespan(makespan.parse().with_context(wrong)?),
        };
        optima.insert(file.trim().to_uppercase(), optimum);
    }
    Ok(optima)
}
