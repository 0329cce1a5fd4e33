//! `goshawk-models`: installs, adds, lists and checks the models and the libraries that run them.

#![expect(clippy::print_stderr, reason = "a command-line program")]

#[path = "goshawk-models/evaluate.rs"]
mod evaluate;
#[path = "goshawk-models/list.rs"]
mod list;
#[path = "goshawk-models/recommended.rs"]
mod recommended;

use std::{
    io::{self, IsTerminal, Write, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand};
use goshawk_models::{
    RuntimeOptions,
    install::{Added, Clients, Home, Plan, Report, Wish, add, install, verify},
    manifest::{self, Manifest},
    pack::serving,
};
use indicatif::{ProgressBar, ProgressStyle};

/// Installs, adds, lists and checks Goshawk's models and the libraries that run them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where everything fetched lives
    #[arg(
        long,
        env = "GOSHAWK_HOME",
        default_value = ".goshawk",
        value_name = "DIR",
        global = true
    )]
    home: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch and convert what is missing or wrong; what is right is left alone
    Install {
        #[command(subcommand)]
        what: Option<Further>,
    },
    /// Add a model that you have: its manifest is checked against its file and it is tried out
    Add {
        /// The manifest, a TOML file
        manifest: PathBuf,
        /// The model's file; without this, the one the manifest names, beside it
        #[arg(long, value_name = "FILE")]
        model: Option<PathBuf>,
        /// Replace an installed model of the same name
        #[arg(long)]
        replace: bool,
    },
    /// Show what can be estimated, and by role the models: version, terms, what was measured, and
    /// whether they are in place or missing
    List,
    /// Check every file; fails and names those that are missing or wrong
    Verify,
    /// Measure the installed models on your own pictures
    Eval(evaluate::Eval),
}

#[derive(Subcommand)]
enum Further {
    /// Fetch public models that do some of it better, from where their authors publish them
    Recommended(recommended::Recommended),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let home = Home::new(arguments.home);
    let mut out = stdout().lock();
    let done = run(arguments.command, &home, &mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match done {
        Ok(code) => code,
        // Whoever reads has seen enough, as with `… list | head`.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Our errors name their causes themselves.
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, home: &Home, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Install { what: None } => run_install(home, out),
        Command::Install {
            what: Some(Further::Recommended(wish)),
        } => recommended::run(home, &wish, out),
        Command::Add {
            manifest,
            model,
            replace,
        } => {
            let wish = Wish {
                manifest,
                model,
                replace,
            };
            run_add(home, &wish, out)
        }
        Command::List => list::run(home, out),
        Command::Verify => run_verify(home, out),
        Command::Eval(wish) => evaluate::run(home, &wish, out),
    }
}

/// Only what is printed fails with a bare I/O error; others say which file they are about.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

fn run_install(home: &Home, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let plan = Plan::for_architecture(std::env::consts::ARCH)?;
    let mut progress = Progress::default();
    let result = install(&plan, home, &Clients, &mut progress);
    progress.clear();
    let summary = result?;
    if summary.made == 0 {
        writeln!(
            out,
            "{} files in {} are in place; nothing was fetched",
            summary.kept,
            home.path().display()
        )?;
    } else {
        writeln!(
            out,
            "{} files made, {} kept, {} packages fetched, in {} ({:.1} s)",
            summary.made,
            summary.kept,
            summary.fetched,
            home.path().display(),
            start.elapsed().as_secs_f32()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn run_add(home: &Home, wish: &Wish, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let options = RuntimeOptions::new(home.onnx_runtime());
    let mut progress = Progress::default();
    let result = add(home, wish, &options, &mut progress);
    progress.clear();
    let Added { manifest, pinned } = result?;
    writeln!(
        out,
        "{} is installed in {}",
        manifest.name,
        home.models().display()
    )?;
    if pinned {
        writeln!(
            out,
            "its manifest had no checksum; {} is pinned now. Nobody but you vouches for the file.",
            manifest.sha256
        )?;
    }
    if let Some(warning) = terms(&manifest) {
        writeln!(out, "{warning}")?;
    }
    let installed = manifest::read_dir(&home.models())?;
    for role in &manifest.roles {
        match serving(&installed, *role).first() {
            Some(first) if first.name != manifest.name && !together(first, &manifest) => writeln!(
                out,
                "{role} stays with {}, whose preference is {}; this one's is {}",
                first.name, first.preference, manifest.preference
            )?,
            _ => writeln!(out, "{role} is served by it from the next start on")?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether two models of a role are asked together.
fn together(a: &Manifest, b: &Manifest) -> bool {
    a.family == b.family && a.family == manifest::Family::MiniFasnet
}

/// What its licence asks of its user, where that matters.
fn terms(manifest: &Manifest) -> Option<String> {
    let licence = &manifest.licence;
    let note = licence.note.as_deref().unwrap_or_default();
    match licence.commercial {
        Some(true) => None,
        Some(false) => Some(format!("NOT FOR COMMERCIAL USE ({}): {note}", licence.spdx)),
        None => Some(format!(
            "whether its licence ({}) allows commercial use was not checked: {note}",
            licence.spdx
        )),
    }
}

fn run_verify(home: &Home, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let plan = Plan::for_architecture(std::env::consts::ARCH)?;
    let checks = verify(&plan, home)?;
    let mut wrong = 0;
    for error in checks
        .iter()
        .filter_map(|check| check.result.as_ref().err())
    {
        wrong += 1;
        eprintln!("error: {error}");
    }
    if wrong > 0 {
        eprintln!("{wrong} of {} files are missing or wrong", checks.len());
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "all {} files are right", checks.len())?;
    Ok(ExitCode::SUCCESS)
}

/// A spinner on a terminal, plain lines elsewhere.
#[derive(Default)]
struct Progress {
    spinner: Option<ProgressBar>,
}

impl Progress {
    fn clear(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}

impl Report for Progress {
    fn begin(&mut self, what: &str) {
        if !stderr().is_terminal() {
            eprintln!("{what}");
            return;
        }
        let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
        let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
        spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        spinner.enable_steady_tick(Duration::from_millis(100));
        self.spinner = Some(spinner);
    }

    fn tick(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.tick();
        }
    }

    fn end(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            let what = spinner.message();
            let seconds = spinner.elapsed().as_secs_f32();
            spinner.finish_and_clear();
            eprintln!("{what}: done in {seconds:.1} s");
        }
    }

    fn note(&mut self, what: &str) {
        match &self.spinner {
            Some(spinner) => spinner.println(what),
            None => eprintln!("{what}"),
        }
    }
}
