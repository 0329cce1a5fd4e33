//! When a live source may be decoded by its key frames alone.
//!
//! While nothing moves and nobody is there, the pictures between key frames tell nothing, and
//! decoding them is most of what an idle camera costs. Who enters is then seen at the next key frame
//! at the latest, and pictures in between come back with the one after it: a passage shorter than
//! two groups of pictures may be missed. That is for the operator to choose, so it is off unless a
//! time is set, and it is never done where key frames are so far apart that their absence would
//! look like a camera that hangs.

use std::time::Duration;

/// Key frames farther apart than this leave too much unseen.
pub const LONGEST_GROUP: Duration = Duration::from_secs(5);
/// A camera is taken for dead after `patience` without a picture: groups must be so many times
/// shorter.
const GROUPS_IN_PATIENCE: u32 = 3;

/// Whether only key frames are worth decoding: nothing has stirred for `calm`, the operator wants
/// it from `after` on (zero: never), and `group` from one key frame to the next is known and short
/// enough for what is waited for a picture, `patience`.
pub fn key_frames_suffice(
    calm: Duration,
    after: Duration,
    group: Option<Duration>,
    patience: Duration,
) -> bool {
    let short = |group: Duration| {
        group <= LONGEST_GROUP && group.saturating_mul(GROUPS_IN_PATIENCE) <= patience
    };
    !after.is_zero() && calm >= after && group.is_some_and(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn suffice(calm: u32, after: u32, group: Option<u32>, patience: u32) -> bool {
        let group = group.map(|seconds| SECOND * seconds);
        key_frames_suffice(SECOND * calm, SECOND * after, group, SECOND * patience)
    }

    #[test]
    fn only_a_calm_camera_with_short_groups_idles_where_it_is_wanted() {
        assert!(suffice(30, 30, Some(2), 10));
        assert!(!suffice(29, 30, Some(2), 10), "not calm for long enough");
        assert!(!suffice(1_000, 0, Some(2), 10), "not wanted");
        assert!(
            !suffice(1_000, 30, None, 10),
            "nobody knows when the next one comes"
        );
        assert!(
            !suffice(1_000, 30, Some(4), 10),
            "would look like a camera that hangs"
        );
        assert!(
            !suffice(1_000, 30, Some(6), 100),
            "too much would be missed"
        );
    }
}
