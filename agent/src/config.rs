//! The agent's settings: every key with its default, and what follows from them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use goshawk_models::Provider;
use goshawk_pipelines::{DecodeSettings, Engine, Hardware};
use goshawk_proto::settings::{ByteSize, Problem, Problems, Secret};

use crate::{
    edge::{EdgeException, EdgeMode, EdgeModes},
    source::OpenSettings,
};

/// Prefix of the environment variables that set keys.
pub const ENV_PREFIX: &str = "GOSHAWK_AGENT";
/// Environment variable with the join token, besides the key `coordinator.join_token`.
pub const JOIN_TOKEN_ENV: &str = "GOSHAWK_JOIN_TOKEN";
/// Environment variable with the folder of installed models and libraries.
pub const HOME_ENV: &str = "GOSHAWK_HOME";
/// That folder when the variable is not set.
const DEFAULT_HOME: &str = ".goshawk";

goshawk_proto::settings! {
    /// Settings of `goshawk-agent`.
    pub struct Config {
        /// Folder for the outbox, the certificate and the last assignment. Only the agent may read it.
        state_dir: PathBuf = "state_dir", "/var/lib/goshawk-agent";
        /// Name under which the coordinator shows this agent; empty: the host's name.
        name: String = "name", "";
        /// Join token for the first start. Afterwards the agent's certificate is its identity.
        join_token: Option<Secret> = "coordinator.join_token", "";
        /// File that holds the join token, instead of `coordinator.join_token`.
        join_token_file: Option<PathBuf> = "coordinator.join_token_file", "";
        /// Where the coordinator takes agents: host and UDP port.
        coordinator: String = "coordinator.address", "127.0.0.1:5443";
        /// Further coordinators of the same CA, as a list: each is tried when those before it do not
        /// answer, and left again once the first does.
        fallback: Vec<String> = "coordinator.fallback", "";
        /// Most bytes of events a second up to the coordinator, so that what piled up during an outage
        /// leaves room for others on the line; 0: no limit.
        max_rate: ByteSize = "coordinator.max_rate", "0";
        /// Log format: `text` or `json`.
        log_format: LogFormat = "log.format", "text";
        /// What is logged: error, warn, info, debug, trace, also by module as in `info,goshawk_agent=debug`.
        log_level: String = "log.level", "info";
        /// Address of health, metrics and previews; port 0 takes a free one and writes it to STATE_DIR/endpoints.json.
        local_listen: SocketAddr = "local.listen", "127.0.0.1:9470";
        /// Let `local.listen` be an address that other machines reach; wants `local.token_file`.
        local_allow_remote: bool = "local.allow_remote", "false";
        /// File with the token (16 characters or more) that `local.listen` asks for, except at
        /// /healthz and /readyz: `Authorization: Bearer TOKEN`, or as the password of a browser.
        local_token_file: Option<PathBuf> = "local.token_file", "";
        /// Most who look through cameras at once, here and over the coordinator.
        preview_viewers: usize = "preview.viewers", "8";
        /// Most pictures a second that one of them gets.
        preview_fps: f32 = "preview.fps", "5";
        /// JPEG quality of those pictures, 1 to 100.
        preview_quality: u16 = "preview.quality", "75";
        /// Folder of installed models and libraries; empty: $GOSHAWK_HOME, else `.goshawk`.
        models_home: Option<PathBuf> = "models.home", "";
        /// Inference threads for all streams together; 0: one a core.
        infer_threads: usize = "inference.threads", "0";
        /// What models are computed on, in order of preference: `cpu`, `cuda:0`, `tensorrt:0`,
        /// `openvino:GPU`. None: the processor alone. One that does not load ends the start.
        execution_providers: Vec<Provider> = "inference.execution_providers", "";
        /// Most pictures of different streams that one inference call takes.
        infer_batch: usize = "inference.batch", "4";
        /// Detections a second on each stream; in between the tracker goes on without. 0: every frame.
        detect_fps: f32 = "detect.fps", "8";
        /// Of these, how many a second look for bodies too, on streams that want bodies; their detector costs
        /// many times that of faces. 0: all.
        detect_body_fps: f32 = "detect.body_fps", "3";
        /// Share of one core that looking for faces on one stream may cost, and looking for bodies likewise;
        /// beyond it turns are left out. 0: no limit.
        detect_budget: f32 = "detect.budget", "0";
        /// Longest time without a detection while nothing moves and nobody is seen; 0s: no turn is left out.
        detect_still: Duration = "detect.still", "1s";
        /// Change of brightness that is motion, in levels of 255, of any cell of a grid of 64 along the longer side.
        detect_motion: f32 = "detect.motion", "6";
        /// After so long without motion or anybody only key frames of a live source are decoded, and
        /// without motion looked at ten times less often, which costs a fraction; who comes is seen at the
        /// next key frame, so a passage shorter than two groups of pictures may be missed. Only where groups are known to last 5 s at most. 0s: never.
        detect_idle_keyframes: Duration = "detect.idle_keyframes", "0s";
        /// Smallest face side looked for, in pixels of the frame: 16 to 1000. Smaller costs more.
        detect_min_face: f32 = "detect.min_face", "40";
        /// Least detector score of a face before the second-stage filter, 0 to 1.
        detect_min_score: f32 = "detect.min_score", "0.4";
        /// Least score of the second-stage filter, 0 to 1.
        detect_min_mesh_score: f32 = "detect.min_mesh_score", "0.5";
        /// Least detector score of a body, 0 to 1; a stream's own min_score_body below it has no effect.
        detect_min_body_score: f32 = "detect.min_body_score", "0.3";
        /// Cut small pieces round faces out of frames for the witnesses of liveness that look at
        /// pixels: motion against the surroundings, rasters, pulse, gaze. Without it only blinks and
        /// parallax are left, except where a stream asks for checks of its own.
        liveness_looks: bool = "liveness.looks", "true";
        /// Extract descriptors here rather than at the coordinator.
        describe: bool = "detect.describe", "true";
        /// What may leave the site: `full`; `blurred`: of whole frames only the person of the event, the rest in
        /// coarse cells; `warps`: aligned faces and cut-out bodies and nothing around them; `descriptors`: no
        /// picture at all.
        edge_mode: EdgeMode = "edge.mode", "full";
        /// Streams for which something else holds, as a list of STREAM_ID=MODE.
        edge_streams: Vec<EdgeException> = "edge.streams", "";
        /// Send the whole frame of a best shot along where the stream asks for it.
        full_frame: bool = "picture.full_frame", "true";
        /// Longest side of that frame in pixels; larger ones are reduced.
        full_frame_side: u32 = "picture.full_frame_side", "1280";
        /// JPEG quality of that frame, 1 to 100.
        full_frame_quality: u16 = "picture.full_frame_quality", "80";
        /// Most streams at once; further ones are reported as failed.
        max_streams: usize = "streams.max", "64";
        /// Longest wait for a frame where the stream does not say.
        source_timeout: Duration = "streams.timeout", "10s";
        /// How long a folder of pictures is watched for new ones after its last; 0s: not at all.
        folder_linger: Duration = "streams.folder_linger", "2s";
        /// What decodes: `gstreamer`, `ffmpeg`, or `auto`: FFmpeg for local files, GStreamer for all
        /// else, and the other one where that can make no picture of a source.
        decode_engine: Engine = "decode.engine", "auto";
        /// Decoders in hardware, for GStreamer: `off`, `auto`, `vaapi`, `nvdec` or `v4l2`. Without
        /// such hardware, or where it makes no picture, the processor decodes.
        decode_hardware: Hardware = "decode.hardware", "off";
        /// Most that the outbox keeps on disk; beyond it the oldest events are dropped.
        outbox_max: ByteSize = "outbox.max_bytes", "2GiB";
        /// Longest that an event is kept.
        outbox_max_age: Duration = "outbox.max_age", "7d";
        /// Disk space that the outbox leaves free.
        outbox_min_free: ByteSize = "outbox.min_free", "256MiB";
        /// Memory for events that the disk refuses.
        outbox_memory: ByteSize = "outbox.memory", "64MiB";
        /// How long a stopping agent waits for the coordinator to take what is in the outbox.
        drain: Duration = "shutdown.drain", "5s";
    }
}

/// Most further coordinators; a round of dialling them all takes that many times as long.
const MAX_FALLBACK: usize = 7;

fn has_port(address: &str) -> bool {
    let split = address.rsplit_once(':');
    split.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl goshawk_proto::settings::Value for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("`{other}` is neither `text` nor `json`")),
        }
    }
}

impl Config {
    /// What cannot be right although each value can be read.
    pub fn check(&self) -> Result<(), Problems> {
        let mut problems = Vec::new();
        let mut check = |right: bool, key: &str, reason: &str| {
            if !right {
                problems.push(Problem {
                    key: key.to_owned(),
                    reason: reason.to_owned(),
                });
            }
        };
        let share = 0.0..=1.0;
        check(
            has_port(&self.coordinator),
            "coordinator.address",
            "want a host and a port such as coordinator.example:5443",
        );
        check(
            self.fallback.iter().all(|one| has_port(one)) && self.fallback.len() <= MAX_FALLBACK,
            "coordinator.fallback",
            "want at most 7 of a host and a port each, such as second.example:5443",
        );
        check(
            self.max_rate.0 == 0 || self.max_rate.0 >= 1 << 10,
            "coordinator.max_rate",
            "want 0 or at least 1KiB",
        );
        check(
            self.local_allow_remote || self.local_listen.ip().is_loopback(),
            "local.listen",
            "is not a loopback address; set local.allow_remote to allow that",
        );
        check(
            !self.local_allow_remote || self.local_token_file.is_some(),
            "local.token_file",
            "is needed where local.allow_remote is set",
        );
        check(
            (1..=64).contains(&self.preview_viewers),
            "preview.viewers",
            "want 1 to 64",
        );
        check(
            (0.05..=30.0).contains(&self.preview_fps),
            "preview.fps",
            "want 0.05 to 30",
        );
        check(
            (1..=100).contains(&self.preview_quality),
            "preview.quality",
            "want 1 to 100",
        );
        check(
            self.join_token.is_none() || self.join_token_file.is_none(),
            "coordinator.join_token_file",
            "is set together with coordinator.join_token; want one of them",
        );
        check(
            (0.0..=1000.0).contains(&self.detect_fps),
            "detect.fps",
            "want 0 to 1000",
        );
        check(
            (0.0..=1000.0).contains(&self.detect_body_fps),
            "detect.body_fps",
            "want 0 to 1000",
        );
        check(
            (0.0..=64.0).contains(&self.detect_budget),
            "detect.budget",
            "want 0 to 64 cores",
        );
        check(
            share.contains(&self.detect_min_body_score),
            "detect.min_body_score",
            "want 0 to 1",
        );
        check(
            (1.0..=255.0).contains(&self.detect_motion),
            "detect.motion",
            "want 1 to 255",
        );
        check(
            (16.0..=1000.0).contains(&self.detect_min_face),
            "detect.min_face",
            "want 16 to 1000 pixels",
        );
        check(
            share.contains(&self.detect_min_score),
            "detect.min_score",
            "want 0 to 1",
        );
        check(
            share.contains(&self.detect_min_mesh_score),
            "detect.min_mesh_score",
            "want 0 to 1",
        );
        let all_described = self.edge_modes().all().all(|mode| mode.sends_warps()) || self.describe;
        check(
            all_described,
            "edge.mode",
            "where only descriptors leave, detect.describe must make them",
        );
        check(
            (1..=100).contains(&self.full_frame_quality),
            "picture.full_frame_quality",
            "want 1 to 100",
        );
        check(
            (64..=8192).contains(&self.full_frame_side),
            "picture.full_frame_side",
            "want 64 to 8192 pixels",
        );
        check(
            (1..=64).contains(&self.infer_batch),
            "inference.batch",
            "want 1 to 64",
        );
        check(
            self.infer_threads <= 256,
            "inference.threads",
            "want 0 to 256",
        );
        check(
            (1..=4096).contains(&self.max_streams),
            "streams.max",
            "want 1 to 4096",
        );
        check(
            self.outbox_max.0 >= 32 << 20,
            "outbox.max_bytes",
            "want at least 32MiB",
        );
        check(
            self.outbox_min_free.0 >= 16 << 20,
            "outbox.min_free",
            "want at least 16MiB",
        );
        check(
            self.outbox_memory.0 >= 1 << 20,
            "outbox.memory",
            "want at least 1MiB",
        );
        check(
            self.source_timeout >= Duration::from_secs(1),
            "streams.timeout",
            "want at least 1s",
        );
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Problems(problems))
        }
    }

    /// How sources are opened.
    pub fn open_settings(&self) -> OpenSettings {
        OpenSettings {
            decode: DecodeSettings {
                engine: self.decode_engine,
                hardware: self.decode_hardware,
            },
            folder_linger: self.folder_linger,
        }
    }

    /// What may leave the site.
    pub fn edge_modes(&self) -> EdgeModes {
        EdgeModes::new(self.edge_mode, &self.edge_streams)
    }

    /// Folder of installed models and libraries.
    pub fn home(&self) -> PathBuf {
        let set = || {
            std::env::var_os(HOME_ENV)
                .filter(|home| !home.is_empty())
                .map(PathBuf::from)
        };
        self.models_home
            .clone()
            .or_else(set)
            .unwrap_or_else(|| DEFAULT_HOME.into())
    }

    /// How many inference threads to start.
    pub fn threads(&self) -> usize {
        match self.infer_threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            set => set,
        }
    }
}

/// Reads the file (when one is given), the environment and the flags, and checks what they say.
pub fn load(file: Option<&Path>, flags: Vec<(String, String)>) -> Result<Config, Problems> {
    let text = read(file).map_err(|problem| Problems(vec![problem]))?;
    let config = Config::load(ENV_PREFIX, text.as_deref(), environment(), flags)?;
    config.check()?;
    Ok(config)
}

/// The same for who wants to know everything that is wrong: values that cannot be read give way to
/// their defaults, and a file that cannot be read to an empty one.
pub fn examine(
    file: Option<&Path>,
    flags: Vec<(String, String)>,
) -> (Option<Config>, Vec<Problem>) {
    let (text, unread) = match read(file) {
        Ok(text) => (text, None),
        Err(problem) => (None, Some(problem)),
    };
    let (config, mut problems) = Config::examine(ENV_PREFIX, text.as_deref(), environment(), flags);
    problems.extend(unread);
    let wrong = config.as_ref().and_then(|config| config.check().err());
    for problem in wrong.into_iter().flat_map(|problems| problems.0) {
        // What could not be read has been told, and its default stands in for it.
        if !problems.iter().any(|told| told.key == problem.key) {
            problems.push(problem);
        }
    }
    (config, problems)
}

fn read(file: Option<&Path>) -> Result<Option<String>, Problem> {
    let Some(path) = file else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path).map_err(|error| Problem {
        key: path.display().to_string(),
        reason: error.to_string(),
    })?;
    Ok(Some(text))
}

fn environment() -> Vec<(String, String)> {
    let mut environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    if let Some((_, token)) = environment.iter().find(|(name, _)| name == JOIN_TOKEN_ENV) {
        // The key's own variable stays stronger: it comes later.
        environment.insert(
            0,
            (
                format!("{ENV_PREFIX}_COORDINATOR_JOIN_TOKEN"),
                token.clone(),
            ),
        );
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(file: &str) -> Result<Config, Problems> {
        let config = Config::load(ENV_PREFIX, Some(file), [], [])?;
        config.check()?;
        Ok(config)
    }

    fn keys(problems: &Problems) -> Vec<&str> {
        problems
            .0
            .iter()
            .map(|problem| problem.key.as_str())
            .collect()
    }

    #[test]
    fn the_defaults_are_right() {
        let config = with("").unwrap();
        assert_eq!(config.detect_fps, 8.0);
        assert!(config.threads() >= 1);
    }

    #[test]
    fn the_sample_is_right() {
        with(&goshawk_proto::settings::sample(Config::KEYS, ENV_PREFIX)).unwrap();
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_name() {
        let problems = with("[detect]\nfsp = 3\n").unwrap_err();
        assert_eq!(keys(&problems), ["detect.fsp"]);
        assert!(problems.0[0].reason.contains("detect.fps"), "{problems}");
    }

    #[test]
    fn providers_are_read_and_unknown_ones_refused() {
        let config = with("[inference]\nexecution_providers = ['tensorrt:1', 'cuda']\n").unwrap();
        assert_eq!(
            config.execution_providers,
            [
                Provider::TensorRt { device: 1 },
                Provider::Cuda { device: 0 }
            ]
        );
        let problems = with("[inference]\nexecution_providers = ['gpu']\n").unwrap_err();
        assert_eq!(keys(&problems), ["inference.execution_providers"]);
        assert!(
            problems.0[0].reason.contains("want cpu, cuda"),
            "{problems}"
        );
    }

    #[test]
    fn impossible_values_are_told_together() {
        let file = "[local]\nlisten = '0.0.0.0:1'\n[detect]\nmin_face = 3\n[coordinator]\naddress = 'nowhere'\n";
        let problems = with(file).unwrap_err();
        assert_eq!(
            keys(&problems),
            ["coordinator.address", "local.listen", "detect.min_face"]
        );
    }

    #[test]
    fn unreadable_and_impossible_values_are_told_together() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.toml");
        let text = "[detect]\nfps = 'many'\nmin_face = 3\n[picture]\nfull_frame_qualty = 5\n";
        std::fs::write(&path, text).unwrap();
        let (config, problems) = examine(Some(&path), Vec::new());
        assert_eq!(config.unwrap().detect_fps, 8.0);
        assert_eq!(
            keys(&Problems(problems)),
            ["picture.full_frame_qualty", "detect.fps", "detect.min_face"]
        );
        let (config, problems) = examine(Some(&dir.path().join("none.toml")), Vec::new());
        assert!(config.is_some());
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn a_site_that_keeps_its_pictures_must_describe_them() {
        let stream = "51e19f44-d50b-40df-b15e-782209adb03e";
        let one =
            format!("[edge]\nstreams = ['{stream}=descriptors']\n[detect]\ndescribe = false\n");
        for text in [
            "[edge]\nmode = 'descriptors'\n[detect]\ndescribe = false\n",
            &one,
        ] {
            assert_eq!(keys(&with(text).unwrap_err()), ["edge.mode"], "{text}");
        }
        let modes = with(&one.replace("false", "true")).unwrap().edge_modes();
        assert_eq!(modes.of(stream.parse().unwrap()), EdgeMode::Descriptors);
    }

    #[test]
    fn an_address_for_others_wants_a_token() {
        let open = "[local]\nlisten = '0.0.0.0:1'\nallow_remote = true\n";
        assert_eq!(keys(&with(open).unwrap_err()), ["local.token_file"]);
        with(&format!("{open}token_file = '/etc/goshawk/token'\n")).unwrap();
    }

    #[test]
    fn the_token_is_not_shown() {
        let config = with("[coordinator]\njoin_token = 'goshawk1.very.secret.token'").unwrap();
        assert!(!format!("{config:?}").contains("secret.token"));
    }
}
