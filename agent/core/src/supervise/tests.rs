//! The contract's policies, told as stories, and what must hold whatever happens.

use proptest::prelude::*;

use super::*;

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn policy() -> SupervisePolicy {
    SupervisePolicy {
        max_error_count: 3,
        period: s(100),
        retry_delay: s(5),
        timeout: s(10),
        endless: true,
        restart: false,
        restart_attempts: 2,
        restart_delay: s(60),
    }
}

fn restarting() -> SupervisePolicy {
    SupervisePolicy {
        restart: true,
        max_error_count: 1,
        ..policy()
    }
}

/// Started at 0, first outputs taken.
fn started(policy: SupervisePolicy) -> Supervisor {
    let mut stream = Supervisor::new(1, policy, false);
    stream.handle_command(s(0), Command::Start);
    let outputs = drain(&mut stream);
    assert_eq!(
        outputs.first(),
        Some(&Output::Open {
            attempt: 1,
            version: 1
        })
    );
    stream
}

fn drain(stream: &mut Supervisor) -> Vec<Output> {
    std::iter::from_fn(|| stream.poll_output()).collect()
}

/// The names of the outputs, reports by their status.
fn told(stream: &mut Supervisor) -> Vec<String> {
    let name = |output| match output {
        Output::Open { attempt, .. } => format!("open {attempt}"),
        Output::Close => "close".into(),
        Output::Report(report) => format!("{:?}", report.status),
    };
    drain(stream).into_iter().map(name).collect()
}

#[test]
fn errors_are_retried_until_there_are_too_many_in_the_period() {
    let mut stream = started(policy());
    stream.handle_failed(s(1), FailureKind::Unreachable, 0.0);
    assert_eq!(told(&mut stream), ["close", "InProgress"]);
    assert_eq!(stream.poll_timeout(), Some(s(6)));
    stream.handle_timeout(s(6), 0.0);
    stream.handle_failed(s(7), FailureKind::Unreachable, 1.0);
    assert_eq!(
        stream.poll_timeout(),
        Some(s(13)),
        "jitter lengthens by a fifth"
    );
    stream.handle_timeout(s(13), 0.0);
    assert_eq!(told(&mut stream), ["open 2", "close", "open 3"]);
    stream.handle_failed(s(14), FailureKind::Unauthorized, 0.0);
    assert_eq!(told(&mut stream), ["close", "Failure"]);
    assert_eq!(stream.poll_timeout(), None);
    assert_eq!(
        stream.current_report().error,
        Some(FailureKind::Unauthorized)
    );
}

#[test]
fn old_errors_are_forgotten() {
    let mut stream = started(policy());
    for n in 0..10 {
        stream.handle_failed(s(n * 60), FailureKind::Truncated, 0.0);
        stream.handle_timeout(s(n * 60 + 5), 0.0);
        stream.handle_frame(s(n * 60 + 6));
        assert_eq!(stream.status(), StreamStatus::InProgress);
        assert_eq!(stream.current_report().error, None, "frames come again");
    }
}

#[test]
fn a_fatal_error_fails_at_once_and_denies_restarts() {
    let mut stream = started(restarting());
    stream.handle_failed(s(1), FailureKind::NotMedia, 0.0);
    assert_eq!(told(&mut stream), ["close", "Failure"]);
    assert_eq!(
        stream.current_report().restart.status,
        RestartStatus::Denied
    );
    assert_eq!(stream.poll_timeout(), None);
}

#[test]
fn restarts_are_counted_and_end() {
    let mut stream = started(restarting());
    for attempt in 1..=2 {
        let now = s(1_000 * attempt);
        stream.handle_failed(now, FailureKind::Unreachable, 0.0);
        assert_eq!(stream.status(), StreamStatus::Restart);
        stream.handle_timeout(now + s(60), 0.0);
        assert_eq!(stream.status(), StreamStatus::InProgress);
        assert_eq!(u64::from(stream.current_report().restart.attempt), attempt);
    }
    stream.handle_failed(s(3_000), FailureKind::Unreachable, 0.0);
    assert_eq!(stream.status(), StreamStatus::Failure);
    assert_eq!(
        stream.current_report().restart.status,
        RestartStatus::Failed
    );
}

#[test]
fn a_restart_that_holds_gives_all_attempts_back() {
    let mut stream = started(restarting());
    stream.handle_failed(s(0), FailureKind::Unreachable, 0.0);
    stream.handle_timeout(s(60), 0.0);
    stream.handle_frame(s(119));
    assert_eq!(
        stream.current_report().restart.status,
        RestartStatus::InProgress
    );
    stream.handle_frame(s(120));
    let restart = stream.current_report().restart;
    assert_eq!(
        (restart.status, restart.attempt),
        (RestartStatus::Enabled, 0)
    );
}

#[test]
fn a_source_that_stalls_is_torn_down() {
    let mut stream = started(policy());
    stream.handle_opened(s(2));
    stream.handle_frame(s(3));
    told(&mut stream);
    assert_eq!(
        stream.poll_timeout(),
        Some(s(18)),
        "time-out and grace after the last frame"
    );
    stream.handle_timeout(s(17), 0.0);
    assert_eq!(told(&mut stream), [] as [&str; 0]);
    stream.handle_timeout(s(18), 0.0);
    assert_eq!(told(&mut stream), ["close", "InProgress"]);
    assert_eq!(stream.current_report().error, Some(FailureKind::Stalled));
    assert_eq!(stream.current_report().counters.stalls, 1);
}

#[test]
fn files_are_done_and_an_endless_sources_end_is_an_error() {
    let mut file = started(SupervisePolicy {
        endless: false,
        ..policy()
    });
    file.handle_frame(s(1));
    file.handle_ended(s(2), 0.0);
    assert_eq!(told(&mut file), ["close", "Done"]);

    let mut live = started(policy());
    // Now and then, as when a camera starts anew: opened again for ever.
    for n in 0..20 {
        live.handle_frame(s(60 * n + 1));
        live.handle_ended(s(60 * n + 2), 0.0);
        assert_eq!(live.current_report().error, Some(FailureKind::Truncated));
        live.handle_timeout(s(60 * n + 7), 0.0);
        assert_eq!(live.status(), StreamStatus::InProgress);
    }
    let counters = live.current_report().counters;
    assert_eq!((counters.ended, counters.failures), (20, 20));
    // As often as makes a failure.
    for n in 0..3 {
        live.handle_frame(s(2000 + 10 * n));
        live.handle_ended(s(2001 + 10 * n), 0.0);
        live.handle_timeout(s(2006 + 10 * n), 0.0);
    }
    assert_eq!(live.status(), StreamStatus::Failure);
}

#[test]
fn an_endless_source_that_gives_no_frame_does_not_loop_for_ever() {
    let mut live = started(policy());
    for n in 0..3 {
        live.handle_ended(s(10 * n), 0.0);
        live.handle_timeout(s(10 * n + 5), 0.0);
    }
    assert_eq!(live.status(), StreamStatus::Failure);
}

#[test]
fn users_pause_resume_and_stop() {
    let mut stream = started(policy());
    stream.handle_command(s(1), Command::Pause);
    stream.handle_command(s(2), Command::Pause);
    assert_eq!(told(&mut stream), ["close", "Pause"]);
    stream.handle_failed(s(3), FailureKind::Other, 0.0);
    stream.handle_command(s(3), Command::Start);
    assert_eq!(
        told(&mut stream),
        [] as [&str; 0],
        "late news of a closed source"
    );
    stream.handle_command(s(4), Command::Resume);
    assert_eq!(told(&mut stream), ["open 1", "InProgress"]);
    stream.handle_command(s(5), Command::Stop);
    stream.handle_command(s(6), Command::Resume);
    stream.handle_command(s(6), Command::Pause);
    assert_eq!(told(&mut stream), ["close", "Cancel"]);
}

#[test]
fn a_newer_specification_is_taken_over_and_an_older_one_is_not() {
    let update = |version| Command::Update {
        version,
        policy: policy(),
    };
    let mut stream = started(policy());
    stream.handle_command(s(1), update(1));
    assert_eq!(told(&mut stream), [] as [&str; 0]);
    stream.handle_command(s(2), update(2));
    assert_eq!(
        drain(&mut stream),
        [
            Output::Close,
            Output::Open {
                attempt: 1,
                version: 2
            }
        ]
    );
    stream.handle_failed(s(3), FailureKind::NotMedia, 0.0);
    told(&mut stream);
    stream.handle_command(s(4), update(3));
    assert_eq!(
        told(&mut stream),
        ["open 1", "InProgress"],
        "a failed stream gets a new chance"
    );
    stream.handle_command(s(5), Command::Pause);
    told(&mut stream);
    stream.handle_command(s(6), update(4));
    assert_eq!(
        (stream.status(), stream.version()),
        (StreamStatus::Pause, 4)
    );
}

fn any_input() -> impl Strategy<Value = u8> {
    0u8..10
}

proptest! {
    /// Opens and closes alternate, and whatever is not idle has something to wait for.
    #[test]
    fn at_most_one_source_is_open(
        inputs in prop::collection::vec((any_input(), 0u64..40), 1..80),
        restart in any::<bool>(),
        endless in any::<bool>(),
    ) {
        let mut stream = Supervisor::new(1, SupervisePolicy { restart, endless, ..policy() }, false);
        let (mut now, mut open, mut version) = (s(0), false, 1);
        for (input, passed) in inputs {
            now += s(passed);
            match input {
                0 => stream.handle_command(now, Command::Start),
                1 => stream.handle_command(now, Command::Pause),
                2 => stream.handle_command(now, Command::Resume),
                3 => {
                    version += 1;
                    stream.handle_command(now, Command::Update { version, policy: policy() });
                }
                4 => stream.handle_opened(now),
                5 => stream.handle_frame(now),
                6 => stream.handle_ended(now, 0.3),
                7 => stream.handle_failed(now, FailureKind::Other, 0.7),
                8 => stream.handle_failed(now, FailureKind::NotMedia, 0.7),
                _ => stream.handle_timeout(now, 0.5),
            }
            for output in drain(&mut stream) {
                match output {
                    Output::Open { .. } => {
                        prop_assert!(!open, "opened twice");
                        open = true;
                    }
                    Output::Close => {
                        prop_assert!(open, "closed twice");
                        open = false;
                    }
                    Output::Report(_) => {}
                }
            }
            let idle = !matches!(stream.status(), StreamStatus::InProgress | StreamStatus::Restart);
            prop_assert_eq!(idle, stream.poll_timeout().is_none());
            prop_assert!(!(idle && open));
        }
    }
}
