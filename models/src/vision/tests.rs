//! What a look runs, answers and leaves out, with networks that are made up.

use super::*;
use crate::{
    Tiling,
    estimate::{Presence, Source, StillLiveness},
    post::mesh::{Mesh, POINTS},
    pre::affine::Affine,
    role::{
        BodyCrop, Candidate, Description, FaceCrop, FaceDescriber, FaceDetector, FaceMesher,
        Joints, MeshAnswer, Search, Subject, Thing,
    },
};
use goshawk_proto::{
    descriptor::{DescriptorVersion, SimilarityCurve},
    detection::{BasicAttributes, Gender},
    geometry::{Point, Size},
    picture::Rgb,
};
use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

/// Counts its runs and answers with what it was made with.
#[derive(Default)]
struct Fake {
    runs: AtomicUsize,
    faces: Vec<BBox>,
    /// Faces that are only seen in tiles.
    small: Vec<BBox>,
    things: Vec<Thing>,
    words: Vec<String>,
    shares: Vec<f32>,
    /// Boxes in which the mesh network sees no face.
    blind: Mutex<Vec<BBox>>,
    curve: SimilarityCurve,
}

impl Fake {
    fn ran(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    fn run(&self) {
        self.runs.fetch_add(1, Ordering::Relaxed);
    }
}

impl FaceDetector for Fake {
    fn find(
        &self,
        pictures: &[&dyn Pixels],
        search: &Search,
        found: &mut Vec<Vec<Candidate>>,
    ) -> Result<(), InferError> {
        self.run();
        let candidate = |bbox: &BBox| Candidate {
            bbox: *bbox,
            score: 0.9,
            eyes: [0.3, 0.7]
                .map(|s| Point::new(bbox.x + bbox.width * s, bbox.y + bbox.height * 0.4)),
            points: None,
        };
        let small = self.small.iter().filter(|_| search.tile.is_some());
        let all: Vec<Candidate> = self.faces.iter().chain(small).map(candidate).collect();
        // A picture of one pixel shows nobody.
        let shown = |picture: &&dyn Pixels| match picture.size().width {
            1 => Vec::new(),
            _ => all.clone(),
        };
        *found = pictures.iter().map(shown).collect();
        Ok(())
    }
}

/// A flat face that fills a box.
fn mesh_in(bbox: &BBox) -> Mesh {
    let mut values = vec![0.0; POINTS * 3];
    let inside = |share: (f32, f32)| {
        (
            bbox.x + bbox.width * share.0,
            bbox.y + bbox.height * share.1,
        )
    };
    for value in values.as_chunks_mut::<3>().0 {
        let (x, y) = inside((0.5, 0.5));
        *value = [x, y, 0.0];
    }
    let places = [
        (10, (0.5, 0.0)),
        (152, (0.5, 1.0)),
        (234, (0.0, 0.5)),
        (454, (1.0, 0.5)),
        (33, (0.2, 0.4)),
        (133, (0.4, 0.4)),
        (362, (0.6, 0.4)),
        (263, (0.8, 0.4)),
        (1, (0.5, 0.6)),
        (61, (0.3, 0.8)),
        (291, (0.7, 0.8)),
        (78, (0.32, 0.8)),
        (308, (0.68, 0.8)),
        (13, (0.5, 0.8)),
        (14, (0.5, 0.8)),
    ];
    for (index, share) in places {
        let (x, y) = inside(share);
        values[index * 3..][..2].copy_from_slice(&[x, y]);
    }
    Mesh::from_raw(&values, &Affine::IDENTITY).expect("finite")
}

impl FaceMesher for Fake {
    fn meshes(
        &self,
        crops: &[FaceCrop<'_>],
        found: &mut Vec<MeshAnswer>,
    ) -> Result<(), InferError> {
        self.run();
        let blind = self.blind.lock().expect("no test panics with it");
        found.extend(crops.iter().map(|crop| MeshAnswer {
            mesh: Some(mesh_in(&crop.candidate.bbox)),
            score: if blind.contains(&crop.candidate.bbox) {
                0.1
            } else {
                0.9
            },
        }));
        Ok(())
    }
}

impl FaceDescriber for Fake {
    /// A black sample is no vector.
    fn describe(&self, warps: &[&Rgb]) -> Result<Vec<Description>, InferError> {
        self.run();
        let describe = |warp: &&Rgb| Description {
            values: vec![f32::from(warp.pixel(125, 125)[0]); 4],
            attributes: Some(BasicAttributes {
                age: 33.0,
                gender: Gender::Female,
                gender_score: Score::ONE,
            }),
        };
        Ok(warps.iter().map(describe).collect())
    }

    fn version(&self) -> DescriptorVersion {
        DescriptorVersion(7)
    }

    fn length(&self) -> usize {
        4
    }

    fn similarity(&self) -> &SimilarityCurve {
        &self.curve
    }
}

impl Classifier for Fake {
    fn classes(&self) -> &[String] {
        &self.words
    }

    fn classify(&self, subjects: &[Subject<'_>]) -> Result<Vec<Option<Vec<f32>>>, InferError> {
        self.run();
        let known = !self.shares.is_empty();
        Ok(vec![known.then(|| self.shares.clone()); subjects.len()])
    }
}

impl BodyDetector for Fake {
    fn find(&self, pictures: &[&dyn Pixels], _: f32) -> Result<Vec<Vec<Thing>>, InferError> {
        self.run();
        Ok(vec![self.things.clone(); pictures.len()])
    }
}

impl Poser for Fake {
    fn joints(&self, bodies: &[BodyCrop<'_>]) -> Result<Vec<Option<Joints>>, InferError> {
        self.run();
        Ok(vec![
            Some(crate::body::parts::tests::standing());
            bodies.len()
        ])
    }
}

const LEFT: BBox = BBox::new(80.0, 10.0, 40.0, 36.0);
const RIGHT: BBox = BBox::new(300.0, 10.0, 100.0, 120.0);
const BODY: BBox = BBox::new(50.0, 0.0, 100.0, 270.0);

struct World {
    detector: Arc<Fake>,
    mesher: Arc<Fake>,
    describer: Arc<Fake>,
    smile: Arc<Fake>,
    live: Arc<Fake>,
    bodies: Arc<Fake>,
    poser: Arc<Fake>,
    vision: Vision,
}

fn part<T: ?Sized>(role: Arc<T>, name: &str) -> Option<Part<T>> {
    Some(Part {
        role,
        models: vec![name.to_owned()],
    })
}

fn words(words: &[&str], shares: &[f32]) -> Arc<Fake> {
    Arc::new(Fake {
        words: words.iter().map(|w| (*w).to_owned()).collect(),
        shares: shares.to_vec(),
        ..Fake::default()
    })
}

fn thing(bbox: BBox, class: u16) -> Thing {
    Thing {
        bbox,
        score: Score::saturating(0.8),
        class,
    }
}

/// Two faces, one of which has a body with a backpack.
fn world() -> World {
    let detector = Arc::new(Fake {
        faces: vec![LEFT, RIGHT],
        ..Fake::default()
    });
    let bodies = Arc::new(Fake {
        things: vec![
            thing(BODY, Thing::PERSON),
            thing(BBox::new(60.0, 60.0, 50.0, 60.0), Thing::BACKPACK),
        ],
        ..Fake::default()
    });
    let (mesher, describer, poser) = Default::default();
    let (mesher, describer, poser): (Arc<Fake>, Arc<Fake>, Arc<Fake>) = (mesher, describer, poser);
    let smile = words(&["smile", "no_smile"], &[0.8, 0.2]);
    let live = words(&["spoof", "real"], &[0.1, 0.9]);
    let faces = FaceAnalyzer::from_parts(detector.clone(), mesher.clone(), describer.clone());
    let models = FaceModels {
        detector: vec!["finder".to_owned()],
        mesh: vec!["points".to_owned()],
        descriptor: vec!["who".to_owned()],
        attributes: vec!["who".to_owned()],
    };
    let parts = Parts {
        smile: part(smile.clone() as Arc<dyn Classifier>, "smiles"),
        liveness: part(live.clone() as Arc<dyn Classifier>, "lives"),
        bodies: part(bodies.clone() as Arc<dyn BodyDetector>, "people"),
        poser: part(poser.clone() as Arc<dyn Poser>, "joints"),
        ..Parts::default()
    };
    World {
        vision: Vision::from_parts(faces, &models, parts),
        detector,
        mesher,
        describer,
        smile,
        live,
        bodies,
        poser,
    }
}

/// Light where the left face is, black at the right one.
fn picture() -> Picture {
    let mut rgb = Rgb::black(Size::new(480, 320));
    for (i, px) in rgb.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
        if i % 480 < 240 {
            *px = [200, 150, 120];
        }
    }
    Picture::from_rgb(rgb)
}

fn look(world: &World, given: Given<'_>, wanted: &Wanted) -> Report {
    let limits = LookLimits::default();
    world
        .vision
        .look(&picture(), given, wanted, &limits)
        .expect("nothing fails as a whole")
}

#[test]
fn only_what_is_wanted_is_run() {
    let world = world();
    let report = look(
        &world,
        Given::Nothing,
        &Wanted::these(&[Estimation::HeadPose]),
    );
    assert_eq!(report.people.len(), 2);
    assert!(
        report
            .people
            .iter()
            .all(|p| p.face.as_ref().is_some_and(|f| f.head_pose.is_some()))
    );
    assert!(report.people.iter().all(|p| p.body.is_none()) && report.count.is_none());
    let idle = [
        &world.describer,
        &world.smile,
        &world.live,
        &world.bodies,
        &world.poser,
    ];
    assert!(idle.iter().all(|fake| fake.ran() == 0));
    assert_eq!((world.detector.ran(), world.mesher.ran()), (1, 1));
    look(&world, Given::Nothing, &Wanted::none());
    look(
        &world,
        Given::Nothing,
        &Wanted::these(&[Estimation::BodyDetection]),
    );
    assert_eq!(
        (world.detector.ran(), world.bodies.ran(), world.poser.ran()),
        (1, 1, 0)
    );
}

#[test]
fn tiles_are_searched_only_where_the_whole_picture_shows_nobody() {
    let found = |faces: Vec<BBox>, tiles| {
        let detector = Arc::new(Fake {
            faces,
            small: vec![LEFT, RIGHT],
            ..Fake::default()
        });
        let rest = Arc::new(Fake::default());
        let analyzer = FaceAnalyzer::from_parts(detector.clone(), rest.clone(), rest);
        let (empty, shown) = (Rgb::black(Size::new(1, 1)), picture());
        let empty = Picture::from_rgb(empty);
        let options = DetectOptions {
            tiles,
            ..DetectOptions::default()
        };
        let found = analyzer.detect(&[&shown, &empty, &shown], &options);
        let counts: Vec<usize> = found.expect("it runs").iter().map(Vec::len).collect();
        (counts, detector.ran())
    };
    let twice = Tiling::TilesIfNobody { size: 128 };
    assert_eq!(found(vec![], Tiling::Whole), (vec![0, 0, 0], 1));
    assert_eq!(found(vec![], twice), (vec![2, 0, 2], 2));
    let far = BBox::new(200.0, 200.0, 50.0, 50.0);
    assert_eq!(found(vec![far], twice), (vec![1, 0, 1], 2), "the empty one");
}

#[test]
fn a_face_that_cannot_be_described_fails_alone() {
    let report = look(
        &world(),
        Given::Nothing,
        &Wanted::these(&[Estimation::FaceDescriptor, Estimation::Mouth]),
    );
    let faces: Vec<&FaceReport> = report
        .people
        .iter()
        .filter_map(|p| p.face.as_ref())
        .collect();
    assert!(faces[0].descriptor.is_some() && faces[0].failures.is_empty());
    assert!(faces[1].descriptor.is_none());
    assert_eq!(faces[1].failures.len(), 1);
    assert_eq!(faces[1].failures[0].estimation, Estimation::FaceDescriptor);
    assert!(faces.iter().all(|f| {
        f.mouth
            .is_some_and(|m| m.smile.get() == 0.8 && m.occluded.is_none())
    }));
    assert!(faces.iter().all(|f| f.basic.is_none()), "not asked for");
}

#[test]
fn faces_and_bodies_are_paired_and_counted() {
    let mut wanted = Wanted::these(&[
        Estimation::FaceDetection,
        Estimation::BodyDetection,
        Estimation::Accessories,
        Estimation::BodyBasic,
        Estimation::BodyDescriptor,
        Estimation::UpperBody,
        Estimation::PeopleCount,
    ]);
    wanted.body_warp = true;
    let report = look(&world(), Given::Nothing, &wanted);
    assert_eq!(report.people.len(), 2);
    let body = report.people[0]
        .body
        .as_ref()
        .expect("the left face has the body");
    assert_eq!(body.backpack, Some(Presence::Present));
    assert_eq!(body.basic.map(|b| b.age), Some(33.0));
    assert_eq!(
        body.descriptor.as_ref().map(|d| d.version()),
        Some(crate::body::appearance::VERSION)
    );
    assert!(body.upper.is_some() && body.lower.is_none() && body.joints.is_some());
    assert_eq!(
        body.warp.as_ref().map(Rgb::size),
        Some(crate::body::BODY_WARP)
    );
    assert!(
        report.people[0]
            .face
            .as_ref()
            .is_some_and(|f| f.basic.is_none())
    );
    assert!(report.people[1].body.is_none());
    assert_eq!(report.count.as_ref().map(Vec::len), Some(2));
}

#[test]
fn bodies_alone_do_not_show_the_faces_that_were_looked_at_for_them() {
    let wanted = Wanted::these(&[Estimation::UpperBody]);
    let report = look(&world(), Given::Nothing, &wanted);
    assert_eq!(report.people.len(), 1);
    assert!(report.people[0].face.is_none() && report.people[0].body.is_some());
}

#[test]
fn given_boxes_are_taken_without_looking_for_others() {
    let world = world();
    let wanted = Wanted::these(&[Estimation::FaceDetection, Estimation::HeadPose]);
    let report = look(&world, Given::Faces(&[RIGHT]), &wanted);
    assert_eq!((report.people.len(), world.detector.ran()), (1, 0));
    let face = report.people[0].face.as_ref().expect("the given one");
    assert_eq!((face.bbox, face.score), (Some(RIGHT), Score::ONE));
    world.mesher.blind.lock().expect("free").push(LEFT);
    let report = look(&world, Given::Faces(&[LEFT, RIGHT]), &wanted);
    let faces: Vec<&FaceReport> = report
        .people
        .iter()
        .filter_map(|p| p.face.as_ref())
        .collect();
    assert_eq!(faces[0].failures.len(), 1, "{:?}", faces[0].failures);
    assert_eq!(faces[0].failures[0].estimation, Estimation::HeadPose);
    assert!(faces[1].failures.is_empty() && faces[1].head_pose.is_some());
}

#[test]
fn more_boxes_than_the_limits_are_left_out_and_counted() {
    let limits = LookLimits {
        max_bodies: 1,
        ..LookLimits::default()
    };
    let wanted = Wanted::these(&[Estimation::BodyDetection]);
    let given = Given::Bodies(&[BODY, RIGHT, LEFT]);
    let report = world()
        .vision
        .look(&picture(), given, &wanted, &limits)
        .expect("no network fails");
    assert_eq!((report.people.len(), report.left_out), (1, 2));
}

#[test]
fn a_sample_has_no_box_no_frame_and_no_liveness() {
    let sample = Picture::from_rgb(
        Rgb::from_data(Size::new(250, 250), vec![150; 250 * 250 * 3]).expect("sizes agree"),
    );
    let wanted = Wanted::these(&[
        Estimation::Quality,
        Estimation::FaceDescriptor,
        Estimation::HeadPose,
        Estimation::Landmarks68,
        Estimation::Liveness,
        Estimation::FaceChecks,
        Estimation::BodyDetection,
    ]);
    let world = world();
    let limits = LookLimits::default();
    let report = world
        .vision
        .look(&sample, Given::FaceWarp, &wanted, &limits)
        .expect("no network fails");
    let face = report.people[0].face.as_ref().expect("the sample's");
    assert!(face.bbox.is_none() && face.landmarks68.is_none() && face.head_pose.is_none());
    assert!(face.quality.is_some() && face.descriptor.is_some() && face.liveness.is_none());
    let measures = face.measures.as_ref().expect("asked for");
    assert!(
        measures.frame.is_none() && measures.background.is_none() && measures.shoulders.is_none()
    );
    assert!(face.failures.is_empty(), "{:?}", face.failures);
    assert_eq!((world.bodies.ran(), world.detector.ran()), (0, 0));
}

#[test]
fn small_faces_have_no_verdict_of_liveness() {
    let wanted = Wanted::these(&[Estimation::Liveness]);
    let report = look(&world(), Given::Nothing, &wanted);
    let told: Vec<Option<StillLiveness>> = report
        .people
        .iter()
        .filter_map(|p| p.face.as_ref())
        .map(|f| f.liveness)
        .collect();
    let real = StillLiveness::Probability(Score::saturating(0.9));
    assert_eq!(told, [Some(StillLiveness::TooSmall), Some(real)]);
}

#[test]
fn the_largest_face_alone_keeps_its_body() {
    let limits = LookLimits {
        largest_face_only: true,
        ..LookLimits::default()
    };
    let wanted = Wanted::these(&[
        Estimation::FaceDetection,
        Estimation::BodyDetection,
        Estimation::PeopleCount,
    ]);
    let report = world()
        .vision
        .look(&picture(), Given::Nothing, &wanted, &limits)
        .expect("no network fails");
    assert_eq!(report.people.len(), 1);
    assert_eq!(
        report.people[0].face.as_ref().and_then(|f| f.bbox),
        Some(RIGHT)
    );
    assert!(
        report.people[0].body.is_none(),
        "the other's body is not reported"
    );
    assert_eq!(
        report.count.map(|c| c.len()),
        Some(2),
        "everybody is counted"
    );
}

#[test]
fn what_is_not_installed_is_missing_and_not_answered() {
    let world = world();
    let can = world.vision.capabilities();
    for (estimation, role) in [
        (Estimation::Emotions, "emotion"),
        (Estimation::Gaze, "eye-mesh"),
        (Estimation::Mask, "mask"),
        (Estimation::Glasses, "glasses"),
        (Estimation::Deepfake, "deepfake"),
        (Estimation::Ethnicity, "ethnicity"),
        (Estimation::FaceOcclusion, "face-occlusion"),
    ] {
        assert_eq!(
            can.source(estimation),
            &Source::Missing { role: Some(role) },
            "{estimation:?}"
        );
        let wanted = Wanted::these(&[Estimation::Mouth, estimation]);
        assert_eq!(wanted.first_missing(can), Some(estimation));
    }
    assert!(
        matches!(can.source(Estimation::Mouth), Source::Formula { over, .. } if over == &["smiles", "points"])
    );
    let wanted = Wanted::these(&[Estimation::Emotions, Estimation::Gaze, Estimation::Eyes]);
    let report = look(&world, Given::Nothing, &wanted);
    let face = report.people[0]
        .face
        .as_ref()
        .expect("faces were asked for");
    assert!(face.emotions.is_none() && face.gaze.is_none() && face.eyes.is_none());
}

#[test]
fn an_empty_picture_has_nobody() {
    let world = world();
    let nothing = Picture::from_rgb(Rgb::default());
    let everything = Wanted::these(&Estimation::ALL);
    let limits = LookLimits::default();
    for given in [
        Given::Nothing,
        Given::FaceWarp,
        Given::BodyWarp,
        Given::Bodies(&[BODY]),
    ] {
        let report = world.vision.look(&nothing, given, &everything, &limits);
        assert!(report.is_ok(), "{given:?}");
    }
}
