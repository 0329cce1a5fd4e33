//! Whom a request says it comes from, before anybody has seen whether that is so: for the audit
//! log, where credentials were refused.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use goshawk_coordinator_core::formats::Login;
use goshawk_proto::id::{AccountId, TokenId};
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};

use super::{basic_pair, bearer_token, cookie, jwt::MAX_TEXT};

/// Whom a request names, unproven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// An account by its login.
    Login(String),
    /// A token by its ids.
    Token {
        /// The token's account.
        account_id: AccountId,
        /// The token.
        token_id: TokenId,
    },
    /// An account by its id, as trusted services name it.
    AccountId(AccountId),
    /// Nobody that can be understood. What was sent is not repeated: people type passwords where
    /// logins belong.
    Unreadable,
}

impl Claim {
    /// Whom these headers name; `None`: nobody.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut shown = headers.get_all(header::AUTHORIZATION).iter();
        let claim = match (shown.next(), shown.next()) {
            (Some(value), None) => value.to_str().ok().and_then(authorization),
            (Some(_), Some(_)) => None,
            (None, _) => match (cookie::value(headers), headers.get("luna-account-id")) {
                (Some(text), _) => token(text),
                (None, Some(value)) => account(value.to_str().ok()?),
                (None, None) => return None,
            },
        };
        Some(claim.unwrap_or(Self::Unreadable))
    }
}

fn authorization(value: &str) -> Option<Claim> {
    if let Some(text) = bearer_token(value) {
        return token(text);
    }
    let (login, _) = basic_pair(value)?;
    let login = Login::new(login).ok()?;
    Some(Claim::Login(login.as_str().to_owned()))
}

/// The ids in a token's text, whoever wrote it.
fn token(text: &str) -> Option<Claim> {
    #[derive(Deserialize)]
    struct Named {
        account_id: AccountId,
        token_id: TokenId,
    }
    let payload = text.get(..MAX_TEXT.min(text.len()))?.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let named: Named = serde_json::from_slice(&payload).ok()?;
    Some(Claim::Token {
        account_id: named.account_id,
        token_id: named.token_id,
    })
}

fn account(text: &str) -> Option<Claim> {
    text.parse().ok().map(Claim::AccountId)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    const ID: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";

    fn claimed(name: &'static str, value: &str) -> serde_json::Value {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
        json!(Claim::of(&headers))
    }

    fn basic(pair: &str) -> serde_json::Value {
        claimed("authorization", &format!("Basic {}", STANDARD.encode(pair)))
    }

    #[test]
    fn logins_tokens_and_accounts_are_named() {
        let login = basic("mia@example.com:secret");
        assert_eq!(login, json!({"login": "mia@example.com"}));
        let payload = json!({"account_id": ID, "token_id": ID, "jti": "x"}).to_string();
        let text = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        let wanted = json!({"token": {"account_id": ID, "token_id": ID}});
        assert_eq!(claimed("authorization", &format!("Bearer {text}")), wanted);
        let named = claimed("cookie", &format!("{}={text}", cookie::NAME));
        assert_eq!(named, wanted);
        assert_eq!(claimed("luna-account-id", ID), json!({"account_id": ID}));
        assert_eq!(Claim::of(&HeaderMap::new()), None);
    }

    #[test]
    fn what_may_be_a_password_is_not_repeated() {
        for told in [
            basic("my password:"),
            basic("MyPassword:x"),
            basic("no colon"),
            claimed("authorization", "Basic %%%"),
            claimed("authorization", "Bearer my.password.x"),
            claimed("authorization", &format!("Bearer {}", "x.".repeat(9000))),
            claimed("authorization", "my password"),
            claimed("luna-account-id", "my password"),
        ] {
            assert_eq!(told, json!("unreadable"));
        }
    }
}
