//! Which compressed pictures reach the decoder.
//!
//! A picture that is left out spoils those that follow up to the next key frame, so the gate
//! opens only on key frames.

use std::time::Duration;

use crate::decode::Decoding;

/// What becomes of a compressed picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It is decoded.
    Decode,
    /// The decoder is too far behind the camera for it.
    Late,
    /// Only key frames are wanted at the moment.
    Spared,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate {
    /// How far the decoder may be behind; `None` is any distance.
    most_behind: Option<Duration>,
    /// Why pictures are left out until the next key frame.
    closed: Option<Passage>,
}

impl Gate {
    pub fn new(most_behind: Option<Duration>) -> Self {
        Self {
            most_behind,
            closed: None,
        }
    }

    /// Decides about the next picture, in decoding order; `behind` is how long ago it arrived.
    pub fn handle_picture(&mut self, key: bool, behind: Duration, decoding: Decoding) -> Passage {
        // Once too late, a decoder first catches up by half.
        let limit = match (self.most_behind, self.closed) {
            (Some(most), Some(Passage::Late)) => Some(most / 2),
            (most, _) => most,
        };
        self.closed = if limit.is_some_and(|most| behind > most) {
            Some(Passage::Late)
        } else if key {
            None
        } else if decoding == Decoding::KeyFrames {
            Some(Passage::Spared)
        } else {
            self.closed
        };
        self.closed.unwrap_or(Passage::Decode)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Duration = Duration::ZERO;
    const MOST: Duration = Duration::from_secs(2);

    #[test]
    fn a_late_decoder_goes_on_with_a_key_frame_once_it_has_caught_up() {
        let mut gate = Gate::new(Some(MOST));
        let mut ask = |key, behind| gate.handle_picture(key, behind, Decoding::All);
        assert_eq!(ask(true, MOST), Passage::Decode);
        assert_eq!(ask(false, 2 * MOST), Passage::Late);
        assert_eq!(ask(false, NOW), Passage::Late);
        assert_eq!(ask(true, MOST), Passage::Late);
        assert_eq!(ask(true, MOST / 2), Passage::Decode);
        assert_eq!(ask(false, MOST), Passage::Decode);
    }

    #[test]
    fn all_pictures_come_back_with_the_next_key_frame() {
        let mut gate = Gate::new(None);
        let mut ask = |key, decoding| gate.handle_picture(key, NOW, decoding);
        assert_eq!(ask(true, Decoding::KeyFrames), Passage::Decode);
        assert_eq!(ask(false, Decoding::KeyFrames), Passage::Spared);
        assert_eq!(ask(false, Decoding::All), Passage::Spared);
        assert_eq!(ask(true, Decoding::All), Passage::Decode);
        assert_eq!(ask(false, Decoding::All), Passage::Decode);
    }

    proptest! {
        /// A picture that needs others is decoded only if all since its key frame were.
        #[test]
        fn nothing_is_decoded_without_what_it_needs(
            pictures in prop::collection::vec((0u8..4, 0u64..4, any::<bool>()), 0..60),
        ) {
            let mut gate = Gate::new(Some(MOST));
            let mut whole = true;
            for (kind, behind, idle) in pictures {
                let key = kind == 0;
                let decoding = if idle { Decoding::KeyFrames } else { Decoding::All };
                let passage = gate.handle_picture(key, Duration::from_secs(behind), decoding);
                let decoded = passage == Passage::Decode;
                prop_assert!(!decoded || key || whole);
                whole = decoded && (key || whole);
            }
        }
    }
}
