//! The command line: what all commands share, and the list of commands.
//!
//! The arguments of a command are defined beside the command.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        accounts::Accounts, agents::Agents, dead_letters::DeadLetters, docs::Docs, events::Events,
        faces::Faces, handlers::Handlers, lists::Lists, login::Login, matching::Match,
        models::Models, profiles::Profiles, service, streams::Streams, tokens::Tokens,
        verify::Verify,
    },
    output::Format,
};

const MORE: &str = "\
Examples:
  goshawk login --url https://goshawk.example --ca-file ca.pem
  goshawk faces import ./people --list staff
  goshawk match --picture visitor.jpg --list staff
  goshawk events list --since 2h --output jsonl | jq .event_id
  goshawk tokens create --expires 30d --grant face=view,matching > door.token

Exit codes:
  0  done
  1  refused by the coordinator, not found, or failed on this side
  2  the command line or the configuration makes no sense
  3  no coordinator answers, or what answers is none
  4  no credentials, or they are not accepted

Environment:
  GOSHAWK_URL, GOSHAWK_STREAMS_URL       addresses of the services
  GOSHAWK_LOGIN, GOSHAWK_PASSWORD        credentials
  GOSHAWK_TOKEN                          a token in their place
  GOSHAWK_PROFILE, GOSHAWK_CONFIG        which profile, and the file it is in
  GOSHAWK_CA_FILE                        authorities to trust

A flag goes before the environment, the environment before the profile; a profile that is named
with --profile goes before the environment. `goshawk login` writes a profile.";

/// Operator commands for a Goshawk coordinator.
#[derive(Debug, Parser)]
#[command(name = "goshawk", version, after_long_help = MORE)]
pub struct Args {
    #[command(flatten)]
    pub connection: Connection,
    #[command(flatten)]
    pub printing: Printing,
    #[command(subcommand)]
    pub command: Command,
}

/// Where the coordinator is and who we are there.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct Connection {
    /// Address of the API service [default: http://127.0.0.1:5000].
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// Address of the Streams service [default: port 5160 beside the API].
    #[arg(long, global = true, value_name = "URL", hide_short_help = true)]
    pub streams_url: Option<String>,
    /// Profile of the configuration file.
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// Configuration file [default: ~/.config/goshawk/config.toml].
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub config: Option<PathBuf>,
    /// Login of the account; its password comes from a file, the environment, the profile, or is
    /// asked for.
    #[arg(long, global = true, value_name = "LOGIN", hide_short_help = true)]
    pub login: Option<String>,
    /// File whose first line is the password; `-` is standard input.
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub password_file: Option<PathBuf>,
    /// File whose first line is a token, in place of login and password; `-` is standard input.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        hide_short_help = true,
        conflicts_with_all = ["login", "password_file"],
    )]
    pub token_file: Option<PathBuf>,
    /// PEM file with the authorities to trust, in place of the public ones.
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub ca_file: Option<PathBuf>,
    /// Send credentials over plain http even to another machine.
    #[arg(long, global = true, hide_short_help = true)]
    pub insecure_http: bool,
    /// Longest wait for an answer in seconds, 1 to 3600.
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..=3600),
        hide_short_help = true,
    )]
    pub timeout: u64,
}

/// How results are printed.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct Printing {
    /// How results are printed.
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    output: Format,
    /// The same as `--output json`.
    #[arg(long, global = true, conflicts_with = "output")]
    json: bool,
    /// Print results and errors only: no titles, notes or progress.
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

impl Printing {
    /// How results are printed.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }
}

/// Everything that `goshawk` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check credentials and keep them in a profile.
    #[command(visible_alias = "configure")]
    Login(Login),
    /// Profiles of the configuration file.
    #[command(subcommand)]
    Profiles(Profiles),
    /// The account that we are.
    Whoami,
    /// What the coordinator knows about our credentials: kind of account and permissions.
    Verify(Verify),
    /// Accounts of the installation, and our own.
    #[command(subcommand)]
    Accounts(Accounts),
    /// Tokens: what programs may do in our name.
    #[command(subcommand)]
    Tokens(Tokens),
    /// Lists of people.
    #[command(subcommand)]
    Lists(Lists),
    /// People.
    #[command(subcommand)]
    Faces(Faces),
    /// What happens to what is seen.
    #[command(subcommand)]
    Handlers(Handlers),
    /// Cameras and files that agents watch.
    #[command(subcommand)]
    Streams(Streams),
    /// Edge agents: inviting, listing and cutting off.
    #[command(subcommand)]
    Agents(Agents),
    /// What has been seen.
    #[command(subcommand)]
    Events(Events),
    /// Events that could not be processed and were set aside.
    #[command(subcommand)]
    DeadLetters(DeadLetters),
    /// Who is most alike to a face, an event or a picture.
    Match(Match),
    /// The coordinator itself: version, health, settings, metrics.
    #[command(subcommand)]
    Service(service::Service),
    /// The API's OpenAPI document.
    Spec(service::Spec),
    /// How to save the coordinator's data.
    Backup,
    /// Completions for a shell, on standard output.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write manual pages for all commands into a folder.
    Man(Docs),
    /// Models on this machine: what `goshawk-models` does, which lies beside this program.
    #[command(disable_help_flag = true)]
    Models(Models),
    /// Run everything on this machine: a camera, an agent, a coordinator and a subscriber.
    Demo(Demo),
}

/// How many results a list prints.
#[derive(Debug, Clone, clap::Args)]
pub struct Limit {
    /// Most results; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u64,
}

impl Limit {
    /// No more than this; `None` for all.
    pub fn get(&self) -> Option<u64> {
        Some(self.limit).filter(|limit| *limit > 0)
    }
}

/// Query parameters of the API as they are.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Filters {
    /// Any query parameter of the API, such as `create_time__lt=2026-01-01T00:00:00Z`; may be given
    /// several times.
    #[arg(long = "filter", value_name = "NAME=VALUE", value_parser = pair)]
    pub filters: Vec<(String, String)>,
}

/// `NAME=VALUE` as a pair.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("want NAME=VALUE".to_owned()),
    }
}

/// Options of `goshawk demo`.
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Folder with the installed models, runtime and clip.
    #[arg(long, env = "GOSHAWK_HOME", default_value = ".goshawk")]
    pub home: PathBuf,
    /// Exit successfully after this many events; run until interrupted when not given.
    #[arg(long, env = "DEMO_EVENTS")]
    pub events: Option<u64>,
    /// Give up when the events have not come within this many seconds.
    #[arg(long, env = "DEMO_TIMEOUT", default_value_t = 240)]
    pub timeout: u64,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parsed(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn json_is_short_for_an_output() {
        for (line, format) in [
            ("goshawk whoami", Format::Table),
            ("goshawk whoami --json", Format::Json),
            ("goshawk --output jsonl whoami", Format::Jsonl),
        ] {
            assert_eq!(parsed(line).unwrap().printing.format(), format, "{line}");
        }
        assert!(parsed("goshawk whoami --json --output jsonl").is_err());
    }

    #[test]
    fn no_secret_can_be_given_on_the_command_line() {
        for line in [
            "goshawk --password hunter2 whoami",
            "goshawk --token abc whoami",
            "goshawk login --password hunter2",
            "goshawk accounts create a@b.cd --password hunter2",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "goshawk",
            "goshawk whoami --timeout 0",
            "goshawk lists show",
            "goshawk faces list --filter x",
            "goshawk faces list --filter =x",
            "goshawk tokens create",
            "goshawk tokens create --expires never --grant face=view --grant-all",
            "goshawk whoami --token-file a --login b",
            "goshawk tokens revoke ../../accounts",
            "goshawk match --list staff",
            "goshawk match --face 1 --picture a.jpg --list staff",
            "goshawk dead-letters retry",
            "goshawk dead-letters retry 7 --all",
            "goshawk dead-letters drop",
            "goshawk dead-letters show ../agents",
        ] {
            let error = parsed(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
