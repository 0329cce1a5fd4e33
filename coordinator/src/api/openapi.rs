//! API documents (OpenAPI 3.1), made from the route table.

use std::collections::BTreeMap;

use goshawk_coordinator_core::formats::document::tidy;
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ComponentsBuilder, Content, Deprecated, Header, HttpMethod, InfoBuilder, ObjectBuilder,
        OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr, Required, Response,
        ResponseBuilder, Schema, SchemaFormat, Type,
        path::{
            Operation as Described, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
        },
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    operation::{Operation, Shape},
    routes::{Access, Resource},
    service::Service,
};
use crate::errors::{self, Code};

/// Ids as every contract writes them.
pub const UUID_PATTERN: &str = "^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$";
const REQUEST_ID_PATTERN: &str =
    "^[0-9]{10},[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$";

/// Named schemas of one document.
#[derive(Default)]
pub struct Schemas(BTreeMap<String, RefOr<Schema>>);

impl Schemas {
    /// A reference to the schema of `T`, which the document then holds. Types without a name of
    /// their own, such as numbers and text, are given as they are.
    pub fn of<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let mut parts = Vec::new();
        T::schemas(&mut parts);
        for (name, schema) in parts {
            self.add(name, schema);
        }
        match T::schema() {
            schema @ RefOr::Ref(_) => schema,
            RefOr::T(Schema::Object(object)) if object.properties.is_empty() => object.into(),
            RefOr::T(Schema::Array(array)) => array.into(),
            schema => {
                let name = T::name().into_owned();
                self.add(name.clone(), schema);
                Ref::from_schema_name(name).into()
            }
        }
    }

    fn add(&mut self, name: String, schema: RefOr<Schema>) {
        let known = self.0.entry(name.clone()).or_insert_with(|| schema.clone());
        // Two types of one name would make half of the document wrong; a test makes all of them.
        debug_assert!(*known == schema, "two different schemas are called {name}");
    }
}

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody {
    /// Number of the error; see `/docs/errors`.
    pub error_code: i32,
    /// What kind of error it is.
    pub desc: String,
    /// What is wrong this time.
    pub detail: String,
    /// Where the error is explained.
    pub link: String,
}

/// The document of a service.
pub fn document(service: Service, resources: &[Resource]) -> OpenApi {
    let mut schemas = Schemas::default();
    let mut paths = PathsBuilder::new();
    for resource in resources {
        for operation in resource.operations() {
            let described = describe(service, resource, operation, &mut schemas);
            let item = PathItem::new(method(&operation.method), described);
            paths = paths.path(resource.template(), item);
        }
    }
    let mut components = ComponentsBuilder::new();
    for (name, schema) in schemas.0 {
        components = components.schema(name, schema);
    }
    if service == Service::Api {
        for (name, scheme) in schemes() {
            components = components.security_scheme(name, scheme);
        }
    }
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title(service.title())
                .version(service.contract_version())
                .description(Some(service.about())),
        )
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::HEAD => HttpMethod::Head,
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn describe(
    service: Service,
    resource: &Resource,
    operation: &Operation,
    schemas: &mut Schemas,
) -> Described {
    let shape = operation.shape(schemas);
    let mut described = OperationBuilder::new()
        .tag(resource.tag())
        .operation_id(Some(operation.id))
        .summary(Some(operation.about));
    let parameters = headers(service, operation, &shape)
        .into_iter()
        .chain(resource.path_parameters())
        .chain(shape.parameters.iter().cloned());
    for parameter in parameters {
        described = described.parameter(parameter);
    }
    if operation.access.wants_credentials() {
        for scheme in ["BasicAuth", "BearerAuth"] {
            described = described.security(SecurityRequirement::new(scheme, [] as [&str; 0]));
        }
    }
    let refusals = refusals(operation, &shape, schemas);
    for (status, response) in shape.replies.into_iter().chain(refusals) {
        let header = Header::new(request_id());
        let mut response = ResponseBuilder::from(response);
        response = response.header("Luna-Request-Id", header);
        described = described.response(status.as_str(), response.build());
    }
    described.request_body(shape.body).build()
}

/// The errors of an operation by status.
fn refusals(
    operation: &Operation,
    shape: &Shape,
    schemas: &mut Schemas,
) -> BTreeMap<StatusCode, Response> {
    let mut by_status: BTreeMap<StatusCode, Vec<Code>> = BTreeMap::new();
    let usual = |code: Code| (code, code.status());
    let server = [
        Code::RequestTimeout,
        Code::Internal,
        Code::ProcessingTimeout,
        Code::Timeout,
    ];
    let access: &[Code] = operation.access.errors();
    let body: &[Code] = match shape.body {
        Some(_) => &[Code::PayloadTooLarge],
        None => &[],
    };
    let all = server
        .iter()
        .chain(access)
        .chain(body)
        .chain(&shape.codes)
        .map(|code| usual(*code))
        .chain(operation.codes.iter().copied());
    for (code, status) in all {
        let codes = by_status.entry(status).or_default();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    let answer = |(status, mut codes): (StatusCode, Vec<Code>)| {
        codes.sort_by_key(|code| code.number());
        let mut response = ResponseBuilder::new().description(errors::listed(&codes));
        // An answer to `HEAD` never has a body.
        if operation.method != Method::HEAD {
            let body = Content::new(Some(schemas.of::<ErrorBody>()));
            response = response.content("application/json", body);
        }
        (status, response.build())
    };
    by_status.into_iter().map(answer).collect()
}

/// Headers that a request may carry.
fn headers(service: Service, operation: &Operation, shape: &Shape) -> Vec<Parameter> {
    let header = |name: &str, text: &str, schema: ObjectBuilder| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(text))
            .schema(Some(schema))
    };
    let mut all = vec![
        header(
            "Luna-Request-Id",
            "Identifies the request in logs; made up when it is not given.",
            asked_id(service),
        )
        .build(),
    ];
    let account = || uuid();
    match operation.access {
        Access::Open | Access::Page => {}
        Access::Header => all.push(
            header(
                "Luna-Account-Id",
                "The account that the request is for.",
                account(),
            )
            .required(Required::True)
            .build(),
        ),
        _ => all.push(
            header(
                "Luna-Account-Id",
                "The account in place of credentials, where an installation allows that.",
                account(),
            )
            .deprecated(Some(Deprecated::True))
            .build(),
        ),
    }
    if let Some(body) = &shape.body {
        let media: Vec<&str> = body.content.keys().map(String::as_str).collect();
        let schema = text().enum_values(Some(media));
        all.push(header("Content-Type", "What the body is written in.", schema).build());
    }
    let forms = shape
        .replies
        .iter()
        .find(|(_, reply)| reply.content.len() > 1);
    if let Some((_, reply)) = forms {
        let media: Vec<&str> = reply.content.keys().map(String::as_str).collect();
        let schema = text().enum_values(Some(media));
        let accept = header("Accept", "What the answer should be written in.", schema);
        let required = if shape.needs_accept {
            Required::True
        } else {
            Required::False
        };
        all.push(accept.required(required).build());
    }
    all
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// The schema of an id.
pub fn uuid() -> ObjectBuilder {
    text()
        .format(Some(SchemaFormat::Custom("uuid".to_owned())))
        .pattern(Some(UUID_PATTERN))
}

/// The id of a request as a client sends it; the contract of one service names its format.
fn asked_id(service: Service) -> ObjectBuilder {
    let format = SchemaFormat::Custom("timestamp,uuid".to_owned());
    match service {
        Service::Streams => request_id().format(Some(format)),
        _ => request_id(),
    }
}

fn request_id() -> ObjectBuilder {
    text().pattern(Some(REQUEST_ID_PATTERN))
}

fn schemes() -> [(&'static str, SecurityScheme); 2] {
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("Login and password of an account."));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token made by `POST /6/tokens`."));
    [
        ("BasicAuth", SecurityScheme::Http(basic.build())),
        ("BearerAuth", SecurityScheme::Http(bearer.build())),
    ]
}

/// The document as it is published: what Rust adds to schemas is taken out again.
pub fn published(document: &OpenApi) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(document)?;
    tidy(&mut value);
    Ok(value)
}

/// A path parameter.
pub fn path_parameter(name: &str, text: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(text))
        .schema(Some(schema))
        .build()
}

/// The schema of an answer that is text or bytes.
pub fn raw(_: &mut Schemas) -> RefOr<Schema> {
    <String as PartialSchema>::schema()
}
