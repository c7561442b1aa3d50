//! Clients that others wrote: `mosquitto_pub` and `mosquitto_sub`, and Python's `paho-mqtt`. Where
//! one isn't installed the test says so and is left out, unless `LONGLEAD_REQUIRE=all`.

use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::{Broker, broker_of};
use crate::front::tests::{Keeper, Sight, open_front};

async fn listening() -> (Arc<Keeper>, Arc<Broker>, SocketAddr) {
    let (keeper, front) = open_front();
    let broker = broker_of(&front).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = Arc::clone(&broker);
    tokio::spawn(async move { serving.serve_plain(listener, false).await });
    (keeper, broker, address)
}

/// Whether a program runs, or a note that the test is left out.
fn is_there(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let ran = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    // `mosquitto_pub --help` ends with 1.
    let ends_well = |code: i32| code == 0 || (code == 1 && program.starts_with("mosquitto"));
    if ran.is_ok_and(|status| status.code().is_some_and(ends_well)) {
        return true;
    }
    assert!(
        std::env::var("LONGLEAD_REQUIRE").as_deref() != Ok("all"),
        "{program} {arguments:?} is required"
    );
    println!("left out: {program} {arguments:?} isn't installed");
    false
}

/// Runs a program to its end, which `timeout` brings about where it doesn't come by itself.
async fn run(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["60", program]).args(arguments);
    let running = tokio::task::spawn_blocking(move || command.output());
    running.await.expect("it is waited for").expect("it runs")
}

async fn mosquitto(program: &str, arguments: &[&str], address: SocketAddr) -> Output {
    let port = address.port().to_string();
    run(program, &[&["-h", "127.0.0.1", "-p", &port], arguments].concat()).await
}

#[tokio::test]
async fn mosquitto_publishes_readings_in_both_versions_and_all_qualities_of_service() {
    if !is_there("mosquitto_pub", &["--help"]) {
        return;
    }
    for version in ["mqttv311", "mqttv5"] {
        for qos in ["0", "1", "2"] {
            let (keeper, _broker, address) = listening().await;
            let message = r#"{"sequence":1,"temperature":4.5}"#;
            let arguments =
                ["-V", version, "-q", qos, "-i", "CT-1", "-t", "t/CT-1/climate", "-m", message];
            let output = mosquitto("mosquitto_pub", &arguments, address).await;
            assert!(output.status.success(), "{version} {qos}: {output:?}");
            // What is sent at most once may be taken after the client has gone.
            for _ in 0..100 {
                if !keeper.seen().is_empty() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(keeper.seen(), [Sight::new("climate", "CT-1")], "{version} {qos}");
        }
    }
}

#[tokio::test]
async fn mosquitto_gets_what_was_sent_while_it_slept() {
    if !is_there("mosquitto_sub", &["--help"]) {
        return;
    }
    let (_keeper, _broker, address) = listening().await;
    let subscribe = ["-V", "mqttv5", "-q", "1", "-i", "CT-1", "-c", "-x", "600", "-t", "c/CT-1/#"];
    // It subscribes and leaves.
    let once = [&subscribe[..], &["-E"]].concat();
    assert!(mosquitto("mosquitto_sub", &once, address).await.status.success());
    for command in ["reboot", "report"] {
        let topic = format!("c/CT-1/{command}");
        let sent = ["-V", "mqttv5", "-q", "1", "-t", &topic, "-m", command];
        assert!(mosquitto("mosquitto_pub", &sent, address).await.status.success());
    }
    let both = [&subscribe[..], &["-C", "2", "-W", "10", "-v"]].concat();
    let output = mosquitto("mosquitto_sub", &both, address).await;
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(text, "c/CT-1/reboot reboot\nc/CT-1/report report\n");
}

/// A story in Python: properties, reason codes, retained and shared messages, a will.
const STORY: &str = r#"
import sys, time, queue
import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.subscribeoptions import SubscribeOptions
port = int(sys.argv[1])
def client(name, **kept):
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
    c.got, c.acks, c.subs = queue.Queue(), queue.Queue(), queue.Queue()
    c.on_message = lambda c, u, m: c.got.put(m)
    c.on_publish = lambda c, u, mid, code, p: c.acks.put(code)
    c.on_subscribe = lambda c, u, mid, codes, p: c.subs.put(codes)
    up = queue.Queue()
    c.on_connect = lambda c, u, f, code, p: up.put((code, p))
    if 'will' in kept: c.will_set(*kept['will'])
    c.connect('127.0.0.1', port)
    c.loop_start()
    code, c.told = up.get(timeout=10)
    assert not code.is_failure, code
    return c
watch = client('watch')
watch.subscribe([('a/+', SubscribeOptions(qos=2)), ('$SYS/x', SubscribeOptions(qos=1)), ('news', SubscribeOptions(qos=0))])
codes = watch.subs.get(timeout=10)
assert [c.value for c in codes] == [2, 0x87, 0], codes
p = Properties(PacketTypes.PUBLISH)
p.UserProperty = ('k', 'v'); p.ContentType = 'text/x'; p.MessageExpiryInterval = 60; p.ResponseTopic = 'r'; p.CorrelationData = b'c'
system = client('system')
assert system.told.ReceiveMaximum > 1
system.publish('a/b', b'hello', qos=2, properties=p)
m = watch.got.get(timeout=10)
assert (m.topic, m.payload, m.qos, m.retain) == ('a/b', b'hello', 2, False), m
assert m.properties.UserProperty == [('k', 'v')] and m.properties.ContentType == 'text/x'
assert 50 <= m.properties.MessageExpiryInterval <= 60 and m.properties.CorrelationData == b'c'
system.acks.get(timeout=10)
system.publish('nobody', b'x', qos=1)
assert system.acks.get(timeout=10).value == 0x10
lost = client('lost', will=('news', b'gone', 0, False))
lost._sock_close()
assert watch.got.get(timeout=10).payload == b'gone'
for i in range(500):
    system.publish('t/CT-1/climate', '{"sequence":%d,"t":1}' % i, qos=1)
for i in range(500):
    assert system.acks.get(timeout=20).value == 0
watch.disconnect(); system.disconnect()
print('told')
"#;

#[tokio::test]
async fn paho_tells_its_story() {
    let python = std::env::var("LONGLEAD_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !is_there(&python, &["-c", "import paho.mqtt.enums"]) {
        return;
    }
    let (keeper, _broker, address) = listening().await;
    let output = run(&python, &["-c", STORY, &address.port().to_string()]).await;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "told\n", "{output:?}");
    assert_eq!(keeper.seen().len(), 500);
}
