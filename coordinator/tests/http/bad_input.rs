//! Hostile bodies: too large, too deep, too slow, or not what they say.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Coordinator, LOGIN, PASSWORD, models_home};

const GIGABYTE: usize = 1 << 30;

/// Memory of this process in MiB.
fn resident_mib() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    (pages * 4096) >> 20
}

async fn connect(c: &Coordinator) -> TcpStream {
    TcpStream::connect(c.api.trim_start_matches("http://"))
        .await
        .unwrap()
}

fn head(path: &str, content: &str, framing: &str) -> String {
    let basic = Coordinator::basic(LOGIN, PASSWORD);
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic}\r\nContent-Type: {content}\r\n{framing}\r\n\r\n"
    )
}

/// Sends `head` and then up to a gigabyte, until an answer comes; gives the answer.
async fn push(c: &Coordinator, head: String, chunked: bool) -> String {
    let mut stream = connect(c).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let feed = tokio::spawn(async move {
        let block = vec![b'x'; 1 << 16];
        for _ in 0..GIGABYTE / block.len() {
            let sent = if chunked {
                let framed = [b"10000\r\n", &block[..], b"\r\n"].concat();
                writer.write_all(&framed).await
            } else {
                writer.write_all(&block).await
            };
            if sent.is_err() {
                return;
            }
        }
    });
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(20), reader.read(&mut answer))
        .await
        .unwrap()
        .unwrap();
    feed.abort();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

#[tokio::test]
async fn a_gigabyte_is_refused_and_not_kept() {
    let c = Coordinator::start().await;
    c.get("getLists", "/6/lists").await.expect(200);
    let before = resident_mib();
    for (path, content) in [
        ("/6/lists", "application/json"),
        ("/6/images", "image/jpeg"),
    ] {
        let told = format!("Content-Length: {GIGABYTE}");
        for (framing, chunked) in [(told.as_str(), false), ("Transfer-Encoding: chunked", true)] {
            let answer = push(&c, head(path, content, framing), chunked).await;
            assert!(
                answer.starts_with("HTTP/1.1 413"),
                "{path} {framing}: {answer}"
            );
            assert!(answer.contains("37003"), "{answer}");
        }
    }
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 200, "memory grew by {grown} MiB");
    c.get("getLists", "/6/lists").await.expect(200);
    c.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let c = Coordinator::start_with(&[("limits.request_timeout", "300ms")]).await;
    let began = Instant::now();
    let mut stream = connect(&c).await;
    stream
        .write_all(head("/6/lists", "application/json", "Content-Length: 10").as_bytes())
        .await
        .unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("37002"),
        "{answer}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
    c.stop().await;
}

#[tokio::test]
async fn broken_json_is_told() {
    let c = Coordinator::start().await;
    let send = async |body: String| {
        let request = c
            .request(Method::POST, "/6/lists")
            .header("Content-Type", "application/json")
            .body(body);
        c.send("createList", request).await
    };
    let reply = send("{\"user_data\": ".to_owned())
        .await
        .refused(400, 12022);
    assert!(
        reply
            .detail()
            .contains("Path: '', message: 'invalid json at line 1"),
        "{}",
        reply.detail()
    );
    send(String::new()).await.refused(400, 12022);
    send("[]".to_owned()).await.refused(400, 12022);
    send(format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)))
        .await
        .refused(400, 12022);
    let wrong = c
        .request(Method::POST, "/6/lists")
        .header("Content-Type", "text/plain")
        .body("{}");
    c.send("createList", wrong).await.refused(400, 12017);
    c.send("createList", c.request(Method::POST, "/6/lists").body("{}"))
        .await
        .refused(400, 12017);
    c.stop().await;
}

/// A JPEG of a few hundred bytes whose header promises `width` x `height` pixels.
fn bomb(width: u16, height: u16) -> Vec<u8> {
    let mut picture = Vec::new();
    let pixels = vec![0u8; 16 * 16 * 3];
    let encoder = jpeg_encoder::Encoder::new(&mut picture, 80);
    encoder
        .encode(&pixels, 16, 16, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    let at = picture
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    picture[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    picture[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    picture
}

#[tokio::test]
async fn a_jpeg_bomb_is_refused() {
    let c = Coordinator::start().await;
    let before = resident_mib();
    for path in ["/6/images", "/6/samples/faces"] {
        let operation = if path == "/6/images" {
            "createImages"
        } else {
            "saveSample"
        };
        let request = c
            .request(Method::POST, path)
            .header("Content-Type", "image/jpeg")
            .body(bomb(30_000, 30_000));
        let reply = c.send(operation, request).await.refused(400, 18002);
        assert!(reply.detail().contains("30000x30000"), "{}", reply.detail());
        let garbage = c
            .request(Method::POST, path)
            .header("Content-Type", "image/jpeg")
            .body("garbage");
        c.send(operation, garbage).await.refused(400, 100033);
    }
    let small = c
        .request(Method::POST, "/6/samples/faces")
        .header("Content-Type", "image/jpeg")
        .body(bomb(16, 16));
    c.send("saveSample", small).await.refused(400, 11030);
    assert!(resident_mib().saturating_sub(before) < 200);
    c.stop().await;
    let Some(home) = models_home() else { return };
    let c = Coordinator::start_with(&[("models.home", home.to_str().unwrap())]).await;
    let request = c
        .request(Method::POST, "/6/detector")
        .header("Content-Type", "image/jpeg")
        .body(bomb(30_000, 30_000));
    let reply = c.send("detectFaces", request).await.expect(201);
    assert_eq!(reply.body["images"][0]["status"], 0);
    assert_eq!(reply.body["images"][0]["error"]["error_code"], 18002);
    c.stop().await;
}

#[tokio::test]
async fn odd_requests_leave_the_service_healthy() {
    let c = Coordinator::start().await;
    for text in [
        "GET / HTTP/1.1\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "POST /6/lists HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
    ] {
        let mut stream = connect(&c).await;
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = vec![0; 1024];
        let _ = tokio::time::timeout(Duration::from_secs(2), stream.read(&mut answer)).await;
    }
    let long = format!("/6/lists?page={}", "1".repeat(60_000));
    c.get("", &long).await.refused(400, 12012);
    c.post("createList", "/6/lists", json!({"user_data": "still here"}))
        .await
        .expect(201);
    c.stop().await;
}
