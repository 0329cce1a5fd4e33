//! Accounts: owners of every stored object.

use goshawk_proto::{id::AccountId, time::Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The published form of a login.
pub const LOGIN_PATTERN: &str = r"^[a-z0-9_\-\.]+@[a-z]+\.[a-z]{2,}$";
/// Shortest login and password in characters.
pub const MIN_CREDENTIAL: usize = 3;
/// Longest login, password and description in characters.
pub const MAX_CREDENTIAL: usize = 128;

/// What an account may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// Its own and, reading, those of others.
    AdvancedUser,
    /// Its own objects.
    User,
    /// Everything, and it administers the installation.
    Admin,
}

impl AccountType {
    /// The published name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AdvancedUser => "advanced_user",
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

/// Whether text is a login: `name@domain.zone` in lower case, see [`LOGIN_PATTERN`].
pub fn is_login(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else {
        return false;
    };
    let Some((host, zone)) = domain.split_once('.') else {
        return false;
    };
    let lower = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase());
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
    text.len() <= MAX_CREDENTIAL
        && !name.is_empty()
        && name.bytes().all(plain)
        && !host.is_empty()
        && lower(host)
        && zone.len() >= 2
        && lower(zone)
}

/// Whether text may be a password: 3 to 128 characters, all on one line.
pub fn is_password(text: &str) -> bool {
    let length = text.chars().count();
    (MIN_CREDENTIAL..=MAX_CREDENTIAL).contains(&length) && !text.contains(['\n', '\r'])
}

/// An account as stored. The hash never leaves the store's callers: no `Serialize` view holds it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub account_id: AccountId,
    /// An e-mail address, unique.
    pub login: String,
    /// Password hash in PHC text form.
    pub password_hash: String,
    /// What it may see.
    pub account_type: AccountType,
    /// Free text, at most 128 characters.
    pub description: String,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was last changed.
    pub last_update_time: Timestamp,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("account_id", &self.account_id)
            .field("account_type", &self.account_type)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_follow_the_contracts_pattern() {
        for good in ["mylogin@gmail.com", "a.b-c_1@goshawk.local"] {
            assert!(is_login(good), "{good}");
        }
        for bad in [
            "",
            "mia",
            "mia@",
            "mia@x",
            "mia@x.y",
            "Mia@x.yz",
            "mia@x1.yz",
            "@x.yz",
            "mia@x.y.zz",
        ] {
            assert!(!is_login(bad), "{bad}");
        }
        assert!(!is_login(&format!("{}@x.yz", "m".repeat(128))));
    }

    #[test]
    fn passwords_are_one_line_of_3_to_128_characters() {
        assert!(is_password("äöü") && is_password(&"x".repeat(128)));
        for bad in ["", "ab", "two\nlines", &"x".repeat(129)] {
            assert!(!is_password(bad), "{bad:?}");
        }
    }
}
