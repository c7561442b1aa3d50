//! What outlives a connection, and how much a client is sent at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{Broker, Client, Hello, Settings, broker_of, lasting, packet, v5, with};
use crate::front::tests::open_front;

#[tokio::test]
async fn a_message_is_sent_again_only_on_reconnect_with_its_number_and_the_mark() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut device = Client::enter(&broker, lasting("device", 100)).await;
    assert_eq!(device.subscribe(&[("c/CT-1/#", 1)]).await, [1]);
    let mut system = Client::enter(&broker, v5("system")).await;
    system.publish(2, "c/CT-1/reboot", 1, &[], b"now").await;
    assert_eq!(system.read().await, (0x40, vec![0, 1]));
    let (flags, topic, id, _, payload) = device.message().await;
    assert_eq!((flags, topic.as_str(), payload.as_str()), (2, "c/CT-1/reboot", "now"));
    assert!(device.is_silent().await, "nothing is sent again on the same connection");
    drop(device);
    let (mut device, connack) = Client::connect(&broker, &lasting("device", 100), None).await;
    assert_eq!(connack[0], 1, "the session is there");
    let (flags, _, again, _, payload) = device.message().await;
    assert_eq!((flags, again, payload.as_str()), (0x0a, id, "now"));
    // 0x10 says that nobody had subscribed there: the client is done with it.
    device.send(&packet(0x40, &[again.to_be_bytes().as_slice(), &[0x10]].concat())).await;
    assert!(device.is_silent().await);
    drop(device);
    let mut device = Client::enter(&broker, lasting("device", 100)).await;
    assert!(device.is_silent().await, "what was acknowledged isn't sent again");
}

#[tokio::test]
async fn a_session_that_is_shortened_is_told_so() {
    let (_, front) = open_front();
    let settings = Settings { session_expiry_seconds_max: 60, ..Settings::default() };
    let broker = with(&front, settings).await;
    let has = |connack: &[u8]| connack.windows(5).any(|it| it == [0x11, 0, 0, 0, 60]);
    let (_, connack) = Client::connect(&broker, &lasting("a", 3600), None).await;
    assert!(has(&connack), "{connack:?}");
    let (_, connack) = Client::connect(&broker, &lasting("b", 60), None).await;
    assert!(!connack.contains(&0x11), "what was asked for isn't told again: {connack:?}");
}

#[tokio::test]
async fn waiting_commands_and_retained_messages_outlive_the_server_and_age_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mqtt.log");
    let (_, front) = open_front();
    let open = || Broker::open(Arc::clone(&front), Settings::default(), Some(&file));
    let expiry = |seconds: u8| vec![0x02, 0, 0, 0, seconds];
    let broker = open().expect("the file is made");
    let mut device = Client::enter(&broker, lasting("device", 100)).await;
    device.subscribe(&[("c/CT-1/#", 2)]).await;
    device.send(&[0xe0, 0]).await;
    assert_eq!(device.rest().await, []);
    let mut system = Client::enter(&broker, v5("system")).await;
    for (id, seconds, payload) in [(1, 100, "lives"), (2, 1, "dies")] {
        system.publish(2, "c/CT-1/do", id, &expiry(seconds), payload.as_bytes()).await;
        assert_eq!(system.read().await, (0x40, vec![0, id as u8]));
    }
    system.publish(3, "news", 3, &expiry(100), b"kept").await;
    assert_eq!(system.read().await, (0x40, vec![0, 3, 0x10]));
    system.publish(3, "old", 4, &expiry(1), b"gone").await;
    assert_eq!(system.read().await.1[..2], [0, 4]);
    broker.close();
    drop((system, broker));
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let broker = open().expect("the file is read");
    let (mut device, connack) = Client::connect(&broker, &lasting("device", 100), None).await;
    assert_eq!(connack[0], 1, "the session is there");
    let (flags, _, _, of, payload) = device.message().await;
    assert_eq!((flags, payload.as_str(), of[0]), (2, "lives", 0x02));
    assert!((50..=98).contains(&of[4]), "some of its 100 s are over: {of:?}");
    assert!(device.is_silent().await, "what has expired isn't sent");
    assert_eq!(device.subscribe(&[("news", 1), ("old", 1)]).await, [1, 1]);
    let (flags, topic, _, of, payload) = device.message().await;
    assert_eq!((flags & 1, topic.as_str(), payload.as_str()), (1, "news", "kept"));
    assert!((50..=98).contains(&of[4]), "some of its 100 s are over: {of:?}");
    assert!(device.is_silent().await);
}

#[tokio::test]
async fn a_client_gets_no_more_than_it_takes() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let hello = Hello { properties: vec![0x21, 0, 2], ..v5("slow") };
    let mut slow = Client::enter(&broker, hello).await;
    slow.subscribe(&[("news", 1)]).await;
    let mut system = Client::enter(&broker, v5("system")).await;
    for id in 1..=4 {
        system.publish(2, "news", id, &[], id.to_string().as_bytes()).await;
    }
    let mut ids = Vec::new();
    for expected in ["1", "2"] {
        let (_, _, id, _, payload) = slow.message().await;
        assert_eq!(payload, expected);
        ids.push(id);
    }
    assert!(slow.is_silent().await);
    slow.send(&packet(0x40, &ids[0].to_be_bytes())).await;
    assert_eq!(slow.message().await.4, "3");
    assert!(slow.is_silent().await);
}

#[tokio::test]
async fn a_second_connection_takes_the_session_over() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut first = Client::enter(&broker, lasting("a", 100)).await;
    let (_second, connack) = Client::connect(&broker, &lasting("a", 100), None).await;
    assert_eq!(connack[0], 1);
    assert_eq!(first.rest().await, [(0xe0, vec![0x8e, 0])]);
    let (_, connack) =
        Client::connect(&broker, &Hello { is_clean: true, ..lasting("a", 100) }, None).await;
    assert_eq!(connack[0], 0, "a clean start has no session before it");
}

#[tokio::test]
async fn a_silent_client_is_let_go() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut bytes = v5("a").bytes();
    // The keep-alive stands after the name of the protocol, its level and the flags.
    bytes[11] = 1;
    let (stream, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move { broker.serve(theirs, None).await });
    let mut client = Client { stream, buffer: Vec::new(), is_v5: true, early: VecDeque::new() };
    client.send(&bytes).await;
    assert_eq!(client.read().await.0, 0x20);
    client.send(&[0xc0, 0]).await;
    assert_eq!(client.read().await, (0xd0, vec![]));
    assert_eq!(client.rest().await, [(0xe0, vec![0x8d, 0])]);
}
