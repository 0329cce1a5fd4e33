//! What the front of a service does with every request, whatever the operation.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    harness::{Coordinator, LOGIN, PASSWORD},
    hostile::{connect_from, counted, request, rest, talk},
};

#[tokio::test]
async fn methods_and_targets_of_every_form() {
    let c = Coordinator::start().await;
    let ask = async |line: &str| {
        talk(&c.api, request(line, "").as_bytes())
            .await
            .to_lowercase()
    };
    for (line, status, code) in [
        ("FROBNICATE /6/lists", 405, 12021),
        ("TRACE /6/lists", 405, 12021),
        ("PUT /6/lists", 405, 12021),
        ("FROBNICATE /6/nothing", 404, 12013),
        ("CONNECT example.com:443", 405, 12021),
        ("OPTIONS *", 404, 12013),
    ] {
        let answer = ask(line).await;
        assert!(
            answer.starts_with(&format!("http/1.1 {status}")),
            "{line}: {answer}"
        );
        assert!(
            answer.contains(&format!("\"error_code\":{code}")),
            "{line}: {answer}"
        );
        assert!(
            answer.contains("access-control-allow-origin: *"),
            "{line}: {answer}"
        );
        assert!(answer.contains("luna-request-id: "), "{line}: {answer}");
        let has_allow = answer.contains("\r\nallow: ");
        assert_eq!(has_allow, line.ends_with("/6/lists"), "{line}: {answer}");
    }
    // As a proxy is asked; where the target names a host it is that one.
    let answer = ask("GET http://user@other.example:81/6/lists").await;
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    for line in ["HEAD /6/lists", "HEAD /6/nothing", "HEAD /version"] {
        let answer = ask(line).await;
        assert!(answer.ends_with("\r\n\r\n"), "{line}: {answer}");
    }
    let old = talk(&c.api, b"GET /version HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200"), "{old}");
    assert_eq!(
        counted(
            &c,
            "request_count_total{service=\"api\",path=\"OTHER:/6/lists\",status_code=\"405\"}"
        )
        .await,
        2
    );
    c.stop().await;
}

#[tokio::test]
async fn bodies_that_are_packed_are_refused() {
    let c = Coordinator::start().await;
    let post = async |encoding: &'static str, body: &'static str| {
        let request = c
            .request(Method::POST, "/6/lists")
            .header("Content-Type", "application/json")
            .header("Content-Encoding", encoding)
            .body(body);
        c.send("", request).await
    };
    post("identity", "{}").await.expect(201);
    for encoding in [
        "gzip",
        "deflate",
        "br",
        "zstd",
        "x-made-up",
        "identity, gzip",
    ] {
        let refused = post(encoding, "\x1f\x08anything").await.refused(415, 12024);
        assert_eq!(refused.headers["accept-encoding"], "identity");
    }
    // Where there is no body there is nothing to unpack.
    let request = c
        .request(Method::GET, "/6/lists")
        .header("Content-Encoding", "gzip");
    c.send("getLists", request).await.expect(200);
    c.stop().await;
}

#[tokio::test]
async fn clients_that_ask_before_they_send() {
    let c = Coordinator::start().await;
    let head = |length: usize| {
        request(
            "POST /6/lists",
            &format!(
                "Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n"
            ),
        )
    };
    let mut stream = connect_from(&c.api, "127.0.0.1").await;
    stream.write_all(head(2).as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"{}").await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    // Refused before anything is sent, and closed, as who did not send may go on otherwise.
    let alive = |text: String| text.replace("Connection: close\r\n", "");
    let unknown = alive(head(2)).replace(&Coordinator::basic(LOGIN, PASSWORD), "Basic eDp5");
    for (text, status) in [(alive(head(1 << 30)), 413), (unknown, 401)] {
        let began = Instant::now();
        let answer = talk(&c.api, text.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(
            answer.to_lowercase().contains("connection: close"),
            "{answer}"
        );
        assert!(began.elapsed().as_secs() < 10);
    }
    c.stop().await;
}

#[tokio::test]
async fn names_of_other_sites_do_not_reach_loopback_services() {
    let c = Coordinator::start().await;
    let get =
        |host: &str| format!("GET /version HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    for service in [&c.sender, &c.handlers, &c.streams] {
        for host in [
            "evil.example",
            "evil.example:5080",
            "127.0.0.1.evil.example",
        ] {
            let answer = talk(service, get(host).as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 403"), "{host}: {answer}");
            assert!(answer.contains("\"error_code\":11064"), "{answer}");
        }
        for host in ["localhost:5080", "127.0.0.1", "[::1]:80"] {
            let answer = talk(service, get(host).as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{host}: {answer}");
        }
        let whole = "GET http://evil.example/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let answer = talk(service, whole.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    let answer = talk(&c.api, get("goshawk.example").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    c.stop().await;
}

#[tokio::test]
async fn ports_on_ipv6_and_clients_with_ipv4() {
    if tokio::net::TcpListener::bind("[::1]:0").await.is_err() {
        println!("SKIPPED: this machine has no IPv6");
        return;
    }
    let c = Coordinator::start_with(&[("api.listen", "[::]:0")]).await;
    c.get("getVersion", "/version").await.expect(200);
    assert!(c.api.starts_with("http://[::1]:"), "{}", c.api);
    let port = c.api.rsplit(':').next().unwrap();
    let mut stream = tokio::net::TcpStream::connect(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    stream
        .write_all(b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200"));
    c.stop().await;
}

#[tokio::test]
async fn the_metrics_page_tells_of_the_process_and_of_connections() {
    let c = Coordinator::start_with(&[("limits.connections", "77")]).await;
    c.get("getVersion", "/version").await.expect(200);
    let began = Instant::now();
    let page = c.get("", "/metrics").await.expect(200);
    let took = began.elapsed();
    let page = String::from_utf8(page.bytes).unwrap();
    for start in [
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_max_fds ",
        "process_threads ",
        "process_start_time_seconds ",
        "requests_bucket{le=\"0.0001\",service=\"api\",route=\"GET:/version\",status_code=\"200\"} ",
        "requests_bucket{le=\"10.0\",service=\"api\",route=\"GET:/version\",status_code=\"200\"} 1",
        "request_count_total{service=\"api\",path=\"GET:/version\",status_code=\"200\"} 1",
        "goshawk_coordinator_http_connections{service=\"api\"} 1",
        "goshawk_coordinator_http_connections_limit{service=\"api\"} 77",
        "goshawk_coordinator_http_connections_accepted_total{service=\"api\"} 1",
        "goshawk_coordinator_http_connections_refused_total{service=\"api\"} 0",
        "goshawk_coordinator_http_body_bytes 0",
        "goshawk_coordinator_http_body_bytes_limit 536870912",
    ] {
        assert!(
            page.lines().any(|line| line.starts_with(start)),
            "{start}\n{page}"
        );
    }
    assert!(took < Duration::from_millis(500), "{took:?}");
    c.stop().await;
}

/// The real program, for its log.
struct Program {
    child: Child,
    api: String,
    _dir: tempfile::TempDir,
}

impl Program {
    fn start(settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let home = dir.path().join("no-models");
        let mut command = Command::new(env!("CARGO_BIN_EXE_goshawk-coordinator"));
        command.arg("run").stderr(Stdio::piped());
        let mut set = |key: &str, value: &str| {
            command.arg(format!("--{key}")).arg(value);
        };
        set("data_dir", data.to_str().unwrap());
        set("models.home", home.to_str().unwrap());
        for service in ["api", "sender", "handlers", "streams", "agents"] {
            set(&format!("{service}.listen"), "127.0.0.1:0");
        }
        set("bootstrap.login", LOGIN);
        set("bootstrap.password", PASSWORD);
        for (key, value) in settings {
            set(key, value);
        }
        let child = command.spawn().unwrap();
        let began = Instant::now();
        let api = loop {
            if let Ok(text) = std::fs::read(data.join("endpoints.json")) {
                let ends: Value = serde_json::from_slice(&text).unwrap();
                break ends["api"].as_str().unwrap().to_owned();
            }
            assert!(began.elapsed().as_secs() < 60, "it does not start");
            std::thread::sleep(Duration::from_millis(20));
        };
        Self {
            child,
            api,
            _dir: dir,
        }
    }

    /// Stops it and gives what it logged.
    fn log(mut self) -> Vec<String> {
        let stderr = self.child.stderr.take().unwrap();
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").arg(pid).status().unwrap();
        assert!(asked.success());
        let lines = BufReader::new(stderr).lines().map(Result::unwrap).collect();
        self.child.wait().unwrap();
        lines
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn every_line_of_a_request_has_its_id() {
    let id = "1536751345,8b8b5937-2e9c-4e8b-a7a7-5caf86621b5a";
    for format in ["json", "text"] {
        let settings = [("log.format", format), ("log.access", "true")];
        let program = Program::start(&settings);
        let headers = format!("Luna-Request-Id: {id}\r\n");
        let line = "GET /6/lists?user_data=secret-query";
        let answer = talk(&program.api, request(line, &headers).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let wrong = "GET /6/lists HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer secret-token\r\n\r\n";
        let answer = talk(&program.api, wrong.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        talk(
            &program.api,
            request("GET /nowhere/secret-path", "").as_bytes(),
        )
        .await;
        let lines = program.log();
        let all = lines.join("\n");
        for secret in ["secret", PASSWORD, &Coordinator::basic(LOGIN, PASSWORD)] {
            assert!(!all.contains(secret), "{secret} is logged: {all}");
        }
        let access: Vec<&String> = lines
            .iter()
            .filter(|line| line.contains("goshawk_coordinator::access"))
            .collect();
        assert_eq!(access.len(), 3, "{all}");
        if format == "text" {
            let line = access[0];
            for part in [
                id,
                "method=GET",
                "route=\"/6/lists\"",
                "status=200",
                "peer=127.0.0.1",
                "service=\"api\"",
            ] {
                assert!(line.contains(part), "{part}: {line}");
            }
            continue;
        }
        let told: Vec<Value> = access
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let (span, fields) = (&told[0]["span"], &told[0]["fields"]);
        assert_eq!(span["name"], "request");
        assert_eq!(span["id"], id);
        assert_eq!(span["service"], "api");
        assert_eq!(span["method"], "GET");
        assert_eq!(span["route"], "/6/lists");
        assert_eq!(span["account"].as_str().map(str::len), Some(36), "{span}");
        assert_eq!(fields["status"], 200);
        assert_eq!(fields["peer"], "127.0.0.1");
        assert!(fields["bytes"].as_u64() > Some(0) && fields["ms"].as_f64() > Some(0.0));
        assert_eq!(told[1]["fields"]["status"], 401);
        assert_eq!(told[2]["span"]["route"], "(unknown)");
    }
}
