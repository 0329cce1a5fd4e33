//! Rates, as pure functions of scores and boxes.
//!
//! Verification by ISO/IEC 19795-1: a pair is accepted when its score reaches the threshold; the
//! false accept rate (FAR) is the share of accepted pairs among those of two people, the false
//! reject rate (FRR) that of rejected pairs among those of one, TAR is 1 - FRR. Liveness by
//! ISO/IEC 30107-3: APCER is the share of attacks that are taken for live people, BPCER that of
//! live people that are taken for attacks. Detection as in PASCAL VOC and COCO: found by an
//! intersection over union of 0.5.

use goshawk_proto::geometry::BBox;

/// Overlap (intersection over union) from which a face counts as found.
pub const FOUND: f32 = 0.5;

/// What became of the faces of a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matched {
    /// For each true box its overlap with the box that found it.
    pub found: Vec<Option<f32>>,
    /// Boxes that found nothing.
    pub extra: usize,
}

/// Matches boxes with true ones: the surest first, each takes the true box that it overlaps most
/// among those nobody has taken, if that is at least [`FOUND`].
pub fn match_boxes(truths: &[BBox], boxes: &[(BBox, f32)]) -> Matched {
    let mut order: Vec<&(BBox, f32)> = boxes.iter().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut found = vec![None; truths.len()];
    let mut extra = 0;
    for (bbox, _) in order {
        let best = (0..truths.len())
            .filter(|i| found[*i].is_none())
            .map(|i| (i, bbox.iou(&truths[i])))
            .filter(|(_, overlap)| *overlap >= FOUND)
            .max_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((i, overlap)) => found[i] = Some(overlap),
            None => extra += 1,
        }
    }
    Matched { found, extra }
}

/// A share; `None` of nothing.
pub fn rate(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Bins of one ten-thousandth over -1 to 1.
const BINS: usize = 20_001;
const PER_UNIT: f64 = 10_000.0;

fn bin(score: f32) -> usize {
    // Saturates at both ends; what is no number is like nothing.
    (((f64::from(score) + 1.0) * PER_UNIT).round() as usize).min(BINS - 1)
}

/// Scores of pairs, -1 to 1, counted in bins of 0.0001: memory does not grow with pairs.
#[derive(Clone, Debug)]
pub struct Scores {
    genuine: Vec<u64>,
    impostor: Vec<u64>,
}

impl Default for Scores {
    fn default() -> Self {
        Self {
            genuine: vec![0; BINS],
            impostor: vec![0; BINS],
        }
    }
}

impl Scores {
    /// Counts a pair of one person.
    pub fn genuine(&mut self, score: f32) {
        self.genuine[bin(score)] += 1;
    }

    /// Counts a pair of two people.
    pub fn impostor(&mut self, score: f32) {
        self.impostor[bin(score)] += 1;
    }

    /// What each threshold would do; `None` while there are no pairs of one of the kinds.
    pub fn curve(&self) -> Option<Curve> {
        let curve = Curve {
            genuine: at_least(&self.genuine),
            impostor: at_least(&self.impostor),
        };
        (curve.pairs().0 > 0 && curve.pairs().1 > 0).then_some(curve)
    }

    /// How many pairs of one person and of two have been counted.
    pub fn pairs(&self) -> (u64, u64) {
        (self.genuine.iter().sum(), self.impostor.iter().sum())
    }

    /// Shares of the pairs of one person and of two in `pieces` equal pieces of -1 to 1.
    pub fn histograms(&self, pieces: usize) -> (Vec<f64>, Vec<f64>) {
        let shares = |bins: &[u64]| {
            let all = bins.iter().sum::<u64>().max(1) as f64;
            let mut out = vec![0.0; pieces.max(1)];
            for (i, n) in bins.iter().enumerate() {
                let piece = i * out.len() / BINS;
                out[piece] += *n as f64 / all;
            }
            out
        };
        (shares(&self.genuine), shares(&self.impostor))
    }
}

/// For each place how many are at it or above, and 0 at the end.
fn at_least(bins: &[u64]) -> Vec<u64> {
    let mut out = vec![0; bins.len() + 1];
    for i in (0..bins.len()).rev() {
        out[i] = out[i + 1] + bins[i];
    }
    out
}

/// What a threshold does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Pairs of this score and more are accepted; a step above 1 stands for accepting nothing.
    pub threshold: f32,
    /// Accepted among the pairs of two people, 0 to 1.
    pub far: f64,
    /// Accepted among the pairs of one person, 0 to 1.
    pub tar: f64,
    /// How many pairs of two people are accepted.
    pub false_accepts: u64,
    /// Share of all pairs that are told right.
    pub accuracy: f64,
}

impl Point {
    /// Rejected among the pairs of one person, 0 to 1.
    pub fn frr(&self) -> f64 {
        1.0 - self.tar
    }

    /// Mean of the shares told right of both kinds of pairs; unlike the accuracy it does not
    /// depend on how many there are of each.
    pub fn balanced(&self) -> f64 {
        (self.tar + 1.0 - self.far) / 2.0
    }
}

/// Accepted pairs for each threshold. Has pairs of both kinds.
#[derive(Clone, Debug)]
pub struct Curve {
    genuine: Vec<u64>,
    impostor: Vec<u64>,
}

impl Curve {
    /// Pairs of one person, pairs of two.
    pub fn pairs(&self) -> (u64, u64) {
        (self.genuine[0], self.impostor[0])
    }

    /// All thresholds, rising.
    pub fn points(&self) -> impl ExactSizeIterator<Item = Point> + '_ {
        (0..self.genuine.len()).map(|k| self.point(k))
    }

    fn point(&self, k: usize) -> Point {
        let (genuine, impostor) = self.pairs();
        let (accepted, false_accepts) = (self.genuine[k], self.impostor[k]);
        let right = accepted + (impostor - false_accepts);
        Point {
            threshold: (k as f64 / PER_UNIT - 1.0) as f32,
            far: false_accepts as f64 / impostor as f64,
            tar: accepted as f64 / genuine as f64,
            false_accepts,
            accuracy: right as f64 / (genuine + impostor) as f64,
        }
    }

    /// At a threshold.
    pub fn at(&self, threshold: f32) -> Point {
        self.point(bin(threshold))
    }

    /// Where most pairs are told right; in the middle of the first stretch of equals.
    pub fn best(&self) -> Point {
        let right = |k: usize| self.genuine[k] + (self.impostor[0] - self.impostor[k]);
        let most = (0..self.genuine.len()).map(right).max().unwrap_or(0);
        let ks = 0..self.genuine.len();
        let first = ks.clone().find(|k| right(*k) == most).unwrap_or(0);
        let last = ks.skip(first).take_while(|k| right(*k) == most).last();
        self.point(first.midpoint(last.unwrap_or(first)))
    }

    /// The equal error rate: where FAR and FRR meet, on the straight line between the two
    /// thresholds about that. And the upper one of these.
    pub fn equal_error(&self) -> (f64, Point) {
        // The FRR ends at 1 and the FAR at 0, so they do meet.
        let meets = |k: &usize| self.point(*k).frr() >= self.point(*k).far;
        let k = (1..self.genuine.len()).find(meets).unwrap_or(1);
        let (before, after) = (self.point(k - 1), self.point(k));
        let (over, under) = (before.far - before.frr(), after.frr() - after.far);
        let part = if over + under > 0.0 {
            over / (over + under)
        } else {
            1.0
        };
        (before.far + part * (after.far - before.far), after)
    }

    /// The lowest threshold whose FAR is no more than `far`.
    pub fn within(&self, far: f64) -> Point {
        let ks = 0..self.impostor.len();
        let found = ks
            .clone()
            .find(|k| self.point(*k).far <= far)
            .unwrap_or(ks.end - 1);
        self.point(found)
    }
}

/// Pairs of two people that a FAR has to be measured on: ten false accepts are expected then.
/// With fewer, the rate is luck.
pub fn pairs_needed(far: f64) -> u64 {
    // A tenth and a thousandth are no binary fractions: 10 / 0.001 must not become 10 001.
    (10.0 / far - 1e-6).ceil() as u64
}

#[cfg(test)]
mod tests;
