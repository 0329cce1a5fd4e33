//! Estimations of real pictures with the default pack: what must move when the picture is mirrored,
//! painted or darkened, and what portraits are known to show. Skips loudly where pack or pictures
//! are missing. `measure_…` are ignored and print the numbers of `ESTIMATIONS.md`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail, and says what it measured"
)]

#[path = "estimations/measure.rs"]
mod measure;
#[path = "home/pack.rs"]
#[allow(dead_code, reason = "shared with tests that use all of it")]
mod pack;

use goshawk_models::{
    Estimation, Given, LookLimits, Pack, Picture, RuntimeOptions, Source, Vision, Wanted,
    estimate::{BodyReport, EyeState, FaceReport, SmileKind, StillLiveness},
    manifest::Checksum,
    measures::FaceColour,
    post::landmarks68::MIRROR,
};
use goshawk_proto::{
    geometry::{Point, Size},
    picture::{Pixels, Rgb},
};
use pack::{home, load, portrait, shared};

/// Everything that the installed pack has.
fn vision() -> Option<Vision> {
    let home = home()?;
    let pack = Pack::open(&home.join("models"), &RuntimeOptions::at_home(&home)).unwrap();
    Some(Vision::open(&pack).unwrap())
}

fn all() -> Wanted {
    let mut wanted = Wanted::these(&Estimation::ALL);
    wanted.landmarks5 = true;
    wanted.face_warp = true;
    wanted.body_warp = true;
    wanted
}

/// The first face and the body that belongs to it.
fn first(vision: &Vision, picture: &Picture) -> (FaceReport, Option<BodyReport>) {
    let report = vision
        .look(picture, Given::Nothing, &all(), &LookLimits::default())
        .unwrap();
    let person = report.people.into_iter().next().expect("somebody is found");
    (person.face.expect("with a face"), person.body)
}

fn face(vision: &Vision, picture: &Picture) -> FaceReport {
    first(vision, picture).0
}

fn mirrored(picture: &Picture) -> Picture {
    let mut rgb = picture.rgb().clone();
    let width = rgb.size().width as usize;
    for row in rgb.data_mut().chunks_exact_mut(width * 3) {
        row.as_chunks_mut::<3>().0.reverse();
    }
    Picture::from_rgb(rgb)
}

/// Each pixel changed by what `paint` makes of its place and colour.
fn painted(picture: &Picture, paint: impl Fn(Point, [u8; 3]) -> [u8; 3]) -> Picture {
    let mut rgb = picture.rgb().clone();
    let width = rgb.size().width as usize;
    for (i, px) in rgb.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let at = Point::new((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
        *px = paint(at, *px);
    }
    Picture::from_rgb(rgb)
}

#[test]
fn the_default_pack_answers_what_it_can_and_no_more() {
    let Some(vision) = vision() else { return };
    let missing: Vec<Estimation> = vision
        .capabilities()
        .all()
        .filter(|(_, source)| matches!(source, Source::Missing { .. }))
        .map(|(estimation, _)| estimation)
        .collect();
    let want = [
        Estimation::Emotions,
        Estimation::Mask,
        Estimation::Glasses,
        Estimation::FaceOcclusion,
        Estimation::Ethnicity,
        Estimation::Liveness,
        Estimation::Deepfake,
    ];
    assert_eq!(missing, want);
    let Some(picture) = portrait("astronaut.png") else {
        return;
    };
    let face = face(&vision, &picture);
    assert!(face.emotions.is_none() && face.mask.is_none() && face.glasses.is_none());
    assert!(face.occlusion.is_none() && face.ethnicity.is_none() && face.genuine.is_none());
    assert!(face.liveness.is_none() && face.mouth.unwrap().occluded.is_none());
    assert!(face.failures.is_empty(), "{:?}", face.failures);
}

#[test]
fn a_mirrored_picture_mirrors_the_answers() {
    let Some(vision) = vision() else { return };
    for name in ["astronaut.png", "grace_hopper.jpg"] {
        let Some(picture) = portrait(name) else {
            return;
        };
        let width = picture.size().width as f32;
        let (plain, mirror) = (face(&vision, &picture), face(&vision, &mirrored(&picture)));
        let (a, b) = (plain.head_pose.unwrap(), mirror.head_pose.unwrap());
        println!("{name}: {a:?} {b:?} {:?} {:?}", plain.gaze, mirror.gaze);
        assert!((a.yaw + b.yaw).abs() < 8.0 && (a.pitch - b.pitch).abs() < 6.0);
        let (a, b) = (plain.gaze.unwrap(), mirror.gaze.unwrap());
        assert!(
            (a.yaw + b.yaw).abs() < 10.0 && (a.pitch - b.pitch).abs() < 8.0,
            "{a:?} {b:?}"
        );
        let (a, b) = (plain.eyes.unwrap(), mirror.eyes.unwrap());
        println!(
            "openness {:.2} {:.2} / {:.2} {:.2}",
            a[0].openness, a[1].openness, b[1].openness, b[0].openness
        );
        assert!((a[0].openness - b[1].openness).abs() < 0.06);
        let (a, b) = (plain.mouth.unwrap(), mirror.mouth.unwrap());
        assert!(
            (a.smile.get() - b.smile.get()).abs() < 0.25
                && (a.opened.get() - b.opened.get()).abs() < 0.2
        );
        let (a, b) = (plain.landmarks68.unwrap(), mirror.landmarks68.unwrap());
        let side = plain.bbox.unwrap().width;
        let mean = (0..68)
            .map(|i| a[i].distance(Point::new(width - b[MIRROR[i]].x, b[MIRROR[i]].y)) / side)
            .sum::<f32>()
            / 68.0;
        println!("68 points differ by {mean:.3} of the face's width");
        assert!(mean < 0.03, "{mean}");
    }
}

#[test]
fn portraits_show_what_is_known_of_them() {
    let Some(vision) = vision() else { return };
    let Some(picture) = portrait("astronaut.png") else {
        return;
    };
    let (face, body) = first(&vision, &picture);
    let mouth = face.mouth.unwrap();
    let eyes = face.eyes.as_ref().unwrap();
    println!(
        "{mouth:?} {:.2} {:.2} {:?}",
        eyes[0].openness, eyes[1].openness, face.gaze
    );
    assert!(mouth.smile.get() > 0.7 && mouth.opened.get() < 0.5);
    assert!(eyes.iter().all(|e| e.state == EyeState::Open));
    let gaze = face.gaze.unwrap();
    assert!(
        gaze.yaw.abs() < 15.0 && gaze.pitch.abs() < 15.0,
        "she looks into the camera: {gaze:?}"
    );
    let measures = face.measures.unwrap();
    println!("{measures:#?}");
    assert_eq!(measures.smile, Some(SmileKind::Teeth));
    assert_eq!(measures.light.colour, FaceColour::Colour);
    assert!(measures.light.natural.unwrap().distance < 10.0);
    assert!(measures.red_eyes.unwrap().iter().all(|r| r.get() < 0.2));
    assert!(
        measures.background.unwrap().uniformity.get() < 0.8,
        "a flag and a shuttle"
    );
    // The iris' rim lies where the eyes are in the aligned sample.
    for (eye, middle) in eyes.iter().zip([85.5, 164.0]) {
        assert!(
            eye.rim
                .iter()
                .all(|p| (p.x - middle).abs() < 30.0 && (p.y - 115.0).abs() < 25.0)
        );
    }
    let upper = body.expect("her body is found").upper.unwrap();
    println!("{upper:?}");
    let suit = upper.clothing.colours.first().map(|c| c.0.name());
    assert!(
        matches!(suit, Some("orange" | "red")),
        "her suit is between both: {suit:?}"
    );
}

#[test]
fn painting_moves_the_measure_of_what_is_painted() {
    let Some(vision) = vision() else { return };
    let Some(picture) = portrait("astronaut.png") else {
        return;
    };
    let plain = face(&vision, &picture);
    let before = plain.measures.as_ref().unwrap();
    let middle = plain.bbox.unwrap().center().x;
    let side = painted(
        &picture,
        |at, px| if at.x < middle { px.map(|v| v / 3) } else { px },
    );
    let after = face(&vision, &side).measures.unwrap();
    println!(
        "uniformity {:?} {:?}",
        before.light.uniformity, after.light.uniformity
    );
    assert!(after.light.uniformity.get() < before.light.uniformity.get() - 0.1);
    let grey = painted(&picture, |_, [r, g, b]| {
        [((u32::from(r) * 77 + u32::from(g) * 150 + u32::from(b) * 29) >> 8) as u8; 3]
    });
    let after = face(&vision, &grey).measures.unwrap();
    assert_eq!(
        (after.light.colour, after.light.natural),
        (FaceColour::Grayscale, None)
    );
    let blue = painted(&picture, |_, [r, g, b]| [r / 3, g / 2, b]);
    let after = face(&vision, &blue).measures.unwrap();
    assert!(after.light.natural.unwrap().distance > 20.0);
}

#[test]
fn a_wall_behind_the_head_is_a_plain_background() {
    let Some(vision) = vision() else { return };
    let Some(picture) = portrait("astronaut.png") else {
        return;
    };
    let before = face(&vision, &picture);
    let points = before.landmarks5.unwrap();
    let apart = points[0].distance(points[1]);
    let eyes = Point::new(
        (points[0].x + points[1].x) / 2.0,
        (points[0].y + points[1].y) / 2.0,
    );
    let wall = painted(&picture, |at, px| {
        let (dx, dy) = ((at.x - eyes.x) / apart, (at.y - eyes.y) / apart);
        let head = dy < 0.0 && (dx / 1.45).powi(2) + (dy / 2.0).powi(2) < 1.0;
        let below = dy >= 0.0 && (dx.abs() < 1.55 || dy > 1.8);
        if head || below { px } else { [200, 205, 210] }
    });
    let (before, after) = (
        before.measures.unwrap().background.unwrap(),
        face(&vision, &wall).measures.unwrap().background.unwrap(),
    );
    println!("{before:?}\n{after:?}");
    assert!(after.uniformity.get() > 0.9 && after.uniformity > before.uniformity);
    assert!((after.lightness.get() - 0.8).abs() < 0.03);
}

#[test]
fn red_eyes_are_seen() {
    let Some(vision) = vision() else { return };
    let Some(picture) = portrait("astronaut.png") else {
        return;
    };
    let plain = face(&vision, &picture);
    let points = plain.landmarks5.unwrap();
    // The pupils are where the mesh puts the eyes, give or take an iris.
    let radius = points[0].distance(points[1]) * 0.1;
    let lit = painted(&picture, |at, px| {
        let pupil = points[..2].iter().any(|eye| at.distance(*eye) < radius);
        if pupil { [210, 40, 50] } else { px }
    });
    let (before, after) = (
        plain.measures.unwrap().red_eyes.unwrap(),
        face(&vision, &lit).measures.unwrap().red_eyes.unwrap(),
    );
    println!("{before:?} {after:?}");
    assert!(
        after
            .iter()
            .zip(before)
            .all(|(a, b)| a.get() > b.get() + 0.3)
    );
}

#[test]
fn painted_lids_close_the_eyes() {
    let Some(vision) = vision() else { return };
    let Some(picture) = portrait("astronaut.png") else {
        return;
    };
    let plain = face(&vision, &picture);
    let points = plain.landmarks68.unwrap();
    // (middle, half axes of the lids, colour of the skin above the eye)
    let lids: Vec<(Point, f32, f32, [u8; 3])> = [36, 42]
        .map(|first| {
            let p: [Point; 6] = std::array::from_fn(|i| points[first + i]);
            let sum = p.iter().fold((0.0, 0.0), |s, p| (s.0 + p.x, s.1 + p.y));
            let middle = Point::new(sum.0 / 6.0, sum.1 / 6.0);
            let width = p[0].distance(p[3]);
            let gap = (p[1].distance(p[5]) + p[2].distance(p[4])) / 2.0;
            let down = (gap * 0.75).max(width * 0.2);
            let skin = picture
                .rgb()
                .pixel(middle.x as i64, (middle.y - down * 1.25) as i64);
            (middle, width * 0.62, down, skin)
        })
        .into();
    let shut = painted(&picture, |at, px| {
        lids.iter().fold(px, |px, (middle, across, down, skin)| {
            let (x, y) = ((at.x - middle.x) / across, (at.y - middle.y) / down);
            let lash = x.abs() < 0.85 && (y - 0.45 * (1.0 - x * x)).abs() < 0.073 * across / down;
            match (lash, x * x + y * y < 1.0) {
                (true, _) => [45, 30, 25],
                (_, true) => *skin,
                _ => px,
            }
        })
    });
    let (before, after) = (plain.eyes.unwrap(), face(&vision, &shut));
    println!(
        "{:?} {:?}",
        before.map(|e| e.openness),
        after.eyes.as_ref().map(|e| e.map(|e| e.openness))
    );
    assert!(
        after
            .eyes
            .unwrap()
            .iter()
            .all(|e| e.state == EyeState::Closed)
    );
    assert!(after.gaze.is_none(), "closed eyes look nowhere");
    assert!(
        after
            .failures
            .iter()
            .any(|f| f.estimation == Estimation::Gaze)
    );
}

#[test]
fn repainted_clothes_have_their_new_colour() {
    let Some(vision) = vision() else { return };
    let Some(picture) = portrait("astronaut.png") else {
        return;
    };
    // Her suit is the orange there is: hue is what is painted, light and shade stay.
    for (tint, name) in [
        ([0.2, 0.3, 1.0], "blue"),
        ([0.15, 0.75, 0.25], "green"),
        ([1.0, 0.1, 0.15], "red"),
    ] {
        let other = painted(&picture, |at, px| {
            let [r, g, b] = px.map(f32::from);
            let suit = at.y > 200.0 && r > 1.25 * b && r > 60.0 && r > g;
            if suit {
                tint.map(|t| (r * t).min(255.0) as u8)
            } else {
                [r as u8, g as u8, b as u8]
            }
        });
        let upper = first(&vision, &other)
            .1
            .expect("her body is found")
            .upper
            .unwrap();
        println!("{name}: {upper:?}");
        assert_eq!(
            upper.clothing.colours.first().map(|c| c.0.name()),
            Some(name)
        );
    }
}

#[test]
fn given_boxes_and_samples_are_answered_alike() {
    let Some(vision) = vision() else { return };
    let Some(picture) = portrait("astronaut.png") else {
        return;
    };
    let found = face(&vision, &picture);
    let limits = LookLimits::default();
    let given = vision
        .look(
            &picture,
            Given::Faces(&[found.bbox.unwrap()]),
            &all(),
            &limits,
        )
        .unwrap();
    let given = given.people[0].face.as_ref().unwrap();
    let (a, b) = (found.head_pose.unwrap(), given.head_pose.unwrap());
    assert!(
        (a.yaw - b.yaw).abs() < 8.0 && (a.roll - b.roll).abs() < 5.0,
        "{a:?} {b:?}"
    );
    let cosine = |other: &FaceReport| {
        let (a, b) = (
            found.descriptor.as_ref().unwrap(),
            other.descriptor.as_ref().unwrap(),
        );
        a.0.cosine(&b.0).unwrap()
    };
    assert!(cosine(given) > 0.9, "{}", cosine(given));
    let sample = Picture::from_rgb(found.warp.clone().unwrap());
    let told = vision
        .look(&sample, Given::FaceWarp, &all(), &limits)
        .unwrap();
    let told = told.people[0].face.as_ref().unwrap();
    assert!(cosine(told) > 0.999, "{}", cosine(told));
    assert_eq!(told.quality, found.quality);
    let (a, b) = (found.mouth.unwrap(), told.mouth.unwrap());
    println!("{a:?} {b:?}");
    assert!(
        (a.opened.get() - b.opened.get()).abs() < 0.2
            && (a.smile.get() - b.smile.get()).abs() < 0.4
    );
    assert!(told.bbox.is_none() && told.liveness.is_none());
    let wall = goshawk_proto::geometry::BBox::new(5.0, 300.0, 60.0, 80.0);
    let nobody = vision
        .look(&picture, Given::Faces(&[wall]), &all(), &limits)
        .unwrap();
    let nobody = nobody.people[0].face.as_ref().unwrap();
    assert!(nobody.head_pose.is_none() && nobody.descriptor.is_none());
    assert!(
        nobody
            .failures
            .iter()
            .any(|f| f.estimation == Estimation::HeadPose)
    );
}

#[test]
fn a_covered_mouth_is_not_called_free() {
    let Some(vision) = vision() else { return };
    let Some(picture) = portrait("astronaut.png") else {
        return;
    };
    let points = face(&vision, &picture).landmarks5.unwrap();
    let cover = painted(&picture, |at, px| {
        let across = (points[3].x - 25.0..points[4].x + 25.0).contains(&at.x);
        let down = (points[2].y + 6.0..points[3].y + 30.0).contains(&at.y);
        if across && down { [90, 140, 190] } else { px }
    });
    let report = vision
        .look(&cover, Given::Nothing, &all(), &LookLimits::default())
        .unwrap();
    for face in report.people.iter().filter_map(|p| p.face.as_ref()) {
        assert!(face.mouth.is_none_or(|m| m.occluded.is_none()));
        assert!(face.mask.is_none() && face.occlusion.is_none());
    }
}

#[test]
fn faces_and_bodies_of_two_people_belong_together() {
    let Some(vision) = vision() else { return };
    let Some(path) = shared("data/faces/people/test/kit_with_rose.jpg") else {
        return;
    };
    let picture = load(&path);
    let report = vision
        .look(&picture, Given::Nothing, &all(), &LookLimits::default())
        .unwrap();
    let both = report
        .people
        .iter()
        .filter(|p| p.face.is_some() && p.body.is_some())
        .count();
    println!(
        "{} people, {both} with face and body, counted at {:?}",
        report.people.len(),
        report.count
    );
    assert_eq!((both, report.people.len()), (2, 2));
    assert_eq!(report.count.as_ref().map(Vec::len), Some(2));
    for person in &report.people {
        let (face, body) = (person.face.as_ref().unwrap(), person.body.as_ref().unwrap());
        let middle = face.bbox.unwrap().center();
        assert!((body.bbox.x..body.bbox.right()).contains(&middle.x));
        assert_eq!(body.basic, face.basic);
        assert_eq!(body.warp.as_ref().map(Rgb::size), Some(Size::new(128, 256)));
    }
}

/// Half figures whose boxes hold the tie only, a full-length one and a couple.
#[test]
fn parts_of_people_are_not_counted() {
    let (Some(vision), Some(folder)) = (vision(), shared("data/faces")) else {
        return;
    };
    let wanted = Wanted::these(&[Estimation::PeopleCount]);
    for (file, want) in [
        ("people/train/obama/obama.jpg", 1),
        ("people/train/biden/biden.jpg", 1),
        ("people/test/kit_with_rose.jpg", 2),
        ("two_people.jpg", 2),
    ] {
        let picture = load(&folder.join(file));
        let limits = LookLimits::default();
        let report = vision.look(&picture, Given::Nothing, &wanted, &limits);
        let count = report.unwrap().count.map(|people| people.len());
        assert_eq!(count, Some(want), "{file}");
    }
}

/// The installed pack with the shared pair of MiniFASNet beside it.
fn with_liveness() -> Option<Vision> {
    let home = home()?;
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(home.join("models")).unwrap().flatten() {
        let to = folder.path().join(entry.file_name());
        if entry.path().is_file() {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
    for scale in ["2.7", "4.0"] {
        let bytes = std::fs::read(shared(&format!("models/fasnet_{scale}.onnx"))?).unwrap();
        let example = format!(
            "{}/manifests/examples/mini-fasnet-{scale}.toml",
            env!("CARGO_MANIFEST_DIR")
        );
        let example = std::fs::read_to_string(example).unwrap();
        let manifest = format!("sha256 = \"{}\"\n{example}", Checksum::of(&bytes));
        let path = |end| folder.path().join(format!("fasnet_{scale}.{end}"));
        std::fs::write(path("toml"), manifest).unwrap();
        std::fs::write(path("onnx"), bytes).unwrap();
    }
    let pack = Pack::open(folder.path(), &RuntimeOptions::at_home(&home)).unwrap();
    Some(Vision::open(&pack).unwrap())
}

#[test]
fn a_pair_of_networks_tells_genuine_pictures() {
    let (Some(folder), Some(vision)) = (shared("data/faces/people/train"), with_liveness()) else {
        return;
    };
    let wanted = Wanted::these(&[Estimation::Liveness]);
    assert_eq!(wanted.first_missing(vision.capabilities()), None);
    let Source::Model { models } = vision.capabilities().source(Estimation::Liveness) else {
        panic!("two networks answer");
    };
    assert_eq!(models, &["mini-fasnet-2.7", "mini-fasnet-4.0"]);
    let limits = LookLimits {
        largest_face_only: true,
        ..LookLimits::default()
    };
    let mut told = Vec::new();
    for person in std::fs::read_dir(folder).unwrap().flatten() {
        for file in std::fs::read_dir(person.path()).unwrap().flatten() {
            let picture = load(&file.path());
            let report = vision
                .look(&picture, Given::Nothing, &wanted, &limits)
                .unwrap();
            let face = report.people.into_iter().next().unwrap().face.unwrap();
            match face.liveness.unwrap() {
                StillLiveness::Probability(real) => told.push(real.get()),
                StillLiveness::TooSmall => panic!("all are large"),
            }
        }
    }
    println!("{told:?}");
    let real = told.iter().filter(|p| **p >= 0.5).count();
    assert!(real * 10 >= told.len() * 8, "{real} of {}", told.len());
}

#[test]
fn a_picture_of_nothing_has_nobody_and_one_pixel_is_enough() {
    let Some(vision) = vision() else { return };
    for size in [Size::new(1, 1), Size::new(320, 240), Size::new(3000, 2)] {
        let picture = Picture::from_rgb(Rgb::black(size));
        for given in [Given::Nothing, Given::FaceWarp, Given::BodyWarp] {
            let report = vision
                .look(&picture, given, &all(), &LookLimits::default())
                .unwrap();
            if given == Given::Nothing {
                assert!(report.people.is_empty());
                assert_eq!(report.count, Some(Vec::new()));
            }
        }
    }
}

#[test]
fn every_estimation_has_its_row_in_the_documentation() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/ESTIMATIONS.md")).unwrap();
    for estimation in Estimation::ALL {
        let row = format!("| `{}` |", estimation.name());
        let rows: Vec<&str> = text.lines().filter(|l| l.starts_with(&row)).collect();
        assert_eq!(rows.len(), 1, "one row of {}", estimation.name());
        let cells = rows[0].matches(" | ").count() + 1;
        assert_eq!(cells, 6, "{}", rows[0]);
        assert!(
            rows[0].split(" | ").all(|cell| !cell.trim().is_empty()),
            "{}",
            rows[0]
        );
    }
}
