//! Who asks, and what they may do.

use std::sync::Arc;

use goshawk_coordinator_core::{
    permission::{Action, Denied, Resource, Tool},
    token::{TokenRecord, VisibilityArea},
};
use goshawk_proto::id::{AccountId, HandlerId, TokenId, VerifierId};

use super::{Role, Shown};
use crate::errors::{ApiError, Code};

/// Somebody whose credentials were right, or whom a trusted service names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account_id: AccountId,
    /// What the account may do.
    pub role: Role,
    /// What these credentials may do of that.
    pub access: CallerAccess,
}

/// What credentials may do of what their account may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerAccess {
    /// All: a password.
    Whole,
    /// All that touches the account's own objects: the word of a trusted service, which names the
    /// account that everything it asks for is limited to.
    Named,
    /// What a token says.
    Token(Arc<TokenRecord>),
}

/// Whose objects a listing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of one account.
    One(AccountId),
    /// Everybody's.
    All,
}

impl Caller {
    /// Somebody who may do all that the account may.
    pub fn whole(account_id: AccountId, role: Role) -> Self {
        Self {
            account_id,
            role,
            access: CallerAccess::Whole,
        }
    }

    /// Somebody for whom a trusted service asks.
    pub fn named(account_id: AccountId, role: Role) -> Self {
        Self {
            access: CallerAccess::Named,
            ..Self::whole(account_id, role)
        }
    }

    /// The token in use, if one is.
    pub fn token(&self) -> Option<&TokenRecord> {
        match &self.access {
            CallerAccess::Whole | CallerAccess::Named => None,
            CallerAccess::Token(token) => Some(token),
        }
    }

    /// Its id.
    pub fn token_id(&self) -> Option<TokenId> {
        self.token().map(|token| token.token_id)
    }

    /// By what it is known who asks.
    pub fn shown(&self) -> Shown {
        match self.access {
            CallerAccess::Whole => Shown::Password,
            CallerAccess::Named => Shown::AccountId,
            CallerAccess::Token(_) => Shown::Token,
        }
    }

    /// Whether a token is in use.
    pub fn is_token(&self) -> bool {
        self.token().is_some()
    }

    fn permitted(
        &self,
        check: impl FnOnce(&TokenRecord) -> Result<(), Denied>,
    ) -> Result<(), ApiError> {
        self.token().map_or(Ok(()), check).map_err(ApiError::from)
    }

    /// Whether the caller may do `action` to objects of a kind: error 11059 if not.
    pub fn may(&self, kind: Resource, action: Action) -> Result<(), ApiError> {
        self.permitted(|token| token.permissions.allows(kind, action))
    }

    /// Whether the caller may use a tool: error 11059 if not.
    pub fn may_use(&self, tool: Tool) -> Result<(), ApiError> {
        self.permitted(|token| token.permissions.allows_tool(tool))
    }

    /// Whether the caller may make events by this handler: error 11067 or 11068 if not.
    pub fn may_emit(&self, handler: HandlerId) -> Result<(), ApiError> {
        self.permitted(|token| token.permissions.allows_events(handler))
    }

    /// Whether the caller may verify people by this verifier: error 11059 if not.
    pub fn may_verify(&self, verifier: VerifierId) -> Result<(), ApiError> {
        self.permitted(|token| token.permissions.allows_verification(verifier))
    }

    /// Refuses tokens: error 11064. For what only the account itself may do.
    pub fn not_by_token(&self) -> Result<(), ApiError> {
        match self.access {
            CallerAccess::Whole | CallerAccess::Named => Ok(()),
            CallerAccess::Token(_) => Err(by_token()),
        }
    }

    /// Only administrators, and not with a token.
    pub fn must_administer(&self) -> Result<(), ApiError> {
        self.not_by_token()?;
        match self.role {
            Role::Admin => Ok(()),
            Role::User | Role::AdvancedUser => {
                Err(Code::AccessDenied.with("This is for administrators only"))
            }
        }
    }

    /// Whether the caller may read the objects of every account.
    pub fn sees_all(&self) -> bool {
        let area = match &self.access {
            CallerAccess::Token(token) => token.visible(self.role),
            CallerAccess::Whole => VisibilityArea::of(self.role),
            CallerAccess::Named => VisibilityArea::Account,
        };
        area == VisibilityArea::All
    }

    /// Whether the caller may read objects of `owner`.
    pub fn reads(&self, owner: AccountId) -> bool {
        owner == self.account_id || self.sees_all()
    }

    /// Whose objects a listing shows that asks for those of `wanted`. Who sees only their own gets
    /// these whatever they ask for; who sees all gets all unless they ask for one account's.
    pub fn scope(&self, wanted: Option<AccountId>) -> Scope {
        match wanted {
            _ if !self.sees_all() => Scope::One(self.account_id),
            Some(account) => Scope::One(account),
            None => Scope::All,
        }
    }
}

/// Error 11064: not with a token.
pub fn by_token() -> ApiError {
    Code::AccessDenied.with("Access to the resource is denied using authorization by token")
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Permission { resource, action } => Code::PermissionDenied
                .with(format!("required '{action}' permission for '{resource}'")),
            Denied::Verifier => {
                Code::PermissionDenied.with("the verifier is not among those of `verify`")
            }
            Denied::Handler => Code::HandlerDenied.plain(),
            Denied::Events => Code::EventsDenied.plain(),
        }
    }
}

#[cfg(test)]
mod tests {
    use goshawk_coordinator_core::{
        permission::{Actions, Permissions},
        token::{Seal, TokenDraft},
    };
    use goshawk_proto::time::Timestamp;

    use super::*;

    const OTHER: AccountId = AccountId(uuid::Uuid::from_u128(7));

    fn with_token(role: Role, area: VisibilityArea, permissions: Permissions) -> Caller {
        let account_id = AccountId::random();
        let draft = TokenDraft {
            description: String::new(),
            expiration_time: None,
            visibility_area: Some(area),
            permissions,
        };
        let seal = Seal {
            key_id: String::new(),
            digest: [0; 32],
        };
        let now = Timestamp::from_unix_micros(0);
        let token = TokenRecord::new(TokenId::random(), account_id, draft, seal, now);
        Caller {
            access: CallerAccess::Token(Arc::new(token)),
            ..Caller::whole(account_id, role)
        }
    }

    #[test]
    fn sight_is_the_less_of_account_and_token() {
        use VisibilityArea::{Account, All};
        for (role, area, all) in [
            (Role::User, All, false),
            (Role::User, Account, false),
            (Role::AdvancedUser, All, true),
            (Role::AdvancedUser, Account, false),
            (Role::Admin, All, true),
            (Role::Admin, Account, false),
        ] {
            let caller = with_token(role, area, Permissions::default());
            let own = Scope::One(caller.account_id);
            assert_eq!(caller.sees_all(), all, "{role:?} {area:?}");
            assert_eq!(caller.reads(OTHER), all);
            assert!(caller.reads(caller.account_id));
            assert_eq!(caller.scope(None), if all { Scope::All } else { own });
            let named = if all { Scope::One(OTHER) } else { own };
            assert_eq!(caller.scope(Some(OTHER)), named);
        }
        assert!(!Caller::whole(OTHER, Role::User).sees_all());
        assert!(Caller::whole(OTHER, Role::AdvancedUser).sees_all());
        assert!(!Caller::named(OTHER, Role::Admin).sees_all());
    }

    #[test]
    fn every_permission_opens_what_it_names_and_nothing_else() {
        for kind in Resource::ALL {
            for action in kind.actions().iter() {
                let mut permissions = Permissions::default();
                permissions.set(Resource::Token, Actions::NONE);
                permissions.set(*kind, Actions::of(&[action]));
                let caller = with_token(Role::User, VisibilityArea::Account, permissions);
                for other in Resource::ALL {
                    for wanted in other.actions().iter() {
                        let fits = (other, wanted) == (kind, action);
                        assert_eq!(caller.may(*other, wanted).is_ok(), fits);
                    }
                }
                assert!(caller.may_use(Tool::Iso).is_err());
            }
        }
    }

    #[test]
    fn refusals_are_those_of_the_contract() {
        let caller = with_token(Role::User, VisibilityArea::Account, Permissions::default());
        let error = caller.may(Resource::Face, Action::Creation).unwrap_err();
        assert_eq!(error.status().as_u16(), 403);
        assert_eq!(
            error.body()["detail"],
            "Request denied due to token restrictions, required 'creation' permission for 'face'"
        );
        assert_eq!(error.body()["error_code"], 11059);
        let numbers = [Denied::Handler, Denied::Events, Denied::Verifier]
            .map(|denied| ApiError::from(denied).code().number());
        assert_eq!(numbers, [11067, 11068, 11059]);
        assert_eq!(caller.not_by_token().unwrap_err().code().number(), 11064);
        let whole = Caller::whole(OTHER, Role::User);
        assert!(whole.may(Resource::Face, Action::Creation).is_ok());
        assert!(whole.not_by_token().is_ok());
    }
}
