//! The real binary: its settings, its signals, its events on disk.
#![allow(
    clippy::unwrap_used,
    reason = "tests may stop at the first thing that is not as it should be"
)]

mod machine;

use std::time::Duration;

use goshawk_proto::event::SendReason;
use machine::{Machine, clip, home};

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    let machine = Machine::new();
    std::fs::write(machine.path("a.toml"), "[outbox]\nmax_byte = '1GiB'\n").unwrap();
    let (code, text) =
        machine.output(&["run", "--config", machine.path("a.toml").to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("outbox.max_byte: unknown key; did you mean `outbox.max_bytes`?"),
        "{text}"
    );
}

#[test]
fn all_mistakes_are_told_at_once_and_no_secret_is() {
    let machine = Machine::new();
    let toml = "[coordinator]\njoin_token = 'hunter2'\n[detect]\nfps = 'many'\n[local]\nlisten = '0.0.0.0:1'\n";
    std::fs::write(machine.path("a.toml"), toml).unwrap();
    let (code, text) =
        machine.output(&["run", "--config", machine.path("a.toml").to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(text.contains("detect.fps"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let (code, text) = machine.output(&["run", "--coordinator.join_token", "hunter2"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("join token"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn without_a_token_the_first_start_says_what_to_do() {
    let machine = Machine::new();
    let (code, text) = machine.output(&["run"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("goshawk agents join-token"), "{text}");
}

#[test]
fn the_sample_settings_start_nothing_but_can_be_read() {
    let machine = Machine::new();
    let (code, text) = machine.output(&["config"]);
    assert_eq!(code, Some(0));
    assert!(
        text.contains("[outbox]") && text.contains("GOSHAWK_AGENT_OUTBOX_MAX_BYTES"),
        "{text}"
    );
}

#[test]
fn a_missing_model_pack_says_how_to_get_one() {
    let machine = Machine::new();
    machine.enrol();
    let (code, text) = machine.output(&["run", "--models.home", "/nonexistent"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("/nonexistent"), "{text}");
}

#[test]
fn what_is_no_video_is_said_without_the_password() {
    let Some(home) = home() else { return };
    let machine = Machine::new();
    std::fs::write(machine.path("a.mp4"), "this is no video").unwrap();
    let file = machine.path("a.mp4");
    let (code, text) = machine.output(&["analyze", file.to_str().unwrap(), "--models.home", &home]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("source"), "{text}");
    let camera = "rtsp://admin:hunter2@127.0.0.1:1/live";
    let (code, text) = machine.output(&[
        "analyze",
        camera,
        "--models.home",
        &home,
        "--streams.timeout",
        "2s",
    ]);
    assert_eq!(code, Some(1), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_clip_gives_an_event_a_visit_and_a_summary() {
    let (Some(home), Some(clip)) = (home(), clip()) else {
        return;
    };
    let machine = Machine::new();
    let (code, text) = machine.output(&[
        "analyze",
        &clip,
        "--models.home",
        &home,
        "--frames",
        "280",
        "--log.level",
        "error",
    ]);
    assert_eq!(code, Some(0), "{text}");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (summary, events) = lines.split_last().unwrap();
    // Each of the two people visits once in the clip's first eleven seconds.
    assert_eq!(events.len(), 2, "{text}");
    assert_eq!(summary["frames"], 280);
    let stages = summary["stages"].as_object().unwrap();
    let sum: f64 = stages
        .values()
        .map(|seconds| seconds.as_f64().unwrap())
        .sum();
    let total = summary["cpu_seconds"].as_f64().unwrap();
    assert!((sum - total).abs() < 0.05 * total, "{summary}");
}

#[test]
fn a_terminated_agent_keeps_what_it_saw_while_the_coordinator_was_away() {
    let (Some(home), Some(clip)) = (home(), clip()) else {
        return;
    };
    let machine = Machine::new();
    machine.enrol();
    machine.assign(&clip);
    let mut agent = machine.start(&["run", "--models.home", &home, "--shutdown.drain", "1s"]);
    agent.wait_for("/readyz", "\"models\":true");
    // Somebody is in the picture, and has been long enough to be a track.
    agent.wait_until("/metrics", |text| {
        let count = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split(' ').next_back()?.parse().ok())
                .unwrap_or(0)
        };
        count("goshawk_agent_tracks_open{") > 0 && count("goshawk_agent_faces_total{") > 5
    });
    agent.terminate();
    let (code, log) = agent.finish(Duration::from_secs(30));
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("events_left="), "{log}");
    assert!(
        !log.contains('\u{1b}'),
        "colours in a log that is no terminal: {log}"
    );
    let events = machine.events();
    assert!(
        events
            .iter()
            .any(|event| event.reason == SendReason::StreamEnd),
        "{log}"
    );
    for event in &events {
        assert!(log.contains(&event.event_id.to_string()), "{log}");
        assert!(event.faces[0].descriptor.is_some());
        assert!(
            event.faces[0]
                .warp
                .as_ref()
                .is_some_and(|warp| !warp.bytes.is_empty())
        );
        assert!(event.full_frame.is_some());
    }
}

#[test]
fn a_check_tells_all_mistakes_and_makes_nothing() {
    let machine = Machine::new();
    let toml = "[detect]\nfps = 'many'\nmin_face = 3\n[outbox]\nmax_byte = '1GiB'\n";
    std::fs::write(machine.path("a.toml"), toml).unwrap();
    let file = machine.path("a.toml");
    let args = [
        "check",
        "--config",
        file.to_str().unwrap(),
        "--models.home",
        "/nonexistent",
    ];
    let (code, text) = machine.output(&args);
    assert_eq!(code, Some(1), "{text}");
    for wrong in [
        "detect.fps",
        "detect.min_face",
        "outbox.max_byte",
        "models",
        "identity",
    ] {
        assert!(
            text.contains(&format!("WRONG  {wrong}: ")),
            "{wrong}: {text}"
        );
    }
    assert!(!machine.path("state").exists());
}

#[test]
fn a_check_of_a_machine_that_is_ready_is_right_until_it_asks_a_coordinator_that_is_away() {
    let Some(home) = home() else { return };
    let machine = Machine::new();
    machine.enrol();
    let (code, text) = machine.output(&["check", "--models.home", &home]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("with the checksums of their manifests"),
        "{text}"
    );
    let (code, text) = machine.output(&["check", "--models.home", &home, "--online"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("WRONG  coordinator: 127.0.0.1:9"), "{text}");
}

#[test]
fn the_service_manager_hears_of_the_start_of_life_and_of_the_end() {
    let Some(home) = home() else { return };
    let machine = Machine::new();
    machine.enrol();
    let path = machine.path("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let hear = || {
        let mut buffer = [0; 256];
        let read = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..read]).into_owned()
    };
    let environment = [
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "200000"),
    ];
    let agent = machine.start_with(&["run", "--models.home", &home], &environment);
    assert_eq!(hear(), "READY=1");
    let mut signs = 0;
    while signs < 3 {
        signs += u32::from(hear() == "WATCHDOG=1");
    }
    agent.terminate();
    while hear() != "STOPPING=1" {}
    let (code, log) = agent.finish(Duration::from_secs(30));
    assert_eq!(code, Some(0), "{log}");
}
