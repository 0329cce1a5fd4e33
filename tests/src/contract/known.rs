//! What may differ from the documents, each with its reason. Short, and only shorter.

use serde_json::Value;

use super::{Exchange, Fault};

/// Facts that no model of the default pack estimates, by the end of their place; they are not made up.
const NOT_ESTIMATED: &[&str] = &[
    "ethnicities",
    "ethnicity",
    "estimations.quality",
    "estimations.score",
    "basic_attributes.ethnicity",
];

/// Error codes that any address may answer with, before it is known which operation is meant or
/// whether it may be looked at; no document tells them of each operation.
const EVERYWHERE: &[(u64, &str)] = &[
    (
        12013,
        "an id that is none, in the path, is an address that does not exist",
    ),
    (12021, "a method that the address does not have"),
    (
        12012,
        "a query parameter that does not fit, where the contract has forgotten that it may not",
    ),
    (12024, "a coded body"),
    (
        22016,
        "a target that is none: told where the contract tells it",
    ),
    (
        11064,
        "a web page asks a service behind loopback, or credentials of a kind that may not",
    ),
];

/// What our own documents do not tell of yet: no operation of these addresses is described by types.
/// The published contract is held up to them all the same.
const NOT_TOLD_YET: &[&str] = &[
    "/6/tasks",
    "/6/lambdas",
    "/6/objects",
    "/goshawk/1",
    "/docs/ui",
];

/// Whether this fault of this exchange is known and stays.
pub fn is_known(exchange: &Exchange<'_>, fault: &Fault) -> bool {
    // `targets` leaves out fields that the schema requires: the contract says both.
    let has_targets = exchange
        .query
        .split('&')
        .any(|one| one.starts_with("targets="));
    let is_bodiless = exchange.body.is_empty() && fault.at == "header.Content-Type";
    // Callbacks are kept as they were given; what they were given without is not made up.
    let is_of_callback = fault.at.contains("callbacks[");
    // Samples are kept until they are removed, so there is no date to tell.
    let is_without_end = fault.at == "header.X-Luna-Expiry-Date";
    let may_miss = has_targets || is_bodiless || is_of_callback || is_without_end;
    if fault.what == "missing" && may_miss {
        return true;
    }
    // Read and not kept, and for that left out of our document.
    let is_read_only_by_us = fault.at.ends_with("event_handler.authorization");
    // The document gives every cookie as `*`.
    let is_cookie = fault.at == "header.Set-Cookie";
    // The document says so in words and forgets it in the schema.
    let is_no_descriptor = fault.what == "null" && fault.at == "body.face_descriptor";
    // Of answers that the document gives in MessagePack as well, the header names JSON only.
    let is_packed = fault.at == "header.Content-Type" && fault.what.contains("application/msgpack");
    is_not_estimated(fault)
        || is_read_only_by_us
        || is_no_descriptor
        || is_packed
        || is_cookie
        || (is_closed_registration(exchange) && fault.at == "status")
        || (is_refused_anywhere(exchange) && ["status", "error_code"].contains(&fault.at.as_str()))
}

fn is_refused_anywhere(exchange: &Exchange<'_>) -> bool {
    let code = exchange.code();
    EVERYWHERE.iter().any(|(known, _)| code == Some(*known))
}

/// Whether somebody was kept from making an account, which the published API lets everybody do;
/// here that is a setting, off by default.
fn is_closed_registration(exchange: &Exchange<'_>) -> bool {
    let refused = [401, 403].contains(&exchange.status);
    exchange.method == "POST" && exchange.path == "/6/accounts" && refused
}

/// Whether this is a missing estimation.
pub fn is_not_estimated(fault: &Fault) -> bool {
    ["null", "missing"].contains(&fault.what.as_str())
        && NOT_ESTIMATED.iter().any(|known| fault.at.ends_with(known))
}

/// Whether our own document need not know the operation: it was refused as unknown, or is not told of
/// yet.
pub fn may_be_undocumented(exchange: &Exchange<'_>) -> bool {
    exchange.method == "OPTIONS"
        || [404, 405].contains(&exchange.status)
        || is_refused_anywhere(exchange)
        || NOT_TOLD_YET
            .iter()
            .any(|prefix| exchange.path.starts_with(prefix))
}

/// Whether an answer may lack the body that is documented for its status.
pub fn may_be_empty(exchange: &Exchange<'_>) -> bool {
    // The same status is documented with a body for GET and without for OPTIONS in one entry.
    exchange.method == "OPTIONS" || exchange.status == 204
}

/// Headers of requests that are never refused: what does not fit is replaced or not read.
pub fn is_never_refused(header: &str) -> bool {
    ["luna-request-id", "luna-account-id"].contains(&header.to_ascii_lowercase().as_str())
}

/// Whether a parameter is a list written as one text, which its schema's type does not say:
/// `list of uuid`, `comma-separated items`.
pub fn is_list_in_text(schema: &Value) -> bool {
    let format = schema["format"].as_str().unwrap_or_default();
    format.starts_with("list of") || format.starts_with("comma-separate")
}
