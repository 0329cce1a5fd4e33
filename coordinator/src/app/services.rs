//! The four HTTP services on their listeners.

use std::{net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;
use warp::{filters::BoxedFilter, reply::Response};

use super::StartError;
use crate::{
    api::{
        Api, accounts, agents, attributes, detector, disabled, events, extractor, faces, handlers,
        lists, matcher, pictures,
        routes::{Access, Resource, tree},
        server::{Pages, Server, ServerLimits},
        service::{self, Service},
        streams, ws,
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

fn filters(resources: Vec<Resource>, api: &Arc<Api>) -> Vec<BoxedFilter<(Response,)>> {
    resources
        .into_iter()
        .map(|resource| resource.filter(api))
        .collect()
}

/// What a service answers.
pub fn service_tree(service: Service, api: &Arc<Api>) -> BoxedFilter<(Response,)> {
    let mut all = filters(service::resources(service), api);
    let own = match service {
        Service::Api => {
            all.push(ws::handshake("/6/ws", Access::Account, api));
            [
                accounts::resources(),
                lists::resources(),
                attributes::resources(),
                faces::resources(),
                pictures::resources(),
                detector::resources(),
                extractor::resources(),
                handlers::resources(),
                events::resources(),
                matcher::resources(),
                agents::resources(),
                disabled::resources(),
            ]
            .into_iter()
            .flatten()
            .collect()
        }
        Service::Sender => {
            all.push(ws::handshake("/1/ws", Access::Header, api));
            all.push(ws::handshake("/2/ws", Access::Header, api));
            Vec::new()
        }
        Service::Handlers => handlers::internal_resources()
            .into_iter()
            .chain(events::internal_resources())
            .collect(),
        Service::Streams => streams::resources(),
    };
    all.extend(filters(own, api));
    tree(all)
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
        tree: service_tree(service, api),
        limits,
        pages,
        metrics: Arc::clone(metrics),
    }
}
