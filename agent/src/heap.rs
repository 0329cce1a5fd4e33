//! How the C library keeps memory that decoders and models have given back.
//!
//! Every thread that allocates may get an arena of its own, and what a stream's threads leave in one
//! when its camera is lost is of no use to those of the next connection: measured with eight cameras
//! and 33 losses in five minutes, 310 MiB became 651 and went on rising. With two arenas, and
//! pictures mapped and unmapped whole (the library otherwise learns from their size to keep them),
//! it rose by 3 MiB a minute instead of 46, of which some is warming up. The library reads both
//! settings from the environment before a program begins, so the program starts itself once more.

use std::{env, os::unix::process::CommandExt, process::Command};

/// See `mallopt(3)`.
const SETTINGS: [(&str, &str); 2] = [
    ("MALLOC_ARENA_MAX", "2"),
    ("MALLOC_MMAP_THRESHOLD_", "262144"),
];

/// Starts this program anew, as the same process with the same arguments, unless it has the
/// settings or somebody has chosen their own. Comes back where that is not possible; then memory is
/// kept as the library likes.
pub fn settle() {
    if SETTINGS.iter().any(|(name, _)| env::var_os(name).is_some()) {
        return;
    }
    let mut arguments = env::args_os();
    let (Some(name), Ok(program)) = (arguments.next(), env::current_exe()) else {
        return;
    };
    // Only comes back with an error.
    let _ = Command::new(program)
        .arg0(name)
        .args(arguments)
        .envs(SETTINGS)
        .exec();
}
