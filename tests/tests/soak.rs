//! The short form of the soak: some lost cameras, and nothing is lost with them. The long form is
//! `make soak`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the figures are of interest")]

use std::time::Duration;

use goshawk_e2e::soak::{Plan, run};

#[tokio::test(flavor = "multi_thread")]
async fn cameras_come_and_go_and_every_event_arrives_once() {
    let plan = Plan {
        streams: 2,
        length: Duration::from_secs(30),
        losses: 6,
    };
    let Some(report) = run(plan).await.unwrap() else {
        return;
    };
    println!("{report}");
    // How fast a stream is back depends on the other tests of a busy machine: the long form judges
    // it.
    assert_eq!(
        (report.lost(), report.twice, report.given_up),
        (0, 0, 0),
        "{report}"
    );
    assert!(report.made > 0 && report.recoveries.len() == 6, "{report}");
}
