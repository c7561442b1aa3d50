//! The `.sch` format of ProGen/max: tables without headings.

use anyhow::{Result, bail, ensure};

use super::instance::{Arc, Instance, Job, Lines};

/// Reads one file. Jobs are numbered from 0 (the start of all) to n + 1 (the end of all),
/// and an arc weight is a start-to-start lag.
pub(super) fn parse(text: &str) -> Result<Instance> {
    let mut lines = Lines::of(text);
    let head = lines.next()?;
    let (count, teams) = match head.figures()?[..] {
        [jobs, teams, ..] => (head.count(jobs)? + 2, head.count(teams)?),
        _ => bail!("line {}: expected the number of jobs and of resources", head.number),
    };
    let mut arcs = Vec::new();
    for from in 0..count {
        parse_arcs(&mut lines, from, count, &mut arcs)?;
    }
    let jobs =
        (0..count).map(|index| parse_job(&mut lines, index, teams)).collect::<Result<_>>()?;
    let line = lines.next()?;
    let capacities =
        line.figures()?.into_iter().map(|it| line.unsigned(it)).collect::<Result<Vec<_>>>()?;
    ensure!(
        capacities.len() >= teams,
        "line {}: {} capacities for {teams} resources",
        line.number,
        capacities.len()
    );
    Ok(Instance { jobs, arcs, capacities, mpm_time: None })
}

fn parse_arcs(lines: &mut Lines, from: usize, count: usize, arcs: &mut Vec<Arc>) -> Result<()> {
    let line = lines.next()?;
    let figures = line.figures()?;
    let [number, modes, successors, rest @ ..] = &figures[..] else {
        bail!("line {}: expected job, modes, successors", line.number)
    };
    line.job(*number, from as i64, 1)?;
    ensure!(*modes == 1, "line {}: job {number} has {modes} modes, not one", line.number);
    let successors = line.count(*successors)?;
    ensure!(
        rest.len() == 2 * successors,
        "line {}: expected {successors} successors and as many lags, found {} figures",
        line.number,
        rest.len()
    );
    let (targets, weights) = rest.split_at(successors);
    for (&target, &weight) in targets.iter().zip(weights) {
        arcs.push(Arc { from, to: line.job(target, 0, count)?, weight });
    }
    Ok(())
}

fn parse_job(lines: &mut Lines, index: usize, teams: usize) -> Result<Job> {
    let line = lines.next()?;
    let figures = line.figures()?;
    let [number, _mode, duration, demands @ ..] = &figures[..] else {
        bail!("line {}: expected job, mode, duration, requests", line.number)
    };
    line.job(*number, index as i64, 1)?;
    ensure!(
        demands.len() >= teams,
        "line {}: {} requests for {teams} resources",
        line.number,
        demands.len()
    );
    Ok(Job {
        duration: line.unsigned(*duration)?,
        demands: demands.iter().map(|&it| line.unsigned(it)).collect::<Result<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "2\t1\t0\t0\r\n0\t1\t2\t1\t2\t[0]\t[0]\r\n1\t1\t1\t2\t[3]\r\n\
        2\t1\t2\t1\t3\t[-7]\t[2]\r\n3\t1\t0\r\n0\t1\t0\t0\r\n1\t1\t4\t1\r\n2\t1\t2\t1\r\n\
        3\t1\t0\t0\r\n1\r\n";

    #[test]
    fn a_small_file_is_read() {
        let instance = parse(SMALL).unwrap();
        let arcs: Vec<_> = instance.arcs.iter().map(|it| (it.from, it.to, it.weight)).collect();
        assert_eq!(arcs, [(0, 1, 0), (0, 2, 0), (1, 2, 3), (2, 1, -7), (2, 3, 2)]);
        let durations: Vec<_> = instance.jobs.iter().map(|job| job.duration).collect();
        assert_eq!(durations, [0, 4, 2, 0]);
        assert_eq!(instance.capacities, [1]);
    }

    #[test]
    fn damage_is_named_with_its_line() {
        let check = |damage: (&str, &str), error: &str| {
            let text = SMALL.replacen(damage.0, damage.1, 1);
            assert_eq!(parse(&text).unwrap_err().root_cause().to_string(), error);
        };
        check(("[3]", "[x]"), "line 3: `x` is not a whole number");
        check(("[3]", ""), "line 3: expected 1 successors and as many lags, found 1 figures");
        check(("[3]", "[3000000]"), "line 3: 3000000 is out of range");
        check(("\r\n1\r\n", "\r\n"), "line 10: the file ends too early");
    }
}
