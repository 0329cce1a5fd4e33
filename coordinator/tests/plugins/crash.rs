//! Kill -9 while events happen: whatever was acknowledged to whoever stored it reaches the broker
//! and the webhook in the end.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    broker::{Broker, free_port},
    house::{House, sighting},
    receiver::{Receiver, SECRET, url},
};

/// Set for the process that is to be killed: its folder, the broker's address, the receiver's.
const CHILD: &str = "GOSHAWK_PLUGINS_CHILD";
const LIVES: usize = 5;

fn settings<'a>(broker: &'a str, hook: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("plugins.enabled", "mqtt,webhook"),
        ("plugins.mqtt.url", broker),
        ("plugins.mqtt.accounts", "all"),
        ("plugins.webhook.url", hook),
        ("plugins.webhook.secret", SECRET),
        ("plugins.webhook.accounts", "all"),
    ]
}

/// The process that is killed: no test of its own, so it does nothing unless told to.
#[tokio::test(flavor = "multi_thread")]
async fn child() {
    let Ok(told) = std::env::var(CHILD) else {
        return;
    };
    let [dir, broker, hook] = told.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{told}");
    };
    let house = House::open(Path::new(dir), &settings(broker, hook));
    let mut out = std::io::stdout();
    loop {
        let id = house.happens(sighting()).await;
        writeln!(out, "EVENT {id}").unwrap();
        out.flush().unwrap();
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// Lets a child live for a while; the events that it said are stored.
fn one_life(told: &str, life: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, told)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader = std::thread::spawn(move || {
        let lines = lines.map_while(Result::ok);
        let id = |line: String| Some(line.split_once("EVENT ")?.1.to_owned());
        lines
            .filter_map(id)
            .filter(|id| id.len() == 36)
            .collect::<Vec<_>>()
    });
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut broker) = Broker::prepare(dir.path(), "allow_anonymous true") else {
        return;
    };
    broker.start().await;
    let mut all = broker.subscribe("all").await;
    let port = free_port();
    let mut receiver = Receiver::on(port, "").await;
    let (mqtt, hook) = (broker.url(), url(port));
    let told = format!("{} {mqtt} {hook}", dir.path().display());
    let mut ids = Vec::new();
    for life in 0..LIVES {
        let told = told.clone();
        let life = Duration::from_millis(700 + 230 * life as u64);
        let lived = tokio::task::spawn_blocking(move || one_life(&told, life));
        ids.extend(lived.await.unwrap());
    }
    assert!(ids.len() > LIVES * 10, "only {} events happened", ids.len());
    let house = House::open(dir.path(), &settings(&mqtt, &hook));
    ids.push(house.happens(sighting()).await);
    let heard = all.all_of("/event", &ids).await;
    let sent = receiver.all(&ids).await;
    let twice: usize = sent.values().map(|times| times - 1).sum();
    println!(
        "{} events, {heard} messages until all were heard of, {twice} requests more than once",
        ids.len()
    );
    // Again after a crash, yes; again and again, no.
    assert!(sent.values().all(|times| *times <= LIVES + 1));
    for name in ["mqtt", "webhook"] {
        house
            .until(name, "done", |s| s.lost == 0 && s.dead == 0)
            .await;
    }
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_will_says_that_we_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut broker) = Broker::prepare(dir.path(), "allow_anonymous true") else {
        return;
    };
    broker.start().await;
    let mut all = broker.subscribe("all").await;
    let hook = url(free_port());
    let told = format!("{} {} {hook}", dir.path().display(), broker.url());
    let lived = tokio::task::spawn_blocking(move || one_life(&told, Duration::from_secs(6)));
    lived.await.unwrap();
    assert_eq!(all.next_of("goshawk/status").await.payload, "online");
    assert_eq!(all.next_of("goshawk/status").await.payload, "offline");
}
