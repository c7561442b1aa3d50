//! The `.sm` format of ProGen: headings, and tables under them.

use anyhow::{Result, bail, ensure};

use super::instance::{Arc, Instance, Job, Lines};

/// Reads one file.
pub(super) fn parse(text: &str) -> Result<Instance> {
    let mut lines = Lines::of(text);
    let project = lines.after("pronr.")?;
    let mpm_time = match project.figures()?[..] {
        [_, _, _, _, _, mpm_time] => mpm_time,
        _ => bail!("line {}: expected six figures, the last the MPM-Time", project.number),
    };
    lines.after("PRECEDENCE RELATIONS")?;
    let successors = parse_successors(&mut lines)?;
    let count = successors.len();
    lines.after("REQUESTS/DURATIONS")?;
    let jobs = parse_jobs(&mut lines, count)?;
    lines.after("RESOURCEAVAILABILITIES")?;
    let line = lines.next()?;
    let capacities = line
        .figures()?
        .into_iter()
        .map(|figure| line.unsigned(figure))
        .collect::<Result<Vec<_>>>()?;
    for (index, job) in jobs.iter().enumerate() {
        ensure!(
            job.demands.len() == capacities.len(),
            "job {} asks for {} resources, of which there are {}",
            index + 1,
            job.demands.len(),
            capacities.len()
        );
    }
    let arcs = successors.iter().enumerate().flat_map(|(from, targets)| {
        let weight = i64::from(jobs[from].duration);
        targets.iter().map(move |&to| Arc { from, to, weight })
    });
    Ok(Instance { arcs: arcs.collect(), jobs, capacities, mpm_time: Some(mpm_time) })
}

/// Successors of each job, from the table that ends with a line of stars.
fn parse_successors(lines: &mut Lines) -> Result<Vec<Vec<usize>>> {
    let mut rows = Vec::new();
    loop {
        let line = lines.next()?;
        if line.text.starts_with('*') {
            break;
        }
        let figures = line.figures()?;
        let [number, modes, count, targets @ ..] = &figures[..] else {
            bail!("line {}: expected job, modes, successors", line.number)
        };
        ensure!(*modes == 1, "line {}: job {number} has {modes} modes, not one", line.number);
        line.job(*number, rows.len() as i64 + 1, 1)?;
        ensure!(
            line.count(*count)? == targets.len(),
            "line {}: {count} successors announced, {} given",
            line.number,
            targets.len()
        );
        rows.push((line, targets.to_vec()));
        ensure!(rows.len() <= super::instance::JOBS_MAX, "there are too many jobs");
    }
    let count = rows.len();
    let places = |(line, targets): (super::instance::Line, Vec<i64>)| {
        targets.into_iter().map(|figure| line.job(figure, 1, count)).collect()
    };
    rows.into_iter().map(places).collect()
}

fn parse_jobs(lines: &mut Lines, count: usize) -> Result<Vec<Job>> {
    // `after` has passed over the column heads; a rule follows them.
    lines.next()?;
    let mut jobs = Vec::with_capacity(count);
    for index in 0..count {
        let line = lines.next()?;
        let figures = line.figures()?;
        let [number, _mode, duration, demands @ ..] = &figures[..] else {
            bail!("line {}: expected job, mode, duration, requests", line.number)
        };
        line.job(*number, index as i64 + 1, 1)?;
        jobs.push(Job {
            duration: line.unsigned(*duration)?,
            demands: demands.iter().map(|&it| line.unsigned(it)).collect::<Result<_>>()?,
        });
    }
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two jobs between start and end, one team.
    const SMALL: &str = "\
projects                      :  1
pronr.  #jobs rel.date duedate tardcost  MPM-Time
    1      2      0        5        0        5
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
   1        1          2           2   3
   2        1          1           4
   3        1          1           4
   4        1          0
************************************************************************
REQUESTS/DURATIONS:
jobnr. mode duration  R 1
------------------------------------------------------------------------
  1      1     0       0
  2      1     5       2
  3      1     3       1
  4      1     0       0
************************************************************************
RESOURCEAVAILABILITIES:
  R 1
    2
";

    #[test]
    fn a_small_file_is_read() {
        let instance = parse(SMALL).unwrap();
        assert_eq!(instance.mpm_time, Some(5));
        assert_eq!(instance.capacities, [2]);
        assert_eq!(instance.jobs[1].duration, 5);
        let arcs: Vec<_> = instance.arcs.iter().map(|it| (it.from, it.to, it.weight)).collect();
        assert_eq!(arcs, [(0, 1, 0), (0, 2, 0), (1, 3, 5), (2, 3, 3)]);
    }

    fn check(damage: (&str, &str), error: &str) {
        let text = SMALL.replacen(damage.0, damage.1, 1);
        assert_eq!(parse(&text).unwrap_err().root_cause().to_string(), error);
    }

    #[test]
    fn damage_is_named_with_its_line() {
        check(("2   3", "2   9"), "line 6: there is no job 9");
        check(("2   3", "2"), "line 6: 2 successors announced, 1 given");
        check(
            ("2        1          1", "2        3          1"),
            "line 7: job 2 has 3 modes, not one",
        );
        check(("-----\n  1      1     0", "-----\n  1      1    -1"), "line 14: -1 is negative");
        check(("  R 1\n    2\n", ""), "line 20: the file ends too early");
    }
}
