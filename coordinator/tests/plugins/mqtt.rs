//! The MQTT publisher against Debian's broker.

use goshawk_coordinator::{
    blobs::{BlobKey, BlobKind, Blobs},
    plugins::State,
    store::StreamStore,
};
use goshawk_coordinator_core::stream::{NewStream, StreamRecord};
use goshawk_proto::{id::StreamId, time::Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::{
    broker::Broker,
    house::{ACCOUNT, House, STRANGER, STREAM, data_dir, now, sighting},
};

fn settings(url: &str) -> Vec<(&str, &str)> {
    vec![
        ("plugins.enabled", "mqtt"),
        ("plugins.mqtt.url", url),
        ("plugins.mqtt.accounts", "all"),
    ]
}

fn topic(end: &str) -> String {
    format!("goshawk/{ACCOUNT}/{STREAM}/{end}")
}

fn stream(id: StreamId, name: &str) -> StreamRecord {
    let data = json!({
        "type": "tcp",
        "reference": "rtsp://user:camera-secret@192.168.0.9/1",
        "analytics": [{"event_handler": {"handler_id": Uuid::from_u128(2)}}],
    });
    let new: NewStream =
        serde_json::from_value(json!({"account_id": ACCOUNT, "name": name, "data": data})).unwrap();
    StreamRecord::new(id, new, now())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_announced_and_its_events_arrive() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut broker) = Broker::prepare(dir.path(), "allow_anonymous true") else {
        return;
    };
    broker.start().await;
    let url = broker.url();
    let mut all = broker.subscribe("all").await;
    let mut house = House::open(dir.path(), &settings(&url));
    house
        .store
        .create_stream(&stream(STREAM, "Front door"))
        .unwrap();
    // Streams are looked for at every connection, and every 15 s.
    house.stop().await;
    house = House::open(dir.path(), &settings(&url));
    let config = all.next_of("/config").await;
    assert_eq!(
        config.topic,
        format!("homeassistant/device/goshawk_{STREAM}/config")
    );
    assert!(!config.payload.contains("camera-secret"));
    let config = config.json();
    assert_eq!(config["device"]["name"], "Front door");
    assert_eq!(
        config["components"]["last_person"]["state_topic"],
        topic("person")
    );
    assert_eq!(config["availability"][0]["topic"], "goshawk/status");

    let id = house.happens(sighting()).await;
    let person = all.next_of("/person").await;
    assert_eq!(
        (person.topic.as_str(), person.retained),
        (topic("person").as_str(), false)
    );
    assert_eq!(person.json()["name"], "Ada Lovelace");
    let event = all.next_of("/event").await;
    assert_eq!((event.topic, event.retained), (topic("event"), false));
    let event: serde_json::Value = serde_json::from_str(&event.payload).unwrap();
    assert_eq!(
        (event["event_type"].as_str(), event["event_id"].as_str()),
        (Some("recognized"), Some(id.as_str()))
    );
    house.until("mqtt", "delivered", |s| s.delivered == 1).await;

    // What happened long ago does not open a door.
    let mut old = sighting();
    old.end_time = Timestamp::from_unix_micros(now().unix_micros() - 120_000_000);
    let id = house.happens(old).await;
    let late = loop {
        let heard = all.next().await;
        assert!(
            !heard.topic.ends_with("/event") && !heard.topic.ends_with("/person"),
            "{heard:?}"
        );
        if heard.topic.ends_with("/late") {
            break heard;
        }
    };
    assert_eq!(late.json()["event_id"], *id);

    // A stream that goes while we are away is taken back when we return.
    house.stop().await;
    assert_eq!(all.next_of("goshawk/status").await.payload, "offline");
    let store_only = House::open(dir.path(), &[]);
    store_only.store.delete_stream(ACCOUNT, STREAM).unwrap();
    store_only.stop().await;
    let house = House::open(dir.path(), &settings(&url));
    assert_eq!(all.next_of("/config").await.payload, "");
    house.stop().await;

    // A newcomer finds what is retained, and nothing of anybody who was seen.
    let mut newcomer = broker.subscribe("newcomer").await;
    let heard = newcomer.next().await;
    assert_eq!(
        (heard.topic.as_str(), heard.retained),
        ("goshawk/status", true)
    );
    assert_eq!(heard.payload, "offline");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_misses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut broker) = Broker::prepare(dir.path(), "allow_anonymous true") else {
        return;
    };
    let url = broker.url();
    // The broker knows its subscriber before it goes away.
    broker.start().await;
    let mut all = broker.subscribe("all").await;
    broker.stop();
    let house = House::open(dir.path(), &settings(&url));
    let mut ids = vec![house.happens(sighting()).await];
    house
        .until("mqtt", "waiting", |s| {
            s.state == State::Waiting && s.running
        })
        .await;
    for _ in 0..100 {
        ids.push(house.happens(sighting()).await);
    }
    assert_eq!(house.status("mqtt").delivered, 0);
    broker.start().await;
    all.all_of("/event", &ids).await;
    for _ in 0..2 {
        broker.stop();
        let mut ids = Vec::new();
        for _ in 0..50 {
            ids.push(house.happens(sighting()).await);
        }
        house
            .until("mqtt", "waiting", |s| s.state == State::Waiting)
            .await;
        broker.start().await;
        all.all_of("/event", &ids).await;
    }
    house
        .until("mqtt", "done", |s| s.delivered == 201 && s.lost == 0)
        .await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_needed_where_the_broker_asks_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("passwords");
    let extra = format!("password_file {}\nallow_anonymous false", file.display());
    let Some(mut broker) = Broker::prepare(dir.path(), &extra) else {
        return;
    };
    let done = std::process::Command::new("mosquitto_passwd")
        .args(["-b", "-c", file.to_str().unwrap(), "goshawk", "right"])
        .status();
    assert!(done.unwrap().success());
    broker.start().await;
    let url = broker.url();
    let mut with = settings(&url);
    with.extend([
        ("plugins.mqtt.user", "goshawk"),
        ("plugins.mqtt.password", "wrong"),
    ]);
    let house = House::open(dir.path(), &with);
    house
        .until("mqtt", "refused", |s| s.state == State::Waiting)
        .await;
    let error = house.status("mqtt").last_error.unwrap().message;
    assert!(
        error.contains("refuses") && !error.contains("wrong,"),
        "{error}"
    );
    house.happens(sighting()).await;
    house.stop().await;
    with.pop();
    with.push(("plugins.mqtt.password", "right"));
    let house = House::open(dir.path(), &with);
    house.until("mqtt", "delivered", |s| s.delivered == 1).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_is_encrypted_where_the_address_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, certificate.cert.pem()).unwrap();
    std::fs::write(&key, certificate.signing_key.serialize_pem()).unwrap();
    let extra = format!(
        "allow_anonymous true\ncertfile {}\nkeyfile {}",
        cert.display(),
        key.display()
    );
    let Some(mut broker) = Broker::prepare(dir.path(), &extra) else {
        return;
    };
    broker.start().await;
    let url = format!("mqtts://localhost:{}", broker.port);
    // Nobody whom we trust knows this broker.
    let house = House::open(dir.path(), &settings(&url));
    house
        .until("mqtt", "refused", |s| s.state == State::Waiting)
        .await;
    let error = house.status("mqtt").last_error.unwrap().message;
    assert!(error.contains("certificate"), "{error}");
    house.happens(sighting()).await;
    house.stop().await;
    let mut with = settings(&url);
    with.push(("plugins.mqtt.ca_file", cert.to_str().unwrap()));
    let house = House::open(dir.path(), &with);
    house.until("mqtt", "delivered", |s| s.delivered == 1).await;
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_pictures_go_out_only_where_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut broker) = Broker::prepare(dir.path(), "allow_anonymous true") else {
        return;
    };
    broker.start().await;
    let url = broker.url();
    let mut all = broker.subscribe("all").await;
    let account = ACCOUNT.to_string();
    let mut quiet = settings(&url);
    quiet[2] = ("plugins.mqtt.accounts", &account);
    quiet.extend([
        ("plugins.mqtt.identities", "false"),
        ("plugins.mqtt.qos", "2"),
    ]);
    let house = House::open(dir.path(), &quiet);
    let mut foreign = sighting();
    foreign.account_id = STRANGER;
    house.happens(foreign).await;
    house.happens(sighting()).await;
    house.until("mqtt", "delivered", |s| s.delivered == 1).await;
    house.stop().await;
    loop {
        let heard = all.next().await;
        assert!(!heard.payload.contains("Ada") && !heard.topic.contains(&STRANGER.to_string()));
        assert!(!heard.topic.ends_with("/person") && !heard.topic.ends_with("/image"));
        if heard.payload == "offline" {
            break;
        }
    }
    let blobs = Blobs::open(&data_dir(dir.path()).join("blobs")).unwrap();
    let seen = sighting();
    let key = BlobKey {
        account: ACCOUNT,
        kind: BlobKind::FaceSample,
        id: seen.detections[0].face.as_ref().unwrap().sample_id.0,
    };
    let picture: &[u8] = b"\xff\xd8\xff\xe0 a picture";
    blobs
        .put(&key, bytes::Bytes::from_static(picture))
        .await
        .unwrap();
    let mut with = settings(&url);
    with.push(("plugins.mqtt.pictures", "true"));
    let house = House::open(dir.path(), &with);
    house.happens(seen).await;
    let image = all.next_of("/image").await;
    assert!(image.payload.ends_with("a picture"), "{image:?}");
    house.stop().await;
}
