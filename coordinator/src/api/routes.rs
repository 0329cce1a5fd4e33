//! Operations of a service as one warp filter tree.
//!
//! A resource is a path template with a handler per method. From the same table come the answers
//! to `OPTIONS`, to a wrong method (405) and to an unknown path (404), and the path label of the
//! metrics.

use std::{
    collections::HashMap,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex},
};

use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::{Filter, Rejection, filters::BoxedFilter, path::FullPath, reply::Response};

use super::{
    Api,
    body::Body,
    call::{self, Call, Origin},
    query::Query,
};
use crate::errors::{ApiError, Code};

/// What a handler gives.
pub type Answer = Result<Response, ApiError>;
type Handler = Arc<dyn Fn(Call) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// The path template a response was made by, for metrics.
#[derive(Debug, Clone, Copy)]
pub struct RouteLabel(pub &'static str);

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Whoever shows an account's credentials.
    Account,
    /// Whoever names an account: services behind loopback only.
    Header,
}

/// One path and its methods.
pub struct Resource {
    template: &'static str,
    methods: Vec<(Method, Access, Handler)>,
}

impl Resource {
    /// A path such as `/6/lists/{list_id}`; a segment whose name ends in `_id` matches UUIDs only.
    pub fn at(template: &'static str) -> Self {
        Self {
            template,
            methods: Vec::new(),
        }
    }

    /// Adds a method.
    pub fn on<F, R>(mut self, method: Method, access: Access, handler: F) -> Self
    where
        F: Fn(Call) -> R + Send + Sync + 'static,
        R: Future<Output = Answer> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |call| Box::pin(handler(call)));
        self.methods.push((method, access, handler));
        self
    }

    fn allowed(&self) -> String {
        let mut names: Vec<&str> = self
            .methods
            .iter()
            .map(|(method, ..)| method.as_str())
            .collect();
        names.push("OPTIONS");
        names.join(", ")
    }

    async fn answer(&self, mut call: Call) -> Answer {
        if call.method == Method::OPTIONS {
            return self.options();
        }
        let Some((_, access, handler)) = self
            .methods
            .iter()
            .find(|(method, ..)| *method == call.method)
        else {
            let mut response = call::refused(&Code::MethodNotAllowed.plain());
            set_allow(&mut response, &self.allowed());
            return Ok(response);
        };
        call.caller = call
            .api
            .authenticate(*access, &call.headers, call.origin.peer)
            .await?;
        handler(call).await
    }

    fn options(&self) -> Answer {
        let mut response = call::empty(StatusCode::OK)?;
        set_allow(&mut response, &self.allowed());
        Ok(response)
    }

    /// The filter of this resource.
    pub fn filter(self, api: &Arc<Api>) -> BoxedFilter<(Response,)> {
        let (api, template) = (Arc::clone(api), self.template);
        let this = Arc::new(self);
        matching(template)
            .and(warp::method())
            .and(raw_query())
            .and(warp::header::headers_cloned())
            .and(warp::ext::get::<Origin>())
            .and(warp::body::stream().map(Body::new))
            .then(
                move |params, method, query: String, headers: HeaderMap, origin, body: Body| {
                    let (api, this) = (Arc::clone(&api), Arc::clone(&this));
                    let query = Query::parse(&query);
                    let call = Call {
                        api,
                        method,
                        params,
                        query,
                        headers,
                        origin,
                        caller: None,
                        body: body.clone(),
                        rooms: Mutex::default(),
                    };
                    async move { guarded(this.template, body, this.answer(call)).await }
                },
            )
            .boxed()
    }
}

/// Runs a handler: a panic becomes an internal error, an unread body is let go of, and the
/// response carries its route.
async fn guarded(
    template: &'static str,
    body: Body,
    answer: impl Future<Output = Answer>,
) -> Response {
    let result = AssertUnwindSafe(answer)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(ApiError::internal(template, &"handler panicked")));
    let mut response = result.unwrap_or_else(|error| call::refused(&error));
    if !response.status().is_success() {
        body.discard();
    }
    response.extensions_mut().insert(RouteLabel(template));
    response
}

fn set_allow(response: &mut Response, methods: &str) {
    if let Ok(value) = HeaderValue::from_str(methods) {
        response.headers_mut().insert(header::ALLOW, value);
    }
}

/// The query string, empty when there is none.
pub fn raw_query() -> BoxedFilter<(String,)> {
    warp::query::raw()
        .or(warp::any().map(String::new))
        .unify()
        .boxed()
}

/// Matches a path template and gives the values of its segments.
pub fn matching(template: &'static str) -> BoxedFilter<(HashMap<&'static str, String>,)> {
    warp::path::full()
        .and_then(move |path: FullPath| {
            let found = capture(template, path.as_str()).ok_or_else(warp::reject::not_found);
            std::future::ready(found)
        })
        .boxed()
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

/// Joins filters into one tree; what none of them matches is answered with the contract's 404.
pub fn tree(mut filters: Vec<BoxedFilter<(Response,)>>) -> BoxedFilter<(Response,)> {
    // Pairs of pairs keep the depth logarithmic in the number of resources.
    while filters.len() > 1 {
        let mut paired = Vec::with_capacity(filters.len().div_ceil(2));
        let mut rest = filters.into_iter();
        while let Some(first) = rest.next() {
            paired.push(match rest.next() {
                Some(second) => first.or(second).unify().boxed(),
                None => first,
            });
        }
        filters = paired;
    }
    let all = filters.pop().unwrap_or_else(|| {
        warp::any()
            .and_then(|| std::future::ready(Err::<Response, Rejection>(warp::reject::not_found())))
            .boxed()
    });
    let unknown = warp::body::stream().map(|chunks| {
        Body::new(chunks).discard();
        call::refused(&Code::PageNotFound.plain())
    });
    all.or(unknown).unify().boxed()
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
