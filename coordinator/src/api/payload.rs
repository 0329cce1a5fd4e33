//! What comes in with a request: query parameters and bodies as types.

use std::future::Future;

use bytes::Bytes;
use goshawk_coordinator_core::{
    bounds::{Check, Invalid},
    query::{Pairs, Parameters},
};
use serde::de::DeserializeOwned;
use utoipa::{
    ToSchema,
    openapi::{
        Content, RefOr, Required, Schema,
        request_body::{RequestBody, RequestBodyBuilder},
    },
};

use super::{
    call::Call,
    media::{JSON, MSGPACK},
    openapi::Schemas,
    typed,
};
use crate::errors::{ApiError, Code};

/// The query parameters of a request.
#[derive(Debug, Clone)]
pub struct Params<Q>(pub Q);

impl<Q: Parameters> Params<Q> {
    /// Reads them.
    pub fn of(call: &Call) -> Result<Self, ApiError> {
        Ok(Self(Q::read(Pairs(call.query.pairs()))?))
    }
}

/// A body of a contract.
///
/// Formats ([`goshawk_coordinator_core::formats`]) bound single values while they are read;
/// [`Body::check`] is for what only several fields together can tell.
pub trait Body: DeserializeOwned + ToSchema + Send {
    /// The error of a body that does not fit.
    const CODE: Code = Code::BadJson;

    /// What is out of bounds, if anything.
    fn check(&self) -> Result<(), Invalid> {
        Ok(())
    }
}

impl<T: Check + ToSchema + DeserializeOwned + Send> Body for Checked<T> {
    fn check(&self) -> Result<(), Invalid> {
        Check::check(&self.0)
    }
}

/// A body whose bounds are those of its [`Check`].
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(transparent)]
pub struct Checked<T>(pub T);

impl<T: utoipa::PartialSchema> utoipa::PartialSchema for Checked<T> {
    fn schema() -> RefOr<Schema> {
        T::schema()
    }
}

impl<T: ToSchema> ToSchema for Checked<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

/// Something that a request carries in its body.
pub trait Payload: Sized + Send {
    /// Reads it.
    fn read(call: &Call) -> impl Future<Output = Result<Self, ApiError>> + Send;

    /// How a document describes it.
    fn describe(schemas: &mut Schemas) -> RequestBody;

    /// Errors that reading it may give, besides 408 and 413.
    fn errors() -> Vec<Code>;
}

/// A JSON body.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: Body> Payload for Json<T> {
    async fn read(call: &Call) -> Result<Self, ApiError> {
        if call.content_type().as_deref() != Some(JSON) {
            return Err(Code::BadContentType.plain());
        }
        let bytes = call.small_body().await?;
        json(&bytes).map(Self)
    }

    fn describe(schemas: &mut Schemas) -> RequestBody {
        described(&[(JSON, schemas.of::<T>())])
    }

    fn errors() -> Vec<Code> {
        vec![Code::BadContentType, T::CODE]
    }
}

/// A body in JSON or MessagePack, as its `Content-Type` says. In MessagePack, names of fields are
/// text and bytes may be bytes instead of base64.
#[derive(Debug, Clone)]
pub struct Packed<T>(pub T);

impl<T: Body> Payload for Packed<T> {
    async fn read(call: &Call) -> Result<Self, ApiError> {
        match call.content_type().as_deref() {
            Some(JSON) => json(&call.small_body().await?).map(Self),
            Some(MSGPACK) => msgpack(&call.small_body().await?).map(Self),
            _ => Err(Code::BadContentType.plain()),
        }
    }

    fn describe(schemas: &mut Schemas) -> RequestBody {
        described(&[(JSON, schemas.of::<T>()), (MSGPACK, schemas.of::<T>())])
    }

    fn errors() -> Vec<Code> {
        vec![Code::BadContentType, T::CODE]
    }
}

/// A request body in some media types.
pub fn described(forms: &[(&'static str, RefOr<Schema>)]) -> RequestBody {
    let mut body = RequestBodyBuilder::new().required(Some(Required::True));
    for (media, schema) in forms {
        body = body.content(*media, Content::new(Some(schema.clone())));
    }
    body.build()
}

/// `bytes` as a `T` in JSON, at most 128 levels deep, within its bounds.
pub fn json<T: Body>(bytes: &Bytes) -> Result<T, ApiError> {
    let value: T = typed::from_json(bytes, T::CODE)?;
    checked(value)
}

/// As [`json`], from MessagePack.
pub fn msgpack<T: Body>(bytes: &Bytes) -> Result<T, ApiError> {
    let value: T = typed::from_msgpack(bytes, T::CODE)?;
    checked(value)
}

fn checked<T: Body>(value: T) -> Result<T, ApiError> {
    value
        .check()
        .map_err(|wrong| typed::invalid(T::CODE, &wrong))?;
    Ok(value)
}
