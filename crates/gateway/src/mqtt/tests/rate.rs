//! How fast readings are acknowledged behind a keeper that takes 2 ms, as a group commit does. The
//! figures are printed; `cargo test -p longlead-gateway rate -- --ignored --nocapture` shows them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Broker, Client, broker_of, v5};
use crate::front::tests::{Keeper, of};

async fn pipelined(broker: &Arc<Broker>, messages: u32) -> Duration {
    let mut client = Client::enter(broker, v5("pipeline")).await;
    let start = Instant::now();
    let (mut sent, mut acknowledged) = (0_u32, 0_u32);
    while acknowledged < messages {
        while sent < messages && sent - acknowledged < 1000 {
            let id = u16::try_from(sent % 60_000).expect("small") + 1;
            let payload = format!("{{\"seq\":{sent},\"t\":4.5}}");
            client.publish(2, "t/CT-1/climate", id, &[], payload.as_bytes()).await;
            sent += 1;
        }
        assert_eq!(client.read().await.0, 0x40);
        acknowledged += 1;
    }
    start.elapsed()
}

async fn one_at_a_time(broker: Arc<Broker>, messages: u32) {
    let mut client = Client::enter(&broker, v5("")).await;
    for number in 0..messages {
        let payload = format!("{{\"seq\":{number},\"t\":4.5}}");
        client.publish(2, "t/CT-1/climate", 1, &[], payload.as_bytes()).await;
        assert_eq!(client.read().await.0, 0x40);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures, and is to run alone"]
async fn the_rate_of_one_pipeline_and_of_a_thousand_connections() {
    let (_, front) = of(Keeper::slow(2), true);
    let broker = broker_of(&front).await;
    let elapsed = pipelined(&broker, 50_000).await;
    println!("one connection, pipelining: {:.0} messages/s", 50_000.0 / elapsed.as_secs_f64());
    let start = Instant::now();
    let clients: Vec<_> =
        (0..1000).map(|_| tokio::spawn(one_at_a_time(Arc::clone(&broker), 50))).collect();
    for client in clients {
        client.await.expect("each message is acknowledged");
    }
    let elapsed = start.elapsed();
    println!(
        "1,000 connections, one at a time: {:.0} messages/s",
        50_000.0 / elapsed.as_secs_f64()
    );
}
