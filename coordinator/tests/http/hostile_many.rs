//! Many connections: one client's never shut out another.

use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::{
    harness::Coordinator,
    hostile::{connect_from, counted, counts, rest},
};

const GET: &[u8] = b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Both ends of every connection are in this process.
fn allow_files(wanted: u64) -> bool {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|most| most >= wanted) {
        return true;
    }
    limit.current = limit.maximum;
    let raised = setrlimit(Resource::Nofile, limit).is_ok();
    let is_enough = raised && limit.current.is_none_or(|most| most >= wanted);
    if !is_enough {
        println!("SKIPPED: fewer than {wanted} files may be open");
    }
    is_enough
}

/// Asks for the version; how long that took.
async fn served(service: &str, local: &str) -> Duration {
    let began = Instant::now();
    let mut stream = connect_from(service, local).await;
    stream.write_all(GET).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    began.elapsed()
}

fn of_api(name: &str) -> String {
    format!("goshawk_coordinator_http_{name}{{service=\"api\"}}")
}

#[tokio::test]
async fn two_thousand_idle_connections_of_one_address_keep_nobody_out() {
    if !allow_files(6000) {
        return;
    }
    let c = Coordinator::start().await;
    served(&c.api, "127.0.0.1").await;
    let mut held = Vec::new();
    for _ in 0..2000 {
        held.push(connect_from(&c.api, "127.0.0.66").await);
    }
    let took = served(&c.api, "127.0.0.77").await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    counts(&c, &of_api("connections_refused_total"), 2000 - 256).await;
    let open = counted(&c, &of_api("connections")).await;
    assert!((256..300).contains(&open), "{open}");
    assert_eq!(counted(&c, &of_api("connections_waits_total")).await, 0);
    // What was too many was closed, and when the rest goes the address may come again.
    let mut last = held.pop().unwrap();
    assert_eq!(rest(&mut last).await, "");
    drop(held);
    let began = Instant::now();
    while counted(&c, &of_api("connections")).await > 8 {
        assert!(began.elapsed().as_secs() < 10);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    served(&c.api, "127.0.0.66").await;
    c.stop().await;
}

#[tokio::test]
async fn when_all_connections_are_taken_the_next_waits_for_one_that_idles() {
    let settings = [
        ("limits.connections", "8"),
        ("limits.request_timeout", "700ms"),
    ];
    let c = Coordinator::start_with(&settings).await;
    let mut held = Vec::new();
    for at in 0..8 {
        held.push(connect_from(&c.api, &format!("127.0.1.{at}")).await);
    }
    let took = served(&c.api, "127.0.0.1").await;
    assert!((100..5000).contains(&took.as_millis()), "{took:?}");
    counts(&c, &of_api("connections_waits_total"), 1).await;
    c.stop().await;
}

/// A connection with small buffers, whose answers are not read.
async fn unread(service: &str, requests: usize) -> TcpStream {
    let address = service.trim_start_matches("http://").parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let one = b"GET /docs/errors HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(&one.repeat(requests)).await.unwrap();
    stream
}

#[tokio::test]
async fn clients_that_do_not_read_are_cut() {
    let c = Coordinator::start_with(&[("limits.send_timeout", "500ms")]).await;
    let began = Instant::now();
    let mut stream = unread(&c.api, 1500).await;
    let line =
        "goshawk_coordinator_http_connections_ended_total{service=\"api\",end=\"slow_reader\"}";
    counts(&c, line, 1).await;
    assert!(began.elapsed() >= Duration::from_millis(500));
    // What had been sent is there, then it ends.
    let mut sink = vec![0; 1 << 20];
    while let Ok(1..) = stream.read(&mut sink).await {}
    // Who reads slowly but reads is not cut.
    let mut slow = unread(&c.api, 60).await;
    let mut all = 0;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        all += slow.read(&mut sink).await.unwrap();
    }
    assert!(all > 0);
    assert_eq!(counted(&c, line).await, 1);
    c.stop().await;
}
