//! `POST /6/extractor`: descriptors, age and gender of stored samples as temporary attributes.

use goshawk_coordinator_core::{
    face::{Attributes, TemporaryAttribute},
    formats::{Fraction, Items},
    parameters,
    permission::{Action, Resource as Kind},
    query::Switch,
};
use goshawk_models::{Exif, Picture, face_quality};
use goshawk_proto::{
    descriptor::Descriptor,
    detection::BasicAttributes,
    event::Jpeg,
    geometry::Size,
    id::{AccountId, AttributeId, SampleId},
    picture::Pixels,
};
use serde::Serialize;
use utoipa::{ToSchema, openapi::request_body::RequestBody};

use super::{
    Api,
    attributes::{Seconds, life, life_schema},
    call::Call,
    media::JSON,
    openapi::Schemas,
    operation::Operation,
    payload::{self, Params, Payload},
    reply::Made,
    routes::{Access, Resource},
    typed, upload, vision,
};
use crate::{
    blobs::BlobKind,
    blocking,
    errors::{ApiError, Code},
    estimations::traits::EstimatedAttributes,
    process::extract::SampleTraits,
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    let access = Access::May(Kind::Attribute, Action::Creation);
    vec![at("/6/extractor", access)]
}

/// The resources of the Handlers service.
pub fn internal_resources() -> Vec<Resource> {
    vec![at("/1/extractor", Access::Header)]
}

fn at(template: &'static str, access: Access) -> Resource {
    Resource::at(template).serve(
        Operation::post("extractAttributes", access, extract)
            .about("Extracts descriptors, age and gender of samples and keeps them for a while.")
            .fails(&[Code::FeatureDisabled, Code::BadImage, Code::ImageNotFound]),
    )
}

parameters! {
    /// What to extract and how to keep it.
    pub struct Wanted {
        /// Least fitness of a sample; what is below is told and not kept.
        default score_threshold: Fraction = Fraction::clamped(0.0),
        /// Whether to extract descriptors.
        default extract_descriptor: Switch = Switch(true),
        /// Whether to estimate age and gender.
        default extract_basic_attributes: Switch = Switch(false),
        /// Whether all samples, being of one person, make one attribute together.
        default aggregate_attributes: Switch = Switch(false),
        /// Seconds until it is removed; 300 unless the installation is set up otherwise.
        optional ttl: Seconds => life_schema(),
    }
}

/// The samples to extract from.
pub struct SampleList(Vec<SampleId>);

type Ids = Items<SampleId, 1, 8>;

impl Payload for SampleList {
    async fn read(call: &Call) -> Result<Self, ApiError> {
        if call.content_type().as_deref() != Some(JSON) {
            return Err(Code::BadContentType.plain());
        }
        let bytes = call.small_body().await?;
        let ids: Ids = typed::from_slice(&bytes, Code::BadJson)?;
        Ok(Self(ids.into_inner()))
    }

    fn describe(schemas: &mut Schemas) -> RequestBody {
        payload::described(&[(JSON, schemas.of::<Ids>())])
    }

    fn errors() -> Vec<Code> {
        vec![Code::BadContentType, Code::BadJson]
    }
}

/// Why an attribute was not kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScoreReason {
    /// The filter.
    #[schema(inline)]
    pub filter_name: ScoreFilter,
    /// What the sample has.
    pub object_value: f32,
    /// What was asked for.
    pub threshold_value: f64,
}

goshawk_coordinator_core::words! {
    /// Filters of attributes.
    pub enum ScoreFilter: "filters" {
        /// The fitness of the sample is too low.
        Score = "score_threshold",
    }
}

/// Whether an attribute was left out, and why.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScoreVerdict {
    /// Whether it was.
    pub is_filtered: bool,
    /// Why.
    pub filter_reasons: Vec<ScoreReason>,
}

/// What became of one sample, or of several together.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExtractedAttribute {
    /// The temporary attribute; null where it was left out.
    #[schema(required)]
    pub attribute_id: Option<AttributeId>,
    /// Age and gender, where they were asked for and estimated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub basic_attributes: Option<EstimatedAttributes>,
    /// Fitness for recognition.
    #[schema(minimum = 0, maximum = 1)]
    pub score: f32,
    /// Where the attribute is.
    #[schema(format = "uri-reference", required)]
    pub url: Option<String>,
    /// The whole address of it.
    #[schema(format = "uri-reference")]
    pub external_url: Option<String>,
    /// The samples.
    pub samples: Items<SampleId, 0, { usize::MAX }>,
    /// Whether it was left out.
    pub filter: ScoreVerdict,
}

fn all(samples: Vec<SampleId>) -> Items<SampleId, 0, { usize::MAX }> {
    // Without bounds there is nothing to refuse.
    Items::new(samples).unwrap_or_default()
}

/// What was extracted of one sample.
struct Extracted {
    sample: SampleId,
    /// Fitness for recognition, 0 to 1.
    score: f32,
    traits: SampleTraits,
}

async fn extract(
    call: Call,
    Params(wanted): Params<Wanted>,
    SampleList(ids): SampleList,
) -> Result<Made<Vec<ExtractedAttribute>>, ApiError> {
    let account = call.account()?;
    call.api.analyzer()?;
    let extracted = of_samples(&call.api, account, &ids).await?;
    let threshold = *wanted.score_threshold;
    let (good, bad): (Vec<_>, Vec<_>) = extracted
        .into_iter()
        .partition(|one| f64::from(one.score) >= threshold);
    let mut answers = Vec::new();
    if wanted.aggregate_attributes.0 && !good.is_empty() {
        answers.push(keep(&call, account, &wanted, &good).await?);
    } else {
        for one in good {
            answers.push(keep(&call, account, &wanted, std::slice::from_ref(&one)).await?);
        }
    }
    answers.extend(bad.iter().map(|one| filtered(one, threshold)));
    Ok(Made(answers))
}

async fn of_samples(
    api: &Api,
    account: AccountId,
    ids: &[SampleId],
) -> Result<Vec<Extracted>, ApiError> {
    let found = upload::samples(api, account, BlobKind::FaceSample, ids).await?;
    let limits = api.decode_limits;
    let warps = blocking::spawn(move || {
        let mut warps = Vec::with_capacity(found.len());
        for sample in found {
            let picture = Picture::decode(&sample.bytes, Exif::Ignore, &limits)?;
            let size: Size = picture.size();
            let quality = face_quality(picture.rgb());
            let score = quality
                .sharpness
                .get()
                .min(quality.light.get())
                .min(quality.dark.get());
            warps.push((
                Jpeg {
                    size,
                    bytes: sample.bytes.to_vec(),
                },
                score,
            ));
        }
        Ok::<_, goshawk_models::PictureError>(warps)
    });
    let warps = warps
        .await
        .map_err(|error| ApiError::internal("extractor", &error))?;
    let warps = warps.map_err(|_| Code::BadImage.plain())?;
    let scores: Vec<f32> = warps.iter().map(|(_, score)| *score).collect();
    let warps = warps.into_iter().map(|(warp, _)| warp).collect();
    let traits = api
        .analyzer()?
        .describe(warps)
        .await
        .map_err(vision::failure)?;
    let parts = ids.iter().zip(scores).zip(traits);
    Ok(parts
        .map(|((sample, score), traits)| Extracted {
            sample: *sample,
            score,
            traits,
        })
        .collect())
}

/// One set of attributes of one or more samples of a person.
fn aggregate(parts: &[Extracted]) -> Result<(Descriptor, Option<BasicAttributes>, f32), ApiError> {
    let first = parts.first().ok_or_else(|| Code::Internal.plain())?;
    let mut sum = vec![0.0f32; first.traits.descriptor.length()];
    for part in parts {
        sum.iter_mut()
            .zip(part.traits.descriptor.values())
            .for_each(|(sum, value)| *sum += value);
    }
    let descriptor = Descriptor::from_values(first.traits.descriptor.version(), &sum);
    let descriptor = descriptor.map_err(|error| ApiError::internal("aggregation", &error))?;
    let score = parts.iter().map(|part| part.score).sum::<f32>() / parts.len() as f32;
    let basic: Vec<BasicAttributes> = parts
        .iter()
        .filter_map(|part| part.traits.attributes)
        .collect();
    Ok((descriptor, average(&basic), score))
}

/// The mean age, and the gender that is surest.
fn average(all: &[BasicAttributes]) -> Option<BasicAttributes> {
    let surest = all
        .iter()
        .max_by(|a, b| a.gender_score.get().total_cmp(&b.gender_score.get()))?;
    let age = all.iter().map(|one| one.age).sum::<f32>() / all.len() as f32;
    Some(BasicAttributes { age, ..*surest })
}

async fn keep(
    call: &Call,
    account: AccountId,
    wanted: &Wanted,
    parts: &[Extracted],
) -> Result<ExtractedAttribute, ApiError> {
    let (descriptor, basic, score) = aggregate(parts)?;
    let samples: Vec<SampleId> = parts.iter().map(|part| part.sample).collect();
    let (with_descriptor, with_basic) = (
        wanted.extract_descriptor.0,
        wanted.extract_basic_attributes.0,
    );
    let used = |used: bool| if used { samples.clone() } else { Vec::new() };
    let basic = basic.filter(|_| with_basic);
    let now = call.api.now();
    let attribute = TemporaryAttribute {
        attribute_id: AttributeId::random(),
        account_id: account,
        attributes: Attributes {
            descriptor: with_descriptor.then_some(descriptor),
            descriptor_samples: used(with_descriptor),
            basic,
            basic_samples: used(with_basic),
            ethnicity: None,
            score: Some(score),
        },
        create_time: now,
        expires_at: now.after(life(&call.api, wanted.ttl)),
    };
    let id = attribute.attribute_id;
    call.api
        .store
        .run(move |store| store.put_attribute(&attribute))
        .await?;
    let url = format!("/6/attributes/{id}");
    Ok(ExtractedAttribute {
        attribute_id: Some(id),
        basic_attributes: basic.map(EstimatedAttributes::from),
        score,
        external_url: Some(call.external(&url)),
        url: Some(url),
        samples: all(samples),
        filter: ScoreVerdict {
            is_filtered: false,
            filter_reasons: Vec::new(),
        },
    })
}

fn filtered(one: &Extracted, threshold: f64) -> ExtractedAttribute {
    let reason = ScoreReason {
        filter_name: ScoreFilter::Score,
        object_value: one.score,
        threshold_value: threshold,
    };
    ExtractedAttribute {
        attribute_id: None,
        basic_attributes: None,
        score: one.score,
        url: None,
        external_url: None,
        samples: all(vec![one.sample]),
        filter: ScoreVerdict {
            is_filtered: true,
            filter_reasons: vec![reason],
        },
    }
}
