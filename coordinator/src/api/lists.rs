//! `/6/lists`: named sets of faces.

use goshawk_coordinator_core::{
    face::{FaceList, NewList},
    query::Page,
};
use goshawk_proto::{
    id::{AccountId, FaceId, ListId},
    time::Timestamp,
};
use http::{Method, StatusCode};
use serde_json::json;

use super::{
    Api,
    call::{self, Call},
    fields::Fields,
    query::Query,
    routes::{Access, Answer, Resource},
    typed::typed,
};
use crate::{
    errors::{ApiError, Code},
    store::{ListChange, Store, StoreError, Stored},
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    let me = Access::Account;
    vec![
        Resource::at("/6/lists")
            .on(Method::POST, me, create)
            .on(Method::GET, me, list)
            .on(Method::DELETE, me, delete_several),
        Resource::at("/6/lists/count").on(Method::GET, me, count),
        Resource::at("/6/lists/{list_id}")
            .on(Method::GET, me, get)
            .on(Method::HEAD, me, head)
            .on(Method::PATCH, me, patch)
            .on(Method::DELETE, me, delete),
        Resource::at("/6/lists/{list_id}/faces").on(Method::PATCH, me, link),
    ]
}

/// Refuses a request whose body names a list that `account` does not have: 400, not 404.
pub async fn lists_exist(
    api: &Api,
    account: AccountId,
    lists: Vec<ListId>,
) -> Result<(), ApiError> {
    let looked = api.store.run(move |store| {
        lists
            .into_iter()
            .try_for_each(|id| store.list(account, id).map(drop))
    });
    looked
        .await
        .map_err(|error| ApiError::from(error).status_is_400_if_missing())
}

#[derive(Default)]
struct Filters {
    ids: Option<Vec<ListId>>,
    id_gte: Option<ListId>,
    id_lt: Option<ListId>,
    user_data: Option<String>,
    user_data_eq: Option<String>,
    created: (Option<Timestamp>, Option<Timestamp>),
    updated: (Option<Timestamp>, Option<Timestamp>),
}

impl Filters {
    fn read(query: &Query) -> Result<Self, ApiError> {
        Ok(Self {
            ids: query.list("list_ids")?,
            id_gte: query.value("list_id__gte")?,
            id_lt: query.value("list_id__lt")?,
            user_data: query.text("user_data", 128)?,
            user_data_eq: query.text("user_data__eq", 128)?,
            created: (
                query.time("create_time__gte")?,
                query.time("create_time__lt")?,
            ),
            updated: (
                query.time("last_update_time__gte")?,
                query.time("last_update_time__lt")?,
            ),
        })
    }

    fn accept(&self, list: &FaceList) -> bool {
        let within = |time: Timestamp, (from, to): (Option<Timestamp>, Option<Timestamp>)| {
            from.is_none_or(|from| time >= from) && to.is_none_or(|to| time < to)
        };
        self.ids
            .as_ref()
            .is_none_or(|ids| ids.contains(&list.list_id))
            && self.id_gte.is_none_or(|id| list.list_id >= id)
            && self.id_lt.is_none_or(|id| list.list_id < id)
            && self
                .user_data
                .as_ref()
                .is_none_or(|part| list.user_data.contains(part.as_str()))
            && self
                .user_data_eq
                .as_ref()
                .is_none_or(|text| list.user_data == *text)
            && within(list.create_time, self.created)
            && within(list.last_update_time, self.updated)
    }
}

/// Every list of an account that passes, newest first.
fn select(store: &dyn Store, account: AccountId, filters: &Filters) -> Stored<Vec<FaceList>> {
    let mut found = Vec::new();
    for number in 1.. {
        let rows = store.lists(account, Page { number, size: 1000 })?;
        let last = rows.len() < 1000;
        found.extend(rows.into_iter().filter(|list| filters.accept(list)));
        if last {
            break;
        }
    }
    Ok(found)
}

async fn create(call: Call) -> Answer {
    let new: NewList = typed(call.json(Code::BadJson).await?, Code::BadJson)?;
    let now = call.api.now();
    let list = FaceList {
        list_id: ListId::random(),
        account_id: call.account()?,
        user_data: new.user_data,
        create_time: now,
        last_update_time: now,
    };
    let list_id = list.list_id;
    call.api
        .store
        .run(move |store| store.create_list(&list))
        .await?;
    let url = format!("/6/lists/{list_id}");
    call::created(
        &url,
        &json!({"list_id": list_id, "url": url, "external_url": call.external(&url)}),
    )
}

async fn list(call: Call) -> Answer {
    let (account, page) = (call.owner()?, call.query.page()?);
    let filters = Filters::read(&call.query)?;
    let found = call
        .api
        .store
        .run(move |store| select(store, account, &filters))
        .await?;
    let rows: Vec<FaceList> = found
        .into_iter()
        .skip(page.skip())
        .take(page.size)
        .collect();
    call::ok(&json!({"lists": rows}))
}

async fn count(call: Call) -> Answer {
    let account = call.owner()?;
    let filters = Filters::read(&call.query)?;
    let found = call
        .api
        .store
        .run(move |store| select(store, account, &filters))
        .await?;
    call::ok(&json!({"lists_count": found.len()}))
}

async fn get(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id("list_id")?);
    let list = call
        .api
        .store
        .run(move |store| store.list(account, id))
        .await?;
    call::ok(&list)
}

async fn head(call: Call) -> Answer {
    get(call).await?;
    call::empty(StatusCode::OK)
}

async fn patch(call: Call) -> Answer {
    let (account, id, now) = (
        call.account()?,
        call.id::<ListId>("list_id")?,
        call.api.now(),
    );
    let body = call.json(Code::BadJson).await?;
    let mut fields = Fields::of(&body, Code::BadJson)?;
    let text = fields
        .get("user_data")
        .map(|field| field.text(0..=128))
        .transpose()?;
    fields.finish()?;
    call.api
        .store
        .run(move |store| match text {
            Some(text) => store.rename_list(account, id, &text, now),
            None => store.list(account, id).map(drop),
        })
        .await?;
    call::empty(StatusCode::NO_CONTENT)
}

async fn delete(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id::<ListId>("list_id")?);
    let with_faces = call.query.flag("with_faces", false)?;
    call.api
        .store
        .run(move |store| store.delete_list(account, id, with_faces))
        .await?;
    call::empty(StatusCode::NO_CONTENT)
}

async fn delete_several(call: Call) -> Answer {
    let account = call.account()?;
    let with_faces = call.query.flag("with_faces", false)?;
    let body = call.json(Code::BadJson).await?;
    let mut fields = Fields::of(&body, Code::BadJson)?;
    let ids: Vec<ListId> = fields.need("list_ids")?.ids(1..=1000)?;
    fields.finish()?;
    call.api
        .store
        .run(move |store| {
            for id in ids {
                match store.delete_list(account, id, with_faces) {
                    // The contract documents no error for lists that are gone already.
                    Ok(()) | Err(StoreError::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
        .await?;
    call::empty(StatusCode::NO_CONTENT)
}

async fn link(call: Call) -> Answer {
    let (account, id, now) = (
        call.account()?,
        call.id::<ListId>("list_id")?,
        call.api.now(),
    );
    let body = call.json(Code::BadJson).await?;
    let mut fields = Fields::of(&body, Code::BadJson)?;
    let attach = fields
        .need("action")?
        .one_of(&[("attach", true), ("detach", false)])?;
    let faces: Vec<FaceId> = fields.need("face_ids")?.ids(1..=1000)?;
    fields.finish()?;
    let change = match attach {
        true => ListChange {
            attach: faces,
            detach: Vec::new(),
        },
        false => ListChange {
            attach: Vec::new(),
            detach: faces,
        },
    };
    let done = call
        .api
        .store
        .run(move |store| store.attach(account, id, &change, now))
        .await;
    match done {
        Ok(()) => call::empty(StatusCode::NO_CONTENT),
        Err(StoreError::NotFound { what: "face", id }) => Err(Code::FacesNotFound.with(id)),
        Err(error) => Err(error.into()),
    }
}
