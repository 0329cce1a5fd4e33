//! The local address over real sockets.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::{health::Readiness, metrics::Metrics, pulse::Pulse, viewfinder::tests::running};
use goshawk_proto::id::StreamId;

const TOKEN: &str = "0123456789abcdef-gate";

struct Rig {
    address: SocketAddr,
    stream: StreamId,
    health: Arc<Health>,
    pulse: Pulse,
    cancel: CancellationToken,
}

impl Rig {
    async fn new(guard: Guard, viewers: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cancel = CancellationToken::new();
        let pulse = Pulse::default();
        let health = Health::new(Metrics::new().1, pulse.clone());
        let (viewfinder, stream) = running(viewers);
        let local = Local {
            health: Arc::clone(&health),
            viewfinder,
            guard,
        };
        tokio::spawn(serve(listener, Arc::new(local), cancel.clone()));
        Self {
            address,
            stream,
            health,
            pulse,
            cancel,
        }
    }

    async fn ask(&self, method: &str, path: &str, header: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        let host = self.address;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{header}\r\n"
        );
        client.write_all(request.as_bytes()).await.unwrap();
        client
    }

    async fn get(&self, path: &str, header: &str) -> (String, Vec<u8>) {
        let mut bytes = Vec::new();
        let mut client = self.ask("GET", path, header).await;
        client.read_to_end(&mut bytes).await.unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.expect("an answer with a head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        (head.to_lowercase(), bytes[end + 4..].to_vec())
    }

    async fn status(&self, path: &str, header: &str) -> String {
        let (head, _) = self.get(path, header).await;
        head.split(' ').nth(1).unwrap().to_owned()
    }

    fn path(&self, tail: &str) -> String {
        format!("/preview/{}/{tail}", self.stream)
    }
}

fn guarded() -> Guard {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, TOKEN).unwrap();
    Guard::new(Some(&path)).unwrap()
}

#[tokio::test]
async fn health_is_told() {
    let rig = Rig::new(Guard::default(), 1).await;
    assert_eq!(rig.status("/healthz", "").await, "200");
    assert_eq!(rig.status("/readyz", "").await, "503");
    let all = Readiness {
        models: true,
        outbox: true,
        enrolled: true,
        stopping: false,
    };
    rig.health.update(|readiness| *readiness = all);
    assert_eq!(rig.status("/readyz", "").await, "200");
    rig.health.update(|readiness| readiness.stopping = true);
    assert_eq!(rig.status("/readyz", "").await, "503");
    assert_eq!(rig.status("/etc/passwd", "").await, "404");
    let (head, metrics) = rig.get("/metrics", "").await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let metrics = String::from_utf8(metrics).unwrap();
    assert!(
        metrics.contains("goshawk_agent_outbox_bytes 0"),
        "{metrics}"
    );
    let mut refused = String::new();
    let mut client = rig.ask("POST", "/healthz", "").await;
    client.read_to_string(&mut refused).await.unwrap();
    assert!(refused.starts_with("HTTP/1.1 405"), "{refused}");
}

#[tokio::test]
async fn a_loop_that_stands_still_is_told() {
    let rig = Rig::new(Guard::default(), 1).await;
    let beat = rig.pulse.watch("stream 7");
    beat.turn(std::time::Instant::now(), Duration::ZERO);
    let (head, body) = rig.get("/healthz", "").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert!(body.starts_with(b"stream 7 has not moved"), "{body:?}");
    beat.rest();
    assert_eq!(rig.status("/healthz", "").await, "200");
}

#[tokio::test]
async fn with_a_token_only_health_is_open() {
    let rig = Rig::new(guarded(), 2).await;
    assert_eq!(rig.status("/healthz", "").await, "200");
    assert_eq!(rig.status("/readyz", "").await, "503");
    let right = format!("authorization: Bearer {TOKEN}\r\n");
    let wrong = "authorization: Bearer fedcba9876543210-gate\r\n";
    let frame = rig.path("frame");
    for path in ["/metrics", frame.as_str()] {
        assert_eq!(rig.status(path, "").await, "401", "{path}");
        assert_eq!(rig.status(path, wrong).await, "401", "{path}");
        assert_eq!(rig.status(path, &right).await, "200", "{path}");
    }
    // Also what is not there is told to nobody.
    assert_eq!(rig.status("/nothing", "").await, "401");
}

#[tokio::test]
async fn a_frame_is_a_jpeg_file_of_the_size_asked_for() {
    let rig = Rig::new(Guard::default(), 2).await;
    let (head, body) = rig.get(&rig.path("frame?side=320"), "").await;
    assert!(head.contains("content-type: image/jpeg"), "{head}");
    assert!(head.contains("cache-control: no-store"), "{head}");
    assert!(
        head.contains("cross-origin-resource-policy: same-origin"),
        "{head}"
    );
    // The frame header of a baseline JPEG file (marker FFC0): length, depth, height, width.
    let header = body.windows(2).position(|two| two == [0xff, 0xc0]);
    let size = &body[header.unwrap() + 5..][..4];
    assert_eq!(
        size,
        [0, 180, 320_u16.to_be_bytes()[0], 320_u16.to_be_bytes()[1]]
    );
    assert_eq!(rig.status(&rig.path("frame?side=1"), "").await, "400");
    let stranger = format!("/preview/{}/frame", StreamId::random());
    assert_eq!(rig.status(&stranger, "").await, "404");
    let foreign = "host: rebound.example\r\n";
    let mut twice = String::new();
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\n{foreign}connection: close\r\n\r\n",
        rig.path("frame")
    );
    client.write_all(request.as_bytes()).await.unwrap();
    client.read_to_string(&mut twice).await.unwrap();
    assert!(twice.starts_with("HTTP/1.1 403"), "{twice}");
}

#[tokio::test]
async fn live_pictures_flow_and_viewers_are_bounded() {
    let rig = Rig::new(Guard::default(), 1).await;
    let mut live = rig.ask("GET", &rig.path("live?fps=30"), "").await;
    let mut seen = Vec::new();
    let pictures = |bytes: &[u8]| {
        let boundary = b"--goshawk-picture\r\n";
        bytes
            .windows(boundary.len())
            .filter(|part| part == boundary)
            .count()
    };
    while pictures(&seen) < 4 {
        let read = live.read_buf(&mut seen).await.unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
    }
    let (head, _) = rig.get(&rig.path("frame"), "").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert!(head.contains("retry-after: 5"), "{head}");
    drop(live);
    // Once the one who looked has gone, there is room again.
    for _ in 0..200 {
        if rig.status(&rig.path("frame"), "").await == "200" {
            rig.cancel.cancel();
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the viewer that has gone still counts");
}

#[tokio::test(start_paused = true)]
async fn a_connection_lives_as_long_as_its_lease_and_no_longer() {
    let lease = Lease::new(Duration::from_secs(60));
    let started = Instant::now();
    lease.extend(Duration::from_secs(10));
    let extended = Arc::clone(&lease);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(50)).await;
        extended.extend(Duration::from_secs(20));
    });
    lease.expired().await;
    assert_eq!(started.elapsed().as_secs(), 70);
}
