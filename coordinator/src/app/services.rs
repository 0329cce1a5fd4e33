//! The four HTTP services on their listeners.

use std::{net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    StartError,
    endpoints::{self, Endpoints},
};
use crate::{
    api::{
        Api,
        call::Scheme,
        router,
        server::{Pages, Server, ServerLimits},
        service::Service,
    },
    config::Config,
    metrics::HttpMetrics,
    tls::{PairFiles, Tls, watch::watch},
};

/// Binds an address.
pub async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen {
            key,
            address,
            source,
        })
}

/// Name of a service in settings, logs and metrics.
fn name(service: Service) -> &'static str {
    match service {
        Service::Api => "api",
        Service::Sender => "sender",
        Service::Handlers => "handlers",
        Service::Streams => "streams",
    }
}

fn limits(config: &Config) -> ServerLimits {
    ServerLimits {
        connections: config.max_connections,
        per_address: config.max_connections_per_address,
        handshakes: config.tls_handshakes,
        handshake: config.tls_handshake_timeout,
        head: config.request_timeout,
        send: config.send_timeout,
        processing: config.processing_timeout,
        drain: config.drain,
    }
}

fn pages(service: Service, config: &Config) -> Pages {
    match service {
        Service::Api => Pages::Welcome,
        _ if config.expose_internal => Pages::Unguarded,
        _ => Pages::Refused,
    }
}

/// The certificate of a service, if it has one.
fn tls(
    service: &'static str,
    config: &Config,
    metrics: &HttpMetrics,
) -> Result<Option<Arc<Tls>>, StartError> {
    let pairs = config.tls_pairs();
    let Some((_, (Some(certificate), Some(key)))) =
        pairs.into_iter().find(|(name, _)| *name == service)
    else {
        return Ok(None);
    };
    let files = PairFiles {
        certificate: certificate.clone(),
        key: key.clone(),
    };
    Tls::open(service, files, metrics.listener(service))
        .map(Some)
        .map_err(|source| StartError::Tls {
            service,
            source: Box::new(source),
        })
}

/// The services' origins.
pub struct Listening([String; 4]);

impl Listening {
    /// With the agents' address, everything that can be reached.
    pub fn endpoints(self, agents: SocketAddr) -> Endpoints {
        let [api, sender, handlers, streams] = self.0;
        Endpoints {
            api,
            sender,
            handlers,
            streams,
            agents: endpoints::reachable(agents).to_string(),
        }
    }
}

/// Binds every service and serves it until `stop`; so are their certificates watched.
pub async fn listen(
    config: &Config,
    api: &Arc<Api>,
    metrics: &Arc<HttpMetrics>,
    servers: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Listening, StartError> {
    let wanted = [
        (Service::Api, "api.listen", config.api_listen),
        (Service::Sender, "sender.listen", config.sender_listen),
        (Service::Handlers, "handlers.listen", config.handlers_listen),
        (Service::Streams, "streams.listen", config.streams_listen),
    ];
    let (mut origins, mut watched) = ([const { String::new() }; 4], Vec::new());
    for ((service, key, address), origin) in wanted.into_iter().zip(&mut origins) {
        let listener = bind(key, address).await?;
        let bound = listener.local_addr().map_err(|source| StartError::Listen {
            key,
            address,
            source,
        })?;
        let name = name(service);
        let tls = tls(name, config, metrics)?;
        let scheme = match tls {
            Some(_) => Scheme::Https,
            None => Scheme::Http,
        };
        *origin = endpoints::origin(scheme, bound);
        watched.extend(tls.clone());
        let server = Server {
            name,
            listener,
            tls,
            tree: router::filter(service, api),
            limits: limits(config),
            pages: pages(service, config),
            audit: api.audit.clone(),
            log_access: config.log_access,
            metrics: Arc::clone(metrics),
        };
        servers.spawn(server.run(stop.clone()));
    }
    servers.spawn(watch(watched, config.tls_watch, stop.clone()));
    api.metrics.collect(api.body_memory.clone());
    Ok(Listening(origins))
}
