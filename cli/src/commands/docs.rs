//! Completions and manual pages, both made from the definition of the command line.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{failure::Failure, output::Output};

/// `goshawk man`.
#[derive(Debug, Args)]
pub struct Docs {
    /// Folder for the pages; made when it is not there.
    dir: PathBuf,
}

/// Prints the completions for a shell.
pub fn completions(shell: Shell, output: &mut Output) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(
        shell,
        &mut crate::args::Args::command(),
        "goshawk",
        &mut text,
    );
    output.text(&String::from_utf8_lossy(&text))
}

/// Writes a manual page for `goshawk` and for each of its commands.
pub fn man(command: &Docs, output: &mut Output) -> Result<(), Failure> {
    let dir = &command.dir;
    let written = std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(crate::args::Args::command(), dir));
    written
        .map_err(|error| Failure::io(format!("cannot write pages to {}", dir.display()), &error))?;
    output.done(format!("the pages are in {}", dir.display()))
}
