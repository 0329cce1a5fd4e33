//! Detectors: a network that always sees the same thing, and where that lies in the picture.

use goshawk_models::{
    Pack,
    install::convert::onnx::Attribute,
    role::{Candidate, Search, Thing},
};
use goshawk_proto::{
    geometry::{BBox, Point},
    picture::Pixels,
};

use crate::{
    folder::{example, open, painted},
    net::Net,
};

const SEARCH: Search = Search {
    min_score: 0.5,
    tile: None,
    most: 10,
};

fn faces(pack: &Pack, pictures: &[&dyn Pixels]) -> Vec<Vec<Candidate>> {
    let detector = pack.face_detector().unwrap();
    let mut found = Vec::new();
    detector.find(pictures, &SEARCH, &mut found).unwrap();
    found
}

fn things(pack: &Pack, picture: &dyn Pixels) -> Vec<Thing> {
    let detector = pack.body_detector().unwrap();
    detector.find(&[picture], 0.3).unwrap().remove(0)
}

fn near(found: BBox, want: BBox) {
    let off = [
        found.x - want.x,
        found.y - want.y,
        found.right() - want.right(),
        found.bottom() - want.bottom(),
    ];
    assert!(
        off.iter().all(|d| d.abs() < 0.05),
        "{found:?}, want {want:?}"
    );
}

/// Tensors of one head after the other, zero but for one anchor.
fn head(count: usize, values: usize, at: Option<usize>, row: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; count * values];
    if let Some(at) = at {
        out[at * values..][..row.len()].copy_from_slice(row);
    }
    out
}

/// The box that a face box from hairline to chin becomes, see `post::found::core`.
fn core(b: BBox) -> BBox {
    let side = 0.8 * b.height;
    let c = b.center();
    BBox::new(
        c.x - side / 2.0,
        c.y + 0.08 * b.height - side / 2.0,
        side,
        side,
    )
}

/// As the files of the InsightFace project are: no batch in the outputs.
fn scrfd_net() -> Net {
    let mut net = Net::new("input.1", &[1, 3, -1, -1]);
    let names = [
        (8, "448", "451", "454"),
        (16, "471", "474", "477"),
        (32, "494", "497", "500"),
    ];
    for (stride, scores, boxes, points) in names {
        let cells = 640 / stride;
        let count = cells * cells * 2;
        // Row 3, column 5 of the middle head: anchor at (80, 48).
        let at = (stride == 16).then_some((3 * cells + 5) * 2);
        let n = count as i64;
        let far = [1.0, 1.5, 2.0, 1.5];
        let eyes = [-0.5, -0.5, 0.5, -0.5, 0.0, 0.0, -0.5, 0.5, 0.5, 0.5];
        net = net
            .answers(scores, &[n, 1], &head(count, 1, at, &[0.9]))
            .answers(boxes, &[n, 4], &head(count, 4, at, &far))
            .answers(points, &[n, 10], &head(count, 10, at, &eyes));
    }
    net
}

#[test]
fn scrfd() {
    let Some((_folder, pack)) = open(&[(example("scrfd"), scrfd_net().bytes())]) else {
        return;
    };
    // Twice the input's width: everything is twice as large in the picture.
    let picture = painted(1280, 720, |_, _| [0; 3]);
    let found = faces(&pack, &[&picture, &picture]);
    assert_eq!((found.len(), found[0].len()), (2, 1), "{found:?}");
    let face = found[0][0];
    near(face.bbox, core(BBox::new(128.0, 48.0, 96.0, 96.0)));
    assert!((face.score - 0.9).abs() < 1e-6);
    let points = face.points.unwrap();
    assert!(
        points[0].distance(Point::new(144.0, 80.0)) < 0.01,
        "{points:?}"
    );
    assert_eq!(face.eyes, [points[0], points[1]]);
}

#[test]
fn scrfd_without_points() {
    let text: String = example("scrfd")
        .lines()
        .filter(|l| !l.starts_with("points_"))
        .map(|l| format!("{l}\n"))
        .collect();
    let Some((_folder, pack)) = open(&[(text, scrfd_net().bytes())]) else {
        return;
    };
    let picture = painted(640, 640, |_, _| [0; 3]);
    let found = faces(&pack, &[&picture]);
    assert_eq!(found[0].len(), 1);
    assert!(found[0][0].points.is_none());
    assert!(found[0][0].eyes[0].x < found[0][0].eyes[1].x);
}

#[test]
fn retinaface() {
    let count = 2 * (80 * 80 + 40 * 40 + 20 * 20);
    // First prior of row 0, column 1 of the coarsest head: 256 about (48, 16).
    let at = Some(2 * (80 * 80 + 40 * 40) + 2);
    let n = count as i64;
    let net = Net::new("input0", &[1, 3, 640, 640])
        .answers(
            "boxes",
            &[1, n, 4],
            &head(count, 4, at, &[0.0, 5.0, 0.0, 0.0]),
        )
        .answers("scores", &[1, n, 2], &head(count, 2, at, &[0.2, 0.8]))
        .answers("points", &[1, n, 10], &head(count, 10, at, &[0.0; 10]));
    let Some((_folder, pack)) = open(&[(example("retinaface"), net.bytes())]) else {
        return;
    };
    let picture = painted(640, 640, |_, _| [0; 3]);
    let found = faces(&pack, &[&picture]);
    assert_eq!(found[0].len(), 1, "{found:?}");
    near(found[0][0].bbox, core(BBox::new(-80.0, 16.0, 256.0, 256.0)));
    assert!(found[0][0].points.unwrap()[0].distance(Point::new(48.0, 16.0)) < 0.01);
}

fn yolox_row() -> [f32; 85] {
    let mut row = [0.0; 85];
    row[..6].copy_from_slice(&[0.5, 0.5, 4f32.ln(), 8f32.ln(), 0.9, 0.9]);
    row[5 + 24] = 0.5;
    row
}

fn yolox_net(row: &[f32]) -> Net {
    // Row 10, column 7 of the middle head.
    let at = Some(6400 + 10 * 40 + 7);
    Net::new("images", &[1, 3, 640, 640]).answers(
        "output",
        &[1, 8400, 85],
        &head(8400, 85, at, row),
    )
}

#[test]
fn yolox() {
    let Some((_folder, pack)) = open(&[(example("yolox"), yolox_net(&yolox_row()).bytes())]) else {
        return;
    };
    // Half the input's height: scaled by two, and padded below.
    let picture = painted(320, 160, |_, _| [0; 3]);
    let found = things(&pack, &picture);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        (found[0].class, found[1].class),
        (Thing::PERSON, Thing::BACKPACK)
    );
    near(found[0].bbox, BBox::new(44.0, 52.0, 32.0, 64.0));
    assert!((found[0].score.get() - 0.81).abs() < 1e-5);
}

#[test]
fn yolox_that_is_decoded_in_the_network() {
    let text = example("yolox").replace("\"yolox\"", "\"yolox-decoded\"");
    let mut row = yolox_row();
    row[..4].copy_from_slice(&[120.0, 168.0, 64.0, 128.0]);
    let Some((_folder, pack)) = open(&[(text, yolox_net(&row).bytes())]) else {
        return;
    };
    let picture = painted(320, 160, |_, _| [0; 3]);
    let found = things(&pack, &picture);
    near(found[0].bbox, BBox::new(44.0, 52.0, 32.0, 64.0));
}

#[test]
fn yolov8() {
    let mut values = vec![0.0; 84 * 8400];
    for (row, value) in [320.0, 320.0, 100.0, 200.0, 0.7].into_iter().enumerate() {
        values[row * 8400 + 4000] = value;
    }
    let net = Net::new("images", &[1, 3, 640, 640]).answers("output0", &[1, 84, 8400], &values);
    let Some((_folder, pack)) = open(&[(example("yolov8"), net.bytes())]) else {
        return;
    };
    // Padded above and below: the input's middle is the picture's.
    let picture = painted(320, 160, |_, _| [0; 3]);
    let found = things(&pack, &picture);
    assert_eq!(found.len(), 1);
    near(found[0].bbox, BBox::new(135.0, 30.0, 50.0, 100.0));
}

/// Padding goes into the network as the manifest says: a network that sees brightness as score.
#[test]
fn the_padding_is_what_the_manifest_says() {
    // One box whose score is the mean of the input, half of which is padding.
    let mut base = head(8400, 85, Some(9), &[320.0, 160.0, 100.0, 100.0, 1.0]);
    base[9 * 85 + 5] = 0.0;
    let mut mask = vec![0.0; 8400 * 85];
    mask[9 * 85 + 5] = 1.0 / 255.0;
    let all = vec![
        Attribute::ints("axes", vec![1, 2, 3]),
        Attribute::int("keepdims", 0),
    ];
    let net = Net::new("images", &[1, 3, 640, 640])
        .op("ReduceMean", &["images"], "mean", all)
        .floats("base", &[1, 8400, 85], &base)
        .floats("mask", &[1, 8400, 85], &mask)
        .op("Mul", &["mask", "mean"], "bright", Vec::new())
        .op("Add", &["base", "bright"], "output", Vec::new())
        .output("output", &[1, 8400, 85]);
    let text = example("yolox").replace("\"yolox\"", "\"yolox-decoded\"");
    let Some((_folder, pack)) = open(&[(text, net.bytes())]) else {
        return;
    };
    let white = painted(640, 320, |_, _| [255; 3]);
    let found = things(&pack, &white);
    let want = (255.0 + 114.0) / 2.0 / 255.0;
    assert!(
        (found[0].score.get() - want).abs() < 0.01,
        "{found:?}, want {want}"
    );
}

/// What the manifest calls too little is too little, whatever a caller asks for.
#[test]
fn a_callers_limit_cannot_go_below_the_manifests() {
    let mut row = yolox_row();
    (row[4], row[5]) = (1.0, 0.25);
    row[5 + 24] = 0.35;
    let Some((_folder, pack)) = open(&[(example("yolox"), yolox_net(&row).bytes())]) else {
        return;
    };
    let picture = painted(320, 160, |_, _| [0; 3]);
    let detector = pack.body_detector().unwrap();
    let found = |least: f32| detector.find(&[&picture], least).unwrap().remove(0).len();
    assert_eq!((found(0.1), found(0.5)), (1, 0));
}
