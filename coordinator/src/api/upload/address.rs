//! Pictures named by an address.
//!
//! Nothing is fetched: fetching for a client would let it reach whatever we can reach. An address
//! of a picture that we keep ourselves names that picture, by its path (`/6/images/…`,
//! `/6/samples/…`) or with the host by which the client reaches us before it; any other is answered
//! as one that cannot be downloaded.

use goshawk_coordinator_core::{
    permission::{Action, Resource as Kind},
    stream::mask_credentials,
};
use goshawk_proto::id::AccountId;
use uuid::Uuid;

use super::{Address, Upload};
use crate::{
    api::{call::Call, vision},
    blobs::{BlobError, BlobKey, BlobKind},
    errors::{ApiError, Code},
};

/// Most characters of an address that an error repeats.
const SHOWN: usize = 512;

/// The error of an address that leads nowhere.
pub fn unreachable(url: &str) -> ApiError {
    let url: String = url.chars().take(SHOWN).collect();
    Code::BadImageUrl.with(mask_credentials(&url))
}

/// The kind and id of the picture of ours at `path`.
fn named(path: &str) -> Option<(BlobKind, Uuid)> {
    let (kind, id) = [
        ("/6/images/", BlobKind::Image),
        ("/6/samples/faces/", BlobKind::FaceSample),
        ("/6/samples/bodies/", BlobKind::BodySample),
        ("/6/samples/", BlobKind::FaceSample),
        ("/5/samples/", BlobKind::FaceSample),
    ]
    .into_iter()
    .find_map(|(prefix, kind)| Some((kind, path.strip_prefix(prefix)?)))?;
    let is_id = id.len() == 36;
    Some((kind, Uuid::try_parse(id).ok().filter(|_| is_id)?))
}

fn right(kind: BlobKind) -> Kind {
    match kind {
        BlobKind::Image => Kind::Image,
        BlobKind::FaceSample => Kind::FaceSample,
        BlobKind::BodySample => Kind::BodySample,
    }
}

/// The picture of the caller's account that `address` names.
pub async fn resolve(call: &Call, address: Address) -> Result<Upload, ApiError> {
    let own = call.external("");
    let path = address.url.strip_prefix(&own).unwrap_or(&address.url);
    let (kind, id) = named(path).ok_or_else(|| unreachable(&address.url))?;
    let account: AccountId = vision::account(call)?;
    if let Some(caller) = &call.caller {
        caller.may(right(kind), Action::View)?;
    }
    let key = BlobKey { account, kind, id };
    let bytes = call
        .api
        .blobs
        .get(&key)
        .await
        .map_err(|error| match error {
            BlobError::NotFound(_) => unreachable(&address.url),
            error => crate::api::pictures::blob_error(error, id),
        })?;
    Ok(Upload {
        faces: address.faces,
        bodies: address.bodies,
        ..Upload::new(address.url, bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_of_ours_are_named() {
        let id = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
        let uuid = Uuid::try_parse(id).unwrap();
        for (path, kind) in [
            ("/6/images/", BlobKind::Image),
            ("/6/samples/faces/", BlobKind::FaceSample),
            ("/6/samples/bodies/", BlobKind::BodySample),
            ("/5/samples/", BlobKind::FaceSample),
        ] {
            assert_eq!(named(&format!("{path}{id}")), Some((kind, uuid)));
        }
        for other in [
            format!("/6/faces/{id}"),
            format!("/6/images/{id}/"),
            format!("/6/images/../images/{id}"),
            format!("//6/images/{id}"),
            "/6/images/7acc35cfa3b24f878d8b5496a2782d37".to_owned(),
            format!("http://169.254.169.254/6/images/{id}"),
            String::new(),
        ] {
            assert_eq!(named(&other), None, "{other}");
        }
    }
}
