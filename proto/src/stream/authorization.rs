//! The authorisation that a stream's body carries for its events.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::id::AccountId;

/// A token or an account. Its form is checked and nothing of it is kept: events belong to the
/// stream's own account, and a token would be a secret at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Authorization;

/// What a body may say.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged)]
enum Given {
    /// By a token.
    Token {
        /// The token.
        #[allow(dead_code, reason = "only its presence counts")]
        token: String,
    },
    /// By an account.
    Account {
        /// The account.
        #[allow(dead_code, reason = "only its presence counts")]
        account_id: AccountId,
    },
}

impl Authorization {
    /// That there is nothing to be told of it.
    pub(super) fn is_forgotten(&self) -> bool {
        true
    }
}

/// Nothing, whatever was given: for fields that are left out, which must be writable all the same.
impl Serialize for Authorization {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> Deserialize<'de> for Authorization {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Which of the two it is not does not help anybody.
        let wrong = |_| de::Error::custom("value is not a token or an account_id");
        Given::deserialize(deserializer)
            .map(|_| Self)
            .map_err(wrong)
    }
}

#[cfg(feature = "schema")]
impl utoipa::__dev::ComposeSchema for Authorization {
    fn compose(
        _: Vec<utoipa::openapi::RefOr<utoipa::openapi::Schema>>,
    ) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        <Given as utoipa::PartialSchema>::schema()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for Authorization {
    fn name() -> std::borrow::Cow<'static, str> {
        "StreamAuthorization".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_or_an_account_is_needed() {
        let read = |value| serde_json::from_value::<Authorization>(value).is_ok();
        assert!(read(json!({"token": "a.b.c"})));
        assert!(read(
            json!({"account_id": "7acc35cf-a3b2-4f87-8d8b-5496a2782d37"})
        ));
        for wrong in [
            json!({}),
            json!({"token": 1}),
            json!({"account_id": "x"}),
            json!(null),
        ] {
            assert!(!read(wrong.clone()), "{wrong}");
        }
    }
}
