//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Operator commands for a Goshawk coordinator.
///
/// Credentials come from GOSHAWK_LOGIN and GOSHAWK_PASSWORD or from a file readable by its owner
/// alone (default: ~/.config/goshawk/credentials.toml with `login` and `password`).
#[derive(Debug, Parser)]
#[command(name = "goshawk", version)]
pub struct Args {
    #[command(flatten)]
    pub server: Server,
    /// Print JSON, one document per result, for scripts.
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// Where the coordinator is.
#[derive(Debug, Clone, clap::Args)]
pub struct Server {
    /// Address of the API service.
    #[arg(
        long,
        global = true,
        env = "GOSHAWK_API",
        default_value = "http://127.0.0.1:5000"
    )]
    pub api: String,
    /// Address of the Streams service, reachable from the coordinator's own machine only.
    #[arg(
        long,
        global = true,
        env = "GOSHAWK_STREAMS",
        default_value = "http://127.0.0.1:5160"
    )]
    pub streams: String,
    /// File with `login` and `password`; must not be readable by others.
    #[arg(long, global = true, env = "GOSHAWK_CREDENTIALS")]
    pub credentials: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Cameras and files that agents watch.
    #[command(subcommand)]
    Streams(Streams),
    /// Edge agents: inviting, listing and cutting off.
    #[command(subcommand)]
    Agents(Agents),
    /// Lists of people.
    #[command(subcommand)]
    Lists(Lists),
    /// People.
    #[command(subcommand)]
    Faces(Faces),
    /// What has been seen.
    #[command(subcommand)]
    Events(Events),
    /// Run everything on this machine: a camera, an agent, a coordinator and a subscriber.
    Demo(Demo),
}

#[derive(Debug, Subcommand)]
pub enum Streams {
    /// Start watching a camera (rtsp://…) or a video file.
    Add {
        /// Address of the camera or path of the file.
        reference: String,
        /// Name shown in events.
        #[arg(long, default_value = "")]
        name: String,
        /// How it is read.
        #[arg(long, default_value = "auto", value_parser = ["auto", "tcp", "udp", "videofile"])]
        r#type: String,
        /// Handler that events go through.
        #[arg(long, conflicts_with = "list", required_unless_present = "list")]
        handler: Option<String>,
        /// Match against this list (name or id); a handler is made for it when there is none.
        #[arg(long)]
        list: Option<String>,
        /// Least similarity of a match, 0 to 1, for a handler made here.
        #[arg(long, default_value_t = 0.6)]
        threshold: f32,
    },
    /// All streams.
    List,
    /// One stream whole.
    Show {
        /// Stream id.
        id: String,
    },
    /// Stop watching and forget.
    Remove {
        /// Stream id.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Agents {
    /// A one-time token with which a new agent enrols.
    JoinToken {
        /// Seconds for which it can be used.
        #[arg(long, default_value_t = 3600)]
        valid_for: u64,
    },
    /// All agents.
    List,
    /// Cut an agent off for good.
    Revoke {
        /// Agent id.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Lists {
    /// Make a list.
    Add {
        /// Its name, at most 128 characters.
        name: String,
    },
    /// All lists.
    List,
    /// Delete a list; its faces stay.
    Remove {
        /// Name or id.
        list: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Faces {
    /// Import a folder of pictures, one face a picture. Safe to run again: what is already there
    /// is skipped.
    Import {
        /// Folder; sub-folders are searched too.
        dir: PathBuf,
        /// List (name or id) to attach the faces to; made when there is none of that name.
        #[arg(long)]
        list: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Events {
    /// Print events as they come, until interrupted.
    Tail {
        /// Stop after this many.
        #[arg(long)]
        count: Option<u64>,
    },
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
