//! `simfleet`: lets a simulated fleet speak to a running server.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use longlead_simfleet::{Doors, Fleet, Pace, Shape, speak};

/// Lets a simulated fleet speak to a running server, and reports how it was answered.
#[derive(Debug, Parser)]
#[command(name = "simfleet", version)]
struct Arguments {
    /// Host and port of the server's HTTP door, such as 127.0.0.1:8080
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    http: Option<String>,
    /// Host and port of the server's MQTT door, such as 127.0.0.1:1883
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    mqtt: Option<String>,
    /// A token of a system, where the doors ask for one
    #[arg(long, env = "SIMFLEET_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// How many devices
    #[arg(long, default_value_t = 200)]
    devices: u32,
    /// What the fleet is drawn from; the same seed gives the same fleet
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How fast: `real`, `max`, or how many times as fast as it happens
    #[arg(long, default_value = "real")]
    pace: PaceArgument,
    /// How much of the fleet's time is played, in seconds
    #[arg(long, default_value_t = 3600)]
    seconds: u32,
    /// Where in the fleet's time to begin; without it, so that the end is the present
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    /// Connections at once
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Writes the files for the registry of devices into this folder first
    #[arg(long, value_name = "FOLDER")]
    registry: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug)]
struct PaceArgument(Pace);

impl FromStr for PaceArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<PaceArgument, String> {
        match text {
            "real" => Ok(PaceArgument(Pace::Times(1.0))),
            "max" => Ok(PaceArgument(Pace::Unbounded)),
            number => match number.parse::<f64>() {
                Ok(times) if times > 0.0 && times.is_finite() => {
                    Ok(PaceArgument(Pace::Times(times)))
                }
                _ => Err("write `real`, `max`, or a number above 0".to_owned()),
            },
        }
    }
}

/// Takes an address with or without `http://` or `mqtt://` before it.
fn host_and_port(text: &str) -> Result<String, String> {
    if text.starts_with("https:") || text.starts_with("mqtts:") {
        return Err("TLS is not spoken here: use a listener without it".to_owned());
    }
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest).trim_end_matches('/');
    let port = bare.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(_)) => Ok(bare.to_owned()),
        _ => Err("write host and port, such as 127.0.0.1:8080".to_owned()),
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "simfleet: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let fleet = Fleet::new(arguments.seed, Shape { devices: arguments.devices });
    let now = Timestamp::now();
    if let Some(folder) = &arguments.registry {
        write_registry(&fleet, now, folder)?;
    }
    if arguments.http.is_none() && arguments.mqtt.is_none() {
        if arguments.registry.is_some() {
            return Ok(ExitCode::SUCCESS);
        }
        return Err("name a door: --http, --mqtt or both".into());
    }
    let PaceArgument(pace) = arguments.pace;
    let span = f64::from(arguments.seconds);
    let takes = match pace {
        Pace::Times(times) => span / times,
        Pace::Unbounded => 0.0,
    };
    let from = match arguments.from {
        Some(from) => from,
        None => now.checked_add(SignedDuration::try_from_secs_f64(takes - span)?)?,
    };
    let to = from.checked_add(SignedDuration::from_secs(i64::from(arguments.seconds)))?;
    let doors = Doors {
        http: arguments.http,
        mqtt: arguments.mqtt,
        token: arguments.token,
        connections: arguments.connections,
        ..Doors::default()
    };
    let report = speak(fleet.run(from, to), from, pace, &doors, &|_| ());
    writeln!(std::io::stdout(), "{report}")?;
    let is_all = report.acknowledged == report.sent;
    Ok(if is_all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::disallowed_methods, reason = "the command writes what it is asked to write")]
fn write_registry(fleet: &Fleet, now: Timestamp, folder: &std::path::Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for (place, file) in (1..).zip(fleet.device_files(now)) {
        std::fs::write(folder.join(format!("devices-{place}.csv")), file)?;
    }
    std::fs::write(folder.join("events.csv"), fleet.events_csv(now))
}
