//! `/6/faces`: stored persons.

use goshawk_coordinator_core::{
    bounds::Check,
    candidates::FaceFilters,
    face::{Attributes, FacePatch, FaceRecord, FaceTarget, NewFace},
};
use goshawk_proto::id::FaceId;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    attributes,
    call::{self, Call},
    fields::{Field, Fields},
    query::Query,
    routes::{Access, Answer, Resource},
    typed::{invalid, typed},
};
use crate::{
    errors::{ApiError, Code},
    store::{FaceQuery, StoreError},
};

const TARGETS: &[&str] = &[
    "face_id",
    "account_id",
    "event_id",
    "user_data",
    "create_time",
    "external_id",
    "avatar",
    "lists",
];

/// The resources.
pub fn resources() -> Vec<Resource> {
    let me = Access::Account;
    vec![
        Resource::at("/6/faces")
            .on(Method::POST, me, create)
            .on(Method::GET, me, list)
            .on(Method::DELETE, me, delete_several),
        Resource::at("/6/faces/count").on(Method::GET, me, count),
        Resource::at("/6/faces/{face_id}")
            .on(Method::GET, me, get)
            .on(Method::HEAD, me, head)
            .on(Method::PATCH, me, patch)
            .on(Method::DELETE, me, delete),
    ]
}

fn targets(query: &Query) -> Result<Vec<FaceTarget>, ApiError> {
    let names = query
        .targets("targets", "faces", TARGETS)?
        .unwrap_or_default();
    Ok(names
        .into_iter()
        .filter_map(FaceTarget::from_name)
        .collect())
}

fn filters(query: &Query) -> Result<FaceFilters, ApiError> {
    let filters = FaceFilters {
        face_ids: query.list("face_ids")?,
        account_id: None,
        external_ids: query.list("external_ids")?,
        user_data: query.text("user_data", 128)?,
        face_id_gte: query.value("face_id__gte")?,
        face_id_lt: query.value("face_id__lt")?,
        list_id: query.value("list_id")?,
        event_id: query.value("event_id")?,
        create_time_gte: query.value("create_time__gte")?,
        create_time_lt: query.value("create_time__lt")?,
    };
    filters
        .check()
        .map_err(|wrong| Code::BadQuery.with(wrong.path))?;
    Ok(filters)
}

async fn create(call: Call) -> Answer {
    let account = call.account()?;
    let mut body = call.json(Code::BadJson).await?;
    let given = body.as_object_mut().and_then(|map| map.remove("attribute"));
    let new: NewFace = typed(body, Code::BadJson)?;
    let attributes = match given {
        Some(given) => {
            let wrapped = json!({"attribute": given});
            let mut fields = Fields::of(&wrapped, Code::BadJson)?;
            let read = attributes::read(&call.api, account, &fields.need("attribute")?).await;
            read.map_err(|error| error.status_is_400_if_missing())?
        }
        None => Attributes::default(),
    };
    let mut lists = new.lists.unwrap_or_default();
    lists.sort_unstable();
    lists.dedup();
    let face = FaceRecord {
        face_id: FaceId::random(),
        account_id: account,
        event_id: new.event_id,
        user_data: new.user_data,
        external_id: new.external_id,
        avatar: new.avatar,
        lists,
        create_time: call.api.now(),
        attributes,
    };
    let face_id = face.face_id;
    let done = call
        .api
        .store
        .run(move |store| store.create_face(&face))
        .await;
    done.map_err(|error| ApiError::from(error).status_is_400_if_missing())?;
    let url = format!("/6/faces/{face_id}");
    call::created(
        &url,
        &json!({"face_id": face_id, "url": url, "external_url": call.external(&url)}),
    )
}

async fn list(call: Call) -> Answer {
    let (account, now) = (call.owner()?, call.api.now());
    let targets = targets(&call.query)?;
    let query = FaceQuery {
        filters: filters(&call.query)?,
        page: call.query.page()?,
    };
    let found = call
        .api
        .store
        .run(move |store| store.faces(account, &query, now))
        .await?;
    let rows: Vec<_> = found.iter().map(|face| face.view(&targets)).collect();
    call::ok(&json!({"faces": rows}))
}

async fn count(call: Call) -> Answer {
    let (account, now, filters) = (call.owner()?, call.api.now(), filters(&call.query)?);
    let count = call
        .api
        .store
        .run(move |store| store.count_faces(account, &filters, now))
        .await?;
    call::ok(&json!({"faces_count": count}))
}

async fn get(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id("face_id")?);
    let targets = targets(&call.query)?;
    let face = call
        .api
        .store
        .run(move |store| store.face(account, id))
        .await?;
    call::ok(&face.view(&targets))
}

async fn head(call: Call) -> Answer {
    get(call).await?;
    call::empty(StatusCode::OK)
}

async fn patch(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id::<FaceId>("face_id")?);
    let body: Value = call.json(Code::BadJson).await?;
    let mut fields = Fields::of(&body, Code::BadJson)?;
    let text = |field: Option<Field<'_>>| field.map(|field| field.text(0..=256)).transpose();
    let patch = FacePatch {
        external_id: text(fields.get("external_id"))?,
        user_data: text(fields.get("user_data"))?,
        avatar: text(fields.get("avatar"))?,
        event_id: fields
            .some("event_id")
            .map(|field| field.id())
            .transpose()?,
    };
    fields.finish()?;
    patch
        .check()
        .map_err(|wrong| invalid(Code::BadJson, &wrong))?;
    call.api
        .store
        .run(move |store| store.patch_face(account, id, &patch).map(drop))
        .await?;
    call::empty(StatusCode::NO_CONTENT)
}

async fn delete(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id::<FaceId>("face_id")?);
    call.api
        .store
        .run(move |store| store.delete_face(account, id))
        .await?;
    call::empty(StatusCode::NO_CONTENT)
}

async fn delete_several(call: Call) -> Answer {
    let account = call.account()?;
    let ignore = call.query.flag("ignore", false)?;
    let body = call.json(Code::BadJson).await?;
    let mut fields = Fields::of(&body, Code::BadJson)?;
    let ids: Vec<FaceId> = fields.need("face_ids")?.ids(1..=1000)?;
    fields.finish()?;
    call.api
        .store
        .run(move |store| {
            if !ignore {
                // All or none: look before the first one goes.
                for id in &ids {
                    store.face(account, *id)?;
                }
            }
            for id in ids {
                match store.delete_face(account, id) {
                    Ok(()) | Err(StoreError::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
        .await?;
    call::empty(StatusCode::NO_CONTENT)
}
