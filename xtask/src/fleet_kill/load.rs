//! Devices that send over HTTP and MQTT, and send again what wasn't acknowledged, and some of what
//! was.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use reqwest::StatusCode;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::ledger::{Ledger, Payload, name};
use crate::lake_server::{DEVICES_TOKEN, Doors};
use crate::mqtt::{self, Acknowledgement, Client};

/// What is waited for before a device tries again.
const AGAIN: Duration = Duration::from_millis(20);

/// Messages of one MQTT connection under way at once.
const WINDOW: usize = 64;

/// Payloads that were acknowledged and may come again.
const REMEMBERED: usize = 50;

/// What devices are to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stage {
    /// Where the server is, if there is one.
    pub(super) doors: Option<Doors>,
    /// Whether anything new is sent.
    pub(super) sends: bool,
    pub(super) ends: bool,
}

/// What devices share.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) ledger: Ledger,
    stage: watch::Sender<Stage>,
    /// Microseconds since 1970 of the reading with number 0.
    epoch_micros: i64,
    /// Payloads sent again though they were acknowledged, and for want of an acknowledgement.
    pub(super) repeated: AtomicU64,
    pub(super) redelivered: AtomicU64,
    /// Answers that told to come back later.
    pub(super) refused: AtomicU64,
    faults: Mutex<Vec<String>>,
}

/// How many of each there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) http: usize,
    pub(super) mqtt: usize,
    /// Readings of an HTTP payload, at most.
    pub(super) batch: u64,
}

/// A generator as simple as can be (xorshift64).
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}

impl Load {
    /// Lets devices begin. They wait until there is a server.
    pub(super) fn begin(shape: Shape, seed: u64) -> (Arc<Load>, Vec<JoinHandle<()>>) {
        let now = jiff::Timestamp::now().as_microsecond();
        let load = Arc::new(Load {
            ledger: Ledger::new(shape.http + shape.mqtt),
            stage: watch::Sender::new(Stage::default()),
            // Well before any clock that is stepped back.
            epoch_micros: now - 40 * 86_400_000_000,
            repeated: AtomicU64::new(0),
            redelivered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            faults: Mutex::default(),
        });
        let mut tasks = Vec::new();
        for device in 0..shape.http + shape.mqtt {
            let (load, dice) = (Arc::clone(&load), Dice::new(seed ^ (device as u64 + 1)));
            tasks.push(if device < shape.http {
                tokio::spawn(by_http(load, device, shape.batch, dice))
            } else {
                tokio::spawn(by_mqtt(load, device, dice))
            });
        }
        (load, tasks)
    }

    /// Tells devices what to do from now on.
    pub(super) fn set(&self, change: impl FnOnce(&mut Stage)) {
        self.stage.send_modify(change);
    }

    pub(super) fn fault(&self, fault: String) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    pub(super) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A payload as it is sent: the same each time.
    fn json(&self, payload: Payload) -> String {
        let mut json = String::from("[");
        for number in payload.first..payload.first + payload.count {
            if json.len() > 1 {
                json.push(',');
            }
            let time = self.epoch_micros + number.cast_signed() * 1_000;
            let device = name(payload.device);
            let identity = match is_numbered(payload.device) {
                true => format!("\"boot\":{},\"sequence\":{number},", number / 10_000),
                false => String::new(),
            };
            json.push_str(&format!(
                "{{\"device\":\"{device}\",{identity}\"time\":{time},\"number\":{number}}}"
            ));
        }
        json.push(']');
        json
    }
}

/// Whether a device counts its readings. The readings of others are known by their time.
fn is_numbered(device: usize) -> bool {
    device.is_multiple_of(2)
}

fn stream(device: usize) -> &'static str {
    if is_numbered(device) { "numbered" } else { "timed" }
}

/// What was sent and is to be sent again.
#[derive(Debug, Default)]
struct Memory {
    /// Not acknowledged.
    open: VecDeque<Payload>,
    /// Acknowledged.
    done: VecDeque<Payload>,
}

impl Memory {
    fn remember(&mut self, payload: Payload) {
        self.done.push_back(payload);
        if self.done.len() > REMEMBERED {
            self.done.pop_front();
        }
    }

    /// The next payload, and whether it comes again.
    fn next(&mut self, load: &Load, device: usize, count: u64, dice: &mut Dice) -> (Payload, bool) {
        if let Some(payload) = self.open.pop_front() {
            load.redelivered.fetch_add(1, Ordering::Relaxed);
            return (payload, true);
        }
        let place = usize::try_from(dice.below(8 * REMEMBERED as u64)).unwrap_or(usize::MAX);
        if let Some(payload) = self.done.get(place) {
            load.repeated.fetch_add(1, Ordering::Relaxed);
            return (*payload, true);
        }
        (load.ledger.next(device, count), false)
    }
}

/// The server to send to, once there is one and there is something to send. `None`: it is over.
async fn server(stage: &mut watch::Receiver<Stage>, has_open: bool) -> Option<Doors> {
    let ready = |it: &Stage| it.ends || (it.doors.is_some() && (it.sends || has_open));
    let stage = stage.wait_for(ready).await.ok()?;
    if stage.ends { None } else { stage.doors.clone() }
}

async fn by_http(load: Arc<Load>, device: usize, batch: u64, mut dice: Dice) {
    let mut stage = load.stage.subscribe();
    let mut memory = Memory::default();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build();
    let Ok(client) = client else { return load.fault("no HTTP client".to_owned()) };
    while let Some(doors) = server(&mut stage, !memory.open.is_empty()).await {
        let count = 1 + dice.below(batch);
        let (payload, _) = memory.next(&load, device, count, &mut dice);
        let url = format!("{}/ingest/v1/{}", doors.http, stream(device));
        let request = client.post(url).header("Authorization", format!("Token {DEVICES_TOKEN}"));
        let request = request.header("Content-Type", "application/json");
        let answer = request.body(load.json(payload)).send().await;
        match answer {
            Ok(answer) if answer.status() == StatusCode::OK => {
                load.ledger.acknowledge(payload);
                memory.remember(payload);
                if let Ok(receipt) = answer.json::<serde_json::Value>().await
                    && let Err(error) = is_whole(&receipt, payload.count)
                {
                    load.fault(error.to_string());
                }
            }
            Ok(answer) => {
                memory.open.push_front(payload);
                match answer.status().as_u16() {
                    429 | 503 | 507 => {
                        load.refused.fetch_add(1, Ordering::Relaxed);
                    }
                    other => {
                        let text = answer.text().await.unwrap_or_default();
                        load.fault(format!("HTTP {other}: {text}"));
                    }
                }
                tokio::time::sleep(AGAIN).await;
            }
            Err(_) => {
                memory.open.push_front(payload);
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// Whether a receipt tells of every reading, and that none went to quarantine.
fn is_whole(receipt: &serde_json::Value, count: u64) -> Result<()> {
    let figure = |name: &str| receipt.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
    if figure("rows") + figure("duplicates") != count || figure("quarantined") > 0 {
        bail!("a receipt for {count} readings says {receipt}");
    }
    Ok(())
}

async fn by_mqtt(load: Arc<Load>, device: usize, mut dice: Dice) {
    let mut stage = load.stage.subscribe();
    let mut memory = Memory::default();
    while let Some(doors) = server(&mut stage, !memory.open.is_empty()).await {
        let client = Client::connect(&doors.mqtt, &name(device), Some(DEVICES_TOKEN)).await;
        if let Ok(client) = client {
            let mut under_way = HashMap::new();
            speak(&load, device, client, &mut memory, &mut under_way, &mut stage, &mut dice).await;
            // The oldest first, as they were sent.
            let mut left: Vec<Payload> =
                under_way.into_values().map(|it: (_, bool)| it.0).collect();
            left.sort_unstable_by_key(|it| it.first);
            left.into_iter().rev().for_each(|it| memory.open.push_front(it));
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Publishes until the connection ends or it is over.
async fn speak(
    load: &Load,
    device: usize,
    mut client: Client,
    memory: &mut Memory,
    under_way: &mut HashMap<u16, (Payload, bool)>,
    stage: &mut watch::Receiver<Stage>,
    dice: &mut Dice,
) {
    let topic = format!("t/{}/{}", name(device), stream(device));
    let window = WINDOW.min(client.receive_maximum.into());
    let mut packet = 0_u16;
    loop {
        let Stage { doors, sends, ends } = stage.borrow_and_update().clone();
        if ends || doors.is_none() {
            return;
        }
        let mut out = Vec::new();
        while under_way.len() < window && (sends || !memory.open.is_empty()) {
            let count = 1 + dice.below(3);
            let (payload, is_again) = memory.next(load, device, count, dice);
            packet = packet.checked_add(1).unwrap_or(1);
            mqtt::publish(&topic, packet, is_again, load.json(payload).as_bytes(), &mut out);
            under_way.insert(packet, (payload, is_again));
        }
        if client.writer.write_all(&out).await.is_err() {
            return;
        }
        if under_way.is_empty() {
            // An end of the connection is seen when something is sent again.
            if stage.changed().await.is_err() {
                return;
            }
            continue;
        }
        tokio::select! {
            told = client.reader.next() => match told {
                Ok(told) => acknowledged(load, told, memory, under_way).await,
                Err(_) => return,
            },
            // Half an answer may be lost by this, so it is only for the end.
            () = is_over(stage) => return,
        }
    }
}

/// Waits until there is no server, or it is over.
async fn is_over(stage: &mut watch::Receiver<Stage>) {
    let _stage = stage.wait_for(|it| it.ends || it.doors.is_none()).await;
}

async fn acknowledged(
    load: &Load,
    told: Acknowledgement,
    memory: &mut Memory,
    under_way: &mut HashMap<u16, (Payload, bool)>,
) {
    let Some((payload, _)) = under_way.remove(&told.packet) else {
        return load.fault(format!("packet {} is acknowledged, and isn't under way", told.packet));
    };
    match told.reason {
        0 => {
            load.ledger.acknowledge(payload);
            memory.remember(payload);
        }
        0x97 => {
            load.refused.fetch_add(1, Ordering::Relaxed);
            memory.open.push_back(payload);
            tokio::time::sleep(AGAIN).await;
        }
        other => {
            memory.open.push_back(payload);
            load.fault(format!("a message is refused with 0x{other:02x}"));
        }
    }
}
