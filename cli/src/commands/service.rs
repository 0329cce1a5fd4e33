//! The coordinator itself: version, health, settings, metrics and its OpenAPI documents.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::Value;

use crate::{
    client::{Client, Request},
    failure::Failure,
    output::{Column, Format, Output},
};

const PLUGINS: &[Column] = &[
    Column::new("PLUGIN", "/name"),
    Column::new("RUNNING", "/running"),
];

/// `goshawk service`.
#[derive(Debug, Subcommand)]
pub enum Service {
    /// Versions of the contracts and of the service.
    Version(Of),
    /// Whether it is well, with everything that it depends on.
    Health(Of),
    /// Its settings; secrets are hidden by the coordinator.
    Config {
        /// In the lines of a settings file rather than as JSON.
        #[arg(long)]
        text: bool,
        #[command(flatten)]
        of: Of,
    },
    /// What it can do and what is switched on.
    Features,
    /// Plugins and whether they run.
    Plugins(Of),
    /// Its counters in the form of Prometheus.
    Metrics(Of),
}

/// Which service is asked.
#[derive(Debug, Args)]
pub struct Of {
    /// The service.
    #[arg(long, value_enum, default_value_t = Which::Api)]
    of: Which,
}

/// Services that `goshawk` knows the addresses of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// The API.
    Api,
    /// The Streams service.
    Streams,
}

impl Of {
    /// GET of `path`, or of its counterpart in the Streams service.
    fn get<'a>(&self, client: &'a Client, api: &str, streams: &str) -> Request<'a> {
        match self.of {
            Which::Api => client.get(api),
            Which::Streams => client.streams(Method::GET, streams),
        }
    }
}

/// `goshawk spec`.
#[derive(Debug, Args)]
pub struct Spec {
    /// The page for people rather than the document for programs.
    #[arg(long)]
    html: bool,
    /// Write it to a file rather than to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    of: Of,
}

/// Runs a `service` command.
pub async fn run(client: &Client, command: Service, output: &mut Output) -> Result<(), Failure> {
    match command {
        Service::Version(of) => {
            let request = of.get(client, "/version", "/version");
            output.object(&request.value().await?)
        }
        Service::Health(of) => {
            let request = of.get(client, "/healthcheck", "/healthcheck");
            let answer = request.query("include_luna_services", 1).value().await?;
            output.note("well");
            output.object(&answer)
        }
        Service::Config { text, of } => {
            let request = of.get(client, "/6/config", "/2/config");
            match text && output.format() == Format::Table {
                true => output.text(&request.accept("text/plain").text().await?),
                false => output.object(&request.accept("application/json").value().await?),
            }
        }
        Service::Features => output.object(&client.get("/6/features").value().await?),
        Service::Plugins(of) => {
            let request = of.get(client, "/6/plugins", "/2/plugins");
            let answer = request.value().await?;
            let plugins = answer.get("plugins").and_then(Value::as_array);
            let plugins = plugins.map(Vec::as_slice).unwrap_or_default();
            let mut rows = output.rows(PLUGINS);
            rows.page(plugins)?;
            rows.end()
        }
        Service::Metrics(of) => {
            let request = of.get(client, "/metrics", "/metrics");
            output.text(&request.text().await?)
        }
    }
}

/// Fetches the OpenAPI document.
pub async fn spec(client: &Client, command: Spec, output: &mut Output) -> Result<(), Failure> {
    let kind = match command.html {
        true => "text/html",
        false => "application/x-yaml",
    };
    let request = command.of.get(client, "/6/docs/spec", "/2/docs/spec");
    let text = request.accept(kind).text().await?;
    let Some(file) = command.out else {
        return output.text(&text);
    };
    std::fs::write(&file, text)
        .map_err(|error| Failure::io(format!("cannot write {}", file.display()), &error))?;
    output.done(format!("written to {}", file.display()))
}

/// Says how data is saved: that needs the coordinator's own disk and goes past the API.
pub fn backup(output: &mut Output) -> Result<(), Failure> {
    output.text(
        "The coordinator saves its own data, also while it runs. On its machine:\n\n  \
         goshawk-coordinator backup FILE     write everything into a file\n  \
         goshawk-coordinator verify FILE     check it\n  \
         goshawk-coordinator restore FILE    put it in place of what is there\n\n\
         `goshawk faces export FILE` writes what is known about people, without descriptors.",
    )
}
