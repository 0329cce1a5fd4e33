//! How often a call takes memory once everything is warm: a test binary of its own, for the
//! counting allocator is the whole process's. Counts what Rust code takes on the calling thread;
//! what ONNX Runtime takes inside a run (its outputs, from an arena that it keeps) is not seen.
//! Told apart from that: what scaling the picture takes, for the library that does it keeps a
//! small table for each column and row of its result.
#![expect(clippy::print_stdout, reason = "it says what it measured")]

#[path = "home/pack.rs"]
#[expect(dead_code, reason = "shared with the tests on pictures")]
mod home;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use goshawk_models::{
    DetectOptions, Pack, Picture, RuntimeOptions,
    manifest::Role,
    role::{MeshedFace, Subject},
};
use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
};

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
    /// Those of them that scaling took.
    static SCALING: Cell<u64> = const { Cell::new(0) };
}

/// A picture that counts what its scaling takes.
struct Watched(Picture);

impl Pixels for Watched {
    fn size(&self) -> Size {
        self.0.size()
    }

    fn region(&self, region: Rect, target: Size, out: &mut Rgb) {
        let before = TAKEN.get();
        self.0.region(region, target, out);
        SCALING.set(SCALING.get() + TAKEN.get() - before);
    }
}

struct Counting;

fn count() {
    TAKEN.with(|taken| taken.set(taken.get() + 1));
}

// SAFETY: every call goes on to the system's allocator unchanged; counting takes no memory.
#[expect(unsafe_code, reason = "an allocator cannot be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are the system allocator's demands.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often the last of some calls took memory, scaling apart.
fn steady<R>(what: &str, mut call: impl FnMut() -> R) -> u64 {
    for _ in 0..4 {
        drop(call());
    }
    let before = (TAKEN.get(), SCALING.get());
    drop(call());
    let (all, scaling) = (TAKEN.get() - before.0, SCALING.get() - before.1);
    println!("{what}: {}, and {scaling} in scaling", all - scaling);
    all - scaling
}

#[test]
fn calls_in_steady_state() {
    let Some(home) = home::home() else { return };
    let options = RuntimeOptions::at_home(&home);
    let pack = Pack::open(&home.join("models"), &options).unwrap();
    let analyzer = goshawk_models::FaceAnalyzer::new(&pack).unwrap();
    let options = DetectOptions::default();
    let empty = Watched(Picture::from_rgb(Rgb::black(Size::new(1280, 720))));
    let nobody = steady("detect, nobody there", || {
        analyzer.detect(&[&empty], &options).unwrap()
    });
    assert!(nobody <= LIMIT_NOBODY, "{nobody}");

    let Some(picture) = home::portrait("astronaut.png") else {
        return;
    };
    let picture = Watched(picture);
    let one = steady("detect, one face", || {
        analyzer.detect(&[&picture], &options).unwrap()
    });
    assert!(one <= LIMIT_FACE, "{one}");
    let face = analyzer
        .detect(&[&picture], &options)
        .unwrap()
        .remove(0)
        .remove(0);
    let warp = analyzer.warp(&picture, &face.detection.landmarks);
    // Scaled from 250 to 224 inside, which cannot be told apart here.
    let described = steady("describe one", || analyzer.describe(&[&warp]).unwrap());
    assert!(described <= LIMIT_DESCRIBE, "{described}");
    let mesher = pack.eye_mesher().unwrap();
    let meshed = MeshedFace {
        picture: &picture,
        mesh: &face.mesh,
    };
    let eyes = steady("eyes of one face", || mesher.eyes(&[meshed]).unwrap());
    assert!(eyes <= LIMIT_EYES, "{eyes}");
    let smile = pack.classifier(Role::Smile).unwrap();
    let subject = Subject {
        picture: &picture,
        bbox: face.detection.bbox,
        points: None,
    };
    let smiles = steady("smile of one face", || smile.classify(&[subject]).unwrap());
    assert!(smiles <= LIMIT_SMILE, "{smiles}");
}

// What was measured and a little more: 11, 27, 465, 5 and 6. A call must not come to take more.
// Detection takes them for the lists it answers with and, as every run of a model does, for the
// runtime's handles of the input and the outputs; of the description's, about 450 are the tables
// for scaling.
const LIMIT_NOBODY: u64 = 15;
const LIMIT_FACE: u64 = 35;
const LIMIT_DESCRIBE: u64 = 480;
const LIMIT_EYES: u64 = 8;
const LIMIT_SMILE: u64 = 9;
