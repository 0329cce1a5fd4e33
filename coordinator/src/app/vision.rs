//! Opening the model pack. Without one the coordinator starts all the same, and says so.

use std::sync::Arc;

use goshawk_models::{DecodeLimits, Pack, PackError, RuntimeOptions, vision::Vision};

use crate::{
    config::Config,
    metrics::Metrics,
    process::{Analyzer, ModelExtractor},
};

/// Limits on still pictures.
pub fn decode_limits(config: &Config) -> DecodeLimits {
    DecodeLimits {
        max_bytes: usize::try_from(config.max_image.0).unwrap_or(usize::MAX),
        max_pixels: config.max_pixels,
        max_side: config.max_side,
        ..DecodeLimits::default()
    }
}

/// The models, or `None` when there are none that work: then pictures are answered with an error
/// and the rest is served. Where execution providers are configured that is an error, because
/// nobody who asks for an accelerator wants to find out from the answers that it is not used.
/// What the models do is counted in `metrics`. Blocks.
pub fn open(config: &Config, metrics: &Metrics) -> Result<Option<Analyzer>, PackError> {
    let options = options(config);
    metrics.collect(options.meter.clone());
    match load(config, &options) {
        Ok(vision) => {
            let version = vision.faces().descriptor_version();
            let pack = config.pack_dir();
            let providers = &config.execution_providers;
            tracing::info!(pack = %pack.display(), %version, ?providers, "models loaded");
            let extractor = ModelExtractor::new(vision, decode_limits(config));
            Ok(Some(Analyzer::new(
                Arc::new(extractor),
                config.inference_workers,
                config.inference_queue,
            )))
        }
        Err(error) if !config.execution_providers.is_empty() => Err(error),
        Err(error) => {
            tracing::error!(
                pack = %config.pack_dir().display(),
                "no models: {error}. Detection and extraction on pictures answer with an error, and \
                 events without a descriptor from the edge are not matched. `make setup` installs the models."
            );
            Ok(None)
        }
    }
}

fn load(config: &Config, options: &RuntimeOptions) -> Result<Vision, PackError> {
    Vision::open(&Pack::open(&config.pack_dir(), options)?)
}

/// One call of a model for each worker; what threads are left over are shared out among them.
fn options(config: &Config) -> RuntimeOptions {
    let mut options = RuntimeOptions::new(config.runtime_library());
    options.sessions = config.inference_workers;
    options.threads = config.inference_threads;
    options.intra_threads = (config.inference_threads / config.inference_workers.max(1)).max(1);
    options.providers = config.execution_providers.clone();
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PREFIX;

    #[test]
    fn threads_are_shared_out_among_workers() {
        let told = |workers: usize, threads: usize| {
            let file = format!("[models]\nworkers = {workers}\ninference_threads = {threads}");
            let config = Config::load(PREFIX, Some(&file), [], []).unwrap();
            let options = options(&config);
            (options.sessions, options.threads, options.intra_threads)
        };
        assert_eq!(told(1, 0), (1, 0, 1));
        assert_eq!(told(1, 4), (1, 4, 4));
        assert_eq!(told(2, 5), (2, 5, 2));
        assert_eq!(told(4, 2), (4, 2, 1));
    }
}
