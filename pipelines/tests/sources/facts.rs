//! What is found out about a source's video, and pictures left out on request.

use std::time::{Duration, SystemTime};

use goshawk_pipelines::{
    Decoding, Engine, SourceRequest,
    camera::{Camera, CameraOptions},
    open,
};
use goshawk_proto::{geometry::Size, stream::SourceKind, time::Timestamp};

use crate::{
    clips::{self, Clip, H264},
    request, source,
};

/// Bits a second of a file, by its size.
fn bits_a_second(path: &std::path::Path, seconds: f64) -> f64 {
    std::fs::metadata(path).unwrap().len() as f64 * 8.0 / seconds
}

#[test]
fn a_file_tells_its_rate_size_groups_and_how_far_it_is() {
    let folder = clips::folder();
    for (name, encoder, muxer, group) in [
        ("a.mp4", H264.encoder, "mp4mux", 25),
        ("a.avi", "jpegenc", "avimux", 1),
    ] {
        let clip = Clip {
            name,
            encoder,
            muxer,
            frames: 200,
            ..H264
        };
        let path = clip.make(folder.path());
        for engine in [Engine::Gstreamer, Engine::Ffmpeg] {
            let mut asked = request(SourceKind::Videofile, &path.to_string_lossy());
            asked.decode.engine = engine;
            let mut source = open(&asked).unwrap();
            assert_eq!(source.video(), None);
            let before = Timestamp::from_system(SystemTime::now());
            let mut last = 0.0;
            while source.next_frame().unwrap().is_some() {
                let progress = source.video().unwrap().progress.unwrap();
                assert!((last..=1.0).contains(&progress), "{progress} after {last}");
                last = progress;
            }
            let video = source.video().unwrap();
            let what = format!("{name} {engine:?} {video:?}");
            assert_eq!(video.size, Size::new(320, 240), "{what}");
            assert!((video.frame_rate.unwrap() - 25.0).abs() < 0.1, "{what}");
            assert_eq!(video.gop_size, Some(group), "{what}");
            assert_eq!(video.progress, Some(1.0), "{what}");
            assert!((video.duration.unwrap() - 8.0).abs() < 0.1, "{what}");
            let share = video.bit_rate.unwrap() as f64 / bits_a_second(&path, 8.0);
            assert!((0.8..1.1).contains(&share), "{what}: {share}");
            assert!(video.start_time <= before, "{what}");
        }
    }
}

#[test]
fn a_camera_tells_its_rate_and_groups_and_has_no_length() {
    let folder = clips::folder();
    let path = H264.make(folder.path());
    let camera = Camera::start(CameraOptions::new(&path)).unwrap();
    let mut source = source(SourceKind::Tcp, &camera.url()).unwrap();
    for _ in 0..100 {
        source.next_frame().unwrap().unwrap();
    }
    let video = source.video().unwrap();
    assert_eq!(video.size, Size::new(320, 240));
    assert!((video.frame_rate.unwrap() - 25.0).abs() < 2.0, "{video:?}");
    assert_eq!(video.gop_size, Some(25));
    assert_eq!((video.duration, video.progress), (None, None));
    let share = video.bit_rate.unwrap() as f64 / bits_a_second(&path, 4.0);
    assert!((0.6..1.4).contains(&share), "{video:?}: {share}");
}

#[test]
fn key_frames_alone_are_decoded_on_request_and_all_of_them_again_within_a_group() {
    let folder = clips::folder();
    let camera = Camera::start(CameraOptions::new(H264.make(folder.path()))).unwrap();
    for engine in [Engine::Gstreamer, Engine::Ffmpeg] {
        let mut asked = SourceRequest {
            queue: 8,
            ..request(SourceKind::Tcp, &camera.url())
        };
        asked.decode.engine = engine;
        let mut source = open(&asked).unwrap();
        source.decode(Decoding::KeyFrames);
        let mut next = || source.next_frame().unwrap().unwrap().media_time();
        // What was under way before the order.
        let mut last = next();
        loop {
            let now = next();
            let apart = now - last > Duration::from_millis(600);
            last = now;
            if apart {
                break;
            }
        }
        for _ in 0..3 {
            let now = next();
            let step = (now - last).as_secs_f32();
            assert!((0.7..1.3).contains(&step), "{engine:?}: {step} s");
            last = now;
        }
        source.decode(Decoding::All);
        let awake = std::time::Instant::now();
        let mut next = || source.next_frame().unwrap().unwrap().media_time();
        let mut last = next();
        loop {
            let now = next();
            let close = now - last < Duration::from_millis(100);
            last = now;
            if close {
                break;
            }
        }
        let took = awake.elapsed();
        assert!(took < Duration::from_millis(1600), "{engine:?}: {took:?}");
        // The rate is the camera's, whatever was decoded of it.
        let rate = source.video().unwrap().frame_rate.unwrap();
        assert!((22.0..28.0).contains(&rate), "{engine:?}: {rate}");
    }
}

#[test]
fn a_files_frames_are_all_decoded_whatever_is_asked() {
    let folder = clips::folder();
    let path = Clip { frames: 50, ..H264 }.make(folder.path());
    let mut source = source(SourceKind::Videofile, &path.to_string_lossy()).unwrap();
    source.decode(Decoding::KeyFrames);
    assert_eq!(crate::all(source).len(), 50);
}

#[test]
fn a_cameras_own_clock_is_told() {
    let folder = clips::folder();
    let camera = Camera::start(CameraOptions::new(H264.make(folder.path()))).unwrap();
    let mut source = source(SourceKind::Tcp, &camera.url()).unwrap();
    // The first sender report comes within some seconds.
    for _ in 0..400 {
        let frame = source.next_frame().unwrap().unwrap();
        let Some(told) = frame.source_time() else {
            continue;
        };
        let (here, there) = (frame.captured_at().unix_micros(), told.unix_micros());
        let off = Duration::from_micros(here.abs_diff(there));
        // The camera's clock is this machine's.
        assert!(off < Duration::from_millis(1500), "{off:?}");
        return;
    }
    panic!("the camera's clock was never told");
}
