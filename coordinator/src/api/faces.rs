//! `/6/faces`: stored persons.

use goshawk_coordinator_core::{
    bounds::Invalid,
    candidates::{FaceFilters, TimeBound},
    face::{Attributes, Avatar, FaceChanges, FacePatch, FaceRecord, FaceTarget, FaceView},
    formats::{ExternalId, Items, Optional, UserData},
    parameters,
    permission::{Action, Resource as Kind},
    query::{
        CommaList, Moment, Page, Switch, Targets,
        values::{listed, several},
    },
};
use goshawk_proto::id::{AccountId, EventId, FaceId, ListId};
use serde::{Deserialize, Serialize};
use utoipa::{PartialSchema, ToSchema};

use super::{
    attributes::{DESCRIPTOR_ERRORS, body_in_msgpack, given::GivenAttributes, replaced},
    call::Call,
    operation::Operation,
    owners,
    payload::{Body, Json, Packed, Params},
    reply::{Created, Done, Exists, NoContent},
    routes::{Access, Resource},
};
use crate::{
    auth::Scope,
    errors::{ApiError, Code},
    store::{FaceQuery, StoreError},
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    let may = |action| Access::May(Kind::Face, action);
    vec![
        Resource::at("/6/faces")
            .serve(
                Operation::post("createFace", may(Action::Creation), create)
                    .about("Makes a face, with attributes and in lists if wanted.")
                    .fails(&DESCRIPTOR_ERRORS)
                    .fails(&[Code::ListsNotFound, Code::FaceAttributeNotFound])
                    .reshape(|shape, _| {
                        let attribute = GivenAttributes::in_msgpack();
                        let body = replaced(NewFace::schema(), "attribute", attribute);
                        body_in_msgpack(shape, &body);
                    }),
            )
            .serve(
                Operation::get("getFaces", may(Action::View), list)
                    .about("Faces that meet all given conditions: by id where a bound on ids is given, newest first otherwise."),
            )
            .serve(
                Operation::delete("deleteFaces", may(Action::Deletion), delete_several)
                    .about("Removes faces with their attributes; their samples stay.")
                    .fails(&[Code::FaceNotFound]),
            ),
        Resource::at("/6/faces/count").serve(
            Operation::get("getFacesCount", may(Action::View), count)
                .about("How many faces meet all given conditions."),
        ),
        Resource::at("/6/faces/attributes/count").serve(
            Operation::get("getFaceAttributeCount", may(Action::View), count_with_attributes)
                .about("How many faces have attributes."),
        ),
        Resource::at("/6/faces/{face_id}")
            .serve(
                Operation::get("getFace", may(Action::View), get)
                    .about("One face.")
                    .fails(&[Code::FaceNotFound]),
            )
            .serve(
                Operation::head("checkFace", may(Action::View), head)
                    .about("Whether a face exists.")
                    .fails(&[Code::FaceNotFound]),
            )
            .serve(
                Operation::patch("patchFace", may(Action::Modification), patch)
                    .about("Changes the given fields of a face.")
                    .fails(&[Code::FaceNotFound]),
            )
            .serve(
                Operation::delete("deleteFace", may(Action::Deletion), delete)
                    .about("Removes a face with its attributes; its samples stay.")
                    .fails(&[Code::FaceNotFound]),
            ),
    ]
}

parameters! {
    /// Which faces.
    pub struct Filters {
        /// Faces of this account. Who sees only their own gets these whatever is asked for.
        optional account_id: AccountId,
        /// Made before this moment.
        optional create_time__lt: Moment,
        /// Made at this moment or later.
        optional create_time__gte: Moment,
        /// Made from this event.
        optional event_id: EventId,
        /// Below this id.
        optional face_id__lt: FaceId,
        /// Not below this id.
        optional face_id__gte: FaceId,
        /// One of these faces; at most 1000, separated by commas.
        optional face_ids: CommaList<FaceId> => listed("list of uuid"),
        /// With one of these external ids; at most 1000, separated by commas.
        optional external_ids: CommaList<String> => <String as PartialSchema>::schema(),
        /// Part of the notes.
        optional user_data: String,
        /// In this list.
        optional list_id: ListId,
    }
}

impl From<Filters> for FaceFilters {
    fn from(given: Filters) -> Self {
        let bound = |moment: Moment| TimeBound::At(moment.0);
        Self {
            face_ids: given.face_ids.map(|ids| ids.0),
            account_id: None,
            external_ids: given.external_ids.map(|ids| ids.0),
            user_data: given.user_data,
            face_id_gte: given.face_id__gte,
            face_id_lt: given.face_id__lt,
            list_id: given.list_id,
            event_id: given.event_id,
            create_time_gte: given.create_time__gte.map(bound),
            create_time_lt: given.create_time__lt.map(bound),
        }
    }
}

parameters! {
    /// What of a face.
    pub struct Wanted {
        /// Its fields; all of them unless some are named.
        optional targets: Targets<FaceTarget> => several::<FaceTarget>(),
    }
}

impl Wanted {
    fn view(&self, face: &FaceRecord) -> FaceView {
        let all = &[][..];
        let targets = self.targets.as_ref().map_or(all, |targets| &targets.0);
        face.view(targets)
    }
}

/// A new face.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct NewFace {
    /// Its attributes; none unless they are given.
    #[serde(default)]
    pub attribute: Optional<GivenAttributes>,
    /// A name of the person elsewhere; faces of one person may share it.
    #[schema(default = "")]
    #[serde(default)]
    pub external_id: ExternalId,
    /// Notes of the user.
    #[schema(default = "")]
    #[serde(default)]
    pub user_data: UserData,
    /// Where a picture of the face is, for user interfaces.
    #[schema(default = "")]
    #[serde(default)]
    pub avatar: Avatar,
    /// Lists that it comes into.
    #[serde(default)]
    pub lists: Optional<Items<ListId, 1, { usize::MAX }>>,
    /// The event that it is made from.
    #[serde(default)]
    pub event_id: Optional<EventId>,
}

impl Body for NewFace {
    fn check(&self) -> Result<(), Invalid> {
        let given = self.attribute.as_ref();
        given.map_or(Ok(()), |given| {
            given.check().map_err(|wrong| wrong.under("attribute"))
        })
    }
}

/// A face that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaceMade {
    /// Its id.
    pub face_id: FaceId,
    /// Where it is.
    #[schema(format = "uri-reference")]
    pub url: String,
    /// The whole address of it.
    #[schema(format = "uri-reference")]
    pub external_url: String,
}

async fn create(call: Call, Packed(new): Packed<NewFace>) -> Result<Created<FaceMade>, ApiError> {
    let account = call.account()?;
    let attributes = match new.attribute.0 {
        Some(given) => given.resolve(&call.api, account).await?,
        None => Attributes::default(),
    };
    let mut lists = new.lists.0.map(Items::into_inner).unwrap_or_default();
    lists.sort_unstable();
    lists.dedup();
    let face = FaceRecord {
        face_id: FaceId::random(),
        account_id: account,
        event_id: new.event_id.0,
        user_data: new.user_data.into(),
        external_id: new.external_id.into(),
        avatar: new.avatar.into(),
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
    match done {
        Ok(()) => {}
        Err(StoreError::NotFound { .. }) => return Err(Code::ListsNotFound.plain()),
        Err(error) => return Err(error.into()),
    }
    let url = format!("/6/faces/{face_id}");
    Ok(Created {
        location: url.clone(),
        body: FaceMade {
            face_id,
            external_url: call.external(&url),
            url,
        },
    })
}

/// Some faces.
#[derive(Debug, Serialize, ToSchema)]
pub struct Faces {
    /// The faces of the page.
    pub faces: Vec<FaceView>,
}

async fn list(
    call: Call,
    Params((filters, (wanted, page))): Params<(Filters, (Wanted, Page))>,
) -> Result<Done<Faces>, ApiError> {
    let (scope, now) = (call.scope(filters.account_id)?, call.api.now());
    let filters = FaceFilters::from(filters);
    let by_id = filters.face_id_gte.is_some() || filters.face_id_lt.is_some();
    let found = call
        .api
        .store
        .run(move |store| {
            let of_one = |account, page| {
                let filters = filters.clone();
                store.faces(account, &FaceQuery { filters, page }, now)
            };
            owners::page(store, scope, page, of_one, |face| {
                let newest = (!by_id).then_some(std::cmp::Reverse(face.create_time));
                (newest, face.face_id)
            })
        })
        .await?;
    Ok(Done(Faces {
        faces: found.iter().map(|face| wanted.view(face)).collect(),
    }))
}

/// A number of faces.
#[derive(Debug, Serialize, ToSchema)]
pub struct FacesCount {
    /// How many there are.
    #[schema(minimum = 0)]
    pub faces_count: u64,
}

async fn count(call: Call, Params(filters): Params<Filters>) -> Result<Done<FacesCount>, ApiError> {
    let (scope, now) = (call.scope(filters.account_id)?, call.api.now());
    let filters = FaceFilters::from(filters);
    let faces_count = call
        .api
        .store
        .run(move |store| {
            let accounts = owners::accounts(store, scope)?;
            let counts = accounts
                .into_iter()
                .map(|account| store.count_faces(account, &filters, now));
            counts.sum()
        })
        .await?;
    Ok(Done(FacesCount { faces_count }))
}

parameters! {
    /// Whose faces.
    pub struct Whose {
        /// Faces of this account. Who sees only their own gets these whatever is asked for.
        optional account_id: AccountId,
    }
}

async fn count_with_attributes(
    call: Call,
    Params(whose): Params<Whose>,
) -> Result<Done<FacesCount>, ApiError> {
    let scope = call.scope(whose.account_id)?;
    let faces_count = call
        .api
        .store
        .run(move |store| {
            let mut count = 0;
            store.each_face(&mut |face| {
                let shown = match scope {
                    Scope::One(account) => face.account_id == account,
                    Scope::All => true,
                };
                count += u64::from(shown && !face.attributes.is_empty());
            })?;
            Ok(count)
        })
        .await?;
    Ok(Done(FacesCount { faces_count }))
}

async fn get(call: Call, Params(wanted): Params<Wanted>) -> Result<Done<FaceView>, ApiError> {
    let (caller, id) = (call.caller()?, call.id::<FaceId>("face_id")?);
    let face = owners::found(&call.api.store, caller, move |store, account| {
        store.face(account, id)
    })
    .await?;
    Ok(Done(wanted.view(&face)))
}

async fn head(call: Call, wanted: Params<Wanted>) -> Result<Exists, ApiError> {
    get(call, wanted).await.map(|_| Exists)
}

impl Body for FaceChanges {}

async fn patch(call: Call, Json(changes): Json<FaceChanges>) -> Result<NoContent, ApiError> {
    let (account, id) = (call.account()?, call.id::<FaceId>("face_id")?);
    let patch = FacePatch::from(changes);
    call.api
        .store
        .run(move |store| store.patch_face(account, id, &patch).map(drop))
        .await?;
    Ok(NoContent)
}

async fn delete(call: Call) -> Result<NoContent, ApiError> {
    let (account, id) = (call.account()?, call.id::<FaceId>("face_id")?);
    call.api
        .store
        .run(move |store| store.delete_face(account, id))
        .await?;
    Ok(NoContent)
}

parameters! {
    /// How to remove faces.
    pub struct Removal {
        /// Whether faces that are not there are no mistake.
        default ignore: Switch = Switch(false),
    }
}

/// Faces to remove.
#[derive(Debug, Deserialize, ToSchema)]
pub struct FacesToRemove {
    /// Their ids.
    pub face_ids: Items<FaceId, 1, { usize::MAX }>,
}

impl Body for FacesToRemove {}

async fn delete_several(
    call: Call,
    Params(removal): Params<Removal>,
    Json(body): Json<FacesToRemove>,
) -> Result<NoContent, ApiError> {
    let (account, ids) = (call.account()?, body.face_ids.into_inner());
    call.api
        .store
        .run(move |store| {
            if !removal.ignore.0 {
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
    Ok(NoContent)
}
