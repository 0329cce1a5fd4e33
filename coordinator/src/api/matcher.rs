//! `POST /6/matcher/faces`: who among stored faces is most alike to given ones.

use base64::{Engine, engine::general_purpose::STANDARD};
use goshawk_coordinator_core::{
    candidates::FaceFilters,
    event::LabelMatches,
    face::FaceTarget,
    matching::{MatchRequest, Order},
    query::Page,
};
use goshawk_proto::{
    descriptor::Descriptor,
    id::{AccountId, AttributeId, EventId, FaceId},
};
use http::Method;
use serde_json::{Value, json};

use super::{
    Api, attributes,
    call::{self, Call},
    fields::{Field, Fields},
    lists::lists_exist,
    routes::{Access, Answer, Resource},
    typed::{typed, unchecked},
};
use crate::{
    errors::{ApiError, Code},
    store::{FaceQuery, StoreError},
};

/// Most references and most candidate sets of one request.
const MAX_SIDES: usize = 30;
/// Most faces that a reference by external id stands for: the newest ones.
const MAX_OF_EXTERNAL_ID: usize = 100;
const ORDERS: &[(&str, Order)] = &[
    ("similarity", Order::Similarity),
    ("create_time_asc", Order::CreateTimeAsc),
    ("create_time_desc", Order::CreateTimeDesc),
];

/// The resources.
pub fn resources() -> Vec<Resource> {
    vec![Resource::at("/6/matcher/faces").on(Method::POST, Access::Account, match_faces)]
}

struct Candidates {
    filters: FaceFilters,
    /// The filters as the client wrote them, for the answer.
    given: Value,
    order: Order,
    limit: usize,
    targets: Vec<FaceTarget>,
    threshold: f32,
}

fn candidates(field: &Field<'_>) -> Result<Candidates, ApiError> {
    let mut fields = field.object()?;
    let given = fields.need("filters")?;
    let mut bare = given.value().clone();
    let origin = bare.as_object_mut().and_then(|map| map.remove("origin"));
    if origin.as_ref().and_then(Value::as_str) != Some("faces") {
        return Err(given.wrong("only candidates of origin 'faces' are matched here"));
    }
    let filters: FaceFilters = typed(bare, Code::BadJson)?;
    if filters.event_id.is_some() {
        return Err(
            given.wrong("Additional properties are not allowed ('event_id' was unexpected)")
        );
    }
    let order = fields
        .get("order")
        .map(|field| field.one_of(ORDERS))
        .transpose()?
        .unwrap_or_default();
    let limit = fields
        .get("limit")
        .map(|field| field.integer(1..=100))
        .transpose()?
        .unwrap_or(3);
    let threshold = fields
        .get("threshold")
        .map(|field| field.number(0.0..=1.0))
        .transpose()?
        .unwrap_or(0.0);
    let targets = match fields.get("targets") {
        Some(field) => field
            .array(0..=20)?
            .iter()
            .map(target)
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    fields.finish()?;
    Ok(Candidates {
        filters,
        given: given.value().clone(),
        order,
        limit: limit as usize,
        targets,
        threshold: threshold as f32,
    })
}

fn target(field: &Field<'_>) -> Result<FaceTarget, ApiError> {
    let name = field.text(0..=64)?;
    FaceTarget::from_name(&name).ok_or_else(|| field.wrong("unexpected value"))
}

struct Reference {
    /// `{id, type}`, with `face_id` or `event_id` where it was found by something else.
    view: Value,
    descriptor: Descriptor,
}

/// The descriptors that one reference of the request stands for.
async fn references(
    api: &Api,
    account: AccountId,
    field: &Field<'_>,
) -> Result<Vec<Reference>, ApiError> {
    let mut fields = field.object()?;
    let kind = fields.need("type")?.text(1..=36)?;
    let id = fields.need("id")?;
    let text = id.text(0..=36)?;
    let mut shown = kind.as_str();
    let descriptor = match kind.as_str() {
        "face_external_id" => {
            fields.finish()?;
            return of_external_id(api, account, text).await;
        }
        "xpk_file" => return Err(Code::BadXpk.plain()),
        "sdk_descriptor" => {
            let data = fields.need("data")?.text(1..=1 << 16)?;
            fields.finish()?;
            let bytes = STANDARD.decode(data).map_err(|_| Code::BadBase64.plain())?;
            attributes::sdk::unpack(&bytes).ok_or_else(|| Code::BadSdkDescriptor.plain())?
        }
        "raw_descriptor" => {
            shown = "descriptor";
            let data = fields.need("data")?.value().clone();
            let raw: attributes::given::RawDescriptor = unchecked(data, Code::BadJson)?;
            let descriptor = raw.read()?;
            fields.finish()?;
            descriptor
        }
        "face" | "attribute" | "event" => {
            fields.finish()?;
            let found = stored(api, account, &kind, &id).await?;
            found.ok_or_else(|| Code::NoDescriptor.with(&text))?
        }
        _ => {
            let message = "references must be valid exactly by one of oneOf definition";
            return Err(field.wrong(message));
        }
    };
    let view = json!({"id": text, "type": shown});
    Ok(vec![Reference { view, descriptor }])
}

/// The descriptor of a stored object.
async fn stored(
    api: &Api,
    account: AccountId,
    kind: &str,
    id: &Field<'_>,
) -> Result<Option<Descriptor>, ApiError> {
    match kind {
        "face" => {
            let id: FaceId = id.id()?;
            let face = api.store.run(move |store| store.face(account, id)).await?;
            Ok(face.attributes.descriptor)
        }
        "attribute" => {
            let (id, now) = (id.id::<AttributeId>()?, api.now());
            let found = api
                .store
                .run(move |store| store.attribute(account, id, now));
            Ok(found.await?.attributes.descriptor)
        }
        _ => of_event(api, account, id.id()?).await,
    }
}

/// Every face with a descriptor and that external id, up to [`MAX_OF_EXTERNAL_ID`] faces.
async fn of_external_id(
    api: &Api,
    account: AccountId,
    external_id: String,
) -> Result<Vec<Reference>, ApiError> {
    let filters = FaceFilters {
        external_ids: Some(vec![external_id.clone()]),
        ..FaceFilters::default()
    };
    let query = FaceQuery {
        filters,
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
            let view =
                json!({"id": external_id, "type": "face_external_id", "face_id": face.face_id});
            found.push(Reference { view, descriptor });
        }
    }
    if found.is_empty() {
        return Err(Code::FaceExternalIdNotFound.with(external_id));
    }
    Ok(found)
}

/// The descriptor of an event lives as long as its temporary attribute does.
async fn of_event(
    api: &Api,
    account: AccountId,
    id: EventId,
) -> Result<Option<Descriptor>, ApiError> {
    let now = api.now();
    let found = api.store.run(move |store| {
        let event = store.event(account, id)?;
        let Some(id) = event
            .attributes
            .and_then(|attributes| attributes.attribute_id)
        else {
            return Ok(None);
        };
        match store.attribute(account, id, now) {
            Ok(attribute) => Ok(attribute.attributes.descriptor),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    });
    Ok(found.await?)
}

async fn match_faces(call: Call) -> Answer {
    let account = call.account()?;
    let body = call.json(Code::BadJson).await?;
    let mut fields = Fields::of(&body, Code::BadJson)?;
    let sets = fields.need("candidates")?.array(1..=MAX_SIDES)?;
    let sets = sets.iter().map(candidates).collect::<Result<Vec<_>, _>>()?;
    let given = fields.need("references")?.array(1..=MAX_SIDES)?;
    fields.finish()?;
    let lists = sets.iter().filter_map(|set| set.filters.list_id).collect();
    lists_exist(&call.api, account, lists).await?;
    let mut answers = Vec::new();
    for field in &given {
        let found = references(&call.api, account, field).await;
        for reference in found.map_err(ApiError::status_is_400_if_missing)? {
            let mut matches = Vec::with_capacity(sets.len());
            for set in &sets {
                matches.push(compare(&call.api, account, &reference.descriptor, set).await?);
            }
            answers.push(json!({"reference": reference.view, "matches": matches}));
        }
    }
    call::ok(&answers)
}

async fn compare(
    api: &Api,
    account: AccountId,
    to: &Descriptor,
    set: &Candidates,
) -> Result<Value, ApiError> {
    let request = MatchRequest {
        label: String::new(),
        descriptor: to.clone(),
        filters: set.filters.clone(),
        limit: set.limit,
        threshold: set.threshold,
        order: set.order,
        targets: set.targets.clone(),
    };
    let found: LabelMatches = api.matching.find(account, request).await?;
    let with_similarity = set.targets.is_empty() || set.targets.contains(&FaceTarget::Similarity);
    let result: Vec<Value> = found
        .candidates
        .iter()
        .map(|candidate| {
            let mut row = json!({"face": candidate.face.view(&set.targets)});
            if with_similarity {
                row["similarity"] = json!(candidate.similarity);
            }
            row
        })
        .collect();
    Ok(json!({"result": result, "filters": set.given}))
}
