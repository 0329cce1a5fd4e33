//! What may differ from the documents, each with its reason. Short, and only shorter.

use serde_json::Value;

use super::{Exchange, Fault, Service};

/// Facts that no model of the default pack estimates, by the end of their place; they are not made up.
const NOT_ESTIMATED: &[&str] = &[
    "ethnicities",
    "ethnicity",
    "estimations.quality",
    "estimations.score",
    "estimations.probability",
    "mouth_attributes.occluded",
    "mask.face_occlusion",
    "basic_attributes.ethnicity",
];

/// Errors that the published contract has forgotten for some operations; our own documents tell
/// them of each that can answer so.
const FORGOTTEN: &[(u64, &str)] = &[
    (12012, "a query parameter that does not fit"),
    (22016, "a field that the object does not have"),
    (
        11064,
        "credentials of a kind that may not: it is told of accounts only",
    ),
    (
        37003,
        "a body that is too large: the Streams service's contract knows none",
    ),
];

/// Parts of the contract that are switched off: their addresses answer with these alone, whatever is
/// asked, and are not in our own documents.
const SWITCHED_OFF: &[(&str, u64)] = &[
    ("/6/tasks", 11039),
    ("/6/lambdas", 11072),
    ("/6/objects", 11070),
];

/// Files of the page that shows a document, which are no part of the API.
const PAGE_FILES: &str = "/docs/ui/";

/// Pages about the installation, which a setting closes to all but administrators; the contract
/// knows them open.
const CLOSABLE: &[&str] = &["/metrics", "/6/config", "/6/plugins", "/6/features"];

/// Whether this fault of this exchange is known and stays.
pub fn is_known(exchange: &Exchange<'_>, is_published: bool, fault: &Fault) -> bool {
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
    // The document gives every cookie as `*`.
    let is_cookie = fault.at == "header.Set-Cookie";
    // The document says so in words and forgets it in the schema.
    let is_no_descriptor = fault.what == "null" && fault.at == "body.face_descriptor";
    // Of answers that the document gives in MessagePack as well, the header names JSON only.
    let is_packed = fault.at == "header.Content-Type" && fault.what.contains("application/msgpack");
    // Of a picture the document wants, in MessagePack, what was found and an error at once.
    let is_packed_picture = is_published
        && exchange.path == "/6/sdk"
        && exchange
            .headers
            .get("content-type")
            .is_some_and(|media| media == "application/msgpack")
        && fault.at.starts_with("body.images_estimations[");
    is_not_estimated(fault)
        || (is_packed_picture && fault.what == "missing")
        || is_no_descriptor
        || is_packed
        || is_cookie
        || (is_closed_registration(exchange) && fault.at == "status")
        || (["status", "error_code"].contains(&fault.at.as_str())
            && may_be_refused(exchange, is_published))
}

/// Whether an answer may be one that the operation's documents do not tell of.
fn may_be_refused(exchange: &Exchange<'_>, is_published: bool) -> bool {
    let code = exchange.code();
    // An answer to HEAD has no body to tell the code.
    let is_bad_query = code.is_none() && exchange.method == "HEAD" && exchange.status == 400;
    let is_forgotten = is_bad_query || FORGOTTEN.iter().any(|(known, _)| code == Some(*known));
    let is_closed = [401, 403].contains(&exchange.status) && CLOSABLE.contains(&exchange.path);
    (is_published && is_forgotten)
        || is_closed
        || is_switched_off(exchange)
        || is_refused_unread(exchange)
}

/// Whether a request was refused for what it is, before anybody looked at what it asks: a body in a
/// coding that is not taken, or a web page's request to a service behind loopback. No document
/// tells this of each operation.
fn is_refused_unread(exchange: &Exchange<'_>) -> bool {
    let has = |name: &str| exchange.asked.contains_key(name);
    match exchange.code() {
        Some(12024) => has("content-encoding") || has("transfer-encoding"),
        Some(11064) => exchange.service != Service::Api && (has("origin") || has("host")),
        _ => false,
    }
}

fn is_switched_off(exchange: &Exchange<'_>) -> bool {
    SWITCHED_OFF
        .iter()
        .any(|(prefix, code)| exchange.path.starts_with(prefix) && exchange.code() == Some(*code))
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

/// Whether the answer says that the address, or the method there, does not exist.
pub fn is_unknown(exchange: &Exchange<'_>) -> bool {
    match exchange.code() {
        Some(code) => [(404, 12013), (405, 12021)].contains(&(exchange.status, code)),
        // An answer to HEAD has no body to tell the code.
        None => exchange.method == "HEAD" && [404, 405].contains(&exchange.status),
    }
}

/// Whether our own document need not know the operation: it was refused as unknown, is switched off,
/// or is no part of the API.
pub fn may_be_undocumented(exchange: &Exchange<'_>) -> bool {
    exchange.method == "OPTIONS"
        || is_unknown(exchange)
        || is_refused_unread(exchange)
        || is_switched_off(exchange)
        || exchange.path.starts_with(PAGE_FILES)
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
