//! Tests of the stream state machine.

use goshawk_proto::id::AgentId;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::testing::{seconds, stream};
use StreamStatus as S;

const ONE: AgentId = AgentId(Uuid::from_u128(1));
const TWO: AgentId = AgentId(Uuid::from_u128(2));

fn report(agent: AgentId, version: u64, status: S) -> Input {
    Input::Report {
        agent,
        version,
        status,
        error: None,
        fatal: false,
        video: None,
    }
}

#[test]
fn a_stream_runs_loses_its_agent_and_moves_to_another() {
    let mut s = stream(1, "rtsp://cam/1");
    assert_eq!(s.state.status, S::Pending);
    s.apply(seconds(0), Input::Assigned(Some(ONE)));
    s.apply(seconds(1), report(ONE, 1, S::InProgress));
    assert_eq!(s.state.status, S::InProgress);
    s.apply(seconds(2), Input::AgentLost(ONE));
    assert_eq!(s.state.status, S::HandlerLost);
    assert!(
        !s.apply(seconds(16), Input::Tick),
        "within the grace the agent keeps it"
    );
    assert_eq!(s.state.agent, Some(ONE));
    assert!(s.apply(seconds(17), Input::Tick));
    assert_eq!(s.state.agent, None);
    s.apply(seconds(18), Input::Assigned(Some(TWO)));
    assert_eq!(s.state.status, S::Pending);
    assert!(
        !s.apply(seconds(19), report(ONE, 1, S::InProgress)),
        "the old agent has no say"
    );
    s.apply(seconds(20), report(TWO, 1, S::InProgress));
    assert_eq!(s.state.status, S::InProgress);
}

#[test]
fn a_replaced_stream_stays_with_its_agent_and_remembers_the_others() {
    let mut s = stream(1, "rtsp://cam/1");
    s.apply(seconds(0), Input::Assigned(Some(ONE)));
    s.apply(seconds(1), Input::Assigned(None));
    s.apply(seconds(2), Input::Assigned(Some(TWO)));
    s.replace(crate::testing::new_stream("rtsp://cam/2"));
    assert_eq!((s.state.agent, s.version), (Some(TWO), 2));
    assert!(s.was_held_by(ONE) && s.was_held_by(TWO));
    let mut paused = crate::testing::new_stream("rtsp://cam/2");
    paused.status = crate::stream::StartStatus::Pause;
    s.replace(paused);
    assert_eq!(s.state.agent, None);
    assert!(s.was_held_by(TWO));
}

#[test]
fn an_agent_that_comes_back_in_time_goes_on() {
    let mut s = stream(1, "rtsp://cam/1");
    s.apply(seconds(0), Input::Assigned(Some(ONE)));
    s.apply(seconds(1), report(ONE, 1, S::InProgress));
    s.apply(seconds(2), Input::AgentLost(ONE));
    s.apply(seconds(5), report(ONE, 1, S::InProgress));
    assert_eq!(s.state.status, S::InProgress);
    assert!(!s.apply(seconds(60), Input::Tick));
}

#[test]
fn a_report_on_an_old_version_says_nothing() {
    let mut s = stream(1, "rtsp://cam/1");
    s.apply(seconds(0), Input::Assigned(Some(ONE)));
    s.version = 2;
    assert!(!s.apply(seconds(1), report(ONE, 1, S::Failure)));
}

#[test]
fn without_automatic_restart_a_failure_is_final() {
    let mut s = stream(1, "rtsp://cam/1");
    s.apply(seconds(0), Input::Assigned(Some(ONE)));
    let error = Some("no route to host".to_owned());
    let failure = Input::Report {
        agent: ONE,
        version: 1,
        status: S::Failure,
        error,
        fatal: false,
        video: None,
    };
    s.apply(seconds(1), failure);
    assert_eq!(s.state.status, S::Failure);
    assert_eq!(s.state.last_error.as_deref(), Some("no route to host"));
    assert!(!s.wants_agent());
    s.apply(seconds(2), Input::Resume);
    assert_eq!((s.state.status, s.state.last_error), (S::Pending, None));
}

#[test]
fn automatic_restart_gives_up_after_its_attempts() {
    let mut s = stream(1, "rtsp://cam/1");
    s.autorestart.restart = 1;
    s.autorestart.attempt_count = 2;
    s.autorestart.delay = 10;
    s.apply(seconds(0), Input::Assigned(Some(ONE)));
    s.apply(seconds(1), report(ONE, 1, S::Failure));
    assert_eq!(
        (s.state.status, s.state.restart_attempt, s.version),
        (S::Restart, 1, 2)
    );
    s.apply(seconds(5), report(ONE, 2, S::Failure));
    assert_eq!(
        s.state.restart_attempt, 1,
        "the attempt has its delay to succeed"
    );
    s.apply(seconds(11), report(ONE, 2, S::Failure));
    assert_eq!((s.state.restart_attempt, s.version), (2, 3));
    s.apply(seconds(30), report(ONE, 3, S::Failure));
    assert_eq!(s.state.status, S::Failure);
    assert_eq!(s.state.restart_status, RestartStatus::Failed);
}

#[test]
fn a_fatal_failure_is_not_restarted() {
    let mut s = stream(1, "rtsp://cam/1");
    s.autorestart.restart = 1;
    s.apply(seconds(0), Input::Assigned(Some(ONE)));
    let fatal = Input::Report {
        agent: ONE,
        version: 1,
        status: S::Failure,
        error: None,
        fatal: true,
        video: None,
    };
    s.apply(seconds(1), fatal);
    assert_eq!(
        (s.state.status, s.state.restart_status),
        (S::Failure, RestartStatus::Denied)
    );
}

fn inputs() -> impl Strategy<Value = Input> {
    let agent = prop_oneof![Just(ONE), Just(TWO)];
    let status = prop_oneof![
        Just(S::Pending),
        Just(S::InProgress),
        Just(S::Done),
        Just(S::Restart),
        Just(S::Failure),
        Just(S::HandlerLost),
    ];
    prop_oneof![
        prop::option::of(agent.clone()).prop_map(Input::Assigned),
        (agent.clone(), 1u64..3, status, any::<bool>()).prop_map(
            |(agent, version, status, fatal)| {
                Input::Report {
                    agent,
                    version,
                    status,
                    error: Some("e".into()),
                    fatal,
                    video: None,
                }
            }
        ),
        agent.prop_map(Input::AgentLost),
        Just(Input::Pause),
        Just(Input::Cancel),
        Just(Input::Resume),
        Just(Input::Tick),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_state_makes_sense(
        steps in prop::collection::vec((0i64..30, inputs()), 0..60),
        restart in 0u8..2,
    ) {
        let mut s = stream(1, "rtsp://cam/1");
        s.autorestart.restart = restart;
        s.autorestart.attempt_count = 2;
        let (mut now, mut version) = (0, s.version);
        for (pause, input) in steps {
            now += pause;
            s.apply(seconds(now), input);
            prop_assert!(s.version >= version, "versions never fall");
            version = s.version;
            if s.state.status == S::InProgress {
                prop_assert!(s.state.agent.is_some(), "somebody works on it");
            }
            if !s.wants_agent() {
                prop_assert_eq!(s.state.agent, None);
                prop_assert_eq!(s.state.wait_for_agent_until, None);
            }
            prop_assert!(s.state.restart_attempt <= 2);
            prop_assert!(s.state.agent.is_none_or(|agent| s.was_held_by(agent)));
            prop_assert!(s.state.holders.is_sorted());
        }
    }
}
