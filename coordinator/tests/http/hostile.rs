//! Requests that no honest client sends, over raw sockets: each gets an answer or a clean end,
//! and the service goes on.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::harness::{Coordinator, LOGIN, PASSWORD};

/// A connection to a service (as `http://address`) from an address of this machine.
pub async fn connect_from(service: &str, local: &str) -> TcpStream {
    let address = service.rsplit('/').next().unwrap().parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{local}:0").parse().unwrap()).unwrap();
    socket.connect(address).await.unwrap()
}

/// Everything that comes until the other side closes.
pub async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut all));
    // A reset after an early answer is an end as well.
    let _ = read.await.expect("the connection stays open");
    String::from_utf8_lossy(&all).into_owned()
}

/// Sends `bytes` and gives everything that comes back until the other side closes.
pub async fn talk(service: &str, bytes: &[u8]) -> String {
    let mut stream = connect_from(service, "127.0.0.1").await;
    // The answer may come, and the connection end, before all is sent.
    let _ = stream.write_all(bytes).await;
    rest(&mut stream).await
}

/// A request that asks to close, with the administrator's credentials.
pub fn request(line: &str, headers: &str) -> String {
    let basic = Coordinator::basic(LOGIN, PASSWORD);
    format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {basic}\r\n{headers}\r\n"
    )
}

/// The value of a line on the metrics page.
pub async fn counted(c: &Coordinator, line: &str) -> u64 {
    let page = c.get("", "/metrics").await.expect(200);
    let page = String::from_utf8(page.bytes).unwrap();
    let value = page.lines().find_map(|have| have.strip_prefix(line));
    value.map_or(0, |value| value.trim().parse().unwrap())
}

/// Waits until a line on the metrics page has at least some value.
pub async fn counts(c: &Coordinator, line: &str, least: u64) {
    let began = Instant::now();
    while counted(c, line).await < least {
        assert!(began.elapsed().as_secs() < 10, "{line} stays under {least}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn ended(end: &str) -> String {
    format!("goshawk_coordinator_http_connections_ended_total{{service=\"api\",end=\"{end}\"}}")
}

#[tokio::test]
async fn heads_that_drip_are_told_and_silence_is_ended() {
    let c = Coordinator::start_with(&[("limits.request_timeout", "1s")]).await;
    let mut silent = connect_from(&c.api, "127.0.0.1").await;
    let mut slow = connect_from(&c.api, "127.0.0.1").await;
    let began = Instant::now();
    let drip = async {
        slow.write_all(b"GET /version HTTP/1.1\r\n").await.unwrap();
        for _ in 0..100 {
            if slow.write_all(b"X").await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        rest(&mut slow).await
    };
    let honest = async {
        let began = Instant::now();
        c.get("getVersion", "/version").await.expect(200);
        assert!(began.elapsed().as_millis() < 500);
    };
    let (answer, nothing, ()) = tokio::join!(drip, rest(&mut silent), honest);
    assert!(began.elapsed().as_secs() < 8);
    assert_eq!(nothing, "");
    // What arrives after the answer may reset the connection before it is read.
    if !answer.is_empty() {
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        let lower = answer.to_lowercase();
        for part in [
            "\"error_code\":37002",
            "luna-request-id: ",
            "access-control-allow-origin: *",
        ] {
            assert!(lower.contains(part), "{part}: {answer}");
        }
    }
    counts(&c, &ended("slow_head"), 1).await;
    counts(&c, &ended("idle"), 1).await;
    // One that stops in the middle and listens reads the whole answer.
    let mut stopped = connect_from(&c.api, "127.0.0.1").await;
    stopped.write_all(b"GET /version HTT").await.unwrap();
    let answer = rest(&mut stopped).await;
    assert!(answer.contains("within 1 seconds"), "{answer}");
    c.stop().await;
}

#[tokio::test]
async fn bodies_that_drip_are_given_up() {
    let c = Coordinator::start_with(&[("limits.request_timeout", "500ms")]).await;
    let began = Instant::now();
    for framing in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
        let head = request(
            "POST /6/lists",
            &format!("Content-Type: application/json\r\n{framing}\r\n"),
        );
        let mut stream = connect_from(&c.api, "127.0.0.1").await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let drip = async {
            let piece: &[u8] = match framing.starts_with('C') {
                true => b" ",
                false => b"1\r\n \r\n",
            };
            while writer.write_all(piece).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        };
        let mut answer = vec![0; 4096];
        let read = tokio::select! {
            read = reader.read(&mut answer) => read.unwrap(),
            () = drip => 0,
        };
        let answer = String::from_utf8_lossy(&answer[..read]);
        assert!(answer.starts_with("HTTP/1.1 408"), "{framing}: {answer}");
        assert!(answer.contains("37002"), "{answer}");
    }
    assert!(began.elapsed().as_secs() < 8);
    c.stop().await;
}

#[tokio::test]
async fn floods_of_headers_and_endless_targets_are_refused() {
    let c = Coordinator::start().await;
    let many: String = (0..500).map(|at| format!("X-{at}: y\r\n")).collect();
    let answer = talk(&c.api, request("GET /version", &many).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let million = "x".repeat(1 << 20);
    for text in [
        request("GET /version", &format!("X-Long: {million}\r\n")),
        request(&format!("GET /version?a={million}"), ""),
        request(&format!("GET /{million}"), ""),
        format!("{million}\r\n\r\n"),
    ] {
        let began = Instant::now();
        let answer = talk(&c.api, text.as_bytes()).await;
        // The refusal may be lost where the client goes on sending.
        let refused = ["", "HTTP/1.1 431", "HTTP/1.1 414", "HTTP/1.1 400"];
        let status = &answer[..answer.len().min(12)];
        assert!(refused.contains(&status), "{answer}");
        assert!(began.elapsed().as_secs() < 5);
    }
    counts(&c, &ended("bad_request"), 2).await;
    // What fits is looked at.
    let path = format!("GET /6/{}", "x".repeat(50_000));
    let answer = talk(&c.api, request(&path, "").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    for pair in ["a=1&", "page=1&", "%00&", "=&"] {
        let began = Instant::now();
        let line = format!("GET /6/lists?{}", pair.repeat(10_000));
        let answer = talk(&c.api, request(&line, "").as_bytes()).await;
        let status = &answer[..12];
        assert!(
            ["HTTP/1.1 200", "HTTP/1.1 400"].contains(&status),
            "{pair}: {answer}"
        );
        assert!(began.elapsed().as_secs() < 2, "{pair}");
    }
    c.get("getVersion", "/version").await.expect(200);
    c.stop().await;
}

#[tokio::test]
async fn what_is_no_http_is_ended() {
    let c = Coordinator::start_with(&[("limits.request_timeout", "500ms")]).await;
    let noise: Vec<u8> = (0..4096_u32)
        .map(|at| (at * 2_654_435_761_u32 >> 24) as u8)
        .collect();
    let cases: [&[u8]; 12] = [
        b"GET /version\r\n\r\n",
        b"GET /version HTTP/3.0\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n",
        b"GET /ver sion HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /version HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /version HTTP/1.1\r\nX: a\0b\r\n\r\n",
        b"GET /version HTTP/1.1\r\n folded\r\n\r\n",
        b"POST /6/lists HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /6/lists HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"G\xc3\x84T /version HTTP/1.1\r\nHost: x\r\n\r\n",
        &noise,
    ];
    for bytes in cases {
        let answer = talk(&c.api, bytes).await;
        let status = &answer[..answer.len().min(12)];
        assert!(
            ["", "HTTP/1.1 400", "HTTP/1.1 408"].contains(&status),
            "{:?}: {answer}",
            String::from_utf8_lossy(bytes)
        );
    }
    // Gone in the middle of a head, and of a body.
    for text in [
        "GET /vers",
        "POST /6/lists HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"a",
    ] {
        let mut stream = connect_from(&c.api, "127.0.0.1").await;
        stream.write_all(text.as_bytes()).await.unwrap();
        drop(stream);
    }
    counts(&c, &ended("bad_request"), 5).await;
    c.get("getVersion", "/version").await.expect(200);
    c.stop().await;
}

#[tokio::test]
async fn one_request_is_never_taken_for_two() {
    let c = Coordinator::start().await;
    let basic = Coordinator::basic(LOGIN, PASSWORD);
    let smuggled = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
    let head = |framing: &str| {
        format!(
            "POST /6/lists HTTP/1.1\r\nHost: x\r\nAuthorization: {basic}\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        )
    };
    for framing in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: \x0bchunked",
    ] {
        let bytes = format!("{}0\r\n\r\n{smuggled}", head(framing));
        let answer = talk(&c.api, bytes.as_bytes()).await;
        assert!(
            answer.matches("HTTP/1.1 ").count() <= 1,
            "{framing}: {answer}"
        );
        let is_refused = answer.is_empty() || answer.starts_with("HTTP/1.1 400");
        assert!(
            is_refused && !answer.contains("luna-api"),
            "{framing}: {answer}"
        );
    }
    // Packed on the way, which nobody here would unpack.
    let bytes = head("Transfer-Encoding: gzip, chunked\r\nConnection: close");
    let answer = talk(&c.api, format!("{bytes}0\r\n\r\n").as_bytes()).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    // Two that are two are answered in their order, also after the client has said its last.
    let first = "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut stream = connect_from(&c.api, "127.0.0.1").await;
    stream
        .write_all(format!("{first}{smuggled}").as_bytes())
        .await
        .unwrap();
    stream.shutdown().await.unwrap();
    let answer = rest(&mut stream).await;
    let statuses: Vec<&str> = answer
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &answer[at + 9..at + 12])
        .collect();
    assert_eq!(statuses, ["404", "200"], "{answer}");
    c.stop().await;
}

#[tokio::test]
async fn chunks_that_lie_do_not_hang_or_grow() {
    let c = Coordinator::start_with(&[("limits.request_timeout", "1s")]).await;
    let head = request(
        "POST /6/lists",
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
    );
    let extension = format!("1;{}\r\n", "x".repeat(100_000));
    for body in [
        "FFFFFFFFFFFFFFFFFFFF\r\nx",
        "zz\r\n",
        "-1\r\n",
        "5\r\nabc\r\n0\r\n\r\n",
        "7fffffffffffffff\r\nx",
        extension.as_str(),
    ] {
        let began = Instant::now();
        let answer = talk(&c.api, format!("{head}{body}").as_bytes()).await;
        let status = &answer[..answer.len().min(12)];
        let known = ["", "HTTP/1.1 400", "HTTP/1.1 408", "HTTP/1.1 413"];
        assert!(known.contains(&status), "{body:.40}: {answer}");
        assert!(began.elapsed().as_secs() < 6, "{body:.40}");
    }
    c.get("getVersion", "/version").await.expect(200);
    c.stop().await;
}

#[tokio::test]
async fn paths_are_no_way_out() {
    let c = Coordinator::start().await;
    for path in [
        "/6/lists/%00",
        "/6/lists/..",
        "/6/lists/../accounts",
        "/6/%2e%2e/version",
        "/6/lists/%2e%2e%2faccounts",
        "/6/lists/%252e%252e%252faccounts",
        "/6/images/..%2f..%2f..%2fetc%2fpasswd",
        "/6/samples/faces/..%5c..%5cx",
        "/6/samples/..%2ffaces/7acc35cf-a3b2-4f87-8d8b-5496a2782d37",
        "/6/lists/%ff%fe",
        "/6/lists/7acc35cf-a3b2-4f87-8d8b-5496a2782d37%00",
        "//6/lists",
        "/6//lists",
        "/6/lists/",
        "/6/lists;a=b",
        "/%36/lists",
        "/version/../6/lists",
    ] {
        let answer = talk(&c.api, request(&format!("GET {path}"), "").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(answer.contains("\"error_code\":12013"), "{path}: {answer}");
    }
    for bytes in [
        &b"GET /6/lists/\xff\xfe"[..],
        b"GET /6/lists/\x01",
        b"GET 6/lists",
        b"GET \\6",
    ] {
        let text = [bytes, b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"].concat();
        let answer = talk(&c.api, &text).await;
        let status = &answer[..12];
        assert!(
            ["HTTP/1.1 404", "HTTP/1.1 400"].contains(&status),
            "{answer}"
        );
    }
    // Bytes that are no text, in headers that are read.
    for header in [
        "Authorization",
        "Luna-Request-Id",
        "Accept",
        "Content-Type",
        "Host",
    ] {
        let mut text = format!("GET /6/lists HTTP/1.1\r\n{header}: ").into_bytes();
        text.extend_from_slice(b"\xff\xfe\r\nConnection: close\r\n\r\n");
        let answer = talk(&c.api, &text).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{header}: {answer}");
        assert!(answer.contains("\"error_code\""), "{header}: {answer}");
    }
    let reply = c.send("", c.request(Method::GET, "/version")).await;
    reply.expect(200);
    c.stop().await;
}
