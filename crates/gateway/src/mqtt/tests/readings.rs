//! Readings: when they are acknowledged, and what is told where they can't be kept.

use std::time::{Duration, Instant};

use longlead_stream::Refusal;

use super::{Client, Settings, broker_of, lasting, packet, text, v5, v311, with};
use crate::front::tests::{Keeper, Sight, of, open_front};

#[tokio::test]
async fn readings_are_acknowledged_once_they_are_kept() {
    let (keeper, front) = of(Keeper::slow(200), true);
    let broker = broker_of(&front).await;
    for hello in [v5("a"), v311("b")] {
        let mut client = Client::enter(&broker, hello).await;
        let start = Instant::now();
        client.publish(2, "t/CT-1/climate", 7, &[], br#"{"seq":1,"t":4.5}"#).await;
        let (first, body) = client.read().await;
        assert_eq!((first, body), (0x40, vec![0, 7]));
        assert!(start.elapsed() >= Duration::from_millis(200), "{:?}", start.elapsed());
    }
    assert_eq!(keeper.seen(), [Sight::new("climate", "CT-1"), Sight::new("climate", "CT-1")]);
}

#[tokio::test]
async fn many_messages_are_in_flight_and_acknowledged_in_order() {
    let (_, front) = of(Keeper::slow(100), true);
    let broker = broker_of(&front).await;
    let mut client = Client::enter(&broker, v5("a")).await;
    let start = Instant::now();
    for id in 1..=500 {
        client.publish(2, "t/CT-1/climate", id, &[], b"{\"t\":1}").await;
    }
    for id in 1..=500_u16 {
        let (first, body) = client.read().await;
        assert_eq!((first, body), (0x40, id.to_be_bytes().to_vec()));
    }
    // One at a time would take 50 s.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_format_is_told_by_content_type_or_by_the_first_bytes() {
    let (keeper, front) = open_front();
    let broker = broker_of(&front).await;
    let mut client = Client::enter(&broker, v5("a")).await;
    let mut cbor = vec![0x03];
    cbor.extend(text("application/cbor"));
    client.publish(2, "t/CT-1/a", 1, &cbor, &[0xa1, 0x61, b't', 0x01]).await;
    client.publish(2, "t/CT-1/b", 2, &[], br#"[{"bn":"CT-2:","n":"t","v":1}]"#).await;
    client.publish(2, "t/CT-1/c", 3, &[], b"d,device=CT-2 t=1").await;
    let uplink =
        br#"{"deviceInfo":{"devEui":"e"},"time":"2026-01-01T00:00:00Z","fCnt":1,"fPort":1}"#;
    client.publish(2, "application/x/device/e/event/up", 4, &[], uplink).await;
    let bomb = zstd::encode_all(&vec![b' '; 40 << 20][..], 3).expect("memory takes bytes");
    client.publish(2, "t/CT-1/f", 5, &[], &bomb).await;
    for id in 1..=5 {
        assert_eq!(client.read().await, (0x40, vec![0, id]));
    }
    let seen = [
        Sight::new("a", "CT-1"),
        Sight::new("b", "CT-2"),
        Sight::new("d", "CT-2"),
        Sight::new("lorawan_uplink", "e"),
        Sight::unreadable("line-protocol"),
    ];
    assert_eq!(keeper.seen(), seen);
}

#[tokio::test]
async fn overload_is_told_with_a_reason_code_and_never_by_silent_loss() {
    for refusal in [Refusal::Busy { retry_after_seconds: 1 }, Refusal::DiskFull, Refusal::TooLarge]
    {
        let (keeper, front) = open_front();
        keeper.refuse(refusal);
        let broker = broker_of(&front).await;
        let mut client = Client::enter(&broker, v5("a")).await;
        client.publish(2, "t/CT-1/a", 1, &[], b"{\"t\":1}").await;
        assert_eq!(client.read().await, (0x40, vec![0, 1, 0x97]), "{refusal:?}");
        client.publish(4, "t/CT-1/a", 2, &[], b"{\"t\":1}").await;
        assert_eq!(client.read().await, (0x50, vec![0, 2, 0x97]), "{refusal:?}");
        // 3.1.1 has no word for it, so that the connection ends without an acknowledgement.
        let mut client = Client::enter(&broker, v311("b")).await;
        client.publish(2, "t/CT-1/a", 1, &[], b"{\"t\":1}").await;
        assert_eq!(client.rest().await, []);
    }
    let (keeper, front) = open_front();
    keeper.refuse(Refusal::Closing);
    let mut client = Client::enter(&broker_of(&front).await, v5("a")).await;
    client.publish(2, "t/CT-1/a", 1, &[], b"{\"t\":1}").await;
    assert_eq!(client.rest().await, [(0xe0, vec![0x8b, 0])]);
}

#[tokio::test]
async fn a_message_marked_as_sent_again_is_taken_all_the_same() {
    let (keeper, front) = open_front();
    let broker = broker_of(&front).await;
    let mut client = Client::enter(&broker, v311("a")).await;
    // DUP is set on the first that this server ever sees.
    client.publish(0x0a, "t/CT-1/a", 1, &[], b"{\"t\":1}").await;
    client.publish(0x0a, "t/CT-1/a", 1, &[], b"{\"t\":2}").await;
    assert_eq!(client.read().await, (0x40, vec![0, 1]));
    assert_eq!(client.read().await, (0x40, vec![0, 1]));
    assert_eq!(keeper.payloads().len(), 2);
}

#[tokio::test]
async fn what_is_delivered_exactly_once_is_taken_once() {
    let (keeper, front) = open_front();
    let broker = broker_of(&front).await;
    let mut client = Client::enter(&broker, lasting("a", 100)).await;
    client.publish(4, "t/CT-1/a", 9, &[], b"{\"t\":1}").await;
    assert_eq!(client.read().await, (0x50, vec![0, 9]));
    drop(client);
    let mut client = Client::enter(&broker, lasting("a", 100)).await;
    client.publish(0x0c, "t/CT-1/a", 9, &[], b"{\"t\":1}").await;
    assert_eq!(client.read().await, (0x50, vec![0, 9]));
    client.send(&packet(0x62, &[0, 9])).await;
    assert_eq!(client.read().await, (0x70, vec![0, 9]));
    // Released, so that its release is unknown now, and the number stands for a new message.
    client.send(&packet(0x62, &[0, 9])).await;
    assert_eq!(client.read().await, (0x70, vec![0, 9, 0x92]));
    client.publish(4, "t/CT-1/a", 9, &[], b"{\"t\":2}").await;
    assert_eq!(client.read().await, (0x50, vec![0, 9]));
    assert_eq!(keeper.payloads().len(), 2);
}

#[tokio::test]
async fn more_than_the_receive_maximum_ends_the_connection() {
    let (_, front) = of(Keeper::slow(5000), true);
    let broker = with(&front, Settings { receive_maximum: 3, ..Settings::default() }).await;
    let (mut client, connack) = Client::connect(&broker, &v5("a"), None).await;
    assert!(connack.windows(3).any(|it| it == [0x21, 0, 3]), "{connack:?}");
    for id in 1..=4 {
        client.publish(2, "t/CT-1/a", id, &[], b"{\"t\":1}").await;
    }
    assert_eq!(client.read().await, (0xe0, vec![0x93, 0]));
}
