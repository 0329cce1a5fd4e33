//! `/6/credentials_verifier`: whether a login and password, a token or an account's id is good.
//!
//! Open to everybody, as the contract has it; who asks too often has to wait (see
//! [`crate::auth::guard`]).

use goshawk_coordinator_core::{
    account::AccountType,
    bounds::Invalid,
    formats::{Login, Optional, Password},
    permission::FullPermissions,
};
use goshawk_proto::id::AccountId;
use serde::{Deserialize, Serialize};
use utoipa::{
    __dev::ComposeSchema,
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, request_body::RequestBody},
};

use super::{
    call::Call,
    media::JSON,
    openapi::Schemas,
    operation::Operation,
    payload::{self, Body, Json, Payload},
    reply::Done,
    routes::{Access, Resource},
};
use crate::{
    auth::Refusal,
    errors::{ApiError, Code},
};

/// The resource.
pub fn resources() -> Vec<Resource> {
    let verify = Operation::post("verifyCredentials", Access::Open, verify)
        .about("Whether a login and password, a token, or an account's id is good.")
        .fails_as(http::StatusCode::UNAUTHORIZED, &[Code::AccountNotFound])
        .fails(&[Code::TokenUnknown, Code::CredentialsWrong])
        .fails(&[Code::TokenExpired]);
    vec![
        Resource::at("/6/credentials_verifier")
            .tagged("credentials verifier")
            .serve(verify),
    ]
}

/// What is to be verified.
enum Shown {
    Login(Login, Password),
    Token(String),
    Account(AccountId),
}

/// What is to be verified, as it comes: exactly one of the three.
#[derive(Deserialize)]
pub struct Credentials {
    #[serde(default)]
    login: Optional<Login>,
    #[serde(default)]
    password: Optional<Password>,
    #[serde(default)]
    token: Optional<String>,
    #[serde(default)]
    account_id: Optional<AccountId>,
}

impl Credentials {
    fn shown(self) -> Option<Shown> {
        let (login, password) = (self.login.into_inner(), self.password.into_inner());
        match (login, password, self.token.0, self.account_id.0) {
            (Some(login), Some(password), None, None) => Some(Shown::Login(login, password)),
            (None, None, Some(token), None) => Some(Shown::Token(token)),
            (None, None, None, Some(id)) => Some(Shown::Account(id)),
            _ => None,
        }
    }
}

impl Body for Credentials {
    const CODE: Code = Code::NoJson;

    fn check(&self) -> Result<(), Invalid> {
        let given = [
            self.login.is_some() || self.password.is_some(),
            self.token.is_some(),
            self.account_id.is_some(),
        ];
        let one = given.into_iter().filter(|given| *given).count() == 1;
        if one && self.login.is_some() == self.password.is_some() {
            return Ok(());
        }
        let text = "exactly one of login and password, token, or account_id is needed";
        Err(Invalid::new("", text))
    }
}

impl ComposeSchema for Credentials {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let login = ObjectBuilder::new()
            .property("login", Login::schema())
            .property("password", Password::schema())
            .required("login")
            .required("password");
        let token = ObjectBuilder::new()
            .property("token", String::schema())
            .required("token");
        let account = ObjectBuilder::new()
            .property("account_id", AccountId::schema())
            .required("account_id");
        let forms = OneOfBuilder::new().item(login).item(token).item(account);
        forms.description(Some("What is to be verified.")).into()
    }
}

impl ToSchema for Credentials {}

/// A body that, where it is no JSON, is refused in this operation's own words.
pub struct Shows(Credentials);

impl Payload for Shows {
    async fn read(call: &Call) -> Result<Self, ApiError> {
        if call.content_type().as_deref() != Some(JSON) {
            return Err(Code::NoJson.plain());
        }
        payload::json(&call.small_body().await?).map(Self)
    }

    fn describe(schemas: &mut Schemas) -> RequestBody {
        Json::<Credentials>::describe(schemas)
    }

    fn errors() -> Vec<Code> {
        vec![Code::NoJson]
    }
}

/// Whose the credentials are.
#[derive(Serialize, ToSchema)]
pub struct Verified {
    /// What the account may see and do.
    pub account_type: AccountType,
    /// What the token may do, where one was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub permissions: Option<FullPermissions>,
    /// The account, where a login was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub account_id: Option<AccountId>,
}

async fn verify(call: Call, Shows(credentials): Shows) -> Result<Done<Verified>, ApiError> {
    let (auth, peer) = (&call.api.auth, call.origin.peer);
    let caller = match credentials.shown() {
        None => return Err(Code::NoJson.plain()),
        Some(Shown::Login(login, password)) => {
            let caller = auth.login(login.as_str(), password.as_str(), peer).await;
            let caller = caller.map_err(Refusal::of_verified_login)?;
            return Ok(Done(Verified {
                account_type: caller.role,
                permissions: None,
                account_id: Some(caller.account_id),
            }));
        }
        Some(Shown::Token(token)) => {
            let caller = auth.token(&token, peer).await;
            caller.map_err(Refusal::of_verified_token)?
        }
        Some(Shown::Account(id)) => {
            let caller = auth.account(id, peer).await;
            caller.map_err(|refusal| refusal.of_verified_account(id))?
        }
    };
    let permissions = caller.token().map(|token| token.permissions.clone());
    Ok(Done(Verified {
        account_type: caller.role,
        permissions: permissions.map(FullPermissions),
        account_id: None,
    }))
}
