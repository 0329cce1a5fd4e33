//! `goshawk-models eval`.

use std::{
    fs,
    io::{IsTerminal, Write, stderr},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use goshawk_models::{
    DetectOptions, Pack, RuntimeOptions, Tiling, Vision,
    eval::{self, Settings, evaluate, plot, table},
    install::Home,
};
use indicatif::{ProgressBar, ProgressStyle};

/// How often the progress is told where there is no terminal.
const TOLD_EVERY: Duration = Duration::from_secs(10);

#[derive(Args)]
pub struct Eval {
    /// Folder with any of `detection`, `people` and `liveness`; EVAL.md says what is in them
    folder: PathBuf,
    /// Print a JSON document in place of the table
    #[arg(long)]
    json: bool,
    /// Draw how people are told apart into an SVG file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// The similarity that you call two faces one person from
    #[arg(long, value_name = "0..1", default_value_t = 0.6, value_parser = share)]
    threshold: f32,
    /// The probability that you call a face live from
    #[arg(long, value_name = "0..1", default_value_t = 0.5, value_parser = share)]
    liveness_threshold: f32,
    /// Look for small faces as well, in squares of so many pixels
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(128..=8192))]
    tiles: Option<u32>,
    /// Narrowest face that is looked for, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..))]
    min_face: u16,
    /// Most pictures of people that are compared, the first ones by name
    #[arg(long, value_name = "N", default_value_t = 5000)]
    max_pictures: usize,
}

fn share(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("want a number from 0 to 1".to_owned()),
    }
}

impl Eval {
    fn settings(&self) -> Settings {
        let tiles = match self.tiles {
            Some(size) => Tiling::Tiles { size },
            None => Tiling::Whole,
        };
        Settings {
            detect: DetectOptions {
                tiles,
                min_face: f32::from(self.min_face),
                ..DetectOptions::default()
            },
            threshold: self.threshold,
            liveness_threshold: self.liveness_threshold,
            max_people_pictures: self.max_pictures,
            ..Settings::default()
        }
    }
}

/// Measures and prints.
pub fn run(home: &Home, wish: &Eval, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let pack = Pack::open(&home.models(), &RuntimeOptions::new(home.onnx_runtime()))?;
    let vision = Vision::open(&pack)?;
    let mut progress = Progress::default();
    let report = evaluate(&vision, &wish.folder, &wish.settings(), &mut progress);
    progress.clear();
    let report = report?;
    if let Some(file) = &wish.plot {
        let drawn = report.verification.as_ref().and_then(plot);
        match drawn {
            Some(svg) => {
                fs::write(file, svg).with_context(|| format!("cannot write {}", file.display()))?
            }
            None => eprintln!("nothing to draw: there are no pairs of both kinds"),
        }
    }
    if wish.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        write!(out, "{}", table(&report))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A bar on a terminal, a line now and then elsewhere.
#[derive(Default)]
struct Progress {
    bar: Option<(String, ProgressBar)>,
    told: Option<Instant>,
}

impl Progress {
    fn clear(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl eval::Progress for Progress {
    fn at(&mut self, what: &str, done: usize, all: usize) {
        if !stderr().is_terminal() {
            let due = self.told.get_or_insert_with(Instant::now).elapsed() >= TOLD_EVERY;
            if due {
                eprintln!("{what}: {done} of {all}");
                self.told = Some(Instant::now());
            }
            return;
        }
        if self.bar.as_ref().is_none_or(|(name, _)| name != what) {
            self.clear();
            let bar = ProgressBar::new(all as u64).with_message(what.to_owned());
            let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} ({eta})");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            self.bar = Some((what.to_owned(), bar));
        }
        if let Some((_, bar)) = &self.bar {
            bar.set_position(done as u64);
        }
    }
}
