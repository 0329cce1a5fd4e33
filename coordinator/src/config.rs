//! Settings of the coordinator: file, environment (`GOSHAWK_COORDINATOR_…`) and flags.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use goshawk_coordinator_core::plugin::{choice::Accounts, reach::Reach};
use goshawk_models::Provider;
use goshawk_proto::settings::{ByteSize, Problem, Problems, Secret, Value};
use uuid::Uuid;

use crate::plugins::settings::PluginSettings;

/// Prefix of the environment variables.
pub const PREFIX: &str = "GOSHAWK_COORDINATOR";

/// Most that `models.inference_threads` may be.
const MAX_INFERENCE_THREADS: usize = 256;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Value for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("`{other}` is neither `text` nor `json`")),
        }
    }
}

goshawk_proto::settings! {
    /// Everything that the coordinator can be told.
    pub struct Config {
        /// Folder of the database, images, samples and the certificate authority.
        data_dir: PathBuf = "data_dir", "/var/lib/goshawk/coordinator";
        /// Room on its disk that is never used up: with less, what adds something is refused with
        /// 503 until there is more.
        store_reserve: ByteSize = "store.reserve", "256MiB";
        /// Home of the model pack and its runtime library; the defaults of the next two are in it.
        home: PathBuf = "models.home", ".goshawk";
        /// Folder of the installed model pack; empty: `models` in `models.home`.
        models_dir: Option<PathBuf> = "models.dir", "";
        /// ONNX Runtime library; empty: `onnxruntime/libonnxruntime.so` in `models.home`.
        onnxruntime: Option<PathBuf> = "models.onnxruntime", "";
        /// Pictures analysed at once.
        inference_workers: usize = "models.workers", "1";
        /// Threads that compute in all models together; 0: one for each of `models.workers`. With
        /// more, each picture is computed on several.
        inference_threads: usize = "models.inference_threads", "0";
        /// What models are computed on, in order of preference: `cpu`, `cuda:0`, `tensorrt:0`,
        /// `openvino:GPU`. None: the processor alone. With any, models that do not load on them end
        /// the start.
        execution_providers: Vec<Provider> = "models.execution_providers", "";
        /// Analyses that may wait; more are refused with 503.
        inference_queue: usize = "models.queue", "64";

        /// Address of the API (`/6`). Port 0 picks a free one.
        api_listen: SocketAddr = "api.listen", "0.0.0.0:5000";
        /// Address of the Sender (`/1/ws`, `/2/ws`). Trusts `Luna-Account-Id`: loopback only.
        sender_listen: SocketAddr = "sender.listen", "127.0.0.1:5080";
        /// Address of the Handlers service (`/1`). Trusts `Luna-Account-Id`: loopback only.
        handlers_listen: SocketAddr = "handlers.listen", "127.0.0.1:5090";
        /// Address of the Streams service (`/2/streams`). Knows no accounts: loopback only.
        streams_listen: SocketAddr = "streams.listen", "127.0.0.1:5160";
        /// Certificate chain of the API (PEM, the server's own first). With it and the key the API
        /// speaks HTTPS alone; both are read again when they change and on SIGHUP.
        api_certificate: Option<PathBuf> = "api.tls.certificate", "";
        /// Private key of that certificate (PEM).
        api_key: Option<PathBuf> = "api.tls.key", "";
        /// Certificate chain of the Sender.
        sender_certificate: Option<PathBuf> = "sender.tls.certificate", "";
        /// Private key of that certificate.
        sender_key: Option<PathBuf> = "sender.tls.key", "";
        /// Certificate chain of the Handlers service.
        handlers_certificate: Option<PathBuf> = "handlers.tls.certificate", "";
        /// Private key of that certificate.
        handlers_key: Option<PathBuf> = "handlers.tls.key", "";
        /// Certificate chain of the Streams service.
        streams_certificate: Option<PathBuf> = "streams.tls.certificate", "";
        /// Private key of that certificate.
        streams_key: Option<PathBuf> = "streams.tls.key", "";
        /// How often the certificate files are looked at for changes.
        tls_watch: Duration = "tls.watch", "5s";
        /// Longest time for a TLS handshake.
        tls_handshake_timeout: Duration = "tls.handshake_timeout", "10s";
        /// TLS handshakes under way at once on one service, a quarter of them for one address;
        /// more wait.
        tls_handshakes: usize = "tls.handshakes", "128";
        /// UDP address for agents.
        agents_listen: SocketAddr = "agents.listen", "0.0.0.0:5443";
        /// Let the three internal services listen beyond loopback. Whoever reaches them then
        /// acts for every account; put an authenticating proxy before them.
        expose_internal: bool = "internal.expose", "false";
        /// Accept the deprecated `Luna-Account-Id` header on the API in place of credentials.
        /// Whoever reaches the API then acts for every account.
        trust_account_header: bool = "api.trust_account_header", "false";
        /// Let anybody create an account, as the contract's API does; otherwise administrators only.
        open_registration: bool = "api.open_registration", "false";

        /// Show `/6/config`, `/6/plugins`, `/6/features` and `/metrics` of the API to everybody, as
        /// the contract does; otherwise to administrators only. Secrets are hidden either way.
        open_pages: bool = "api.open_pages", "true";
        /// Serve `/metrics`.
        serve_metrics: bool = "metrics.enabled", "true";

        /// Login of the administrator made at the first start.
        bootstrap_login: String = "bootstrap.login", "admin@goshawk.local";
        /// Its password; empty: read from `bootstrap.password_file`, or else made up and shown once.
        bootstrap_password: Option<Secret> = "bootstrap.password", "";
        /// File whose first line is the password.
        bootstrap_password_file: Option<PathBuf> = "bootstrap.password_file", "";
        /// Write a made-up password to `bootstrap-credentials` in `data_dir` (mode 0600)
        /// instead of showing it.
        bootstrap_save: bool = "bootstrap.save", "false";

        /// Largest JSON body.
        max_json: ByteSize = "limits.json", "1MiB";
        /// Largest body with images.
        max_image: ByteSize = "limits.image", "32MiB";
        /// Memory for the bodies of all requests together; further ones wait.
        body_memory: ByteSize = "limits.body_memory", "512MiB";
        /// Largest picture in pixels.
        max_pixels: u64 = "limits.pixels", "40000000";
        /// Longest side of a picture in pixels.
        max_side: u32 = "limits.side", "16384";
        /// Pictures in one request.
        max_pictures: usize = "limits.pictures", "16";
        /// Longest time until a request has arrived: one for its head, the silence before it
        /// included, and one for its body.
        request_timeout: Duration = "limits.request_timeout", "60s";
        /// Longest wait for a client that does not read its answer.
        send_timeout: Duration = "limits.send_timeout", "60s";
        /// Longest time until a request is answered.
        processing_timeout: Duration = "limits.processing_timeout", "600s";
        /// Connections to one service at once; more wait.
        max_connections: usize = "limits.connections", "1024";
        /// Connections to one service from one address at once (of IPv6: from one /64); more are
        /// closed. Raise it where a proxy stands before the service.
        max_connections_per_address: usize = "limits.connections_per_address", "256";
        /// WebSocket subscribers at once.
        max_subscribers: usize = "limits.subscribers", "1024";
        /// Messages that may wait for one subscriber; more and it loses them.
        subscriber_queue: usize = "limits.subscriber_queue", "256";
        /// Longest wait at each of the three steps of a shutdown: requests and agents, events under
        /// way, subscribers.
        drain: Duration = "limits.drain", "5s";
        /// What is logged: error, warn, info, debug, trace, or a filter such as `info,quinn=warn`.
        log_level: String = "log.level", "info";
        /// How it is logged: `text` or `json`.
        log_format: LogFormat = "log.format", "text";
        /// Whether every request is logged (level info) with method, route, status, time and client.
        log_access: bool = "log.access", "false";
        /// Size at which a file of the audit log is put aside.
        audit_file_size: ByteSize = "audit.file_size", "16MiB";
        /// Files kept of the log of changes, and as many of the log of refusals, the one being written
        /// included; the oldest goes.
        audit_files: usize = "audit.files", "8";
        /// Life of a temporary attribute unless a request says otherwise.
        attribute_ttl: Duration = "attributes.ttl", "300s";

        /// Plugins that run, by name: `mqtt`, `webhook`, `influx`. None unless named: what was seen
        /// of people would leave this machine.
        plugins: Vec<String> = "plugins.enabled", "";
        /// MQTT broker: `mqtt://HOST:1883`, or `mqtts://HOST:8883` with TLS.
        mqtt_url: Option<String> = "plugins.mqtt.url", "";
        /// User at the broker.
        mqtt_user: Option<String> = "plugins.mqtt.user", "";
        /// Its password; empty: read from `plugins.mqtt.password_file`.
        mqtt_password: Option<Secret> = "plugins.mqtt.password", "";
        /// File whose first line is the password.
        mqtt_password_file: Option<PathBuf> = "plugins.mqtt.password_file", "";
        /// File with the certificates (PEM) that the broker's is checked against; empty: the public ones.
        mqtt_ca_file: Option<PathBuf> = "plugins.mqtt.ca_file", "";
        /// Client id at the broker. Two coordinators at one broker need two.
        mqtt_client_id: String = "plugins.mqtt.client_id", "goshawk";
        /// First levels of all topics.
        mqtt_topic: String = "plugins.mqtt.topic", "goshawk";
        /// First level of Home Assistant's discovery; `off`: nothing is announced.
        mqtt_discovery: String = "plugins.mqtt.discovery", "homeassistant";
        /// Quality of service, 0 to 2. With 0 events may be lost on the way.
        mqtt_qos: u16 = "plugins.mqtt.qos", "1";
        /// Accounts whose events are published: ids, or `all`.
        mqtt_accounts: Option<Accounts> = "plugins.mqtt.accounts", "";
        /// Only events of these handlers.
        mqtt_handlers: Vec<Uuid> = "plugins.mqtt.handlers", "";
        /// Only events of these streams.
        mqtt_streams: Vec<Uuid> = "plugins.mqtt.streams", "";
        /// Say who was recognised.
        mqtt_identities: bool = "plugins.mqtt.identities", "true";
        /// Publish the best face's picture.
        mqtt_pictures: bool = "plugins.mqtt.pictures", "false";
        /// Events that ended longer ago go to the topic `late`, so that nothing acts on them.
        mqtt_live: Duration = "plugins.mqtt.live", "60s";
        /// Where every event is posted to. `http` is for private addresses only.
        webhook_url: Option<Secret> = "plugins.webhook.url", "";
        /// Signing keys (`whsec_…`), the current one first; empty: read from `plugins.webhook.secret_file`.
        webhook_secret: Option<Secret> = "plugins.webhook.secret", "";
        /// File with the signing keys.
        webhook_secret_file: Option<PathBuf> = "plugins.webhook.secret_file", "";
        /// Accounts whose events are posted: ids, or `all`.
        webhook_accounts: Option<Accounts> = "plugins.webhook.accounts", "";
        /// Only events of these handlers.
        webhook_handlers: Vec<Uuid> = "plugins.webhook.handlers", "";
        /// Only events of these streams.
        webhook_streams: Vec<Uuid> = "plugins.webhook.streams", "";
        /// Addresses that it may have: `any`, `private` (nothing leaves the house) or `public`.
        webhook_addresses: Reach = "plugins.webhook.addresses", "any";
        /// Certificates (PEM) that the receiver's is checked against; empty: the public ones.
        webhook_ca_file: Option<PathBuf> = "plugins.webhook.ca_file", "";
        /// Longest wait for an answer.
        webhook_timeout: Duration = "plugins.webhook.timeout", "20s";
        /// Requests at once. With more than one, events may arrive out of order.
        webhook_concurrency: usize = "plugins.webhook.concurrency", "4";
        /// How often the receiver may refuse an event before it is given up.
        webhook_attempts: u32 = "plugins.webhook.attempts", "10";
        /// Where lines are written, whole: `https://HOST:8086/api/v2/write?org=…&bucket=…`.
        influx_url: Option<Secret> = "plugins.influx.url", "";
        /// Token; empty: read from `plugins.influx.token_file`, if given.
        influx_token: Option<Secret> = "plugins.influx.token", "";
        /// File whose first line is the token.
        influx_token_file: Option<PathBuf> = "plugins.influx.token_file", "";
        /// Accounts whose events are written: ids, or `all`.
        influx_accounts: Option<Accounts> = "plugins.influx.accounts", "";
        /// Only events of these handlers.
        influx_handlers: Vec<Uuid> = "plugins.influx.handlers", "";
        /// Only events of these streams.
        influx_streams: Vec<Uuid> = "plugins.influx.streams", "";
        /// Say who was recognised.
        influx_identities: bool = "plugins.influx.identities", "false";
        /// Addresses that it may have: `any`, `private` or `public`.
        influx_addresses: Reach = "plugins.influx.addresses", "any";
        /// Certificates (PEM) that the server's is checked against; empty: the public ones.
        influx_ca_file: Option<PathBuf> = "plugins.influx.ca_file", "";
    }
}

/// Certificate and key of a service, as far as they are set.
type TlsPair<'a> = (Option<&'a PathBuf>, Option<&'a PathBuf>);

impl Config {
    /// What single values cannot tell.
    pub fn check(self) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let internal = [
            ("sender.listen", self.sender_listen),
            ("handlers.listen", self.handlers_listen),
            ("streams.listen", self.streams_listen),
        ];
        for (key, address) in internal {
            if !address.ip().is_loopback() && !self.expose_internal {
                let reason = format!(
                    "{address} is reachable from outside, and this service asks for no password; \
                     use a loopback address, or set internal.expose = true if something before it does"
                );
                problems.push(Problem {
                    key: key.to_owned(),
                    reason,
                });
            }
        }
        for (service, pair) in self.tls_pairs() {
            if let (Some(_), None) | (None, Some(_)) = pair {
                problems.push(Problem {
                    key: format!("{service}.tls"),
                    reason: "a certificate and a key are needed, or neither".to_owned(),
                });
            }
        }
        if self.tls_watch.is_zero() {
            problems.push(Problem {
                key: "tls.watch".to_owned(),
                reason: "must be more than nothing".to_owned(),
            });
        }
        for (key, value) in [
            ("models.workers", self.inference_workers),
            ("models.queue", self.inference_queue),
            ("limits.connections", self.max_connections),
            (
                "limits.connections_per_address",
                self.max_connections_per_address,
            ),
            ("tls.handshakes", self.tls_handshakes),
            ("limits.pictures", self.max_pictures),
            ("limits.subscriber_queue", self.subscriber_queue),
            ("audit.files", self.audit_files),
        ] {
            if value == 0 {
                problems.push(Problem {
                    key: key.to_owned(),
                    reason: "must be at least 1".to_owned(),
                });
            }
        }
        if self.inference_threads > MAX_INFERENCE_THREADS {
            problems.push(Problem {
                key: "models.inference_threads".to_owned(),
                reason: format!("want 0 to {MAX_INFERENCE_THREADS}"),
            });
        }
        problems.extend(PluginSettings::read(&self).err().unwrap_or_default());
        if problems.is_empty() {
            Ok(self)
        } else {
            Err(Problems(problems))
        }
    }

    /// Certificate and key of every HTTP service.
    pub fn tls_pairs(&self) -> [(&'static str, TlsPair<'_>); 4] {
        [
            ("api", &self.api_certificate, &self.api_key),
            ("sender", &self.sender_certificate, &self.sender_key),
            ("handlers", &self.handlers_certificate, &self.handlers_key),
            ("streams", &self.streams_certificate, &self.streams_key),
        ]
        .map(|(service, certificate, key)| (service, (certificate.as_ref(), key.as_ref())))
    }

    /// Folder of the model pack.
    pub fn pack_dir(&self) -> PathBuf {
        self.models_dir
            .clone()
            .unwrap_or_else(|| self.home.join("models"))
    }

    /// The ONNX Runtime library.
    pub fn runtime_library(&self) -> PathBuf {
        self.onnxruntime
            .clone()
            .unwrap_or_else(|| self.home.join("onnxruntime").join("libonnxruntime.so"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str) -> Result<Config, Problems> {
        Config::load(PREFIX, Some(file), [], []).and_then(Config::check)
    }

    #[test]
    fn defaults_are_valid() {
        let config = load("").unwrap();
        assert_eq!(config.api_listen.port(), 5000);
        assert_eq!(config.pack_dir(), PathBuf::from(".goshawk/models"));
    }

    #[test]
    fn providers_are_read_and_unknown_ones_refused() {
        let config = load("[models]\nexecution_providers = [\"openvino:GPU\", \"cpu\"]").unwrap();
        let gpu = Provider::OpenVino {
            device: "GPU".to_owned(),
        };
        assert_eq!(config.execution_providers, [gpu, Provider::Cpu]);
        for (file, key) in [
            (
                "execution_providers = [\"cuda:x\"]",
                "models.execution_providers",
            ),
            ("inference_threads = 257", "models.inference_threads"),
        ] {
            let problems = load(&format!("[models]\n{file}")).unwrap_err();
            assert_eq!(problems.0[0].key, key, "{problems}");
        }
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let told = |file: &str| {
            load(file)
                .map(drop)
                .map_err(|problems| problems.0[0].key.clone())
        };
        assert_eq!(told("[api.tls]\nkey = \"k\""), Err("api.tls".to_owned()));
        assert_eq!(
            told("[streams.tls]\ncertificate = \"c\""),
            Err("streams.tls".to_owned())
        );
        assert_eq!(
            told("[sender.tls]\ncertificate = \"c\"\nkey = \"k\""),
            Ok(())
        );
        assert_eq!(told("[tls]\nwatch = \"0s\""), Err("tls.watch".to_owned()));
    }

    #[test]
    fn trusting_services_stay_on_loopback() {
        let problems =
            load("[sender]\nlisten = \"0.0.0.0:5080\"\n[limits]\npictures = 0").unwrap_err();
        assert_eq!(
            problems
                .0
                .iter()
                .map(|p| p.key.as_str())
                .collect::<Vec<_>>(),
            ["sender.listen", "limits.pictures"]
        );
        assert!(load("[sender]\nlisten = \"0.0.0.0:5080\"\n[internal]\nexpose = true").is_ok());
    }
}
