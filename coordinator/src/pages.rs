//! Manual pages and completions, made from the definition of the command line.

use std::{io, path::PathBuf};

use anyhow::Context;
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

/// The two commands that make them.
pub fn commands() -> [Command; 2] {
    let dir = Arg::new("dir")
        .value_name("DIR")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("Folder for the pages; made when it is not there");
    let shell = Arg::new("shell")
        .value_name("SHELL")
        .required(true)
        .value_parser(value_parser!(Shell))
        .help("The shell");
    [
        Command::new("man")
            .about("Write manual pages for all commands into a folder")
            .arg(dir),
        Command::new("completions")
            .about("Print completions for a shell")
            .arg(shell),
    ]
}

/// Writes the manual pages of `command`.
pub fn man(command: Command, matches: &ArgMatches) -> anyhow::Result<()> {
    let dir = matches.get_one::<PathBuf>("dir").context("no folder")?;
    std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(command, dir))
        .with_context(|| format!("cannot write pages to {}", dir.display()))
}

/// Prints the completions of `command`.
pub fn completions(mut command: Command, matches: &ArgMatches) -> anyhow::Result<()> {
    let shell = *matches.get_one::<Shell>("shell").context("no shell")?;
    let (name, mut text) = (command.get_name().to_owned(), Vec::new());
    clap_complete::generate(shell, &mut command, name, &mut text);
    io::Write::write_all(&mut io::stdout(), &text).context("standard output")
}
