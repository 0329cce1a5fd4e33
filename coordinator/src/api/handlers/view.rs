//! Handlers as clients see them.

use std::borrow::Cow;

use goshawk_coordinator_core::{formats::document, handler::Handler};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::{
    __dev::ComposeSchema,
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use crate::{errors::ApiError, estimations::checks::table::CHECKS};

/// A [`Handler`] with all of its policies, without secrets.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct HandlerView(Value);

/// Conditions and choices that are told only where they were made.
const SOMETIMES: &[&str] = &[
    "lambda_id",
    "targets",
    "gender",
    "ethnicities",
    "age__lt",
    "age__gte",
    "liveness",
    "deepfake",
    "match",
    "similarity__lte",
    "similarity__gte",
];

impl ComposeSchema for HandlerView {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        document::filled(Handler::schema(), SOMETIMES)
    }
}

impl ToSchema for HandlerView {
    fn name() -> Cow<'static, str> {
        document::filled_name(&Handler::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Handler::schemas(schemas);
        document::register_filled::<Handler>(schemas, SOMETIMES);
    }
}

impl HandlerView {
    /// What a client sees of `handler`.
    pub fn of(handler: &Handler) -> Result<Self, ApiError> {
        let mut view =
            serde_json::to_value(handler).map_err(|error| ApiError::internal("handler", &error))?;
        hide_passwords(&mut view);
        if let Some(checks) = view
            .pointer_mut("/policies/detect_policy/face_quality/checks")
            .and_then(Value::as_object_mut)
        {
            fill(checks);
        }
        Ok(Self(view))
    }
}

/// Every check of face quality with what passes, which is the contract's default where the handler
/// sets nothing. Each is on by itself, but counts only where `face_quality.estimate` is.
fn fill(checks: &mut Map<String, Value>) {
    for check in &CHECKS {
        let own = checks
            .entry(check.name)
            .or_insert_with(|| json!({"estimate": 1}));
        if let Some(own) = own.as_object_mut() {
            own.entry("threshold").or_insert_with(|| json!(check.limit));
        }
    }
}

/// Callbacks may carry credentials of other systems, which nobody needs to read back.
fn hide_passwords(view: &mut Value) {
    let callbacks = view
        .pointer_mut("/policies/storage_policy/callbacks")
        .and_then(Value::as_array_mut);
    for callback in callbacks.into_iter().flatten() {
        if let Some(password) = callback.pointer_mut("/authorization/password") {
            *password = json!("***");
        }
        if let Some(url) = callback.get_mut("url")
            && let Some(text) = url.as_str()
        {
            *url = json!(goshawk_coordinator_core::stream::mask_credentials(text));
        }
    }
}
