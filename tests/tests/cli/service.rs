//! The coordinator itself, asked with and without credentials.

use crate::rig::Desk;

#[test]
fn what_is_open_needs_no_login() {
    let desk = Desk::open();
    let url = desk.coordinator.api.endpoints.api.clone();
    let version = desk.json(&["--url", &url, "service", "version"]);
    assert_eq!(version["LUNA PLATFORM"]["major"], 5);
    let metrics = desk.run(&["--url", &url, "service", "metrics"]).exits(0);
    assert!(metrics.out.contains("# TYPE"), "{metrics:?}");
    let spec = desk
        .run(&["--url", &url, "spec", "--out", "api.yaml"])
        .exits(0);
    assert!(spec.out.is_empty(), "{spec:?}");
    let spec = std::fs::read_to_string(desk.folder().join("api.yaml")).unwrap();
    assert!(spec.contains("/6/lists/{list_id}"));
    let page = desk.run(&["--url", &url, "spec", "--html"]).exits(0);
    assert!(page.out.to_lowercase().contains("<html"), "{page:?}");
}

#[test]
fn settings_features_and_plugins_are_shown() {
    let desk = Desk::with_login();
    let features = desk.json(&["service", "features"]);
    assert!(features["components"]["events"].is_boolean(), "{features}");
    assert!(desk.json(&["service", "plugins"]).is_array());
    let config = desk.json(&["service", "config"]);
    assert!(config.is_object());
    let text = desk.run(&["service", "config", "--text"]).exits(0).out;
    for shown in [config.to_string(), text] {
        assert!(!shown.contains("correct horse"), "the password is hidden");
    }
    for service in ["api", "streams"] {
        desk.run(&["service", "version", "--of", service]).exits(0);
        desk.run(&["service", "metrics", "--of", service]).exits(0);
        desk.run(&["service", "config", "--of", service]).exits(0);
    }
}

#[test]
fn what_is_not_well_is_named() {
    let desk = Desk::without_models();
    let url = desk.coordinator.api.endpoints.api.clone();
    let ran = desk.run(&["--url", &url, "service", "health"]).exits(1);
    assert!(ran.err.contains("models: no model pack"), "{ran:?}");
}

#[test]
fn a_coordinator_that_ended_is_unreachable() {
    let mut desk = Desk::with_login();
    desk.run(&["whoami"]).exits(0);
    desk.coordinator.daemon().kill9().unwrap();
    desk.run(&["whoami"]).exits(3);
    desk.coordinator.restart().unwrap();
    desk.run(&["whoami"]).exits(0);
}
