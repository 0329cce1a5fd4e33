//! How often a call takes memory once everything is warm: a test binary of its own, for the
//! counting allocator is the whole process's. Counts what Rust code takes on the calling thread.
//!
//! What is left are the answers that the caller keeps, and what two libraries take, which is told
//! apart: `fast_image_resize` keeps a small table for each column and row of what it scales, and
//! `ort` makes a handle for each input of a run. The outputs of a run are kept from run to run;
//! what ONNX Runtime takes inside (from an arena that it keeps) is not seen.
#![expect(clippy::print_stdout, reason = "it says what it measured")]

#[path = "home/pack.rs"]
#[expect(dead_code, reason = "shared with the tests on pictures")]
mod home;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use goshawk_models::{
    DetectOptions, Pack, Picture, RuntimeOptions, Tiling,
    manifest::Role,
    role::{MeshedFace, Subject},
};
use goshawk_proto::{
    geometry::{Rect, Size},
    picture::{Pixels, Rgb},
};
use ort::value::TensorRef;

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

/// How often the last of some calls took memory: in all, and for scaling.
fn warm<R>(mut call: impl FnMut() -> R) -> (u64, u64) {
    for _ in 0..4 {
        drop(call());
    }
    let before = (TAKEN.get(), SCALING.get());
    drop(call());
    (TAKEN.get() - before.0, SCALING.get() - before.1)
}

/// What is not ours: of `ort` for one input.
struct Libraries {
    input: u64,
}

impl Libraries {
    fn measure() -> Self {
        let data = [0f32; 48];
        let shape = [1usize, 4, 4, 3];
        let (input, _) = warm(|| TensorRef::from_array_view((shape, &data[..])).is_ok());
        println!("libraries: {input} an input of a run");
        Self { input }
    }

    /// What is ours of a call that runs networks `runs` times.
    fn apart<R>(&self, what: &str, runs: u64, call: impl FnMut() -> R) -> u64 {
        let (all, scaling) = warm(call);
        let ours = all - scaling - runs * self.input;
        println!("{what}: {all}, of them {scaling} in scaling, {ours} ours");
        ours
    }
}

#[test]
fn calls_in_steady_state() {
    let Some(home) = home::home() else { return };
    let options = RuntimeOptions::at_home(&home);
    let pack = Pack::open(&home.join("models"), &options).unwrap();
    let libraries = Libraries::measure();
    let analyzer = goshawk_models::FaceAnalyzer::new(&pack).unwrap();
    let options = DetectOptions::default();
    let empty = Watched(Picture::from_rgb(Rgb::black(Size::new(1280, 720))));
    let nobody = libraries.apart("detect, nobody there", 1, || {
        analyzer.detect(&[&empty], &options).unwrap()
    });
    assert_eq!(nobody, 1, "the list of the pictures' faces");
    let tiled = DetectOptions {
        tiles: Tiling::Tiles { size: 512 },
        ..options
    };
    let nobody = libraries.apart("detect in tiles, nobody there", 7, || {
        analyzer.detect(&[&empty], &tiled).unwrap()
    });
    assert_eq!(nobody, 1, "the same");

    let Some(picture) = home::portrait("astronaut.png") else {
        return;
    };
    let picture = Watched(picture);
    let one = libraries.apart("detect, one face", 2, || {
        analyzer.detect(&[&picture], &options).unwrap()
    });
    assert_eq!(one, 3, "the two lists and the mesh");
    let face = analyzer
        .detect(&[&picture], &options)
        .unwrap()
        .remove(0)
        .remove(0);
    let warp = analyzer.warp(&picture, &face.detection.landmarks);
    let described = libraries.apart("describe one", 1, || analyzer.describe(&[&warp]).unwrap());
    assert!(described <= MOST_DESCRIBED, "{described}");
    let mesher = pack.eye_mesher().unwrap();
    let meshed = MeshedFace {
        picture: &picture,
        mesh: &face.mesh,
    };
    let eyes = libraries.apart("eyes of one face", 1, || mesher.eyes(&[meshed]).unwrap());
    assert_eq!(
        eyes, 2,
        "the answer and a list of the eyes that can be seen"
    );
    let smile = pack.classifier(Role::Smile).unwrap();
    let subject = Subject {
        picture: &picture,
        bbox: face.detection.bbox,
        points: None,
    };
    let smiles = libraries.apart("smile of one face", 1, || {
        smile.classify(&[subject]).unwrap()
    });
    assert_eq!(smiles, 3, "the answer's two lists and one of the faces");
}

/// The list, and the values of one: as the network gives them and at unit length.
const MOST_DESCRIBED: u64 = 4;
