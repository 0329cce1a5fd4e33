//! Video files, good and bad.

use std::time::{Duration, Instant};

use goshawk_pipelines::{Rotation, SourceRequest, open, probe};
use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
    stream::{FailureKind, SourceKind},
};

use crate::{
    all,
    clips::{self, Clip, H264},
    failure, request, source,
};

const FILE: SourceKind = SourceKind::Videofile;

#[test]
fn every_frame_of_every_container_and_codec_comes_in_order() {
    let folder = clips::folder();
    let x264 = "x264enc speed-preset=ultrafast key-int-max=25 bframes=2 b-adapt=false ! h264parse";
    for (name, encoder, muxer) in [
        ("b-frames.mp4", x264, "mp4mux"),
        ("a.mkv", H264.encoder, "matroskamux"),
        ("a.ts", H264.encoder, "mpegtsmux"),
        ("a.avi", "jpegenc", "avimux"),
        (
            "h265.mp4",
            "x265enc speed-preset=ultrafast ! h265parse",
            "mp4mux",
        ),
        ("mpeg4.avi", "avenc_mpeg4", "avimux"),
        ("vp8.webm", "vp8enc deadline=1", "webmmux"),
    ] {
        let path = Clip {
            name,
            encoder,
            muxer,
            ..H264
        }
        .make(folder.path());
        let opened = source(FILE, &path.to_string_lossy()).unwrap();
        let frames = all(opened);
        assert_eq!(frames.len(), 100, "{name}");
        for (i, frame) in frames.iter().enumerate() {
            assert_eq!(frame.number(), i as u64, "{name}");
            assert_eq!(frame.size(), Size::new(320, 240), "{name}");
            let expect = Duration::from_millis(40 * i as u64);
            let off = frame.media_time().abs_diff(expect);
            assert!(
                off < Duration::from_millis(3),
                "{name}: frame {i} at {:?}",
                frame.media_time()
            );
            let since = frame.captured_at().since(frames[0].captured_at());
            assert!(since.abs_diff(expect) < Duration::from_millis(3), "{name}");
        }
    }
}

#[test]
fn the_picture_is_the_picture() {
    let folder = clips::folder();
    let clip = Clip {
        encoder: "x264enc speed-preset=ultrafast ! h264parse",
        frames: 2,
        ..H264
    };
    let path = clip.make(folder.path());
    let frames = all(source(FILE, &path.to_string_lossy()).unwrap());
    // A white ball on black: some of each, and nothing coloured.
    let mut out = Rgb::default();
    let whole = Rect {
        x: 0,
        y: 0,
        width: 320,
        height: 240,
    };
    frames[1].region(whole, Size::new(320, 240), &mut out);
    let bright = out.data().chunks(3).filter(|p| p[0] > 200).count();
    let dark = out.data().chunks(3).filter(|p| p[0] < 40).count();
    assert!(
        bright > 500 && dark > 60_000,
        "{bright} bright, {dark} dark"
    );
    assert!(
        out.data()
            .chunks(3)
            .all(|p| p[0].abs_diff(p[1]) < 12 && p[0].abs_diff(p[2]) < 12)
    );
}

#[test]
fn a_slow_reader_loses_nothing() {
    let folder = clips::folder();
    let path = Clip { frames: 20, ..H264 }.make(folder.path());
    let mut source = source(FILE, &path.to_string_lossy()).unwrap();
    let mut numbers = Vec::new();
    while let Some(frame) = source.next_frame().unwrap() {
        std::thread::sleep(Duration::from_millis(15));
        numbers.push(frame.number());
    }
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    assert_eq!(source.stats().delivered, 20);
    assert_eq!(source.stats().dropped_stale, 0);
}

#[test]
fn a_paced_file_takes_its_time_and_a_stop_wakes_it() {
    let folder = clips::folder();
    let path = Clip { frames: 50, ..H264 }.make(folder.path());
    let asked = SourceRequest {
        real_time_fps: 50,
        ..request(FILE, &path.to_string_lossy())
    };
    let start = Instant::now();
    assert_eq!(all(open(&asked).unwrap()).len(), 50);
    let took = start.elapsed().as_secs_f32();
    assert!((0.9..2.5).contains(&took), "{took} s");

    let asked = SourceRequest {
        real_time_fps: 1,
        ..asked
    };
    let mut source = open(&asked).unwrap();
    source.next_frame().unwrap();
    let stopper = source.stopper();
    let start = Instant::now();
    let stopping = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        stopper.stop();
    });
    source.next_frame().unwrap();
    assert_eq!(
        source.next_frame().unwrap().map(|frame| frame.number()),
        None
    );
    assert!(start.elapsed() < Duration::from_millis(800));
    stopping.join().unwrap();
}

#[test]
fn a_turned_file_gives_turned_frames() {
    let folder = clips::folder();
    let path = Clip { frames: 2, ..H264 }.make(folder.path());
    let asked = SourceRequest {
        rotation: Rotation::Cw90,
        ..request(FILE, &path.to_string_lossy())
    };
    let frames = all(open(&asked).unwrap());
    assert_eq!(frames[0].size(), Size::new(240, 320));
    assert_eq!(frames[0].source_size(), Size::new(320, 240));
}

#[test]
fn a_file_cut_in_the_middle_gives_its_first_half_and_says_so() {
    let folder = clips::folder();
    for (name, muxer) in [
        ("index-first.mp4", "mp4mux faststart=true"),
        ("a.mkv", "matroskamux"),
    ] {
        let path = Clip {
            name,
            muxer,
            ..H264
        }
        .make(folder.path());
        let path = clips::cut(&path, 0.6);
        let (error, frames) = failure(source(FILE, &path.to_string_lossy()));
        assert_eq!(error.kind(), FailureKind::Truncated, "{name}: {error}");
        assert!((30..95).contains(&frames), "{name}: {frames} frames");
    }
}

#[test]
fn a_file_cut_before_its_index_says_so() {
    let folder = clips::folder();
    let path = clips::cut(&H264.make(folder.path()), 0.5);
    let (error, frames) = failure(source(FILE, &path.to_string_lossy()));
    assert_eq!(
        (error.kind(), frames),
        (FailureKind::Truncated, 0),
        "{error}"
    );
    assert!(error.message().contains("index"), "{error}");
}

#[test]
fn what_is_no_video_is_called_no_video() {
    let folder = clips::folder();
    let text = folder.path().join("text.mp4");
    std::fs::write(&text, "This is a text.\n".repeat(500)).unwrap();
    let empty = folder.path().join("empty.mp4");
    std::fs::write(&empty, "").unwrap();
    let playlist = folder.path().join("list.m3u8");
    std::fs::write(&playlist, "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n").unwrap();
    for path in [text, empty, playlist] {
        let (error, _) = failure(source(FILE, &path.to_string_lossy()));
        assert_eq!(error.kind(), FailureKind::NotMedia, "{error}");
        assert!(error.message().contains("not a video"), "{error}");
    }
    let (error, _) = failure(source(FILE, "/nowhere/at/all.mp4"));
    assert_eq!(error.kind(), FailureKind::NotFound);
    let (error, _) = failure(source(FILE, &folder.path().to_string_lossy()));
    assert_eq!(error.kind(), FailureKind::NotFound);
}

#[test]
fn a_probe_reads_the_headers() {
    let folder = clips::folder();
    let info = probe(&H264.make(folder.path())).unwrap();
    assert_eq!(info.size, Size::new(320, 240));
    assert_eq!((info.codec.as_str(), info.frame_count), ("h264", Some(100)));
    assert!((info.fps - 25.0).abs() < 0.01, "{}", info.fps);
    assert!(info.duration.unwrap().abs_diff(Duration::from_secs(4)) < Duration::from_millis(50));
    assert!(info.bit_rate.unwrap() > 1000);
    assert!(info.container.contains("mp4"));
}
