//! `/6/handlers`, and the same under `/1` on the Handlers service.

mod defaults;

use goshawk_coordinator_core::handler::{Candidates, Handler, NewHandler, Policies};
use goshawk_proto::id::{AccountId, HandlerId, ListId};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    call::{self, Call},
    lists::lists_exist,
    routes::{Access, Answer, Resource},
    typed::typed,
};
use crate::errors::{ApiError, Code};

/// The resources of the API.
pub fn resources() -> Vec<Resource> {
    let me = Access::Account;
    vec![
        collection("/6/handlers", me),
        Resource::at("/6/handlers/count").on(Method::GET, me, count),
        Resource::at("/6/handlers/validator").on(Method::POST, me, validate),
        one("/6/handlers/{handler_id}", me),
    ]
}

/// The resources of the Handlers service.
pub fn internal_resources() -> Vec<Resource> {
    let named = Access::Header;
    vec![
        collection("/1/handlers", named),
        Resource::at("/1/handlers/count").on(Method::GET, named, count),
        Resource::at("/1/handlers/validator").on(Method::POST, named, validate),
        one("/1/handlers/{handler_id}", named),
    ]
}

fn collection(template: &'static str, access: Access) -> Resource {
    Resource::at(template)
        .on(Method::POST, access, create)
        .on(Method::GET, access, list)
}

fn one(template: &'static str, access: Access) -> Resource {
    Resource::at(template)
        .on(Method::GET, access, get)
        .on(Method::HEAD, access, head)
        .on(Method::PUT, access, put)
        .on(Method::DELETE, access, delete)
}

/// Reads and checks a handler: its form, whether its policies can be carried out here, and
/// whether the lists it names exist.
async fn read(call: &Call, account: AccountId) -> Result<NewHandler, ApiError> {
    let new: NewHandler = typed(call.json(Code::BadPolicies).await?, Code::BadPolicies)?;
    if let Some(policies) = &new.policies {
        can_do(policies)?;
        lists_exist(&call.api, account, lists_of(policies)).await?;
    }
    Ok(new)
}

fn can_do(policies: &Policies) -> Result<(), ApiError> {
    if let Some(path) = policies.unsupported().into_iter().next() {
        let named = |segment: &&str| !segment.bytes().all(|b| b.is_ascii_digit());
        let feature = path.rsplit('.').find(named).unwrap_or_default().to_owned();
        let detail = format!("License problem: {feature} feature disabled (policies.{path})");
        return Err(ApiError::new(Code::FeatureDisabled, detail));
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

async fn create(call: Call) -> Answer {
    let account = call.account()?;
    let new = read(&call, account).await?;
    let handler = Handler::new(HandlerId::random(), account, new, call.api.now());
    let id = handler.handler_id;
    call.api
        .store
        .run(move |store| store.create_handler(&handler))
        .await?;
    let url = format!("/6/handlers/{id}");
    call::created(
        &url,
        &json!({"handler_id": id, "url": url, "external_url": call.external(&url)}),
    )
}

async fn validate(call: Call) -> Answer {
    let account = call.account()?;
    read(&call, account).await?;
    call::empty(StatusCode::NO_CONTENT)
}

async fn list(call: Call) -> Answer {
    let (account, page) = (call.owner()?, call.query.page()?);
    let (kind, dynamic, text) = filters(&call)?;
    let found = call.api.store.run(move |store| {
        if kind.is_none() && dynamic.is_none() {
            return store.handlers(account, text.as_deref(), page);
        }
        let all = every(store, account, text.as_deref())?;
        let kept = all
            .into_iter()
            .filter(|handler| passes(handler, kind, dynamic));
        Ok(kept.skip(page.skip()).take(page.size).collect())
    });
    let rows = found
        .await?
        .iter()
        .map(view)
        .collect::<Result<Vec<_>, _>>()?;
    call::ok(&rows)
}

type Filters = (Option<i64>, Option<bool>, Option<String>);

fn filters(call: &Call) -> Result<Filters, ApiError> {
    let kind = call.query.integer("handler_type", 0..=2)?;
    let dynamic = call
        .query
        .integer("is_dynamic", 0..=1)?
        .map(|flag| flag == 1);
    Ok((kind, dynamic, call.query.text("description", 128)?))
}

fn passes(handler: &Handler, kind: Option<i64>, dynamic: Option<bool>) -> bool {
    kind.is_none_or(|kind| i64::from(handler.handler_type.code()) == kind)
        && dynamic.is_none_or(|dynamic| handler.is_dynamic == dynamic)
}

fn every(
    store: &dyn crate::store::Store,
    account: AccountId,
    text: Option<&str>,
) -> crate::store::Stored<Vec<Handler>> {
    let mut all = Vec::new();
    for number in 1.. {
        let rows = store.handlers(
            account,
            text,
            goshawk_coordinator_core::query::Page { number, size: 1000 },
        )?;
        let last = rows.len() < 1000;
        all.extend(rows);
        if last {
            break;
        }
    }
    Ok(all)
}

async fn count(call: Call) -> Answer {
    let account = call.owner()?;
    let (kind, dynamic, text) = filters(&call)?;
    let count = call.api.store.run(move |store| {
        let all = every(store, account, text.as_deref())?;
        Ok(all
            .iter()
            .filter(|handler| passes(handler, kind, dynamic))
            .count())
    });
    call::ok(&json!({"handlers_count": count.await?}))
}

async fn get(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id("handler_id")?);
    let handler = call
        .api
        .store
        .run(move |store| store.handler(account, id))
        .await?;
    call::ok(&view(&handler)?)
}

fn view(handler: &Handler) -> Result<Value, ApiError> {
    let mut view =
        serde_json::to_value(handler).map_err(|error| ApiError::internal("handler", &error))?;
    hide_passwords(&mut view);
    if let Some(policy) = view
        .pointer_mut("/policies/detect_policy")
        .and_then(Value::as_object_mut)
    {
        for (name, value) in defaults::switched_off() {
            policy.entry(name).or_insert(value);
        }
    }
    Ok(view)
}

/// Callbacks may carry credentials of other systems, which nobody needs to read back.
fn hide_passwords(view: &mut Value) {
    let callbacks = view
        .pointer_mut("/policies/storage_policy/callbacks")
        .and_then(Value::as_array_mut);
    for callback in callbacks.into_iter().flatten() {
        if let Some(password) = callback.pointer_mut("/authorization/password") {
            *password = json!("***");
        }
        if let Some(url) = callback.get_mut("url")
            && let Some(text) = url.as_str()
        {
            *url = json!(goshawk_coordinator_core::stream::mask_credentials(text));
        }
    }
}

async fn head(call: Call) -> Answer {
    get(call).await?;
    call::empty(StatusCode::OK)
}

async fn put(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id::<HandlerId>("handler_id")?);
    let new = read(&call, account).await?;
    let now = call.api.now();
    let done = call.api.store.run(move |store| {
        let old = store.handler(account, id)?;
        let mut handler = Handler::new(id, account, new, now);
        handler.create_time = old.create_time;
        store.replace_handler(&handler)
    });
    done.await?;
    call::empty(StatusCode::NO_CONTENT)
}

async fn delete(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id::<HandlerId>("handler_id")?);
    call.api
        .store
        .run(move |store| store.delete_handler(account, id))
        .await?;
    call::empty(StatusCode::NO_CONTENT)
}
