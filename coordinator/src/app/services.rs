//! The four HTTP services on their listeners.

use std::{net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;

use super::StartError;
use crate::{
    api::{
        Api, router,
        server::{Pages, Server, ServerLimits},
        service::Service,
        table,
    },
    config::Config,
    metrics::HttpMetrics,
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

/// A service on its listener.
pub fn server(
    service: Service,
    listener: TcpListener,
    api: &Arc<Api>,
    config: &Config,
    metrics: &Arc<HttpMetrics>,
) -> Server {
    let name = match service {
        Service::Api => "api",
        Service::Sender => "sender",
        Service::Handlers => "handlers",
        Service::Streams => "streams",
    };
    let limits = ServerLimits {
        connections: config.max_connections,
        processing: config.processing_timeout,
        drain: config.drain,
    };
    let pages = match service {
        Service::Api => Pages::Welcome,
        _ if config.expose_internal => Pages::Unguarded,
        _ => Pages::Refused,
    };
    Server {
        name,
        listener,
        tree: router::filter(table::resources(service), api),
        limits,
        pages,
        metrics: Arc::clone(metrics),
    }
}
