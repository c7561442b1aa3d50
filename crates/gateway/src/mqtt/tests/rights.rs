//! Who may have what, while it changes.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::{Broker, Client, Hello, broker_of, command, lasting, packet, v5};
use crate::front::tests::{Keeper, open_front, with};
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
/// that it gets. Meanwhile `then` happens.
async fn last_word(
    front: &std::sync::Arc<Front>,
    until: Option<Instant>,
    then: impl AsyncFn(&Broker),
) -> Vec<u8> {
    let broker = broker_of(front).await;
    let (stream, theirs) = tokio::io::duplex(1 << 20);
    let shown = Shown { peer: device("CT-1"), until, ..Shown::default() };
    let serving = std::sync::Arc::clone(&broker);
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
    let both = async { tokio::join!(reading, then(&broker)).0 };
    let last = timeout(Duration::from_secs(10), both).await.expect("it ends");
    flood.abort();
    last
}

#[tokio::test]
async fn a_client_that_never_stops_sending_puts_nothing_off() {
    let (_, front) = open_front();
    let soon = Instant::now() + Duration::from_millis(300);
    let nothing = async |_: &Broker| {};
    assert_eq!(last_word(&front, Some(soon), nothing).await, [0xe0, 2, 0x87, 0], "certificate");
    let wait = || tokio::time::sleep(Duration::from_millis(300));
    let revoked = async |broker: &Broker| {
        wait().await;
        broker.revoke("CT-1");
    };
    assert_eq!(last_word(&front, None, revoked).await, [0xe0, 2, 0x98, 0], "revocation");
    let closed = async |broker: &Broker| {
        wait().await;
        broker.close();
    };
    assert_eq!(last_word(&front, None, closed).await, [0xe0, 2, 0x8b, 0], "the server's end");
}
