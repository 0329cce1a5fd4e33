//! Opening the model pack. Without one the coordinator starts all the same, and says so.

use std::sync::Arc;

use goshawk_models::{DecodeLimits, Pack, PackError, RuntimeOptions, vision::Vision};

use crate::{
    config::Config,
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

/// The models, or `None` when there are none that work. Blocks.
pub fn open(config: &Config) -> Option<Analyzer> {
    match load(config) {
        Ok(vision) => {
            let version = vision.faces().descriptor_version();
            tracing::info!(pack = %config.pack_dir().display(), %version, "models loaded");
            let extractor = ModelExtractor::new(vision, decode_limits(config));
            Some(Analyzer::new(
                Arc::new(extractor),
                config.inference_workers,
                config.inference_queue,
            ))
        }
        Err(error) => {
            tracing::error!(
                pack = %config.pack_dir().display(),
                "no models: {error}. Detection and extraction on pictures answer with an error, and \
                 events without a descriptor from the edge are not matched. `make setup` installs the models."
            );
            None
        }
    }
}

fn load(config: &Config) -> Result<Vision, PackError> {
    let mut options = RuntimeOptions::new(config.runtime_library());
    options.sessions = config.inference_workers;
    Vision::open(&Pack::open(&config.pack_dir(), &options)?)
}
