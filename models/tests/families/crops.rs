//! Models that look at crops: what they are shown, and where their answers go.

use goshawk_models::{
    Mesh, Picture, WARP_SIDE,
    install::convert::onnx::{Attribute, DataType},
    manifest::Role,
    post::mesh::POINTS,
    pre::{affine::Affine, align::template},
    role::{BodyCrop, MeshedFace, Subject},
};
use goshawk_proto::{
    geometry::{BBox, Point, Size},
    picture::Rgb,
};

use crate::{
    folder::{example, open, painted},
    net::Net,
};

/// Red in the left half, blue in the right one.
fn two_halves() -> Picture {
    painted(
        200,
        100,
        |x, _| if x < 100 { [255, 0, 0] } else { [0, 0, 255] },
    )
}

fn subject(picture: &Picture, bbox: BBox) -> Subject<'_> {
    Subject {
        picture,
        bbox,
        points: None,
    }
}

#[test]
fn a_classifier_sees_its_crop_in_its_colours() {
    // Numbers are the mean of red, green, blue; the example's labels name them in its own order.
    let net = Net::new("input", &[-1, 3, 96, 96])
        .mean("input")
        .op("Identity", &["mean"], "scores", Vec::new())
        .output("scores", &[-1, 3]);
    let Some((_folder, pack)) = open(&[(example("classifier"), net.bytes())]) else {
        return;
    };
    let classifier = pack.classifier(Role::Glasses).unwrap();
    assert_eq!(
        classifier.classes(),
        ["no_glasses", "eyeglasses", "sunglasses"]
    );
    let picture = two_halves();
    let mut subjects = vec![subject(&picture, BBox::new(20.0, 30.0, 40.0, 40.0)); 5];
    subjects.push(subject(&picture, BBox::new(140.0, 30.0, 40.0, 40.0)));
    subjects.push(subject(&picture, BBox::new(f32::NAN, 30.0, 40.0, 40.0)));
    let found = classifier.classify(&subjects).unwrap();
    assert_eq!(found.len(), 7);
    let (red, blue) = (found[4].as_ref().unwrap(), found[5].as_ref().unwrap());
    // Softmax of (1, 0, 0) after the example's normalisation: the label of the red number wins.
    let top = |shares: &[f32]| {
        let best = shares
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .unwrap();
        classifier.classes()[best.0].clone()
    };
    assert_eq!(
        (top(red).as_str(), top(blue).as_str()),
        ("no_glasses", "sunglasses")
    );
    assert!((red.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    assert_eq!(found[0], found[4], "places in a batch do not matter");
    assert!(found[6].is_none(), "no box, no answer");
}

#[test]
fn an_aligned_classifier_needs_points() {
    let text = example("emotion");
    // Brightness decides between the first two of the seven.
    let mut weights = vec![0.0; 21];
    weights[1] = 10.0;
    let net = Net::new("data", &[1, 3, 112, 112])
        .mean("data")
        .floats("weights", &[3, 7], &weights)
        .op("MatMul", &["mean", "weights"], "label", Vec::new())
        .output("label", &[1, 7]);
    let Some((_folder, pack)) = open(&[(text, net.bytes())]) else {
        return;
    };
    let emotion = pack.classifier(Role::Emotion).unwrap();
    assert_eq!(emotion.classes(), Role::Emotion.classes().unwrap());
    let picture = painted(112, 112, |_, _| [255; 3]);
    let bare = subject(&picture, BBox::new(0.0, 0.0, 112.0, 112.0));
    let aligned = Subject {
        points: Some(template(112)),
        ..bare
    };
    let found = emotion.classify(&[bare, aligned]).unwrap();
    assert!(found[0].is_none());
    let shares = found[1].as_ref().unwrap();
    assert!(shares[1] > 0.9, "{shares:?}");
}

#[test]
fn the_anti_spoof_pair_is_asked_together() {
    let net = |real: f32| {
        Net::new("input", &[-1, 3, 80, 80])
            .mean("input")
            .rows(3, "prob", &[(1.0 - real) / 2.0, real, (1.0 - real) / 2.0])
            .bytes()
    };
    let entries = [
        (example("mini-fasnet-2.7"), net(0.9)),
        (example("mini-fasnet-4.0"), net(0.5)),
    ];
    let Some((_folder, pack)) = open(&entries) else {
        return;
    };
    let judge = pack.classifier(Role::AntiSpoof).unwrap();
    assert_eq!(judge.classes(), ["spoof", "real"]);
    let picture = two_halves();
    let face = subject(&picture, BBox::new(80.0, 30.0, 30.0, 40.0));
    let nothing = subject(&picture, BBox::new(80.0, 30.0, f32::INFINITY, 40.0));
    let found = judge.classify(&[face, nothing, face]).unwrap();
    let shares = found[0].as_ref().unwrap();
    assert!(
        (shares[1] - 0.7).abs() < 1e-5 && (shares[0] - 0.3).abs() < 1e-5,
        "{shares:?}"
    );
    assert!(found[1].is_none());
    assert_eq!(found[0], found[2]);
}

#[test]
fn a_face_descriptor_of_any_length() {
    let net = Net::new("data", &[1, 3, 112, 112])
        .mean("data")
        .floats("weights", &[3, 128], &{
            let mut weights = vec![0.0; 3 * 128];
            (weights[0], weights[129], weights[258]) = (1.0, 1.0, 1.0);
            weights
        })
        .op("MatMul", &["mean", "weights"], "fc1", Vec::new())
        .output("fc1", &[1, 128]);
    let Some((_folder, pack)) = open(&[(example("sface"), net.bytes())]) else {
        return;
    };
    let describer = pack.face_describer().unwrap();
    assert_eq!(describer.length(), 128);
    let warp = painted(WARP_SIDE, WARP_SIDE, |_, _| [200, 100, 50]);
    let found = describer.describe(&[warp.rgb(), warp.rgb()]).unwrap();
    assert_eq!(found.len(), 2);
    let values = &found[1].values;
    assert!((values[0] - 200.0).abs() < 0.01 && (values[1] - 100.0).abs() < 0.01);
    assert!((values[2] - 50.0).abs() < 0.01 && values[3] == 0.0);
    assert!(found[1].attributes.is_none());
}

#[test]
fn a_body_descriptor_sees_the_person() {
    let net = Net::new("input", &[-1, 3, 256, 128])
        .mean("input")
        .floats("weights", &[3, 512], &{
            let mut weights = vec![0.0; 3 * 512];
            (weights[0], weights[512 * 2 + 1]) = (1.0, 1.0);
            weights
        })
        .op("MatMul", &["mean", "weights"], "output", Vec::new())
        .output("output", &[-1, 512]);
    let Some((_folder, pack)) = open(&[(example("reid"), net.bytes())]) else {
        return;
    };
    let describer = pack.body_describer().unwrap();
    let picture = two_halves();
    let body = |x: f32| BodyCrop {
        picture: &picture,
        bbox: BBox::new(x, -20.0, 40.0, 90.0),
    };
    let found = describer.describe(&[body(10.0), body(150.0)]).unwrap();
    assert_eq!((found.len(), found[0].len()), (2, describer.length()));
    // ImageNet's mean and deviation: full red is about 2.25, none about -2.1.
    assert!(
        found[0][0] > 2.0 && found[0][1] < -1.5,
        "{:?}",
        &found[0][..2]
    );
    assert!(
        found[1][0] < -2.0 && found[1][1] > 2.0,
        "{:?}",
        &found[1][..2]
    );
}

/// MoveNet takes whole numbers, and joints are answered in shares of the crop.
#[test]
fn joints_of_a_network_that_takes_integers() {
    let axes = vec![
        Attribute::ints("axes", vec![1, 2]),
        Attribute::int("keepdims", 0),
    ];
    let mut row = [0.5; 51];
    row[..3].copy_from_slice(&[0.0, 1.0, 0.8]);
    let net = Net::of("input", &[1, 192, 192, 3], DataType::Int32)
        .op(
            "Cast",
            &["input"],
            "float",
            vec![Attribute::element("to", DataType::Float)],
        )
        .op("ReduceMean", &["float"], "mean", axes)
        .floats("none", &[3, 51], &{
            // The second joint's score is the mean of red.
            let mut weights = [0.0; 153];
            weights[5] = 1.0 / 255.0;
            weights
        })
        .floats("row", &[51], &{
            row[5] = 0.0;
            row
        })
        .op("Gemm", &["mean", "none", "row"], "flat", Vec::new())
        .whole("shape", &[1, 1, 17, 3])
        .op("Reshape", &["flat", "shape"], "Identity", Vec::new())
        .output("Identity", &[1, 1, 17, 3]);
    let text = include_str!("../../manifests/movenet.toml").to_owned();
    let Some((_folder, pack)) = open(&[(text, net.bytes())]) else {
        return;
    };
    let picture = two_halves();
    let body = BodyCrop {
        picture: &picture,
        bbox: BBox::new(20.0, 20.0, 20.0, 40.0),
    };
    let joints = pack.poser().unwrap().joints(&[body, body]).unwrap();
    let joints = joints[1].unwrap();
    // A square of 50 about (30, 40).
    assert!(
        joints[0].at.distance(Point::new(55.0, 15.0)) < 0.01,
        "{:?}",
        joints[0]
    );
    assert!((joints[0].score.get() - 0.8).abs() < 1e-5);
    assert!(
        (joints[1].score.get() - 1.0).abs() < 1e-5,
        "all red: {:?}",
        joints[1]
    );
    assert!(joints[2].at.distance(Point::new(30.0, 40.0)) < 0.01);
}

/// The face mesh of a level face: eyes at (60, 40) and (140, 40), 20 pixels wide.
fn mesh() -> Mesh {
    let mut values = vec![100.0; POINTS * 3];
    for (index, x) in [(33, 50.0), (133, 70.0), (362, 130.0), (263, 150.0)] {
        values[index * 3] = x;
        values[index * 3 + 1] = 40.0;
    }
    Mesh::from_raw(&values, &Affine::IDENTITY).unwrap()
}

#[test]
fn both_eyes_of_a_face() {
    // A point's x is the mean of red: how much of the crop is red. The rest of the row is fixed.
    let mut row = vec![32.0; 228];
    row[0] = 0.0;
    let axes = vec![
        Attribute::ints("axes", vec![1, 2]),
        Attribute::int("keepdims", 0),
    ];
    let net = Net::new("input_1", &[-1, 64, 64, 3])
        .op("ReduceMean", &["input_1"], "mean", axes)
        .rows(3, "flat", &row)
        .whole("shape", &[-1, 1, 1, 228])
        .op("Reshape", &["flat", "shape"], "Identity", Vec::new())
        .output("Identity", &[-1, 1, 1, 228]);
    let text = include_str!("../../manifests/iris.toml").to_owned();
    let Some((_folder, pack)) = open(&[(text, net.bytes())]) else {
        return;
    };
    let picture = two_halves();
    let mesh = mesh();
    let face = MeshedFace {
        picture: &picture,
        mesh: &mesh,
    };
    let eyes = pack
        .eye_mesher()
        .unwrap()
        .eyes(&[face, face, face])
        .unwrap();
    assert_eq!(eyes.len(), 3);
    let [Some(left), Some(right)] = &eyes[2] else {
        panic!("{eyes:?}");
    };
    let near = |p: Point, x: f32, y: f32| p.distance(Point::new(x, y)) < 0.01;
    assert!(near(left.iris[0].flat(), 60.0, 40.0) && near(right.iris[0].flat(), 140.0, 40.0));
    // The first point lies at the outer edge of each crop of 46 pixels.
    assert!(
        near(left.contour[0].flat(), 37.0, 40.0),
        "{:?}",
        left.contour[0]
    );
    assert!(
        near(right.contour[0].flat(), 163.0, 40.0),
        "{:?}",
        right.contour[0]
    );
}

/// The default pack's expression network is asked for smiles only.
#[test]
fn the_emotion_family_tells_smiles() {
    let axes = vec![
        Attribute::ints("axes", vec![1, 2]),
        Attribute::int("keepdims", 0),
    ];
    let net = Net::new("input_1", &[-1, 64, 64, 1])
        .op("ReduceMean", &["input_1"], "mean", axes)
        .rows(1, "Identity", &[0.05, 0.05, 0.05, 0.6, 0.05, 0.05, 0.15]);
    let text = include_str!("../../manifests/emotion.toml").to_owned();
    let Some((_folder, pack)) = open(&[(text, net.bytes())]) else {
        return;
    };
    assert!(
        pack.serving(Role::Emotion).is_empty(),
        "its seven classes are not offered"
    );
    let smile = pack.classifier(Role::Smile).unwrap();
    assert_eq!(smile.classes(), ["smile", "no_smile"]);
    let grey = Picture::from_rgb(Rgb::black(Size::new(50, 50)));
    let found = smile
        .classify(&[subject(&grey, BBox::new(10.0, 10.0, 20.0, 30.0))])
        .unwrap();
    let shares = found[0].as_ref().unwrap();
    assert!(
        (shares[0] - 0.6).abs() < 1e-5 && (shares[1] - 0.4).abs() < 1e-5,
        "{shares:?}"
    );
}
