//! `/healthcheck`: asks every part that a service depends on.

use std::time::Instant;

use goshawk_coordinator_core::{code::Flag, parameters, query::Switch};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::{ToSchema, openapi::Response as Described};

use super::Service;
use crate::{
    api::{
        call::Call,
        media::{Form, JSON},
        openapi::{ErrorBody, Schemas},
        operation::Operation,
        payload::Params,
        reply::{self, Reply},
        routes::{Access, Answer, Resource},
    },
    errors::{ApiError, Code},
};

/// The resources.
pub fn resources(service: Service) -> Vec<Resource> {
    let at = |template, id| {
        let operation =
            Operation::get(id, Access::Open, health).about("Whether every part is well.");
        Resource::at(template).tagged("service").serve(operation)
    };
    match service {
        Service::Api => vec![
            at("/6/healthcheck", "healthcheck"),
            at("/healthcheck", "healthcheckRedirect"),
        ],
        _ => vec![at("/healthcheck", "healthcheck")],
    }
}

parameters! {
    /// What is looked at.
    struct Scope {
        /// Look at the services behind this one as well. They are parts of one process, so they
        /// are looked at either way.
        default include_luna_services: Switch = Switch(false),
    }
}

/// Everything is well.
#[derive(Debug, Serialize, ToSchema)]
struct Well {
    /// Seconds that the look took.
    execution_time: f64,
}

/// Something is not well.
#[derive(Debug, Serialize, ToSchema)]
struct Ill {
    /// One entry a part that is not well.
    errors: Vec<Failure>,
}

/// A part that is not well.
#[derive(Debug, Serialize, ToSchema)]
struct Failure {
    /// The part.
    component: String,
    /// Why it is not well.
    #[schema(value_type = ErrorBody)]
    error: Value,
    /// 1 if it is well.
    status: Flag,
}

/// What a look found.
enum Health {
    Well(Well),
    Ill(Ill),
}

impl Reply for Health {
    fn reply(self, _: Form) -> Answer {
        match self {
            Self::Well(well) => reply::written(StatusCode::OK, &well, Form::Json),
            Self::Ill(ill) => reply::written(StatusCode::BAD_GATEWAY, &ill, Form::Json),
        }
    }

    fn describe(schemas: &mut Schemas) -> Vec<(StatusCode, Described)> {
        let well = reply::described("All is well.", &[(JSON, schemas.of::<Well>())]);
        let ill = reply::described("Something is not well.", &[(JSON, schemas.of::<Ill>())]);
        vec![
            (StatusCode::OK, well.build()),
            (StatusCode::BAD_GATEWAY, ill.build()),
        ]
    }
}

async fn health(call: Call, Params(_): Params<Scope>) -> Result<Health, ApiError> {
    let started = Instant::now();
    let failures = call.api.unhealthy().await;
    if failures.is_empty() {
        return Ok(Health::Well(Well {
            execution_time: started.elapsed().as_secs_f64(),
        }));
    }
    let errors = failures
        .into_iter()
        .map(|(component, why)| Failure {
            component: component.to_owned(),
            error: Code::Unhealthy.with(why).body(),
            status: Flag(false),
        })
        .collect();
    Ok(Health::Ill(Ill { errors }))
}
