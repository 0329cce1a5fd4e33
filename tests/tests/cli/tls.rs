//! A coordinator that speaks https with a certificate of our own authority.

use goshawk_e2e::stack::{LOGIN, PASSWORD};

use crate::rig::{Desk, Running};

#[test]
fn https_wants_the_authority_and_carries_events_too() {
    let folder = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    std::fs::write(&certificate, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let settings = [("api.tls.certificate", certificate), ("api.tls.key", key)];
    let desk = Desk::open_with(&settings);

    let port = desk
        .coordinator
        .api
        .endpoints
        .api
        .rsplit(':')
        .next()
        .unwrap();
    let url = format!("https://localhost:{port}");
    let login = [
        "login",
        "--url",
        &url,
        "--login",
        LOGIN,
        "--password-file",
        "-",
    ];
    let ran = desk.run_with(PASSWORD, &login).exits(3);
    assert!(ran.err.contains("--ca-file"), "{ran:?}");
    let trusting = [&login[..], &["--ca-file", certificate]].concat();
    desk.run_with(PASSWORD, &trusting).exits(0);
    desk.run(&["whoami"]).exits(0);
    let tail = desk.command(&["events", "tail"]);
    drop(Running::start(tail, "waiting for events"));
}
