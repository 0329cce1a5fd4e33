//! What is in a video file, without decoding it.

use std::{fs::File, io::Read, path::Path, time::Duration};

use ffmpeg_next::{self as ffmpeg, media, util::log};
use goshawk_proto::{geometry::Size, stream::FailureKind};

use crate::error::SourceError;

/// Containers that only point elsewhere. A local file must not make us fetch an address.
const PLAYLISTS: [&str; 5] = ["hls", "dash", "concat", "applehttp", "imf"];

/// What a file says about its (best) video stream.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoInfo {
    /// Coded size, before any rotation.
    pub size: Size,
    /// Average frames a second; 0 when unknown.
    pub fps: f64,
    /// Length of the whole file.
    pub duration: Option<Duration>,
    /// Length of the video stream alone, where the container has it or nothing else is in it.
    pub video_duration: Option<Duration>,
    /// Number of frames, where the container has it.
    pub frame_count: Option<u64>,
    /// Bits a second of the whole file.
    pub bit_rate: Option<u64>,
    /// FFmpeg's name of the codec, such as `h264`.
    pub codec: String,
    /// FFmpeg's name of the container, such as `mov,mp4,m4a,3gp,3g2,mj2`.
    pub container: String,
}

/// Reads a file's headers.
///
/// # Errors
/// * `NotFound`: no such file, or no right to read it;
/// * `Truncated`: a video file whose index is missing because it was cut off;
/// * `NotMedia`: anything that is no video.
pub fn probe(path: &Path) -> Result<VideoInfo, SourceError> {
    let shown = path.display();
    let mut head = [0; 16];
    let read = File::open(path)
        .and_then(|mut file| match file.metadata()?.is_file() {
            true => file.read(&mut head),
            false => Err(std::io::Error::other("not a file")),
        })
        .map_err(|error| SourceError::new(FailureKind::NotFound, format!("{shown}: {error}")))?;
    let not_video = |why: &str| {
        SourceError::new(
            FailureKind::NotMedia,
            format!("{shown}: not a video file ({why})"),
        )
    };
    let input = open(path).map_err(|error| {
        if is_container(&head[..read]) {
            let message = format!("{shown}: the file was cut off before its index");
            return SourceError::new(FailureKind::Truncated, message);
        }
        not_video(&error)
    })?;
    let container = input.format().name().to_owned();
    if container.split(',').any(|name| PLAYLISTS.contains(&name)) {
        return Err(not_video("a playlist"));
    }
    let stream = input
        .streams()
        .best(media::Type::Video)
        .ok_or_else(|| not_video("no video in it"))?;
    describe(&input, &stream, container).ok_or_else(|| not_video("its video has no size"))
}

fn open(path: &Path) -> Result<ffmpeg::format::context::Input, String> {
    ffmpeg::init().map_err(|error| error.to_string())?;
    // FFmpeg writes to stderr by itself; everything worth saying is in the result.
    log::set_level(log::Level::Quiet);
    let absolute = path.canonicalize().map_err(|error| error.to_string())?;
    let text = absolute.to_str().filter(|text| !text.contains('\0'));
    let text = text.ok_or("its path is not UTF-8")?;
    let mut options = ffmpeg::Dictionary::new();
    // With the scheme written out, no name can be taken for another protocol.
    options.set("protocol_whitelist", "file");
    ffmpeg::format::input_with_dictionary(&format!("file:{text}"), options)
        .map_err(|error| error.to_string())
}

fn describe(
    input: &ffmpeg::format::context::Input,
    stream: &ffmpeg::Stream<'_>,
    container: String,
) -> Option<VideoInfo> {
    let parameters = stream.parameters();
    let codec = parameters.id().name().to_owned();
    let decoder = ffmpeg::codec::context::Context::from_parameters(parameters).ok()?;
    let video = decoder.decoder().video().ok()?;
    let size = Size::new(video.width(), video.height());
    let rate = f64::from(stream.avg_frame_rate());
    let micros = u64::try_from(input.duration())
        .ok()
        .filter(|&micros| micros > 0);
    let seconds = stream.duration() as f64 * f64::from(stream.time_base());
    let duration = micros.map(Duration::from_micros);
    let own = Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|own| !own.is_zero());
    let alone = input.nb_streams() == 1;
    (size.width > 0 && size.height > 0).then(|| VideoInfo {
        size,
        fps: if rate.is_finite() { rate.max(0.0) } else { 0.0 },
        duration,
        video_duration: own.or(duration.filter(|_| alone)),
        frame_count: u64::try_from(stream.frames())
            .ok()
            .filter(|&frames| frames > 0),
        bit_rate: u64::try_from(input.bit_rate())
            .ok()
            .filter(|&rate| rate > 0),
        codec,
        container,
    })
}

/// Whether a file begins like a video container: ISO media, Matroska, AVI, FLV or MPEG-TS.
fn is_container(head: &[u8]) -> bool {
    let at = |from: usize, mark: &[u8]| head.get(from..from + mark.len()) == Some(mark);
    at(4, b"ftyp")
        || at(4, b"mdat")
        || at(4, b"moov")
        || at(0, &[0x1a, 0x45, 0xdf, 0xa3])
        || at(0, b"RIFF")
        || at(0, b"FLV")
}
