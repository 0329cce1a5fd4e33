//! Folders of pictures, at rest and growing.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use goshawk_pipelines::{Frame, SourceRequest, open};
use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
    stream::{FailureKind, SourceKind},
};

use crate::{all, clips, failure, request};

fn images(folder: &Path) -> SourceRequest {
    request(SourceKind::Images, &folder.to_string_lossy())
}

/// Writes a picture of one grey.
fn write(folder: &Path, name: &str, grey: u8) {
    let picture = image::RgbImage::from_pixel(8, 4, image::Rgb([grey; 3]));
    picture.save(folder.join(name)).unwrap();
}

fn grey(frame: &Frame) -> u8 {
    let mut out = Rgb::default();
    frame.region(Rect::from(Size::new(8, 4)), Size::new(1, 1), &mut out);
    out.pixel(0, 0)[0]
}

fn greys(frames: &[Frame]) -> Vec<u8> {
    frames.iter().map(grey).collect()
}

#[test]
fn a_folder_gives_its_pictures_in_order_and_skips_what_is_broken() {
    let folder = clips::folder();
    write(folder.path(), "b.png", 20);
    write(folder.path(), "a.png", 10);
    std::fs::write(folder.path().join("aa.png"), b"no picture").unwrap();
    std::fs::write(folder.path().join("notes.txt"), b"no picture").unwrap();
    let mut source = open(&images(folder.path())).unwrap();
    let mut seen = Vec::new();
    while let Some(frame) = source.next_frame().unwrap() {
        seen.push(grey(&frame));
    }
    assert_eq!(seen, [10, 20]);
    let video = source.video().unwrap();
    assert_eq!(video.size, Size::new(8, 4));
    assert_eq!((video.duration, video.progress), (Some(2.0), Some(1.0)));
    assert_eq!((video.bit_rate, video.gop_size), (None, None));
}

#[test]
fn a_mask_with_a_number_chooses_and_orders() {
    let folder = clips::folder();
    for (name, value) in [
        ("example1_9999.png", 30),
        ("example1_0002.png", 20),
        ("example1_10000.png", 40),
        ("example1_2.png", 50),
        ("example2_0001.png", 60),
    ] {
        write(folder.path(), name, value);
    }
    let asked = SourceRequest {
        mask: Some("example1_%04d.png".to_owned()),
        ..images(folder.path())
    };
    assert_eq!(greys(&all(open(&asked).unwrap())), [20, 30, 40]);
    let asked = SourceRequest {
        mask: Some("example1_%d.png".to_owned()),
        ..asked
    };
    assert_eq!(greys(&all(open(&asked).unwrap())), [50, 30, 40]);
}

#[test]
fn pictures_that_come_while_a_folder_is_read_are_read_too_and_never_by_halves() {
    let folder = clips::folder();
    write(folder.path(), "1.png", 10);
    let asked = SourceRequest {
        linger: Duration::from_millis(1500),
        ..images(folder.path())
    };
    let source = open(&asked).unwrap();
    let path = folder.path().to_owned();
    let writer = std::thread::spawn(move || {
        let pause = || std::thread::sleep(Duration::from_millis(400));
        pause();
        write(&path, "0.png", 20);
        // A camera that writes slowly.
        let other = tempfile::tempdir().unwrap();
        write(other.path(), "2.jpg", 30);
        let bytes = std::fs::read(other.path().join("2.jpg")).unwrap();
        for part in [bytes.len() / 3, bytes.len() - 1, bytes.len()] {
            pause();
            std::fs::write(path.join("2.jpg"), &bytes[..part]).unwrap();
        }
        pause();
        write(&path, "3.png", 40);
        Instant::now()
    });
    let frames = all(source);
    let ended = Instant::now();
    let written = writer.join().unwrap();
    assert_eq!(greys(&frames), [10, 20, 30, 40]);
    let after = ended - written;
    let expect = Duration::from_millis(1200)..Duration::from_millis(4000);
    assert!(expect.contains(&after), "ended {after:?} after the last");
}

#[test]
fn an_empty_folder_is_no_video_and_a_missing_one_is_not_found() {
    let folder = clips::folder();
    let (error, _) = failure(open(&images(folder.path())));
    assert_eq!(error.kind(), FailureKind::NotMedia, "{error}");
    let patient = SourceRequest {
        linger: Duration::from_millis(300),
        ..images(folder.path())
    };
    let (error, _) = failure(open(&patient));
    assert_eq!(error.kind(), FailureKind::NotMedia, "{error}");
    let (error, _) = failure(open(&images(Path::new("/no/such/folder"))));
    assert_eq!(error.kind(), FailureKind::NotFound, "{error}");
}

#[test]
fn a_stop_ends_the_watch() {
    let folder = clips::folder();
    write(folder.path(), "1.png", 10);
    let asked = SourceRequest {
        linger: Duration::from_secs(60),
        ..images(folder.path())
    };
    let mut source = open(&asked).unwrap();
    assert!(source.next_frame().unwrap().is_some());
    let stopper = source.stopper();
    let stopping = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        stopper.stop();
    });
    let start = Instant::now();
    assert!(source.next_frame().unwrap().is_none());
    assert!(start.elapsed() < Duration::from_secs(2));
    stopping.join().unwrap();
}
