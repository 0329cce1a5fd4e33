//! Groups of streams, and which streams are in them; the same in both versions of the service.

use goshawk_coordinator_core::{
    formats::{AtMost, Slug},
    parameters,
    query::{CommaList, Page},
    stream::{Group, GroupChange, NewGroup},
    words,
};
use goshawk_proto::id::{AccountId, GroupId, StreamId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Owner;
use crate::{
    api::{
        Api,
        call::Call,
        operation::Operation,
        payload::{Body, Json, Params},
        reply::{Created, Done, NoContent},
        routes::{Access, Resource},
    },
    errors::{ApiError, Code},
    store::{StoreError, Stored},
};

/// The resources of one version of the service.
pub fn resources(version: u8) -> Vec<Resource> {
    match version {
        1 => tree(
            [
                "/1/groups",
                "/1/groups/count",
                "/1/groups/{group_id}",
                "/1/linker",
            ],
            [
                "createGroup",
                "getGroups",
                "countGroups",
                "getGroup",
                "patchGroup",
                "deleteGroup",
                "linker",
            ],
        ),
        _ => tree(
            [
                "/2/groups",
                "/2/groups/count",
                "/2/groups/{group_id}",
                "/2/linker",
            ],
            [
                "createGroupV2",
                "getGroupsV2",
                "countGroupsV2",
                "getGroupV2",
                "patchGroupV2",
                "deleteGroupV2",
                "linkerV2",
            ],
        ),
    }
}

fn tree(paths: [&'static str; 4], ids: [&'static str; 7]) -> Vec<Resource> {
    let all = Access::Open;
    let missing = &[Code::GroupNotFound];
    vec![
        Resource::at(paths[0])
            .tagged("groups")
            .serve(
                Operation::post(ids[0], all, create)
                    .about("Makes a group of streams.")
                    .fails(&[Code::GroupTaken]),
            )
            .serve(
                Operation::get(ids[1], all, list)
                    .about("Groups that meet all given conditions, oldest first."),
            ),
        Resource::at(paths[1]).tagged("groups").serve(
            Operation::get(ids[2], all, count).about("How many groups meet all given conditions."),
        ),
        Resource::at(paths[2])
            .tagged("groups")
            .serve(
                Operation::get(ids[3], all, get)
                    .about("One group.")
                    .fails(missing),
            )
            .serve(
                Operation::patch(ids[4], all, patch)
                    .about("Changes a group's description.")
                    .fails(missing),
            )
            .serve(
                Operation::delete(ids[5], all, delete)
                    .about("Removes a group; its streams stay.")
                    .fails(missing),
            ),
        Resource::at(paths[3]).tagged("linker").serve(
            Operation::patch(ids[6], all, link)
                .about("Attaches streams to a group or detaches them, all or none."),
        ),
    ]
}

parameters! {
    /// Which groups.
    pub struct Filters {
        /// One of these.
        optional group_ids: CommaList<GroupId>,
        /// With one of these names.
        optional group_names: CommaList<Slug<128>>,
    }
}

impl Filters {
    fn accept(&self, group: &Group) -> bool {
        let ids = self.group_ids.as_ref();
        let mut names = self.group_names.iter().flat_map(|names| &names.0);
        ids.is_none_or(|ids| ids.0.contains(&group.group_id))
            && (self.group_names.is_none() || names.any(|name| name.as_str() == group.group_name))
    }
}

/// A group that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupMade {
    /// Its id.
    pub group_id: GroupId,
    /// Its name.
    #[schema(value_type = Slug<128>)]
    pub group_name: String,
}

/// A page of groups.
#[derive(Debug, Serialize, ToSchema)]
pub struct Groups {
    /// The groups.
    #[schema(min_items = 0)]
    pub groups: Vec<Group>,
}

/// How many groups.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupCount {
    /// How many.
    pub groups_count: usize,
}

words! {
    /// What becomes of streams and a group.
    pub enum Link: "links" {
        /// They are put into it.
        Attach = "attach",
        /// They are taken out.
        Detach = "detach",
    }
}

/// Which streams shall be in a group or no longer in it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Linking {
    /// In or out.
    pub action: Link,
    /// The streams.
    pub stream_ids: AtMost<StreamId, 1000>,
    /// The group.
    pub group_id: GroupId,
}

impl Body for NewGroup {}
impl Body for GroupChange {}
impl Body for Linking {}

async fn create(call: Call, Json(new): Json<NewGroup>) -> Result<Created<GroupMade>, ApiError> {
    let group = Group::new(GroupId::random(), new, call.api.now());
    let made = GroupMade {
        group_id: group.group_id,
        group_name: group.group_name.clone(),
    };
    let kept = call.api.store.run(move |store| store.create_group(&group));
    kept.await.map_err(|error| match error {
        StoreError::Conflict { .. } => Code::GroupTaken.with(&made.group_name),
        error => error.into(),
    })?;
    Ok(Created {
        location: format!("/1/groups/{}", made.group_id),
        body: made,
    })
}

async fn select(
    api: &Api,
    owner: Option<AccountId>,
    filters: Filters,
) -> Result<Vec<Group>, ApiError> {
    let find = move |store: &dyn crate::store::Store| -> Stored<Vec<Group>> {
        let mut all = store.groups(owner)?;
        all.retain(|group| filters.accept(group));
        Ok(all)
    };
    Ok(api.store.run(find).await?)
}

async fn list(
    call: Call,
    Params(((owner, filters), page)): Params<((Owner, Filters), Page)>,
) -> Result<Done<Groups>, ApiError> {
    let found = select(&call.api, owner.account_id, filters).await?;
    let groups = found.into_iter().skip(page.skip()).take(page.size);
    Ok(Done(Groups {
        groups: groups.collect(),
    }))
}

async fn count(
    call: Call,
    Params((owner, filters)): Params<(Owner, Filters)>,
) -> Result<Done<GroupCount>, ApiError> {
    let found = select(&call.api, owner.account_id, filters).await?;
    Ok(Done(GroupCount {
        groups_count: found.len(),
    }))
}

/// The group with this id, if it belongs to the account that the query may name.
async fn found(api: &Api, id: GroupId, owner: &Owner) -> Result<Group, ApiError> {
    let account = owner.account_id;
    let groups = api.store.run(move |store| store.groups(account)).await?;
    let mut groups = groups.into_iter();
    groups
        .find(|group| group.group_id == id)
        .ok_or_else(|| Code::GroupNotFound.with(id))
}

async fn get(call: Call, Params(owner): Params<Owner>) -> Result<Done<Group>, ApiError> {
    let id = call.id("group_id")?;
    Ok(Done(found(&call.api, id, &owner).await?))
}

async fn patch(
    call: Call,
    Params(owner): Params<Owner>,
    Json(change): Json<GroupChange>,
) -> Result<NoContent, ApiError> {
    let group = found(&call.api, call.id("group_id")?, &owner).await?;
    let (account, id) = (group.account_id, group.group_id);
    let store = &call.api.store;
    store
        .run(move |store| store.describe_group(account, id, change.description.as_str()))
        .await?;
    Ok(NoContent)
}

async fn delete(call: Call, Params(owner): Params<Owner>) -> Result<NoContent, ApiError> {
    let group = found(&call.api, call.id("group_id")?, &owner).await?;
    let (account, id) = (group.account_id, group.group_id);
    let store = &call.api.store;
    store
        .run(move |store| store.delete_group(account, id))
        .await?;
    Ok(NoContent)
}

async fn link(
    call: Call,
    Params(owner): Params<Owner>,
    Json(linking): Json<Linking>,
) -> Result<NoContent, ApiError> {
    let group = found(&call.api, linking.group_id, &owner).await;
    let group = group.map_err(|error| match error.code() {
        Code::GroupNotFound => Code::BadJson.at("group_id", "group not found"),
        _ => error,
    })?;
    let (account, id) = (group.account_id, group.group_id);
    let attach = matches!(linking.action, Link::Attach);
    let streams = linking.stream_ids.into_inner();
    let store = &call.api.store;
    store
        .run(move |store| store.link_streams(account, id, &streams, attach))
        .await
        .map_err(|error| match error {
            StoreError::NotFound { id, .. } => {
                Code::BadJson.at("stream_ids", format!("stream {id} not found"))
            }
            error => error.into(),
        })?;
    Ok(NoContent)
}
