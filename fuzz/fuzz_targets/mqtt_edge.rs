//! Any bytes that a client sends end its connection or are answered; nothing stalls.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use longlead_gateway::mqtt::{Broker, Settings};
use longlead_gateway::{BoxFuture, Front, Intake, Known, Limits, Registry};
use longlead_stream::{Contracts, Judged, Receipt, Refusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

/// Takes everything and keeps nothing.
struct Nowhere;

impl Intake for Nowhere {
    fn contracts(&self) -> Arc<Contracts> {
        Arc::new(Contracts::default())
    }

    fn accept(&self, _judged: Judged) -> BoxFuture<'_, Result<Receipt, Refusal>> {
        Box::pin(async { Ok(Receipt::default()) })
    }
}

impl Registry for Nowhere {
    fn device(&self, _serial: &str) -> Option<Known> {
        Some(Known::default())
    }

    fn is_child(&self, _gateway: &str, _device: &str) -> bool {
        false
    }

    fn is_system(&self, _token: &str) -> bool {
        false
    }
}

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());

static BROKER: LazyLock<Arc<Broker>> = LazyLock::new(|| {
    let front = Front::new(Arc::new(Nowhere), Arc::new(Nowhere), Limits::default(), true);
    Broker::open(front, Settings::default(), None).unwrap()
});

const CONNECT: [&[u8]; 2] = [
    b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01a",
    b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a",
];

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    RUNTIME.block_on(async {
        let (mut ours, theirs) = tokio::io::duplex(1 << 20);
        let serving = tokio::spawn(async move { BROKER.serve(theirs, None).await });
        // Half of the inputs begin after CONNECT.
        if let Some(connect) = CONNECT.get(usize::from(choice % 4)) {
            let _sent = ours.write_all(connect).await;
        }
        let _sent = ours.write_all(bytes).await;
        let _closed = ours.shutdown().await;
        let mut answer = Vec::new();
        let reading = async {
            let _read = ours.read_to_end(&mut answer).await;
            serving.await.unwrap();
        };
        tokio::time::timeout(Duration::from_secs(5), reading).await.expect("it stalls");
    });
});
