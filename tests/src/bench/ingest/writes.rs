//! Durable writes a second through the API, beside raw fsync on the same file system.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinSet;

use super::{
    super::{Better, Row},
    fsync,
};
use crate::{api::Api, stack::Coordinator};

/// Interleaved runs of ours and the limit.
const RUNS: usize = 5;
/// Clients at once.
const CLIENTS: [usize; 3] = [1, 16, 128];
/// How long clients write in one run.
const WRITING: Duration = Duration::from_millis(1500);
/// About what a list takes in the store.
const RECORD: usize = 200;

/// The rows of lists made; `folder` is on the file system that is measured.
pub async fn rows(home: &Path, folder: &Path) -> anyhow::Result<Vec<Row>> {
    let coordinator = Coordinator::start(folder, home)?;
    let api = &coordinator.api.unchecked();
    rate(api, CLIENTS[1]).await?;
    let mut all = CLIENTS.map(|_| (Vec::new(), Vec::new()));
    for turn in 1..=RUNS {
        eprintln!("ingest: writes, run {turn} of {RUNS}");
        for ((ours, limit), clients) in all.iter_mut().zip(CLIENTS) {
            limit.push(fsync::rate(folder, RECORD)?);
            ours.push(rate(api, clients).await?);
        }
    }
    let rows = all.iter().zip(CLIENTS).map(|((ours, limit), clients)| {
        let name = if Some(&clients) == CLIENTS.last() {
            "store.durable_writes".to_owned()
        } else {
            format!("store.durable_writes.{clients}")
        };
        let higher = Better::Higher;
        Row::compared(&name, "commits/s", higher, ours, limit, fsync::NAME, true).noted(format!(
            "POST /6/lists with credentials, {clients} client(s) on the same cores"
        ))
    });
    Ok(rows.collect())
}

/// Lists made a second.
async fn rate(api: &Api, clients: usize) -> anyhow::Result<f64> {
    let start = Instant::now();
    let mut all = JoinSet::new();
    for client in 0..clients {
        let api = api.clone();
        all.spawn(async move {
            let mut written = 0u32;
            while start.elapsed() < WRITING {
                let body = json!({"user_data": format!("client {client}, list {written}")});
                api.post("/6/lists", &body).await?;
                written += 1;
            }
            anyhow::Ok(written)
        });
    }
    let mut written = 0;
    while let Some(client) = all.join_next().await {
        written += client??;
    }
    Ok(f64::from(written) / start.elapsed().as_secs_f64())
}
