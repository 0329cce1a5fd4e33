//! WebSocket handshakes: `/6/ws` on the API, `/1/ws` and `/2/ws` on the Sender.

use std::sync::Arc;

use goshawk_coordinator_core::event_filter::EventFilters;
use http::HeaderMap;
use warp::{Filter, Reply, filters::BoxedFilter, reply::Response, ws::Ws};

use super::{
    Api,
    call::{self, Origin},
    query::Query,
    routes::{Access, RouteLabel, matching, raw_query},
};
use crate::{
    errors::{ApiError, Code},
    sender::{MAX_INCOMING, Wish},
};

/// The handshake at `template`.
pub fn handshake(
    template: &'static str,
    access: Access,
    api: &Arc<Api>,
) -> BoxedFilter<(Response,)> {
    let api = Arc::clone(api);
    matching(template)
        .and(warp::method())
        .and(raw_query())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Origin>())
        .and(warp::ws().map(Some).or(warp::any().map(|| None)).unify())
        .then(
            move |_, method: http::Method, query: String, headers, origin, socket| {
                let api = Arc::clone(&api);
                async move {
                    let answer = match method {
                        http::Method::GET => {
                            open(api, access, &query, &headers, &origin, socket).await
                        }
                        _ => Err(Code::MethodNotAllowed.plain()),
                    };
                    let mut response = answer.unwrap_or_else(|error| call::refused(&error));
                    response.extensions_mut().insert(RouteLabel(template));
                    response
                }
            },
        )
        .boxed()
}

async fn open(
    api: Arc<Api>,
    access: Access,
    query: &str,
    headers: &HeaderMap,
    origin: &Origin,
    socket: Option<Ws>,
) -> Result<Response, ApiError> {
    let caller = api.authenticate(access, headers, origin.peer).await?;
    let account = caller
        .ok_or_else(|| Code::AuthorizationNeeded.plain())?
        .account_id;
    let filters = EventFilters::from_subscription(Query::parse(query).pairs())?;
    let socket = socket
        .ok_or_else(|| ApiError::new(Code::BadContentType, "A WebSocket handshake is expected"))?;
    let sender = Arc::clone(&api.sender);
    let ticket = sender.admit()?;
    let wish = Wish { account, filters };
    let socket = socket
        .max_message_size(MAX_INCOMING)
        .max_frame_size(MAX_INCOMING);
    Ok(socket
        .on_upgrade(move |socket| sender.serve(socket, ticket, wish))
        .into_response())
}
