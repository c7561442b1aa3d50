//! Wills.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::super::session::Link;
use super::{Broker, Client, Hello, Settings, broker_of, lasting, v5, with};
use crate::front::Peer;
use crate::front::tests::{front, open_front};

#[tokio::test]
async fn a_will_that_needs_what_the_server_lacks_is_refused() {
    let (_, front) = open_front();
    let settings = Settings { qos_maximum: 1, retains: false, ..Settings::default() };
    let broker = with(&front, settings).await;
    for (flags, code) in [(0x20, 0x9a), (0x10, 0x9b), (0x08, 0)] {
        let will = Some((flags, Vec::new(), "news", "lost"));
        let (_, connack) = Client::connect(&broker, &Hello { will, ..v5("a") }, None).await;
        assert_eq!(connack[1], code, "{flags:#x}");
    }
}

#[tokio::test]
async fn a_will_is_sent_when_its_client_is_lost_and_not_when_it_leaves() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut watch = Client::enter(&broker, v5("watch")).await;
    watch.subscribe(&[("news", 0)]).await;
    let will = |delay: u8, payload| Some((0, vec![0x18, 0, 0, 0, delay], "news", payload));
    let lost = Client::enter(&broker, Hello { will: will(0, "lost"), ..v5("a") }).await;
    drop(lost);
    assert_eq!(watch.message().await.4, "lost");
    let mut left = Client::enter(&broker, Hello { will: will(0, "left"), ..v5("a") }).await;
    left.send(&[0xe0, 0]).await;
    assert_eq!(left.rest().await, []);
    let mut with_will = Client::enter(&broker, Hello { will: will(0, "told"), ..v5("a") }).await;
    with_will.send(&[0xe0, 1, 4]).await;
    assert_eq!(watch.message().await.4, "told");
    // A client that is back within the delay isn't mourned.
    let hello = |payload| Hello { will: will(1, payload), ..lasting("b", 100) };
    drop(Client::enter(&broker, hello("back")).await);
    let back = Client::enter(&broker, hello("gone")).await;
    tokio::time::sleep(Duration::from_millis(1300)).await;
    drop(back);
    assert_eq!(watch.message().await.4, "gone");
}

#[tokio::test]
async fn a_will_outlives_the_server_whose_end_cut_the_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mqtt.log");
    let (keeper, front) = open_front();
    let open = |file: &std::path::Path| {
        Broker::open(Arc::clone(&front), Settings::default(), Some(file)).expect("a file")
    };
    let broker = open(&file);
    // The watch's session lasts, so that it hears what comes while it is away.
    let mut watch = Client::enter(&broker, lasting("watch", 100)).await;
    watch.subscribe(&[("news/#", 1)]).await;
    watch.send(&[0xe0, 0]).await;
    assert_eq!(watch.rest().await, []);
    let will = |delay: u8, topic, payload| {
        Some((8, vec![0x18, 0, 0, 0, delay, 0x02, 0, 0, 0, 60], topic, payload))
    };
    let lost = Hello { will: will(0, "news/lost", "lost"), ..v5("lost") };
    let lost = Client::enter(&broker, lost).await;
    let left = Hello { will: will(0, "news/left", "left"), ..v5("left") };
    let mut left = Client::enter(&broker, left).await;
    left.send(&[0xe0, 0]).await;
    assert_eq!(left.rest().await, []);
    let back = Hello { will: will(1, "news/back", "back"), ..lasting("back", 100) };
    let mut back_once = Client::enter(&broker, back.clone()).await;
    let delayed = Hello { will: will(2, "news/late", "late"), ..lasting("late", 100) };
    drop(Client::enter(&broker, delayed).await);
    let reading = Hello { will: will(0, "t/CT-1/spoken", r#"{"t":"?"}"#), ..v5("reading") };
    let reading = Client::enter(&broker, reading).await;
    // What a killed server leaves: its file as it was at that moment.
    back_once.send(&[0xc0, 0]).await;
    assert_eq!(back_once.read().await.0, 0xd0);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let killed = folder.path().join("killed.log");
    std::fs::copy(&file, &killed).expect("it is copied");
    let after = open(&killed);
    let _back = Client::enter(&after, Hello { will: None, ..back }).await;
    let mut watch = Client::enter(&after, lasting("watch", 100)).await;
    let (_, topic, _, of, payload) = watch.message().await;
    assert_eq!((topic.as_str(), payload.as_str()), ("news/lost", "lost"));
    assert!(of.starts_with(&[0x02, 0, 0, 0]) && of[4] >= 55, "it ages from now on: {of:?}");
    assert_eq!(watch.message().await.4, "late");
    assert!(watch.is_silent().await, "who left, and who is back, aren't mourned");
    assert_eq!(keeper.reasons(), ["wrong-type"], "readings are judged like any others");
    // Once they are sent they are gone.
    watch.send(&[0xe0, 0]).await;
    assert_eq!(watch.rest().await, []);
    drop(after);
    let again = folder.path().join("again.log");
    std::fs::copy(&killed, &again).expect("it is copied");
    let last = open(&again);
    let mut watch = Client::enter(&last, lasting("watch", 100)).await;
    // They weren't acknowledged, so they come again, but no others.
    for expected in ["lost", "late"] {
        let (flags, _, _, _, payload) = watch.message().await;
        assert_eq!((flags & 8, payload.as_str()), (8, expected));
    }
    assert!(watch.is_silent().await);
    drop((lost, reading, broker));
}

#[tokio::test]
async fn a_will_whose_client_came_back_without_it_is_gone_after_a_restart_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mqtt.log");
    let (_, front) = open_front();
    let open = |file: &std::path::Path| {
        Broker::open(Arc::clone(&front), Settings::default(), Some(file)).expect("a file")
    };
    let broker = open(&file);
    let will = |payload| Some((0, vec![0x18, 0, 0, 0, 2], "news", payload));
    let hello = Hello { will: will("stale"), ..lasting("a", 100) };
    drop(Client::enter(&broker, hello.clone()).await);
    // One that is lost for good shows that wills are sent after the restart.
    let other = Hello { will: will("lost"), ..lasting("b", 100) };
    drop(Client::enter(&broker, other).await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let _back = Client::enter(&broker, Hello { will: None, ..hello }).await;
    // What a killed server leaves: its file as it was at that moment.
    let killed = folder.path().join("killed.log");
    std::fs::copy(&file, &killed).expect("it is copied");
    let after = open(&killed);
    let mut watch = Client::enter(&after, v5("watch")).await;
    watch.subscribe(&[("news", 0)]).await;
    assert_eq!(watch.message().await.4, "lost");
    let more = timeout(Duration::from_secs(1), watch.next()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test]
async fn a_will_waits_on_if_who_comes_back_is_not_let_in() {
    // Whether the client is still there when the other comes, and whether that is let in.
    for (is_there, is_let_in) in [(false, false), (false, true), (true, false), (true, true)] {
        let (_, front) = open_front();
        let broker = broker_of(&front).await;
        let mut watch = Client::enter(&broker, v5("watch")).await;
        watch.subscribe(&[("news", 0)]).await;
        let will = Some((0, vec![0x18, 0, 0, 0, 1], "news", "gone"));
        let mut client = Client::enter(&broker, Hello { will, ..lasting("b", 100) }).await;
        if !is_there {
            drop(std::mem::replace(&mut client, Client::enter(&broker, v5("other")).await));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let number = broker.link();
        let (end, _ends) = mpsc::unbounded_channel();
        let wake = Arc::new(Notify::new());
        let link = Link { number, serial: None, wake, end, receive_maximum: 1, will: None };
        let key: Arc<str> = "a\u{1f}b".into();
        assert!(broker.hub.attach(&key, false, 100, link, None).is_present);
        if is_there {
            assert_eq!(client.rest().await, [(0xe0, vec![0x8e, 0])]);
            // It is gone when its will is seen to.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        if is_let_in {
            assert!(broker.hub.settle(&key, number).is_none(), "nothing outlives this server");
            let more = timeout(Duration::from_millis(1500), watch.next()).await;
            assert!(more.is_err(), "{is_there}: {more:?}");
        } else {
            broker.hub.detach(&key, number, None, None);
            assert_eq!(watch.message().await.4, "gone", "{is_there}");
        }
    }
}

#[tokio::test]
async fn a_will_is_no_way_to_speak_for_others() {
    let (_, front) = front();
    let broker = broker_of(&front).await;
    let (mut system, _) =
        Client::connect(&broker, &Hello { password: Some("system-token"), ..v5("s") }, None).await;
    system.subscribe(&[("a/#", 0)]).await;
    let will = |topic| Some((0, Vec::new(), topic, "gone"));
    let known = Some(Peer::Device("CT-1".into()));
    let hello = Hello { will: will("a/CT-1/state"), ..v5("a") };
    let (device, connack) = Client::connect(&broker, &hello, known.clone()).await;
    assert_eq!(connack[1], 0);
    drop(device);
    assert_eq!(system.message().await.4, "gone");
    // A will elsewhere is refused at once.
    let hello = Hello { will: will("a/CT-2/state"), ..v5("a") };
    assert_eq!(Client::connect(&broker, &hello, known).await.1[1], 0x87);
}
