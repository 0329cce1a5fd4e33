//! Numbers for `ESTIMATIONS.md`: run with `--ignored --nocapture measure_`. They need the shared
//! pictures, and frames of the shared clips in folders named by `GOSHAWK_FRAMES`
//! (`heads/*.jpg`, `people/*.jpg`).

use std::path::{Path, PathBuf};

use goshawk_models::{
    Estimation, Given, LookLimits, Picture, Vision, Wanted,
    estimate::{ClothingColour, EyeState},
    measures::Shoulders,
};
use goshawk_proto::{descriptor::Descriptor, geometry::BBox};

use crate::pack::{load, shared};

/// All pictures below a folder, in order.
fn pictures(folder: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            out.extend(pictures(&path));
        } else if path.extension().is_some_and(|e| e != "xml" && e != "md") {
            out.push(path);
        }
    }
    out.sort();
    out
}

fn frames(name: &str) -> Option<Vec<PathBuf>> {
    let folder = std::env::var_os("GOSHAWK_FRAMES").map(|f| PathBuf::from(f).join(name));
    if folder.is_none() {
        println!("SKIPPED: GOSHAWK_FRAMES names no folder of frames");
    }
    folder.map(|f| pictures(&f))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Every face of the shared portraits: mouth, eyes, gaze, light, frame.
#[test]
#[ignore = "prints numbers for the documentation"]
fn measure_faces() {
    let (Some(vision), Some(folder)) = (crate::vision(), shared("data/faces/people")) else {
        return;
    };
    let mut paths = pictures(&folder);
    paths.extend(
        shared("data/faces/labelled")
            .iter()
            .flat_map(|f| pictures(f)),
    );
    paths.extend(
        crate::home()
            .iter()
            .flat_map(|h| pictures(&h.join("clip/portraits"))),
    );
    let wanted = Wanted::these(&[Estimation::FaceChecks]);
    for path in paths {
        let picture = load(&path);
        let report = vision
            .look(&picture, Given::Nothing, &wanted, &LookLimits::default())
            .unwrap();
        for face in report.people.iter().filter_map(|p| p.face.as_ref()) {
            let (Some(measures), Some(bbox)) = (&face.measures, face.bbox) else {
                continue;
            };
            let pose = face.head_pose.unwrap();
            let eyes = face.eyes.as_ref().map(|e| e.map(|e| e.openness));
            let gaze = face.gaze.map(|g| (g.yaw.round(), g.pitch.round()));
            let mouth = face.mouth.unwrap_or_default();
            let light = &measures.light;
            let shoulders = match measures.shoulders {
                Some(Shoulders::Seen { slope, unevenness }) => {
                    format!("{slope:.0}° {unevenness:.2}")
                }
                other => format!("{other:?}"),
            };
            println!(
                "{:24} {:4.0}px pose {:3.0} {:3.0} {:3.0} gaze {gaze:?} eyes {eyes:.2?} smile {:.2} open {:.2} {:?} even {:.2} range {:.2} natural {:?} red {:?} wall {:?} shoulders {shoulders} head {:?}",
                name(&path),
                bbox.width,
                pose.yaw,
                pose.pitch,
                pose.roll,
                mouth.smile.get(),
                mouth.opened.get(),
                measures.smile,
                light.uniformity.get(),
                light.dynamic_range.get(),
                light
                    .natural
                    .map(|n| (n.a.round(), n.b.round(), n.distance.round())),
                measures
                    .red_eyes
                    .map(|r| r.map(|s| (s.get() * 100.0).round())),
                measures
                    .background
                    .map(|b| (b.gradient.round(), b.uniformity.get())),
                measures
                    .frame
                    .map(|f| (f.center, f.head_width, f.head_height)),
            );
        }
    }
}

/// Eyes of a clip, frame by frame: the least open are the ones to look at.
#[test]
#[ignore = "prints numbers for the documentation"]
fn measure_eyes() {
    let (Some(vision), Some(paths)) = (crate::vision(), frames("heads")) else {
        return;
    };
    let wanted = Wanted::these(&[Estimation::Eyes, Estimation::Gaze, Estimation::Mouth]);
    for path in paths {
        let report = vision
            .look(
                &load(&path),
                Given::Nothing,
                &wanted,
                &LookLimits::default(),
            )
            .unwrap();
        for face in report.people.iter().filter_map(|p| p.face.as_ref()) {
            let (Some(eyes), Some(bbox)) = (&face.eyes, face.bbox) else {
                continue;
            };
            let closed = eyes.iter().filter(|e| e.state == EyeState::Closed).count();
            println!(
                "{} x {:.0} y {:.0} w {:.0} eyes {:.2} {:.2} closed {closed} gaze {:?} open {:.2} smile {:.2}",
                name(&path),
                bbox.x,
                bbox.y,
                bbox.width,
                eyes[0].openness,
                eyes[1].openness,
                face.gaze.map(|g| (g.yaw.round(), g.pitch.round())),
                face.mouth.map_or(-1.0, |m| m.opened.get()),
                face.mouth.map_or(-1.0, |m| m.smile.get()),
            );
        }
    }
}

/// One body of one frame.
struct Seen {
    bbox: BBox,
    descriptor: Descriptor,
    upper: Vec<ClothingColour>,
}

fn bodies(vision: &Vision, picture: &Picture) -> (Vec<Seen>, usize) {
    let wanted = Wanted::these(&[
        Estimation::BodyDescriptor,
        Estimation::UpperBody,
        Estimation::PeopleCount,
    ]);
    let report = vision
        .look(picture, Given::Nothing, &wanted, &LookLimits::default())
        .unwrap();
    let count = report.count.map_or(0, |c| c.len());
    let seen = report
        .people
        .into_iter()
        .filter_map(|p| p.body)
        .filter_map(|body| {
            Some(Seen {
                bbox: body.bbox,
                descriptor: body.descriptor?,
                upper: body.upper.map_or(Vec::new(), |u| {
                    u.clothing.colours.iter().map(|c| c.0).collect()
                }),
            })
        });
    (seen.collect(), count)
}

/// Bodies followed through a clip by overlap: how alike one person is to themselves some frames
/// later, and to others in the same frame; and whether the colour of their clothes keeps its name.
#[test]
#[ignore = "prints numbers for the documentation"]
fn measure_bodies() {
    let (Some(vision), Some(paths)) = (crate::vision(), frames("people")) else {
        return;
    };
    let (mut same, mut other, mut far) = (Vec::new(), Vec::new(), Vec::new());
    let (mut kept, mut named, mut counts) = (0, 0, Vec::new());
    // (track, its first and last descriptor, last box)
    let mut tracks: Vec<(Descriptor, Seen)> = Vec::new();
    for path in paths {
        let (seen, count) = bodies(&vision, &load(&path));
        counts.push(count);
        for (i, a) in seen.iter().enumerate() {
            other.extend(
                seen[..i]
                    .iter()
                    .filter(|b| b.bbox.iou(&a.bbox) < 0.05)
                    .filter_map(|b| a.descriptor.cosine(&b.descriptor)),
            );
        }
        let mut next = Vec::new();
        for body in seen {
            let before = tracks.iter().find(|(_, t)| t.bbox.iou(&body.bbox) > 0.4);
            let first = before.map_or_else(|| body.descriptor.clone(), |(first, _)| first.clone());
            if let Some((first, t)) = before {
                same.extend(t.descriptor.cosine(&body.descriptor));
                far.extend(first.cosine(&body.descriptor));
                if let (Some(a), Some(b)) = (t.upper.first(), body.upper.first()) {
                    named += 1;
                    kept += usize::from(a == b);
                }
            }
            next.push((first, body));
        }
        tracks = next;
    }
    for (what, values) in [
        ("next frame", &mut same),
        ("since first seen", &mut far),
        ("others", &mut other),
    ] {
        values.sort_by(f32::total_cmp);
        let at = |share: f32| {
            values
                .get((values.len() as f32 * share) as usize)
                .copied()
                .unwrap_or(f32::NAN)
        };
        println!(
            "{what}: {} pairs, 5 % {:.2}, median {:.2}, 95 % {:.2}",
            values.len(),
            at(0.05),
            at(0.5),
            at(0.95)
        );
    }
    println!(
        "colour of the upper clothing kept its name {kept} of {named} times; counts {counts:?}"
    );
}

/// Clothes of the labelled pictures, to be looked at.
#[test]
#[ignore = "prints numbers for the documentation"]
fn measure_clothes() {
    let (Some(vision), Some(folder)) = (crate::vision(), shared("data/faces")) else {
        return;
    };
    let wanted = Wanted::these(&[
        Estimation::UpperBody,
        Estimation::LowerBody,
        Estimation::Accessories,
        Estimation::FaceDetection,
        Estimation::PeopleCount,
    ]);
    for path in pictures(&folder) {
        let report = vision
            .look(
                &load(&path),
                Given::Nothing,
                &wanted,
                &LookLimits::default(),
            )
            .unwrap();
        println!(
            "{}: {} counted",
            name(&path),
            report.count.map_or(0, |c| c.len())
        );
        for person in &report.people {
            let Some(body) = &person.body else { continue };
            let upper = body.upper.clone().unwrap_or_default();
            let lower = body.lower.clone().unwrap_or_default();
            let words = |colours: &[(ClothingColour, goshawk_proto::score::Score)]| {
                colours
                    .iter()
                    .map(|(c, s)| format!("{} {:.2}", c.name(), s.get()))
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            println!(
                "    {:?} face {} upper [{}] sleeve {:?} lower [{}] backpack {:?}",
                body.bbox,
                person.face.is_some(),
                words(&upper.clothing.colours),
                upper.sleeve,
                words(&lower.clothing.colours),
                body.backpack
            );
        }
    }
}
