//! Messages among clients: to whom they go, shared and retained ones.

use std::time::Duration;

use super::{Client, Settings, broker_of, lasting, text, v5, v311, with};
use crate::front::tests::open_front;

#[tokio::test]
async fn a_message_that_nobody_wants_is_acknowledged_with_success() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut client = Client::enter(&broker, v5("a")).await;
    client.publish(2, "news/today", 1, &[], b"x").await;
    assert_eq!(client.read().await, (0x40, vec![0, 1, 0x10]));
    let mut old = Client::enter(&broker, v311("b")).await;
    old.publish(2, "news/today", 1, &[], b"x").await;
    assert_eq!(old.read().await, (0x40, vec![0, 1]));
}

#[tokio::test]
async fn a_shared_message_is_one_members_own_and_never_retained() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut system = Client::enter(&broker, v5("system")).await;
    system.publish(3, "work", 1, &[], b"before").await;
    assert_eq!(system.read().await.0, 0x40);
    let mut members = Vec::new();
    for name in ["one", "two"] {
        let mut member = Client::enter(&broker, lasting(name, 100)).await;
        assert_eq!(member.subscribe(&[("$share/g/work", 1)]).await, [1]);
        members.push(member);
    }
    for member in &mut members {
        assert!(member.is_silent().await, "what was retained is for nobody of a group");
    }
    for (id, payload) in [(2_u16, "a"), (3, "b"), (4, "c"), (5, "d")] {
        system.publish(2, "work", id, &[], payload.as_bytes()).await;
        assert_eq!(system.read().await, (0x40, vec![0, id as u8]));
    }
    let mut got = Vec::new();
    for member in &mut members {
        for _ in 0..2 {
            got.push(member.message().await.4);
        }
    }
    got.sort();
    assert_eq!(got, ["a", "b", "c", "d"], "each to one, in turn");
    // One goes: what was sent to it waits for it (MQTT-4.8.2-5), and new work is the other's.
    let away = members.remove(0);
    drop(away);
    tokio::time::sleep(Duration::from_millis(100)).await;
    system.publish(2, "work", 6, &[], b"e").await;
    assert_eq!(system.read().await, (0x40, vec![0, 6]));
    assert_eq!(members[0].message().await.4, "e");
    assert!(members[0].is_silent().await);
    let mut back = Client::enter(&broker, lasting("one", 100)).await;
    for _ in 0..2 {
        assert_eq!(back.message().await.0 & 8, 8, "its own, again");
    }
    assert!(back.is_silent().await);
}

#[tokio::test]
async fn messages_reach_those_who_subscribed() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut all = Client::enter(&broker, v5("all")).await;
    // Two filters that match: one message with the higher quality of service.
    all.subscribe(&[("a/#", 0), ("a/+/c", 1), ("no/local", 4)]).await;
    let mut members = Vec::new();
    for name in ["one", "two"] {
        let mut member = Client::enter(&broker, v311(name)).await;
        member.subscribe(&[("$share/g/a/b/c", 0)]).await;
        members.push(member);
    }
    let mut system = Client::enter(&broker, v5("system")).await;
    let mut alias = vec![0x23, 0, 5, 0x26];
    alias.extend([text("key"), text("value")].concat());
    system.publish(2, "a/b/c", 1, &alias, b"1").await;
    system.publish(2, "", 2, &alias, b"2").await;
    for expected in ["1", "2"] {
        let (flags, topic, _, of, payload) = all.message().await;
        assert_eq!((flags, topic.as_str(), payload.as_str()), (2, "a/b/c", expected));
        assert_eq!(of, [vec![0x26], text("key"), text("value")].concat());
    }
    for member in &mut members {
        let (flags, .., payload) = member.message().await;
        assert_eq!(flags, 0);
        assert!(["1", "2"].contains(&payload.as_str()));
        assert!(member.is_silent().await, "each message goes to one of the group");
    }
    all.publish(0, "no/local", 0, &[], b"3").await;
    assert!(all.is_silent().await, "it doesn't want its own");
}

#[tokio::test]
async fn a_retained_message_meets_those_who_come_later() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut system = Client::enter(&broker, v5("system")).await;
    system.publish(1, "a/b", 0, &[], b"1").await;
    system.publish(1, "a/c", 0, &[], b"2").await;
    system.publish(1, "a/c", 0, &[], b"").await;
    system.publish(3, "a", 1, &[], b"3").await;
    assert_eq!(system.read().await.0, 0x40);
    let mut late = Client::enter(&broker, v5("late")).await;
    late.subscribe(&[("a/#", 1)]).await;
    let mut met = [late.message().await, late.message().await].map(|it| (it.0 & 1, it.1, it.4));
    met.sort();
    assert_eq!(met, [(1, "a".to_owned(), "3".to_owned()), (1, "a/b".to_owned(), "1".to_owned())]);
    assert!(late.is_silent().await);
    late.subscribe(&[("a/#", 0x11)]).await;
    assert!(late.is_silent().await, "it had that subscription");
    late.subscribe(&[("a/#", 0x01)]).await;
    assert_eq!(late.message().await.0 & 1, 1);
}

#[tokio::test]
async fn a_full_queue_is_told_to_who_sends() {
    let (_, front) = open_front();
    let broker = with(&front, Settings { queue_max: 2, ..Settings::default() }).await;
    let mut device = Client::enter(&broker, lasting("device", 100)).await;
    device.subscribe(&[("c/CT-1/#", 1)]).await;
    device.send(&[0xe0, 0]).await;
    assert_eq!(device.rest().await, []);
    let mut system = Client::enter(&broker, v5("system")).await;
    for (id, code) in [(1, None), (2, None), (3, Some(0x97))] {
        system.publish(2, "c/CT-1/do", u16::from(id), &[], b"x").await;
        let expected: Vec<u8> = [0, id].into_iter().chain(code).collect();
        assert_eq!(system.read().await, (0x40, expected));
    }
}
