//! Speed and memory: of the simulation, as ratios to a NumPy program that does the
//! same work in the same run; of what devices send and what is asked about it, as
//! ratios to Mosquitto, DuckDB and ClickHouse.
//!
//! Performance is never a test: targets are marked as met or missed, and the
//! exit code speaks only of failures to run.

mod fleet;
mod peer;
mod plan;
mod workload;

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use longlead_network::{ActivityIndex, Compiled, Simulation, SimulationRequest, TargetRequest};

const ACTIVITIES: u32 = 1_000;
const SAMPLES: u32 = 10_000;

/// Arguments of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only these parts; several are joined by commas. Left out, all are measured.
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<Part>,
    /// The `longlead` that is measured; left out, one is built for release.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Readings that go in by HTTP.
    #[arg(long, default_value_t = 2_000_000)]
    readings: u64,
    /// Messages of each measurement by MQTT.
    #[arg(long, default_value_t = 100_000)]
    messages: u64,
    /// A broker to compare with in Mosquitto's place.
    #[arg(long, value_name = "HOST:PORT")]
    broker: Option<String>,
    /// Connections of MQTT.
    #[arg(long, default_value_t = 1_000)]
    connections: u64,
    /// Points of the TSBS IoT use case.
    #[arg(long, default_value_t = 30_000_000)]
    points: u64,
    /// How often what varies is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Minutes of the soak.
    #[arg(long, default_value_t = 10)]
    minutes: usize,
    /// Measure in this very program, however it was built.
    #[arg(long, hide = true)]
    inner: bool,
    /// Simulate one network of this size and print the seconds and the peak memory.
    #[arg(long, hide = true, num_args = 2, value_names = ["ACTIVITIES", "SAMPLES"])]
    alone: Vec<u32>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// The simulation of plans
    Simulation,
    /// Messages of QoS 1
    Mqtt,
    /// Batches of readings
    Http,
    /// Points and query types of TSBS IoT
    Tsbs,
    /// Memory over minutes of steady load
    Soak,
}

/// Measures, in a release build.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let [activities, samples] = arguments.alone[..] {
        return alone(activities, samples);
    }
    if arguments.inner {
        return measure(arguments);
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--quiet", "--release", "--package", "xtask", "--"])
        .args(env::args_os().skip(1))
        .arg("--inner")
        .status()
        .context("cargo can't be run")?;
    ensure!(status.success(), "the release build of the bench failed: {status}");
    Ok(ExitCode::SUCCESS)
}

fn measure(arguments: &Arguments) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    if arguments.only.is_empty() || arguments.only.contains(&Part::Simulation) {
        plans(&mut out)?;
    }
    fleet::measure(&mut out, arguments)?;
    Ok(ExitCode::SUCCESS)
}

fn plans(out: &mut impl Write) -> Result<()> {
    writeln!(
        out,
        "{ACTIVITIES} activities × {SAMPLES} samples, three calendars, one thread, code for any \
         x86-64 or other CPU that the build was made for"
    )?;
    let network = workload::network(ACTIVITIES)?;
    let ours = speed(out, &network)?;
    writeln!(out, "\nNumPy, one core, the same network without calendars")?;
    match peer::measure(&network, SAMPLES) {
        Ok(peer) => ratios(out, &ours, &peer)?,
        Err(error) => writeln!(out, "  not measured: {error:#}")?,
    }
    writeln!(
        out,
        "\nTime on one thread and peak memory on all, each size in a process of its own"
    )?;
    linearity(out)?;
    writeln!(out, "\nOne thread and several")?;
    threads(out, &network)?;
    writeln!(out, "\nThe whole program")?;
    plan::measure(out)
}

fn compiled(activities: u32) -> Result<Compiled> {
    Ok(workload::network(activities)?.compile()?)
}

/// Dates alone, with the last activity as target.
fn dates(activities: u32, samples: u32) -> SimulationRequest {
    let target = TargetRequest {
        activity: ActivityIndex::new(activities - 1),
        deadline: None,
        sensitivity: false,
    };
    SimulationRequest { seed: 1, samples, threads: 1, targets: vec![target], gates: vec![] }
}

/// Dates, and what drives the last activity.
fn drivers(activities: u32, samples: u32) -> SimulationRequest {
    let mut request = dates(activities, samples);
    request.targets[0].sensitivity = true;
    request
}

fn simulate(compiled: &Compiled, request: &SimulationRequest) -> Result<Simulation> {
    Ok(compiled.simulate(request, &|_, _| {})?)
}

/// Seconds of the fastest of several runs: the machine is never quite idle, and
/// the fastest run is the one that was disturbed the least.
fn fastest(runs: u32, mut run: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..runs {
        let begin = Instant::now();
        run()?;
        best = best.min(begin.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// Millions of activity-samples per second.
fn rate(activities: u32, samples: u32, seconds: f64) -> f64 {
    f64::from(activities) * f64::from(samples) / seconds / 1e6
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

/// What was measured of this program.
struct Speed {
    forward_seconds: f64,
    mean_finish: f64,
}

fn speed(out: &mut impl Write, network: &longlead_network::Network) -> Result<Speed> {
    let compiled = network.clone().compile()?;
    let forward = dates(ACTIVITIES, SAMPLES);
    let drivers = drivers(ACTIVITIES, SAMPLES);
    let mean_finish = simulate(&compiled, &forward)?.targets[0].mean.slots();
    let forward_seconds = fastest(15, || simulate(&compiled, &forward).map(drop))?;
    let drivers_seconds = fastest(7, || simulate(&compiled, &drivers).map(drop))?;
    let prepare_seconds = fastest(7, || simulate(&compiled, &dates(ACTIVITIES, 1)).map(drop))?;
    let forward_rate = rate(ACTIVITIES, SAMPLES, forward_seconds);
    writeln!(
        out,
        "  draws, forward pass, percentiles of every start and finish  {:7.1} ms  {forward_rate:6.1} \
         M activity-samples/s  (target 100: {})",
        forward_seconds * 1e3,
        verdict(forward_rate >= 100.0),
    )?;
    writeln!(
        out,
        "  the same and criticality, contribution, rank correlation    {:7.1} ms  {:6.1} M \
         activity-samples/s",
        drivers_seconds * 1e3,
        rate(ACTIVITIES, SAMPLES, drivers_seconds),
    )?;
    writeln!(
        out,
        "  of which tables and two blocks of samples to begin with     {:7.1} ms",
        prepare_seconds * 1e3
    )?;
    Ok(Speed { forward_seconds, mean_finish })
}

fn ratios(out: &mut impl Write, ours: &Speed, peer: &peer::Measured) -> Result<()> {
    writeln!(
        out,
        "  draws and forward pass                                      {:7.1} ms  {:6.1} M \
         activity-samples/s  (NumPy {})",
        peer.forward_seconds * 1e3,
        rate(ACTIVITIES, SAMPLES, peer.forward_seconds),
        peer.numpy,
    )?;
    writeln!(
        out,
        "  the same and percentiles of every start and finish          {:7.1} ms  {:6.1} M \
         activity-samples/s",
        peer.all_seconds * 1e3,
        rate(ACTIVITIES, SAMPLES, peer.all_seconds),
    )?;
    let ratio = peer.all_seconds / ours.forward_seconds;
    writeln!(
        out,
        "  this program, calendars and percentiles included, is {ratio:.1} times as fast (target 5: {}); \
         {:.1} times as fast as NumPy without percentiles",
        verdict(ratio >= 5.0),
        peer.forward_seconds / ours.forward_seconds,
    )?;
    writeln!(
        out,
        "  mean finish of the last activity: {:.1} days there, {:.1} here, where calendars have gaps",
        peer.mean_finish, ours.mean_finish,
    )?;
    Ok(())
}

const SIZES: [(u32, u32); 7] = [
    (1_000, 10_000),
    (2_000, 10_000),
    (5_000, 10_000),
    (10_000, 10_000),
    (1_000, 20_000),
    (1_000, 50_000),
    (1_000, 100_000),
];

/// How much dearer an activity-sample may become in a network, or a run, ten times as large.
const GROWTH_MAX: f64 = 1.5;

fn linearity(out: &mut impl Write) -> Result<()> {
    let mut costs = Vec::new();
    for (activities, samples) in SIZES {
        let program = env::current_exe().context("this program has no path")?;
        let output = Command::new(program)
            .args(["bench", "--alone", &activities.to_string(), &samples.to_string()])
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let mut figures = text.split_whitespace();
        let mut next = || figures.next().context("too few figures").map(str::to_owned);
        let (seconds, kilobytes) = (next()?.parse::<f64>()?, next()?.parse::<f64>()?);
        let cost = 1e9 * seconds / (f64::from(activities) * f64::from(samples));
        costs.push(((activities, samples), cost));
        write!(
            out,
            "  {activities:6} × {samples:6}  {:8.1} ms  {cost:5.2} ns per activity-sample  {:6.0} MB",
            seconds * 1e3,
            kilobytes / 1024.0,
        )?;
        if (activities, samples) == (10_000, 10_000) {
            write!(out, "  (target 500 MB: {})", verdict(kilobytes / 1024.0 <= 500.0))?;
        }
        writeln!(out)?;
    }
    let cost_of = |size| costs.iter().find(|(other, _)| *other == size).map(|(_, cost)| *cost);
    let base = cost_of((ACTIVITIES, SAMPLES)).context("the base size is not measured")?;
    for (what, size) in
        [("activities", (10 * ACTIVITIES, SAMPLES)), ("samples", (ACTIVITIES, 10 * SAMPLES))]
    {
        let growth = cost_of(size).context("ten times the base size is not measured")? / base;
        writeln!(
            out,
            "  ten times the {what}: {growth:.2} times the cost per activity-sample (target \
             {GROWTH_MAX}: {})",
            verdict(growth <= GROWTH_MAX),
        )?;
    }
    Ok(())
}

/// Prints the seconds of a simulation with drivers on one thread, and the peak memory
/// of this process in kB (0 where the system doesn't tell) after another on as many
/// threads as the simulation chooses.
fn alone(activities: u32, samples: u32) -> Result<ExitCode> {
    let compiled = compiled(activities)?;
    let mut request = drivers(activities, samples);
    let seconds = fastest(3, || simulate(&compiled, &request).map(drop))?;
    request.threads = 0;
    simulate(&compiled, &request)?;
    writeln!(io::stdout(), "{seconds} {}", peak_kilobytes())?;
    Ok(ExitCode::SUCCESS)
}

fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn threads(out: &mut impl Write, network: &longlead_network::Network) -> Result<()> {
    let compiled = network.clone().compile()?;
    let mut request = drivers(ACTIVITIES, SAMPLES);
    let single = simulate(&compiled, &request)?;
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in [2, 3, available] {
        request.threads = threads;
        ensure!(simulate(&compiled, &request)? == single, "{threads} threads differ from one");
    }
    let seconds = fastest(7, || simulate(&compiled, &request).map(drop))?;
    writeln!(
        out,
        "  bit for bit the same on 1, 2, 3 and {available} threads; {:.1} ms on {available}",
        seconds * 1e3
    )?;
    Ok(())
}

/// The folder of the workspace.
fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
