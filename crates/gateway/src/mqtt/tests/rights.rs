//! Who may have what, while it changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::commands::command;
use super::{Broker, Client, Hello, broker_of, lasting, packet, text, v5, v311};
use crate::front::tests::{Keeper, front, open_front, with};
use crate::front::{Front, Peer};
use crate::identity::Shown;
use crate::mqtt::CommandEnd::Delivered;

fn device(serial: &str) -> Option<Peer> {
    Some(Peer::Device(serial.into()))
}

impl Client {
    /// Takes the next message and says so.
    async fn take(&mut self) -> String {
        let (_, _, id, _, payload) = self.message().await;
        self.send(&packet(0x40, &id.to_be_bytes())).await;
        payload
    }

    async fn disconnect(mut self) {
        self.send(&[0xe0, 0]).await;
        assert_eq!(self.rest().await, []);
    }
}

#[tokio::test]
async fn a_gateway_has_no_part_in_the_commands_for_a_child_that_was_taken_from_it() {
    let (_, registry, front) = with(Keeper::default(), false);
    let broker = broker_of(&front).await;
    let mut ends = broker.command_ends();
    let child = "GW-1.child";
    let filter = [("c/GW-1.child/#", 1)];
    let (mut gateway, _) = Client::connect(&broker, &lasting("a", 100), device("GW-1")).await;
    assert_eq!(gateway.subscribe(&filter).await, [1]);
    let (mut asleep, _) = Client::connect(&broker, &lasting("b", 100), device("GW-1")).await;
    assert_eq!(asleep.subscribe(&filter).await, [1]);
    asleep.disconnect().await;
    for number in [1, 2] {
        assert!(broker.command(command(number, child, 100)).await);
    }
    let (_, _, first, _, payload) = gateway.message().await;
    assert_eq!((payload.as_str(), gateway.message().await.4.as_str()), ("1", "2"));
    registry.take(child);
    gateway.send(&packet(0x40, &first.to_be_bytes())).await;
    assert!(broker.command(command(3, child, 100)).await);
    assert!(gateway.is_silent().await, "it gets no more of them");
    assert!(ends.try_recv().is_err(), "and its word doesn't end them");
    let token = Hello { password: Some("system-token"), ..v5("system") };
    let (mut system, _) = Client::connect(&broker, &token, None).await;
    system.publish(2, "c/GW-1.child/do", 1, &[], b"x").await;
    assert_eq!(system.read().await, (0x40, vec![0, 1, 0x10]), "nobody has subscribed who may");
    // What it had not acknowledged, and what waited for it, isn't sent either.
    drop(gateway);
    let (mut gateway, connack) = Client::connect(&broker, &lasting("a", 100), device("GW-1")).await;
    assert_eq!(connack[0], 1, "the session is there");
    assert!(gateway.is_silent().await);
    let (mut awake, _) = Client::connect(&broker, &lasting("b", 100), device("GW-1")).await;
    assert!(awake.is_silent().await);
    assert_eq!(awake.subscribe(&filter).await, [0x87]);
    awake.disconnect().await;
    // They waited for the child.
    let (mut own, _) = Client::connect(&broker, &lasting("own", 100), device(child)).await;
    own.subscribe(&filter).await;
    for number in 1..=3 {
        assert_eq!(own.take().await, number.to_string());
        assert_eq!(ends.recv().await, Some((number, Delivered)));
    }
    own.disconnect().await;
    // Once it is given back, the gateway gets what waits.
    assert!(broker.command(command(4, child, 100)).await);
    assert!(gateway.is_silent().await);
    registry.give_back(child);
    broker.entrust(&BTreeSet::from(["GW-1".into()]));
    assert_eq!(gateway.take().await, "4");
    assert_eq!(ends.recv().await, Some((4, Delivered)));
}

/// Connects a client that asks whether the server is there without end, and gives the last packet
/// that it gets. After a while `then` happens.
async fn last_word(front: &Arc<Front>, until: Option<Instant>, then: fn(&Broker)) -> Vec<u8> {
    let broker = broker_of(front).await;
    let (stream, theirs) = tokio::io::duplex(1 << 20);
    let shown = Shown { peer: device("CT-1"), until, ..Shown::default() };
    let serving = Arc::clone(&broker);
    tokio::spawn(async move { serving.serve_shown(theirs, shown).await });
    let (mut reader, mut writer) = tokio::io::split(stream);
    writer.write_all(&v5("flood").bytes()).await.expect("the server reads");
    let flood = tokio::spawn(async move {
        let pings = [0xc0, 0].repeat(16 << 10);
        while writer.write_all(&pings).await.is_ok() {}
    });
    let reading = async {
        let (mut last, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
        while let Ok(length @ 1..) = reader.read(&mut buffer).await {
            last.extend(&buffer[..length]);
            last.drain(..last.len().saturating_sub(4));
        }
        last
    };
    let happening = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        then(&broker);
    };
    let both = async { tokio::join!(reading, happening).0 };
    let last = timeout(Duration::from_secs(10), both).await.expect("it ends");
    flood.abort();
    last
}

#[tokio::test]
async fn a_client_that_never_stops_sending_puts_nothing_off() {
    let (_, front) = open_front();
    let soon = Instant::now() + Duration::from_millis(300);
    let certificate = last_word(&front, Some(soon), |_| {}).await;
    assert_eq!(certificate, [0xe0, 2, 0x87, 0]);
    let revoked = last_word(&front, None, |broker| broker.revoke("CT-1")).await;
    assert_eq!(revoked, [0xe0, 2, 0x98, 0]);
    let closed = last_word(&front, None, Broker::close).await;
    assert_eq!(closed, [0xe0, 2, 0x8b, 0]);
}

#[tokio::test]
async fn each_filter_has_its_own_answer() {
    let (_, front) = front();
    let broker = broker_of(&front).await;
    let peer = Some(Peer::Device("CT-1".into()));
    let filters = [("c/CT-1/#", 1), ("c/CT-2/#", 1), ("c/CT-1/#/x", 0), ("$share/g/c/CT-1/+", 2)];
    let (mut device, _) = Client::connect(&broker, &v5("a"), peer.clone()).await;
    assert_eq!(device.subscribe(&filters).await, [1, 0x87, 0x8f, 2]);
    let (mut device, _) = Client::connect(&broker, &v311("b"), peer).await;
    assert_eq!(device.subscribe(&filters).await, [1, 0x80, 0x80, 2]);
    let unsubscribe = [&[0, 2][..], &text("c/CT-1/#")].concat();
    device.send(&packet(0xa2, &unsubscribe)).await;
    assert_eq!(device.read().await, (0xb0, vec![0, 2]));
}

#[tokio::test]
async fn a_device_is_who_its_certificate_says_and_nobody_else() {
    let (keeper, front) = front();
    let broker = broker_of(&front).await;
    let device = |serial: &str| Some(Peer::Device(serial.into()));
    for (peer, password, code) in [
        (None, None, 0x87),
        (None, Some("guess"), 0x87),
        (None, Some("system-token"), 0),
        (device("unknown"), None, 0x87),
        (device("CT-1"), None, 0),
    ] {
        let hello = Hello { password, ..v5("a") };
        let (_, connack) = Client::connect(&broker, &hello, peer.clone()).await;
        assert_eq!(connack[1], code, "{peer:?} {password:?}");
    }
    let (mut client, _) = Client::connect(&broker, &v5("a"), device("CT-1")).await;
    client.publish(2, "t/CT-2/a", 1, &[], b"{\"t\":1}").await;
    assert_eq!(client.read().await, (0x40, vec![0, 1, 0x87]));
    client.publish(2, "c/CT-1/reboot", 2, &[], b"now").await;
    assert_eq!(client.read().await, (0x40, vec![0, 2, 0x87]));
    // The payload names another device than the topic.
    client.publish(2, "t/CT-1/spoken", 3, &[], br#"{"device":"CT-2","t":1}"#).await;
    assert_eq!(client.read().await, (0x40, vec![0, 3]));
    assert_eq!(keeper.reasons(), ["not-its-device"]);
    // Another device with the same client identifier has a session of its own.
    let (mut other, connack) = Client::connect(&broker, &v5("a"), device("CT-2")).await;
    assert_eq!(connack[1], 0);
    assert!(client.is_silent().await, "it isn't taken over");
    broker.revoke("CT-1");
    assert_eq!(client.rest().await, [(0xe0, vec![0x98, 0])]);
    assert!(other.is_silent().await);
}

#[tokio::test]
async fn a_plain_listener_refuses_an_address_that_others_reach() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.expect("a port");
    let refused = broker.serve_plain(listener, false).await;
    assert_eq!(refused.expect_err("refused").kind(), std::io::ErrorKind::PermissionDenied);
}
