//! Opening and dropping sources many times leaves nothing behind.

use std::time::{Duration, Instant};

use goshawk_pipelines::camera::{Camera, CameraOptions};
use goshawk_proto::stream::SourceKind;

use crate::{
    clips::{self, H264},
    source,
};

fn count(what: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{what}"))
        .unwrap()
        .count()
}

/// Runs itself in a process of its own, because other tests open things meanwhile.
#[test]
fn twenty_rounds_leak_neither_threads_nor_descriptors() {
    if std::env::var_os("GOSHAWK_LEAK_CHILD").is_none() {
        let me = std::env::current_exe().unwrap();
        let child = std::process::Command::new(me)
            .args([
                "--exact",
                "leaks::twenty_rounds_leak_neither_threads_nor_descriptors",
            ])
            .arg("--nocapture")
            .env("GOSHAWK_LEAK_CHILD", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(
            child.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&child.stderr)
        );
        return;
    }
    let folder = clips::folder();
    let clip = H264.make(folder.path());
    let camera = Camera::start(CameraOptions::new(&clip)).unwrap();
    let round = || {
        let mut live = source(SourceKind::Tcp, &camera.url()).unwrap();
        live.next_frame().unwrap().unwrap();
        let mut file = source(SourceKind::Videofile, &clip.to_string_lossy()).unwrap();
        file.next_frame().unwrap().unwrap();
        // Also one that never gets as far as a frame.
        drop(source(SourceKind::Tcp, &camera.url()).unwrap());
    };
    // The first rounds fill pools that stay.
    for _ in 0..3 {
        round();
    }
    let (threads, files) = settled();
    for _ in 0..20 {
        round();
    }
    let (threads_after, files_after) = settled();
    println!("threads {threads} -> {threads_after}, descriptors {files} -> {files_after}");
    assert!(
        threads_after <= threads + 2,
        "{threads} threads became {threads_after}"
    );
    assert!(
        files_after <= files + 4,
        "{files} descriptors became {files_after}"
    );
}

/// Threads and descriptors once their number has stopped to fall.
fn settled() -> (usize, usize) {
    let start = Instant::now();
    let (mut threads, mut files) = (count("task"), count("fd"));
    let mut since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) && start.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(100));
        let now = (count("task"), count("fd"));
        if now.0 < threads || now.1 < files {
            (threads, files) = (threads.min(now.0), files.min(now.1));
            since = Instant::now();
        }
    }
    (threads, files)
}
