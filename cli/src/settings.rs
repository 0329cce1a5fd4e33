//! Which coordinator, and who we are there: flags, environment and profile put together.
//!
//! The first of flags, environment and profile that says something wins, piece by piece; a profile
//! that the command line names goes before the environment. Two rules guard secrets: what a profile
//! holds is used for the address of that profile alone, and credentials do not leave this machine
//! over plain http unless that was allowed.

use std::{path::PathBuf, time::Duration};

use reqwest::Url;

use crate::{
    args::Connection,
    failure::Failure,
    profile::{self, Profile},
    secret::{self, Secret},
};

/// Where a coordinator on this machine listens.
const LOCAL: &str = "http://127.0.0.1:5000";
/// Port of the Streams service where nothing says another.
const STREAMS_PORT: u16 = 5160;

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// An account.
    Basic {
        /// Its login.
        login: String,
        /// Its password.
        password: Secret,
    },
    /// A token of an account.
    Bearer(Secret),
}

/// What one source says; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layer {
    /// Address of the API service.
    pub url: Option<String>,
    /// Address of the Streams service.
    pub streams_url: Option<String>,
    /// Login.
    pub login: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Token.
    pub token: Option<Secret>,
    /// Authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// Whether credentials may cross a network in clear.
    pub insecure_http: bool,
}

impl Layer {
    /// What the command line says; reads the files that it names.
    pub fn of_flags(flags: &Connection) -> Result<Self, Failure> {
        let read = |path: &Option<PathBuf>| path.as_deref().map(secret::read).transpose();
        Ok(Self {
            url: flags.url.clone(),
            streams_url: flags.streams_url.clone(),
            login: flags.login.clone(),
            password: read(&flags.password_file)?,
            token: read(&flags.token_file)?,
            ca_file: flags.ca_file.clone(),
            insecure_http: flags.insecure_http,
        })
    }

    /// What the environment says.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            url: variable("GOSHAWK_URL"),
            streams_url: variable("GOSHAWK_STREAMS_URL"),
            login: variable("GOSHAWK_LOGIN"),
            password: variable("GOSHAWK_PASSWORD").map(Secret::new),
            token: variable("GOSHAWK_TOKEN").map(Secret::new),
            ca_file: variable("GOSHAWK_CA_FILE").map(PathBuf::from),
            insecure_http: false,
        }
    }

    /// What a profile says.
    pub fn of_profile(profile: &Profile) -> Self {
        Self {
            url: Some(profile.url.clone()),
            streams_url: profile.streams_url.clone(),
            login: profile.login.clone(),
            password: profile.password.clone(),
            token: profile.token.clone(),
            ca_file: profile.ca_file.clone(),
            insecure_http: profile.insecure_http,
        }
    }
}

/// An environment variable that is set to something.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A coordinator and who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Address of the API service.
    pub api: Url,
    /// Address of the Streams service.
    pub streams: Url,
    /// Login, where there is one.
    pub login: Option<String>,
    /// Its password, where it is known.
    pub password: Option<Secret>,
    /// A token, in place of both.
    pub token: Option<Secret>,
    /// Authorities to trust in place of the public ones.
    pub ca_file: Option<PathBuf>,
    /// Whether credentials may cross a network in clear.
    pub insecure_http: bool,
    /// Longest wait for an answer.
    pub timeout: Duration,
    /// Why the credentials of a profile are not used, where they are not.
    pub left_out: Option<String>,
}

impl Settings {
    /// Reads flags, environment and configuration file.
    pub fn load(flags: &Connection) -> Result<Self, Failure> {
        let path = profile::path(flags.config.as_deref(), variable)?;
        let file = profile::File::load(&path)?;
        let named = flags
            .profile
            .clone()
            .or_else(|| variable("GOSHAWK_PROFILE"));
        let found = file.find(named.as_deref())?;
        let found = found.map(|(name, profile)| (name, Layer::of_profile(profile)));
        Self::resolve(
            Layer::of_flags(flags)?,
            Layer::of_environment(variable),
            found,
            flags.profile.is_some(),
            Duration::from_secs(flags.timeout),
        )
    }

    /// Puts the three together; see the module's header. `chosen`: the command line names the
    /// profile.
    pub fn resolve(
        flags: Layer,
        environment: Layer,
        profile: Option<(&str, Layer)>,
        chosen: bool,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let (name, profile) = match profile {
            Some((name, layer)) => (name, layer),
            None => ("", Layer::default()),
        };
        let order = |chosen| match chosen {
            true => [&flags, &profile, &environment],
            false => [&flags, &environment, &profile],
        };
        let url = order(chosen).iter().find_map(|layer| layer.url.clone());
        let api = address(url.as_deref().unwrap_or(LOCAL))?;
        let own = profile.url.as_deref().map(address).transpose()?;
        let left_out = own
            .filter(|own| *own != api)
            .map(|own| format!("profile `{name}` is for {own}, not for {api}"));
        let nothing = Layer::default();
        let usable = if left_out.is_some() {
            &nothing
        } else {
            &profile
        };
        let layers = match chosen {
            true => [&flags, usable, &environment],
            false => [&flags, &environment, usable],
        };
        let streams = match layers.iter().find_map(|layer| layer.streams_url.as_deref()) {
            Some(url) => address(url)?,
            None => beside(&api),
        };
        let who = layers
            .iter()
            .find(|layer| layer.token.is_some() || layer.login.is_some());
        let who = who.copied().unwrap_or(&nothing);
        Ok(Self {
            api,
            streams,
            login: who.login.clone(),
            password: password_of(who, &layers),
            token: who.token.clone(),
            ca_file: layers.iter().find_map(|layer| layer.ca_file.clone()),
            insecure_http: layers.iter().any(|layer| layer.insecure_http),
            timeout,
            left_out,
        })
    }

    /// The credentials, if there are any; the password is asked for where only the login is known.
    pub fn credentials(&self) -> Result<Option<Credentials>, Failure> {
        if let Some(token) = &self.token {
            return Ok(Some(Credentials::Bearer(token.clone())));
        }
        let Some(login) = &self.login else {
            return Ok(None);
        };
        let password = match &self.password {
            Some(password) => password.clone(),
            None => secret::ask(&format!("Password of {login}"))?,
        };
        let login = login.clone();
        Ok(Some(Credentials::Basic { login, password }))
    }

    /// The credentials, or an error that tells how to give some.
    pub fn needed_credentials(&self) -> Result<Credentials, Failure> {
        self.credentials()?.ok_or_else(|| {
            let why = self.left_out.iter().map(|why| format!(" ({why})"));
            Failure::Credentials(format!(
                "no credentials for {}{}: run `goshawk login`, or set GOSHAWK_LOGIN and \
                 GOSHAWK_PASSWORD, or GOSHAWK_TOKEN",
                self.api,
                why.collect::<String>()
            ))
        })
    }

    /// Refuses to show credentials to everybody between here and the coordinator.
    pub fn refuse_clear_text(&self) -> Result<(), Failure> {
        if self.api.scheme() == "https" || is_loopback(&self.api) || self.insecure_http {
            return Ok(());
        }
        Err(Failure::Usage(format!(
            "{} is neither https nor on this machine: credentials would cross the network in \
             clear. Use https, or allow it with --insecure-http",
            self.api
        )))
    }
}

/// The password for the login of `who`. A password may come alone, from a file or the environment;
/// it belongs to the login that was found unless its own source names another.
fn password_of(who: &Layer, layers: &[&Layer; 3]) -> Option<Secret> {
    let login = who.login.as_ref()?;
    let fits = |layer: &&&Layer| layer.login.is_none() || layer.login.as_ref() == Some(login);
    layers
        .iter()
        .filter(fits)
        .find_map(|layer| layer.password.clone())
}

/// An address of a service, without a slash at its end.
fn address(text: &str) -> Result<Url, Failure> {
    let wrong = |why: &str| Failure::Usage(format!("`{}` is no address: {why}", shown(text)));
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("want http://host:port or https://host:port"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("login and password do not belong into it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("want neither `?` nor `#`"));
    }
    Ok(url)
}

/// An address without the password that somebody may have put into it.
fn shown(text: &str) -> String {
    match (text.split_once("://"), text.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://***@{}", &text[at + 1..]),
        _ => text.to_owned(),
    }
}

/// Where the Streams service is of the coordinator whose API is at `api`, unless told otherwise.
pub fn beside(api: &Url) -> Url {
    let mut url = api.clone();
    url.set_path("");
    // An http address always has room for a port.
    let _ = url.set_port(Some(STREAMS_PORT));
    url
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let ip: Option<std::net::IpAddr> = bare.parse().ok();
    host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
