//! `goshawk models`: becomes `goshawk-models`, which lies beside this program.
//!
//! That one links the inference library, which operators of a remote coordinator do not need, so
//! it is a program of its own.

use std::{
    env, ffi::OsString, io::ErrorKind, os::unix::process::CommandExt as _, process::Command,
};

use clap::Args;

use crate::failure::Failure;

const PROGRAM: &str = "goshawk-models";

/// Arguments of `goshawk models`, all of them the other program's.
#[derive(Debug, Args)]
pub struct Models {
    /// What to do, such as `list` or `eval FOLDER`; `--help` shows all of it.
    #[arg(
        value_name = "ARGUMENTS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<OsString>,
}

/// Replaces this process by the other program, so that its exit code, its terminal and signals to
/// it are just its own. Returns only when that cannot be done.
pub fn run(command: &Models) -> Result<(), Failure> {
    let here = env::current_exe().map_err(|e| Failure::io("cannot find this program", &e))?;
    let program = here.with_file_name(PROGRAM);
    let error = Command::new(&program).args(&command.arguments).exec();
    Err(match error.kind() {
        ErrorKind::NotFound => Failure::Failed(format!(
            "{} is missing: build it, or install the whole package",
            program.display()
        )),
        _ => Failure::io(format_args!("cannot start {}", program.display()), &error),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::args::{Args as All, Command};

    #[test]
    fn everything_behind_the_word_is_handed_over() {
        for line in [
            "eval folder --json --plot a.svg",
            "--help",
            "--home elsewhere list",
            "install recommended --list",
            "",
        ] {
            let words: Vec<&str> = line.split_whitespace().collect();
            let all = All::try_parse_from(["goshawk", "models"].iter().chain(&words)).unwrap();
            let Command::Models(models) = all.command else {
                panic!("{line}")
            };
            assert_eq!(models.arguments, words, "{line}");
        }
    }
}
