//! `/6/samples` and `/6/images`: stored pictures.

use bytes::Bytes;
use goshawk_models::WARP_SIDE;
use goshawk_proto::id::{AccountId, ImageId, SampleId};
use http::{Method, StatusCode};
use serde_json::json;
use uuid::Uuid;

use super::{
    call::{self, Call},
    routes::{Access, Answer, Resource},
    upload::{self, is_image_type},
};
use crate::{
    blobs::{BlobError, BlobKey, BlobKind, media_type},
    errors::{ApiError, Code},
};

const TTLS: [i64; 14] = [1, 2, 3, 4, 5, 6, 7, 14, 30, 60, 90, 180, 365, -1];

/// The resources.
pub fn resources() -> Vec<Resource> {
    let me = Access::Account;
    let picture = |template: &'static str| {
        Resource::at(template)
            .on(Method::GET, me, get)
            .on(Method::HEAD, me, head)
            .on(Method::DELETE, me, delete)
    };
    vec![
        Resource::at("/6/samples/{samples_type}").on(Method::POST, me, create_sample),
        picture("/6/samples/{samples_type}/{sample_id}"),
        picture("/6/samples/{sample_id}"),
        picture("/5/samples/{sample_id}"),
        Resource::at("/6/images").on(Method::POST, me, create_image),
        picture("/6/images/{image_id}"),
    ]
}

fn kind(call: &Call) -> Result<BlobKind, ApiError> {
    match call.params.get("samples_type").map(String::as_str) {
        Some("faces") => Ok(BlobKind::FaceSample),
        Some("bodies") => Ok(BlobKind::BodySample),
        Some(_) => Err(Code::PageNotFound.plain()),
        None if call.params.contains_key("image_id") => Ok(BlobKind::Image),
        // The legacy paths know faces only.
        None => Ok(BlobKind::FaceSample),
    }
}

fn key(call: &Call) -> Result<BlobKey, ApiError> {
    let id: Uuid = call.id("sample_id").or_else(|_| call.id("image_id"))?;
    Ok(BlobKey {
        account: call.account()?,
        kind: kind(call)?,
        id,
    })
}

/// What a failure of the blob store looks like from outside.
pub fn blob_error(error: BlobError, id: Uuid) -> ApiError {
    match error {
        BlobError::NotFound(_) => Code::ImageNotFound.with(id),
        BlobError::NotPicture => Code::BadImage.plain(),
        BlobError::TooLarge(_) => Code::PayloadTooLarge.plain(),
        error => ApiError::internal("image store", &error),
    }
}

async fn get(call: Call) -> Answer {
    let key = key(&call)?;
    let bytes = call
        .api
        .blobs
        .get(&key)
        .await
        .map_err(|error| blob_error(error, key.id))?;
    let media = media_type(&bytes).unwrap_or("application/octet-stream");
    call::bytes(media, bytes)
}

async fn head(call: Call) -> Answer {
    let key = key(&call)?;
    let exists = call
        .api
        .blobs
        .exists(&key)
        .await
        .map_err(|error| blob_error(error, key.id))?;
    if exists {
        call::empty(StatusCode::OK)
    } else {
        Err(Code::ImageNotFound.with(key.id))
    }
}

async fn delete(call: Call) -> Answer {
    let key = key(&call)?;
    call.api
        .blobs
        .delete(&key)
        .await
        .map_err(|error| blob_error(error, key.id))?;
    call::empty(StatusCode::NO_CONTENT)
}

fn ttl(call: &Call) -> Result<(), ApiError> {
    match call.query.integer("ttl", -1..=365)? {
        Some(days) if !TTLS.contains(&days) => Err(Code::BadQuery.with("ttl")),
        _ => Ok(()),
    }
}

/// The body as one picture, checked to be one by decoding it.
async fn picture(call: &Call) -> Result<(Bytes, goshawk_proto::geometry::Size), ApiError> {
    let media = call.content_type().unwrap_or_default();
    if !is_image_type(&media) {
        return Err(Code::BadContentType.plain());
    }
    let bytes = call.bytes().await?;
    let size = upload::size_of(&call.api, bytes.clone()).await?;
    Ok((bytes, size))
}

async fn create_sample(call: Call) -> Answer {
    let account = call.account()?;
    let kind = kind(&call)?;
    ttl(&call)?;
    let (bytes, size) = picture(&call).await?;
    let side = WARP_SIDE;
    if kind == BlobKind::FaceSample && (size.width != side || size.height != side) {
        return Err(Code::BadSampleSize.plain());
    }
    let id = SampleId::random();
    keep(&call, account, kind, id.0, bytes).await?;
    let folder = if kind == BlobKind::FaceSample {
        "faces"
    } else {
        "bodies"
    };
    let url = format!("/6/samples/{folder}/{id}");
    call::created(
        &url,
        &json!({"sample_id": id, "url": url, "external_url": call.external(&url)}),
    )
}

async fn create_image(call: Call) -> Answer {
    let account = call.account()?;
    ttl(&call)?;
    let (bytes, _) = picture(&call).await?;
    let id = ImageId::random();
    keep(&call, account, BlobKind::Image, id.0, bytes).await?;
    let url = format!("/6/images/{id}");
    call::created(
        &url,
        &json!({"image_id": id, "url": url, "external_url": call.external(&url)}),
    )
}

async fn keep(
    call: &Call,
    account: AccountId,
    kind: BlobKind,
    id: Uuid,
    bytes: Bytes,
) -> Result<(), ApiError> {
    let key = BlobKey { account, kind, id };
    call.api
        .blobs
        .put(&key, bytes)
        .await
        .map_err(|error| blob_error(error, id))
}
