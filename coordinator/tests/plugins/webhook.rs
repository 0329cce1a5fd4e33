//! The webhook against a receiver that checks what it gets.

use std::time::Duration;

use goshawk_coordinator::plugins::State;
use serde_json::Value;

use crate::{
    broker::free_port,
    house::{House, STRANGER, sighting},
    receiver::{Receiver, SECRET, url},
};

fn settings<'a>(url: &'a str, account: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("plugins.enabled", "webhook"),
        ("plugins.webhook.url", url),
        ("plugins.webhook.secret", SECRET),
        ("plugins.webhook.accounts", account),
        ("plugins.webhook.attempts", "2"),
        ("plugins.webhook.timeout", "2s"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_signed_and_only_those_of_the_chosen_account() {
    let dir = tempfile::tempdir().unwrap();
    let (mut receiver, port) = Receiver::start("").await;
    let (url, account) = (url(port), crate::house::ACCOUNT.to_string());
    let house = House::open(dir.path(), &settings(&url, &account));
    let mut foreign = sighting();
    foreign.account_id = STRANGER;
    house.happens(foreign).await;
    let mut unkept = sighting();
    unkept.stored = false;
    house.happens(unkept).await;
    let id = house.happens(sighting()).await;
    let request = receiver.next().await;
    assert_eq!(request["id"], *id, "{request}");
    assert_eq!(request["signed"], true, "{request}");
    assert_eq!(request["type"], "application/json");
    let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["type"], "event.stored");
    assert_eq!(body["data"]["event"]["event_id"], *id);
    house
        .until("webhook", "delivered", |s| s.delivered == 1)
        .await;
    let page = house.metrics.page().unwrap();
    let line = "goshawk_coordinator_plugin_skipped_total{plugin=\"webhook\"} 1";
    assert!(page.contains(line), "{page}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_away_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let url = url(port);
    let house = House::open(dir.path(), &settings(&url, "all"));
    let mut ids = vec![house.happens(sighting()).await];
    house
        .until("webhook", "waiting", |s| {
            s.state == State::Waiting && s.running
        })
        .await;
    let error = house.status("webhook").last_error.unwrap().message;
    assert!(
        !error.contains("/hook"),
        "an address may hold a token: {error}"
    );
    for _ in 0..20 {
        ids.push(house.happens(sighting()).await);
    }
    // Back, at first overloaded.
    let mut receiver = Receiver::on(port, "503,503").await;
    receiver.all(&ids).await;
    receiver.stop().await;
    let later = house.happens(sighting()).await;
    house
        .until("webhook", "waiting", |s| s.state == State::Waiting)
        .await;
    let mut receiver = Receiver::on(port, "").await;
    receiver.all(&[later]).await;
    house
        .until("webhook", "done", |s| s.delivered == 22 && s.dead == 0)
        .await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_nobody_takes_is_given_up_and_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (mut receiver, port) = Receiver::start("poison=400").await;
    let url = url(port);
    let house = House::open(dir.path(), &settings(&url, "all"));
    let mut poison = sighting();
    poison.user_data = "poison".into();
    let poison = house.happens(poison).await;
    let id = house.happens(sighting()).await;
    let mut first = receiver.all(std::slice::from_ref(&id)).await;
    assert_eq!(first[&id], 1);
    house
        .until("webhook", "given up", |s| s.dead == 1 && s.delivered == 1)
        .await;
    house.stop().await;
    // What was given up stays given up over a restart.
    let house = House::open(dir.path(), &settings(&url, "all"));
    let later = house.happens(sighting()).await;
    let sent = receiver.all(std::slice::from_ref(&later)).await;
    assert!(
        !sent.contains_key(&id),
        "what was delivered is not sent again"
    );
    let tries = first.remove(&poison).unwrap_or(0) + sent.get(&poison).unwrap_or(&0);
    assert_eq!(tries, 2);
    house
        .until("webhook", "done", |s| s.delivered == 1 && s.dead == 0)
        .await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed_and_gone_is_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (mut receiver, port) = Receiver::start("302,200,410").await;
    let url = url(port);
    let house = House::open(dir.path(), &settings(&url, "all"));
    let id = house.happens(sighting()).await;
    let sent = receiver.all(std::slice::from_ref(&id)).await;
    assert_eq!(sent[&id], 2, "refused, then taken, both at the same path");
    house.happens(sighting()).await;
    house
        .until("webhook", "stopped", |s| s.state == State::Stopped)
        .await;
    let status = house.status("webhook");
    assert!(!status.running && status.last_error.is_some(), "{status:?}");
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_holds_up_neither_others_nor_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let (_hanging, port) = Receiver::start("hang").await;
    let (mut well, influx) = Receiver::start("").await;
    let (url, write) = (url(port), format!("http://127.0.0.1:{influx}/write"));
    let mut all = settings(&url, "all");
    all[0] = ("plugins.enabled", "webhook,influx");
    all.extend([
        ("plugins.webhook.timeout", "60s"),
        ("plugins.influx.url", write.as_str()),
        ("plugins.influx.accounts", "all"),
    ]);
    let house = House::open(dir.path(), &all);
    for _ in 0..200 {
        house.happens(sighting()).await;
    }
    house.until("influx", "done", |s| s.delivered == 200).await;
    assert_eq!(well.next().await["path"], "/write");
    assert_eq!(house.status("webhook").delivered, 0);
    let begun = std::time::Instant::now();
    house.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
}
