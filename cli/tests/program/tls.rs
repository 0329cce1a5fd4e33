//! https: certificates that nobody vouches for, and authorities of our own.

use std::{io::Write, net::TcpListener, sync::Arc};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::json;

use crate::rig::{Answer, Goshawk, read};

/// A coordinator with a self-signed certificate for `localhost`; its address and the certificate.
fn server() -> (String, String) {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(
        certified.signing_key.serialize_der(),
    ));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket.unwrap());
            // A client that does not trust us says nothing further.
            if stream.conn.complete_io(&mut stream.sock).is_err() {
                continue;
            }
            read(&mut stream);
            let answer = Answer::json(&json!({"account_id": "a"})).bytes();
            let _ = stream.write_all(&answer);
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    });
    (url, certified.cert.pem())
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (url, pem) = server();
    let goshawk = Goshawk::new()
        .set("GOSHAWK_URL", &url)
        .set("GOSHAWK_TOKEN", "t");
    goshawk.run(&["whoami"]).exits(3).says("--ca-file");
    goshawk.file("ca.pem", &pem);
    goshawk.run(&["--ca-file", "ca.pem", "whoami"]).exits(0);
    // Another authority does not vouch for it.
    let (_, other) = server();
    goshawk.file("other.pem", &other);
    goshawk
        .run(&["--ca-file", "other.pem", "whoami"])
        .exits(3)
        .says("--ca-file");
}

#[test]
fn a_file_without_certificates_is_refused() {
    let goshawk = Goshawk::new().set("GOSHAWK_TOKEN", "t");
    goshawk.file("empty.pem", "no certificate here");
    goshawk
        .run(&["--ca-file", "empty.pem", "whoami"])
        .exits(2)
        .says("empty.pem");
    goshawk
        .run(&["--ca-file", "none.pem", "whoami"])
        .exits(2)
        .says("none.pem");
}

#[test]
fn a_profile_keeps_its_authority() {
    let (url, pem) = server();
    let goshawk = Goshawk::new();
    goshawk.file("ca.pem", &pem);
    let line = [
        "login",
        "--url",
        &url,
        "--ca-file",
        "ca.pem",
        "--token-file",
        "-",
    ];
    goshawk.run_with("token\n", &line).exits(0);
    // From another folder, and without the flag.
    let mut command = goshawk.command(&["whoami"]);
    let ended = command.current_dir("/").output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
}
