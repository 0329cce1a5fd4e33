//! Mistakes in the plugins' settings are told by key; nothing leaves without an account being named.

use super::*;
use crate::config::PREFIX;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn load(pairs: &[(&str, &str)]) -> Result<PluginSettings, Vec<String>> {
    let flags = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let keys = |problems: &[Problem]| problems.iter().map(|p| p.key.clone()).collect();
    match Config::load(PREFIX, None, [], flags).and_then(Config::check) {
        Ok(config) => PluginSettings::read(&config).map_err(|problems| keys(&problems)),
        Err(problems) => Err(keys(&problems.0)),
    }
}

#[track_caller]
fn refused(pairs: &[(&str, &str)], keys: &[&str]) {
    assert_eq!(load(pairs).unwrap_err(), keys, "{pairs:?}");
}

#[test]
fn nothing_runs_by_default() {
    let all = load(&[]).unwrap();
    assert!(all.mqtt.is_none() && all.webhook.is_none() && all.influx.is_none());
}

#[test]
fn no_account_is_chosen_by_leaving_it_out() {
    refused(
        &[
            ("plugins.enabled", "mqtt"),
            ("plugins.mqtt.url", "mqtt://broker"),
        ],
        &["plugins.mqtt.accounts"],
    );
    refused(
        &[("plugins.enabled", "mqtt,webhook,influx,tape")],
        &[
            "plugins.enabled",
            "plugins.mqtt.accounts",
            "plugins.mqtt.url",
            "plugins.webhook.accounts",
            "plugins.webhook.url",
            "plugins.webhook.secret",
            "plugins.influx.accounts",
            "plugins.influx.url",
        ],
    );
}

#[test]
fn a_broker_is_read_from_its_url() {
    let with = |url| {
        load(&[
            ("plugins.enabled", "mqtt"),
            ("plugins.mqtt.accounts", "all"),
            ("plugins.mqtt.url", url),
        ])
        .map(|all| all.mqtt.map(|m| (m.host, m.port, m.tls)).unwrap())
    };
    assert_eq!(with("mqtt://broker"), Ok(("broker".into(), 1883, false)));
    assert_eq!(with("mqtts://[::1]:1/"), Ok(("::1".into(), 1, true)));
    for bad in [
        "http://broker",
        "mqtt://",
        "mqtt://b/x",
        "mqtt://me:pw@b",
        "b",
    ] {
        assert_eq!(with(bad), Err(vec!["plugins.mqtt.url".to_owned()]), "{bad}");
    }
}

#[test]
fn http_receivers_are_bounded_in_where_they_are() {
    let with = |url, addresses| {
        load(&[
            ("plugins.enabled", "webhook"),
            ("plugins.webhook.accounts", "all"),
            ("plugins.webhook.secret", SECRET),
            ("plugins.webhook.addresses", addresses),
            ("plugins.webhook.url", url),
        ])
        .map(|all| all.webhook.unwrap().target.reach)
    };
    assert_eq!(with("https://a.example/hook", "any"), Ok(Reach::Any));
    assert_eq!(with("http://a.example/hook", "any"), Ok(Reach::Private));
    let refused = Err(vec!["plugins.webhook.url".to_owned()]);
    assert_eq!(with("http://1.1.1.1/", "any"), refused);
    assert_eq!(with("https://169.254.169.254/", "any"), refused);
    assert_eq!(with("https://10.0.0.1/", "public"), refused);
    assert_eq!(with("https://[fd00::1]/", "public"), refused);
    assert_eq!(with("https://u:p@a.example/", "any"), refused);
    assert_eq!(with("ftp://a.example/", "any"), refused);
}

#[test]
fn weak_keys_and_odd_numbers_are_refused() {
    refused(
        &[
            ("plugins.enabled", "mqtt,webhook"),
            ("plugins.mqtt.accounts", "all"),
            ("plugins.mqtt.url", "mqtt://broker"),
            ("plugins.mqtt.qos", "3"),
            ("plugins.mqtt.topic", "a/#"),
            ("plugins.mqtt.client_id", "a b"),
            ("plugins.mqtt.password", "x"),
            ("plugins.webhook.accounts", "all"),
            ("plugins.webhook.url", "https://a.example/"),
            ("plugins.webhook.secret", "secret"),
            ("plugins.webhook.attempts", "0"),
            ("plugins.webhook.concurrency", "0"),
        ],
        &[
            "plugins.mqtt.topic",
            "plugins.mqtt.qos",
            "plugins.mqtt.client_id",
            "plugins.mqtt.user",
            "plugins.webhook.secret",
            "plugins.webhook.concurrency",
            "plugins.webhook.attempts",
        ],
    );
}

#[test]
fn secrets_do_not_show() {
    let all = load(&[
        ("plugins.enabled", "webhook,influx"),
        ("plugins.webhook.accounts", "all"),
        ("plugins.webhook.url", "https://a.example/hook-token"),
        ("plugins.webhook.secret", SECRET),
        ("plugins.influx.accounts", "all"),
        ("plugins.influx.url", "https://a.example/write?p=hook-token"),
        ("plugins.influx.token", "hook-token"),
    ]);
    let shown = format!("{:?}", all.unwrap());
    assert!(
        !shown.contains("hook-token") && !shown.contains(SECRET),
        "{shown}"
    );
}
