//! The models and the inference pool, as the settings want them.

use std::{path::PathBuf, sync::Arc};

use goshawk_agent_core::motion::MotionSettings;
use goshawk_models::{DetectOptions, Pack, PackError, RuntimeOptions, UsageMeter};

use crate::{
    config::Config,
    cpu::StageTimes,
    infer::{InferPool, Installed, Models},
    stage::StageSettings,
    viewfinder::ViewSettings,
};

/// Why there is no inference.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The model pack or the runtime library.
    #[error("models in {}: {source}", home.display())]
    Pack {
        /// Where they were looked for.
        home: PathBuf,
        /// What is wrong.
        source: PackError,
    },
    /// No thread could be started.
    #[error("cannot start an inference thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Loads the models, whose runs `meter` counts, and starts the pool. Takes seconds; blocks.
pub fn start(
    config: &Config,
    times: Arc<StageTimes>,
    meter: &UsageMeter,
) -> Result<InferPool, EngineError> {
    let home = config.home();
    let mut options = RuntimeOptions::at_home(&home);
    options.meter = meter.clone();
    // Each thread of the pool runs its own call on one core; that costs least a frame.
    options.intra_threads = 1;
    options.sessions = config.threads();
    options.threads = config.threads();
    options.providers = config.execution_providers.clone();
    let pack = |source| EngineError::Pack {
        home: home.clone(),
        source,
    };
    let opened = Pack::open(&home.join("models"), &options).map_err(pack)?;
    let models = Installed::open(opened).map_err(pack)?;
    let version = models.faces().descriptor_version();
    let abilities = models.abilities();
    tracing::info!(home = %home.display(), threads = config.threads(), descriptor_version = %version, ?abilities, "models are loaded");
    Ok(InferPool::start(
        Box::new(models),
        config.threads(),
        config.infer_batch,
        times,
    )?)
}

/// How streams are analysed.
pub fn stage_settings(config: &Config) -> StageSettings {
    StageSettings {
        detect_fps: (config.detect_fps > 0.0).then_some(config.detect_fps),
        body_fps: (config.detect_body_fps > 0.0).then_some(config.detect_body_fps),
        budget: (config.detect_budget > 0.0).then_some(config.detect_budget),
        motion: (!config.detect_still.is_zero()).then_some(MotionSettings {
            threshold: config.detect_motion,
            longest: config.detect_still,
            idle_after: config.detect_idle_keyframes,
        }),
        detect: DetectOptions {
            min_score: config.detect_min_score,
            min_mesh_score: config.detect_min_mesh_score,
            min_face: config.detect_min_face,
            ..DetectOptions::default()
        },
        min_body_score: config.detect_min_body_score,
        looks: config.liveness_looks,
        describe: config.describe,
        full_frame_side: config.full_frame.then_some(config.full_frame_side),
        // Checked to be at most 100.
        full_frame_quality: u8::try_from(config.full_frame_quality).unwrap_or(100),
    }
}

/// How previews are bounded.
pub fn view_settings(config: &Config) -> ViewSettings {
    ViewSettings {
        viewers: config.preview_viewers,
        max_fps: config.preview_fps,
        // Checked to be at most 100.
        quality: u8::try_from(config.preview_quality).unwrap_or(100),
    }
}
