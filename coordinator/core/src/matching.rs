//! The matching decision: threshold, ranking and ties over scores that a driver computed.

use std::cmp::Ordering;

use goshawk_proto::{
    descriptor::{Descriptor, SimilarityCurve},
    id::FaceId,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{candidates::FaceFilters, face::FaceTarget};

/// How results are sorted once the most similar are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Most similar first.
    #[default]
    Similarity,
    /// Oldest first.
    CreateTimeAsc,
    /// Newest first.
    CreateTimeDesc,
}

/// One comparison of a descriptor with stored faces of an account.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchRequest {
    /// Names the results.
    pub label: String,
    /// What is compared.
    pub descriptor: Descriptor,
    /// Whom it is compared with.
    pub filters: FaceFilters,
    /// Most results.
    pub limit: usize,
    /// Least similarity, 0 to 1.
    pub threshold: f32,
    /// How results are sorted.
    pub order: Order,
    /// Fields of candidates to publish; empty is all.
    pub targets: Vec<FaceTarget>,
}

/// A face and its score on the way to the top.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The face.
    pub face_id: FaceId,
    /// Cosine of the angle to the descriptor asked about, -1 to 1.
    pub cosine: f32,
    /// When the face was made.
    pub create_time: Timestamp,
}

impl Scored {
    /// The order of ranks: higher cosine first; on a tie the smaller face id, so that equal
    /// scores rank alike on every run and every backend. A cosine that is no number is last.
    pub fn rank(&self, other: &Self) -> Ordering {
        let key = |c: f32| if c.is_nan() { f32::NEG_INFINITY } else { c };
        key(other.cosine)
            .total_cmp(&key(self.cosine))
            .then(self.face_id.cmp(&other.face_id))
    }
}

/// Keeps the best `limit` of what it is offered, in O(log limit) each.
#[derive(Debug)]
pub struct Top {
    limit: usize,
    /// Worst first (a binary heap by reversed rank).
    heap: std::collections::BinaryHeap<ByRank>,
}

#[derive(Debug, Clone, Copy)]
struct ByRank(Scored);

impl PartialEq for ByRank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ByRank {}

impl PartialOrd for ByRank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByRank {
    /// Greater is worse, so that the heap's greatest is the one to drop.
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.rank(&other.0)
    }
}

impl Top {
    /// An empty one.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            heap: std::collections::BinaryHeap::with_capacity(limit.saturating_add(1)),
        }
    }

    /// A cosine below which an offer cannot enter any more; -infinity while there is room.
    pub fn floor(&self) -> f32 {
        match self.heap.peek() {
            Some(worst) if self.heap.len() >= self.limit => worst.0.cosine,
            _ => f32::NEG_INFINITY,
        }
    }

    /// Takes it if it is good enough.
    pub fn offer(&mut self, scored: Scored) {
        if self.limit == 0 {
            return;
        }
        if self.heap.len() < self.limit {
            self.heap.push(ByRank(scored));
        } else if self
            .heap
            .peek()
            .is_some_and(|worst| scored.rank(&worst.0) == Ordering::Less)
        {
            self.heap.pop();
            self.heap.push(ByRank(scored));
        }
    }

    /// Best first.
    pub fn into_ranked(self) -> Vec<Scored> {
        self.heap
            .into_sorted_vec()
            .into_iter()
            .map(|entry| entry.0)
            .collect()
    }
}

/// Turns ranked scores into results: similarity by the curve, cut at the threshold, sorted as
/// asked. The most similar are chosen first, whatever the order.
pub fn decide(
    ranked: Vec<Scored>,
    curve: &SimilarityCurve,
    threshold: f32,
    order: Order,
) -> Vec<(FaceId, f32)> {
    let mut kept: Vec<(Scored, f32)> = ranked
        .into_iter()
        .map(|scored| (scored, curve.similarity(scored.cosine)))
        .filter(|(_, similarity)| *similarity >= threshold)
        .collect();
    match order {
        Order::Similarity => {}
        Order::CreateTimeAsc => kept.sort_by_key(|(scored, _)| scored.create_time),
        Order::CreateTimeDesc => kept.sort_by_key(|(s, _)| std::cmp::Reverse(s.create_time)),
    }
    kept.into_iter()
        .map(|(scored, similarity)| (scored.face_id, similarity))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scored(id: u128, cosine: f32) -> Scored {
        Scored {
            face_id: FaceId(uuid::Uuid::from_u128(id)),
            cosine,
            create_time: Timestamp::from_unix_micros(id as i64),
        }
    }

    proptest! {
        #[test]
        fn the_top_is_a_sorted_prefix(
            cosines in prop::collection::vec(-20i8..20, 0..60),
            limit in 0usize..12,
        ) {
            // Coarse steps, so that ties are common.
            let all: Vec<Scored> =
                cosines.iter().enumerate().map(|(i, c)| scored(i as u128, f32::from(*c) / 20.0)).collect();
            let mut naive = all.clone();
            naive.sort_by(Scored::rank);
            naive.truncate(limit);
            let mut top = Top::new(limit);
            for one in all {
                let before = top.floor();
                top.offer(one);
                prop_assert!(top.floor() >= before);
            }
            prop_assert_eq!(top.into_ranked(), naive);
        }

        #[test]
        fn nothing_below_the_threshold_comes_out(
            cosines in prop::collection::vec(-1.0f32..1.0, 0..40),
            threshold in 0.0f32..1.0,
        ) {
            let ranked = cosines.iter().enumerate().map(|(i, c)| scored(i as u128, *c)).collect();
            let curve = SimilarityCurve::default();
            for (_, similarity) in decide(ranked, &curve, threshold, Order::CreateTimeDesc) {
                prop_assert!(similarity >= threshold);
            }
        }
    }

    #[test]
    fn equal_scores_rank_by_id_and_nan_is_last() {
        let mut top = Top::new(3);
        for one in [
            scored(3, 0.5),
            scored(1, 0.5),
            scored(9, f32::NAN),
            scored(2, 0.5),
        ] {
            top.offer(one);
        }
        let ids: Vec<u128> = top
            .into_ranked()
            .iter()
            .map(|s| s.face_id.0.as_u128())
            .collect();
        assert_eq!(ids, [1, 2, 3]);
    }

    #[test]
    fn results_may_be_sorted_by_time() {
        let ranked = vec![scored(2, 0.9), scored(3, 0.8), scored(1, 0.7)];
        let ids = |order| -> Vec<u128> {
            let found = decide(ranked.clone(), &SimilarityCurve::default(), 0.75, order);
            found.iter().map(|(id, _)| id.0.as_u128()).collect()
        };
        assert_eq!(ids(Order::Similarity), [2, 3]);
        assert_eq!(ids(Order::CreateTimeDesc), [3, 2]);
    }
}
