//! House rules that no lint can say: dependency arrows, file sizes, module names and headers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Which of our packages each may depend on. Anything else fails.
const ARROWS: &[(&str, &[&str])] = &[
    ("goshawk-proto", &[]),
    ("goshawk-pipelines", &["goshawk-proto"]),
    ("goshawk-models", &["goshawk-proto"]),
    ("goshawk-agent-core", &["goshawk-proto"]),
    ("goshawk-coordinator-core", &["goshawk-proto"]),
    (
        "goshawk-agent",
        &[
            "goshawk-proto",
            "goshawk-agent-core",
            "goshawk-pipelines",
            "goshawk-models",
        ],
    ),
    (
        "goshawk-coordinator",
        &[
            "goshawk-proto",
            "goshawk-coordinator-core",
            "goshawk-pipelines",
            "goshawk-models",
        ],
    ),
    ("goshawk", &[]),
    // The benchmarks measure models, the tracker and the witnesses of liveness by themselves.
    (
        "goshawk-e2e",
        &["goshawk-proto", "goshawk-agent-core", "goshawk-models"],
    ),
];

/// What a pure package must not depend on, directly.
const PURE: &[&str] = &[
    "goshawk-proto",
    "goshawk-agent-core",
    "goshawk-coordinator-core",
];
const IMPURE: &[&str] = &[
    "tokio",
    "quinn",
    "warp",
    "sled",
    "ort",
    "gstreamer",
    "ffmpeg-next",
    "reqwest",
    "hyper",
    "tracing",
];

/// Lines after which a file holds two things.
const MAX_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn dependencies_point_one_way() {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(allowed) = allowed.get(name) else {
            wrong.push(format!("{name} is not in the table of this test"));
            continue;
        };
        for dependency in &package.dependencies {
            let on = dependency.name.as_str();
            let ours = on.starts_with("goshawk");
            if ours && dependency.kind != DependencyKind::Development && !allowed.contains(&on) {
                wrong.push(format!("{name} must not depend on {on}"));
            }
            if PURE.contains(&name)
                && dependency.kind == DependencyKind::Normal
                && IMPURE.contains(&on)
            {
                wrong.push(format!("{name} is pure and must not depend on {on}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_hold_one_thing_and_say_which() {
    let mut wrong = Vec::new();
    for file in rust_files(&root()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file
            .strip_prefix(root())
            .unwrap_or(&file)
            .display()
            .to_string();
        let lines = text.lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{name} has {lines} lines, more than {MAX_LINES}"));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{name} does not begin with a `//!` header"));
        }
        let stem = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if ["utils", "util", "helpers", "common", "misc", "mod"].contains(&stem.as_str()) {
            wrong.push(format!("{name}: `{stem}` says nothing about what is in it"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_pictures_clips_or_weights_are_committed() {
    let output = std::process::Command::new("git")
        .arg("-C")
        .arg(root())
        .arg("ls-files")
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: git is not there, so the repository's files are not known");
        return;
    };
    let banned: BTreeSet<&str> = [
        "onnx", "bin", "mp4", "mkv", "avi", "jpg", "jpeg", "png", "so", "whl", "tgz", "npz",
    ]
    .into();
    let listed = String::from_utf8_lossy(&output.stdout);
    let wrong: Vec<&str> = listed
        .lines()
        .filter(|file| banned.contains(file.rsplit('.').next().unwrap_or_default()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_readme_shows_the_two_commands_and_no_gaps() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for command in ["\nmake demo\n", "\nmake test\n"] {
        assert!(readme.contains(command), "{command:?} is not in README.md");
    }
    let gap = readme
        .split_whitespace()
        .find(|word| word.contains("TRANSCRIPT") || word.contains("TODO"));
    assert_eq!(gap, None);
}

fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().unwrap().is_dir() {
                if !name.starts_with('.') && name != "target" {
                    folders.push(entry.path());
                }
            } else if name.ends_with(".rs") {
                found.push(entry.path());
            }
        }
    }
    found
}
