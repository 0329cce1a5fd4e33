//! One operation of a service: who may call it, what it takes, what it gives, which errors it may
//! answer with, and what does the work.
//!
//! Everything that goes with an operation is said here once, by types. From that come the
//! authorisation, the reading of parameters and bodies, the form of the answer and the
//! description in the API document, so that none of them can be forgotten or differ.

use std::{future::Future, pin::Pin, sync::Arc};

use goshawk_coordinator_core::query::Parameters;
use http::{Method, StatusCode};
use utoipa::openapi::{RefOr, Schema, path::Parameter, request_body::RequestBody};

use super::{
    call::Call,
    media::Form,
    openapi::Schemas,
    payload::{self, Params, Payload},
    reply::{self, Reply},
    routes::{Access, Answer},
};
use crate::errors::{self, ApiError, Code};

/// Erased [`Endpoint`].
pub type Handler = Arc<dyn Fn(Call) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// Media types and their schemas.
pub type Forms = Vec<(&'static str, RefOr<Schema>)>;

/// What an endpoint takes and gives, for documents.
#[derive(Default)]
pub struct Shape {
    /// Query parameters.
    pub parameters: Vec<Parameter>,
    /// The body.
    pub body: Option<RequestBody>,
    /// Answers that are no errors.
    pub replies: Vec<(StatusCode, utoipa::openapi::Response)>,
    /// Errors that come with reading parameters and body.
    pub codes: Vec<Code>,
    /// Whether a client has to say in which form it wants the answer.
    pub needs_accept: bool,
}

/// An async function that can serve an operation: it takes a [`Call`], then [`Params`] if there
/// are query parameters, then a [`Payload`] if there is a body, and gives a [`Reply`].
pub trait Endpoint<Arguments>: Send + Sync + 'static {
    /// Does the work.
    fn run(&self, call: Call) -> impl Future<Output = Answer> + Send;

    /// What it takes and gives.
    fn shape(schemas: &mut Schemas) -> Shape;
}

impl<F, R, Fut> Endpoint<()> for F
where
    F: Fn(Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, ApiError>> + Send,
    R: Reply,
{
    async fn run(&self, call: Call) -> Answer {
        let form = Form::wanted(&call.headers);
        self(call).await?.reply(form)
    }

    fn shape(schemas: &mut Schemas) -> Shape {
        Shape {
            replies: R::describe(schemas),
            ..Shape::default()
        }
    }
}

impl<F, Q, R, Fut> Endpoint<(Params<Q>,)> for F
where
    F: Fn(Call, Params<Q>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, ApiError>> + Send,
    Q: Parameters + Send,
    R: Reply,
{
    async fn run(&self, call: Call) -> Answer {
        let form = Form::wanted(&call.headers);
        let params = Params::of(&call)?;
        self(call, params).await?.reply(form)
    }

    fn shape(schemas: &mut Schemas) -> Shape {
        Shape {
            parameters: Q::describe(),
            replies: R::describe(schemas),
            codes: query_errors::<Q>(),
            ..Shape::default()
        }
    }
}

/// Errors of reading the query parameters `Q`.
fn query_errors<Q: Parameters>() -> Vec<Code> {
    match Q::NAMES_FIELDS {
        true => vec![Code::BadQuery, Code::BadTarget],
        false => vec![Code::BadQuery],
    }
}

/// Tells an endpoint with a body from one with parameters.
pub struct WithBody;

impl<F, B, R, Fut> Endpoint<(WithBody, B)> for F
where
    F: Fn(Call, B) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, ApiError>> + Send,
    B: Payload,
    R: Reply,
{
    async fn run(&self, call: Call) -> Answer {
        let form = Form::wanted(&call.headers);
        let body = B::read(&call).await?;
        self(call, body).await?.reply(form)
    }

    fn shape(schemas: &mut Schemas) -> Shape {
        Shape {
            body: Some(B::describe(schemas)),
            replies: R::describe(schemas),
            codes: B::errors(),
            ..Shape::default()
        }
    }
}

impl<F, Q, B, R, Fut> Endpoint<(WithBody, Params<Q>, B)> for F
where
    F: Fn(Call, Params<Q>, B) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, ApiError>> + Send,
    Q: Parameters + Send,
    B: Payload,
    R: Reply,
{
    async fn run(&self, call: Call) -> Answer {
        let form = Form::wanted(&call.headers);
        let params = Params::of(&call)?;
        let body = B::read(&call).await?;
        self(call, params, body).await?.reply(form)
    }

    fn shape(schemas: &mut Schemas) -> Shape {
        let mut codes = B::errors();
        codes.extend(query_errors::<Q>());
        Shape {
            parameters: Q::describe(),
            body: Some(B::describe(schemas)),
            replies: R::describe(schemas),
            codes,
            ..Shape::default()
        }
    }
}

/// One method of a path.
pub struct Operation {
    /// The method.
    pub method: Method,
    /// Its name in API documents, unique in a service.
    pub id: &'static str,
    /// What it is for, in a few words.
    pub about: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Errors of its own and the status they come with here.
    pub codes: Vec<(Code, StatusCode)>,
    shape: Box<dyn Fn(&mut Schemas) -> Shape + Send + Sync>,
    handler: Handler,
}

impl Operation {
    /// An operation by any method; API documents leave out those whose `id` is empty.
    pub fn new<A: 'static, E: Endpoint<A>>(
        method: Method,
        id: &'static str,
        access: Access,
        endpoint: E,
    ) -> Self {
        let endpoint = Arc::new(endpoint);
        Self {
            method,
            id,
            about: "",
            access,
            codes: Vec::new(),
            shape: Box::new(|schemas| E::shape(schemas)),
            handler: Arc::new(move |call| {
                let endpoint = Arc::clone(&endpoint);
                Box::pin(async move { endpoint.run(call).await })
            }),
        }
    }

    /// `GET`.
    pub fn get<A: 'static, E: Endpoint<A>>(id: &'static str, access: Access, endpoint: E) -> Self {
        Self::new(Method::GET, id, access, endpoint)
    }

    /// `HEAD`.
    pub fn head<A: 'static, E: Endpoint<A>>(id: &'static str, access: Access, endpoint: E) -> Self {
        Self::new(Method::HEAD, id, access, endpoint)
    }

    /// `POST`.
    pub fn post<A: 'static, E: Endpoint<A>>(id: &'static str, access: Access, endpoint: E) -> Self {
        Self::new(Method::POST, id, access, endpoint)
    }

    /// `PUT`.
    pub fn put<A: 'static, E: Endpoint<A>>(id: &'static str, access: Access, endpoint: E) -> Self {
        Self::new(Method::PUT, id, access, endpoint)
    }

    /// `PATCH`.
    pub fn patch<A: 'static, E: Endpoint<A>>(
        id: &'static str,
        access: Access,
        endpoint: E,
    ) -> Self {
        Self::new(Method::PATCH, id, access, endpoint)
    }

    /// `DELETE`.
    pub fn delete<A: 'static, E: Endpoint<A>>(
        id: &'static str,
        access: Access,
        endpoint: E,
    ) -> Self {
        Self::new(Method::DELETE, id, access, endpoint)
    }

    /// What it is for, in a few words.
    pub fn about(mut self, text: &'static str) -> Self {
        self.about = text;
        self
    }

    /// Errors that it may answer with, beside those of access, parameters, body and server.
    pub fn fails(mut self, codes: &[Code]) -> Self {
        self.codes
            .extend(codes.iter().map(|code| (*code, code.status())));
        self
    }

    /// As [`Operation::fails`], with a status that is not the usual one of these codes.
    pub fn fails_as(mut self, status: StatusCode, codes: &[Code]) -> Self {
        self.codes.extend(codes.iter().map(|code| (*code, status)));
        self
    }

    /// Errors that it may tell of within an answer of success, beside what did not fail.
    pub fn tells(self, codes: &'static [Code]) -> Self {
        self.reshape(move |shape, _| {
            for (_, reply) in &mut shape.replies {
                let text = format!("{}\n\n{}", reply.description, errors::listed(codes));
                reply.description = text;
            }
        })
    }

    /// Describes an answer that its types do not: other media types, a second status.
    pub fn gives(
        self,
        status: StatusCode,
        text: &'static str,
        media: &'static [&'static str],
        schema: fn(&mut Schemas) -> RefOr<Schema>,
    ) -> Self {
        self.reshape(move |shape, schemas| {
            let forms: Vec<_> = media
                .iter()
                .map(|media| (*media, schema(schemas)))
                .collect();
            let response = reply::described(text, &forms).build();
            shape.replies.retain(|(known, _)| *known != status);
            shape.replies.push((status, response));
        })
    }

    /// As [`Operation::gives`], with a schema for every media type.
    pub fn gives_each(
        self,
        status: StatusCode,
        text: &'static str,
        forms: fn(&mut Schemas) -> Forms,
    ) -> Self {
        self.reshape(move |shape, schemas| {
            let response = reply::described(text, &forms(schemas)).build();
            shape.replies.retain(|(known, _)| *known != status);
            shape.replies.push((status, response));
        })
    }

    /// Says that a client has to name the form of the answer; those that do not get the first.
    pub fn needs_accept(self) -> Self {
        self.reshape(|shape, _| shape.needs_accept = true)
    }

    /// Describes a body that its handler reads by itself.
    pub fn takes(self, forms: fn(&mut Schemas) -> Forms) -> Self {
        self.reshape(move |shape, schemas| {
            shape.body = Some(payload::described(&forms(schemas)));
        })
    }

    /// Describes query parameters that its handler reads by itself.
    pub fn asks<Q: Parameters + 'static>(self) -> Self {
        self.reshape(|shape, _| {
            shape.parameters.extend(Q::describe());
            shape.codes.extend(query_errors::<Q>());
        })
    }

    /// Changes the description as a last resort, for what types cannot say.
    pub fn reshape(
        mut self,
        change: impl Fn(&mut Shape, &mut Schemas) + Send + Sync + 'static,
    ) -> Self {
        let shape = self.shape;
        self.shape = Box::new(move |schemas| {
            let mut shape = shape(schemas);
            change(&mut shape, schemas);
            shape
        });
        self
    }

    /// What it takes and gives.
    pub fn shape(&self, schemas: &mut Schemas) -> Shape {
        (self.shape)(schemas)
    }

    /// Whether it may change something, as far as its method tells.
    pub fn changes(&self) -> bool {
        !matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// Does the work.
    pub async fn run(&self, call: Call) -> Answer {
        (self.handler)(call).await
    }
}
