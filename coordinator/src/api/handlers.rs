//! `/6/handlers`, and the same under `/1` on the Handlers service.

mod view;

use std::cmp::Reverse;

use goshawk_coordinator_core::{
    bounds::{Check, Invalid},
    code::{Flag, HandlerType},
    formats::Text,
    handler::{Candidates, Handler, NewHandler, Policies},
    parameters,
    permission::{Action, Resource as Kind},
    query::{MAX_PAGE_SIZE, Page},
};
use goshawk_proto::id::{AccountId, HandlerId, ListId};
use serde::Serialize;
use utoipa::ToSchema;

use self::view::HandlerView;
use super::{
    Api,
    call::Call,
    lists::lists_exist,
    operation::Operation,
    owners,
    payload::{Body, Json, Params},
    reply::{Created, Done, Exists, NoContent},
    routes::{Access, Resource},
};
use crate::{
    auth::Scope,
    errors::{ApiError, Code},
    estimations::checks::chosen::Chosen,
    process::estimation,
    store::{Store, Stored},
};

/// The resources of the API.
pub fn resources() -> Vec<Resource> {
    let may = |action| Access::May(Kind::Handler, action);
    tree(
        [
            "/6/handlers",
            "/6/handlers/count",
            "/6/handlers/validator",
            "/6/handlers/{handler_id}",
        ],
        may,
    )
}

/// The resources of the Handlers service.
pub fn internal_resources() -> Vec<Resource> {
    tree(
        [
            "/1/handlers",
            "/1/handlers/count",
            "/1/handlers/validator",
            "/1/handlers/{handler_id}",
        ],
        |_| Access::Header,
    )
}

fn tree(paths: [&'static str; 4], may: impl Fn(Action) -> Access) -> Vec<Resource> {
    let [all, counted, validator, single] = paths;
    let body = [Code::ListNotFound];
    let bad = http::StatusCode::BAD_REQUEST;
    vec![
        Resource::at(all)
            .serve(
                Operation::post("createHandler", may(Action::Creation), create)
                    .about("Makes a handler.")
                    .fails(&[Code::FeatureDisabled])
                    .fails_as(bad, &body),
            )
            .serve(
                Operation::get("getHandlers", may(Action::View), list)
                    .about("Handlers that meet all given conditions."),
            ),
        Resource::at(counted).serve(
            Operation::get("getHandlerCount", may(Action::View), count)
                .about("How many handlers meet all given conditions."),
        ),
        Resource::at(validator).serve(
            Operation::post("validatePolicies", may(Action::Creation), validate)
                .about("Checks policies as if a handler were made of them.")
                .fails(&[Code::FeatureDisabled])
                .fails_as(bad, &body),
        ),
        one(single, may),
    ]
}

fn one(template: &'static str, may: impl Fn(Action) -> Access) -> Resource {
    let missing = [Code::HandlerNotFound];
    Resource::at(template)
        .serve(
            Operation::get("getHandler", may(Action::View), get)
                .about("One handler.")
                .fails(&missing),
        )
        .serve(
            Operation::head("checkHandler", may(Action::View), head)
                .about("Whether a handler exists.")
                .fails(&missing),
        )
        .serve(
            Operation::put("putHandler", may(Action::Modification), put)
                .about("Replaces a handler.")
                .fails(&[Code::HandlerNotFound, Code::FeatureDisabled])
                .fails_as(http::StatusCode::BAD_REQUEST, &[Code::ListNotFound]),
        )
        .serve(
            Operation::delete("removeHandler", may(Action::Deletion), delete)
                .about("Removes a handler.")
                .fails(&missing),
        )
}

impl Body for NewHandler {
    const CODE: Code = Code::BadPolicies;

    fn check(&self) -> Result<(), Invalid> {
        Check::check(self)
    }
}

/// Checks whether policies can be carried out here, and whether the lists they name exist.
async fn check(call: &Call, account: AccountId, new: &NewHandler) -> Result<(), ApiError> {
    if let Some(policies) = &new.policies {
        can_do(&call.api, policies)?;
        lists_exist(&call.api, account, lists_of(policies)).await?;
    }
    Ok(())
}

fn can_do(api: &Api, policies: &Policies) -> Result<(), ApiError> {
    let can = |path: &str| estimation(path).is_some_and(|estimation| api.can(estimation));
    if let Some(path) = policies.unsupported(can).into_iter().next() {
        let named = |segment: &&str| !segment.bytes().all(|b| b.is_ascii_digit());
        let feature = path.rsplit('.').find(named).unwrap_or_default().to_owned();
        let detail = format!("License problem: {feature} feature disabled (policies.{path})");
        return Err(ApiError::new(Code::FeatureDisabled, detail));
    }
    if let Err(invalid) = Chosen::of(&policies.detect_policy.face_quality) {
        let path = format!("policies.detect_policy.face_quality.{}", invalid.path);
        return Err(Code::BadPolicies.at(&path, invalid.message));
    }
    let most = 30;
    if policies.match_policy.len() > most {
        let message = format!("ensure this value has at most {most} items");
        return Err(Code::BadPolicies.at("policies.match_policy", message));
    }
    Ok(())
}

/// The lists that policies name.
fn lists_of(policies: &Policies) -> Vec<ListId> {
    let mut lists: Vec<ListId> = policies
        .match_policy
        .iter()
        .filter_map(|policy| match &policy.candidates {
            Candidates::Faces(filters) => filters.list_id,
            _ => None,
        })
        .collect();
    let links = &policies.storage_policy.face_policy.link_to_lists_policy;
    lists.extend(links.iter().map(|link| link.list_id));
    lists
}

parameters! {
    /// Which handlers.
    pub struct Filters {
        /// Handlers of this account. Who sees only their own gets these whatever is asked for.
        optional account_id: AccountId,
        /// Of this type.
        optional handler_type: HandlerType,
        /// Whether policies come with each request.
        optional is_dynamic: Flag,
        /// Part of the description.
        optional description: Text<0, 128> => utoipa::schema!(String).into(),
    }
}

impl Filters {
    fn accept(&self, handler: &Handler) -> bool {
        self.handler_type
            .is_none_or(|kind| handler.handler_type == kind)
            && self
                .is_dynamic
                .is_none_or(|dynamic| handler.is_dynamic == dynamic.0)
    }

    fn text(&self) -> Option<&str> {
        self.description.as_ref().map(Text::as_str)
    }
}

/// A handler that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct HandlerMade {
    /// The handler.
    pub handler_id: HandlerId,
    /// Its path.
    #[schema(format = "uri-reference")]
    pub url: String,
    /// Its address.
    #[schema(format = "uri-reference")]
    pub external_url: String,
}

/// How many handlers.
#[derive(Debug, Serialize, ToSchema)]
pub struct HandlerCount {
    /// How many.
    pub handlers_count: usize,
}

async fn create(call: Call, Json(new): Json<NewHandler>) -> Result<Created<HandlerMade>, ApiError> {
    let account = call.account()?;
    check(&call, account, &new).await?;
    let handler = Handler::new(HandlerId::random(), account, new, call.api.now());
    let handler_id = handler.handler_id;
    call.api
        .store
        .run(move |store| store.create_handler(&handler))
        .await?;
    let url = format!("/6/handlers/{handler_id}");
    Ok(Created {
        location: url.clone(),
        body: HandlerMade {
            handler_id,
            external_url: call.external(&url),
            url,
        },
    })
}

async fn validate(call: Call, Json(new): Json<NewHandler>) -> Result<NoContent, ApiError> {
    let account = call.account()?;
    check(&call, account, &new).await?;
    Ok(NoContent)
}

/// Handlers that pass, newest first, with the page not yet applied.
fn select(store: &dyn Store, scope: Scope, filters: &Filters) -> Stored<Vec<Handler>> {
    let mut all = Vec::new();
    for account in owners::accounts(store, scope)? {
        for number in 1.. {
            let page = Page {
                number,
                size: MAX_PAGE_SIZE,
            };
            let rows = store.handlers(account, filters.text(), page)?;
            let last = rows.len() < MAX_PAGE_SIZE;
            all.extend(rows.into_iter().filter(|handler| filters.accept(handler)));
            if last {
                break;
            }
        }
    }
    if matches!(scope, Scope::All) {
        all.sort_by_key(|handler| (Reverse(handler.create_time), handler.handler_id));
    }
    Ok(all)
}

async fn list(
    call: Call,
    Params((filters, page)): Params<(Filters, Page)>,
) -> Result<Done<Vec<HandlerView>>, ApiError> {
    let scope = call.scope(filters.account_id)?;
    let found = call
        .api
        .store
        .run(move |store| select(store, scope, &filters))
        .await?;
    let rows = found.iter().skip(page.skip()).take(page.size);
    Ok(Done(rows.map(HandlerView::of).collect::<Result<_, _>>()?))
}

async fn count(
    call: Call,
    Params(filters): Params<Filters>,
) -> Result<Done<HandlerCount>, ApiError> {
    let scope = call.scope(filters.account_id)?;
    let found = call
        .api
        .store
        .run(move |store| Ok(select(store, scope, &filters)?.len()));
    Ok(Done(HandlerCount {
        handlers_count: found.await?,
    }))
}

async fn found(call: &Call) -> Result<Handler, ApiError> {
    let (caller, id) = (call.caller()?, call.id::<HandlerId>("handler_id")?);
    let look = move |store: &dyn Store, account| store.handler(account, id);
    Ok(owners::found(&call.api.store, caller, look).await?)
}

async fn get(call: Call) -> Result<Done<HandlerView>, ApiError> {
    HandlerView::of(&found(&call).await?).map(Done)
}

async fn head(call: Call) -> Result<Exists, ApiError> {
    found(&call).await?;
    Ok(Exists)
}

async fn put(call: Call, Json(new): Json<NewHandler>) -> Result<NoContent, ApiError> {
    let (account, id) = (call.account()?, call.id::<HandlerId>("handler_id")?);
    check(&call, account, &new).await?;
    let now = call.api.now();
    let done = call.api.store.run(move |store| {
        let old = store.handler(account, id)?;
        let mut handler = Handler::new(id, account, new, now);
        handler.create_time = old.create_time;
        store.replace_handler(&handler)
    });
    done.await?;
    Ok(NoContent)
}

async fn delete(call: Call) -> Result<NoContent, ApiError> {
    let (account, id) = (call.account()?, call.id::<HandlerId>("handler_id")?);
    call.api
        .store
        .run(move |store| store.delete_handler(account, id))
        .await?;
    Ok(NoContent)
}
