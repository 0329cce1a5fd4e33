//! `goshawk-models`: installs, lists and checks the models and the libraries that run them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program"
)]

use std::{
    io::{IsTerminal, stderr},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Parser, Subcommand};
use goshawk_models::{
    install::{Clients, Home, Plan, Report, install, verify},
    manifest::{self, Manifest},
};
use indicatif::{ProgressBar, ProgressStyle};

/// Installs, lists and checks Goshawk's models and the libraries that run them.
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
    Install,
    /// Show the models: what they are for, terms, source and whether they are in place
    List {
        /// Show what was measured as well
        #[arg(long)]
        quality: bool,
    },
    /// Check every file; fails and names those that are missing or wrong
    Verify,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let home = Home::new(arguments.home);
    let done = match arguments.command {
        Command::Install => run_install(&home),
        Command::List { quality } => run_list(&home, quality),
        Command::Verify => run_verify(&home),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // Our errors name their causes themselves.
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_install(home: &Home) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let plan = Plan::for_architecture(std::env::consts::ARCH)?;
    let mut progress = Progress::default();
    let result = install(&plan, home, &Clients, &mut progress);
    progress.clear();
    let summary = result?;
    if summary.made == 0 {
        println!(
            "{} files in {} are in place; nothing was fetched",
            summary.kept,
            home.path().display()
        );
    } else {
        println!(
            "{} files made, {} kept, {} packages fetched, in {} ({:.1} s)",
            summary.made,
            summary.kept,
            summary.fetched,
            home.path().display(),
            start.elapsed().as_secs_f32()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn run_list(home: &Home, quality: bool) -> anyhow::Result<ExitCode> {
    let models = home.models();
    let installed = models.is_dir();
    let manifests = if installed {
        manifest::read_dir(&models)
    } else {
        manifest::default_pack()
    };
    for model in manifests? {
        let state = match model.checked_file(&models) {
            Ok(_) => "in place".to_owned(),
            Err(error) => error.to_string(),
        };
        print_model(&model, &state, quality);
    }
    if !installed {
        println!(
            "Nothing is installed in {}; run `goshawk-models install`.",
            home.path().display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn print_model(model: &Manifest, state: &str, quality: bool) {
    println!("{}: {}", model.name, model.about);
    println!("  file     {} ({state})", model.file);
    println!("  licence  {}", model.licence.spdx);
    if let Some(note) = &model.licence.note {
        println!("           {note}");
    }
    println!("  source   {}", model.source.text);
    if quality {
        for q in &model.quality {
            println!("  measured {}: {} ({})", q.what, q.value, q.on);
        }
    }
}

fn run_verify(home: &Home) -> anyhow::Result<ExitCode> {
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
    println!("all {} files are right", checks.len());
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
