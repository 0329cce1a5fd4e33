//! Attributes of faces: descriptors, age and gender, temporary (`/6/attributes`) or of a face
//! (`/6/faces/{face_id}/attributes`).

use base64::{Engine, engine::general_purpose::STANDARD};
use goshawk_coordinator_core::face::Attributes;
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion},
    detection::{BasicAttributes, Gender},
    id::{AttributeId, FaceId, SampleId},
    score::Score,
    time::Timestamp,
};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    Api,
    call::{self, Call},
    fields::Field,
    routes::{Access, Answer, Resource},
};
use crate::errors::{ApiError, Code};

/// Fields of a face's attributes.
const TARGETS: &[&str] = &[
    "basic_attributes",
    "face_descriptor_samples",
    "face_descriptor",
    "basic_attributes_samples",
    "create_time",
];
/// Fields of a temporary attribute.
const TEMPORARY_TARGETS: &[&str] = &[
    "attribute_id",
    "account_id",
    "basic_attributes",
    "face_descriptor_samples",
    "face_descriptor",
    "basic_attributes_samples",
    "create_time",
];
/// First bytes of a packed descriptor, before its version (`u32`) and its values, all
/// little-endian.
const PACKED_MAGIC: &[u8; 4] = b"GHd1";

/// The resources.
pub fn resources() -> Vec<Resource> {
    let me = Access::Account;
    vec![
        Resource::at("/6/attributes/{attribute_id}")
            .on(Method::GET, me, get_temporary)
            .on(Method::HEAD, me, head_temporary)
            .on(Method::DELETE, me, delete_temporary),
        Resource::at("/6/faces/{face_id}/attributes")
            .on(Method::GET, me, get_of_face)
            .on(Method::PUT, me, put_of_face)
            .on(Method::DELETE, me, delete_of_face),
        Resource::at("/6/faces/{face_id}/attributes/samples").on(Method::GET, me, samples_of_face),
        Resource::at("/6/attributes/{attribute_id}/samples").on(
            Method::GET,
            me,
            samples_of_temporary,
        ),
    ]
}

/// A descriptor as one opaque value that carries its version.
pub fn pack(descriptor: &Descriptor) -> Vec<u8> {
    let mut bytes = PACKED_MAGIC.to_vec();
    bytes.extend_from_slice(&descriptor.version().0.to_le_bytes());
    bytes.extend_from_slice(descriptor.as_le_bytes());
    bytes
}

/// Reads what [`pack`] wrote.
pub fn unpack(bytes: &[u8]) -> Option<Descriptor> {
    let rest = bytes.strip_prefix(PACKED_MAGIC)?;
    let (version, values) = rest.split_first_chunk::<4>()?;
    Descriptor::from_le_bytes(DescriptorVersion(u32::from_le_bytes(*version)), values).ok()
}

/// Attributes given in a body: `{attribute_id}`, or descriptors and basic attributes themselves.
pub async fn read(
    api: &Api,
    account: goshawk_proto::id::AccountId,
    field: &Field<'_>,
) -> Result<Attributes, ApiError> {
    let mut fields = field.object()?;
    if let Some(id) = fields.get("attribute_id") {
        let id: AttributeId = id.id()?;
        fields.finish()?;
        let now = api.now();
        let found = api
            .store
            .run(move |store| store.attribute(account, id, now))
            .await?;
        return Ok(found.attributes);
    }
    let basic = fields
        .get("basic_attributes")
        .map(|field| basic_from(&field))
        .transpose()?;
    let basic_samples = samples_from(fields.get("basic_attributes_samples"))?;
    let descriptor = match fields.get("face_descriptors") {
        Some(field) => descriptor_from(api, &field.array(1..=16)?)?,
        None => None,
    };
    let descriptor_samples = samples_from(fields.get("face_descriptor_samples"))?;
    fields.finish()?;
    if basic.is_none() && descriptor.is_none() {
        return Err(field.wrong("attribute_id, basic_attributes or face_descriptors is required"));
    }
    Ok(Attributes {
        descriptor,
        descriptor_samples,
        basic,
        basic_samples,
        score: None,
    })
}

fn samples_from(field: Option<Field<'_>>) -> Result<Vec<SampleId>, ApiError> {
    field.map_or(Ok(Vec::new()), |field| field.ids(0..=100))
}

fn basic_from(field: &Field<'_>) -> Result<BasicAttributes, ApiError> {
    let mut fields = field.object()?;
    let age = fields.need("age")?.integer(0..=100)? as f32;
    let gender = if fields.need("gender")?.flag()? {
        Gender::Male
    } else {
        Gender::Female
    };
    // Checked and not kept: nothing here compares by it.
    fields.need("ethnicity")?.integer(1..=4)?;
    fields.finish()?;
    Ok(BasicAttributes {
        age,
        gender,
        gender_score: Score::ONE,
    })
}

/// The descriptor of the version that this installation compares; others cannot be used.
fn descriptor_from(api: &Api, items: &[Field<'_>]) -> Result<Option<Descriptor>, ApiError> {
    let current = api.descriptor_version();
    let mut chosen = None;
    for item in items {
        let descriptor = match item.value() {
            Value::String(text) => {
                let bytes = STANDARD.decode(text).map_err(|_| Code::BadBase64.plain())?;
                unpack(&bytes).ok_or_else(|| Code::BadSdkDescriptor.plain())?
            }
            _ => raw_descriptor(item)?,
        };
        if current.is_none_or(|version| descriptor.version() != version) {
            return Err(Code::DescriptorVersionUnknown.with(descriptor.version()));
        }
        chosen = Some(descriptor);
    }
    Ok(chosen)
}

/// `{descriptor: base64, version}`.
pub fn raw_descriptor(field: &Field<'_>) -> Result<Descriptor, ApiError> {
    let mut fields = field.object()?;
    let text = fields.need("descriptor")?.text(1..=1 << 16)?;
    let version = fields.need("version")?.integer(0..=i64::from(u32::MAX))?;
    fields.finish()?;
    let bytes = STANDARD.decode(text).map_err(|_| Code::BadBase64.plain())?;
    let version = DescriptorVersion(u32::try_from(version).unwrap_or_default());
    Descriptor::from_le_bytes(version, &bytes).map_err(|_| Code::DescriptorLength.with(bytes.len()))
}

/// How descriptors are written in answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Raw,
    Packed,
}

fn view(attributes: &Attributes, created: Option<Timestamp>, format: Format) -> Map<String, Value> {
    let descriptor = attributes
        .descriptor
        .as_ref()
        .map(|descriptor| match format {
            Format::Packed => json!(STANDARD.encode(pack(descriptor))),
            Format::Raw => json!({
                "descriptor": STANDARD.encode(descriptor.as_le_bytes()),
                "descriptor_version": descriptor.version(),
            }),
        });
    let all = json!({
        "create_time": created,
        "basic_attributes": attributes.basic.map(|basic| json!({
            "age": goshawk_coordinator_core::face::whole_years(basic.age),
            "gender": goshawk_coordinator_core::code::GenderCode::from(basic.gender),
        })),
        "basic_attributes_samples": attributes.basic_samples,
        "face_descriptor": descriptor,
        "face_descriptor_samples": attributes.descriptor_samples,
    });
    match all {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn format(call: &Call) -> Result<Format, ApiError> {
    check_version(call)?;
    let format = call.query.one_of(
        "descriptor_format",
        &[("raw", Format::Raw), ("sdk", Format::Packed)],
    )?;
    Ok(format.unwrap_or(Format::Raw))
}

/// A version other than the one that is kept cannot be given.
fn check_version(call: &Call) -> Result<(), ApiError> {
    if let Some(version) = call
        .query
        .integer("descriptor_version", 0..=i64::from(u32::MAX))?
    {
        let known = call
            .api
            .descriptor_version()
            .is_some_and(|known| i64::from(known.0) == version);
        if !known {
            return Err(Code::BadQuery.with("descriptor_version"));
        }
    }
    Ok(())
}

fn keep(mut map: Map<String, Value>, targets: Option<Vec<&'static str>>) -> Map<String, Value> {
    if let Some(targets) = targets {
        map.retain(|name, _| targets.contains(&name.as_str()));
    }
    map
}

async fn get_temporary(call: Call) -> Answer {
    let (account, id, now) = (
        call.account()?,
        call.id::<AttributeId>("attribute_id")?,
        call.api.now(),
    );
    let targets = call.query.targets("targets", "faces", TEMPORARY_TARGETS)?;
    check_version(&call)?;
    let found = call
        .api
        .store
        .run(move |store| store.attribute(account, id, now))
        .await?;
    // The contract has one form here, the opaque one.
    let mut map = view(&found.attributes, Some(found.create_time), Format::Packed);
    map.insert("attribute_id".into(), json!(found.attribute_id));
    map.insert("account_id".into(), json!(found.account_id));
    call::ok(&keep(map, targets))
}

async fn head_temporary(call: Call) -> Answer {
    get_temporary(call).await?;
    call::empty(StatusCode::OK)
}

async fn delete_temporary(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id::<AttributeId>("attribute_id")?);
    let done = call
        .api
        .store
        .run(move |store| store.delete_attribute(account, id))
        .await;
    match done {
        // The contract documents no error for one that is gone already.
        Ok(()) | Err(crate::store::StoreError::NotFound { .. }) => {
            call::empty(StatusCode::NO_CONTENT)
        }
        Err(error) => Err(error.into()),
    }
}

async fn samples_of_temporary(call: Call) -> Answer {
    let (account, id, now) = (
        call.account()?,
        call.id::<AttributeId>("attribute_id")?,
        call.api.now(),
    );
    let found = call
        .api
        .store
        .run(move |store| store.attribute(account, id, now))
        .await?;
    call::ok(&json!({"samples": all_samples(&found.attributes)}))
}

fn all_samples(attributes: &Attributes) -> Vec<SampleId> {
    let mut all = attributes.descriptor_samples.clone();
    all.extend(&attributes.basic_samples);
    all.sort_unstable();
    all.dedup();
    all
}

async fn get_of_face(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id::<FaceId>("face_id")?);
    let targets = call.query.targets("targets", "faces", TARGETS)?;
    let format = format(&call)?;
    let face = call
        .api
        .store
        .run(move |store| store.face(account, id))
        .await?;
    let created = (!face.attributes.is_empty()).then_some(face.create_time);
    call::ok(&json!({"attributes": keep(view(&face.attributes, created, format), targets)}))
}

async fn put_of_face(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id::<FaceId>("face_id")?);
    let body = call.json(Code::BadJson).await?;
    let attributes = read(&call.api, account, &Field::root(&body, Code::BadJson)).await?;
    call.api
        .store
        .run(move |store| store.set_face_attributes(account, id, &attributes))
        .await?;
    call::empty(StatusCode::NO_CONTENT)
}

async fn delete_of_face(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id::<FaceId>("face_id")?);
    call.api
        .store
        .run(move |store| store.set_face_attributes(account, id, &Attributes::default()))
        .await?;
    call::empty(StatusCode::NO_CONTENT)
}

async fn samples_of_face(call: Call) -> Answer {
    let (account, id) = (call.account()?, call.id::<FaceId>("face_id")?);
    let face = call
        .api
        .store
        .run(move |store| store.face(account, id))
        .await?;
    call::ok(&json!({"samples": all_samples(&face.attributes)}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_descriptors_read_back() {
        let one = Descriptor::from_values(DescriptorVersion(46), &[3.0, 4.0]).unwrap();
        assert_eq!(unpack(&pack(&one)).unwrap().cosine(&one), one.cosine(&one));
        assert!(unpack(b"GHd1\x2e\0\0\0abc").is_none());
        assert!(unpack(b"nonsense").is_none());
    }
}
