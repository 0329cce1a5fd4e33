//! `/docs`: the API document of a service, as YAML and as a page that needs no other server, and
//! a short manual.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use utoipa::openapi::{
    ObjectBuilder, Required, Type,
    path::{Parameter, ParameterBuilder, ParameterIn},
};
use utoipa_swagger_ui::{Config, serve};
use warp::reply::Response;

use super::{Name, Service, names};
use crate::{
    api::{
        call::{self, Call},
        media, openapi,
        operation::Operation,
        routes::{Access, Resource},
        table,
    },
    errors::{ApiError, Code},
};

const YAML: &str = "application/x-yaml";
const HTML: &str = "text/html";
/// Where the page finds its script and style.
const UI: &str = "/docs/ui/{file}";
const PAGE: &str = include_str!("documents/page.html");
const MANUAL: &str = include_str!("documents/manual.html");
/// The page runs only what it brings itself.
const PAGE_RULES: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The documents of all services, each made when it is first asked for.
#[derive(Default)]
pub struct Documents([OnceLock<Result<Bytes, String>>; 4]);

impl Documents {
    /// The document of `service` as YAML.
    pub fn yaml(&self, service: Service) -> Result<Bytes, ApiError> {
        let slot = Service::ALL
            .iter()
            .position(|known| *known == service)
            .unwrap_or_default();
        let made = self.0[slot].get_or_init(|| written(service).map_err(|error| error.to_string()));
        made.clone()
            .map_err(|error| ApiError::internal("API document", &error))
    }
}

/// The document of `service` as YAML.
pub fn written(service: Service) -> Result<Bytes, Box<dyn std::error::Error>> {
    let document = openapi::document(service, &table::resources(service));
    let document = openapi::published(&document)?;
    Ok(serde_yaml_ng::to_string(&document)?.into())
}

/// The resources.
pub fn resources(service: Service) -> Vec<Resource> {
    let mut all = vec![
        // The contract of the sender and the handlers names these without a prefix.
        Resource::at(UI).on(http::Method::GET, Access::Open, ui),
    ];
    let unprefixed = match service {
        Service::Api | Service::Streams => None,
        Service::Sender | Service::Handlers => Some(&names!("", "Plain")),
    };
    for names in service.pages_by_prefix().iter().chain(unprefixed) {
        let at = |name: Name| Resource::at(name.0).tagged("documents");
        let spec = move |call: Call| std::future::ready(document(&call, service));
        all.push(
            at(names.spec).serve(
                Operation::get(names.spec.1, Access::Open, spec)
                    .about("This document, as YAML or as a page.")
                    .gives(StatusCode::OK, "The document.", &[YAML, HTML], openapi::raw)
                    .needs_accept()
                    .fails(&[Code::NotAcceptable]),
            ),
        );
        let manual = Operation::get(names.manual.1, Access::Open, manual)
            .about("What a developer of clients should know.")
            .gives(StatusCode::OK, "The manual.", &[HTML], openapi::raw);
        all.push(at(names.manual).serve(match service {
            Service::Streams => manual.reshape(|shape, _| shape.parameters.push(unread_accept())),
            _ => manual,
        }));
    }
    all
}

/// What the Streams contract lets a client ask for, though the manual is a page whatever it says.
fn unread_accept() -> Parameter {
    let forms = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["application/json", "application/msgpack"]));
    ParameterBuilder::new()
        .name("Accept")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("Of no effect: the manual is a page."))
        .schema(Some(forms))
        .build()
}

fn document(call: &Call, service: Service) -> Result<Response, ApiError> {
    match media::preferred(&call.headers, &[YAML, HTML]) {
        Some(YAML) => call::bytes(YAML, call.api.about.documents.yaml(service)?),
        Some(_) => page(PAGE.replace("{{title}}", service.title())),
        None => Err(Code::NotAcceptable.plain()),
    }
}

async fn manual(_: Call) -> Result<Response, ApiError> {
    page(MANUAL.to_owned())
}

fn page(html: String) -> Result<Response, ApiError> {
    let mut response = call::text("text/html; charset=utf-8", html)?;
    let rules = HeaderValue::from_static(PAGE_RULES);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, rules);
    Ok(response)
}

/// A file of the page; the only one that knows us is the one that starts it.
async fn ui(call: Call) -> Result<Response, ApiError> {
    let name = call.params.get("file").map(String::as_str);
    let name = name.unwrap_or_default();
    if name == "start.js" {
        return call::text(
            "text/javascript",
            include_str!("documents/start.js").to_owned(),
        );
    }
    let file = serve(name, Arc::new(Config::default()))
        .map_err(|error| ApiError::internal("page of the API document", &error))?
        .ok_or_else(|| Code::PageNotFound.plain())?;
    let mut response = call::bytes("application/octet-stream", file.bytes.into_owned().into())?;
    let headers = response.headers_mut();
    if let Ok(media) = HeaderValue::from_str(&file.content_type) {
        headers.insert(header::CONTENT_TYPE, media);
    }
    let day = HeaderValue::from_static("public, max-age=86400");
    headers.insert(header::CACHE_CONTROL, day);
    Ok(response)
}
