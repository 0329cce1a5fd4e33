//! What each step costs on this machine, printed; run with
//! `cargo test --release -p goshawk-models --test costs -- --ignored --nocapture costs`, and for
//! memory with the name `memory` and a number of sessions in `GOSHAWK_SESSIONS`.
#![expect(clippy::print_stdout, reason = "it says what it measured")]

#[path = "home/pack.rs"]
#[expect(dead_code, reason = "shared with the tests on pictures")]
mod pack;

use std::time::Instant;

use goshawk_models::{
    DetectOptions, Estimation, Given, LookLimits, Pack, Picture, RuntimeOptions, Tiling, Vision,
    Wanted, face_quality, warp_face,
};
use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
};
use pack::{analyzer, portrait};

/// Median milliseconds of some runs.
fn time(what: &str, mut work: impl FnMut()) -> f64 {
    let mut runs: Vec<f64> = (0..30)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    println!("{what}: {:.2} ms", runs[runs.len() / 2]);
    runs[runs.len() / 2]
}

#[test]
#[ignore = "measures, decides nothing"]
fn costs() {
    let Some(analyzer) = analyzer() else { return };
    let Some(one) = portrait("astronaut.png") else {
        return;
    };
    let hd = Picture::from_rgb(Rgb::black(Size::new(1280, 720)));
    let detect = |picture: &Picture, tiles| {
        let options = DetectOptions {
            tiles,
            ..DetectOptions::default()
        };
        analyzer.detect(&[picture], &options).unwrap().remove(0)
    };
    let mut out = Rgb::default();
    let whole = Rect {
        x: 0,
        y: 0,
        width: 1280,
        height: 720,
    };
    time("reduce 1280x720 to 256x144", || {
        hd.region(whole, Size::new(256, 144), &mut out)
    });
    time("detect, no face", || drop(detect(&hd, Tiling::Whole)));
    time("detect, one face", || drop(detect(&one, Tiling::Whole)));
    time("detect, tiles of 512, no face", || {
        drop(detect(&hd, Tiling::Tiles { size: 512 }))
    });
    let face = detect(&one, Tiling::Whole).remove(0);
    let landmarks = face.detection.landmarks;
    time("warp", || drop(warp_face(&one, &landmarks)));
    let warp = warp_face(&one, &landmarks);
    time("quality", || {
        std::hint::black_box(face_quality(&warp));
    });
    time("describe one", || {
        drop(analyzer.describe(&[&warp]).unwrap())
    });
    time("describe four", || {
        drop(analyzer.describe(&[&warp; 4]).unwrap())
    });
}

/// What this process holds of the machine's memory, in MiB; 0 where that is not told.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:"));
    let kib = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

#[test]
#[ignore = "measures, decides nothing"]
fn memory() {
    let (Some(home), Some(picture)) = (pack::home(), portrait("astronaut.png")) else {
        return;
    };
    let sessions = std::env::var("GOSHAWK_SESSIONS").map_or(1, |n| n.parse().unwrap());
    let mut options = RuntimeOptions::at_home(&home);
    options.sessions = sessions;
    let begin = resident();
    let pack = Pack::open(&home.join("models"), &options).unwrap();
    let vision = Vision::open(&pack).unwrap();
    println!("{sessions} sessions, opened: {:.0} MiB", resident() - begin);
    let wanted = Wanted::these(&Estimation::ALL);
    let look = || {
        let limits = LookLimits::default();
        for _ in 0..4 {
            vision
                .look(&picture, Given::Nothing, &wanted, &limits)
                .unwrap();
        }
    };
    look();
    println!("used by one caller: {:.0} MiB", resident() - begin);
    std::thread::scope(|scope| {
        for _ in 0..sessions {
            scope.spawn(look);
        }
    });
    println!("used by {sessions}: {:.0} MiB", resident() - begin);
}
