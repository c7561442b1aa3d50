//! Asks a lake, without anything around it, and tells how long each question took.
//!
//!     cargo run --release --example ask -- LAKE QUESTIONS [TIMES] [explain]
//!
//! A line of the file is a question. It is asked several times, and the shortest time counts.

#![expect(clippy::print_stdout, reason = "it is for a person to read")]

use std::path::Path;
use std::time::Instant;

use longlead_lake::{Lake, Limits, Settings};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (Some(folder), Some(file)) = (arguments.first(), arguments.get(1)) else {
        return Err("a folder and a file of questions are needed".into());
    };
    let times: usize = arguments.get(2).map_or(Ok(3), |it| it.parse())?;
    let explains = arguments.get(3).is_some();
    let (lake, recovery) = Lake::open(Path::new(folder), Settings::default()).await?;
    println!("{recovery:?}");
    for question in std::fs::read_to_string(file)?.lines().filter(|it| !it.trim().is_empty()) {
        let (mut best, mut rows) = (f64::INFINITY, 0);
        for _ in 0..times {
            let begun = Instant::now();
            let answer = lake.query(question, Limits::default(), &[]).await?;
            rows = answer.all().await?.iter().map(|it| it.rows()).sum();
            best = best.min(begun.elapsed().as_secs_f64());
        }
        println!("{:9.2} ms {rows:6} rows  {question:.90}", best * 1e3);
        if explains {
            let sql = format!("EXPLAIN ANALYZE {question}");
            let mut answer = lake.query(&sql, Limits::default(), &[]).await?;
            while let Some(page) = answer.next().await {
                let page = page?;
                for row in 0..page.rows() {
                    println!("{:?}", page.cell(row, 1));
                }
            }
        }
    }
    Ok(())
}
