//! `goshawk`: operator commands over the coordinator's public HTTP and WebSocket API.
//!
//! * [`args`]: the command line;
//! * [`client`]: requests, credentials and errors in people's words;
//! * [`streams`], [`agents`], [`lists`], [`faces`], [`events`]: one module per command;
//! * [`demo`]: everything at once on this machine.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

mod agents;
mod args;
mod client;
mod demo;
mod events;
mod faces;
mod lists;
mod streams;

use clap::Parser;

use crate::{
    args::{Args, Command},
    client::Client,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    let args = Args::parse();
    match run(args).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("goshawk: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<std::process::ExitCode> {
    let json = args.json;
    match args.command {
        Command::Demo(options) => demo::run(options).await?,
        Command::Streams(command) => {
            streams::run(&Client::new(&args.server)?, command, json).await?
        }
        Command::Agents(command) => agents::run(&Client::new(&args.server)?, command, json).await?,
        Command::Lists(command) => lists::run(&Client::new(&args.server)?, command, json).await?,
        Command::Faces(command) => {
            let failed = faces::run(&Client::new(&args.server)?, command, json).await?;
            if failed > 0 {
                return Ok(std::process::ExitCode::from(2));
            }
        }
        Command::Events(command) => events::run(&Client::new(&args.server)?, command, json).await?,
    }
    Ok(std::process::ExitCode::SUCCESS)
}
