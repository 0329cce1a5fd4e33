//! `POST /6/extractor`: descriptors, age and gender of stored samples as temporary attributes.

use std::time::Duration;

use goshawk_coordinator_core::{
    event::view::basic_attributes,
    face::{Attributes, TemporaryAttribute},
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
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    Api,
    call::{self, Call},
    detector::samples,
    fields::Field,
    query::Query,
    routes::{Access, Answer, Resource},
    vision,
};
use crate::{
    errors::{ApiError, Code},
    process::extract::SampleTraits,
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    vec![Resource::at("/6/extractor").on(Method::POST, Access::Account, extract)]
}

struct Wanted {
    threshold: f64,
    descriptor: bool,
    basic: bool,
    aggregate: bool,
    ttl: Duration,
}

impl Wanted {
    fn read(query: &Query, default_ttl: Duration) -> Result<Self, ApiError> {
        let ttl = query.integer("ttl", 1..=86_400)?;
        Ok(Self {
            threshold: query.number("score_threshold", 0.0..=1.0)?.unwrap_or(0.0),
            descriptor: query.flag("extract_descriptor", true)?,
            basic: query.flag("extract_basic_attributes", false)?,
            aggregate: query.flag("aggregate_attributes", false)?,
            ttl: ttl.map_or(default_ttl, |seconds| {
                Duration::from_secs(seconds.unsigned_abs())
            }),
        })
    }
}

/// What was extracted of one sample.
struct Extracted {
    sample: SampleId,
    /// Fitness for recognition, 0 to 1.
    score: f32,
    traits: SampleTraits,
}

async fn extract(call: Call) -> Answer {
    let account = call.account()?;
    let wanted = Wanted::read(&call.query, call.api.attribute_ttl)?;
    call.api.analyzer()?;
    let body = call.json(Code::BadJson).await?;
    let ids: Vec<SampleId> = Field::root(&body, Code::BadJson).ids(1..=8)?;
    let extracted = of_samples(&call.api, account, &ids).await?;
    let (good, bad): (Vec<_>, Vec<_>) = extracted
        .into_iter()
        .partition(|one| f64::from(one.score) >= wanted.threshold);
    let mut answers = Vec::new();
    if wanted.aggregate && !good.is_empty() {
        answers.push(keep(&call, account, &wanted, &good).await?);
    } else {
        for one in good {
            answers.push(keep(&call, account, &wanted, std::slice::from_ref(&one)).await?);
        }
    }
    answers.extend(bad.iter().map(|one| filtered(one, wanted.threshold)));
    call::json(StatusCode::CREATED, &answers)
}

async fn of_samples(
    api: &Api,
    account: AccountId,
    ids: &[SampleId],
) -> Result<Vec<Extracted>, ApiError> {
    let found = samples(api, account, ids).await?;
    let limits = api.decode_limits;
    let warps = tokio::task::spawn_blocking(move || {
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
) -> Result<Value, ApiError> {
    let (descriptor, basic, score) = aggregate(parts)?;
    let samples: Vec<SampleId> = parts.iter().map(|part| part.sample).collect();
    let now = call.api.now();
    let attribute = TemporaryAttribute {
        attribute_id: AttributeId::random(),
        account_id: account,
        attributes: Attributes {
            descriptor: wanted.descriptor.then_some(descriptor),
            descriptor_samples: if wanted.descriptor {
                samples.clone()
            } else {
                Vec::new()
            },
            basic: basic.filter(|_| wanted.basic),
            basic_samples: if wanted.basic {
                samples.clone()
            } else {
                Vec::new()
            },
            ethnicity: None,
            score: Some(score),
        },
        create_time: now,
        expires_at: now.after(wanted.ttl),
    };
    let id = attribute.attribute_id;
    call.api
        .store
        .run(move |store| store.put_attribute(&attribute))
        .await?;
    let url = format!("/6/attributes/{id}");
    let mut view = json!({
        "attribute_id": id,
        "url": url,
        "external_url": call.external(&url),
        "samples": samples,
        "score": score,
        "filter": {"is_filtered": false, "filter_reasons": []},
    });
    if let Some(basic) = basic.filter(|_| wanted.basic) {
        view["basic_attributes"] = basic_attributes(basic);
    }
    Ok(view)
}

fn filtered(one: &Extracted, threshold: f64) -> Value {
    let reason = json!({"filter_name": "score_threshold", "object_value": one.score, "threshold_value": threshold});
    json!({
        "attribute_id": null,
        "url": null,
        "external_url": null,
        "samples": [one.sample],
        "score": one.score,
        "filter": {"is_filtered": true, "filter_reasons": [reason]},
    })
}
