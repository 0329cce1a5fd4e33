//! `/6/samples` and `/6/images`: stored pictures.

use std::str::FromStr;

use bytes::Bytes;
use goshawk_coordinator_core::{
    formats::Wrong,
    parameters,
    permission::{Action, Resource as Kind},
    published,
    query::Switch,
    words,
};
use goshawk_models::WARP_SIDE;
use goshawk_proto::id::{AccountId, ImageId, SampleId};
use http::StatusCode;
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};
use uuid::Uuid;
use warp::reply::Response;

use super::{
    call::{self, Call},
    openapi::Schemas,
    operation::Operation,
    payload::Params,
    reply::{Created, Exists, NoContent},
    routes::{Access, Resource},
    upload::{self, IMAGES, is_image_type},
};
use crate::{
    blobs::{BlobError, BlobKey, BlobKind, media_type},
    errors::{ApiError, Code},
};

/// Lives of pictures that a client may ask for, in days; -1 is for ever.
const LIVES: [i64; 14] = [1, 2, 3, 4, 5, 6, 7, 14, 30, 60, 90, 180, 365, -1];

/// The resources.
pub fn resources() -> Vec<Resource> {
    let may = Access::May;
    let images = Resource::at("/6/images")
        .tagged("images")
        .serve(taking_picture(
            Operation::post(
                "createImages",
                may(Kind::Image, Action::Creation),
                create_image,
            )
            .about("Keeps an image."),
        ));
    let image = Resource::at("/6/images/{image_id}")
        .tagged("images")
        .serve(
            giving_picture(Operation::get(
                "getImage",
                may(Kind::Image, Action::View),
                get_image,
            ))
            .about("One image, as it was given."),
        )
        .serve(
            Operation::head("checkImage", may(Kind::Image, Action::View), head_image)
                .about("Whether an image exists.")
                .fails(&[Code::ImageNotFound]),
        )
        .serve(
            Operation::delete("deleteImage", may(Kind::Image, Action::Deletion), delete)
                .about("Removes an image.")
                .fails(&[Code::ImageNotFound]),
        );
    let face = |action| may(Kind::FaceSample, action);
    // The kind of sample is in the path: what a token must permit is seen there.
    let any = |_| Access::Account;
    // Ids are tried before kinds: a kind is any word.
    let previous = [
        "getSamplePrevious",
        "checkSamplePrevious",
        "deleteSamplePrevious",
    ];
    let legacy = ["getSampleLegacy", "checkSampleLegacy", "deleteSampleLegacy"];
    vec![
        sample(Resource::at("/5/samples/{sample_id}"), previous, face),
        sample(Resource::at("/6/samples/{sample_id}"), legacy, face),
        Resource::at("/6/samples/{samples_type}")
            .tagged("samples")
            .segment("samples_type", SampleKind::schema())
            .serve(
                taking_picture(Operation::post(
                    "saveSample",
                    Access::Account,
                    create_sample,
                ))
                .about(
                    "Keeps a sample: a picture of a face, 250 pixels wide and high, or of a body.",
                )
                .fails(&[Code::PermissionDenied, Code::BadSampleSize]),
            ),
        sample(
            Resource::at("/6/samples/{samples_type}/{sample_id}")
                .segment("samples_type", SampleKind::schema()),
            ["getSample", "checkSample", "deleteSample"],
            any,
        ),
        images,
        image,
    ]
}

/// The operations on one sample, by their ids.
fn sample(path: Resource, ids: [&'static str; 3], access: impl Fn(Action) -> Access) -> Resource {
    let [get_id, head_id, delete_id] = ids;
    path.tagged("samples")
        .serve(
            giving_picture(Operation::get(get_id, access(Action::View), get))
                .about("One sample, as it was kept."),
        )
        .serve(
            Operation::head(head_id, access(Action::View), head)
                .about("Whether a sample exists.")
                .fails(&[Code::ImageNotFound]),
        )
        .serve(
            Operation::delete(delete_id, access(Action::Deletion), delete)
                .about("Removes a sample.")
                .fails(&[Code::ImageNotFound]),
        )
}

/// Describes a body that is a picture.
fn taking_picture(operation: Operation) -> Operation {
    operation
        .takes(|schemas| {
            IMAGES
                .iter()
                .map(|media| (*media, binary(schemas)))
                .collect()
        })
        .fails(&[Code::BadContentType, Code::BadImage, Code::UnsupportedImage])
}

/// Describes an answer that is a picture.
fn giving_picture(operation: Operation) -> Operation {
    operation
        .gives(StatusCode::OK, "The picture.", &IMAGES, binary)
        .fails(&[Code::ImageNotFound])
}

/// The schema of a picture.
fn binary(_: &mut Schemas) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        .into()
}

words! {
    /// Kinds of samples.
    pub enum SampleKind: "samples" {
        /// Of faces.
        Faces = "faces",
        /// Of bodies.
        Bodies = "bodies",
    }
}

impl SampleKind {
    /// The kind in the path. The older paths know faces only.
    fn of(call: &Call) -> Result<Self, ApiError> {
        match call.params.get("samples_type") {
            Some(word) => word.parse().map_err(|_| Code::PageNotFound.plain()),
            None => Ok(Self::Faces),
        }
    }

    fn blob(self) -> BlobKind {
        match self {
            Self::Faces => BlobKind::FaceSample,
            Self::Bodies => BlobKind::BodySample,
        }
    }

    fn right(self) -> Kind {
        match self {
            Self::Faces => Kind::FaceSample,
            Self::Bodies => Kind::BodySample,
        }
    }
}

/// The picture that the path names, if the caller may do `action` to its kind.
fn key(call: &Call, action: Action) -> Result<BlobKey, ApiError> {
    let account = call.account()?;
    if call.params.contains_key("image_id") {
        call.caller()?.may(Kind::Image, action)?;
        return Ok(BlobKey {
            account,
            kind: BlobKind::Image,
            id: call.id("image_id")?,
        });
    }
    let kind = SampleKind::of(call)?;
    call.caller()?.may(kind.right(), action)?;
    Ok(BlobKey {
        account,
        kind: kind.blob(),
        id: call.id("sample_id")?,
    })
}

/// What a failure of the blob store looks like from outside.
pub fn blob_error(error: BlobError, id: Uuid) -> ApiError {
    match error {
        BlobError::NotFound(_) => Code::ImageNotFound.with(id),
        BlobError::NotPicture => Code::BadImage.plain(),
        BlobError::TooLarge(_) => Code::PayloadTooLarge.plain(),
        BlobError::Full(message) => crate::store::StoreError::Unavailable {
            after: crate::room::RETRY_WHEN_FULL,
            message,
        }
        .into(),
        error => ApiError::internal("image store", &error),
    }
}

async fn get(call: Call) -> Result<Response, ApiError> {
    let key = key(&call, Action::View)?;
    let bytes = call
        .api
        .blobs
        .get(&key)
        .await
        .map_err(|error| blob_error(error, key.id))?;
    let media = media_type(&bytes).unwrap_or("application/octet-stream");
    call::bytes(media, bytes)
}

async fn head(call: Call) -> Result<Exists, ApiError> {
    let key = key(&call, Action::View)?;
    let exists = call
        .api
        .blobs
        .exists(&key)
        .await
        .map_err(|error| blob_error(error, key.id))?;
    if exists {
        Ok(Exists)
    } else {
        Err(Code::ImageNotFound.with(key.id))
    }
}

async fn delete(call: Call) -> Result<NoContent, ApiError> {
    let key = key(&call, Action::Deletion)?;
    call.api
        .blobs
        .delete(&key)
        .await
        .map_err(|error| blob_error(error, key.id))?;
    Ok(NoContent)
}

parameters! {
    /// What of an image.
    pub struct ImageWanted {
        /// Whether the user's own notes come with the image; none are kept here.
        default with_meta: Switch = Switch(false),
    }
}

async fn get_image(call: Call, _: Params<ImageWanted>) -> Result<Response, ApiError> {
    get(call).await
}

async fn head_image(call: Call, _: Params<ImageWanted>) -> Result<Exists, ApiError> {
    head(call).await
}

/// One of the lives above.
#[derive(Debug, Clone, Copy)]
pub struct Days(pub i64);

impl FromStr for Days {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let days = text.parse().ok().filter(|days| LIVES.contains(days));
        days.map(Self).ok_or_else(|| Wrong::not_among(LIVES))
    }
}

published!(
    Days,
    "Days",
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some(LIVES))
);

parameters! {
    /// How to keep a picture.
    pub struct Keeping {
        /// Days that it is wanted for. Pictures are kept here until somebody removes them.
        optional ttl: Days,
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

/// A sample that was kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct SampleMade {
    /// Its id.
    pub sample_id: SampleId,
    /// Where it is.
    #[schema(format = "uri-reference")]
    pub url: String,
    /// The whole address of it.
    #[schema(format = "uri-reference")]
    pub external_url: String,
}

async fn create_sample(call: Call, _: Params<Keeping>) -> Result<Created<SampleMade>, ApiError> {
    let (account, kind) = (call.account()?, SampleKind::of(&call)?);
    call.caller()?.may(kind.right(), Action::Creation)?;
    let (bytes, size) = picture(&call).await?;
    let side = WARP_SIDE;
    if kind == SampleKind::Faces && (size.width != side || size.height != side) {
        return Err(Code::BadSampleSize.plain());
    }
    let id = SampleId::random();
    keep(&call, account, kind.blob(), id.0, bytes).await?;
    let url = format!("/6/samples/{kind}/{id}");
    Ok(Created {
        location: url.clone(),
        body: SampleMade {
            sample_id: id,
            external_url: call.external(&url),
            url,
        },
    })
}

/// An image that was kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageMade {
    /// Its id.
    pub image_id: ImageId,
    /// Where it is.
    #[schema(format = "uri-reference")]
    pub url: String,
    /// The whole address of it.
    #[schema(format = "uri-reference")]
    pub external_url: String,
}

async fn create_image(call: Call, _: Params<Keeping>) -> Result<Created<ImageMade>, ApiError> {
    let account = call.account()?;
    let (bytes, _) = picture(&call).await?;
    let id = ImageId::random();
    keep(&call, account, BlobKind::Image, id.0, bytes).await?;
    let url = format!("/6/images/{id}");
    Ok(Created {
        location: url.clone(),
        body: ImageMade {
            image_id: id,
            external_url: call.external(&url),
            url,
        },
    })
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
