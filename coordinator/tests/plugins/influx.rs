//! The InfluxDB writer.

use crate::{
    house::{House, sighting},
    receiver::Receiver,
};

#[tokio::test(flavor = "multi_thread")]
async fn lines_arrive_in_batches_with_the_token_and_without_identities() {
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "t0ken\n").unwrap();
    let (mut server, port) = Receiver::start("503").await;
    let url = format!("http://127.0.0.1:{port}/api/v2/write?org=o&bucket=b");
    let house = House::open(
        dir.path(),
        &[
            ("plugins.enabled", "influx"),
            ("plugins.influx.url", &url),
            ("plugins.influx.token_file", token.to_str().unwrap()),
            ("plugins.influx.accounts", "all"),
        ],
    );
    for _ in 0..40 {
        house.happens(sighting()).await;
    }
    house
        .until("influx", "written", |s| s.delivered == 40)
        .await;
    let mut lines = 0;
    while lines < 40 {
        let request = server.next().await;
        assert_eq!(request["authorization"], "Token t0ken");
        assert_eq!(request["path"], "/api/v2/write?org=o&bucket=b");
        let body = request["body"].as_str().unwrap();
        assert!(!body.contains("Ada") && !body.contains("ada"), "{body}");
        if request["code"] == 200 {
            lines += body.lines().count();
        }
    }
    assert_eq!(lines, 40);
    house.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_refused_costs_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (_server, port) = Receiver::start("poison=400").await;
    let url = format!("http://127.0.0.1:{port}/write");
    let house = House::open(
        dir.path(),
        &[
            ("plugins.enabled", "influx"),
            ("plugins.influx.url", &url),
            ("plugins.influx.accounts", "all"),
        ],
    );
    let mut poison = sighting();
    poison.source = Some("poison".into());
    house.happens(sighting()).await;
    house.happens(poison).await;
    house.happens(sighting()).await;
    house
        .until("influx", "done", |s| s.delivered == 2 && s.dead == 1)
        .await;
    house.stop().await;
}
