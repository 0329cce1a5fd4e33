//! Attributes of faces: descriptors, age, gender and ethnicity, temporary (`/6/attributes`) or of
//! a face (`/6/faces/{face_id}/attributes`).

pub mod bytes;
pub mod given;
pub mod sdk;
pub mod view;

use std::time::Duration;

use goshawk_coordinator_core::{
    face::{Attributes, FaceRecord, TemporaryAttribute},
    formats::Whole,
    parameters,
    permission::{Action, Resource as Kind},
    query::{CommaList, Target, Targets, parameters::with_default, values::listed},
};
use goshawk_proto::id::{AccountId, AttributeId, FaceId};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, Content, RefOr, Schema, Type, schema::SchemaType},
};

use super::{
    Api,
    call::Call,
    media::MSGPACK,
    operation::{Operation, Shape},
    owners,
    payload::{Packed, Params},
    reply::{Created, Done, Exists, NoContent},
    routes::{Access, Resource},
};
use crate::{
    errors::{ApiError, Code},
    store::{Store, StoreError},
};
use given::{GivenAttributes, KnownVersion, NewAttribute};
use view::{
    AttributeView, DescriptorFormat, FaceAttributesView, FaceDescriptor, FaceField, Field, Samples,
    all_names, all_samples,
};

/// Mistakes in descriptors that come with a request.
pub const DESCRIPTOR_ERRORS: [Code; 3] = [
    Code::DescriptorLength,
    Code::DescriptorVersionUnknown,
    Code::BadSdkDescriptor,
];

/// The resources.
pub fn resources() -> Vec<Resource> {
    temporary().into_iter().chain(of_faces()).collect()
}

fn temporary() -> [Resource; 3] {
    let may = |action| Access::May(Kind::Attribute, action);
    [
        Resource::at("/6/attributes")
            .tagged("attributes")
            .serve(
                Operation::post("createAttributes", may(Action::Creation), create)
                    .about("Keeps attributes that were extracted elsewhere for a while.")
                    .fails(&DESCRIPTOR_ERRORS)
                    .reshape(|shape, _| body_in_msgpack(shape, &NewAttribute::in_msgpack())),
            )
            .serve(
                Operation::get("getAttributes", may(Action::View), list)
                    .about("Temporary attributes that have not expired, by their ids.")
                    .reshape(|shape, _| {
                        let rows = ArrayBuilder::new().items(view_in_msgpack());
                        let whole = replaced(AttributesFound::schema(), "attributes", rows);
                        reply_in_msgpack(shape, &whole);
                    }),
            ),
        Resource::at("/6/attributes/{attribute_id}")
            .tagged("attributes")
            .serve(
                Operation::get("getAttribute", may(Action::View), get)
                    .about("One temporary attribute.")
                    .fails(&[Code::AttributeNotFound])
                    .reshape(|shape, _| reply_in_msgpack(shape, &view_in_msgpack())),
            )
            .serve(
                Operation::head("checkAttribute", may(Action::View), head)
                    .about("Whether a temporary attribute exists.")
                    .fails(&[Code::AttributeNotFound]),
            )
            .serve(
                Operation::delete("deleteAttribute", may(Action::Deletion), delete)
                    .about("Removes a temporary attribute; one that is gone is no mistake."),
            ),
        Resource::at("/6/attributes/{attribute_id}/samples")
            .tagged("attributes")
            .serve(
                Operation::get("getAttributeSamples", may(Action::View), samples)
                    .about("The samples of a temporary attribute.")
                    .fails(&[Code::AttributeNotFound]),
            ),
    ]
}

fn of_faces() -> [Resource; 2] {
    let may = |action| Access::May(Kind::Face, action);
    [
        Resource::at("/6/faces/{face_id}/attributes")
            .tagged("face attributes")
            .serve(
                Operation::get("getFaceAttributes", may(Action::View), get_of_face)
                    .about("The attributes of a face.")
                    .fails(&[Code::FaceNotFound])
                    .reshape(|shape, _| {
                        let descriptor = FaceDescriptor::in_msgpack();
                        let view = FaceAttributesView::schema();
                        let view = replaced(view, "face_descriptor", descriptor);
                        let whole = replaced(AttributesOfFace::schema(), "attributes", view);
                        reply_in_msgpack(shape, &whole);
                    }),
            )
            .serve(
                Operation::put("putFaceAttributes", may(Action::Modification), put_of_face)
                    .about("Replaces the attributes of a face.")
                    .fails(&[Code::FaceNotFound, Code::FaceAttributeNotFound])
                    .fails(&DESCRIPTOR_ERRORS)
                    .reshape(|shape, _| body_in_msgpack(shape, &GivenAttributes::in_msgpack())),
            )
            .serve(
                Operation::delete(
                    "deleteFaceAttributes",
                    may(Action::Deletion),
                    delete_of_face,
                )
                .about("Removes the attributes of a face.")
                .fails(&[Code::FaceNotFound]),
            ),
        Resource::at("/6/faces/{face_id}/attributes/samples")
            .tagged("face attributes")
            .serve(
                Operation::get(
                    "getFaceAttributeSamples",
                    may(Action::View),
                    samples_of_face,
                )
                .about("The samples of a face's attributes.")
                .fails(&[Code::FaceNotFound]),
            ),
    ]
}

/// Describes the MessagePack form of a body.
pub fn body_in_msgpack(shape: &mut Shape, schema: &RefOr<Schema>) {
    if let Some(body) = &mut shape.body {
        let content = Content::new(Some(schema.clone()));
        body.content.insert(MSGPACK.to_owned(), content.into());
    }
}

fn reply_in_msgpack(shape: &mut Shape, schema: &RefOr<Schema>) {
    for (_, reply) in &mut shape.replies {
        let content = Content::new(Some(schema.clone()));
        reply.content.insert(MSGPACK.to_owned(), content.into());
    }
}

/// The schema of an object with another schema for one of its fields.
pub fn replaced(
    object: RefOr<Schema>,
    field: &str,
    schema: impl Into<RefOr<Schema>>,
) -> RefOr<Schema> {
    match object {
        RefOr::T(Schema::Object(mut object)) => {
            object.properties.insert(field.to_owned(), schema.into());
            RefOr::T(Schema::Object(object))
        }
        other => other,
    }
}

fn view_in_msgpack() -> RefOr<Schema> {
    let types = SchemaType::from_iter([Type::String, Type::Null]);
    let descriptor = bytes::in_msgpack().schema_type(types);
    replaced(AttributeView::schema(), "face_descriptor", descriptor)
}

/// What a list of fields is in a document: text, of all names unless a client says otherwise.
fn names<T: Target>() -> RefOr<Schema> {
    let text = listed("comma-separated items");
    with_default(text, all_names::<T>().into())
}

/// A version other than the one that is kept cannot be given.
fn check_version(call: &Call, wanted: Option<KnownVersion>) -> Result<(), ApiError> {
    match wanted {
        Some(version) if call.api.descriptor_version() != Some(version.0) => {
            Err(Code::BadQuery.with("descriptor_version"))
        }
        _ => Ok(()),
    }
}

/// Seconds that a temporary attribute lives.
pub type Seconds = Whole<1, 86_400>;

/// The schema of the life of a temporary attribute.
pub fn life_schema() -> RefOr<Schema> {
    with_default(Seconds::schema(), 300.into())
}

/// The life that a request asks for; otherwise that of the installation.
pub fn life(api: &Api, asked: Option<Seconds>) -> Duration {
    asked.map_or(api.attribute_ttl, |seconds| {
        Duration::from_secs(seconds.get().unsigned_abs())
    })
}

parameters! {
    /// How long to keep something.
    pub struct Life {
        /// Seconds until it is removed; 300 unless the installation is set up otherwise.
        optional ttl: Seconds => life_schema(),
    }
}

/// An attribute that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttributeMade {
    /// Its id.
    pub attribute_id: AttributeId,
    /// Where it is.
    #[schema(format = "uri-reference")]
    pub url: String,
    /// The whole address of it.
    #[schema(format = "uri-reference")]
    pub external_url: String,
}

async fn create(
    call: Call,
    Params(asked): Params<Life>,
    Packed(new): Packed<NewAttribute>,
) -> Result<Created<AttributeMade>, ApiError> {
    let (account_id, now) = (call.account()?, call.api.now());
    let attribute_id = AttributeId::random();
    let attribute = TemporaryAttribute {
        attribute_id,
        account_id,
        attributes: new.resolve(&call.api)?,
        create_time: now,
        expires_at: now.after(life(&call.api, asked.ttl)),
    };
    call.api
        .store
        .run(move |store| store.put_attribute(&attribute))
        .await?;
    let url = format!("/6/attributes/{attribute_id}");
    Ok(Created {
        location: url.clone(),
        body: AttributeMade {
            attribute_id,
            external_url: call.external(&url),
            url,
        },
    })
}

parameters! {
    /// Which attributes, and what of them.
    pub struct AttributesWanted {
        /// Their ids; at most 1000, separated by commas.
        required attribute_ids: CommaList<AttributeId> => listed("list of uuid"),
        /// Those of this account. Who sees only their own gets these whatever is asked for.
        optional account_id: AccountId,
        /// Fields of each.
        optional targets: Targets<Field> => names::<Field>(),
        /// Version of the descriptor; only the one in use is kept.
        optional descriptor_version: KnownVersion,
    }
}

/// Temporary attributes.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttributesFound {
    /// Those that there are.
    pub attributes: Vec<AttributeView>,
}

async fn list(
    call: Call,
    Params(wanted): Params<AttributesWanted>,
) -> Result<Packed<AttributesFound>, ApiError> {
    check_version(&call, wanted.descriptor_version)?;
    let (scope, now) = (call.scope(wanted.account_id)?, call.api.now());
    let ids = wanted.attribute_ids.0;
    let found = call
        .api
        .store
        .run(move |store| {
            let accounts = owners::accounts(store, scope)?;
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                for account in &accounts {
                    match store.attribute(*account, id, now) {
                        Ok(attribute) => {
                            found.push(attribute);
                            break;
                        }
                        Err(StoreError::NotFound { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Ok(found)
        })
        .await?;
    let targets = wanted.targets.unwrap_or_else(Targets::all);
    let rows = found.into_iter();
    Ok(Packed(AttributesFound {
        attributes: rows.map(|one| AttributeView::of(one, &targets)).collect(),
    }))
}

parameters! {
    /// What of an attribute.
    pub struct AttributeWanted {
        /// Version of the descriptor; only the one in use is kept.
        optional descriptor_version: KnownVersion,
        /// Its fields.
        optional targets: Targets<Field> => names::<Field>(),
    }
}

/// The attribute that the path names.
async fn find(call: &Call) -> Result<TemporaryAttribute, ApiError> {
    let (caller, id) = (call.caller()?, call.id::<AttributeId>("attribute_id")?);
    let now = call.api.now();
    let look = move |store: &dyn Store, account| store.attribute(account, id, now);
    Ok(owners::found(&call.api.store, caller, look).await?)
}

async fn get(
    call: Call,
    Params(wanted): Params<AttributeWanted>,
) -> Result<Packed<AttributeView>, ApiError> {
    check_version(&call, wanted.descriptor_version)?;
    let targets = wanted.targets.unwrap_or_else(Targets::all);
    let found = find(&call).await?;
    Ok(Packed(AttributeView::of(found, &targets)))
}

async fn head(call: Call, wanted: Params<AttributeWanted>) -> Result<Exists, ApiError> {
    get(call, wanted).await.map(|_| Exists)
}

async fn delete(call: Call) -> Result<NoContent, ApiError> {
    let (account, id) = (call.account()?, call.id::<AttributeId>("attribute_id")?);
    let done = call
        .api
        .store
        .run(move |store| store.delete_attribute(account, id))
        .await;
    match done {
        // The contract documents no error for one that is gone already.
        Ok(()) | Err(StoreError::NotFound { .. }) => Ok(NoContent),
        Err(error) => Err(error.into()),
    }
}

/// Samples of some attributes.
#[derive(Debug, Serialize, ToSchema)]
pub struct SamplesUsed {
    /// Their ids.
    pub samples: Samples,
}

impl SamplesUsed {
    fn of(attributes: &Attributes) -> Done<Self> {
        Done(Self {
            samples: all_samples(attributes),
        })
    }
}

async fn samples(call: Call) -> Result<Done<SamplesUsed>, ApiError> {
    let found = find(&call).await?;
    Ok(SamplesUsed::of(&found.attributes))
}

/// The face that the path names.
async fn face(call: &Call) -> Result<FaceRecord, ApiError> {
    let (caller, id) = (call.caller()?, call.id::<FaceId>("face_id")?);
    let look = move |store: &dyn Store, account| store.face(account, id);
    Ok(owners::found(&call.api.store, caller, look).await?)
}

parameters! {
    /// What of a face's attributes.
    pub struct FaceAttributesWanted {
        /// How the descriptor is written.
        default descriptor_format: DescriptorFormat = DescriptorFormat::Raw,
        /// Fields of the attributes.
        optional targets: Targets<FaceField> => names::<FaceField>(),
        /// Version of the descriptor; only the one in use is kept.
        optional descriptor_version: KnownVersion,
    }
}

/// The attributes of one face.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttributesOfFace {
    /// The fields that were asked for.
    pub attributes: FaceAttributesView,
}

async fn get_of_face(
    call: Call,
    Params(wanted): Params<FaceAttributesWanted>,
) -> Result<Packed<AttributesOfFace>, ApiError> {
    check_version(&call, wanted.descriptor_version)?;
    let targets = wanted.targets.unwrap_or_else(Targets::all);
    let face = face(&call).await?;
    Ok(Packed(AttributesOfFace {
        attributes: FaceAttributesView::of(face, &targets, wanted.descriptor_format),
    }))
}

async fn put_of_face(
    call: Call,
    Packed(given): Packed<GivenAttributes>,
) -> Result<NoContent, ApiError> {
    let (account, id) = (call.account()?, call.id::<FaceId>("face_id")?);
    let attributes = given.resolve(&call.api, account).await?;
    call.api
        .store
        .run(move |store| store.set_face_attributes(account, id, &attributes))
        .await?;
    Ok(NoContent)
}

async fn delete_of_face(call: Call) -> Result<NoContent, ApiError> {
    let (account, id) = (call.account()?, call.id::<FaceId>("face_id")?);
    call.api
        .store
        .run(move |store| store.set_face_attributes(account, id, &Attributes::default()))
        .await?;
    Ok(NoContent)
}

async fn samples_of_face(call: Call) -> Result<Done<SamplesUsed>, ApiError> {
    let face = face(&call).await?;
    Ok(SamplesUsed::of(&face.attributes))
}
