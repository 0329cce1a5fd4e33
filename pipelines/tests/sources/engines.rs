//! The same source through either engine, and the way from one to the other.

use std::{path::Path, time::Duration};

use goshawk_pipelines::{
    DecodeSettings, Engine, Hardware, Rotation, SourceError, SourceRequest,
    camera::{Camera, CameraOptions},
    open,
};
use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
    stream::{FailureKind, SourceKind},
};

use crate::{
    all,
    clips::{self, Clip, H264},
    failure, request,
};

fn by(engine: Engine, kind: SourceKind, reference: &str) -> SourceRequest {
    let hardware = Hardware::Off;
    SourceRequest {
        decode: DecodeSettings { engine, hardware },
        ..request(kind, reference)
    }
}

fn file(engine: Engine, path: &Path) -> SourceRequest {
    by(engine, SourceKind::Videofile, &path.to_string_lossy())
}

#[test]
fn both_engines_give_the_same_frames() {
    let folder = clips::folder();
    let frames_by_x264 =
        "x264enc speed-preset=ultrafast key-int-max=25 bframes=2 b-adapt=false ! h264parse";
    for (name, encoder, muxer) in [
        ("b-frames.mp4", frames_by_x264, "mp4mux"),
        ("a.mkv", H264.encoder, "matroskamux"),
        ("a.avi", "jpegenc", "avimux"),
        (
            "ten-bit.mkv",
            "videoconvert ! video/x-raw,format=I420_10LE ! x264enc speed-preset=ultrafast ! h264parse",
            "matroskamux",
        ),
        (
            "rgb.mkv",
            "videoconvert ! video/x-raw,format=BGR ! queue",
            "matroskamux",
        ),
    ] {
        let clip = Clip {
            name,
            encoder,
            muxer,
            frames: 50,
            size: (320, 180),
        };
        let path = clip.make(folder.path());
        let read = |engine| {
            let asked = SourceRequest {
                rotation: Rotation::Cw90,
                ..file(engine, &path)
            };
            all(open(&asked).unwrap())
        };
        let (theirs, ours) = (read(Engine::Gstreamer), read(Engine::Ffmpeg));
        assert_eq!((theirs.len(), ours.len()), (50, 50), "{name}");
        for (a, b) in theirs.iter().zip(&ours) {
            assert_eq!(a.number(), b.number());
            assert_eq!(a.size(), b.size());
            let off = a.media_time().abs_diff(b.media_time());
            assert!(off < Duration::from_millis(2), "{name}: {off:?}");
        }
        let pixels = |frame: &goshawk_pipelines::Frame| {
            let mut out = Rgb::default();
            frame.region(Rect::from(frame.size()), Size::new(45, 80), &mut out);
            out
        };
        let (a, b) = (pixels(&theirs[20]), pixels(&ours[20]));
        let off: u32 = a
            .data()
            .iter()
            .zip(b.data())
            .map(|(a, b)| u32::from(a.abs_diff(*b)))
            .sum();
        let mean = off as f32 / a.data().len() as f32;
        assert!(mean < 2.0, "{name}: pictures differ by {mean}");
    }
}

/// Runs itself in a process of its own, in which GStreamer has no decoder for H.264.
#[test]
fn what_gstreamer_does_not_know_goes_to_ffmpeg() {
    if std::env::var_os("GOSHAWK_NO_H264_CHILD").is_none() {
        let me = std::env::current_exe().unwrap();
        let child = std::process::Command::new(me)
            .args([
                "--exact",
                "engines::what_gstreamer_does_not_know_goes_to_ffmpeg",
            ])
            .arg("--nocapture")
            .env("GOSHAWK_NO_H264_CHILD", "1")
            .env(
                "GST_PLUGIN_FEATURE_RANK",
                "avdec_h264:NONE,openh264dec:NONE",
            )
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success(), "{said}");
        return;
    }
    let folder = clips::folder();
    let path = H264.make(folder.path());
    let (error, _) = failure(open(&file(Engine::Gstreamer, &path)));
    assert_eq!(error.kind(), FailureKind::NotMedia, "{error}");
    for engine in [Engine::Ffmpeg, Engine::Auto] {
        let mut source = open(&file(engine, &path)).unwrap();
        let stopper = source.stopper();
        for number in 0..50 {
            let frame = source.next_frame().unwrap().unwrap();
            assert_eq!(frame.number(), number, "{engine:?}");
        }
        // The handle from before the change of engines works on.
        stopper.stop();
        assert!(source.next_frame().unwrap().is_none());
    }
}

#[test]
fn broken_files_are_told_alike() {
    let folder = clips::folder();
    let whole = Clip {
        name: "a.mkv",
        muxer: "matroskamux",
        ..H264
    }
    .make(folder.path());
    let cut = clips::cut(&whole, 0.6);
    let empty = folder.path().join("empty.mp4");
    std::fs::write(&empty, "").unwrap();
    let sound = folder.path().join("sound.mp4");
    make_sound(&sound);
    for engine in [Engine::Auto, Engine::Gstreamer, Engine::Ffmpeg] {
        let told = |path: &Path| -> (SourceError, usize) { failure(open(&file(engine, path))) };
        let (error, frames) = told(&cut);
        assert_eq!(error.kind(), FailureKind::Truncated, "{engine:?}: {error}");
        assert!((30..95).contains(&frames), "{engine:?}: {frames}");
        assert_eq!(told(&empty).0.kind(), FailureKind::NotMedia, "{engine:?}");
        let (error, _) = told(&sound);
        assert_eq!(error.kind(), FailureKind::NotMedia, "{engine:?}: {error}");
        assert!(error.message().contains("no video"), "{error}");
        // What failed does not stand in the way of what is good.
        assert_eq!(
            all(open(&file(engine, &whole)).unwrap()).len(),
            100,
            "{engine:?}"
        );
    }
}

/// A file with nothing but sound.
fn make_sound(path: &Path) {
    use gstreamer::{self as gst, prelude::*};
    gst::init().unwrap();
    let launch = format!(
        "audiotestsrc num-buffers=50 ! audioconvert ! avenc_aac ! aacparse ! mp4mux ! filesink location={}",
        path.display()
    );
    let pipeline = gst::parse::launch(&launch).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let end = pipeline.bus().unwrap().timed_pop_filtered(
        gst::ClockTime::from_seconds(30),
        &[gst::MessageType::Eos, gst::MessageType::Error],
    );
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(end.unwrap().type_(), gst::MessageType::Eos);
}

#[test]
fn a_camera_through_ffmpeg_is_a_camera() {
    let folder = clips::folder();
    let camera = Camera::start(CameraOptions {
        credentials: Some(("admin".into(), "p@ss:w/rd".into())),
        digest: true,
        drop_clients_after: Some(Duration::from_secs(6)),
        ..CameraOptions::new(H264.make(folder.path()))
    })
    .unwrap();
    let address = |password: &str| {
        camera
            .url()
            .replace("://", &format!("://admin:{password}@"))
    };
    let asked = by(Engine::Ffmpeg, SourceKind::Tcp, &address("p%40ss%3Aw%2Frd"));
    let mut source = open(&asked).unwrap();
    let first = source.next_frame().unwrap().unwrap();
    let mut last = first.clone();
    for _ in 0..50 {
        let frame = source.next_frame().unwrap().unwrap();
        assert!(frame.media_time() >= last.media_time() && frame.number() > last.number());
        last = frame;
    }
    let passed = (last.media_time() - first.media_time()).as_secs_f32();
    assert!((1.5..3.0).contains(&passed), "{passed}");
    assert_eq!(source.video().unwrap().gop_size, Some(25));
    let wrong = by(Engine::Ffmpeg, SourceKind::Tcp, &address("wrong"));
    let (error, _) = failure(open(&wrong));
    assert_eq!(error.kind(), FailureKind::Unauthorized, "{error}");
    assert!(!format!("{error:?}").contains("wrong@"), "{error:?}");
}

#[test]
fn hardware_that_is_not_here_is_not_missed() {
    let folder = clips::folder();
    let path = Clip { frames: 20, ..H264 }.make(folder.path());
    let camera = Camera::start(CameraOptions::new(&path)).unwrap();
    for hardware in [
        Hardware::Auto,
        Hardware::Vaapi,
        Hardware::V4l2,
        Hardware::Nvdec,
    ] {
        let decode = DecodeSettings {
            engine: Engine::Gstreamer,
            hardware,
        };
        let asked = SourceRequest {
            decode,
            ..file(Engine::Gstreamer, &path)
        };
        assert_eq!(all(open(&asked).unwrap()).len(), 20, "{hardware:?}");
        let asked = SourceRequest {
            decode,
            ..request(SourceKind::Tcp, &camera.url())
        };
        assert!(
            open(&asked).unwrap().next_frame().unwrap().is_some(),
            "{hardware:?}"
        );
    }
}
