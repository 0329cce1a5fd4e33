//! From the words of a classifier to values.

use goshawk_proto::score::Score;

use crate::estimate::{Emotions, Ethnicity, Glasses, Headwear, Mask, OcclusionScores};

/// A classifier's answer: its words and the share of each.
#[derive(Clone, Copy)]
pub(super) struct Answer<'a> {
    pub(super) classes: &'a [String],
    pub(super) shares: &'a [f32],
}

impl Answer<'_> {
    /// The share of a word; `None` when the classifier does not know it or gave no number.
    pub(super) fn share(&self, word: &str) -> Option<Score> {
        let at = self.classes.iter().position(|class| class == word)?;
        let share = *self.shares.get(at)?;
        share.is_finite().then(|| Score::saturating(share))
    }

    pub(super) fn emotions(&self) -> Option<Emotions> {
        Some(Emotions {
            anger: self.share("anger")?,
            disgust: self.share("disgust")?,
            fear: self.share("fear")?,
            happiness: self.share("happiness")?,
            neutral: self.share("neutral")?,
            sadness: self.share("sadness")?,
            surprise: self.share("surprise")?,
        })
    }

    pub(super) fn mask(&self) -> Option<Mask> {
        Some(Mask {
            medical_mask: self.share("medical_mask")?,
            missing: self.share("missing")?,
            occluded: self.share("occluded")?,
        })
    }

    pub(super) fn glasses(&self) -> Option<Glasses> {
        Some(Glasses {
            no_glasses: self.share("no_glasses")?,
            eyeglasses: self.share("eyeglasses")?,
            sunglasses: self.share("sunglasses")?,
        })
    }

    pub(super) fn occlusion(&self) -> Option<OcclusionScores> {
        Some(OcclusionScores {
            overall: self.share("overall")?,
            hair: self.share("hair")?,
            lower_face: self.share("lower_face")?,
            nose: self.share("nose")?,
            mouth: self.share("mouth")?,
            forehead: self.share("forehead")?,
            left_eye: self.share("left_eye")?,
            right_eye: self.share("right_eye")?,
        })
    }

    pub(super) fn ethnicity(&self) -> Option<Ethnicity> {
        Some(Ethnicity {
            african_american: self.share("african_american")?,
            asian: self.share("asian")?,
            caucasian: self.share("caucasian")?,
            indian: self.share("indian")?,
        })
    }

    /// The likeliest word.
    pub(super) fn headwear(&self) -> Option<Headwear> {
        let pairs = self.classes.iter().zip(self.shares);
        let (word, share) = pairs
            .filter(|(_, share)| share.is_finite())
            .max_by(|a, b| a.1.total_cmp(b.1))?;
        Some(Headwear {
            word: word.clone(),
            score: Score::saturating(*share),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_decide_and_not_their_order() {
        let classes: Vec<String> = ["sunglasses", "no_glasses", "eyeglasses"]
            .map(str::to_owned)
            .into();
        let answer = Answer {
            classes: &classes,
            shares: &[0.7, 0.1, 0.2],
        };
        let glasses = answer.glasses().unwrap();
        assert_eq!(glasses.sunglasses.get(), 0.7);
        assert_eq!(answer.headwear().unwrap().word, "sunglasses");
        assert_eq!(answer.mask(), None, "it does not know the words");
        let broken = Answer {
            classes: &classes,
            shares: &[f32::NAN, 0.1],
        };
        assert_eq!(broken.glasses(), None);
        assert_eq!(broken.headwear().unwrap().word, "no_glasses");
    }
}
