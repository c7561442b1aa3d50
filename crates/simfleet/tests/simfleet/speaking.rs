//! What a server hears that answers badly.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use longlead_simfleet::{Doors, Pace, Report, Sending, speak};

use super::{day, fleet};

type Answering = dyn Fn(TcpStream, &Heard) -> Option<()> + Send + Sync;

/// What a server acknowledged, with how often, and how many requests came.
#[derive(Default)]
struct Heard {
    readings: Mutex<BTreeMap<(String, u64, u64), usize>>,
    requests: AtomicUsize,
}

impl Heard {
    fn note(&self, stream: &str, reading: &serde_json::Value) {
        let number = |name: &str| reading[name].as_u64().unwrap();
        let key = format!("{} {stream}", reading["device"].as_str().unwrap());
        let key = (key, number("boot"), number("sequence"));
        *self.readings.lock().unwrap().entry(key).or_default() += 1;
    }

    fn request(&self) -> usize {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// A server on loopback, which stops when it is dropped.
struct Server {
    address: String,
    heard: Arc<Heard>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(answering: Arc<Answering>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (heard, is_over) = (Arc::new(Heard::default()), Arc::new(AtomicBool::new(false)));
        let (noted, ended) = (Arc::clone(&heard), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (answering, heard) = (Arc::clone(&answering), Arc::clone(&noted));
                // A thread for each connection, which ends with it.
                thread::spawn(move || answering(stream, &heard));
            }
        });
        Server { address, heard, is_over, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Takes bodies, but answers every fourth request with 429.
fn busy_http(stream: TcpStream, heard: &Heard) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut is_packed, mut path) = (0, false, String::new());
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(rest) = line.strip_prefix("POST /ingest/v1/") {
                path = rest.split(' ').next()?.to_owned();
            } else if let Some(rest) = line.strip_prefix("Content-Length: ") {
                length = rest.trim().parse().ok()?;
            }
            is_packed |= line.starts_with("Content-Encoding: gzip");
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let answer = if heard.request().is_multiple_of(4) {
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
                .to_owned()
        } else {
            let mut text = Vec::new();
            if is_packed {
                flate2::read::GzDecoder::new(body.as_slice()).read_to_end(&mut text).unwrap();
            } else {
                text = body;
            }
            let readings: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
            readings.iter().for_each(|reading| heard.note(&path, reading));
            let receipt = format!("{{\"rows\":{},\"duplicates\":0}}", readings.len());
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{receipt}", receipt.len())
        };
        reader.get_mut().write_all(answer.as_bytes()).ok()?;
    }
}

/// A packet: its first byte, and what stands after the length.
fn packet(reader: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut byte = [0];
    reader.read_exact(&mut byte).ok()?;
    let kind = byte[0];
    let (mut length, mut shift) = (0, 0);
    loop {
        reader.read_exact(&mut byte).ok()?;
        length |= usize::from(byte[0] & 0x7F) << shift;
        shift += 7;
        if byte[0] < 0x80 {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((kind, body))
}

/// Takes messages, but answers some with 0x97, and ends the connection instead of acknowledging
/// others that it has taken.
fn forgetful_mqtt(stream: TcpStream, heard: &Heard) -> Option<()> {
    let mut reader = BufReader::new(stream);
    packet(&mut reader).filter(|(kind, _)| *kind == 0x10)?;
    // It takes three messages at a time: receive maximum 3.
    reader.get_mut().write_all(&[0x20, 6, 0, 0, 3, 0x21, 0, 3]).ok()?;
    loop {
        let (kind, body) = packet(&mut reader)?;
        if kind != 0x32 {
            return None;
        }
        let topic_end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..topic_end].to_vec()).unwrap();
        let number = &body[topic_end..topic_end + 2];
        let request = heard.request();
        if request.is_multiple_of(7) {
            reader.get_mut().write_all(&[0x40, 3, number[0], number[1], 0x97]).ok()?;
            continue;
        }
        let reading: serde_json::Value = serde_json::from_slice(&body[topic_end + 3..]).unwrap();
        let levels: Vec<&str> = topic.split('/').collect();
        assert_eq!((levels[0], levels[1]), ("t", reading["device"].as_str().unwrap()));
        heard.note(levels[2], &reading);
        if request.is_multiple_of(11) {
            return None;
        }
        reader.get_mut().write_all(&[0x40, 2, number[0], number[1]]).ok()?;
    }
}

/// Plays six hours against a door, and checks that everything was heard at least once.
fn play(server: &Server, doors: &Doors) -> Report {
    let fleet = fleet(31, 12);
    let (from, to) = (day(70), day(70) + jiff::SignedDuration::from_hours(6));
    let sent: Vec<Sending> = fleet.run(from, to).collect();
    let told = AtomicUsize::new(0);
    let doors = Doors { connections: 4, attempts: 40, ..doors.clone() };
    let report = speak(fleet.run(from, to), from, Pace::Unbounded, &doors, &|_| {
        told.fetch_add(1, Ordering::Relaxed);
    });
    assert!(sent.len() > 200, "{}", sent.len());
    assert_eq!(report.sent, sent.len() as u64);
    assert_eq!((report.acknowledged, report.given_up), (report.sent, 0), "{report}");
    assert_eq!(told.load(Ordering::Relaxed), sent.len());
    let heard = server.heard.readings.lock().unwrap();
    for sending in &sent {
        let stream = format!("{} {}", sending.key.device, sending.key.stream.as_str());
        let key = (stream, sending.key.boot, sending.key.sequence);
        assert!(heard.contains_key(&key), "{key:?}");
    }
    report
}

#[test]
fn a_busy_http_door_gets_everything_in_the_end() {
    let server = Server::start(Arc::new(busy_http));
    let doors = Doors { http: Some(server.address.clone()), ..Doors::default() };
    let report = play(&server, &doors);
    assert!(report.refused.keys().eq(["HTTP 429"]), "{report}");
    assert!(report.redelivered > 0);
    assert_eq!(report.rows, report.sent);
    assert!(report.latency(0.5) <= report.latency(0.99) && report.latency(0.5).is_some());
}

#[test]
fn an_mqtt_door_that_forgets_gets_again_what_it_did_not_acknowledge() {
    let server = Server::start(Arc::new(forgetful_mqtt));
    let doors = Doors { mqtt: Some(server.address.clone()), ..Doors::default() };
    let report = play(&server, &doors);
    assert!(report.refused.contains_key("MQTT PUBACK 0x97"), "{report}");
    assert!(report.refused.keys().any(|reason| reason.starts_with("MQTT connection")), "{report}");
    assert!(report.redelivered > 0);
    let twice = server.heard.readings.lock().unwrap().values().filter(|it| **it > 1).count();
    assert!(twice > 0, "what was taken without an acknowledgement comes again");
}

/// Answers CONNECT with one reason code, and messages with another.
fn refusing_mqtt(stream: TcpStream, heard: &Heard, connack: u8, puback: u8) -> Option<()> {
    let mut reader = BufReader::new(stream);
    packet(&mut reader).filter(|(kind, _)| *kind == 0x10)?;
    reader.get_mut().write_all(&[0x20, 3, 0, connack, 0]).ok()?;
    if connack != 0 {
        heard.request();
        return None;
    }
    loop {
        let (kind, body) = packet(&mut reader)?;
        if kind != 0x32 {
            return None;
        }
        heard.request();
        let end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
        reader.get_mut().write_all(&[0x40, 3, body[end], body[end + 1], puback]).ok()?;
    }
}

#[test]
fn what_is_refused_for_good_is_not_sent_again() {
    let fleet = fleet(33, 3);
    let (from, to) = (day(70), day(70) + jiff::SignedDuration::from_hours(2));
    for (connack, puback, told) in [
        (0, 0x87, "MQTT PUBACK 0x87"),
        (0, 0x90, "MQTT PUBACK 0x90"),
        (0, 0x99, "MQTT PUBACK 0x99"),
        (0x87, 0, "MQTT connection ended with 0x87"),
    ] {
        let answering = move |stream, heard: &Heard| refusing_mqtt(stream, heard, connack, puback);
        let server = Server::start(Arc::new(answering));
        let mqtt = Some(server.address.clone());
        let doors = Doors { mqtt, attempts: 5, ..Doors::default() };
        let report = speak(fleet.run(from, to), from, Pace::Unbounded, &doors, &|_| ());
        assert!(report.refused.keys().eq([told]), "{report}");
        assert_eq!((report.acknowledged, report.redelivered), (0, 0), "{told}: {report}");
        let requests = server.heard.requests.load(Ordering::Relaxed) as u64;
        match connack {
            0 => assert_eq!(requests, report.sent, "{told}: each message came once"),
            _ => assert!(requests > 0 && requests <= report.sent, "{told}: {requests}"),
        }
    }
}

#[test]
fn a_door_that_is_closed_is_given_up_on() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let fleet = fleet(32, 2);
    let (from, to) = (day(70), day(70) + jiff::SignedDuration::from_hours(1));
    let doors = Doors { http: Some(address), attempts: 2, ..Doors::default() };
    let report = speak(fleet.run(from, to), from, Pace::Unbounded, &doors, &|_| ());
    assert!(report.sent > 0);
    assert_eq!((report.acknowledged, report.given_up), (0, report.sent), "{report}");
}
