//! Pairs that can be used, and those that cannot.

use std::{fs, path::PathBuf};

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;
use crate::metrics::{HttpMetrics, Metrics};

/// A pair on disk.
pub(super) struct Files {
    dir: TempDir,
    pub files: PairFiles,
}

fn params(days_left: i64) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let now = time::OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::days(1000);
    params.not_after = now + time::Duration::days(days_left);
    params
}

impl Files {
    /// A certificate that is valid for so many days.
    pub fn new(days_left: i64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = PairFiles {
            certificate: dir.path().join("chain.pem"),
            key: dir.path().join("key.pem"),
        };
        let this = Self { dir, files };
        this.write(days_left);
        this
    }

    pub fn write(&self, days_left: i64) {
        let key = KeyPair::generate().unwrap();
        let certificate = params(days_left).self_signed(&key).unwrap();
        fs::write(&self.files.certificate, certificate.pem()).unwrap();
        fs::write(&self.files.key, key.serialize_pem()).unwrap();
    }

    pub fn write_certificate_of_other_key(&self, days_left: i64) {
        let key = KeyPair::generate().unwrap();
        let certificate = params(days_left).self_signed(&key).unwrap();
        fs::write(&self.files.certificate, certificate.pem()).unwrap();
    }

    fn at(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

pub(super) fn opened(files: &Files) -> (Arc<Tls>, Metrics) {
    let metrics = Metrics::default();
    let listener = HttpMetrics::new(&metrics).listener("api");
    (
        Tls::open("api", files.files.clone(), listener).unwrap(),
        metrics,
    )
}

#[test]
fn broken_pairs_are_told_apart_and_keys_are_not_quoted() {
    let files = Files::new(90);
    let metrics = HttpMetrics::new(&Metrics::default()).listener("api");
    let open = |certificate: &PathBuf, key: &PathBuf| {
        let files = PairFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        };
        let error = Tls::open("api", files, metrics.clone()).err();
        error.map(|error| error.to_string()).unwrap_or_default()
    };
    let PairFiles { certificate, key } = &files.files;
    assert_eq!(open(certificate, key), "");
    assert!(open(&files.dir.path().join("no"), key).contains("No such file"));
    assert!(open(key, key).contains("holds no certificate"));
    assert!(open(certificate, certificate).contains("holds no private key"));
    assert!(open(certificate, &files.at("empty", "")).contains("holds no private key"));
    let secret = "hunter2hunter2!!";
    let broken = format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n");
    let told = open(certificate, &files.at("broken", &broken));
    assert!(
        told.contains("is no PEM") && !told.contains(secret),
        "{told}"
    );
    let rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(open(&files.at("rubbish", rubbish), key).contains("cannot be read"));
    let other = Files::new(90);
    assert!(open(&other.files.certificate, key).contains("certificate"));
    let large = files.at("large", &"x".repeat(2 << 20));
    assert!(open(&large, key).contains("are more than"));
}

#[test]
fn reloads_are_counted_and_a_dead_certificate_never_replaces_a_living_one() {
    let files = Files::new(90);
    let (tls, metrics) = opened(&files);
    let expiry = |page: &str| -> i64 {
        let name = "goshawk_coordinator_tls_certificate_expiry_timestamp_seconds{service=\"api\"} ";
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().parse().unwrap()
    };
    let first = expiry(&metrics.page().unwrap());
    assert!((89..=90).contains(&((first - now_s()) / 86_400)));
    files.write(-1);
    tls.reload();
    assert_eq!(expiry(&metrics.page().unwrap()), first);
    files.write(30);
    tls.reload();
    let page = metrics.page().unwrap();
    assert!(expiry(&page) < first);
    for result in ["taken", "refused"] {
        let line = format!(
            "goshawk_coordinator_tls_reloads_total{{service=\"api\",result=\"{result}\"}} 1"
        );
        assert!(page.contains(&line), "{line}\n{page}");
    }
    // At the start there is nothing better.
    let dead = Files::new(-1);
    opened(&dead);
}
