//! `goshawk`: operator commands over the coordinator's public HTTP and WebSocket API.
//!
//! * [`args`]: the command line;
//! * [`settings`], [`profile`], [`secret`]: which coordinator, and who we are there;
//! * [`client`]: requests and answers;
//! * [`output`], [`failure`]: what is printed, and the exit code;
//! * [`commands`]: one module for each command;
//! * [`demo`]: everything at once on this machine.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

mod args;
mod client;
mod commands;
mod demo;
mod failure;
mod output;
mod profile;
mod secret;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    args::{Args, Command, Connection},
    client::{Client, Need},
    commands::{
        accounts, agents, dead_letters, docs, events, faces, handlers, lists, login, matching,
        models, profiles, service, streams, tokens, verify,
    },
    failure::Failure,
    output::{Format, Output},
    settings::Settings,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Args {
        connection,
        printing,
        command,
    } = Args::parse();
    let format = printing.format();
    let mut output = Output::new(format, printing.quiet);
    match run(&connection, command, &mut output).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(&failure, format);
            failure.exit_code()
        }
    }
}

/// Errors go to standard error: as a sentence, or as a line of JSON where results are JSON.
fn tell(failure: &Failure, format: Format) {
    match (failure, format) {
        (Failure::Closed, _) => {}
        (_, Format::Table) => eprintln!("goshawk: {}", output::clean(&failure.to_string())),
        (_, Format::Json | Format::Jsonl) => eprintln!("{}", failure.document()),
    }
}

async fn run(flags: &Connection, command: Command, output: &mut Output) -> Result<(), Failure> {
    let with = |need| Client::new(&Settings::load(flags)?, need);
    let client = || with(Need::Credentials);
    let open = || with(Need::Nothing);
    match command {
        Command::Login(command) => login::run(flags, command, output).await,
        Command::Profiles(command) => profiles::run(flags, command, output),
        Command::Whoami => verify::whoami(&client()?, output).await,
        Command::Verify(command) => verify::run(&client()?, command, output).await,
        Command::Accounts(command) => accounts::run(&client()?, command, output).await,
        Command::Tokens(command) => tokens::run(&client()?, command, output).await,
        Command::Lists(command) => lists::run(&client()?, command, output).await,
        Command::Faces(command) => faces::run(&client()?, command, output).await,
        Command::Handlers(command) => handlers::run(&client()?, command, output).await,
        Command::Streams(command) => streams::run(&client()?, command, output).await,
        Command::Agents(command) => agents::run(&client()?, command, output).await,
        Command::DeadLetters(command) => dead_letters::run(&client()?, command, output).await,
        Command::Events(command) => events::run(&client()?, command, output).await,
        Command::Match(command) => matching::run(&client()?, command, output).await,
        Command::Service(command) => service::run(&open()?, command, output).await,
        Command::Spec(command) => service::spec(&open()?, command, output).await,
        Command::Backup => service::backup(output),
        Command::Completions { shell } => docs::completions(shell, output),
        Command::Man(command) => docs::man(&command, output),
        Command::Models(command) => models::run(&command),
        Command::Demo(options) => {
            let done = demo::run(options).await;
            done.map_err(|error| Failure::Failed(format!("{error:#}")))
        }
    }
}
