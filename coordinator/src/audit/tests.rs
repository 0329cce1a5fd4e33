//! The audit log on a real disk.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use super::*;

const LIMITS: AuditLimits = AuditLimits {
    file_bytes: 1 << 20,
    files: 3,
};

fn entry(n: usize) -> AuditEntry {
    AuditEntry {
        time: Timestamp::from_unix_micros(1_700_000_000_000_000),
        request_id: format!("1700000000,{n}"),
        account_id: Some(AccountId(uuid::Uuid::from_u128(1))),
        token_id: None,
        claimed: None,
        peer: "10.0.0.9".parse().unwrap(),
        operation: "createFace",
        route: "/6/faces",
        object: Some("face".to_owned()),
        status: 201,
        error_code: None,
        retry_after_s: None,
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn entries_are_lines_that_only_the_owner_reads() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::default();
    let audit = Audit::start(dir.path(), LIMITS, &metrics).unwrap();
    for n in 0..100 {
        audit.record(entry(n));
    }
    audit.close();
    audit.close();
    audit.record(entry(100));
    let path = dir.path().join("audit/audit.jsonl");
    let found = lines(&path);
    assert_eq!(found.len(), 100);
    assert_eq!(found[7]["request_id"], "1700000000,7");
    assert_eq!(found[7]["operation"], "createFace");
    assert_eq!(found[7]["peer"], "10.0.0.9");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&dir.path().join("audit")), 0o700);
    let page = metrics.page().unwrap();
    assert!(page.contains("audit_entries_total 100"), "{page}");
    assert!(
        page.contains(r#"audit_lost_total{reason="Queue"} 1"#),
        "{page}"
    );
}

#[test]
fn the_log_goes_on_after_a_restart_and_a_torn_line() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(FOLDER);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("audit.jsonl"), "{\"time\":").unwrap();
    let audit = Audit::start(dir.path(), LIMITS, &Metrics::default()).unwrap();
    audit.record(entry(1));
    audit.close();
    let text = fs::read_to_string(folder.join("audit.jsonl")).unwrap();
    let all: Vec<_> = text.lines().collect();
    assert_eq!((all.len(), all[0]), (2, "{\"time\":"));
    assert!(all[1].contains("1700000000,1"));
}

/// Who guesses as fast as they can leaves a bounded trace, and none among the changes.
#[test]
fn a_flood_of_refusals_is_counted_and_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let metrics = Metrics::default();
    let audit = Audit::start(dir.path(), LIMITS, &metrics).unwrap();
    let refused = |n: usize, peer: [u8; 4]| AuditEntry {
        account_id: None,
        claimed: Some(Claim::Login("mia@example.com".to_owned())),
        peer: peer.into(),
        status: 401,
        error_code: Some(11065),
        ..entry(n)
    };
    for n in 0..50_000 {
        audit.record(refused(n, [10, 0, 0, 9]));
    }
    audit.record(entry(7));
    audit.record(refused(1, [10, 0, 0, 8]));
    audit.close();
    let changes = lines(&dir.path().join("audit/audit.jsonl"));
    assert_eq!(changes.len(), 1, "a change is not lost among them");
    let refusals = lines(&dir.path().join("audit/refused.jsonl"));
    let from = |peer: &str| refusals.iter().filter(|line| line["peer"] == peer).count();
    assert_eq!(from("10.0.0.9"), flood::MOST_OF_ONE as usize);
    assert_eq!(from("10.0.0.8"), 1);
    assert_eq!(refusals[0]["claimed"]["login"], "mia@example.com");
    let told: u64 = refusals
        .iter()
        .filter_map(|line| line["left_out"].as_u64())
        .sum();
    assert_eq!(told, 50_000 - u64::from(flood::MOST_OF_ONE));
    let page = metrics.page().unwrap();
    assert!(
        page.contains(&format!("audit_left_out_total {told}")),
        "{page}"
    );
}

#[test]
fn old_files_make_room() {
    let dir = tempfile::tempdir().unwrap();
    let limits = AuditLimits {
        file_bytes: 250,
        files: 3,
    };
    let mut file = AuditFile::open(dir.path(), "audit", limits).unwrap();
    for n in 0..9_u8 {
        let line = [[b'0' + n; 99].as_slice(), b"\n"].concat();
        file.append(&line).unwrap();
    }
    file.sync().unwrap();
    let read = |name: &str| {
        let text = fs::read_to_string(dir.path().join(name)).unwrap();
        text.lines()
            .map(|line| line[..1].to_owned())
            .collect::<String>()
    };
    assert_eq!(read("audit.jsonl"), "8");
    assert_eq!(read("audit.1.jsonl"), "67");
    assert_eq!(read("audit.2.jsonl"), "45");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn a_failing_disk_costs_entries_and_nothing_else() {
    // What every write to it fails on, as on a full disk.
    if fs::write("/dev/full", "x").is_ok() || !Path::new("/dev/full").exists() {
        println!("SKIPPED: no /dev/full");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(FOLDER);
    fs::create_dir(&folder).unwrap();
    let mut changes = AuditFile::open(&folder, "audit", LIMITS).unwrap();
    changes.append(b"before\n").unwrap();
    changes.break_down();
    let metrics = AuditMetrics::default();
    let mut writer = Writer {
        changes,
        refusals: AuditFile::open(&folder, "refused", LIMITS).unwrap(),
        flood: Arc::default(),
        metrics: metrics.clone(),
        warned: None,
    };
    for n in 0..3 {
        writer.write(&entry(n));
    }
    let lost = |reason| metrics.lost.get_or_create(&LossLabels { reason }).get();
    assert_eq!((lost(Loss::Disk), metrics.written.get()), (3, 0));
    assert!(writer.warned.is_some());
}
