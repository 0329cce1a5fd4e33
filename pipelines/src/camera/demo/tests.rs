//! Clips made of invented portraits, so that the tests need no photographs.

use std::{collections::BTreeSet, path::Path};

use goshawk_proto::{
    geometry::{BBox, Rect},
    picture::Pixels,
    stream::SourceKind,
};

use super::*;
use crate::{Frame, Redacted, SourceRequest, open};

/// Portraits of the right names and sizes: a person of one colour with a face of another.
fn portraits(folder: &Path) {
    for (name, size, face, body, skin) in [
        (
            "astronaut.png",
            (512, 512),
            (180, 72, 90, 115),
            [220, 90, 40],
            [250, 200, 170],
        ),
        (
            "grace_hopper.jpg",
            (512, 600),
            (172, 135, 188, 198),
            [20, 20, 60],
            [230, 180, 150],
        ),
    ] {
        let picture = image::RgbImage::from_fn(size.0, size.1, |x, y| {
            let inside =
                (face.0..face.0 + face.2).contains(&x) && (face.1..face.1 + face.3).contains(&y);
            image::Rgb(if inside { skin } else { body })
        });
        picture.save(folder.join(name)).unwrap();
    }
}

fn clip(folder: &Path, name: &str) -> DemoClip {
    DemoClip {
        truth: Some(folder.join(format!("{name}.jsonl"))),
        seconds: 6,
        size: Size::new(640, 360),
        fps: 5,
        ..DemoClip::new(folder, folder.join(name))
    }
}

fn frames(path: &Path) -> Vec<Frame> {
    let reference = Redacted::new(path.to_string_lossy());
    let mut source = open(&SourceRequest::new(SourceKind::Videofile, reference)).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = source.next_frame().unwrap() {
        frames.push(frame);
    }
    frames
}

/// The mean colour of the middle of a box.
fn colour(frame: &Frame, face: BBox) -> [u8; 3] {
    let area: Rect = face.scaled(0.5).to_rect(frame.size());
    let mut out = Rgb::default();
    frame.region(area, Size::new(1, 1), &mut out);
    out.pixel(0, 0)
}

#[test]
fn the_clip_is_what_its_ground_truth_says() {
    let folder = tempfile::tempdir().unwrap();
    portraits(folder.path());
    let clip = clip(folder.path(), "a.mp4");
    let mut told = Vec::new();
    clip.make(&mut |done, all| told.push((done, all))).unwrap();
    assert_eq!(told.last(), Some(&(30, 30)));

    let frames = frames(&clip.out);
    let truth = std::fs::read_to_string(clip.truth.unwrap()).unwrap();
    let lines: Vec<serde_json::Value> = truth
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((frames.len(), lines.len()), (30, 30));
    let (mut checked, mut people) = (0, BTreeSet::new());
    for (frame, line) in frames.iter().zip(&lines) {
        for person in line["people"].as_array().unwrap() {
            people.insert(person["person"].as_str().unwrap().to_owned());
            if person["visible"].as_f64().unwrap() < 0.95 {
                continue;
            }
            let face: BBox = serde_json::from_value(person["box"].clone()).unwrap();
            let [red, green, blue] = colour(frame, face);
            // Both faces are of a colour that nothing else has.
            assert!(
                red > 150 && red > green && green > blue && red - blue > 40,
                "{person} {red} {green} {blue}"
            );
            checked += 1;
        }
    }
    assert!(checked > 15, "{checked}");
    assert_eq!(people.len(), 2);
}

#[test]
fn the_same_seed_makes_the_same_pictures_and_another_seed_others() {
    let folder = tempfile::tempdir().unwrap();
    portraits(folder.path());
    let make = |name: &str, seed| {
        let clip = DemoClip {
            seed,
            seconds: 3,
            ..clip(folder.path(), name)
        };
        clip.make(&mut |_, _| ()).unwrap();
        let whole = Rect {
            x: 0,
            y: 0,
            width: 640,
            height: 360,
        };
        let mut out = Rgb::default();
        frames(&clip.out)[14].region(whole, Size::new(64, 36), &mut out);
        out
    };
    let (first, again, other) = (make("a.mp4", 1), make("b.mkv", 1), make("c.mp4", 2));
    assert!(first == again);
    assert!(first != other);
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = clip(folder.path(), "a.mp4")
        .make(&mut |_, _| ())
        .unwrap_err();
    assert!(missing.message().contains("astronaut.png"), "{missing}");
    portraits(folder.path());
    let odd = DemoClip {
        size: Size::new(641, 360),
        ..clip(folder.path(), "a.mp4")
    };
    assert!(odd.make(&mut |_, _| ()).is_err());
    let ending = clip(folder.path(), "a.doc")
        .make(&mut |_, _| ())
        .unwrap_err();
    assert!(ending.message().contains(".mp4"), "{ending}");
    enrol_photo(folder.path(), &folder.path().join("head.jpg")).unwrap();
    assert_eq!(
        image::open(folder.path().join("head.jpg")).unwrap().width(),
        420
    );
}
