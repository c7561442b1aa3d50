//! Messages of QoS 1, against Mosquitto, which keeps nothing of them.

use std::io::Write;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::sync::Barrier;

use super::super::verdict;
use super::{Bench, median, peak_mb};
use crate::lake_server::{DEVICES_TOKEN, House};
use crate::mqtt::{Client, Rate, pipeline};

const CONTRACTS: &str = r#"
[[contract]]
id = "climate"
title = "Climate"
fields = [
    { name = "temperature", unit = "Cel" },
    { name = "humidity", unit = "%" },
    { name = "battery", unit = "V" },
]
"#;

/// One connection is to reach so many messages a second.
const PIPELINE_TARGET: f64 = 20_000.0;

/// A thousand connections are to reach so much of Mosquitto's rate.
const MANY_TARGET: f64 = 0.8;

/// So many connections, with so many messages under way on each.
#[derive(Clone, Copy, Debug)]
struct Shape {
    connections: u64,
    window: u64,
}

pub(super) fn measure(out: &mut impl Write, bench: &Bench) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let lake = folder.path().join("lake");
    let house = House::build(&bench.binary, folder.path(), lake, CONTRACTS)?;
    let mut server = house.start()?;
    let mosquitto = match &bench.broker {
        Some(address) => Ok(Mosquitto { child: None, address: address.clone() }),
        None => Mosquitto::start(folder.path()),
    };
    match &mosquitto {
        Ok(_) => writeln!(out, "\nMQTT, QoS 1, against Mosquitto, which keeps nothing")?,
        Err(error) => writeln!(out, "\nMQTT, QoS 1; Mosquitto isn't measured: {error:#}")?,
    }
    let mut sent = 0;
    for (connections, window) in [(1, 1_000), (bench.connections, 1), (bench.connections, 16)] {
        let shape = Shape { connections, window };
        let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..bench.rounds {
            let (address, token) = (&server.doors.mqtt, Some(DEVICES_TOKEN));
            let rate = runtime.block_on(publish(address, token, shape, bench.messages, sent))?;
            sent += rate.messages;
            ours.push(rate.per_second());
            if let Ok(mosquitto) = &mosquitto {
                let address = &mosquitto.address;
                let their = runtime.block_on(publish(address, None, shape, bench.messages, 0))?;
                theirs.push(their.per_second());
                ratios.push(rate.per_second() / their.per_second());
            }
        }
        tell(out, shape, median(ours), median(theirs), median(ratios))?;
    }
    let rows = runtime.block_on(house.ask(&server.doors, "SELECT count(*) FROM climate"))?;
    ensure!(
        rows == [sent.to_string()],
        "{sent} messages are acknowledged, and {rows:?} rows there"
    );
    writeln!(
        out,
        "  every acknowledged message is a row: {sent}; peak memory {:.0} MB",
        peak_mb(&server)
    )?;
    server.stop()
}

fn tell(out: &mut impl Write, shape: Shape, ours: f64, theirs: f64, ratio: f64) -> Result<()> {
    let Shape { connections, window } = shape;
    write!(out, "  {connections:5} connections, {window:5} under way: {ours:8.0} messages/s")?;
    if theirs.is_finite() {
        write!(out, "; Mosquitto {theirs:8.0}; ratio {ratio:.2}")?;
    }
    if connections == 1 {
        let is_met = verdict(ours >= PIPELINE_TARGET);
        write!(out, " (target {PIPELINE_TARGET:.0} messages/s: {is_met})")?;
    } else if ratio.is_finite() {
        write!(out, " (target {MANY_TARGET}: {})", verdict(ratio >= MANY_TARGET))?;
    }
    Ok(writeln!(out)?)
}

/// Connects, then publishes so many messages over all connections, and measures from the first
/// message to the last acknowledgement. Messages are numbered from `first` on.
async fn publish(
    address: &str,
    token: Option<&'static str>,
    shape: Shape,
    messages: u64,
    first: u64,
) -> Result<Rate> {
    let each = (messages / shape.connections).max(1);
    let begin = Arc::new(Barrier::new(usize::try_from(shape.connections)? + 1));
    let mut tasks = Vec::new();
    for connection in 0..shape.connections {
        let device = format!("D-{connection:04}");
        let client = Client::connect(address, &device, token).await?;
        let begin = Arc::clone(&begin);
        tasks.push(tokio::spawn(async move {
            begin.wait().await;
            pipeline(client, each, shape.window, |number, topic, payload| {
                topic.push_str("t/");
                topic.push_str(&device);
                topic.push_str("/climate");
                write_reading(payload, first + number);
            })
            .await
        }));
    }
    begin.wait().await;
    let begun = Instant::now();
    for task in tasks {
        task.await??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Rate { messages: each * shape.connections, seconds })
}

pub(super) fn write_reading(payload: &mut Vec<u8>, number: u64) {
    let time = 1_795_000_000_000_u64 + number * 10;
    let (temperature, humidity) = (number % 400, number % 613);
    let _written = write!(
        payload,
        "{{\"boot\":1,\"sequence\":{number},\"time\":{time},\"temperature\":{}.{},\
         \"humidity\":{}.{},\"battery\":3.71}}",
        temperature / 10,
        temperature % 10,
        humidity / 10,
        humidity % 10,
    );
}

/// Debian's Mosquitto with no disk to write to, and as much under way as Longlead lets be; or another
/// broker that runs already.
struct Mosquitto {
    child: Option<Child>,
    address: String,
}

impl Mosquitto {
    fn start(folder: &std::path::Path) -> Result<Mosquitto> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        drop(listener);
        let settings = folder.join("mosquitto.conf");
        let text = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\n\
             max_inflight_messages 1024\nlog_type error\n",
            address.port()
        );
        std::fs::write(&settings, text)?;
        let program = ["/usr/sbin/mosquitto", "mosquitto"]
            .into_iter()
            .find(|it| Command::new(it).arg("-h").output().is_ok())
            .context("there is no mosquitto: apt-get install mosquitto")?;
        let mut command = Command::new(program);
        command.arg("-c").arg(&settings).stdout(Stdio::null()).stderr(Stdio::null());
        let mosquitto = Mosquitto { child: Some(command.spawn()?), address: address.to_string() };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > Duration::from_secs(10) {
                bail!("it doesn't answer");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(mosquitto)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
