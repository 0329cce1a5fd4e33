//! The local address and the coordinator.

use std::{net::TcpListener, os::unix::fs::PermissionsExt, time::Duration};

use super::Report;
use crate::{
    app::papers::Papers,
    config::Config,
    enrol::{self, Identity},
    link,
    local::Guard,
};

/// Longest look for one coordinator.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) fn look(config: &Config, report: &mut Report) {
    let about = "local.listen";
    match TcpListener::bind(config.local_listen) {
        Ok(_) => report.right(about, format!("{} is free", config.local_listen)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => report.doubt(
            about,
            format!("{} is taken; by an agent that runs?", config.local_listen),
        ),
        Err(error) => report.wrong(about, format!("{}: {error}", config.local_listen)),
    }
    token(config, report);
}

fn token(config: &Config, report: &mut Report) {
    let about = "local.token_file";
    let Some(path) = &config.local_token_file else {
        return;
    };
    if let Err(error) = Guard::new(Some(path)) {
        return report.wrong(about, error);
    }
    let mode = std::fs::metadata(path).map_or(0, |data| data.permissions().mode() & 0o777);
    if mode & 0o007 != 0 {
        report.doubt(
            about,
            format!(
                "{} can be read by everybody (mode {mode:o})",
                path.display()
            ),
        );
    } else {
        report.right(about, "holds a token");
    }
}

/// Asks whether the coordinator answers and accepts this agent. Blocks.
pub fn ask(config: &Config) -> Report {
    let mut report = Report::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match (runtime, Papers::find(config)) {
        (Err(error), _) => report.wrong("coordinator", error),
        // Told where the identity is looked at; nobody can be asked without one.
        (_, Err(_)) => report.doubt("coordinator", "not asked: this agent has nothing to show"),
        (Ok(runtime), Ok(papers)) => {
            runtime.block_on(reach(config, papers, &mut report));
        }
    }
    report
}

async fn reach(config: &Config, papers: Papers, report: &mut Report) {
    let about = "coordinator";
    let asked = async {
        match &papers {
            Papers::Identity(identity) => known(config, identity).await,
            Papers::Token(request) => enrol::probe(request)
                .await
                .map_err(|error| error.to_string()),
        }
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(())) => report.right(about, format!("{} answers", config.coordinator)),
        Ok(Err(reason)) => report.wrong(about, format!("{}: {reason}", config.coordinator)),
        Err(_) => report.wrong(about, format!("{} does not answer", config.coordinator)),
    }
}

async fn known(config: &Config, identity: &Identity) -> Result<(), String> {
    link::probe(&config.coordinator, identity).await
}
