//! Video files, of this machine or by HTTP: every frame, in order, as fast as the caller takes
//! them or at a given pace.

mod ending;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use goshawk_proto::stream::{FailureKind, VideoInfo};
use gstreamer::{self as gst, prelude::*};

use crate::{
    automatic,
    clock::FrameClock,
    decode::Decoding,
    engine::{self, Running},
    error::SourceError,
    frame::Frame,
    plugins, probe,
    redacted::Redacted,
    request::SourceRequest,
    session::Session,
    source::{Source, SourceStats, Stopper},
};
use ending::Promise;

struct FileSource {
    engine: Box<dyn Running>,
    address: Redacted,
    timeout: Duration,
    pace: Pace,
    promise: Option<Promise>,
    last: Option<Duration>,
}

/// When frames are due.
pub(crate) struct Pace {
    /// Time from frame to frame; `None` is as fast as they are taken.
    step: Option<Duration>,
    first: Option<Instant>,
    given: u32,
}

impl Pace {
    /// A pace of `fps` frames a second; 0 is none.
    pub fn new(fps: u32) -> Self {
        let step = (fps > 0).then(|| Duration::from_secs(1) / fps);
        Self {
            step,
            first: None,
            given: 0,
        }
    }

    /// When the next frame is due; `None` is at once. A caller that is late gets the next frames
    /// at once and none is skipped.
    pub fn due(&mut self, now: Instant) -> Option<Instant> {
        let step = self.step?;
        let first = *self.first.get_or_insert(now);
        let due = first + step.saturating_mul(self.given);
        self.given = self.given.saturating_add(1);
        Some(due)
    }
}

/// Checks the file, builds the pipeline and starts to decode.
pub(crate) fn open(request: &SourceRequest) -> Result<Box<dyn Source>, SourceError> {
    if request.is_http() {
        let engine = engine::start(request, |session| {
            automatic::build_http(session, request, FrameClock::file(), false)
        })?;
        return Ok(Box::new(FileSource::new(request, engine, None)));
    }
    let path = path_of(&request.reference)?;
    let info = probe::probe(&path)?;
    let engine = engine::start(request, |session| build(session, request, &path))?;
    if let Some(length) = info.video_duration.or(info.duration) {
        engine.mailbox().gauge().set_duration(length);
    }
    let promise = Promise::of(&info);
    Ok(Box::new(FileSource::new(request, engine, promise)))
}

/// The path of a `file://` address or of a plain path.
pub(crate) fn path_of(reference: &Redacted) -> Result<PathBuf, SourceError> {
    match reference.scheme().as_deref() {
        None => Ok(PathBuf::from(reference.expose())),
        Some("file") => {
            plugins::start()?;
            gst::glib::filename_from_uri(reference.expose())
                .map(|(path, _)| path)
                .map_err(|_| SourceError::new(FailureKind::NotFound, "not a valid file:// address"))
        }
        Some(_) => Err(SourceError::new(
            FailureKind::NotFound,
            format!(
                "{reference}: not a path and not file:// (a video may also be http:// or https://)"
            ),
        )),
    }
}

fn build(session: &Session, request: &SourceRequest, path: &Path) -> Result<(), SourceError> {
    let (source, decoder) = (plugins::make("filesrc")?, plugins::make("decodebin")?);
    source.set_property("location", path);
    automatic::decode(session, request, &decoder, (FrameClock::file(), false))?;
    session.add_row(&[&source, &decoder])
}

impl FileSource {
    fn new(request: &SourceRequest, engine: Box<dyn Running>, promise: Option<Promise>) -> Self {
        Self {
            engine,
            address: request.reference.clone(),
            timeout: request.timeout,
            pace: Pace::new(request.real_time_fps),
            promise,
            last: None,
        }
    }

    /// What comes by HTTP tells its length once it is being read.
    fn learn_length(&mut self) {
        if self.promise.is_some() {
            return;
        }
        let gauge = self.engine.mailbox().gauge();
        let length = gauge.duration().or_else(|| self.engine.duration());
        if let Some(length) = length.filter(|length| !length.is_zero()) {
            gauge.set_duration(length);
            self.promise = Some(Promise::of_container(length));
        }
    }

    /// A clean end, unless the file had promised more.
    fn check_end(&self) -> Result<Option<Frame>, SourceError> {
        let mailbox = self.engine.mailbox();
        if mailbox.is_stopped() {
            return Ok(None);
        }
        let address = &self.address;
        let Some(last) = self.last else {
            let message = format!("{address}: no picture in it can be decoded");
            return Err(SourceError::new(FailureKind::NotMedia, message));
        };
        if let Some(missing) = self.promise.and_then(|promise| promise.broken_at(last)) {
            let message = format!("{address}: the file ends in the middle, {missing}");
            return Err(SourceError::new(FailureKind::Truncated, message));
        }
        mailbox.gauge().finish();
        Ok(None)
    }
}

impl Source for FileSource {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        let frame = self.engine.mailbox().take(self.timeout)?;
        // It is known with the first frame or, at the latest, at the end.
        if self.last.is_none() || frame.is_none() {
            self.learn_length();
        }
        let Some(frame) = frame else {
            return self.check_end();
        };
        self.last = Some(frame.media_time());
        if let Some(due) = self.pace.due(Instant::now()) {
            self.engine.mailbox().sleep_until(due);
        }
        Ok(Some(frame))
    }

    fn stopper(&self) -> Stopper {
        Stopper::of(self.engine.mailbox())
    }

    fn stats(&self) -> SourceStats {
        self.engine.mailbox().stats()
    }

    fn video(&self) -> Option<VideoInfo> {
        self.engine.mailbox().gauge().video()
    }

    fn decode(&mut self, decoding: Decoding) {
        self.engine.mailbox().want(decoding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_neither_drifts_nor_skips() {
        let mut pace = Pace::new(25);
        let start = Instant::now();
        let due: Vec<_> = (0..26).filter_map(|_| pace.due(start)).collect();
        assert_eq!(due[0], start);
        assert_eq!(due[25], start + Duration::from_secs(1));
        assert_eq!(Pace::new(0).due(start), None);
    }

    #[test]
    fn only_files_are_files() {
        let path = |text: &str| path_of(&Redacted::new(text));
        assert_eq!(path("/a b.mp4").unwrap(), Path::new("/a b.mp4"));
        assert_eq!(path("file:///a%20b.mp4").unwrap(), Path::new("/a b.mp4"));
        assert_eq!(
            path("ftp://u:p@x/").unwrap_err().kind(),
            FailureKind::NotFound
        );
    }
}
