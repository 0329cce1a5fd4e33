//! The service units, as the service manager's own tools see them.
#![allow(
    clippy::unwrap_used,
    reason = "tests may stop at the first thing that is not as it should be"
)]

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// Greatest exposure that `systemd-analyze security` may see, in tenths: 10 of 100 is what it calls
/// best, 20 is still "OK".
const MOST_EXPOSED: u32 = 20;

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd")
}

/// Runs a tool of systemd; `None`, loudly, where it is not installed.
fn tool(name: &str, args: &[&str]) -> Option<(bool, String)> {
    match Command::new(name).args(args).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            Some((output.status.success(), text))
        }
        Err(_) => {
            // Past the capture of output, so that it is seen.
            let line = format!("SKIPPED: there is no {name}\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            None
        }
    }
}

/// The unit with a program that is there.
fn runnable(name: &str, dir: &Path) -> String {
    let text = std::fs::read_to_string(units().join(name)).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| {
            if line.starts_with("ExecStart=") {
                "ExecStart=/bin/true"
            } else {
                line
            }
        })
        .collect();
    let path = dir.join(name);
    std::fs::write(&path, lines.join("\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

const UNITS: [&str; 2] = ["goshawk-agent.service", "goshawk-coordinator.service"];

#[test]
fn units_are_well_formed() {
    let dir = tempfile::tempdir().unwrap();
    for name in UNITS {
        let unit = runnable(name, dir.path());
        let Some((right, text)) = tool("systemd-analyze", &["verify", "--man=no", &unit]) else {
            return;
        };
        // It warns about unknown keys without failing.
        assert!(right && !text.contains(name), "{text}");
    }
}

#[test]
fn units_are_hardened() {
    let dir = tempfile::tempdir().unwrap();
    for name in UNITS {
        let unit = runnable(name, dir.path());
        let threshold = format!("--threshold={MOST_EXPOSED}");
        let args = [
            "security",
            "--offline=true",
            "--no-pager",
            &threshold,
            &unit,
        ];
        let Some((right, text)) = tool("systemd-analyze", &args) else {
            return;
        };
        assert!(right, "{text}");
    }
}

#[test]
fn users_and_folders_are_well_formed() {
    let root = tempfile::tempdir().unwrap();
    let root_flag = format!("--root={}", root.path().display());
    for daemon in ["agent", "coordinator"] {
        let users = units().join(format!("goshawk-{daemon}.sysusers"));
        let args = ["--dry-run", &root_flag, users.to_str().unwrap()];
        let Some((right, text)) = tool("systemd-sysusers", &args) else {
            return;
        };
        assert!(right, "{text}");
        assert!(text.contains(&format!("goshawk-{daemon}")), "{text}");
    }
}

#[test]
fn the_agent_is_watched_and_bounded() {
    let text = std::fs::read_to_string(units().join(UNITS[0])).unwrap();
    for want in [
        "Type=notify",
        "NotifyAccess=main",
        "WatchdogSec=",
        "MemoryMax=",
        "TasksMax=",
        "LimitNOFILE=",
        "LimitCORE=0",
        "StateDirectory=goshawk-agent",
        "User=goshawk-agent",
    ] {
        assert!(text.lines().any(|line| line.starts_with(want)), "{want}");
    }
}

#[test]
fn a_package_has_the_program_its_unit_and_its_settings() {
    let programs = tempfile::tempdir().unwrap();
    // Any program will do to see how it is packed.
    std::fs::copy("/bin/true", programs.path().join("goshawk-agent")).unwrap();
    let out = tempfile::tempdir().unwrap();
    let (programs, out) = (programs.path().to_str().unwrap(), out.path());
    if tool("dpkg-shlibdeps", &["--version"]).is_none() {
        return;
    }
    let script = units().join("../packaging/deb.sh");
    let args = ["agent", programs, out.to_str().unwrap()];
    let (right, text) = tool(script.to_str().unwrap(), &args).unwrap();
    assert!(right, "{text}");
    let package = std::fs::read_dir(out).unwrap().next().unwrap().unwrap();
    let package = package.path();
    let package = package.to_str().unwrap();
    let (_, control) = tool("dpkg-deb", &["--info", package]).unwrap();
    for want in [
        "Package: goshawk-agent",
        "libc6",
        "gstreamer1.0-libav",
        "conffiles",
        "postinst",
    ] {
        assert!(control.contains(want), "{want}: {control}");
    }
    let (_, files) = tool("dpkg-deb", &["--contents", package]).unwrap();
    for want in [
        "./usr/bin/goshawk-agent",
        "./usr/lib/systemd/system/goshawk-agent.service",
        "./usr/lib/sysusers.d/goshawk-agent.conf",
        "./usr/lib/tmpfiles.d/goshawk-agent.conf",
        "./etc/goshawk/agent.toml",
        "./usr/share/doc/goshawk-agent/README.md",
    ] {
        assert!(files.contains(want), "{want}: {files}");
    }
}
