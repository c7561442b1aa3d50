use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::front::Front;
use crate::front::tests::{Keeper, front, open_front};
use crate::http::{router, serve_plain};
use crate::mqtt::{Broker, Settings};

/// A plain door, and its address.
async fn door(of: (Arc<Keeper>, Arc<Front>)) -> (Arc<Keeper>, std::net::SocketAddr) {
    door_with(of, Settings::default()).await
}

async fn door_with(
    (keeper, front): (Arc<Keeper>, Arc<Front>),
    settings: Settings,
) -> (Arc<Keeper>, std::net::SocketAddr) {
    let broker = Broker::open(Arc::clone(&front), settings, None).expect("no file");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(serve_plain(router(front, Some(broker)), listener, false));
    (keeper, address)
}

/// Asks for a WebSocket, and gives the head of the answer. The key is that of section 1.3.
async fn shake(address: std::net::SocketAddr, more: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.expect("the door listens");
    let request = format!(
        "GET /mqtt HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
         Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Version: 13\r\n{more}\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut head = Vec::new();
    let reading = async {
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("it answers"));
        }
    };
    timeout(Duration::from_secs(10), reading).await.expect("it answers");
    (stream, String::from_utf8(head).expect("UTF-8"))
}

async fn open(address: std::net::SocketAddr) -> TcpStream {
    let (stream, head) = shake(address, "Sec-WebSocket-Protocol: mqtt\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ ..=125 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The next frame: its first byte and its payload.
async fn next(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let reading = async {
        let first = stream.read_u8().await.expect("a frame comes");
        let length = match stream.read_u8().await.expect("a frame comes") {
            126 => stream.read_u16().await.expect("a frame comes"),
            length => u16::from(length),
        };
        let mut payload = vec![0; usize::from(length)];
        stream.read_exact(&mut payload).await.expect("a frame comes");
        (first, payload)
    };
    timeout(Duration::from_secs(10), reading).await.expect("a frame comes")
}

const CONNECT: &[u8] = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a";

#[tokio::test]
async fn mqtt_is_spoken_in_frames_wherever_they_are_cut() {
    let (keeper, address) = door(open_front()).await;
    let (mut stream, head) = shake(address, "Sec-WebSocket-Protocol: chat, mqtt\r\n").await;
    assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(head.contains("sec-websocket-protocol: mqtt\r\n"), "{head}");
    let payload = format!(r#"{{"t":1{}}}"#, " ".repeat(300));
    let topic = b"\x00\x0dt/CT-1/spoken\x00\x01\x00";
    let mut publish = vec![0x32];
    let length = topic.len() + payload.len();
    publish.extend([(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]);
    publish.extend(topic);
    publish.extend(payload.as_bytes());
    // CONNECT in two frames of one message, with a ping between them, and PUBLISH beginning in the
    // message in which CONNECT ends.
    let end = [&CONNECT[5..], &publish[..7]].concat();
    let frames = [
        frame(0x02, &CONNECT[..5]),
        frame(0x89, b"there?"),
        frame(0x80, &end),
        frame(0x82, &publish[7..]),
    ];
    stream.write_all(&frames.concat()).await.expect("the server reads");
    let (mut answered, mut pong) = (Vec::new(), None);
    while answered.len() < 4 || !answered.ends_with(&[0x40, 2, 0, 1]) {
        match next(&mut stream).await {
            (0x82, bytes) => answered.extend(bytes),
            (first, bytes) => pong = Some((first, bytes)),
        }
    }
    assert_eq!(answered.first(), Some(&0x20), "CONNACK comes first");
    assert_eq!(pong, Some((0x8a, b"there?".to_vec())));
    assert_eq!(keeper.reasons(), Vec::<&str>::new(), "the reading is whole");
    stream.write_all(&frame(0x88, &[])).await.expect("the server reads");
    assert_eq!(next(&mut stream).await, (0x88, 1000_u16.to_be_bytes().to_vec()));
}

#[tokio::test]
async fn what_is_no_websocket_for_mqtt_is_refused() {
    let (_, address) = door(open_front()).await;
    for more in ["", "Sec-WebSocket-Protocol: chat\r\n"] {
        let (_, head) = shake(address, more).await;
        assert!(head.starts_with("HTTP/1.1 426 "), "{head}");
    }
    for (frames, code) in [
        (frame(0x81, b"text"), 1003_u16),
        (vec![0x82, 1, 7], 1002),
        (frame(0xc2, b"reserved"), 1002),
        (frame(0x80, b"nothing to continue"), 1002),
        (frame(0x09, b"a ping in parts"), 1002),
        ([frame(0x02, b""), frame(0x82, b"")].concat(), 1002),
    ] {
        let mut stream = open(address).await;
        stream.write_all(&frames).await.expect("the server reads");
        assert_eq!(next(&mut stream).await, (0x88, code.to_be_bytes().to_vec()), "{frames:?}");
    }
    // A frame of 2^63 bytes is taken as it comes, and ends as MQTT does.
    let mut stream = open(address).await;
    let mut endless = vec![0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
    endless.extend([0xff; 64]);
    stream.write_all(&endless).await.expect("the server reads");
    assert_eq!(next(&mut stream).await.0, 0x88);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_pings_without_end_puts_no_deadline_off() {
    let settings = Settings { greeting_timeout: Duration::from_millis(300), ..Settings::default() };
    let (_, address) = door_with(open_front(), settings).await;
    // It never says CONNECT.
    let (mut reader, mut writer) = open(address).await.into_split();
    let flood = tokio::spawn(async move {
        let pings = frame(0x89, b"").repeat(4 << 10);
        while writer.write_all(&pings).await.is_ok() {}
    });
    let reading = async {
        let mut buffer = vec![0; 64 << 10];
        let mut answered = 0;
        while let Ok(length @ 1..) = reader.read(&mut buffer).await {
            answered += length;
        }
        answered
    };
    let answered = timeout(Duration::from_secs(10), reading).await.expect("it ends");
    assert!(answered > 0, "until then it is answered");
    flood.abort();
}

#[tokio::test]
async fn a_page_of_another_site_may_not_speak_where_nobody_is_asked() {
    let mqtt = "Sec-WebSocket-Protocol: mqtt\r\n";
    let foreign = format!("{mqtt}Origin: https://elsewhere.example\r\n");
    let (_, address) = door(open_front()).await;
    let (_, head) = shake(address, &foreign).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    let (_, head) = shake(address, &format!("{mqtt}Origin: http://{address}\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // Elsewhere a page needs a token as anyone does.
    let (_, address) = door(front()).await;
    let (mut stream, head) = shake(address, &foreign).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    stream.write_all(&frame(0x82, CONNECT)).await.expect("the server reads");
    let (_, connack) = next(&mut stream).await;
    assert_eq!(connack.get(3), Some(&0x87), "{connack:?}");
}
