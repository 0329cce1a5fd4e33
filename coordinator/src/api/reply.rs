//! What goes out with an answer, as types that a document can describe.

use std::{borrow::Cow, io, marker::PhantomData};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Response as HttpResponse, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, ser::Formatter};
use utoipa::{
    __dev::ComposeSchema,
    PartialSchema, ToSchema,
    openapi::{
        Content, Header, ObjectBuilder, RefOr, Response as Described, ResponseBuilder, Schema,
        SchemaFormat, Type,
    },
};
use warp::reply::Response;

use super::{
    call,
    media::{Form, JSON, MSGPACK},
    openapi::Schemas,
    routes::Answer,
};
use crate::errors::ApiError;

/// What a handler gives when all is well.
pub trait Reply: Send {
    /// The answer, in the form that the client wants where there are several.
    fn reply(self, form: Form) -> Answer;

    /// How a document describes it, by status.
    fn describe(schemas: &mut Schemas) -> Vec<(StatusCode, Described)>;
}

/// 200 with a JSON body.
#[derive(Debug)]
pub struct Done<T>(pub T);

impl<T: Serialize + ToSchema + Send> Reply for Done<T> {
    fn reply(self, _: Form) -> Answer {
        written(StatusCode::OK, &self.0, Form::Json)
    }

    fn describe(schemas: &mut Schemas) -> Vec<(StatusCode, Described)> {
        let body = described("The answer.", &[(JSON, schemas.of::<T>())]);
        vec![(StatusCode::OK, body.build())]
    }
}

/// 200 with a body in JSON or MessagePack, as `Accept` says.
impl<T: Serialize + ToSchema + Send> Reply for super::payload::Packed<T> {
    fn reply(self, form: Form) -> Answer {
        written(StatusCode::OK, &self.0, form)
    }

    fn describe(schemas: &mut Schemas) -> Vec<(StatusCode, Described)> {
        let forms = [(JSON, schemas.of::<T>()), (MSGPACK, schemas.of::<T>())];
        vec![(StatusCode::OK, described("The answer.", &forms).build())]
    }
}

/// 201 with a JSON body and the address of what was made.
#[derive(Debug)]
pub struct Created<T> {
    /// Path of the new object, for the `Location` header.
    pub location: String,
    /// The body.
    pub body: T,
}

impl<T: Serialize + ToSchema + Send> Reply for Created<T> {
    fn reply(self, _: Form) -> Answer {
        let mut response = written(StatusCode::CREATED, &self.body, Form::Json)?;
        if let Ok(value) = HeaderValue::from_str(&self.location) {
            response.headers_mut().insert(header::LOCATION, value);
        }
        Ok(response)
    }

    fn describe(schemas: &mut Schemas) -> Vec<(StatusCode, Described)> {
        let location = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("uri-reference".to_owned())))
            .description(Some("Path of the new object."));
        let body = described("It was made.", &[(JSON, schemas.of::<T>())])
            .header("Location", Header::new(location));
        vec![(StatusCode::CREATED, body.build())]
    }
}

/// 201 with a JSON body of several new things, which have no one address.
#[derive(Debug)]
pub struct Made<T>(pub T);

impl<T: Serialize + ToSchema + Send> Reply for Made<T> {
    fn reply(self, _: Form) -> Answer {
        written(StatusCode::CREATED, &self.0, Form::Json)
    }

    fn describe(schemas: &mut Schemas) -> Vec<(StatusCode, Described)> {
        let body = described("It was made.", &[(JSON, schemas.of::<T>())]);
        vec![(StatusCode::CREATED, body.build())]
    }
}

/// 204: done, nothing to say.
#[derive(Debug, Clone, Copy)]
pub struct NoContent;

impl Reply for NoContent {
    fn reply(self, _: Form) -> Answer {
        call::empty(StatusCode::NO_CONTENT)
    }

    fn describe(_: &mut Schemas) -> Vec<(StatusCode, Described)> {
        let body = described("It was done.", &[]);
        vec![(StatusCode::NO_CONTENT, body.build())]
    }
}

/// 200 without a body: the answer to `HEAD`.
#[derive(Debug, Clone, Copy)]
pub struct Exists;

impl Reply for Exists {
    fn reply(self, _: Form) -> Answer {
        call::empty(StatusCode::OK)
    }

    fn describe(_: &mut Schemas) -> Vec<(StatusCode, Described)> {
        vec![(StatusCode::OK, described("It exists.", &[]).build())]
    }
}

/// An answer of another kind; its operation describes it with
/// [`super::operation::Operation::gives`].
impl Reply for Response {
    fn reply(self, _: Form) -> Answer {
        Ok(self)
    }

    fn describe(_: &mut Schemas) -> Vec<(StatusCode, Described)> {
        Vec::new()
    }
}

/// A response in some media types.
pub fn described(text: &str, forms: &[(&'static str, RefOr<Schema>)]) -> ResponseBuilder {
    let mut response = ResponseBuilder::new().description(text);
    for (media, schema) in forms {
        response = response.content(*media, Content::new(Some(schema.clone())));
    }
    response
}

/// JSON that was put together by hand where a client chooses the fields, of which `T` says the
/// whole.
#[derive(Debug, Clone)]
pub struct Shaped<T>(Value, PhantomData<fn() -> T>);

impl<T> Shaped<T> {
    /// `value` as what a document calls a `T`.
    pub fn new(value: impl Into<Value>) -> Self {
        Self(value.into(), PhantomData)
    }
}

impl<T> Serialize for Shaped<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<T: PartialSchema> ComposeSchema for Shaped<T> {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        T::schema()
    }
}

impl<T: ToSchema> ToSchema for Shaped<T> {
    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        T::schemas(schemas);
    }
}

/// A body in one of the two forms. Bytes are base64 text in JSON and bytes in MessagePack.
pub fn written(
    status: StatusCode,
    body: &impl Serialize,
    form: Form,
) -> Result<Response, ApiError> {
    let failed = |error: &dyn std::fmt::Display| ApiError::internal("answer not written", error);
    let mut bytes = Vec::new();
    let media = match form {
        Form::Json => {
            let mut writer = serde_json::Serializer::with_formatter(&mut bytes, Base64Bytes);
            body.serialize(&mut writer)
                .map_err(|error| failed(&error))?;
            JSON
        }
        Form::Msgpack => {
            // Human readable: ids and times are the same text as in JSON.
            let mut writer = rmp_serde::Serializer::new(&mut bytes)
                .with_struct_map()
                .with_human_readable();
            body.serialize(&mut writer)
                .map_err(|error| failed(&error))?;
            MSGPACK
        }
    };
    let mut response = HttpResponse::new(bytes.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    Ok(response)
}

struct Base64Bytes;

impl Formatter for Base64Bytes {
    fn write_byte_array<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        value: &[u8],
    ) -> io::Result<()> {
        write!(writer, "\"{}\"", STANDARD.encode(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::id::FaceId;

    #[derive(Serialize)]
    struct Example {
        id: FaceId,
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    }

    #[tokio::test]
    async fn bytes_and_ids_suit_the_form() {
        use http_body_util::BodyExt;
        let example = Example {
            id: "7acc35cf-a3b2-4f87-8d8b-5496a2782d37".parse().unwrap(),
            bytes: vec![1, 2, 3],
        };
        let json = written(StatusCode::OK, &example, Form::Json).unwrap();
        let json = json.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(
            serde_json::from_slice::<Value>(&json).unwrap(),
            serde_json::json!({"id": example.id, "bytes": "AQID"})
        );
        let packed = written(StatusCode::OK, &example, Form::Msgpack).unwrap();
        let packed = packed.into_body().collect().await.unwrap().to_bytes();
        // {"id": "7acc…", "bytes": bin 3}
        assert_eq!(packed[0], 0x82);
        assert!(packed.windows(5).any(|at| at == [0xc4, 3, 1, 2, 3]));
        assert!(packed.windows(4).any(|at| at == b"7acc"));
    }
}
