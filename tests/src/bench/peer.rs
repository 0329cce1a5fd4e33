//! Peers in Python: their packages and scripts.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::bail;

/// A script among the peers.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("peers")
        .join(name)
}

/// A Python with the pinned peers, made once and again when other versions are pinned.
pub fn python(home: &Path) -> anyhow::Result<PathBuf> {
    let venv = home.join("bench/venv");
    let python = venv.join("bin/python");
    let ready = venv.join("ready");
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/requirements.txt");
    let pinned = std::fs::read_to_string(&requirements)?;
    if std::fs::read_to_string(&ready).is_ok_and(|installed| installed == pinned) {
        return Ok(python);
    }
    eprintln!("installing the Python peer's packages");
    for command in [
        Command::new("python3").args(["-m", "venv"]).arg(&venv),
        Command::new(&python)
            .args(["-m", "pip", "install", "-q", "-r"])
            .arg(&requirements),
    ] {
        if !command.status()?.success() {
            bail!("the peer's packages could not be installed ({command:?})");
        }
    }
    std::fs::write(&ready, pinned)?;
    Ok(python)
}
