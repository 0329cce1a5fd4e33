//! Exit codes, and answers that are late, large, broken or from somebody else.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::{Value, json};

use crate::rig::{Answer, Goshawk, Server};

const NOBODY: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";

#[test]
fn what_makes_no_sense_exits_with_2() {
    let goshawk = Goshawk::new().set("GOSHAWK_TOKEN", "t");
    for line in [
        &["lists", "show"][..],
        &["nonsense"],
        &["--url", "ftp://a", "whoami"],
        &["--password-file", "none", "whoami"],
        &["--profile", "none", "whoami"],
        &["handlers", "validate", "none.json"],
        &["handlers", "show", "../../accounts"],
    ] {
        let ran = goshawk.run(line).exits(2);
        assert!(!ran.err.is_empty() && ran.out.is_empty(), "{ran:?}");
    }
}

#[test]
fn a_refusal_exits_with_1_and_shows_code_detail_and_request() {
    let server = Server::start(|_| Answer::refusal("404 Not Found", 22002, "Face not found"));
    let goshawk = Goshawk::at(&server);
    let ran = goshawk.run(&["faces", "show", NOBODY]).exits(1);
    assert!(ran.out.is_empty());
    for part in ["Face not found", "22002", "404", "1,abc", "GET /6/faces/"] {
        assert!(ran.err.contains(part), "{part} in {ran:?}");
    }
    let ran = goshawk.run(&["faces", "show", NOBODY, "--json"]).exits(1);
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error_code"], 22002);
    assert_eq!(error["detail"], "Face not found");
    assert_eq!(error["request_id"], "1,abc");
    assert_eq!(error["exit_code"], 1);
}

#[test]
fn credentials_that_are_not_accepted_exit_with_4() {
    let server = Server::start(|_| Answer::refusal("401 Unauthorized", 11065, "Wrong password"));
    let ran = Goshawk::at(&server).run(&["whoami"]).exits(4);
    assert!(!ran.err.contains("env-secret"), "{ran:?}");
}

#[test]
fn a_coordinator_that_is_down_exits_with_3() {
    let goshawk = Goshawk::new()
        .set("GOSHAWK_URL", "http://127.0.0.1:1")
        .set("GOSHAWK_TOKEN", "t");
    for line in [&["whoami"][..], &["streams", "list"], &["events", "tail"]] {
        goshawk.run(line).exits(3).says("is it running");
    }
}

#[test]
fn who_is_no_coordinator_is_told_so() {
    let page = "<html>nginx env-secret</html>";
    for status in ["200 OK", "502 Bad Gateway", "404 Not Found"] {
        let server = Server::start(move |_| Answer::text(status, page));
        let goshawk = Goshawk::at(&server);
        let ran = goshawk.run(&["whoami"]).exits(3).says("address right");
        assert!(!ran.err.contains("html"), "{ran:?}");
        goshawk.run(&["events", "tail"]).exits(3);
    }
    let server = Server::start(|_| Answer::json(&json!({"accounts": 5})));
    Goshawk::at(&server).run(&["lists", "list"]).exits(3);
}

#[test]
fn a_redirect_takes_the_credentials_nowhere() {
    let elsewhere = Server::start(|_| Answer::json(&json!({})));
    let target = elsewhere.url.clone();
    let server = Server::start(move |_| Answer::text("302 Found", "").header("Location", &target));
    Goshawk::at(&server).run(&["whoami"]).exits(3);
    assert!(elsewhere.asked().is_empty());
}

/// Sends 100 MB of a JSON text, in one piece or in chunks, and counts what was taken.
fn flood(chunked: bool) -> (Server, Arc<AtomicUsize>) {
    const PIECE: usize = 1 << 20;
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let server = Server::raw(move |_, stream| {
        let head = match chunked {
            true => "Transfer-Encoding: chunked".to_owned(),
            false => format!("Content-Length: {}", 100 * PIECE),
        };
        let piece = vec![b'"'; PIECE];
        let mut said = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").as_bytes());
        for _ in 0..100 {
            if chunked {
                said = said.and_then(|()| write!(stream, "{PIECE:x}\r\n"));
            }
            said = said.and_then(|()| stream.write_all(&piece));
            if chunked {
                said = said.and_then(|()| stream.write_all(b"\r\n"));
            }
            if said.is_err() {
                return;
            }
            counter.fetch_add(PIECE, Ordering::Relaxed);
        }
    });
    (server, sent)
}

#[test]
fn a_huge_answer_is_not_taken() {
    for chunked in [false, true] {
        let (server, sent) = flood(chunked);
        let goshawk = Goshawk::at(&server);
        goshawk.run(&["whoami"]).exits(3).says("larger than 32 MiB");
        let taken = sent.load(Ordering::Relaxed);
        // The bound, and what lies in the buffers of two sockets.
        assert!(taken < 48 << 20, "{taken}");
    }
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for() {
    let server = Server::raw(|_, _| std::thread::sleep(std::time::Duration::from_secs(10)));
    let started = std::time::Instant::now();
    let ran = Goshawk::at(&server).run(&["--timeout", "1", "whoami"]);
    ran.exits(3).says("no answer in time");
    assert!(started.elapsed().as_secs() < 8);
}

#[test]
fn an_answer_that_breaks_off_is_no_answer() {
    let server = Server::raw(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":");
    });
    Goshawk::at(&server)
        .run(&["whoami"])
        .exits(3)
        .says("broke off");
}
