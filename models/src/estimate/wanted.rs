//! What a caller asks for.

use std::ops::BitOrAssign;

use super::{Capabilities, Estimation};

/// A question: which estimations, and which pictures and points beside them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    asked: u32,
    /// The five points of each face.
    pub landmarks5: bool,
    /// The aligned sample of each face.
    pub face_warp: bool,
    /// The sample of each body.
    pub body_warp: bool,
}

impl Wanted {
    /// Nothing.
    pub const fn none() -> Self {
        Self {
            asked: 0,
            landmarks5: false,
            face_warp: false,
            body_warp: false,
        }
    }

    /// The estimations given.
    pub fn these(estimations: &[Estimation]) -> Self {
        let mut wanted = Self::none();
        for estimation in estimations {
            wanted.add(*estimation);
        }
        wanted
    }

    /// Also asks for `estimation`.
    pub fn add(&mut self, estimation: Estimation) {
        self.asked |= 1 << estimation.index();
    }

    /// Also asks for `estimation` if `wanted`.
    pub fn add_if(&mut self, wanted: bool, estimation: Estimation) {
        if wanted {
            self.add(estimation);
        }
    }

    /// No longer asks for `estimation`.
    pub fn remove(&mut self, estimation: Estimation) {
        self.asked &= !(1 << estimation.index());
    }

    /// Whether `estimation` is asked for.
    pub fn has(&self, estimation: Estimation) -> bool {
        self.asked & (1 << estimation.index()) != 0
    }

    /// Whether any of `estimations` is asked for.
    pub fn has_any(&self, estimations: &[Estimation]) -> bool {
        estimations.iter().any(|e| self.has(*e))
    }

    /// What is asked for, in the order of [`Estimation::ALL`].
    pub fn estimations(&self) -> impl Iterator<Item = Estimation> + '_ {
        Estimation::ALL.into_iter().filter(|e| self.has(*e))
    }

    /// Whether faces have to be looked for.
    pub fn faces(&self) -> bool {
        self.landmarks5 || self.face_warp || self.estimations().any(Estimation::of_face)
    }

    /// Whether bodies have to be looked for.
    pub fn bodies(&self) -> bool {
        self.body_warp || self.estimations().any(Estimation::of_body)
    }

    /// The first estimation that is asked for and that nothing installed can give.
    pub fn first_missing(&self, capabilities: &Capabilities) -> Option<Estimation> {
        self.estimations().find(|e| !capabilities.has(*e))
    }
}

impl BitOrAssign for Wanted {
    fn bitor_assign(&mut self, other: Self) {
        self.asked |= other.asked;
        self.landmarks5 |= other.landmarks5;
        self.face_warp |= other.face_warp;
        self.body_warp |= other.body_warp;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_asked_is_what_is_listed(picks in prop::collection::btree_set(0usize..Estimation::ALL.len(), 0..24)) {
            let asked: Vec<Estimation> = picks.iter().map(|i| Estimation::ALL[*i]).collect();
            let wanted = Wanted::these(&asked);
            prop_assert_eq!(wanted.estimations().collect::<Vec<_>>(), asked.clone());
            prop_assert_eq!(wanted.faces(), asked.iter().any(|e| e.of_face()));
            prop_assert_eq!(wanted.bodies(), asked.iter().any(|e| e.of_body()));
            let mut less = wanted;
            for e in &asked {
                less.remove(*e);
            }
            prop_assert_eq!(less, Wanted::none());
        }
    }

    #[test]
    fn questions_add_up() {
        let mut one = Wanted::these(&[Estimation::Gaze]);
        let mut two = Wanted::these(&[Estimation::Mouth]);
        two.face_warp = true;
        one |= two;
        assert!(one.has(Estimation::Gaze) && one.has(Estimation::Mouth) && one.face_warp);
        assert!(!one.bodies());
        one.add_if(false, Estimation::UpperBody);
        assert!(!one.has_any(&[Estimation::UpperBody, Estimation::Mask]));
    }

    #[test]
    fn nothing_installed_misses_the_first_that_is_asked() {
        let wanted = Wanted::these(&[Estimation::Mask, Estimation::HeadPose]);
        let nothing = Capabilities::none();
        assert_eq!(wanted.first_missing(&nothing), Some(Estimation::HeadPose));
        assert_eq!(Wanted::none().first_missing(&nothing), None);
    }
}
