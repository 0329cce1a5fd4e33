//! `goshawk-coordinator`: the coordinator's command line.

mod pages;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command};
use goshawk_coordinator::{
    app::App,
    auth, backup,
    config::{Config, LogFormat, PREFIX},
    files,
};
use goshawk_proto::{settings::sample, time::Timestamp};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How long a process whose database failed takes leave before it ends all the same.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let matches = command().get_matches();
    let done = match matches.subcommand() {
        Some(("run", matches)) => run(matches).map(|()| 0),
        Some(("config", _)) => print_config().map(|()| 0),
        Some(("man", matches)) => pages::man(command(), matches).map(|()| 0),
        Some(("completions", matches)) => pages::completions(command(), matches).map(|()| 0),
        Some(("keys", matches)) => keys(matches).map(|()| 0),
        Some((name @ ("backup" | "restore" | "verify"), matches)) => keep(name, matches),
        _ => Ok(0),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(io::stderr(), "goshawk-coordinator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .help("Settings file (TOML)");
    let flags = Config::KEYS.iter().map(|key| {
        Arg::new(key.name)
            .long(key.name)
            .value_name("VALUE")
            .help(key.doc.trim().to_owned())
            .help_heading("Settings")
    });
    let rotate = Command::new("rotate")
        .about("Sign new tokens with a new key; a running coordinator notices within a second")
        .arg(file.clone())
        .arg(
            Arg::new("drop-old")
                .long("drop-old")
                .action(ArgAction::SetTrue)
                .help("Remove the older keys: tokens they signed are worth nothing from now on"),
        )
        .args(flags.clone());
    let keys = Command::new("keys")
        .about("Keys that tokens are signed with")
        .subcommand_required(true)
        .subcommand(rotate);
    let keep =
        backup::command::commands().map(|command| command.arg(file.clone()).args(flags.clone()));
    Command::new("goshawk-coordinator")
        .about("Takes events of Goshawk agents in, keeps, matches and publishes them")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("run")
                .about("Run until SIGTERM; SIGHUP reads the certificates again")
                .arg(file)
                .args(flags),
        )
        .subcommand(
            Command::new("config")
                .about("Print a settings file with every key, its default and its meaning"),
        )
        .subcommands(pages::commands())
        .subcommand(keys)
        .subcommands(keep)
}

fn load(matches: &ArgMatches) -> anyhow::Result<Config> {
    let text = match matches.get_one::<String>("config") {
        Some(path) => {
            Some(std::fs::read_to_string(path).with_context(|| format!("settings file {path}"))?)
        }
        None => None,
    };
    let flag = |key: &goshawk_proto::settings::Key| {
        Some((
            key.name.to_owned(),
            matches.get_one::<String>(key.name)?.clone(),
        ))
    };
    let flags: Vec<_> = Config::KEYS.iter().filter_map(flag).collect();
    Ok(Config::load(PREFIX, text.as_deref(), std::env::vars(), flags).and_then(Config::check)?)
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
    files::mask();
    let config = load(matches)?;
    start_log(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(config));
    // A write that hangs must not keep the process: whoever starts it again has a whole database.
    runtime.shutdown_timeout(STOP_PATIENCE);
    served
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // `tls::watch` listens to it once all is up; until then it must not end us either.
    let _hangup = signal(SignalKind::hangup())?;
    let app = App::start(config).await?;
    let fault = tokio::select! {
        () = wait(&mut terminate, &mut interrupt) => None,
        fault = app.failed() => Some(fault),
    };
    let patience = match fault {
        None => Duration::MAX,
        Some(_) => STOP_PATIENCE,
    };
    tokio::select! {
        stopped = tokio::time::timeout(patience, app.stop()) => match fault {
            None => Ok(()),
            Some(fault) => anyhow::bail!(
                "start again, the database takes no changes: {fault} (stopped cleanly: {})",
                stopped.is_ok(),
            ),
        },
        () = wait(&mut terminate, &mut interrupt) => anyhow::bail!("second signal: gave up draining"),
    }
}

/// `backup`, `restore` and `verify`.
fn keep(name: &str, matches: &ArgMatches) -> anyhow::Result<u8> {
    files::mask();
    let config = load(matches)?;
    Ok(backup::command::run(name, matches, &config.data_dir)?)
}

async fn wait(
    terminate: &mut tokio::signal::unix::Signal,
    interrupt: &mut tokio::signal::unix::Signal,
) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn print_config() -> anyhow::Result<()> {
    io::stdout()
        .write_all(sample(Config::KEYS, PREFIX).as_bytes())
        .context("standard output")
}

fn keys(matches: &ArgMatches) -> anyhow::Result<()> {
    let Some(("rotate", matches)) = matches.subcommand() else {
        return Ok(());
    };
    files::mask();
    let config = load(matches)?;
    let now = Timestamp::from_system(std::time::SystemTime::now());
    let done = auth::keys::rotate(&config.data_dir, matches.get_flag("drop-old"), now)?;
    let (id, kept, dropped) = (done.id, done.kept, done.dropped);
    let text = format!("new key {id}; older keys that still verify: {kept}, removed: {dropped}\n");
    io::stdout()
        .write_all(text.as_bytes())
        .context("standard output")
}
