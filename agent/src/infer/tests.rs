//! Tests of the inference pool.

use super::*;
use goshawk_proto::geometry::{Rect, Size};
use std::sync::atomic::{AtomicUsize, Ordering};

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

impl FaceModels for Fake {
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
                    pool.detect(Box::new(Blank(10)), &DetectOptions::default())
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
            scope.spawn(move || assert!(pool.detect(Box::new(Blank(10)), &options).is_ok()));
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
                let answer = pool.detect(Box::new(Blank(side)), &DetectOptions::default());
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
    let answer = pool.detect(Box::new(Blank(10)), &DetectOptions::default());
    assert!(matches!(answer, Err(AskError::Closed)));
    assert!(pool.describe(Vec::new()).unwrap().is_empty());
}
