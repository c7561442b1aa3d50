//! Clients that say what no client says, from a seed.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{broker_of, packet, v5, v311};
use crate::front::tests::open_front;

/// Numbers from a seed (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// Sound packets, from which others are made.
fn sound(choice: usize) -> Vec<u8> {
    match choice {
        0 => packet(0x32, b"\0\x0bt/CT-1/spoken\0\x01\0{\"t\":1}"),
        1 => packet(0x34, b"\0\x03a/b\0\x02\x06\x01\x01\x02\0\0\0\x05hi"),
        2 => packet(0x82, b"\0\x01\0\0\x03a/#\x01"),
        3 => packet(0x82, b"\0\x02\x02\x0b\x07\0\x0c$share/g/a/+\x02"),
        4 => packet(0xa2, b"\0\x03\0\0\x03a/#"),
        5 => packet(0x62, b"\0\x02"),
        6 => packet(0x40, b"\0\x01\x10\0"),
        7 => packet(0xc0, b""),
        8 => packet(0x31, b"\0\x03r/t\0kept"),
        9 => packet(0x30, b"\0\0\x03\x23\0\x01x"),
        _ => packet(0xe0, b"\x04\x05\x11\0\0\0\x09"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_bytes_of_a_client_are_answered_or_end_its_connection() {
    let (_, front) = open_front();
    let broker = broker_of(&front).await;
    let mut dice = Dice(7);
    let mut answered = 0;
    for round in 0..3_000 {
        let mut bytes = match dice.below(4) {
            0 => Vec::new(),
            1 => v311("h").bytes(),
            _ => v5("h").bytes(),
        };
        for _ in 0..dice.below(8) {
            bytes.extend(sound(dice.below(12)));
        }
        for _ in 0..dice.below(4) {
            let at = dice.below(bytes.len() + 1);
            match dice.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, dice.below(256) as u8),
                2 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
                _ if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
                _ => {}
            }
        }
        let (mut ours, theirs) = tokio::io::duplex(1 << 20);
        let serving = std::sync::Arc::clone(&broker);
        let serving = tokio::spawn(async move { serving.serve(theirs, None).await });
        // The other end may have seen enough already.
        let _sent = ours.write_all(&bytes).await;
        let _closed = ours.shutdown().await;
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(20), ours.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "{round} stalls: {bytes:02x?}");
        timeout(Duration::from_secs(20), serving)
            .await
            .expect("it ends")
            .unwrap_or_else(|error| panic!("{round}: {error}: {bytes:02x?}"));
        answered += usize::from(!answer.is_empty());
    }
    assert!(answered > 1_000, "only {answered} were answered");
}
