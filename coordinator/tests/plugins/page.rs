//! The whole coordinator with a plugin: `/6/plugins` and `/metrics` tell of it, and a wrong setting is
//! told before anything starts.

use std::path::Path;

use goshawk_coordinator::{
    app::App,
    config::{Config, PREFIX},
};
use goshawk_proto::settings::Problems;
use serde_json::{Value, json};

use crate::{
    broker::free_port,
    receiver::{SECRET, url},
};

fn config(dir: &Path, settings: &[(&str, &str)]) -> Result<Config, Problems> {
    let data = dir.join("data");
    let nowhere = dir.join("no-models");
    let base = [
        ("data_dir", data.to_str().unwrap()),
        ("models.home", nowhere.to_str().unwrap()),
        ("api.listen", "127.0.0.1:0"),
        ("sender.listen", "127.0.0.1:0"),
        ("handlers.listen", "127.0.0.1:0"),
        ("streams.listen", "127.0.0.1:0"),
        ("agents.listen", "127.0.0.1:0"),
        ("bootstrap.password", "a good password"),
        ("api.open_pages", "true"),
    ];
    let flags = base.iter().chain(settings);
    let flags = flags.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Config::load(PREFIX, None, [], flags).and_then(Config::check)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_tell_which_plugins_run() {
    let dir = tempfile::tempdir().unwrap();
    let away = url(free_port());
    let settings = [
        ("plugins.enabled", "webhook"),
        ("plugins.webhook.url", away.as_str()),
        ("plugins.webhook.secret", SECRET),
        ("plugins.webhook.accounts", "all"),
    ];
    let app = App::start(config(dir.path(), &settings).unwrap())
        .await
        .unwrap();
    let api = app.endpoints().api.clone();
    let page = reqwest::get(format!("{api}/6/plugins")).await.unwrap();
    let told: Value = serde_json::from_str(&page.text().await.unwrap()).unwrap();
    let expected = json!({"plugins": [
        {"name": "mqtt", "running": 0},
        {"name": "webhook", "running": 1},
        {"name": "influx", "running": 0},
    ]});
    assert_eq!(told, expected);
    let config = reqwest::get(format!("{api}/6/config")).await.unwrap();
    let shown = config.text().await.unwrap();
    let parsed: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(parsed["plugins"]["enabled"], "webhook");
    assert!(!shown.contains(SECRET) && !shown.contains(&away), "{shown}");
    app.stop().await;
}

#[test]
fn a_mistake_is_told_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let Problems(problems) = config(dir.path(), &[("plugins.enabled", "mqtt")]).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|p| p.key.as_str()).collect();
    assert_eq!(keys, ["plugins.mqtt.accounts", "plugins.mqtt.url"]);
}
