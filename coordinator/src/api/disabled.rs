//! Parts of the contract that this installation does not have, with the error that the contract
//! documents for a service that is turned off. Everything else unknown is 404.

use http::Method;
use warp::reply::Response;

use super::routes::{Access, Resource};
use crate::errors::Code;

const TASKS: &[&str] = &[
    "/6/tasks",
    "/6/tasks/count",
    "/6/tasks/errors",
    "/6/tasks/errors/count",
    "/6/tasks/errors/{error}",
    "/6/tasks/clustering",
    "/6/tasks/reporter",
    "/6/tasks/exporter",
    "/6/tasks/linker",
    "/6/tasks/gc",
    "/6/tasks/cross_match",
    "/6/tasks/roc",
    "/6/tasks/estimator",
    "/6/tasks/lambda",
    "/6/tasks/schedules",
    "/6/tasks/schedules/{schedule}",
    "/6/tasks/{task}",
    "/6/tasks/{task}/notification_policy",
    "/6/tasks/{task}/result",
    "/6/tasks/{task}/subtasks",
    "/6/tasks/{task}/errors",
];
const LAMBDAS: &[&str] = &[
    "/6/lambdas",
    "/6/lambdas/validator",
    "/6/lambdas/{lambda_id}",
    "/6/lambdas/{lambda_id}/update",
    "/6/lambdas/{lambda_id}/image/status",
    "/6/lambdas/{lambda_id}/image/logs",
    "/6/lambdas/{lambda_id}/status",
    "/6/lambdas/{lambda_id}/logs",
    "/6/lambdas/{lambda_id}/docs/spec",
    "/6/lambdas/{lambda_id}/proxy",
];
const OBJECTS: &[&str] = &["/6/objects", "/6/objects/{object_id}"];

/// The resources.
pub fn resources() -> Vec<Resource> {
    let off = |templates: &'static [&'static str], code: Code| {
        templates.iter().map(move |template| {
            let methods = [
                Method::GET,
                Method::HEAD,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ];
            methods
                .into_iter()
                .fold(Resource::at(template), |resource, method| {
                    resource.on(method, Access::Account, move |_| {
                        std::future::ready(Err::<Response, _>(code.plain()))
                    })
                })
        })
    };
    off(TASKS, Code::TasksDisabled)
        .chain(off(LAMBDAS, Code::LambdaDisabled))
        .chain(off(OBJECTS, Code::ImageStoreDisabled))
        .collect()
}
