//! `/6/lists`: named sets of faces.

use goshawk_coordinator_core::{
    face::{FaceList, ListChanges, NewList},
    formats::Items,
    parameters,
    permission::{Action, Resource as Kind},
    query::{CommaList, Moment, Page, Switch, values::listed},
    words,
};
use goshawk_proto::{
    id::{AccountId, FaceId, ListId},
    time::Timestamp,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{ToSchema, openapi::Response as Described};

use super::{
    Api,
    call::{self, Call},
    media::Form,
    openapi::Schemas,
    operation::Operation,
    owners,
    payload::{Body, Json, Params},
    reply::{Created, Done, Exists, NoContent, Reply, described},
    routes::{Access, Answer, Resource},
};
use crate::{
    auth::Scope,
    errors::{ApiError, Code},
    store::{ListChange, Store, StoreError, Stored},
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    let may = |action| Access::May(Kind::List, action);
    vec![
        Resource::at("/6/lists")
            .serve(
                Operation::post("createList", may(Action::Creation), create).about("Makes a list."),
            )
            .serve(
                Operation::get("getLists", may(Action::View), list)
                    .about("Lists that meet all given conditions, newest first."),
            )
            .serve(
                Operation::delete("deleteLists", may(Action::Deletion), delete_several)
                    .about("Removes lists; those that are gone already are no mistake."),
            ),
        Resource::at("/6/lists/count").serve(
            Operation::get("getListsCount", may(Action::View), count)
                .about("How many lists meet all given conditions."),
        ),
        Resource::at("/6/lists/{list_id}")
            .serve(
                Operation::get("getList", may(Action::View), get)
                    .about("One list.")
                    .fails(&[Code::ListNotFound]),
            )
            .serve(
                Operation::head("checkList", may(Action::View), head)
                    .about("Whether a list exists.")
                    .fails(&[Code::ListNotFound]),
            )
            .serve(
                Operation::patch("patchList", may(Action::Modification), patch)
                    .about("Changes the notes of a list.")
                    .fails(&[Code::ListNotFound]),
            )
            .serve(
                Operation::delete("deleteList", may(Action::Deletion), delete)
                    .about("Removes a list.")
                    .fails(&[Code::ListNotFound]),
            ),
        Resource::at("/6/lists/{list_id}/faces").serve(
            Operation::patch("linkFaces", may(Action::Modification), link)
                .about("Attaches faces to a list or detaches them, all or none.")
                .fails(&[Code::ListNotFound, Code::FacesNotFound]),
        ),
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

parameters! {
    /// Which lists.
    pub struct Filters {
        /// Lists of this account. Who sees only their own gets these whatever is asked for.
        optional account_id: AccountId,
        /// Made before this moment.
        optional create_time__lt: Moment,
        /// Made at this moment or later.
        optional create_time__gte: Moment,
        /// Last changed before this moment.
        optional last_update_time__lt: Moment,
        /// Last changed at this moment or later.
        optional last_update_time__gte: Moment,
        /// Part of the notes.
        optional user_data: String,
        /// The whole notes.
        optional user_data__eq: String,
        /// One of these lists; at most 1000, separated by commas.
        optional list_ids: CommaList<ListId> => listed("list of uuid"),
        /// Below this id.
        optional list_id__lt: ListId,
        /// Not below this id.
        optional list_id__gte: ListId,
    }
}

impl Filters {
    fn accept(&self, list: &FaceList) -> bool {
        let within = |time: Timestamp, from: Option<Moment>, to: Option<Moment>| {
            from.is_none_or(|from| time >= from.0) && to.is_none_or(|to| time < to.0)
        };
        self.list_ids
            .as_ref()
            .is_none_or(|ids| ids.0.contains(&list.list_id))
            && self.list_id__gte.is_none_or(|id| list.list_id >= id)
            && self.list_id__lt.is_none_or(|id| list.list_id < id)
            && self
                .user_data
                .as_ref()
                .is_none_or(|part| list.user_data.contains(part.as_str()))
            && self
                .user_data__eq
                .as_ref()
                .is_none_or(|text| list.user_data == *text)
            && within(
                list.create_time,
                self.create_time__gte,
                self.create_time__lt,
            )
            && within(
                list.last_update_time,
                self.last_update_time__gte,
                self.last_update_time__lt,
            )
    }
}

/// Every list that passes, newest first.
fn select(store: &dyn Store, scope: Scope, filters: &Filters) -> Stored<Vec<FaceList>> {
    let mut found = Vec::new();
    for account in owners::accounts(store, scope)? {
        for number in 1.. {
            let rows = store.lists(account, Page { number, size: 1000 })?;
            let last = rows.len() < 1000;
            found.extend(rows.into_iter().filter(|list| filters.accept(list)));
            if last {
                break;
            }
        }
    }
    found.sort_by_key(|list| (std::cmp::Reverse(list.create_time), list.list_id));
    Ok(found)
}

/// A list that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListMade {
    /// Its id.
    pub list_id: ListId,
    /// Where it is.
    #[schema(format = "uri-reference")]
    pub url: String,
    /// The whole address of it.
    #[schema(format = "uri-reference")]
    pub external_url: String,
}

impl Body for NewList {}

async fn create(call: Call, Json(new): Json<NewList>) -> Result<Created<ListMade>, ApiError> {
    let now = call.api.now();
    let list = FaceList {
        list_id: ListId::random(),
        account_id: call.account()?,
        user_data: new.user_data.into(),
        create_time: now,
        last_update_time: now,
    };
    let list_id = list.list_id;
    call.api
        .store
        .run(move |store| store.create_list(&list))
        .await?;
    let url = format!("/6/lists/{list_id}");
    Ok(Created {
        location: url.clone(),
        body: ListMade {
            list_id,
            external_url: call.external(&url),
            url,
        },
    })
}

/// Some lists.
#[derive(Debug, Serialize, ToSchema)]
pub struct Lists {
    /// The lists of the page.
    pub lists: Vec<FaceList>,
}

async fn list(
    call: Call,
    Params((filters, page)): Params<(Filters, Page)>,
) -> Result<Done<Lists>, ApiError> {
    let scope = call.scope(filters.account_id)?;
    let found = call
        .api
        .store
        .run(move |store| select(store, scope, &filters))
        .await?;
    let lists = found.into_iter().skip(page.skip()).take(page.size);
    Ok(Done(Lists {
        lists: lists.collect(),
    }))
}

/// A number of lists.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListsCount {
    /// How many there are.
    #[schema(minimum = 0)]
    pub lists_count: usize,
}

async fn count(call: Call, Params(filters): Params<Filters>) -> Result<Done<ListsCount>, ApiError> {
    let scope = call.scope(filters.account_id)?;
    let found = call
        .api
        .store
        .run(move |store| select(store, scope, &filters))
        .await?;
    Ok(Done(ListsCount {
        lists_count: found.len(),
    }))
}

async fn get(call: Call) -> Result<Done<FaceList>, ApiError> {
    let (caller, id) = (call.caller()?, call.id::<ListId>("list_id")?);
    let list = owners::found(&call.api.store, caller, move |store, account| {
        store.list(account, id)
    })
    .await?;
    Ok(Done(list))
}

async fn head(call: Call) -> Result<Exists, ApiError> {
    get(call).await.map(|_| Exists)
}

impl Body for ListChanges {}

async fn patch(call: Call, Json(changes): Json<ListChanges>) -> Result<NoContent, ApiError> {
    let (account, id) = (call.account()?, call.id::<ListId>("list_id")?);
    let now = call.api.now();
    call.api
        .store
        .run(move |store| match changes.user_data.0 {
            Some(text) => store.rename_list(account, id, &text, now),
            None => store.list(account, id).map(drop),
        })
        .await?;
    Ok(NoContent)
}

parameters! {
    /// How to remove a list.
    pub struct Removal {
        /// Whether its faces go with it.
        default with_faces: Switch = Switch(false),
    }
}

/// The answer to a removal: 202 where faces went as well, 204 where they stayed.
#[derive(Debug, Clone, Copy)]
struct Removed {
    with_faces: bool,
}

impl Reply for Removed {
    fn reply(self, _: Form) -> Answer {
        call::empty(if self.with_faces {
            StatusCode::ACCEPTED
        } else {
            StatusCode::NO_CONTENT
        })
    }

    fn describe(_: &mut Schemas) -> Vec<(StatusCode, Described)> {
        let says = |status, text| (status, described(text, &[]).build());
        vec![
            says(StatusCode::ACCEPTED, "Removed with its faces."),
            says(StatusCode::NO_CONTENT, "Removed; its faces stay."),
        ]
    }
}

async fn delete(call: Call, Params(removal): Params<Removal>) -> Result<Removed, ApiError> {
    let (account, id) = (call.account()?, call.id::<ListId>("list_id")?);
    let with_faces = removal.with_faces.0;
    call.api
        .store
        .run(move |store| store.delete_list(account, id, with_faces))
        .await?;
    Ok(Removed { with_faces })
}

/// Lists to remove.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ListsToRemove {
    /// Their ids.
    pub list_ids: Items<ListId, 1, { usize::MAX }>,
}

impl Body for ListsToRemove {}

async fn delete_several(
    call: Call,
    Params(removal): Params<Removal>,
    Json(body): Json<ListsToRemove>,
) -> Result<Removed, ApiError> {
    let (account, with_faces) = (call.account()?, removal.with_faces.0);
    call.api
        .store
        .run(move |store| {
            for id in body.list_ids {
                match store.delete_list(account, id, with_faces) {
                    // The contract documents no error for lists that are gone already.
                    Ok(()) | Err(StoreError::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
        .await?;
    Ok(Removed { with_faces })
}

words! {
    /// What to do with faces and a list.
    pub enum Step: "actions" {
        /// They come into it.
        Attach = "attach",
        /// They leave it.
        Detach = "detach",
    }
}

/// Faces that come into a list or leave it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FaceLinks {
    /// What to do with them.
    #[schema(inline)]
    pub action: Step,
    /// The faces.
    pub face_ids: Items<FaceId, 1, 1000>,
}

impl Body for FaceLinks {}

async fn link(call: Call, Json(links): Json<FaceLinks>) -> Result<NoContent, ApiError> {
    let (account, id) = (call.account()?, call.id::<ListId>("list_id")?);
    let (now, faces) = (call.api.now(), links.face_ids.into_inner());
    let change = match links.action {
        Step::Attach => ListChange {
            attach: faces,
            detach: Vec::new(),
        },
        Step::Detach => ListChange {
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
        Ok(()) => Ok(NoContent),
        Err(StoreError::NotFound { what: "face", id }) => Err(Code::FacesNotFound.with(id)),
        Err(error) => Err(error.into()),
    }
}
