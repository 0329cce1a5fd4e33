//! A well-behaved RTSP camera.

use std::time::{Duration, Instant, SystemTime};

use goshawk_pipelines::{
    Redacted, SourceRequest,
    camera::{Camera, CameraOptions},
    open,
};
use goshawk_proto::{geometry::Size, stream::SourceKind, time::Timestamp};

use crate::{
    clips::{self, Clip, H264},
    request, source,
};

#[test]
fn frames_arrive_at_the_cameras_rate_with_the_time_of_their_arrival() {
    let folder = clips::folder();
    let clip = Clip {
        size: (640, 360),
        ..H264
    }
    .make(folder.path());
    let camera = Camera::start(CameraOptions::new(clip)).unwrap();
    for kind in [SourceKind::Tcp, SourceKind::Udp] {
        let mut source = source(kind, &camera.url()).unwrap();
        let opened = Instant::now();
        let first = source.next_frame().unwrap().unwrap();
        assert!(
            opened.elapsed() < Duration::from_secs(4),
            "{kind:?} {:?}",
            opened.elapsed()
        );
        assert_eq!(first.size(), Size::new(640, 360));
        // More frames than the clip has, so it must go round.
        let (start, mut last) = (Instant::now(), first.clone());
        for _ in 0..130 {
            let frame = source.next_frame().unwrap().unwrap();
            assert!(frame.media_time() > last.media_time());
            assert!(frame.number() > last.number());
            last = frame;
        }
        let rate = 130.0 / start.elapsed().as_secs_f32();
        assert!(
            (22.0..28.0).contains(&rate),
            "{kind:?}: {rate} frames a second"
        );
        let (media, wall) = (
            last.media_time() - first.media_time(),
            last.captured_at().since(first.captured_at()),
        );
        assert!(
            media.abs_diff(wall) < Duration::from_millis(60),
            "{kind:?} {media:?} {wall:?}"
        );
        let age = Timestamp::from_system(SystemTime::now()).since(last.captured_at());
        assert!(
            age < Duration::from_millis(900),
            "{kind:?}: captured {age:?} ago"
        );
    }
}

#[test]
fn a_slow_reader_gets_the_newest_frame_and_the_rest_is_counted() {
    let folder = clips::folder();
    let camera = Camera::start(CameraOptions::new(H264.make(folder.path()))).unwrap();
    let mut source = source(SourceKind::Tcp, &camera.url()).unwrap();
    let first = source.next_frame();
    assert!(first.is_ok(), "{first:?} {:?}", source.stats());
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(500));
        let frame = source.next_frame().unwrap().unwrap();
        let age = Timestamp::from_system(SystemTime::now()).since(frame.captured_at());
        assert!(age < Duration::from_millis(700), "{age:?}");
    }
    let stats = source.stats();
    assert!(stats.dropped_stale > 20, "{stats:?}");
    assert_eq!(stats.delivered, 5);
}

#[test]
fn odd_passwords_open_the_door() {
    let folder = clips::folder();
    let clip = Clip { frames: 50, ..H264 }.make(folder.path());
    for (password, written, digest) in [
        ("p@ss:w/rd #1%", "p%40ss%3Aw%2Frd%20%231%25", false),
        ("p@ss:word", "p@ss:word", false),
        ("sl/ash", "sl/ash", true),
        ("?&=+", "%3F%26%3D%2B", true),
    ] {
        let camera = Camera::start(CameraOptions {
            credentials: Some(("admin".into(), password.into())),
            digest,
            ..CameraOptions::new(&clip)
        })
        .unwrap();
        let address = camera.url().replace("://", &format!("://admin:{written}@"));
        let mut source = source(SourceKind::Tcp, &address).unwrap();
        assert!(source.next_frame().unwrap().is_some(), "{password}");
    }
}

#[test]
fn a_stop_ends_the_wait_at_once() {
    let folder = clips::folder();
    let camera = Camera::start(CameraOptions {
        stall_after: Some(Duration::ZERO),
        ..CameraOptions::new(H264.make(folder.path()))
    })
    .unwrap();
    let mut source = open(&SourceRequest {
        timeout: Duration::from_secs(60),
        ..SourceRequest::new(SourceKind::Tcp, Redacted::new(camera.url()))
    })
    .unwrap();
    let stopper = source.stopper();
    let stopping = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        stopper.stop();
    });
    let start = Instant::now();
    assert!(source.next_frame().unwrap().is_none());
    drop(source);
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    stopping.join().unwrap();
}

#[test]
fn a_stream_that_ends_ends_cleanly() {
    let folder = clips::folder();
    let camera = Camera::start(CameraOptions {
        once: true,
        ..CameraOptions::new(H264.make(folder.path()))
    })
    .unwrap();
    let mut source = open(&request(SourceKind::Tcp, &camera.url())).unwrap();
    let mut frames = 0;
    while source.next_frame().unwrap().is_some() {
        frames += 1;
    }
    // The beginning may be over before a viewer on a busy machine has connected.
    assert!((50..=100).contains(&frames), "{frames}");
}
