//! Checking credentials and keeping them in a profile.
//!
//! The contract's `/6/login` sets a cookie for web pages; a command has no use for it.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;
use serde_json::Value;

use super::{
    moment::{Moment, span},
    tokens,
};
use crate::{
    args::Connection,
    client::{Client, text},
    failure::Failure,
    output::{Format, Output},
    profile::{self, File, Profile},
    secret::Secret,
    settings::{Credentials, Layer, Settings, beside, variable},
};

/// `goshawk login`.
#[derive(Debug, Args)]
pub struct Login {
    /// Name of the profile to write [default: the one in use, or `default`].
    name: Option<String>,
    /// Keep a fresh token with all rights of the account, valid so long (`30d`), rather than the
    /// password.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    token_for: Option<std::time::Duration>,
    /// Ask for the password each time rather than keep it.
    #[arg(long, conflicts_with = "token_for")]
    forget_password: bool,
    /// Use this profile where none is named.
    #[arg(long)]
    make_default: bool,
}

/// Runs `goshawk login`: nothing is written before the coordinator has accepted the credentials.
pub async fn run(flags: &Connection, command: Login, output: &mut Output) -> Result<(), Failure> {
    let path = profile::path(flags.config.as_deref(), variable)?;
    let mut file = File::load(&path)?;
    let named = command.name.clone().or_else(|| flags.profile.clone());
    let named = named.or_else(|| variable("GOSHAWK_PROFILE"));
    let name = named
        .or_else(|| file.default.clone())
        .unwrap_or_else(|| profile::DEFAULT.to_owned());
    let old = file.profiles.get(&name).cloned().unwrap_or_default();
    let settings = wanted(flags, &old)?;
    let credentials = credentials(&settings)?;
    let client = Client::with(&settings, Some(credentials.clone()))?;
    let account = check(&client, &credentials).await?;
    let kept = match (command.token_for, credentials) {
        (Some(life), _) => fresh_token(&client, life).await?,
        (None, credentials) => credentials,
    };
    let mut new = written(&settings);
    match kept {
        Credentials::Bearer(token) => new.token = Some(token),
        Credentials::Basic { login, password } => {
            new.login = Some(login);
            new.password = Some(password).filter(|_| !command.forget_password);
        }
    }
    if command.make_default || file.profiles.is_empty() {
        file.default = Some(name.clone());
    }
    file.profiles.insert(name.clone(), new);
    file.save(&path)?;
    output.note(format!("profile `{name}` is written to {}", path.display()));
    match output.format() {
        Format::Table => Ok(()),
        _ => output.object(&account),
    }
}

/// Flags, then environment, then what the profile said before, but none of its secrets.
fn wanted(flags: &Connection, old: &Profile) -> Result<Settings, Failure> {
    let mut layer = Layer::of_flags(flags)?;
    let environment = Layer::of_environment(variable);
    let said = [layer.clone(), environment.clone()];
    if said.iter().all(|layer| layer.url.is_none()) && old.url.is_empty() {
        layer.url = ask("Address of the coordinator", "http://127.0.0.1:5000")?;
    }
    let nobody = |layer: &Layer| layer.login.is_none() && layer.token.is_none();
    if said.iter().all(nobody) {
        layer.login = ask("Login", old.login.as_deref().unwrap_or_default())?;
    }
    let before = Layer {
        login: None,
        password: None,
        token: None,
        url: Some(old.url.clone()).filter(|url| !url.is_empty()),
        ..Layer::of_profile(old)
    };
    let timeout = std::time::Duration::from_secs(flags.timeout);
    Settings::resolve(layer, environment, Some(("", before)), false, timeout)
}

/// Asks on the terminal; `None` where there is none.
fn ask(question: &str, default: &str) -> Result<Option<String>, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Ok(Some(default.to_owned()).filter(|text| !text.is_empty()));
    }
    let hint = match default {
        "" => String::new(),
        default => format!(" [{default}]"),
    };
    let wrong = |error: std::io::Error| Failure::io("the terminal", &error);
    eprint!("{question}{hint}: ");
    std::io::stderr().flush().map_err(wrong)?;
    let mut line = String::new();
    stdin.lock().read_line(&mut line).map_err(wrong)?;
    let answer = match line.trim() {
        "" => default,
        answer => answer,
    };
    Ok(Some(answer.to_owned()).filter(|text| !text.is_empty()))
}

fn credentials(settings: &Settings) -> Result<Credentials, Failure> {
    // Before a password is asked for that must not be sent anyway.
    settings.refuse_clear_text()?;
    match settings.credentials()? {
        Some(credentials) => Ok(credentials),
        None => Err(Failure::Credentials(
            "whose login? Give --login with --password-file, --token-file, or the environment \
             (see `goshawk --help`)"
                .to_owned(),
        )),
    }
}

/// The account, or what its token may do: a token need not be allowed to see the account.
async fn check(client: &Client, credentials: &Credentials) -> Result<Value, Failure> {
    match credentials {
        Credentials::Basic { .. } => client.get("/6/account").value().await,
        Credentials::Bearer(_) => client.verify(None).await,
    }
}

async fn fresh_token(client: &Client, life: std::time::Duration) -> Result<Credentials, Failure> {
    let made = tokens::for_us(client, &Moment::Span(life), "goshawk login").await?;
    Ok(Credentials::Bearer(Secret::new(text(&made, "token")?)))
}

fn written(settings: &Settings) -> Profile {
    let ca_file = settings.ca_file.as_deref();
    let streams = Some(&settings.streams).filter(|url| **url != beside(&settings.api));
    Profile {
        url: settings.api.to_string(),
        streams_url: streams.map(ToString::to_string),
        // The file is used from any folder.
        ca_file: ca_file.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned())),
        insecure_http: settings.insecure_http,
        ..Profile::default()
    }
}
