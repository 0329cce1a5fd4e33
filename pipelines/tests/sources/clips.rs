//! Clips for tests, made by GStreamer.

use std::path::{Path, PathBuf};

use gstreamer::{self as gst, prelude::*};
use tempfile::TempDir;

/// A clip to make.
pub struct Clip {
    pub name: &'static str,
    pub frames: u32,
    pub size: (u32, u32),
    /// The encoder with what belongs behind it.
    pub encoder: &'static str,
    pub muxer: &'static str,
}

/// 320x240 at 25 frames a second, H.264 in MP4.
pub const H264: Clip = Clip {
    name: "clip.mp4",
    frames: 100,
    size: (320, 240),
    encoder: "x264enc speed-preset=ultrafast key-int-max=25 bframes=0 ! h264parse",
    muxer: "mp4mux",
};

/// A folder that disappears with its clips.
pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

impl Clip {
    /// Makes the clip in `folder`.
    pub fn make(&self, folder: &Path) -> PathBuf {
        gst::init().unwrap();
        let path = folder.join(self.name);
        let (frames, (width, height)) = (self.frames, self.size);
        let launch = format!(
            "videotestsrc num-buffers={frames} pattern=ball \
             ! video/x-raw,format=I420,width={width},height={height},framerate=25/1 \
             ! {} ! {} ! filesink location={}",
            self.encoder,
            self.muxer,
            path.display()
        );
        let pipeline = gst::parse::launch(&launch).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let end = pipeline
            .bus()
            .unwrap()
            .timed_pop_filtered(
                gst::ClockTime::from_seconds(60),
                &[gst::MessageType::Eos, gst::MessageType::Error],
            )
            .unwrap();
        pipeline.set_state(gst::State::Null).unwrap();
        assert_eq!(end.type_(), gst::MessageType::Eos, "{end:?}");
        path
    }
}

/// A copy of a file that ends after `share` of its bytes.
pub fn cut(path: &Path, share: f64) -> PathBuf {
    let bytes = std::fs::read(path).unwrap();
    let to = path.with_file_name(format!(
        "cut-{}",
        path.file_name().unwrap().to_string_lossy()
    ));
    std::fs::write(&to, &bytes[..(bytes.len() as f64 * share) as usize]).unwrap();
    to
}
