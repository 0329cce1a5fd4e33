//! Cameras that misbehave, and what is said about them.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use goshawk_pipelines::{
    SourceError,
    camera::{Camera, CameraOptions},
};
use goshawk_proto::stream::{FailureKind, SourceKind};

use crate::{
    clips::{self, H264},
    failure, source,
};

const TCP: SourceKind = SourceKind::Tcp;

/// No part of an error may hold a secret.
#[track_caller]
fn assert_discreet(error: &SourceError) {
    let all = format!("{error} {error:?} {}", error.message());
    for secret in ["hunter", "%21", "operator"] {
        assert!(!all.contains(secret), "{all}");
    }
}

fn with_password(camera: &Camera) -> String {
    camera.url().replace("://", "://operator:hunter%21@")
}

#[test]
fn a_port_where_nobody_listens_is_unreachable_at_once() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let start = Instant::now();
    let address = format!("rtsp://operator:hunter%21@127.0.0.1:{port}/live");
    let (error, _) = failure(source(TCP, &address));
    assert_eq!(error.kind(), FailureKind::Unreachable, "{error}");
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    assert_discreet(&error);
    assert!(error.message().contains(&port.to_string()), "{error}");
}

#[test]
fn a_host_that_never_answers_is_unreachable_in_time() {
    // The listener accepts (in the kernel) and stays silent.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!(
        "rtsp://operator:hunter%21@{}/live",
        listener.local_addr().unwrap()
    );
    let start = Instant::now();
    let (error, _) = failure(source(TCP, &address));
    assert_eq!(error.kind(), FailureKind::Unreachable, "{error}");
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
    assert_discreet(&error);
}

#[test]
fn a_name_that_does_not_resolve_is_unreachable() {
    let (error, _) = failure(source(
        TCP,
        "rtsp://operator:hunter%21@no-such-camera.invalid/live",
    ));
    assert_eq!(error.kind(), FailureKind::Unreachable, "{error}");
    assert_discreet(&error);
}

#[test]
fn a_wrong_password_is_told_from_everything_else() {
    let folder = clips::folder();
    let clip = H264.make(folder.path());
    for digest in [false, true] {
        let camera = Camera::start(CameraOptions {
            credentials: Some(("operator".into(), "right".into())),
            digest,
            ..CameraOptions::new(&clip)
        })
        .unwrap();
        for address in [with_password(&camera), camera.url()] {
            let (error, _) = failure(source(TCP, &address));
            assert_eq!(error.kind(), FailureKind::Unauthorized, "{error}");
            assert_discreet(&error);
        }
    }
}

#[test]
fn a_stream_that_is_not_there_is_not_found() {
    let folder = clips::folder();
    let camera = Camera::start(CameraOptions::new(H264.make(folder.path()))).unwrap();
    let (error, _) = failure(source(
        TCP,
        &with_password(&camera).replace("/live", "/other"),
    ));
    assert_eq!(error.kind(), FailureKind::NotFound, "{error}");
    assert_discreet(&error);
}

#[test]
fn a_server_of_another_kind_is_no_camera() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("rtsp://{}/live", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming().take(1) {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        }
    });
    let (error, _) = failure(source(TCP, &address));
    assert_ne!(error.kind(), FailureKind::Stalled, "{error}");
    server.join().unwrap();
}

#[test]
fn a_picture_that_stops_is_a_stall() {
    let folder = clips::folder();
    let camera = Camera::start(CameraOptions {
        stall_after: Some(Duration::from_secs(2)),
        ..CameraOptions::new(H264.make(folder.path()))
    })
    .unwrap();
    let start = Instant::now();
    let (error, frames) = failure(source(TCP, &with_password(&camera)));
    assert_eq!(error.kind(), FailureKind::Stalled, "{error}");
    assert!(frames >= 20, "{frames}");
    let took = start.elapsed().as_secs_f32();
    assert!((5.0..11.0).contains(&took), "{took} s");
    assert_discreet(&error);
    // A new source on the same camera works again.
    let mut again = source(TCP, &camera.url()).unwrap();
    assert!(again.next_frame().unwrap().is_some());
}

#[test]
fn a_connection_that_breaks_is_told_and_the_next_one_works() {
    let folder = clips::folder();
    let camera = Camera::start(CameraOptions {
        drop_clients_after: Some(Duration::from_secs(2)),
        ..CameraOptions::new(H264.make(folder.path()))
    })
    .unwrap();
    for _ in 0..2 {
        let (error, frames) = failure(source(TCP, &with_password(&camera)));
        assert_eq!(error.kind(), FailureKind::Truncated, "{error}");
        assert!(frames >= 5, "{frames}");
        assert_discreet(&error);
    }
}

#[test]
fn a_camera_that_dies_is_told() {
    let folder = clips::folder();
    let camera = Camera::start(CameraOptions::new(H264.make(folder.path()))).unwrap();
    let mut source = source(TCP, &camera.url()).unwrap();
    assert!(source.next_frame().unwrap().is_some());
    drop(camera);
    let error = loop {
        match source.next_frame() {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), FailureKind::Truncated, "{error}");
}

#[test]
fn an_address_of_another_kind_is_refused_without_quoting_its_secrets() {
    let (error, _) = failure(source(TCP, "ftp://operator:hunter%21@host/x"));
    assert_eq!(error.kind(), FailureKind::NotMedia, "{error}");
    assert_discreet(&error);
}
