//! Viewers of streams that show what the test says.

use std::time::Duration;

use goshawk_agent_core::{stage::VisibleKind, track::State};
use goshawk_proto::{
    geometry::{BBox, Size},
    id::TrackId,
    time::Timestamp,
};

use super::*;
use crate::metrics::Metrics;

/// A frame of one grey, whose number is its capture time in microseconds.
pub(crate) fn frame(number: u64, size: Size) -> Frame {
    let mut rgb = Rgb::black(size);
    rgb.data_mut().fill(90);
    let time = Timestamp::from_unix_micros(number as i64);
    Frame::from_rgb(rgb, number, Duration::from_millis(40 * number), time)
}

fn viewfinder(viewers: usize, max_fps: f32) -> (Viewfinder, ViewMetrics) {
    let metrics = Metrics::new().0.views;
    let settings = ViewSettings {
        viewers,
        max_fps,
        ..ViewSettings::default()
    };
    (Viewfinder::new(settings, metrics.clone()), metrics)
}

/// A viewfinder with one stream that shows a frame every few milliseconds.
pub(crate) fn running(viewers: usize) -> (Viewfinder, StreamId) {
    let (viewfinder, _) = viewfinder_of(viewers);
    let stream = StreamId::random();
    let lens = viewfinder.lens(stream);
    tokio::spawn(async move {
        for number in 0.. {
            if lens.is_watched() {
                lens.show(&frame(number, Size::new(640, 360)), vec![face()]);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    (viewfinder, stream)
}

fn viewfinder_of(viewers: usize) -> (Viewfinder, ViewMetrics) {
    viewfinder(viewers, 30.0)
}

fn face() -> Visible {
    Visible {
        track_id: TrackId::from_session(1, 2),
        kind: VisibleKind::Face,
        bbox: BBox::new(200.0, 100.0, 100.0, 100.0),
        detected: None,
        state: State::Confirmed,
    }
}

fn size() -> Size {
    Size::new(64, 64)
}

#[tokio::test]
async fn a_slow_viewer_sees_the_newest_frame_and_loses_the_others() {
    let (viewfinder, _) = viewfinder_of(2);
    let stream = StreamId::random();
    let lens = viewfinder.lens(stream);
    let mut viewer = viewfinder.look(stream).unwrap();
    for number in 0..50 {
        lens.show(&frame(number, size()), Vec::new());
    }
    assert_eq!(viewer.look().await.unwrap().frame.number(), 49);
    let again = tokio::time::timeout(Duration::from_millis(20), viewer.look());
    assert!(again.await.is_err(), "no frame is seen twice");
}

#[tokio::test]
async fn nothing_is_kept_when_nobody_looks() {
    let (viewfinder, metrics) = viewfinder_of(2);
    let stream = StreamId::random();
    let lens = viewfinder.lens(stream);
    assert!(!lens.is_watched());
    lens.show(&frame(1, size()), Vec::new());
    let (one, two) = (viewfinder.look(stream), viewfinder.look(stream));
    assert!(lens.is_watched());
    assert_eq!(metrics.viewers.get(), 2);
    let mut one = one.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(20), one.look());
    assert!(early.await.is_err(), "what was shown to nobody is gone");
    let kept = frame(2, size());
    lens.show(&kept, Vec::new());
    drop((one, two));
    assert!(!lens.is_watched());
    assert!(matches!(&*lens.sight.borrow(), Sight::Nothing));
    assert_eq!(metrics.viewers.get(), 0);
}

#[tokio::test]
async fn viewers_are_bounded_over_all_streams_and_refusals_counted() {
    let (viewfinder, metrics) = viewfinder_of(2);
    let streams = [StreamId::random(), StreamId::random()];
    let _lenses = streams.map(|stream| viewfinder.lens(stream));
    let held = streams.map(|stream| viewfinder.look(stream).unwrap());
    assert_eq!(viewfinder.look(streams[0]).err(), Some(LookError::Full));
    assert_eq!(metrics.refused.get(), 1);
    drop(held);
    assert!(viewfinder.look(streams[0]).is_ok());
    assert_eq!(
        viewfinder.look(StreamId::random()).err(),
        Some(LookError::NoStream)
    );
}

#[tokio::test]
async fn a_stream_that_goes_tells_its_viewers() {
    let (viewfinder, _) = viewfinder_of(2);
    let stream = StreamId::random();
    let lens = viewfinder.lens(stream);
    let mut show = viewfinder.show(stream, Wanted::default()).unwrap();
    viewfinder.forget(stream);
    // Its thread may not have ended yet.
    lens.show(&frame(1, size()), Vec::new());
    let over = show.next(Duration::from_secs(5)).await;
    assert!(matches!(over, Err(Over::Gone)), "{over:?}");
    assert_eq!(viewfinder.look(stream).err(), Some(LookError::NoStream));
}

#[tokio::test]
async fn pictures_are_reduced_marked_and_paced() {
    let (viewfinder, stream) = running(2);
    let wanted = Wanted {
        side: 320,
        fps: 20.0,
        ..Wanted::default()
    };
    let mut show = viewfinder.show(stream, wanted).unwrap();
    let started = std::time::Instant::now();
    let mut at = Vec::new();
    for _ in 0..5 {
        let picture = show.next(Duration::from_secs(5)).await.unwrap();
        assert_eq!(picture.jpeg.size, Size::new(320, 180));
        at.push(picture.captured_at);
    }
    assert!(started.elapsed() >= Duration::from_millis(4 * 50));
    assert!(at.windows(2).all(|pair| pair[0] < pair[1]), "{at:?}");
    let plain = viewfinder.show(
        stream,
        Wanted {
            marks: false,
            ..wanted
        },
    );
    let plain = plain.unwrap().next(Duration::from_secs(5)).await.unwrap();
    let marked = show.next(Duration::from_secs(5)).await.unwrap();
    // A picture of one grey is as small as can be; a box makes it larger.
    assert!(marked.jpeg.bytes.len() > plain.jpeg.bytes.len() + 100);
}

#[tokio::test]
async fn a_camera_that_is_away_is_waited_for_only_so_long() {
    let (viewfinder, _) = viewfinder_of(1);
    let stream = StreamId::random();
    viewfinder.lens(stream);
    let mut show = viewfinder.show(stream, Wanted::default()).unwrap();
    let over = show.next(Duration::from_millis(30)).await;
    assert!(matches!(over, Err(Over::NoFrames(_))), "{over:?}");
}
