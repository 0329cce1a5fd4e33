//! A route table as a warp filter: finds the resource of a path, and sees to it that whatever a
//! handler does, an answer comes.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
};

use futures_util::FutureExt;
use http::{HeaderMap, Method};
use warp::{Filter, filters::BoxedFilter, path::FullPath, reply::Response, ws::Ws};

use super::{
    Api,
    body::Body,
    call::{self, Call, Origin},
    query::Query,
    routes::{Resource, RouteLabel},
    service::Service,
    table,
};
use crate::errors::{ApiError, Code};

/// The resources of a service.
struct Router {
    service: Service,
    /// By the number of segments in their paths.
    resources: HashMap<usize, Vec<Resource>>,
}

impl Router {
    fn new(service: Service, all: Vec<Resource>) -> Self {
        let mut resources: HashMap<usize, Vec<Resource>> = HashMap::new();
        for resource in all {
            let length = resource.template().split('/').count();
            resources.entry(length).or_default().push(resource);
        }
        Self { service, resources }
    }

    fn find(&self, path: &str) -> Option<(&Resource, HashMap<&'static str, String>)> {
        let candidates = self.resources.get(&path.split('/').count())?;
        candidates
            .iter()
            .find_map(|resource| Some((resource, resource.capture(path)?)))
    }

    async fn answer(&self, api: Arc<Api>, request: Request) -> Response {
        let body = request.body.clone();
        let Some((resource, params)) = self.find(request.path.as_str()) else {
            body.discard();
            return call::refused(&Code::PageNotFound.plain().told_by(self.service));
        };
        tracing::Span::current().record("route", resource.template());
        let call = Call {
            api,
            method: request.method,
            params,
            query: Query::parse(&request.query),
            headers: request.headers,
            origin: request.origin,
            caller: None,
            socket: Mutex::new(request.socket),
            body: request.body,
            rooms: Mutex::default(),
        };
        let answer = AssertUnwindSafe(resource.answer(call))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(ApiError::internal(resource.template(), &"handler panicked")));
        let mut response =
            answer.unwrap_or_else(|error| call::refused(&error.told_by(self.service)));
        if !response.status().is_success() {
            body.discard();
        }
        response
            .extensions_mut()
            .insert(RouteLabel(resource.template()));
        response
    }
}

struct Request {
    path: FullPath,
    method: Method,
    query: String,
    headers: HeaderMap,
    origin: Origin,
    socket: Option<Ws>,
    body: Body,
}

/// The filter of a service; what none of its resources matches is answered with the
/// contract's 404.
pub fn filter(service: Service, api: &Arc<Api>) -> BoxedFilter<(Response,)> {
    let router = Arc::new(Router::new(service, table::resources(service)));
    let api = Arc::clone(api);
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let socket = warp::ws().map(Some).or(warp::any().map(|| None)).unify();
    warp::path::full()
        .and(warp::method())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Origin>())
        .and(socket)
        .and(warp::body::stream().map(Body::new))
        .map(
            |path, method, query, headers, origin, socket, body| Request {
                path,
                method,
                query,
                headers,
                origin,
                socket,
                body,
            },
        )
        .then(move |request| {
            let (router, api) = (Arc::clone(&router), Arc::clone(&api));
            async move { router.answer(api, request).await }
        })
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_finds_its_resource() {
        let templates = ["/6/lists", "/6/lists/count", "/6/lists/{list_id}"];
        let router = Router::new(Service::Api, templates.map(Resource::at).into());
        let found = |path: &str| router.find(path).map(|(resource, _)| resource.template());
        let id = "/6/lists/7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
        assert_eq!(found("/6/lists"), Some("/6/lists"));
        assert_eq!(found("/6/lists/count"), Some("/6/lists/count"));
        assert_eq!(found(id), Some("/6/lists/{list_id}"));
        for path in ["/6/lists/", "/6/lists/x", "/6", "/", "", "/6/lists/count/x"] {
            assert_eq!(found(path), None, "{path}");
        }
    }
}
