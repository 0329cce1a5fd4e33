//! Paths of a service and their operations.
//!
//! A resource is a path template with an operation per method. From the same table come the
//! answers to `OPTIONS`, to a wrong method (405) and to an unknown path (404), the path label of
//! the metrics, and the API document.

use std::{collections::HashMap, sync::Arc};

use goshawk_coordinator_core::permission::{Action, Resource as Kind, Tool};
use http::{HeaderValue, Method, StatusCode, header};
use utoipa::openapi::{RefOr, Schema, path::Parameter};
use warp::reply::Response;

use super::{
    call::{self, Call},
    openapi,
    operation::{Endpoint, Operation},
    record::Record,
};
use crate::errors::{ApiError, Code};

/// What a handler gives.
pub type Answer = Result<Response, ApiError>;

/// The path template a response was made by, for metrics.
#[derive(Debug, Clone, Copy)]
pub struct RouteLabel(pub &'static str);

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Whoever shows an account's credentials, where the operation itself decides what a token
    /// must permit.
    Account,
    /// Whoever shows an account's credentials; a token must permit the action.
    May(Kind, Action),
    /// Whoever shows an account's credentials; a token must permit the use of the tool.
    Use(Tool),
    /// Administrators, by password: no permission of a token speaks of what serves the whole
    /// installation.
    Administrator,
    /// Everybody, or administrators only: pages about the installation, as it is set.
    Page,
    /// Whoever names an account: services behind loopback only.
    Header,
}

impl Access {
    /// Whether a client has to show credentials.
    pub fn wants_credentials(self) -> bool {
        matches!(
            self,
            Self::Account | Self::May(..) | Self::Use(_) | Self::Administrator
        )
    }

    /// Errors of those who may not.
    pub fn errors(self) -> &'static [Code] {
        match self {
            Self::Open | Self::Page => &[],
            Self::Header => &[Code::AccountHeaderMissing, Code::AccountHeaderBad],
            _ => &[
                Code::AuthorizationFailed,
                Code::AuthorizationNeeded,
                Code::PermissionDenied,
                Code::TokenUnreadable,
                Code::AccessDenied,
            ],
        }
    }
}

/// One path and its operations.
pub struct Resource {
    template: &'static str,
    tag: &'static str,
    operations: Vec<Operation>,
    segments: Vec<(&'static str, RefOr<Schema>)>,
}

impl Resource {
    /// A path such as `/6/lists/{list_id}`; a segment whose name ends in `_id` matches UUIDs only.
    pub fn at(template: &'static str) -> Self {
        Self {
            template,
            tag: "",
            operations: Vec::new(),
            segments: Vec::new(),
        }
    }

    /// The group in API documents.
    pub fn tagged(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    /// Adds an operation.
    pub fn serve(mut self, operation: Operation) -> Self {
        self.operations.push(operation);
        self
    }

    /// Adds a method that API documents do not tell of.
    pub fn on<A: 'static, E: Endpoint<A>>(
        self,
        method: Method,
        access: Access,
        endpoint: E,
    ) -> Self {
        self.serve(Operation::new(method, "", access, endpoint))
    }

    /// Describes a segment of the path that is no id.
    pub fn segment(mut self, name: &'static str, schema: impl Into<RefOr<Schema>>) -> Self {
        self.segments.push((name, schema.into()));
        self
    }

    /// The path template.
    pub fn template(&self) -> &'static str {
        self.template
    }

    /// The group in API documents; from the path where none was given.
    pub fn tag(&self) -> &'static str {
        if self.tag.is_empty() {
            let named = |segment: &&str| !segment.is_empty() && segment.parse::<u8>().is_err();
            self.template.split('/').find(named).unwrap_or("service")
        } else {
            self.tag
        }
    }

    /// All operations, also those that API documents leave out.
    pub fn every(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter()
    }

    /// The operations that API documents tell of.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations
            .iter()
            .filter(|operation| !operation.id.is_empty())
    }

    /// The segments of the path that vary.
    pub fn path_parameters(&self) -> impl Iterator<Item = Parameter> {
        let names = self
            .template
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        names.map(|name| {
            let known = self.segments.iter().find(|(known, _)| *known == name);
            let schema = match known {
                Some((_, schema)) => schema.clone(),
                None => openapi::uuid().into(),
            };
            let text = format!(
                "The {} in question.",
                name.trim_end_matches("_id").replace('_', " ")
            );
            openapi::path_parameter(name, &text, schema)
        })
    }

    fn allowed(&self) -> String {
        let mut names: Vec<&str> = self
            .operations
            .iter()
            .map(|operation| operation.method.as_str())
            .collect();
        names.push("OPTIONS");
        names.join(", ")
    }

    /// The values of the varying segments of `path`, if it is one of this resource.
    pub fn capture(&self, path: &str) -> Option<HashMap<&'static str, String>> {
        capture(self.template, path)
    }

    /// Answers a request for this path.
    pub async fn answer(&self, mut call: Call) -> Answer {
        if call.method == Method::OPTIONS {
            return self.options();
        }
        let Some(operation) = self
            .operations
            .iter()
            .find(|operation| operation.method == call.method)
        else {
            let mut response = call::refused(&Code::MethodNotAllowed.plain());
            set_allow(&mut response, &self.allowed());
            return Ok(response);
        };
        let (api, access) = (Arc::clone(&call.api), operation.access);
        let found = api.identify(access, &call.method, &call.headers, call.origin.peer);
        let refused = match found.await {
            Ok(caller) => {
                call.caller = caller;
                api.permit(access, call.caller.as_ref()).err()
            }
            Err(error) => Some(error),
        };
        if let Some(caller) = &call.caller {
            let account = tracing::field::display(caller.account_id);
            tracing::Span::current().record("account", account);
        }
        let record = Record::of(operation, self.template, &call);
        let answer = match refused {
            None => operation.run(call).await,
            Some(error) => Err(error),
        };
        record.told(&answer);
        answer
    }

    fn options(&self) -> Answer {
        let mut response = call::empty(StatusCode::OK)?;
        set_allow(&mut response, &self.allowed());
        Ok(response)
    }
}

fn set_allow(response: &mut Response, methods: &str) {
    if let Ok(value) = HeaderValue::from_str(methods) {
        response.headers_mut().insert(header::ALLOW, value);
    }
}

fn capture(template: &'static str, path: &str) -> Option<HashMap<&'static str, String>> {
    let mut values = HashMap::new();
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(values),
            (Some(want), Some(have)) => match want
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'))
            {
                Some(name) if name.ends_with("_id") && !is_id(have) => return None,
                Some(_) if have.is_empty() => return None,
                Some(name) => {
                    values.insert(name, have.to_owned());
                }
                None if want != have => return None,
                None => {}
            },
            _ => return None,
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_whole_paths_and_ids_only() {
        let id = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
        assert_eq!(
            capture("/6/lists/{list_id}", &format!("/6/lists/{id}")).unwrap()["list_id"],
            id
        );
        assert!(capture("/6/lists/count", "/6/lists/count").is_some());
        for path in [
            "/6/lists/count",
            "/6/lists/",
            "/6/lists",
            &format!("/6/lists/{id}/faces"),
            &format!("/5/lists/{id}"),
        ] {
            assert!(capture("/6/lists/{list_id}", path).is_none(), "{path}");
        }
        assert_eq!(
            capture(
                "/6/samples/{kind}/{sample_id}",
                &format!("/6/samples/faces/{id}")
            )
            .unwrap()["kind"],
            "faces"
        );
    }
}
