//! The models, the runtime library and what they are computed on.

use std::sync::Arc;

use goshawk_models::{UsageMeter, manifest};

use super::Report;
use crate::{config::Config, cpu::StageTimes, engine};

pub(super) fn look(config: &Config, report: &mut Report) {
    let about = "models";
    let dir = config.home().join("models");
    let manifests = match manifest::read_dir(&dir) {
        Ok(manifests) if manifests.is_empty() => {
            return report.wrong(
                about,
                format!(
                    "none in {}; install them with `goshawk-models install`",
                    dir.display()
                ),
            );
        }
        Ok(manifests) => manifests,
        Err(error) => return report.wrong(about, error),
    };
    let mut sound = true;
    for manifest in &manifests {
        if let Err(error) = manifest.checked_file(&dir) {
            sound = false;
            report.wrong(about, error);
        }
    }
    if !sound {
        return;
    }
    report.right(
        about,
        format!(
            "{} in {}, with the checksums of their manifests",
            manifests.len(),
            dir.display()
        ),
    );
    load(config, report);
}

/// Loads them as the daemon would.
fn load(config: &Config, report: &mut Report) {
    let about = "inference";
    match engine::start(
        config,
        Arc::new(StageTimes::default()),
        &UsageMeter::default(),
    ) {
        Ok(pool) => {
            pool.close();
            let on: Vec<String> = config
                .execution_providers
                .iter()
                .map(ToString::to_string)
                .collect();
            let on = if on.is_empty() {
                "the processor".to_owned()
            } else {
                on.join(", ")
            };
            report.right(
                about,
                format!("models load on {on}, {} threads", config.threads()),
            );
        }
        Err(error) => report.wrong(about, error),
    }
}
