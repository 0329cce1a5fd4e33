//! `make bench`: runs the benchmarks that this machine can run, prints a table and writes
//! `target/bench/NAME.json`. An argument picks one: `make bench ONLY=agent`.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

use std::path::Path;

use anyhow::{Context, bail};
use goshawk_e2e::{
    bench::{Row, agent, api, fleet, ingest, liveness, models, table, tracking, write},
    stack::home,
};

type Benchmark = fn(&Path) -> anyhow::Result<Vec<Row>>;

const BENCHMARKS: &[(&str, Benchmark)] = &[
    ("agent", agent::run),
    ("api", api::run),
    ("fleet", fleet::run),
    ("ingest", ingest::run),
    ("liveness", liveness::run),
    ("models", models::run),
    ("tracking", tracking::run),
];

fn main() -> anyhow::Result<()> {
    let only = std::env::args().nth(1);
    let home = home().context("set-up is not complete")?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    let wanted: Vec<_> = BENCHMARKS
        .iter()
        .filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name))
        .collect();
    if wanted.is_empty() {
        let names: Vec<_> = BENCHMARKS.iter().map(|(name, _)| *name).collect();
        bail!(
            "no benchmark is called {:?}; there are {}",
            only.unwrap_or_default(),
            names.join(", ")
        );
    }
    let mut all = Vec::new();
    for (name, run) in wanted {
        let rows = run(&home).with_context(|| format!("benchmark {name}"))?;
        write(&folder, name, &rows)?;
        all.extend(rows);
    }
    println!("{}", table(&all));
    Ok(())
}
