//! Matching as others use it: ids and scores from the matcher, the faces from the store.

use std::sync::Arc;

use goshawk_coordinator_core::{
    event::{LabelMatches, MatchedFace},
    face::Attributes,
    matching::MatchRequest,
};
use goshawk_proto::id::AccountId;

use super::{MatchError, Matcher};
use crate::store::{StoreError, StoreHandle};

/// Why there is no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatchingError {
    /// The search failed.
    #[error(transparent)]
    Match(#[from] MatchError),
    /// The faces found cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Searches that answer with faces.
pub struct Matching {
    matcher: Arc<Matcher>,
    store: StoreHandle,
}

impl Matching {
    /// Out of a matcher and the store that it follows.
    pub fn new(matcher: Arc<Matcher>, store: StoreHandle) -> Self {
        Self { matcher, store }
    }

    /// The matcher.
    pub fn matcher(&self) -> &Arc<Matcher> {
        &self.matcher
    }

    /// The most similar faces, without their descriptors. A face that was removed since the
    /// search began is left out.
    pub async fn find(
        &self,
        account: AccountId,
        request: MatchRequest,
    ) -> Result<LabelMatches, MatchingError> {
        let (label, targets) = (request.label.clone(), request.targets.clone());
        let found = self.matcher.find(account, request).await?;
        let read = move |store: &dyn crate::store::Store| {
            let mut candidates = Vec::with_capacity(found.len());
            for (id, similarity) in found {
                match store.face(account, id) {
                    Ok(mut face) => {
                        face.attributes = Attributes::default();
                        candidates.push(MatchedFace { face, similarity });
                    }
                    Err(StoreError::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(candidates)
        };
        let candidates = self.store.run(read).await?;
        Ok(LabelMatches {
            label,
            candidates,
            targets,
        })
    }
}
