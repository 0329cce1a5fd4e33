//! Networks that answer with no numbers, and pictures of shapes that nobody takes.

use goshawk_models::{
    Estimation, Given, LookLimits, Pack, RuntimeOptions, Tiling, Vision, Wanted,
    manifest::Role,
    role::{BodyCrop, Search, Subject},
};
use goshawk_proto::{descriptor::Descriptor, geometry::BBox};

use crate::{
    folder::{example, open, painted},
    home,
    net::Net,
};

const NOTHING: f32 = f32::NAN;

/// The network with an output of nothing but NaN.
fn nan(net: Net, name: &str, sides: &[i64]) -> Net {
    let count = sides.iter().product::<i64>() as usize;
    net.answers(name, sides, &vec![NOTHING; count])
}

#[test]
fn detectors_that_answer_nan_find_nothing() {
    let picture = painted(320, 240, |x, y| [x as u8, y as u8, 9]);
    let search = Search {
        min_score: 0.0,
        tile: Some(160),
        most: 10,
    };
    let ultraface = nan(
        Net::new("input", &[1, 3, 480, 640]),
        "scores",
        &[1, 17640, 2],
    );
    let retinaface = nan(
        Net::new("input0", &[1, 3, 640, 640]),
        "boxes",
        &[1, 16800, 4],
    );
    let retinaface = nan(retinaface, "points", &[1, 16800, 10]);
    let sure = retinaface.answers("scores", &[1, 16800, 2], &[0.0, 1.0].repeat(16800));
    let faces = [
        ("ultraface", nan(ultraface, "boxes", &[1, 17640, 4])),
        // As sure as can be, of boxes that are none.
        ("retinaface", sure),
    ];
    for (name, net) in faces {
        let Some((_folder, pack)) = open(&[(example(name), net.bytes())]) else {
            return;
        };
        let (detector, mut found) = (pack.face_detector().unwrap(), Vec::new());
        detector.find(&[&picture], &search, &mut found).unwrap();
        assert_eq!(found, [vec![]], "{name}");
    }
    let mut row = [NOTHING; 85];
    (row[4], row[5]) = (1.0, 1.0);
    let yolox = Net::new("images", &[1, 3, 640, 640]);
    let yolov8 = nan(
        Net::new("images", &[1, 3, 640, 640]),
        "output0",
        &[1, 84, 8400],
    );
    let bodies = [
        (
            "yolox",
            yolox.answers("output", &[1, 8400, 85], &row.repeat(8400)),
        ),
        ("yolov8", yolov8),
    ];
    for (name, net) in bodies {
        let Some((_folder, pack)) = open(&[(example(name), net.bytes())]) else {
            return;
        };
        let found = pack.body_detector().unwrap().find(&[&picture], 0.0);
        assert_eq!(found.unwrap(), [vec![]], "{name}");
    }
}

#[test]
fn answers_that_are_no_numbers_are_none() {
    let picture = painted(200, 300, |x, y| [x as u8, y as u8, 9]);
    let bbox = BBox::new(20.0, 20.0, 100.0, 200.0);
    let classifier =
        Net::new("input", &[-1, 3, 96, 96])
            .mean("input")
            .rows(3, "scores", &[NOTHING; 3]);
    let Some((_folder, pack)) = open(&[(example("classifier"), classifier.bytes())]) else {
        return;
    };
    let subject = Subject {
        picture: &picture,
        bbox,
        points: None,
    };
    let found = pack.classifier(Role::Glasses).unwrap().classify(&[subject]);
    assert_eq!(found.unwrap(), [None]);
    let reid =
        Net::new("input", &[-1, 3, 256, 128])
            .mean("input")
            .rows(3, "output", &[NOTHING; 512]);
    let Some((_folder, pack)) = open(&[(example("reid"), reid.bytes())]) else {
        return;
    };
    let body = BodyCrop {
        picture: &picture,
        bbox,
    };
    let describer = pack.body_describer().unwrap();
    let described = describer.describe(&[body]).unwrap();
    // What the network said is not made better, and no descriptor can be made of it.
    assert!(Descriptor::from_values(describer.version(), &described[0]).is_err());
}

#[test]
fn pictures_of_any_shape_are_looked_at() {
    let Some(home) = home::home() else { return };
    let pack = Pack::open(&home.join("models"), &RuntimeOptions::at_home(&home)).unwrap();
    let vision = Vision::open(&pack).unwrap();
    let mut limits = LookLimits::default();
    limits.detect.tiles = Tiling::Tiles { size: 512 };
    for (width, height) in [(1, 1), (1, 20_000), (20_000, 1), (2, 3), (19, 4000)] {
        let picture = painted(width, height, |x, y| [x as u8, (x + y) as u8, 200]);
        let whole = [BBox::new(0.0, 0.0, width as f32, height as f32)];
        let cases = [Given::Nothing, Given::Faces(&whole), Given::Bodies(&whole)];
        for given in cases {
            let report = vision.look(&picture, given, &Wanted::these(&Estimation::ALL), &limits);
            let report = report.unwrap_or_else(|e| panic!("{width} x {height}: {e}"));
            assert_eq!((report.size.width, report.size.height), (width, height));
        }
    }
}
