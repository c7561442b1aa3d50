//! Commands, until it is noted what became of them.

use std::sync::Arc;
use std::time::Duration;

use super::{Broker, Client, Hello, Settings, lasting, packet, text, v5};
use crate::front::Peer;
use crate::front::tests::front;
use crate::mqtt::Command;
use crate::mqtt::CommandEnd::{Delivered, Expired, Refused};

pub(super) fn command(number: i64, device: &str, seconds: i64) -> Command {
    let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    let (device, name) = (device.to_owned(), "reboot".to_owned());
    Command { number, device, name, payload: format!("{number}"), expires }
}

#[tokio::test]
async fn a_command_waits_for_its_device_whether_that_was_ever_there_or_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mqtt.log");
    let (_, front) = front();
    let open = || Broker::open(Arc::clone(&front), Settings::default(), Some(&file));
    let broker = open().expect("the file is made");
    let mut ends = broker.command_ends();
    let token = Hello { password: Some("system-token"), ..v5("watch") };
    let mut watch = Client::enter(&broker, token).await;
    watch.subscribe(&[("c/#", 1)]).await;
    // The device was never here; a system that looks on isn't it.
    assert!(broker.command(command(1, "CT-1", 100)).await);
    assert!(broker.command(command(1, "CT-1", 100)).await, "it is there already");
    let (_, topic, id, of, payload) = watch.message().await;
    assert_eq!((topic.as_str(), payload.as_str()), ("c/CT-1/reboot", "1"));
    let answers = text("a/CT-1/reboot");
    assert!(of.windows(answers.len()).any(|it| it == answers), "where to answer: {of:?}");
    watch.send(&packet(0x40, &id.to_be_bytes())).await;
    assert!(watch.is_silent().await);
    assert!(ends.try_recv().is_err());
    broker.close();
    drop((watch, broker));
    let broker = open().expect("the file is read");
    let mut ends = broker.command_ends();
    let ct1 = Some(Peer::Device("CT-1".into()));
    let (mut device, _) = Client::connect(&broker, &lasting("a", 100), ct1).await;
    device.subscribe(&[("c/CT-1/#", 1)]).await;
    let (_, _, id, _, payload) = device.message().await;
    assert_eq!(payload, "1", "it waited over the restart");
    device.subscribe(&[("c/CT-1/#", 1)]).await;
    assert!(device.is_silent().await, "it is under way, and isn't queued twice");
    device.send(&packet(0x40, &id.to_be_bytes())).await;
    assert_eq!(ends.recv().await, Some((1, Delivered)));
}

#[tokio::test]
async fn how_a_command_ended_is_told_until_it_is_noted() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mqtt.log");
    let (_, front) = front();
    let open = || Broker::open(Arc::clone(&front), Settings::default(), Some(&file));
    let broker = open().expect("the file is made");
    let mut ends = broker.command_ends();
    let ct1 = Some(Peer::Device("CT-1".into()));
    let (mut device, _) = Client::connect(&broker, &lasting("a", 100), ct1.clone()).await;
    device.subscribe(&[("c/CT-1/#", 1)]).await;
    device.send(&[0xe0, 0]).await;
    assert_eq!(device.rest().await, []);
    // While it sleeps.
    for (number, seconds) in [(2, 100), (3, 1)] {
        assert!(broker.command(command(number, "CT-1", seconds)).await);
    }
    assert_eq!(ends.recv().await, Some((3, Expired)));
    let (mut device, _) = Client::connect(&broker, &lasting("a", 100), ct1).await;
    let (_, _, id, _, payload) = device.message().await;
    assert_eq!(payload, "2");
    device.send(&packet(0x40, &[id.to_be_bytes().as_slice(), &[0x83, 0]].concat())).await;
    assert_eq!(ends.recv().await, Some((2, Refused)));
    assert!(device.is_silent().await);
    // A command that is sent at most once is over when it is sent.
    let ct2 = Some(Peer::Device("CT-2".into()));
    let (mut other, _) = Client::connect(&broker, &v5("b"), ct2).await;
    other.subscribe(&[("c/CT-2/#", 0)]).await;
    assert!(broker.command(command(4, "CT-2", 100)).await);
    assert_eq!(other.message().await.4, "4");
    assert_eq!(ends.recv().await, Some((4, Delivered)));
    // One that is larger than what its device takes isn't delivered.
    let gateway = Some(Peer::Device("GW-1".into()));
    let hello = Hello { properties: vec![0x27, 0, 0, 0, 40], ..v5("small") };
    let (mut small, _) = Client::connect(&broker, &hello, gateway).await;
    small.subscribe(&[("c/GW-1/#", 1)]).await;
    assert!(broker.command(command(5, "GW-1", 100)).await);
    assert_eq!(ends.recv().await, Some((5, Refused)));
    broker.forget_command(5);
    // Only 2 and 5 are noted; the others are told again after the next start, and not given again.
    broker.forget_command(2);
    tokio::time::sleep(Duration::from_millis(200)).await;
    broker.close();
    drop((device, other, small, broker));
    let broker = open().expect("the file is read");
    let mut ends = broker.command_ends();
    assert_eq!(ends.recv().await, Some((3, Expired)));
    assert_eq!(ends.recv().await, Some((4, Delivered)));
    assert!(ends.try_recv().is_err());
    assert!(broker.command(command(4, "CT-2", 100)).await);
    let ct2 = Some(Peer::Device("CT-2".into()));
    let (mut other, _) = Client::connect(&broker, &v5("b"), ct2).await;
    other.subscribe(&[("c/CT-2/#", 1)]).await;
    assert!(other.is_silent().await);
}
