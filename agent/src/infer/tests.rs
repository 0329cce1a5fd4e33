//! Tests of the inference pool.

use super::*;
use goshawk_models::{InferError, role::Subject};
use goshawk_proto::geometry::{Rect, Size};
use goshawk_proto::{detection::BodyDetection, score::Score};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// A picture that only has a size.
struct Blank(u32);

impl Pixels for Blank {
    fn size(&self) -> Size {
        Size::new(self.0, self.0)
    }

    fn region(&self, _: Rect, target: Size, out: &mut Rgb) {
        out.reshape(target);
    }
}

/// Finds nothing; fails on pictures of 13 pixels, panics on those of 66.
struct Fake {
    largest_batch: Arc<AtomicUsize>,
    pause: Duration,
}

impl Models for Fake {
    fn detect(
        &self,
        pictures: &[&dyn Pixels],
        _: &DetectOptions,
    ) -> Result<Vec<Vec<Face>>, InferError> {
        self.largest_batch
            .fetch_max(pictures.len(), Ordering::SeqCst);
        std::thread::sleep(self.pause);
        let has = |side| pictures.iter().any(|picture| picture.size().width == side);
        assert!(!has(66), "the model panics");
        if has(13) {
            return Err(InferError::Degenerate {
                model: "fake".to_owned(),
            });
        }
        Ok(vec![Vec::new(); pictures.len()])
    }

    fn describe(&self, _: &[&Rgb]) -> Result<Vec<FaceTraits>, InferError> {
        Ok(Vec::new())
    }

    /// One body as wide as the picture.
    fn bodies(
        &self,
        pictures: &[&dyn Pixels],
        least: f32,
    ) -> Result<Vec<Vec<BodyDetection>>, InferError> {
        self.largest_batch
            .fetch_max(pictures.len(), Ordering::SeqCst);
        std::thread::sleep(self.pause);
        let body = |picture: &&dyn Pixels| {
            let rect = Rect::from(picture.size());
            let score = Score::saturating(least);
            vec![BodyDetection {
                bbox: rect.into(),
                score,
            }]
        };
        Ok(pictures.iter().map(body).collect())
    }

    fn describe_bodies(&self, warps: &[&Rgb]) -> Result<Vec<Option<Descriptor>>, InferError> {
        Ok(vec![None; warps.len()])
    }

    /// A mouth is covered by as much as the picture is wide, in percent; textures say twice that.
    fn tell(&self, what: What, faces: &[Subject<'_>]) -> Result<Vec<Option<f32>>, InferError> {
        let whole = match what {
            What::CoveredMouth => 100.0,
            What::Texture => 50.0,
        };
        let share = |face: &Subject<'_>| Some(face.picture.size().width as f32 / whole);
        Ok(faces.iter().map(share).collect())
    }
}

fn pool(threads: usize, pause: u64) -> (InferPool, Arc<AtomicUsize>) {
    let largest_batch = Arc::new(AtomicUsize::new(0));
    let fake = Fake {
        largest_batch: Arc::clone(&largest_batch),
        pause: Duration::from_millis(pause),
    };
    let pool =
        InferPool::start(Box::new(fake), threads, 4, Arc::new(StageTimes::default())).unwrap();
    (pool, largest_batch)
}

#[test]
fn waiting_streams_are_answered_together() {
    let (pool, largest) = pool(1, 30);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                assert!(
                    pool.faces(Box::new(Blank(10)), &DetectOptions::default())
                        .wait()
                        .is_ok()
                )
            });
        }
    });
    let largest = largest.load(Ordering::SeqCst);
    assert!((2..=4).contains(&largest), "{largest}");
    pool.close();
}

#[test]
fn different_options_are_not_mixed() {
    let (pool, largest) = pool(1, 30);
    std::thread::scope(|scope| {
        for min_face in 0..6 {
            let pool = &pool;
            let options = DetectOptions {
                min_face: min_face as f32,
                ..DetectOptions::default()
            };
            scope.spawn(move || assert!(pool.faces(Box::new(Blank(10)), &options).wait().is_ok()));
        }
    });
    assert_eq!(largest.load(Ordering::SeqCst), 1);
    pool.close();
}

#[test]
fn one_bad_picture_spoils_no_other() {
    let (pool, _) = pool(1, 30);
    std::thread::scope(|scope| {
        for side in [10, 13, 66, 11, 12, 14] {
            let pool = &pool;
            scope.spawn(move || {
                let answer = pool
                    .faces(Box::new(Blank(side)), &DetectOptions::default())
                    .wait();
                assert_eq!(answer.is_ok(), side != 13 && side != 66, "{side}");
            });
        }
    });
    pool.close();
}

#[test]
fn a_closed_pool_says_so() {
    let (pool, _) = pool(2, 0);
    pool.close();
    let answer = pool
        .faces(Box::new(Blank(10)), &DetectOptions::default())
        .wait();
    assert!(matches!(answer, Err(AskError::Closed)));
    assert!(pool.describe(Vec::new()).unwrap().is_empty());
}

#[test]
fn faces_and_bodies_are_asked_for_side_by_side_and_batched_apart() {
    let (pool, largest) = pool(1, 30);
    std::thread::scope(|scope| {
        for side in 20..26u32 {
            let pool = &pool;
            scope.spawn(move || {
                let faces = pool.faces(Box::new(Blank(side)), &DetectOptions::default());
                let bodies = pool.bodies(Box::new(Blank(side)), 0.5);
                assert!(faces.wait().unwrap().is_empty());
                let found = bodies.wait().unwrap();
                assert_eq!(found[0].bbox.width, side as f32, "everybody has their own");
                assert_eq!(found[0].score.get(), 0.5);
            });
        }
    });
    let largest = largest.load(Ordering::SeqCst);
    assert!((2..=4).contains(&largest), "{largest}");
    pool.close();
}

#[test]
fn bodies_are_described_and_faces_are_told_of() {
    let (pool, _) = pool(2, 0);
    let warps = vec![Rgb::black(Size::new(4, 8)); 3];
    assert_eq!(pool.describe_bodies(warps).unwrap().len(), 3);
    let face = FaceDetection {
        bbox: Rect::from(Size::new(10, 10)).into(),
        score: Score::ONE,
        landmarks: Default::default(),
    };
    let tell = |what| pool.tell(what, Box::new(Blank(40)), &face);
    assert_eq!(tell(What::CoveredMouth).unwrap(), Some(0.4));
    assert_eq!(tell(What::Texture).unwrap(), Some(0.8));
    assert_eq!(pool.abilities(), Abilities::default());
    pool.close();
    assert!(tell(What::Texture).is_err());
}
