//! The default pack on real pictures: who is found, how well people are told apart, and whether
//! pose and quality move the way they should. Skips loudly where pack or pictures are missing.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail, and says what it measured"
)]

#[path = "home/pack.rs"]
mod pack;

use goshawk_models::{
    DetectOptions, Face, FaceAnalyzer, Pack, Picture, RuntimeOptions, Tiling, manifest::Checksum,
};
use goshawk_proto::{
    descriptor::Descriptor,
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
};
use pack::{analyzer, home, labels, load, portrait, shared};

const TILED: DetectOptions = DetectOptions {
    min_score: 0.4,
    min_mesh_score: 0.5,
    tiles: Tiling::Tiles { size: 256 },
    min_face: 12.0,
    max_faces: 64,
};

fn faces(analyzer: &FaceAnalyzer, picture: &Picture) -> Vec<Face> {
    analyzer
        .detect(&[picture], &DetectOptions::default())
        .unwrap()
        .remove(0)
}

fn largest(faces: Vec<Face>) -> Option<Face> {
    faces
        .into_iter()
        .max_by(|a, b| a.detection.bbox.area().total_cmp(&b.detection.bbox.area()))
}

fn descriptor(analyzer: &FaceAnalyzer, picture: &Picture) -> Option<Descriptor> {
    let face = largest(faces(analyzer, picture))?;
    let warp = analyzer.warp(picture, &face.detection.landmarks);
    Some(analyzer.describe(&[&warp]).unwrap().remove(0).descriptor)
}

fn scaled(picture: &Picture, by: f32) -> Picture {
    let Size { width, height } = picture.size();
    let side = |s: u32| ((s as f32 * by) as u32).max(1);
    let mut out = Rgb::default();
    picture.region(
        Rect {
            x: 0,
            y: 0,
            width,
            height,
        },
        Size::new(side(width), side(height)),
        &mut out,
    );
    Picture::from_rgb(out)
}

fn mirrored(picture: &Picture) -> Picture {
    let mut rgb = picture.rgb().clone();
    let width = rgb.size().width as usize;
    for row in rgb.data_mut().chunks_exact_mut(width * 3) {
        row.as_chunks_mut::<3>().0.reverse();
    }
    Picture::from_rgb(rgb)
}

/// Turned by a quarter, clockwise.
fn turned(picture: &Picture) -> Picture {
    let Size { width, height } = picture.size();
    let mut out = Rgb::black(Size::new(height, width));
    for (i, px) in out.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = (i as i64 % i64::from(height), i as i64 / i64::from(height));
        *px = picture.rgb().pixel(y, i64::from(height) - 1 - x);
    }
    Picture::from_rgb(out)
}

#[test]
fn the_same_person_across_scales_and_two_people_apart() {
    let Some(analyzer) = analyzer() else { return };
    let (Some(one), Some(two)) = (portrait("astronaut.png"), portrait("grace_hopper.jpg")) else {
        return;
    };
    let scales = [1.0, 0.75, 0.5, 0.35];
    let all = |p: &Picture| -> Vec<Descriptor> {
        scales
            .iter()
            .map(|s| descriptor(&analyzer, &scaled(p, *s)).expect("the face is found"))
            .collect()
    };
    let (ones, twos) = (all(&one), all(&two));
    let (mut least_same, mut most_other) = (1.0f32, -1.0f32);
    for a in 0..scales.len() {
        for b in 0..scales.len() {
            least_same = least_same
                .min(ones[a].cosine(&ones[b]).unwrap())
                .min(twos[a].cosine(&twos[b]).unwrap());
            most_other = most_other.max(ones[a].cosine(&twos[b]).unwrap());
        }
    }
    println!("same person at least {least_same:.3}, two people at most {most_other:.3}");
    assert!(least_same >= 0.8, "{least_same}");
    assert!(most_other <= 0.5, "{most_other}");
    assert_eq!(ones[0].version(), analyzer.descriptor_version());
    assert_eq!(ones[0].length(), analyzer.descriptor_length());
}

#[test]
fn pose_follows_mirror_and_turn() {
    let Some(analyzer) = analyzer() else { return };
    let Some(picture) = portrait("astronaut.png") else {
        return;
    };
    let pose = |p: &Picture| {
        largest(faces(&analyzer, p))
            .expect("the face is found")
            .head_pose
    };
    let (plain, mirror, turn) = (
        pose(&picture),
        pose(&mirrored(&picture)),
        pose(&turned(&picture)),
    );
    println!("{plain:?}\n{mirror:?}\n{turn:?}");
    assert!((plain.yaw + mirror.yaw).abs() < 8.0);
    assert!((plain.roll + mirror.roll).abs() < 6.0);
    assert!((plain.pitch - mirror.pitch).abs() < 6.0);
    assert!((turn.roll - plain.roll - 90.0).abs() < 8.0);
    assert!(plain.yaw.abs() < 30.0 && plain.pitch.abs() < 25.0);
}

#[test]
fn quality_falls_with_blur_and_darkness() {
    let Some(analyzer) = analyzer() else { return };
    let Some(picture) = portrait("astronaut.png") else {
        return;
    };
    let face = largest(faces(&analyzer, &picture)).expect("the face is found");
    let sharp = analyzer.quality(&analyzer.warp(&picture, &face.detection.landmarks));
    let small = scaled(&picture, 0.2);
    let points = face
        .detection
        .landmarks
        .map(|p| goshawk_proto::geometry::Point::new(p.x * 0.2, p.y * 0.2));
    let blurred = analyzer.quality(&analyzer.warp(&small, &points));
    let mut dark = picture.rgb().clone();
    dark.data_mut().iter_mut().for_each(|v| *v /= 6);
    let dark =
        analyzer.quality(&analyzer.warp(&Picture::from_rgb(dark), &face.detection.landmarks));
    println!("sharp {sharp:?}\nblurred {blurred:?}\ndark {dark:?}");
    assert!(sharp.sharpness.get() > 0.7 && blurred.sharpness.get() < 0.6);
    assert!(sharp.dark.get() > 0.8 && dark.dark.get() < 0.3);
}

#[test]
fn a_batch_says_what_its_parts_say() {
    let Some(analyzer) = analyzer() else { return };
    let (Some(one), Some(two)) = (portrait("astronaut.png"), portrait("grace_hopper.jpg")) else {
        return;
    };
    let empty = Picture::from_rgb(Rgb::black(Size::new(320, 240)));
    let nothing = Picture::from_rgb(Rgb::default());
    let batch = analyzer
        .detect(&[&one, &empty, &two, &nothing], &DetectOptions::default())
        .unwrap();
    assert_eq!(batch.len(), 4);
    assert!(batch[1].is_empty() && batch[3].is_empty());
    for (got, alone) in [
        (&batch[0], faces(&analyzer, &one)),
        (&batch[2], faces(&analyzer, &two)),
    ] {
        assert_eq!(got.len(), alone.len());
        assert!(got[0].detection.bbox.iou(&alone[0].detection.bbox) > 0.99);
    }
    assert!(
        analyzer
            .detect(&[], &DetectOptions::default())
            .unwrap()
            .is_empty()
    );
    assert!(analyzer.describe(&[]).unwrap().is_empty());
    // A sample without any pixel is answered or refused, never a panic.
    let _ = analyzer.describe(&[&Rgb::default()]);
}

#[test]
fn threads_share_an_analyzer_and_agree() {
    let Some(analyzer) = analyzer() else { return };
    let Some(picture) = portrait("astronaut.png") else {
        return;
    };
    let alone = faces(&analyzer, &picture);
    let warp = analyzer.warp(&picture, &alone[0].detection.landmarks);
    let told = analyzer.describe(&[&warp]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    assert_eq!(faces(&analyzer, &picture), alone);
                    assert_eq!(analyzer.describe(&[&warp]).unwrap(), told);
                }
            });
        }
    });
}

/// Recall, extras and mean overlap on the labelled pictures.
fn check_labelled(analyzer: &FaceAnalyzer, options: &DetectOptions, name: &str) {
    let (mut wanted, mut found, mut extra, mut overlap) = (0, 0, 0, 0.0);
    for (file, boxes) in labels("training.xml")
        .into_iter()
        .chain(labels("testing.xml"))
    {
        let Some(path) = shared(&format!("data/faces/labelled/{file}")) else {
            continue;
        };
        let got = analyzer.detect(&[&load(&path)], options).unwrap().remove(0);
        for want in &boxes {
            let best = got
                .iter()
                .map(|f| f.detection.bbox.iou(want))
                .fold(0.0, f32::max);
            found += usize::from(best >= 0.35);
            overlap += best;
        }
        wanted += boxes.len();
        extra += got
            .iter()
            .filter(|f| boxes.iter().all(|b| f.detection.bbox.iou(b) < 0.2))
            .count();
    }
    if wanted > 0 {
        let mean = overlap / wanted as f32;
        println!(
            "{name}: {found} of {wanted} labelled faces, {extra} extra, mean overlap {mean:.2}"
        );
        assert!(found * 100 >= wanted * 90, "{name}: {found} of {wanted}");
        assert!(extra <= 3, "{name}: {extra}");
        assert!(mean >= 0.65, "{name}: {mean}");
    }
}

#[test]
fn labelled_faces_are_found() {
    let Some(analyzer) = analyzer() else { return };
    check_labelled(&analyzer, &DetectOptions::default(), "whole");
    check_labelled(&analyzer, &TILED, "tiles");
}

/// A manifest for a YuNet file.
fn yunet_manifest(sum: Checksum) -> String {
    let outputs: String = [8, 16, 32]
        .iter()
        .flat_map(|s| ["cls", "obj", "bbox", "kps"].map(|o| format!("{o}_{s} = \"{o}_{s}\"\n")))
        .collect();
    format!(
        "name = \"yunet\"\nabout = \"faces\"\nfamily = \"yunet\"\nroles = [\"face-detector\"]\n\
         file = \"yunet.onnx\"\nsha256 = \"{sum}\"\n[input]\nname = \"input\"\nwidth = 640\nheight = 640\n\
         layout = \"nchw\"\ncolour = \"bgr\"\nelement = \"f32\"\nbatch = \"one\"\nfit = \"letterbox\"\n\
         mean = [0.0, 0.0, 0.0]\nscale = [1.0, 1.0, 1.0]\n[outputs]\n{outputs}\
         [decision]\nscore = 0.6\noverlap = 0.3\n[licence]\nspdx = \"Apache-2.0\"\n[source]\ntext = \"test\"\n"
    )
}

#[test]
fn another_detector_is_a_manifest_and_no_code() {
    let (Some(home), Some(model)) = (home(), shared("models/yunet_n_640_640.onnx")) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for file in [
        "facemesh.toml",
        "facemesh.onnx",
        "faceres.toml",
        "faceres.onnx",
    ] {
        std::fs::copy(home.join("models").join(file), folder.path().join(file)).unwrap();
    }
    let bytes = std::fs::read(model).unwrap();
    std::fs::write(folder.path().join("yunet.onnx"), &bytes).unwrap();
    std::fs::write(
        folder.path().join("yunet.toml"),
        yunet_manifest(Checksum::of(&bytes)),
    )
    .unwrap();
    let pack = Pack::open(folder.path(), &RuntimeOptions::at_home(&home)).unwrap();
    let analyzer = FaceAnalyzer::new(&pack).unwrap();
    check_labelled(
        &analyzer,
        &DetectOptions {
            min_score: 0.6,
            ..DetectOptions::default()
        },
        "yunet",
    );
}

#[test]
fn people_are_found_as_bodies() {
    let (Some(home), Some(path)) = (home(), shared("data/faces/two_people.jpg")) else {
        return;
    };
    let pack = Pack::open(&home.join("models"), &RuntimeOptions::at_home(&home)).unwrap();
    let picture = load(&path);
    let found = pack
        .body_detector()
        .unwrap()
        .find(&[&picture], 0.3)
        .unwrap()
        .remove(0);
    println!("{found:?}");
    let middle = picture.size().width as f32 / 2.0;
    let left = found.iter().filter(|b| b.bbox.right() < middle).count();
    assert_eq!((left, found.len() - left), (1, 1), "{found:?}");
    assert!(
        found
            .iter()
            .all(|b| b.bbox.height > b.bbox.width && b.score.get() > 0.5),
        "{found:?}"
    );
}

#[test]
fn known_people_are_told_apart_at_the_documented_threshold() {
    let Some(analyzer) = analyzer() else { return };
    let Some(folder) = shared("data/faces/people/train") else {
        return;
    };
    let mut known: Vec<(String, String, Descriptor)> = Vec::new();
    for person in std::fs::read_dir(folder).unwrap().flatten() {
        for file in std::fs::read_dir(person.path()).unwrap().flatten() {
            let name = person.file_name().to_string_lossy().into_owned();
            let found =
                descriptor(&analyzer, &load(&file.path())).expect("each portrait has a face");
            known.push((name, file.file_name().to_string_lossy().into_owned(), found));
        }
    }
    let (mut same, mut other) = (Vec::new(), Vec::new());
    for (i, a) in known.iter().enumerate() {
        for b in &known[..i] {
            let cosine = a.2.cosine(&b.2).unwrap();
            println!(
                "{:.3} {} {} {}",
                cosine,
                if a.0 == b.0 { "same" } else { "    " },
                a.1,
                b.1
            );
            if a.0 == b.0 {
                same.push(cosine)
            } else {
                other.push(cosine)
            }
        }
    }
    let right =
        same.iter().filter(|c| **c >= 0.6).count() + other.iter().filter(|c| **c < 0.6).count();
    println!(
        "{right} of {} pairs right at 0.60",
        same.len() + other.len()
    );
    assert!(right * 100 >= (same.len() + other.len()) * 95);
}
