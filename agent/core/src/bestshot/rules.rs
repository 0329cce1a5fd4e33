//! What is sent of a person, and when: the sending rules of one analysis.
//!
//! Faces are sent where the mode looks for them and the best shot type does not leave them out;
//! bodies likewise. In mode 3 the type says whether both go into one event or each into one of its
//! own. Whole frames are chosen in mode 3 alone, as the contract has it:
//!
//! * 1: the frame of the best face; 2: the frame of the best body;
//! * 3: one frame an event, that of the best face, or of the best body where there is no face;
//! * 4: one of each.
//!
//! In the other modes a frame belongs to what is looked for.

use goshawk_proto::stream::{
    Analytics, AnalyticsMode, PartSelection, PeriodUnit, PrimaryTrackPolicy,
};

use super::Span;

/// The sending rules of one analysis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SendRules {
    /// How long a best shot is searched.
    pub search: Span,
    /// How long nothing is collected after a sending.
    pub silence: Span,
    /// Face shots in one event; 0 when faces are not sent at all.
    pub faces: usize,
    /// Body shots in one event; 0 when bodies are not sent at all.
    pub bodies: usize,
    /// Faces and bodies of one person go into events of their own.
    pub separate: bool,
    /// Bodies are sent when all of `bodies` shots are there, and not before.
    pub full_set: bool,
    /// Body shots stay with their person once sent, so that the next event has the best so far.
    pub keep_bodies: bool,
    /// Waiting for a face near enough.
    pub primary: Option<PrimaryTrackPolicy>,
    /// Which whole frames are wanted.
    pub frames: FrameRules,
}

/// Which whole frames go along with an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameRules {
    /// That of the best face.
    pub faces: bool,
    /// That of the best body.
    pub bodies: bool,
    /// Of the two only the first one that there is, faces before bodies.
    pub one: bool,
}

impl SendRules {
    /// The rules of a contract's analysis. Waiting for a near face makes no sense of unrelated
    /// pictures (`stills`), which the contract leaves out.
    pub fn from_analytics(analytics: &Analytics, stills: bool) -> Self {
        let sending = &analytics.sending;
        let shots = &sending.bestshot_settings;
        // The selection concerns the joint mode; a mode for one part alone has said it all.
        let (faces, bodies) = match (analytics.mode, shots.part) {
            (AnalyticsMode::Faces, _) => (true, false),
            (AnalyticsMode::Bodies, _) => (false, true),
            (AnalyticsMode::Humans, PartSelection::FacesOnly) => (true, false),
            (AnalyticsMode::Humans, PartSelection::BodiesOnly) => (false, true),
            (AnalyticsMode::Humans, PartSelection::FacesWithBodies | PartSelection::Separately) => {
                (true, true)
            }
        };
        let count = |wanted: bool, n: u32| if wanted { n as usize } else { 0 };
        let policy = analytics.primary_track_policy;
        Self {
            search: span(sending.time_period_of_searching.0, sending.unit),
            silence: span(sending.silent_period, sending.unit),
            faces: count(faces, shots.face_bestshots_to_send),
            bodies: count(bodies, shots.body_bestshots_to_send),
            separate: analytics.mode == AnalyticsMode::Humans
                && shots.part == PartSelection::Separately,
            full_set: sending.body.send_only_full_set,
            keep_bodies: !sending.body.delete_track_after_sending,
            primary: (policy.use_primary_track_policy && !stills && faces).then_some(policy),
            frames: FrameRules::from_analytics(analytics),
        }
    }
}

impl FrameRules {
    fn from_analytics(analytics: &Analytics) -> Self {
        let (faces, bodies, one) = match (analytics.mode, analytics.sending.full_frame_settings) {
            (AnalyticsMode::Faces, _) => (true, false, true),
            (AnalyticsMode::Bodies, _) => (false, true, true),
            (AnalyticsMode::Humans, PartSelection::FacesOnly) => (true, false, true),
            (AnalyticsMode::Humans, PartSelection::BodiesOnly) => (false, true, true),
            (AnalyticsMode::Humans, PartSelection::FacesWithBodies) => (true, true, true),
            (AnalyticsMode::Humans, PartSelection::Separately) => (true, true, false),
        };
        Self { faces, bodies, one }
    }
}

fn span(length: i64, unit: PeriodUnit) -> Span {
    Span::new(length, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(mode: u8, kind: u8, frames: u8, stills: bool) -> SendRules {
        let analytics: Analytics = serde_json::from_value(serde_json::json!({
            "mode": mode,
            "event_handler": {"handler_id": "0b61258c-434f-45d6-964f-2131e58cd58c"},
            "primary_track_policy": {"use_primary_track_policy": true},
            "sending": {
                "bestshot_settings": {
                    "type": kind, "face_bestshots_to_send": 2, "body_bestshots_to_send": 3,
                },
                "full_frame_settings": frames,
            },
        }))
        .unwrap();
        SendRules::from_analytics(&analytics, stills)
    }

    #[test]
    fn modes_and_types_choose_the_parts() {
        for (mode, kind, faces, bodies, separate) in [
            (1, 2, 2, 0, false),
            (1, 4, 2, 0, false),
            (2, 1, 0, 3, false),
            (3, 1, 2, 0, false),
            (3, 2, 0, 3, false),
            (3, 3, 2, 3, false),
            (3, 4, 2, 3, true),
        ] {
            let rules = rules(mode, kind, 3, false);
            assert_eq!(
                (rules.faces, rules.bodies, rules.separate),
                (faces, bodies, separate),
                "mode {mode}, type {kind}"
            );
        }
    }

    #[test]
    fn frames_are_chosen_in_the_joint_mode_alone() {
        let frames = |mode, setting| {
            let rules = rules(mode, 3, setting, false).frames;
            (rules.faces, rules.bodies, rules.one)
        };
        for setting in 1..=4 {
            assert_eq!(frames(1, setting), (true, false, true));
            assert_eq!(frames(2, setting), (false, true, true));
        }
        assert_eq!(frames(3, 1), (true, false, true));
        assert_eq!(frames(3, 2), (false, true, true));
        assert_eq!(frames(3, 3), (true, true, true));
        assert_eq!(frames(3, 4), (true, true, false));
    }

    #[test]
    fn nobody_comes_near_in_pictures_and_without_faces() {
        assert!(rules(1, 3, 3, false).primary.is_some());
        assert!(rules(1, 3, 3, true).primary.is_none());
        assert!(rules(2, 3, 3, false).primary.is_none());
    }
}
