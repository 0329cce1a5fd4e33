//! HTTPS: certificates, their renewal while requests run, and handshakes that lead nowhere.

use std::{
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rcgen::{CertificateParams, KeyPair};
use reqwest::{Method, StatusCode, Version};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
    version::{TLS12, TLS13},
};
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{client_async, tungstenite::client::IntoClientRequest};

use crate::{
    harness::{Coordinator, LOGIN, PASSWORD},
    hostile::{connect_from, rest},
};

/// Certificate and key files as a tool for renewal writes them.
struct Pair {
    dir: tempfile::TempDir,
}

impl Pair {
    fn new() -> (Self, CertificateDer<'static>) {
        let this = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let certificate = this.renew();
        (this, certificate)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn renew(&self) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names)
            .unwrap()
            .self_signed(&key)
            .unwrap();
        self.put("chain.pem", &certificate.pem());
        self.put("key.pem", &key.serialize_pem());
        certificate.der().clone()
    }

    fn put(&self, name: &str, text: &str) {
        let new = self.path("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
    }

    async fn start(&self, settings: &[(&str, &str)]) -> Coordinator {
        let (chain, key) = (self.path("chain.pem"), self.path("key.pem"));
        let mut all = vec![
            ("api.tls.certificate", chain.to_str().unwrap()),
            ("api.tls.key", key.to_str().unwrap()),
        ];
        all.extend(settings);
        let c = Coordinator::start_with(&all).await;
        assert!(c.api.starts_with("https://127.0.0.1:"), "{}", c.api);
        c
    }
}

fn client(trusted: &[&CertificateDer<'_>], is_h2: bool) -> reqwest::Client {
    let mut builder = reqwest::Client::builder().use_rustls_tls();
    for certificate in trusted {
        let certificate = reqwest::Certificate::from_der(certificate).unwrap();
        builder = builder.add_root_certificate(certificate);
    }
    if !is_h2 {
        builder = builder.http1_only();
    }
    builder.build().unwrap()
}

async fn version(client: &reqwest::Client, c: &Coordinator) -> reqwest::Result<Version> {
    let answer = client.get(format!("{}/version", c.api)).send().await?;
    assert_eq!(answer.status(), StatusCode::OK);
    let version = answer.version();
    answer.bytes().await?;
    Ok(version)
}

fn address(c: &Coordinator) -> &str {
    c.api.trim_start_matches("https://")
}

/// A TLS connection over which nothing was said yet.
async fn connect(
    c: &Coordinator,
    trusted: &CertificateDer<'static>,
    versions: &[&'static rustls::SupportedProtocolVersion],
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(address(c)).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn counted(client: &reqwest::Client, c: &Coordinator, name: &str) -> i64 {
    let page = client.get(format!("{}/metrics", c.api)).send().await;
    let page = page.unwrap().text().await.unwrap();
    let start = format!("goshawk_coordinator_{name} ");
    let line = page.lines().find_map(|line| line.strip_prefix(&start));
    line.map_or(0, |value| value.parse().unwrap())
}

async fn wait_for(client: &reqwest::Client, c: &Coordinator, name: &str, least: i64) {
    let began = Instant::now();
    while counted(client, c, name).await < least {
        assert!(began.elapsed().as_secs() < 10, "{name} stays under {least}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn https_in_both_versions_of_http_and_of_tls() {
    let (pair, certificate) = Pair::new();
    let c = pair.start(&[]).await;
    for (is_h2, expected) in [(true, Version::HTTP_2), (false, Version::HTTP_11)] {
        let client = client(&[&certificate], is_h2);
        assert_eq!(version(&client, &c).await.unwrap(), expected);
        // Addresses in answers lead back here.
        let made = client
            .post(format!("{}/6/lists", c.api))
            .basic_auth(LOGIN, Some(PASSWORD))
            .json(&json!({"user_data": "over TLS"}))
            .send()
            .await
            .unwrap();
        assert_eq!(made.status(), StatusCode::CREATED);
        assert!(made.headers().contains_key("luna-request-id"));
        let location = made.headers()["location"].to_str().unwrap().to_owned();
        if location.contains("://") {
            assert!(location.starts_with(&c.api), "{location}");
        }
    }
    for versions in [[&TLS12], [&TLS13]] {
        let stream = connect(&c, &certificate, &versions, &[]).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), None);
    }
    // In the clear there is no answer, and the other services are as they were.
    let mut plain = TcpStream::connect(address(&c)).await.unwrap();
    let request = b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    plain.write_all(request).await.unwrap();
    assert!(!rest(&mut plain).await.contains("HTTP/1.1 200"));
    let answer = c.http.get(format!("{}/version", c.streams)).send().await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    let client = client(&[&certificate], true);
    wait_for(
        &client,
        &c,
        "tls_handshakes_total{service=\"api\",result=\"failed\"}",
        1,
    )
    .await;
    let expiry = "tls_certificate_expiry_timestamp_seconds{service=\"api\"}";
    assert!(counted(&client, &c, expiry).await > 1_700_000_000);
    c.stop().await;
}

#[tokio::test]
async fn web_sockets_over_tls() {
    let (pair, certificate) = Pair::new();
    let c = pair.start(&[]).await;
    let stream = connect(&c, &certificate, &[&TLS13], &[b"http/1.1"])
        .await
        .unwrap();
    let url = format!("wss://{}/6/ws", address(&c));
    let mut request = url.into_client_request().unwrap();
    let basic = Coordinator::basic(LOGIN, PASSWORD).parse().unwrap();
    request.headers_mut().insert("authorization", basic);
    let (mut socket, answer) = client_async(request, stream).await.unwrap();
    assert_eq!(answer.status().as_u16(), 101);
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    socket.close(None).await.unwrap();
    c.stop().await;
}

/// Requests on old and new connections, until told to stop; any failure fails the test.
async fn keep_asking(c: &Coordinator, client: reqwest::Client, done: &AtomicBool) -> usize {
    let mut asked = 0;
    while !done.load(Ordering::Relaxed) {
        version(&client, c).await.unwrap();
        asked += 1;
    }
    asked
}

/// Whether a new connection is greeted with this certificate.
async fn greets_with(c: &Coordinator, certificate: &CertificateDer<'static>) -> bool {
    let stream = connect(c, certificate, &[&TLS13], &[]).await;
    stream.is_ok_and(|stream| stream.get_ref().1.peer_certificates().unwrap()[0] == *certificate)
}

#[tokio::test]
async fn a_new_certificate_is_taken_while_requests_run() {
    let (pair, first) = Pair::new();
    let c = pair.start(&[("tls.watch", "30ms")]).await;
    let (later, _) = Pair::new();
    let second = later.renew();
    let third = {
        let (other, certificate) = Pair::new();
        std::fs::copy(other.path("chain.pem"), pair.path("third")).unwrap();
        certificate
    };
    let trusted = [&first, &second, &third];
    let done = AtomicBool::new(false);
    let watch = client(&trusted, true);
    let swap = async {
        let took = async |certificate: &CertificateDer<'static>| {
            let began = Instant::now();
            while !greets_with(&c, certificate).await {
                assert!(began.elapsed().as_secs() < 10, "the old certificate stays");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        assert!(greets_with(&c, &first).await);
        for name in ["key.pem", "chain.pem"] {
            let text = std::fs::read_to_string(later.path(name)).unwrap();
            pair.put(name, &text);
        }
        took(&second).await;
        // A certificate without its key, a half-written file, none at all: the last good one stays.
        let refused = "tls_reloads_total{service=\"api\",result=\"refused\"}";
        let stray = std::fs::read_to_string(pair.path("third")).unwrap();
        for (step, text) in [stray.as_str(), &stray[..200], ""].into_iter().enumerate() {
            pair.put("chain.pem", text);
            wait_for(&watch, &c, refused, step as i64 + 1).await;
            assert!(greets_with(&c, &second).await);
        }
        std::fs::remove_file(pair.path("chain.pem")).unwrap();
        wait_for(&watch, &c, refused, 4).await;
        assert!(greets_with(&c, &second).await && !greets_with(&c, &third).await);
        done.store(true, Ordering::Relaxed);
        let last = pair.renew();
        took(&last).await;
        assert!(!greets_with(&c, &second).await);
    };
    let (old, fresh, ()) = tokio::join!(
        keep_asking(&c, client(&trusted, false), &done),
        keep_asking(&c, client(&trusted, true), &done),
        swap
    );
    assert!(old > 10 && fresh > 10, "{old} {fresh}");
    let taken = "tls_reloads_total{service=\"api\",result=\"taken\"}";
    // Over a connection of before the last change, which is still open. (The signal that another
    // test sends reaches this coordinator as well.)
    assert!(counted(&watch, &c, taken).await >= 2);
    c.stop().await;
}

#[tokio::test]
async fn a_hangup_signal_reads_the_certificate_at_once() {
    let (pair, first) = Pair::new();
    let c = pair.start(&[("tls.watch", "1h")]).await;
    let second = pair.renew();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(greets_with(&c, &first).await);
    let pid = std::process::id().to_string();
    let sent = Command::new("kill").args(["-HUP", &pid]).status().unwrap();
    assert!(sent.success());
    let began = Instant::now();
    while !greets_with(&c, &second).await {
        assert!(began.elapsed().as_secs() < 10, "the signal was not heard");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    c.stop().await;
}

#[tokio::test]
async fn handshakes_that_stall_hold_up_nobody() {
    let (pair, certificate) = Pair::new();
    let settings = [("tls.handshake_timeout", "1s"), ("tls.handshakes", "4")];
    let c = pair.start(&settings).await;
    let mut silent = Vec::new();
    // Some say nothing, some greet and then fall silent.
    for at in 0..100 {
        let mut stream = connect_from(&c.api, "127.0.0.9").await;
        if at % 2 == 0 {
            stream.write_all(&client_hello()).await.unwrap();
        }
        silent.push(stream);
    }
    let client = client(&[&certificate], true);
    let began = Instant::now();
    version(&client, &c).await.unwrap();
    assert!(
        began.elapsed() < Duration::from_millis(900),
        "{:?}",
        began.elapsed()
    );
    let timeouts = "tls_handshakes_total{service=\"api\",result=\"timeout\"}";
    wait_for(&client, &c, timeouts, 100).await;
    assert!(began.elapsed() < Duration::from_secs(8));
    c.stop().await;
}

/// The first message of a client.
fn client_hello() -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// An HTTP/2 client without manners.
async fn h2_client(
    c: &Coordinator,
    certificate: &CertificateDer<'static>,
) -> h2::client::SendRequest<bytes::Bytes> {
    let stream = connect(c, certificate, &[&TLS13], &[b"h2"]).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(async move {
        // Its end is what the tests wait for elsewhere.
        let _ = connection.await;
    });
    sender
}

fn h2_get(c: &Coordinator, path: &str) -> http::Request<()> {
    http::Request::get(format!("{}{path}", c.api))
        .body(())
        .unwrap()
}

#[tokio::test]
async fn http2_clients_that_take_everything_back_are_cut() {
    let (pair, certificate) = Pair::new();
    let c = pair.start(&[]).await;
    let opened = AtomicUsize::new(0);
    let sender = h2_client(&c, &certificate).await;
    let flood = async {
        let mut sender = sender;
        for _ in 0..20_000 {
            let Ok(mut ready) = sender.ready().await else {
                return;
            };
            let Ok((_, mut stream)) = ready.send_request(h2_get(&c, "/version"), true) else {
                return;
            };
            stream.send_reset(h2::Reason::CANCEL);
            opened.fetch_add(1, Ordering::Relaxed);
            sender = ready;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), flood)
        .await
        .unwrap();
    let opened = opened.into_inner();
    assert!(opened < 20_000, "20000 requests were taken back");
    let client = client(&[&certificate], true);
    let began = Instant::now();
    version(&client, &c).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    c.stop().await;
}

#[tokio::test]
async fn http2_heads_are_bounded_and_idle_connections_end() {
    let (pair, certificate) = Pair::new();
    let c = pair.start(&[("limits.request_timeout", "500ms")]).await;
    let mut sender = h2_client(&c, &certificate).await.ready().await.unwrap();
    let mut large = h2_get(&c, "/version");
    let value = "x".repeat(100_000).parse().unwrap();
    large.headers_mut().insert("x-large", value);
    let (answer, _) = sender.send_request(large, true).unwrap();
    match answer.await {
        Ok(answer) => assert_eq!(answer.status().as_u16(), 431),
        Err(error) => assert!(error.is_reset() || error.is_go_away(), "{error}"),
    }
    // The name a client asks for is the one its addresses are made of.
    let mut sender = h2_client(&c, &certificate).await.ready().await.unwrap();
    let (answer, _) = sender.send_request(h2_get(&c, "/version"), true).unwrap();
    assert_eq!(answer.await.unwrap().status().as_u16(), 200);
    let began = Instant::now();
    while let Ok(ready) = sender.clone().ready().await {
        sender = ready;
        assert!(began.elapsed().as_secs() < 8, "an idle connection stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() >= Duration::from_millis(400));
    let client = client(&[&certificate], false);
    let ended = "http_connections_ended_total{service=\"api\",end=\"idle\"}";
    wait_for(&client, &c, ended, 1).await;
    let refused = client
        .request(Method::GET, format!("{}/6/lists", c.api))
        .header("Origin", "https://evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.headers()["access-control-allow-origin"], "*");
    c.stop().await;
}
