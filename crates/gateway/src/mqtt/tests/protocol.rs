//! Clients that break the protocol.

use std::time::Duration;

use super::{Client, Hello, Settings, broker_of, packet, text, v5, with};
use crate::front::tests::{Keeper, of, open_front};

#[tokio::test]
async fn a_client_that_is_not_read_for_a_while_is_not_silent() {
    let (_, front) = of(Keeper::slow(2500), true);
    let broker = with(&front, Settings { pending_max: 1, ..Settings::default() }).await;
    let mut client = Client::enter(&broker, Hello { keep_alive_seconds: 1, ..v5("a") }).await;
    client.publish(2, "t/CT-1/a", 1, &[], b"{\"t\":1}").await;
    // Once the server has this it reads no more until it is kept.
    tokio::time::sleep(Duration::from_millis(200)).await;
    client.send(&[0xc0, 0]).await;
    assert_eq!(client.read().await, (0x40, vec![0, 1]));
    assert_eq!(client.read().await, (0xd0, vec![]));
    // Silence is still told from it.
    assert_eq!(client.read().await, (0xe0, vec![0x8d, 0]));
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_connection_with_its_reason() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let twice = [0x21, 0, 1, 0x21, 0, 1].to_vec();
    let (_, connack) =
        Client::connect(&broker, &Hello { properties: twice, ..v5("a") }, None).await;
    assert_eq!(connack[1], 0x82, "a property twice");
    let (_, connack) = Client::connect(&broker, &Hello { level: 6, ..v5("a") }, None).await;
    assert_eq!(connack, [0, 1], "an unknown version");
    let body = |parts: &[&[u8]]| parts.concat();
    let cases: [(&str, Vec<u8>, u8); 12] = [
        ("a property twice", packet(0x30, &body(&[&text("t"), &[4, 1, 0, 1, 0]])), 0x82),
        (
            "a property of another packet",
            packet(0x30, &body(&[&text("t"), &[3, 0x21, 0, 1]])),
            0x82,
        ),
        ("a topic with a wildcard", packet(0x30, &body(&[&text("t/#"), &[0]])), 0x90),
        ("a number of 0", packet(0x32, &body(&[&text("t"), &[0, 0, 0]])), 0x82),
        ("a quality of service of 3", packet(0x36, &body(&[&text("t"), &[0, 1, 0]])), 0x81),
        ("a topic that is no UTF-8", packet(0x30, &[0, 1, 0xff, 0]), 0x81),
        ("a subscription to nothing", packet(0x82, &[0, 1, 0]), 0x82),
        ("reserved flags", packet(0x80, &body(&[&[0, 1, 0], &text("t"), &[0]])), 0x81),
        ("a retain handling of 3", packet(0x82, &body(&[&[0, 1, 0], &text("t"), &[0x30]])), 0x82),
        ("no local, shared", packet(0x82, &body(&[&[0, 1, 0], &text("$share/g/t"), &[4]])), 0x82),
        ("an alias that was never told", packet(0x30, &[0, 0, 3, 0x23, 0, 1]), 0x82),
        ("an alias beyond the highest", packet(0x30, &body(&[&text("t"), &[3, 0x23, 1, 0]])), 0x94),
    ];
    for (what, bytes, code) in cases {
        let mut client = Client::enter(&broker, v5("a")).await;
        client.send(&bytes).await;
        assert_eq!(client.rest().await, [(0xe0, vec![code, 0])], "{what}");
    }
    let mut client = Client::enter(&broker, v5("a")).await;
    client.send(&[0xe0, 7, 0, 5, 0x11, 0, 0, 0, 9]).await;
    assert_eq!(client.rest().await, [(0xe0, vec![0x82, 0])], "a session made to last at its end");
    let mut client = Client::enter(&broker, v5("a")).await;
    client.send(&[0x30, 0xff, 0xff, 0xff, 0x7f]).await;
    assert_eq!(client.rest().await, [(0xe0, vec![0x95, 0])], "a packet of 256 MiB");
}
