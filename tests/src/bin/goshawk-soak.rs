//! `make soak`: an agent over a long time and many lost cameras. Arguments: streams, minutes,
//! losses. Prints what it held and how it came back, writes `target/bench/soak.txt`, and fails
//! when an event is lost or comes twice or a stream takes too long to be back.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::{path::Path, time::Duration};

use anyhow::{Context, bail};
use goshawk_e2e::soak::{Plan, run, write};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let numbers: Vec<f64> = std::env::args()
        .skip(1)
        .map(|word| {
            word.parse()
                .with_context(|| format!("{word:?} is no number"))
        })
        .collect::<Result<_, _>>()?;
    let [streams, minutes, losses] = numbers[..] else {
        bail!("want three numbers: streams, minutes, losses");
    };
    let plan = Plan {
        streams: streams as usize,
        length: Duration::try_from_secs_f64(60.0 * minutes).context("minutes")?,
        losses: losses as usize,
    };
    let report = run(plan).await?.context("set-up is not complete")?;
    println!("{report}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    write(&report, &folder)?;
    let faults = report.faults();
    if !faults.is_empty() {
        bail!("{}", faults.join("; "));
    }
    Ok(())
}
