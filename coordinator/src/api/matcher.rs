//! `POST /6/matcher/faces`: who among stored faces is most alike to given ones.

pub mod body;

use base64::{Engine, engine::general_purpose::STANDARD};
use goshawk_coordinator_core::{
    candidates::FaceFilters,
    event::{LabelMatches, StoredEvent},
    event_filter::{EventFilters, EventQuery},
    face::FaceTarget,
    handler::Candidates,
    matching::MatchRequest,
    parameters,
    permission::{Action, Resource as Kind},
    query::{OneOf, Page},
};
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion},
    id::{AccountId, EventId},
};

use self::body::{
    CandidateSet, FoundFor, MatchBody, MatchFailure, MatchResult, MatchedFace, Outcome,
    RawDescriptor, Reference, ReferenceView,
};
use super::{
    Api,
    call::Call,
    lists::lists_exist,
    operation::Operation,
    payload::{Packed, Params},
    reply::Shaped,
    routes::{Access, Resource},
};
use crate::{
    auth::Scope,
    errors::{ApiError, Code},
    store::{FaceQuery, Store, StoreError, Stored},
};

/// Most objects that a reference by external id stands for: the newest ones.
const MAX_OF_EXTERNAL_ID: usize = 100;

/// Errors of a reference that is not there, told in its place in the answer.
const MISSING: [Code; 6] = [
    Code::FaceNotFound,
    Code::AttributeNotFound,
    Code::EventNotFound,
    Code::FaceExternalIdNotFound,
    Code::EventExternalIdNotFound,
    Code::EventTrackNotFound,
];

/// The resources.
pub fn resources() -> Vec<Resource> {
    let may = Access::May(Kind::Face, Action::Matching);
    let matching = Operation::post("matchFaces", may, match_faces)
        .about("Who among stored faces is most alike to given ones.")
        .tells(&MISSING)
        .fails(&[
            Code::NoDescriptor,
            Code::ListsNotFound,
            Code::BadXpk,
            Code::BadSdkDescriptor,
            Code::BadBase64,
            Code::DescriptorLength,
            Code::MatchVersionUnknown,
        ]);
    vec![Resource::at("/6/matcher/faces").serve(matching)]
}

parameters! {
    /// Whose faces.
    pub struct Whose {
        /// Faces of this account. Who sees only their own gets these whatever is asked for.
        optional account_id: AccountId,
    }
}

/// Somebody to look for.
struct Wanted {
    view: ReferenceView,
    descriptor: Descriptor,
}

/// The descriptors that one reference of the request stands for.
async fn wanted(
    api: &Api,
    account: AccountId,
    reference: Reference,
) -> Result<Vec<Wanted>, ApiError> {
    let (now, view) = (api.now(), reference.view());
    let need = |found: Option<Descriptor>| found.ok_or_else(|| Code::NoDescriptor.with(&view.id));
    let descriptor = match reference {
        Reference::Face { id } => {
            let face = api.store.run(move |store| store.face(account, id)).await?;
            need(face.attributes.descriptor)?
        }
        Reference::Attribute { id } => {
            let look = move |store: &dyn Store| store.attribute(account, id, now);
            need(api.store.run(look).await?.attributes.descriptor)?
        }
        Reference::Event { id } => {
            let look = move |store: &dyn Store| {
                descriptor_of(store, account, &store.event(account, id)?, now)
            };
            need(api.store.run(look).await?)?
        }
        Reference::FaceExternalId { .. } => return of_faces(api, account, view).await,
        Reference::EventExternalId { id } => {
            let filters = EventFilters {
                external_ids: Some(vec![id.to_string()]),
                ..EventFilters::default()
            };
            let missing = Code::EventExternalIdNotFound.with(&id);
            return of_events(api, account, filters, view, missing).await;
        }
        Reference::EventTrackId { id } => {
            let filters = EventFilters {
                track_ids: Some(OneOf {
                    values: vec![id.to_string()],
                    absent: false,
                }),
                ..EventFilters::default()
            };
            let missing = Code::EventTrackNotFound.with(&id);
            return of_events(api, account, filters, view, missing).await;
        }
        Reference::RawDescriptor { data, .. } => raw(api, &data)?,
        Reference::SdkDescriptor { data, .. } => {
            let bytes = STANDARD.decode(data).map_err(|_| Code::BadBase64.plain())?;
            current(api, api.sdk_descriptor(&bytes)?)?
        }
        Reference::XpkFile { .. } => return Err(Code::BadXpk.plain()),
    };
    Ok(vec![Wanted { view, descriptor }])
}

/// A descriptor by itself, of the version that this installation compares.
fn raw(api: &Api, data: &RawDescriptor) -> Result<Descriptor, ApiError> {
    let bytes = STANDARD
        .decode(&data.descriptor)
        .map_err(|_| Code::BadBase64.plain())?;
    let version = DescriptorVersion(u32::try_from(data.version.get()).unwrap_or(u32::MAX));
    current(api, api.raw_descriptor(version, &bytes)?)
}

/// A descriptor, if it is of the version that this installation compares.
fn current(api: &Api, descriptor: Descriptor) -> Result<Descriptor, ApiError> {
    match api.descriptor_version() {
        Some(current) if current != descriptor.version() => {
            Err(Code::MatchVersionUnknown.with(descriptor.version()))
        }
        _ => Ok(descriptor),
    }
}

/// Every face with a descriptor and that external id, up to [`MAX_OF_EXTERNAL_ID`] faces.
async fn of_faces(
    api: &Api,
    account: AccountId,
    view: ReferenceView,
) -> Result<Vec<Wanted>, ApiError> {
    let query = FaceQuery {
        filters: FaceFilters {
            external_ids: Some(vec![view.id.clone()]),
            ..FaceFilters::default()
        },
        page: Page {
            number: 1,
            size: MAX_OF_EXTERNAL_ID,
        },
    };
    let now = api.now();
    let faces = api.store.run(move |store| {
        let mut faces = Vec::new();
        // A listing leaves the descriptors out.
        for listed in store.faces(account, &query, now)? {
            match store.face(account, listed.face_id) {
                Ok(face) => faces.push(face),
                Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(faces)
    });
    let mut found = Vec::new();
    for face in faces.await? {
        if let Some(descriptor) = face.attributes.descriptor {
            let mut view = view.clone();
            view.face_id = Some(face.face_id);
            found.push(Wanted { view, descriptor });
        }
    }
    if found.is_empty() {
        return Err(Code::FaceExternalIdNotFound.with(&view.id));
    }
    Ok(found)
}

/// Every event that passes and still has a descriptor, among the newest [`MAX_OF_EXTERNAL_ID`].
async fn of_events(
    api: &Api,
    account: AccountId,
    filters: EventFilters,
    view: ReferenceView,
    missing: ApiError,
) -> Result<Vec<Wanted>, ApiError> {
    let query = EventQuery {
        filters,
        page: Page {
            number: 1,
            size: MAX_OF_EXTERNAL_ID,
        },
        ..EventQuery::default()
    };
    let now = api.now();
    let events = api.store.run(move |store| {
        let mut found: Vec<(EventId, Descriptor)> = Vec::new();
        for event in store.events(account, &query)? {
            if let Some(descriptor) = descriptor_of(store, account, &event, now)? {
                found.push((event.event_id, descriptor));
            }
        }
        Ok(found)
    });
    let events = events.await?;
    if events.is_empty() {
        return Err(missing);
    }
    let wanted = events.into_iter().map(|(event, descriptor)| {
        let mut view = view.clone();
        view.event_id = Some(event);
        Wanted { view, descriptor }
    });
    Ok(wanted.collect())
}

/// The descriptor of an event, which lives as long as its temporary attribute does.
fn descriptor_of(
    store: &dyn Store,
    account: AccountId,
    event: &StoredEvent,
    now: goshawk_proto::time::Timestamp,
) -> Stored<Option<Descriptor>> {
    let attributes = event.attributes.as_ref();
    let Some(id) = attributes.and_then(|attributes| attributes.attribute_id) else {
        return Ok(None);
    };
    match store.attribute(account, id, now) {
        Ok(attribute) => Ok(attribute.attributes.descriptor),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn match_faces(
    call: Call,
    Params(whose): Params<Whose>,
    Packed(body): Packed<MatchBody>,
) -> Result<Packed<Vec<FoundFor>>, ApiError> {
    let own = call.account()?;
    let account = match call.scope(whose.account_id)? {
        Scope::One(account) => account,
        Scope::All => own,
    };
    let lists = body.candidates.iter().filter_map(|set| match &set.filters {
        Candidates::Faces(filters) => filters.list_id,
        Candidates::Events(_) => None,
    });
    let listed = lists_exist(&call.api, account, lists.collect()).await;
    listed.map_err(|error| match error.code() {
        Code::ListNotFound => Code::ListsNotFound.plain(),
        _ => error,
    })?;
    let mut answers = Vec::new();
    for reference in body.references {
        let view = reference.view();
        match wanted(&call.api, account, reference).await {
            Ok(found) => {
                for one in found {
                    answers.push(found_for(&call.api, account, one, &body.candidates).await?);
                }
            }
            Err(error) if MISSING.contains(&error.code()) => {
                answers.push(failed_for(view, &error, &body.candidates));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Packed(answers))
}

/// What is found for one reference among all sets.
async fn found_for(
    api: &Api,
    account: AccountId,
    one: Wanted,
    sets: &[CandidateSet],
) -> Result<FoundFor, ApiError> {
    let mut matches = Vec::with_capacity(sets.len());
    for set in sets {
        let found = compare(api, account, &one.descriptor, set).await?;
        matches.push(Outcome::Found(found));
    }
    Ok(FoundFor {
        reference: one.view,
        matches,
    })
}

/// The same for a reference that is not there: the others are looked for all the same.
fn failed_for(reference: ReferenceView, error: &ApiError, sets: &[CandidateSet]) -> FoundFor {
    let failed = |set: &CandidateSet| {
        Outcome::Failed(MatchFailure {
            filters: set.filters.clone(),
            error: Shaped::new(error.body()),
        })
    };
    FoundFor {
        reference,
        matches: sets.iter().map(failed).collect(),
    }
}

async fn compare(
    api: &Api,
    account: AccountId,
    to: &Descriptor,
    set: &CandidateSet,
) -> Result<MatchResult, ApiError> {
    let filters = match &set.filters {
        Candidates::Faces(filters) => filters.clone(),
        // Refused with the body.
        Candidates::Events(_) => FaceFilters::default(),
    };
    let targets = set.targets.to_vec();
    let request = MatchRequest {
        label: String::new(),
        descriptor: to.clone(),
        filters,
        limit: set.limit.as_usize(),
        threshold: set.threshold.as_f32(),
        order: set.order,
        targets: targets.clone(),
    };
    let found: LabelMatches = api.matching.find(account, request).await?;
    let with_similarity = targets.is_empty() || targets.contains(&FaceTarget::Similarity);
    let result = found.candidates.iter().map(|candidate| MatchedFace {
        face: candidate.face.view(&targets),
        similarity: with_similarity.then_some(candidate.similarity),
    });
    Ok(MatchResult {
        result: result.collect(),
        filters: set.filters.clone(),
    })
}
