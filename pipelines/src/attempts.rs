//! Who decodes a source, and who is tried when that makes no picture.
//!
//! Until its first frame a source may fail for reasons of ours: hardware that is announced and
//! does not work, a container or codec that one library knows and the other does not. Then the
//! next way is tried at once, and the caller notices nothing but a log line. What failed after a
//! first frame, or for reasons that no other way would change (a wrong password, a dead host), is
//! told as it is.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use goshawk_proto::stream::{FailureKind, SourceKind, VideoInfo};

use crate::{
    decode::{DecodeSettings, Decoding, Engine, Hardware},
    error::SourceError,
    file,
    frame::Frame,
    live,
    request::SourceRequest,
    source::{Source, SourceStats, Stopper},
};

/// The ways to decode a source, first choice first; none has [`Engine::Auto`].
///
/// Of local files FFmpeg comes before GStreamer's own use of it, which copies every picture whose coded
/// height is not its own (1080 lines are coded as 1088): measured on 1080p, a sixth of the decoding
/// and 25 MiB.
fn ways(request: &SourceRequest) -> Vec<DecodeSettings> {
    let DecodeSettings { engine, hardware } = request.decode;
    let device = request.is_device();
    let way = |engine, hardware| DecodeSettings { engine, hardware };
    let mut ways = Vec::new();
    if engine != Engine::Ffmpeg || device {
        if hardware != Hardware::Off {
            ways.push(way(Engine::Gstreamer, hardware));
        }
        ways.push(way(Engine::Gstreamer, Hardware::Off));
    }
    if engine != Engine::Gstreamer && !device {
        let file = request.kind == SourceKind::Videofile && !request.is_http();
        let place = if file {
            ways.len().saturating_sub(1)
        } else {
            ways.len()
        };
        ways.insert(place, way(Engine::Ffmpeg, Hardware::Off));
    }
    ways
}

/// Whether another way might do better.
fn is_ours(error: &SourceError) -> bool {
    matches!(error.kind(), FailureKind::NotMedia | FailureKind::Other)
}

fn open_by(request: &SourceRequest, way: DecodeSettings) -> Result<Box<dyn Source>, SourceError> {
    let request = SourceRequest {
        decode: way,
        ..request.clone()
    };
    match request.kind {
        SourceKind::Videofile => file::open(&request),
        _ => live::open(&request),
    }
}

/// Opens a source in the first way that works.
pub(crate) fn open(request: &SourceRequest) -> Result<Box<dyn Source>, SourceError> {
    let mut left = ways(request).into_iter();
    let mut first_error = None;
    while let Some(way) = left.next() {
        match open_by(request, way) {
            Ok(source) if left.len() == 0 => return Ok(source),
            Ok(source) => {
                return Ok(Box::new(Attempts {
                    target: Arc::new(Target::new(source.stopper())),
                    source,
                    left,
                    request: request.clone(),
                    first_error,
                    settled: false,
                    decoding: Decoding::All,
                }));
            }
            Err(error) if is_ours(&error) => {
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(first_error.unwrap_or(error)),
        }
    }
    Err(first_error.unwrap_or_else(|| SourceError::other("no way to decode this source")))
}

/// Whom a stopper stops: the source of now, and every later one.
struct Target {
    stopped: AtomicBool,
    current: Mutex<Stopper>,
}

impl Target {
    fn new(stopper: Stopper) -> Self {
        Self {
            stopped: AtomicBool::new(false),
            current: Mutex::new(stopper),
        }
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.stop();
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn turn_to(&self, stopper: Stopper) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = stopper;
        // It may have come between the two.
        if self.is_stopped() {
            current.stop();
        }
    }
}

struct Attempts {
    source: Box<dyn Source>,
    left: std::vec::IntoIter<DecodeSettings>,
    request: SourceRequest,
    first_error: Option<SourceError>,
    /// A frame has come: this way it is.
    settled: bool,
    decoding: Decoding,
    target: Arc<Target>,
}

impl Attempts {
    /// Goes on in the next way that opens; `false` when there is none.
    fn try_next(&mut self) -> bool {
        for way in self.left.by_ref() {
            match open_by(&self.request, way) {
                Ok(mut source) => {
                    source.decode(self.decoding);
                    self.target.turn_to(source.stopper());
                    self.source = source;
                    return true;
                }
                Err(error) => tracing::debug!(?way, %error, "neither does this way"),
            }
        }
        false
    }
}

impl Source for Attempts {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        loop {
            let error = match self.source.next_frame() {
                Err(error) if !self.settled && is_ours(&error) => error,
                given => {
                    self.settled = true;
                    return given;
                }
            };
            if self.target.is_stopped() {
                return Ok(None);
            }
            tracing::info!(%error, "no picture in this way; trying the next");
            let first = self.first_error.get_or_insert(error).clone();
            if !self.try_next() {
                self.settled = true;
                return Err(first);
            }
        }
    }

    fn stopper(&self) -> Stopper {
        let target = Arc::clone(&self.target);
        Stopper::new(move || target.stop())
    }

    fn stats(&self) -> SourceStats {
        self.source.stats()
    }

    fn video(&self) -> Option<VideoInfo> {
        self.source.video()
    }

    fn decode(&mut self, decoding: Decoding) {
        self.decoding = decoding;
        self.source.decode(decoding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redacted::Redacted;

    fn ways_of(reference: &str, engine: Engine, hardware: Hardware) -> Vec<(Engine, Hardware)> {
        let kind = match reference.starts_with("/clips") {
            true => SourceKind::Videofile,
            false => SourceKind::Tcp,
        };
        let mut request = SourceRequest::new(kind, Redacted::new(reference));
        request.decode = DecodeSettings { engine, hardware };
        let pair = |way: DecodeSettings| (way.engine, way.hardware);
        ways(&request).into_iter().map(pair).collect()
    }

    #[test]
    fn hardware_comes_first_and_of_software_what_copies_least() {
        use Engine::{Auto, Ffmpeg, Gstreamer};
        use Hardware::{Nvdec, Off};
        let camera = "rtsp://camera/1";
        assert_eq!(
            ways_of(camera, Auto, Nvdec),
            [(Gstreamer, Nvdec), (Gstreamer, Off), (Ffmpeg, Off)]
        );
        let file = "/clips/gate.mp4";
        assert_eq!(
            ways_of(file, Auto, Nvdec),
            [(Gstreamer, Nvdec), (Ffmpeg, Off), (Gstreamer, Off)]
        );
        assert_eq!(ways_of(file, Auto, Off)[0], (Ffmpeg, Off));
        assert_eq!(ways_of(camera, Gstreamer, Off), [(Gstreamer, Off)]);
        assert_eq!(ways_of(camera, Ffmpeg, Nvdec), [(Ffmpeg, Off)]);
    }

    #[test]
    fn devices_are_gstreamers() {
        for engine in [Engine::Auto, Engine::Ffmpeg] {
            let ways = ways_of("/dev/video0", engine, Hardware::Off);
            assert_eq!(ways, [(Engine::Gstreamer, Hardware::Off)]);
        }
    }
}
