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

/// Error codes that any operation may answer with, though the contract lists them for few.
const EVERYWHERE: &[(u64, &str)] = &[
    (
        12013,
        "an id that is none, in the path, is an address that does not exist",
    ),
    (12021, "a method that the address does not have"),
    (37003, "every body is bounded"),
    (37002, "every request has a time limit"),
];

/// Whether this fault of this exchange is known and stays.
pub fn is_known(exchange: &Exchange<'_>, fault: &Fault) -> bool {
    if is_not_estimated(fault) {
        return true;
    }
    let code = exchange.code();
    let is_everywhere = EVERYWHERE.iter().any(|(known, _)| code == Some(*known));
    is_everywhere && ["status", "error_code"].contains(&fault.at.as_str())
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
