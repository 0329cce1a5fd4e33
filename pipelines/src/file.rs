//! Video files: every frame, in order, as fast as the caller takes them or at a given pace.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use goshawk_proto::stream::FailureKind;
use gstreamer::{self as gst, prelude::*};

use crate::{
    classify::{self, Progress},
    clock::FrameClock,
    error::SourceError,
    frame::Frame,
    mailbox::{Mailbox, WhenFull},
    plugins,
    probe::{self, VideoInfo},
    redacted::Redacted,
    request::SourceRequest,
    session::{self, Session},
    source::{Source, SourceStats, Stopper},
};

/// Missing media beyond this makes a file truncated, when the video's own length is known.
const TOLERANCE: Duration = Duration::from_millis(500);
/// The same when only the container's length is known: its sound may be longer than its picture.
const LOOSE_TOLERANCE: Duration = Duration::from_secs(2);

struct FileSource {
    session: Session,
    address: Redacted,
    timeout: Duration,
    pace: Pace,
    /// Where the last frame ends if the file is whole, and how far from it is still good.
    expected_end: Option<(Duration, Duration)>,
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
    let path = path_of(&request.reference)?;
    let info = probe::probe(&path)?;
    let mailbox = Arc::new(Mailbox::new(request.queue(), WhenFull::Wait));
    let (address, seen) = (request.reference.clone(), Arc::clone(&mailbox));
    let session = Session::new(mailbox, move |error| {
        let progress = Progress {
            live: false,
            has_frames: seen.has_frames(),
        };
        classify::explain(error, &address, progress)
    })?;
    build(&session, request, &path)?;
    session.start()?;
    Ok(Box::new(FileSource {
        session,
        address: request.reference.clone(),
        timeout: request.timeout,
        pace: Pace::new(request.real_time_fps),
        expected_end: expected_end(&info),
        last: None,
    }))
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
            format!("{reference}: a file is a path or file://"),
        )),
    }
}

fn build(session: &Session, request: &SourceRequest, path: &Path) -> Result<(), SourceError> {
    let bin = session.pipeline.upcast_ref();
    let clock = FrameClock::file();
    let end = session::end_in_mailbox(bin, &session.mailbox, request, clock, false)?;
    let (source, decoder) = (plugins::make("filesrc")?, plugins::make("decodebin")?);
    source.set_property("location", path);
    decoder.set_property("force-sw-decoders", true);
    // Sound and subtitles are left undecoded.
    decoder.connect("autoplug-continue", false, |values| {
        let caps = values
            .get(2)
            .and_then(|value| value.get::<gst::Caps>().ok());
        let name = caps.and_then(|caps| caps.structure(0).map(|s| s.name().to_string()));
        let other = name.is_some_and(|n| n.starts_with("audio/") || n.starts_with("text/"));
        Some((!other).to_value())
    });
    let threads = request.decoder_threads;
    if let Some(decodebin) = decoder.downcast_ref::<gst::Bin>() {
        decodebin.connect_deep_element_added(move |_, _, element| {
            session::set_threads(element, threads);
        });
    }
    decoder.connect_pad_added(move |_, pad| session::link_first_video(pad, &end));
    session.add_row(&[&source, &decoder])
}

fn expected_end(info: &VideoInfo) -> Option<(Duration, Duration)> {
    let frame = Duration::from_secs_f64(if info.fps > 0.0 { 1.0 / info.fps } else { 0.1 });
    let slack = 2 * frame.min(Duration::from_secs(1));
    match (info.video_duration, info.duration) {
        (Some(own), _) => Some((own, TOLERANCE + slack)),
        (None, Some(container)) => Some((container, LOOSE_TOLERANCE + slack)),
        (None, None) => None,
    }
}

impl FileSource {
    /// A clean end, unless the file had promised more.
    fn check_end(&self) -> Result<Option<Frame>, SourceError> {
        if self.session.mailbox.is_stopped() {
            return Ok(None);
        }
        let address = &self.address;
        let Some(last) = self.last else {
            let message = format!("{address}: no picture in it can be decoded");
            return Err(SourceError::new(FailureKind::NotMedia, message));
        };
        match self.expected_end {
            Some((end, tolerance)) if last + tolerance < end => Err(SourceError::new(
                FailureKind::Truncated,
                format!(
                    "{address}: the file ends in the middle, after {:.1} s of {:.1} s",
                    last.as_secs_f32(),
                    end.as_secs_f32()
                ),
            )),
            _ => Ok(None),
        }
    }
}

impl Source for FileSource {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        let mailbox = &self.session.mailbox;
        let Some(frame) = mailbox.take(self.timeout)? else {
            return self.check_end();
        };
        self.last = Some(frame.media_time());
        if let Some(due) = self.pace.due(Instant::now()) {
            mailbox.sleep_until(due);
        }
        Ok(Some(frame))
    }

    fn stopper(&self) -> Stopper {
        Stopper::new(Arc::clone(&self.session.mailbox))
    }

    fn stats(&self) -> SourceStats {
        self.session.mailbox.stats()
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
            path("http://u:p@x/").unwrap_err().kind(),
            FailureKind::NotFound
        );
    }
}
