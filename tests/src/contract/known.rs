//! What may differ from the documents, each with its reason. Short, and only shorter.

use serde_json::Value;

use super::{Exchange, Fault};

/// Facts that no model of the default pack estimates, by the end of their place; they are not made up.
const NOT_ESTIMATED: &[&str] = &[
    "ethnicities",
    "ethnicity",
    "estimations.quality",
    "estimations.score",
];

/// Error codes that any operation may answer with, by any document.
const EVERYWHERE: &[(u64, &str)] = &[
    (
        12013,
        "an id that is none, in the path, is an address that does not exist",
    ),
    (12021, "a method that the address does not have"),
];

/// Error codes that the published documents show in the examples of some operations only. Which
/// operation may answer with which is for our own documents to say.
const SHOWN_FOR_SOME: &[(u64, &str)] = &[
    (12010, "no credentials"),
    (11064, "credentials of a kind that may not do this"),
    (11065, "wrong credentials"),
    (12012, "a query parameter out of bounds"),
    (12017, "a body of another type"),
    (12022, "a body that does not fit"),
    (12024, "a coded body"),
    (37001, "too slow an answer"),
    (37002, "too slow a request"),
    (37003, "too large a body"),
];

/// Whether this fault of this exchange is known and stays; `is_published` tells by which kind of
/// document it was found.
pub fn is_known(exchange: &Exchange<'_>, fault: &Fault, is_published: bool) -> bool {
    if is_not_estimated(fault) {
        return true;
    }
    let code = exchange.code();
    let among = |codes: &[(u64, &str)]| codes.iter().any(|(known, _)| code == Some(*known));
    match fault.at.as_str() {
        "status" => among(EVERYWHERE) || (is_published && is_closed_registration(exchange)),
        // An answer without a body has no type, and the document gives every cookie as `*`.
        "header.Content-Type" => exchange.status == 204,
        "header.Set-Cookie" => is_published,
        "error_code" => among(EVERYWHERE) || (is_published && among(SHOWN_FOR_SOME)),
        _ => false,
    }
}

/// Whether somebody was kept from making an account, which the published API lets everybody do;
/// here that is a setting, off by default.
fn is_closed_registration(exchange: &Exchange<'_>) -> bool {
    let refused = [401, 403].contains(&exchange.status);
    exchange.method == "POST" && exchange.path == "/6/accounts" && refused
}

/// Whether this is a missing estimation.
pub fn is_not_estimated(fault: &Fault) -> bool {
    fault.what == "null" && NOT_ESTIMATED.iter().any(|known| fault.at.ends_with(known))
}

/// Whether our own document need not know the operation: it was refused as unknown.
pub fn may_be_undocumented(exchange: &Exchange<'_>) -> bool {
    exchange.method == "OPTIONS" || [404, 405].contains(&exchange.status)
}

/// Whether an answer may lack the body that is documented for its status.
pub fn may_be_empty(exchange: &Exchange<'_>) -> bool {
    // The same status is documented with a body for GET and without for OPTIONS in one entry.
    exchange.method == "OPTIONS" || exchange.status == 204
}

/// Whether a parameter is a list written as one text, which its schema's type does not say:
/// `list of uuid`, `comma-separated items`.
pub fn is_list_in_text(schema: &Value) -> bool {
    let format = schema["format"].as_str().unwrap_or_default();
    format.starts_with("list of") || format.starts_with("comma-separate")
}
