//! The plugins' settings, read out of the coordinator's flat ones, with every mistake told at once.
//! Reads no files: secrets in files are read when the plugins start.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use goshawk_coordinator_core::plugin::{
    choice::{Accounts, Choice},
    reach::Reach,
    signature::Keys,
    topic::Topics,
};
use goshawk_proto::{
    id::{HandlerId, StreamId},
    settings::{Problem, Secret},
};
use reqwest::Url;
use uuid::Uuid;

use crate::config::Config;

/// Names of the plugins that there are.
pub const NAMES: [&str; 3] = ["mqtt", "webhook", "influx"];
/// Longest client id in bytes; the broker may take fewer.
const MAX_CLIENT_ID: usize = 64;
/// Most requests at once.
const MAX_CONCURRENCY: usize = 32;

/// Those that are to run.
#[derive(Clone, Debug, Default)]
pub struct PluginSettings {
    /// The MQTT publisher.
    pub mqtt: Option<MqttSettings>,
    /// The webhook.
    pub webhook: Option<WebhookSettings>,
    /// The InfluxDB writer.
    pub influx: Option<InfluxSettings>,
}

/// A secret, given or in a file.
#[derive(Clone, Debug)]
pub struct SecretSource {
    /// The setting it is for.
    pub key: &'static str,
    /// Given.
    pub value: Option<Secret>,
    /// Else in this file.
    pub file: Option<PathBuf>,
}

/// Settings of the MQTT publisher.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is documented as its key in `Config`")]
pub struct MqttSettings {
    pub host: String,
    pub port: u16,
    pub tls: bool,
    pub ca_file: Option<PathBuf>,
    pub user: Option<String>,
    pub password: SecretSource,
    pub client_id: String,
    pub topics: Topics,
    pub qos: u8,
    pub choice: Choice,
    pub identities: bool,
    pub pictures: bool,
    pub live: Duration,
}

/// Where an HTTP receiver is and how it may be reached.
#[derive(Clone)]
pub struct Target {
    /// May hold a token, so it is never shown.
    pub url: Url,
    /// Addresses that it may have.
    pub reach: Reach,
    /// Certificates to check it against.
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("host", &self.url.host_str())
            .field("reach", &self.reach)
            .finish_non_exhaustive()
    }
}

/// Settings of the webhook.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is documented as its key in `Config`")]
pub struct WebhookSettings {
    pub target: Target,
    pub secret: SecretSource,
    pub choice: Choice,
    pub timeout: Duration,
    pub concurrency: usize,
    pub attempts: u32,
}

/// Settings of the InfluxDB writer.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each is documented as its key in `Config`")]
pub struct InfluxSettings {
    pub target: Target,
    pub token: SecretSource,
    pub choice: Choice,
    pub identities: bool,
}

/// Collects mistakes.
#[derive(Default)]
struct Reader(Vec<Problem>);

impl PluginSettings {
    /// Those of the plugins that are enabled, or everything that is wrong with them.
    pub fn read(config: &Config) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::default();
        let on = |name: &str| config.plugins.iter().any(|wanted| wanted == name);
        for name in config
            .plugins
            .iter()
            .filter(|n| !NAMES.contains(&n.as_str()))
        {
            let reason = format!(
                "there is no plugin `{name}`; there are {}",
                NAMES.join(", ")
            );
            reader.wrong("plugins.enabled", reason);
        }
        let all = Self {
            mqtt: on("mqtt").then(|| reader.mqtt(config)).flatten(),
            webhook: on("webhook").then(|| reader.webhook(config)).flatten(),
            influx: on("influx").then(|| reader.influx(config)).flatten(),
        };
        if reader.0.is_empty() {
            Ok(all)
        } else {
            Err(reader.0)
        }
    }
}

impl Reader {
    fn wrong(&mut self, key: &str, reason: impl Into<String>) {
        self.0.push(Problem {
            key: key.to_owned(),
            reason: reason.into(),
        });
    }

    fn need<T>(&mut self, key: &str, value: Option<T>, what: &str) -> Option<T> {
        if value.is_none() {
            self.wrong(key, format!("must be set: {what}"));
        }
        value
    }

    fn choice(
        &mut self,
        key: &str,
        accounts: &Option<Accounts>,
        handlers: &[Uuid],
        streams: &[Uuid],
    ) -> Option<Choice> {
        let accounts = self.need(
            key,
            accounts.clone(),
            "ids of the accounts whose events may leave, or `all`",
        )?;
        Some(Choice {
            accounts,
            handlers: handlers.iter().copied().map(HandlerId).collect(),
            streams: streams.iter().copied().map(StreamId).collect(),
        })
    }

    fn mqtt(&mut self, config: &Config) -> Option<MqttSettings> {
        let choice = self.choice(
            "plugins.mqtt.accounts",
            &config.mqtt_accounts,
            &config.mqtt_handlers,
            &config.mqtt_streams,
        );
        let broker = self.broker(config.mqtt_url.as_deref());
        let discovery = match config.mqtt_discovery.as_str() {
            "off" => "",
            other => other,
        };
        let topics = Topics::new(&config.mqtt_topic, discovery)
            .map_err(|error| self.wrong("plugins.mqtt.topic", error.to_string()));
        let qos = u8::try_from(config.mqtt_qos).ok().filter(|qos| *qos <= 2);
        if qos.is_none() {
            self.wrong("plugins.mqtt.qos", "must be 0, 1 or 2");
        }
        let id = &config.mqtt_client_id;
        if id.is_empty() || id.len() > MAX_CLIENT_ID || !id.chars().all(|c| c.is_ascii_graphic()) {
            let reason = format!("want 1 to {MAX_CLIENT_ID} letters, digits and signs of ASCII");
            self.wrong("plugins.mqtt.client_id", reason);
        }
        let password = SecretSource {
            key: "plugins.mqtt.password",
            value: config.mqtt_password.clone(),
            file: config.mqtt_password_file.clone(),
        };
        if config.mqtt_user.is_none() && (password.value.is_some() || password.file.is_some()) {
            self.wrong("plugins.mqtt.user", "a password needs its user");
        }
        let (host, port, tls) = broker?;
        Some(MqttSettings {
            host,
            port,
            tls,
            ca_file: config.mqtt_ca_file.clone(),
            user: config.mqtt_user.clone(),
            password,
            client_id: config.mqtt_client_id.clone(),
            topics: topics.ok()?,
            qos: qos?,
            choice: choice?,
            identities: config.mqtt_identities,
            pictures: config.mqtt_pictures,
            live: config.mqtt_live,
        })
    }

    fn broker(&mut self, url: Option<&str>) -> Option<(String, u16, bool)> {
        const KEY: &str = "plugins.mqtt.url";
        let url = self.need(KEY, url, "mqtt://HOST:1883 or mqtts://HOST:8883")?;
        let parsed = Url::parse(url).ok().filter(|url| {
            matches!(url.scheme(), "mqtt" | "mqtts")
                && url.host_str().is_some_and(|host| !host.is_empty())
                && matches!(url.path(), "" | "/")
                && url.query().is_none()
        });
        let Some(url) = parsed else {
            self.wrong(
                KEY,
                "is not of the form mqtt://HOST:PORT or mqtts://HOST:PORT",
            );
            return None;
        };
        if has_credentials(&url) {
            self.wrong(
                KEY,
                "user and password belong in plugins.mqtt.user and .password",
            );
            return None;
        }
        let tls = url.scheme() == "mqtts";
        let port = url.port().unwrap_or(if tls { 8883 } else { 1883 });
        let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        Some((host, port, tls))
    }

    fn webhook(&mut self, config: &Config) -> Option<WebhookSettings> {
        let choice = self.choice(
            "plugins.webhook.accounts",
            &config.webhook_accounts,
            &config.webhook_handlers,
            &config.webhook_streams,
        );
        let target = self.target(
            "plugins.webhook.url",
            &config.webhook_url,
            config.webhook_addresses,
            &config.webhook_ca_file,
        );
        let secret = SecretSource {
            key: "plugins.webhook.secret",
            value: config.webhook_secret.clone(),
            file: config.webhook_secret_file.clone(),
        };
        match &secret.value {
            Some(given) => {
                if let Err(error) = Keys::parse(given.expose()) {
                    self.wrong(secret.key, error.to_string());
                }
            }
            None if secret.file.is_none() => {
                self.wrong(secret.key, "must be set: a webhook is always signed");
            }
            None => {}
        }
        if config.webhook_timeout.is_zero() {
            self.wrong("plugins.webhook.timeout", "must be more than nothing");
        }
        if !(1..=MAX_CONCURRENCY).contains(&config.webhook_concurrency) {
            let reason = format!("must be 1 to {MAX_CONCURRENCY}");
            self.wrong("plugins.webhook.concurrency", reason);
        }
        if config.webhook_attempts == 0 {
            self.wrong("plugins.webhook.attempts", "must be at least 1");
        }
        Some(WebhookSettings {
            target: target?,
            secret,
            choice: choice?,
            timeout: config.webhook_timeout,
            concurrency: config.webhook_concurrency,
            attempts: config.webhook_attempts,
        })
    }

    fn influx(&mut self, config: &Config) -> Option<InfluxSettings> {
        let choice = self.choice(
            "plugins.influx.accounts",
            &config.influx_accounts,
            &config.influx_handlers,
            &config.influx_streams,
        );
        let target = self.target(
            "plugins.influx.url",
            &config.influx_url,
            config.influx_addresses,
            &config.influx_ca_file,
        );
        Some(InfluxSettings {
            target: target?,
            token: SecretSource {
                key: "plugins.influx.token",
                value: config.influx_token.clone(),
                file: config.influx_token_file.clone(),
            },
            choice: choice?,
            identities: config.influx_identities,
        })
    }

    fn target(
        &mut self,
        key: &str,
        url: &Option<Secret>,
        reach: Reach,
        ca_file: &Option<PathBuf>,
    ) -> Option<Target> {
        let url = self.need(key, url.as_ref(), "https://HOST/PATH")?;
        let parsed = Url::parse(url.expose())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some(url) = parsed else {
            self.wrong(key, "is not of the form https://HOST/PATH");
            return None;
        };
        if has_credentials(&url) {
            self.wrong(key, "must hold no user and no password");
            return None;
        }
        let reach = match (url.scheme(), reach) {
            ("http", Reach::Public) => {
                self.wrong(key, "http is for private addresses only; use https");
                return None;
            }
            ("http", _) => Reach::Private,
            (_, reach) => reach,
        };
        let host = url.host_str().unwrap_or_default();
        let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        if literal.is_some_and(|address| !reach.allows(address)) {
            let reason = format!("{host} is not among the addresses that are allowed here");
            self.wrong(key, reason);
            return None;
        }
        Some(Target {
            url,
            reach,
            ca_file: ca_file.clone(),
        })
    }
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests;
