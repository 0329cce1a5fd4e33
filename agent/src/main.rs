//! `goshawk-agent`: the edge daemon's command line.

mod pages;

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command};
use goshawk_agent::{
    analyze, app, check,
    config::{self, Config, LogFormat},
    heap,
};
use goshawk_proto::{
    settings::{Value, sample},
    stream::AnalyticsMode,
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let matches = command().get_matches();
    if let Some(("run" | "analyze", _)) = matches.subcommand() {
        heap::settle();
    }
    let done = match matches.subcommand() {
        Some(("run", matches)) => run(matches),
        Some(("analyze", matches)) => analyze(matches),
        Some(("check", matches)) => return check(matches),
        Some(("config", _)) => print_config(),
        Some(("man", matches)) => pages::man(command(), matches),
        Some(("completions", matches)) => pages::completions(command(), matches),
        _ => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "goshawk-agent: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes in one line. Most of our errors tell their cause themselves; what has
/// been said is not said again.
fn told(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |mut line, part| {
        let part = part.to_string();
        if !line.contains(&part) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&part);
        }
        line
    })
}

fn command() -> Command {
    Command::new("goshawk-agent")
        .about("Watches cameras and sends what it sees to a Goshawk coordinator")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(settings(
            Command::new("run").about("Run the daemon; enrols first where a join token is given"),
        ))
        .subcommand(settings(analyze_command()))
        .subcommand(settings(check_command()))
        .subcommand(
            Command::new("config")
                .about("Print a settings file with every key, its default and its meaning"),
        )
        .subcommands(pages::commands())
}

fn analyze_command() -> Command {
    Command::new("analyze")
        .about("Run the whole path on one source and print each event and the processor time by stage as JSON lines")
        .arg(Arg::new("source").required(true).help("File, folder of pictures, rtsp:// address or device"))
        .arg(Arg::new("out").long("out").value_name("FILE").help("Write the lines here rather than to standard output"))
        .arg(Arg::new("tracks").long("tracks").value_name("FILE").help("Write the boxes of all tracks here, as rows of the MOT Challenge's form"))
        .arg(Arg::new("frames").long("frames").value_name("N").value_parser(clap::value_parser!(u64)).help("Stop after so many frames"))
        .arg(Arg::new("time").long("time").value_name("SPAN").help("Stop after so long, e.g. 30s"))
        .arg(Arg::new("mode").long("mode").value_name("MODE").value_parser(["faces", "bodies", "humans"]).default_value("faces").help("What to look for; `humans` pairs faces and bodies"))
        .arg(Arg::new("descriptors").long("descriptors").action(ArgAction::SetTrue).help("Write descriptors too"))
}

fn check_command() -> Command {
    Command::new("check")
        .about("Tell everything that would keep the daemon from its work; changes nothing")
        .arg(
            Arg::new("online")
                .long("online")
                .action(ArgAction::SetTrue)
                .help("Also ask for the coordinator"),
        )
}

/// Adds `--config` and one flag for every key.
fn settings(command: Command) -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .help("Settings file (TOML)");
    let flags = Config::KEYS.iter().map(|key| {
        let help = if key.default.is_empty() {
            key.doc.trim().to_owned()
        } else {
            format!("{} [default: {}]", key.doc.trim(), key.default)
        };
        Arg::new(key.name)
            .long(key.name)
            .value_name("VALUE")
            .help(help)
            .help_heading("Settings")
    });
    command.arg(file).args(flags)
}

/// The settings file and the flags that were given.
fn given(matches: &ArgMatches) -> (Option<PathBuf>, Vec<(String, String)>) {
    let file = matches.get_one::<String>("config").map(PathBuf::from);
    let flags = Config::KEYS.iter().filter_map(|key| {
        Some((
            key.name.to_owned(),
            matches.get_one::<String>(key.name)?.clone(),
        ))
    });
    (file, flags.collect())
}

fn load(matches: &ArgMatches) -> anyhow::Result<Config> {
    let (file, flags) = given(matches);
    let config = config::load(file.as_deref(), flags)?;
    start_log(&config)?;
    Ok(config)
}

fn start_log(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log_level).context("log.level")?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match config.log_format {
        LogFormat::Text => log
            .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
            .init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let config = load(matches)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(app::run(config));
    // Blocking work that hangs, such as a source that cannot be stopped, must not hold us.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(result?)
}

fn analyze(matches: &ArgMatches) -> anyhow::Result<()> {
    let config = load(matches)?;
    let time = matches
        .get_one::<String>("time")
        .map(|text| Duration::parse(text))
        .transpose();
    let request = analyze::Request {
        source: matches
            .get_one::<String>("source")
            .cloned()
            .unwrap_or_default(),
        max_frames: matches.get_one::<u64>("frames").copied(),
        max_time: time.map_err(anyhow::Error::msg).context("--time")?,
        descriptors: matches.get_flag("descriptors"),
        mode: match matches.get_one::<String>("mode").map(String::as_str) {
            Some("bodies") => AnalyticsMode::Bodies,
            Some("humans") => AnalyticsMode::Humans,
            _ => AnalyticsMode::Faces,
        },
    };
    let file = |name| -> anyhow::Result<Option<Box<dyn Write + Send>>> {
        let Some(path) = matches.get_one::<String>(name) else {
            return Ok(None);
        };
        let file = File::create(path).with_context(|| path.clone())?;
        Ok(Some(Box::new(BufWriter::new(file))))
    };
    let out = file("out")?.unwrap_or_else(|| Box::new(io::stdout()));
    let tracks = file("tracks")?;
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(&stop)?;
    analyze::run(&config, &request, out, tracks, &stop)?;
    Ok(())
}

/// Prints what was found; fails when something is wrong.
fn check(matches: &ArgMatches) -> ExitCode {
    let (file, flags) = given(matches);
    let (config, problems) = config::examine(file.as_deref(), flags);
    let mut report = check::settings(&problems);
    if let Some(config) = &config {
        report.append(check::look(config));
        if matches.get_flag("online") {
            report.append(check::ask(config));
        }
    }
    let written = write!(io::stdout(), "{report}");
    if report.is_right() && written.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The first signal ends the analysis after the frame at hand, the second at once.
fn stop_on_signal(stop: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let stop = Arc::clone(stop);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let watch = move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if stop.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
            }
        });
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(watch)?;
    Ok(())
}

fn print_config() -> anyhow::Result<()> {
    io::stdout()
        .write_all(sample(Config::KEYS, config::ENV_PREFIX).as_bytes())
        .context("standard output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = || io::Error::other("disk on fire");
        let said = app::AppError::Listen {
            address: ([127, 0, 0, 1], 80).into(),
            source: cause(),
        };
        assert_eq!(
            told(&said.into()),
            "cannot listen on 127.0.0.1:80: disk on fire"
        );
        let bare = anyhow::Error::new(cause()).context("standard output");
        assert_eq!(told(&bare), "standard output: disk on fire");
    }
}
