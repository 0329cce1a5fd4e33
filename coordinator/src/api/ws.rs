//! WebSocket handshakes: `/6/ws` on the API, `/1/ws` and `/2/ws` on the Sender.

use std::sync::{Arc, PoisonError};

use goshawk_coordinator_core::{
    event_filter::Subscription,
    permission::{Action, Resource as Kind},
};
use http::StatusCode;
use warp::{Reply, reply::Response};

use super::{
    call::Call,
    openapi,
    operation::Operation,
    payload::Params,
    routes::{Access, Resource},
};
use crate::{
    errors::{ApiError, Code},
    sender::{MAX_INCOMING, Wish},
};

/// The resource of the API.
pub fn resources() -> Vec<Resource> {
    vec![handshake("/6/ws", Access::May(Kind::Event, Action::View))]
}

/// The resources of the Sender.
pub fn internal_resources() -> Vec<Resource> {
    vec![
        handshake("/1/ws", Access::Header),
        handshake("/2/ws", Access::Header),
    ]
}

fn handshake(template: &'static str, access: Access) -> Resource {
    let id = match template {
        "/1/ws" => "wsHandshakePrevious",
        _ => "wsHandshake",
    };
    Resource::at(template).serve(
        Operation::get(id, access, open)
            .about("Opens a WebSocket that tells of events as they happen.")
            .gives(
                StatusCode::SWITCHING_PROTOCOLS,
                "The connection is a WebSocket from here on.",
                &[],
                openapi::raw,
            )
            .fails(&[Code::BadContentType]),
    )
}

async fn open(
    call: Call,
    Params(Subscription(filters)): Params<Subscription>,
) -> Result<Response, ApiError> {
    let account = call.account()?;
    let socket = call
        .socket
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let socket = socket
        .ok_or_else(|| ApiError::new(Code::BadContentType, "A WebSocket handshake is expected"))?;
    let sender = Arc::clone(&call.api.sender);
    let ticket = sender.admit()?;
    let wish = Wish { account, filters };
    let socket = socket
        .max_message_size(MAX_INCOMING)
        .max_frame_size(MAX_INCOMING);
    Ok(socket
        .on_upgrade(move |socket| sender.serve(socket, ticket, wish))
        .into_response())
}
