//! Regions of real mapped buffers, in every format.

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;
use gstreamer_video::VideoInfo;

use super::*;

/// One frame of a test picture in `format`, by way of GStreamer's own converter.
fn pattern(format: &str, width: u32, height: u32, rest: &str) -> (gst::Buffer, VideoInfo) {
    gst::init().unwrap();
    let launch = format!(
        "videotestsrc num-buffers=1 {rest} ! video/x-raw,format=RGB,width={width},height={height} \
         ! videoconvert dither=none ! video/x-raw,format={format} ! appsink name=sink"
    );
    let pipeline = gst::parse::launch(&launch)
        .unwrap()
        .downcast::<gst::Pipeline>()
        .unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let sink = pipeline
        .by_name("sink")
        .unwrap()
        .downcast::<AppSink>()
        .unwrap();
    let sample = sink.pull_sample().unwrap();
    pipeline.set_state(gst::State::Null).unwrap();
    let info = VideoInfo::from_caps(sample.caps().unwrap()).unwrap();
    (sample.buffer_owned().unwrap(), info)
}

fn frame(format: &str, width: u32, height: u32, rest: &str, rotation: Rotation) -> Frame {
    let (buffer, info) = pattern(format, width, height, rest);
    let times = FrameTimes {
        media_time: Duration::ZERO,
        captured_at: Timestamp::default(),
        source_time: None,
    };
    Frame::from_buffer(buffer, &info, 7, times, rotation).unwrap()
}

fn region(frame: &Frame, region: Rect, target: Size) -> Rgb {
    let mut out = Rgb::default();
    frame.region(region, target, &mut out);
    assert_eq!(out.size(), target);
    out
}

fn whole(size: Size) -> Rect {
    Rect {
        x: 0,
        y: 0,
        width: size.width,
        height: size.height,
    }
}

#[track_caller]
fn assert_near(pixel: [u8; 3], expect: [u8; 3], tolerance: u8) {
    for (a, b) in pixel.into_iter().zip(expect) {
        assert!(
            a.abs_diff(b) <= tolerance,
            "{pixel:?} is not near {expect:?}"
        );
    }
}

#[test]
fn every_format_gives_the_same_bars() {
    // 100 % colour bars: white, yellow, cyan, green, magenta, red, blue.
    let bars = [
        [255, 255, 255],
        [255, 255, 0],
        [0, 255, 255],
        [0, 255, 0],
        [255, 0, 255],
        [255, 0, 0],
        [0, 0, 255],
    ];
    for height in [240, 720] {
        for format in ["I420", "YV12", "NV12", "NV21", "Y42B", "Y444"] {
            let frame = frame(format, 350, height, "pattern=smpte100", Rotation::None);
            for target in [
                Size::new(350, height),
                Size::new(70, 24),
                Size::new(700, 500),
            ] {
                let picture = region(&frame, whole(frame.size()), target);
                for (bar, expect) in bars.iter().enumerate() {
                    let x = (bar as f32 + 0.5) * target.width as f32 / 7.0;
                    let y = i64::from(target.height / 4);
                    assert_near(picture.pixel(x as i64, y), *expect, 5);
                }
            }
        }
    }
}

#[test]
fn full_range_is_told_from_limited() {
    let (buffer, info) = pattern("I420", 64, 64, "pattern=white");
    let times = FrameTimes {
        media_time: Duration::ZERO,
        captured_at: Timestamp::default(),
        source_time: None,
    };
    let limited = Frame::from_buffer(buffer.clone(), &info, 0, times, Rotation::None).unwrap();
    let colorimetry = "1:4:0:0"
        .parse::<gstreamer_video::VideoColorimetry>()
        .unwrap();
    let full = VideoInfo::builder(info.format(), 64, 64)
        .colorimetry(&colorimetry)
        .build()
        .unwrap();
    let full = Frame::from_buffer(buffer, &full, 0, times, Rotation::None).unwrap();
    let (size, one) = (limited.size(), Size::new(1, 1));
    assert_near(region(&limited, whole(size), one).pixel(0, 0), [255; 3], 1);
    assert_near(region(&full, whole(size), one).pixel(0, 0), [235; 3], 1);
}

#[test]
fn gray_stays_gray() {
    let frame = frame("GRAY8", 33, 17, "pattern=gradient", Rotation::None);
    let picture = region(&frame, whole(frame.size()), Size::new(33, 17));
    let [r, g, b] = picture.pixel(16, 8);
    assert!(r == g && g == b);
}

#[test]
fn reducing_averages_instead_of_skipping() {
    // One-pixel checkers: a filter that skips pixels gives black or white, an average gives grey.
    let frame = frame("I420", 640, 480, "pattern=checkers-1", Rotation::None);
    let picture = region(&frame, whole(frame.size()), Size::new(64, 48));
    let whole_range = (2..62).map(|x| picture.pixel(x, 20)[0]);
    let (least, most) = (
        whole_range.clone().min().unwrap(),
        whole_range.max().unwrap(),
    );
    assert!(most - least < 12, "{least} to {most}");
}

#[test]
fn regions_are_where_they_should_be() {
    // The same region by way of the whole picture.
    let frame = frame("I420", 320, 240, "pattern=ball", Rotation::None);
    let all = region(&frame, whole(frame.size()), frame.size());
    let part = Rect {
        x: 130,
        y: 90,
        width: 61,
        height: 47,
    };
    let cut = region(&frame, part, Size::new(61, 47));
    for y in 2..45 {
        for x in 2..59 {
            assert_near(cut.pixel(x, y), all.pixel(x + 130, y + 90), 24);
        }
    }
}

#[test]
fn what_lies_outside_is_clipped_or_black() {
    let frame = frame("I420", 64, 64, "pattern=white", Rotation::None);
    let over = Rect {
        x: 32,
        y: 32,
        width: 500,
        height: 500,
    };
    assert_near(
        region(&frame, over, Size::new(8, 8)).pixel(7, 7),
        [255; 3],
        1,
    );
    let outside = Rect {
        x: 64,
        y: 0,
        width: 10,
        height: 10,
    };
    assert_near(
        region(&frame, outside, Size::new(8, 8)).pixel(4, 4),
        [0; 3],
        0,
    );
}

#[test]
fn a_turned_frame_turns_its_regions() {
    let straight = frame("I420", 320, 240, "pattern=smpte100", Rotation::None);
    let turned = frame("I420", 320, 240, "pattern=smpte100", Rotation::Cw90);
    assert_eq!(turned.size(), Size::new(240, 320));
    assert_eq!(turned.source_size(), Size::new(320, 240));
    let a = region(&straight, whole(straight.size()), straight.size());
    let b = region(&turned, whole(turned.size()), turned.size());
    for (x, y) in [(5, 5), (300, 10), (160, 200), (310, 235)] {
        assert_near(b.pixel(239 - y, x), a.pixel(x, y), 2);
    }
}

#[test]
fn odd_sizes_are_read_to_their_last_pixel() {
    for format in ["I420", "NV12", "Y42B"] {
        let frame = frame(format, 101, 77, "pattern=red", Rotation::None);
        let picture = region(&frame, whole(frame.size()), Size::new(101, 77));
        assert_near(picture.pixel(100, 76), [255, 0, 0], 3);
    }
}
