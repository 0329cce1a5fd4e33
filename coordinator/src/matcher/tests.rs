//! The matcher against a naive sort, and its limits.

use goshawk_coordinator_core::{
    candidates::FaceFilters,
    face::{Attributes, FaceRecord},
    matching::Order,
};
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion},
    id::ListId,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

use super::*;
use crate::store::conformance::{ACCOUNT, STRANGER, at, face_id, list_id};

const DIMENSION: usize = 19;

fn descriptor(values: &[f32]) -> Descriptor {
    Descriptor::from_values(DescriptorVersion(1), values).unwrap()
}

fn face(n: u128, values: &[f32], lists: &[ListId]) -> FaceRecord {
    let attributes = Attributes {
        descriptor: Some(descriptor(values)),
        ..Attributes::default()
    };
    FaceRecord {
        attributes,
        ..crate::store::conformance::face(n, lists)
    }
}

fn request(values: &[f32], filters: FaceFilters, limit: usize) -> MatchRequest {
    MatchRequest {
        label: String::new(),
        descriptor: descriptor(values),
        filters,
        limit,
        threshold: 0.0,
        order: Order::Similarity,
        targets: Vec::new(),
    }
}

fn search(matcher: &Arc<Matcher>, request: MatchRequest) -> Vec<(FaceId, f32)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(matcher.find(ACCOUNT, request)).unwrap()
}

fn matcher() -> Arc<Matcher> {
    Matcher::start(MatcherOptions {
        threads: 1,
        ..MatcherOptions::default()
    })
}

/// A face's values and lists; `None` removes it.
type Row = Option<(Vec<f32>, Vec<u128>)>;

/// Puts and removals in any order.
fn history() -> impl Strategy<Value = Vec<(u128, Row)>> {
    let row = (
        prop::collection::vec(-1.0f32..1.0, DIMENSION),
        prop::collection::vec(0u128..3, 0..3),
    );
    prop::collection::vec((0u128..40, prop::option::weighted(0.8, row)), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn it_finds_what_a_naive_sort_finds(
        history in history(),
        query in prop::collection::vec(-1.0f32..1.0, DIMENSION),
        list in prop::option::of(0u128..4),
        limit in 1usize..20,
    ) {
        prop_assume!(query.iter().any(|v| v.abs() > 0.1));
        let matcher = matcher();
        let mut model = BTreeMap::new();
        for (n, row) in history {
            match row.filter(|(values, _)| values.iter().any(|v| v.abs() > 0.1)) {
                Some((values, mut lists)) => {
                    lists.sort_unstable();
                    lists.dedup();
                    let lists: Vec<ListId> = lists.into_iter().map(list_id).collect();
                    let face = face(n, &values, &lists);
                    matcher.changed(&[FaceChange::Put(Arc::new(face.clone()))]);
                    model.insert(n, face);
                }
                None => {
                    matcher.changed(&[FaceChange::Removed(ACCOUNT, face_id(n))]);
                    model.remove(&n);
                }
            }
        }
        prop_assert_eq!(matcher.stats().descriptors, model.len() as u64);
        let filters = FaceFilters { list_id: list.map(list_id), ..FaceFilters::default() };
        let asked = descriptor(&query);
        let mut naive: Vec<(FaceId, f32)> = model
            .values()
            .filter(|face| filters.accept((*face).into(), at(0)))
            .map(|f| (f.face_id, f.attributes.descriptor.as_ref().unwrap().cosine(&asked).unwrap()))
            .collect();
        naive.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        naive.truncate(limit);
        let found = search(&matcher, request(&query, filters, limit));
        prop_assert_eq!(found.len(), naive.len());
        // The two sum in another order, so scores agree within rounding and ids where scores differ.
        for (got, want) in found.iter().zip(&naive) {
            prop_assert!((got.1 - want.1.max(0.0)).abs() < 1e-4, "{:?} {:?}", got, want);
        }
        prop_assert!(found.windows(2).all(|w| w[0].1 >= w[1].1));
    }
}

#[test]
fn accounts_and_versions_do_not_mix() {
    let matcher = matcher();
    let mut values = vec![0.0; DIMENSION];
    values[0] = 1.0;
    let mine = face(1, &values, &[]);
    let foreign = FaceRecord {
        account_id: STRANGER,
        ..face(2, &values, &[])
    };
    let mut newer = face(3, &values, &[]);
    newer.attributes.descriptor = Descriptor::from_values(DescriptorVersion(2), &values).ok();
    for face in [mine.clone(), foreign, newer] {
        matcher.changed(&[FaceChange::Put(Arc::new(face))]);
    }
    let found = search(&matcher, request(&values, FaceFilters::default(), 10));
    assert_eq!(found, [(face_id(1), 1.0)]);
    let other = FaceFilters {
        account_id: Some(STRANGER),
        ..FaceFilters::default()
    };
    assert!(search(&matcher, request(&values, other, 10)).is_empty());
    // A face that loses its descriptor is not found any more.
    let bare = FaceRecord {
        attributes: Attributes::default(),
        ..mine
    };
    matcher.changed(&[FaceChange::Put(Arc::new(bare))]);
    assert!(search(&matcher, request(&values, FaceFilters::default(), 10)).is_empty());
}

#[tokio::test]
async fn a_search_that_takes_too_long_says_so() {
    let options = MatcherOptions {
        threads: 1,
        timeout: Duration::ZERO,
        ..MatcherOptions::default()
    };
    let matcher = Matcher::start(options);
    let values = vec![1.0; DIMENSION];
    matcher.changed(&[FaceChange::Put(Arc::new(face(1, &values, &[])))]);
    let found = matcher
        .find(ACCOUNT, request(&values, FaceFilters::default(), 1))
        .await;
    assert_eq!(found, Err(MatchError::Timeout(Duration::ZERO)));
    assert_eq!(matcher.stats().timeouts, 1);
}

#[test]
fn a_list_of_few_is_found_among_many() {
    let matcher = matcher();
    for n in 0..1000u128 {
        let mut values = vec![0.01; DIMENSION];
        values[n as usize % DIMENSION] = 1.0;
        let lists = if n.is_multiple_of(100) {
            vec![list_id(1)]
        } else {
            Vec::new()
        };
        matcher.changed(&[FaceChange::Put(Arc::new(face(n, &values, &lists)))]);
    }
    let filters = FaceFilters {
        list_id: Some(list_id(1)),
        ..FaceFilters::default()
    };
    let found = search(&matcher, request(&[1.0; DIMENSION], filters, 100));
    assert_eq!(found.len(), 10);
    let nobody = FaceFilters {
        list_id: Some(list_id(2)),
        ..FaceFilters::default()
    };
    assert!(search(&matcher, request(&[1.0; DIMENSION], nobody, 100)).is_empty());
}
