//! `/6/tokens`: what an account hands out so that programs may act for it.
//!
//! The text of a token is shown once, when it is made or replaced; afterwards its place is taken
//! by asterisks. With a token one makes only tokens that are no more than it is.

use goshawk_coordinator_core::{
    formats::Description,
    parameters,
    permission::{Action, FullPermissions, Permissions, Resource as Kind},
    query::{Moment, Page, Switch},
    token::{Maker, TokenDraft, TokenRecord, TokenRefused, VisibilityArea},
};
use goshawk_proto::{
    id::{AccountId, TokenId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::{
    __dev::ComposeSchema,
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema, schema::AnyOfBuilder},
};

use super::{
    call::Call,
    operation::Operation,
    payload::{Body, Json, Params},
    reply::{Created, Done, NoContent},
    routes::{Access, Resource},
};
use crate::{
    auth::{Caller, Scope},
    errors::{ApiError, Code},
    store::{StoreError, TokenQuery},
};

/// What stands for a text that is not shown.
const HIDDEN: &str = "********";

/// The resources.
pub fn resources() -> Vec<Resource> {
    let may = |action| Access::May(Kind::Token, action);
    vec![
        Resource::at("/6/tokens")
            .tagged("tokens")
            .serve(
                Operation::post("createToken", may(Action::Creation), create)
                    .about("Makes a token. Its text is in the answer and is not shown again."),
            )
            .serve(
                Operation::get("getTokens", may(Action::View), list)
                    .about("Tokens that the caller may see, oldest first."),
            ),
        Resource::at("/6/tokens/{token_id}")
            .tagged("tokens")
            .serve(
                Operation::put("putToken", may(Action::Modification), replace)
                    .about(
                        "Replaces a token and its text; the old text is worth nothing from now on.",
                    )
                    .fails(&[Code::TokenNotFound]),
            )
            .serve(
                Operation::get("getToken", may(Action::View), get)
                    .about("One token.")
                    .fails(&[Code::BadQuery, Code::TokenNotFound]),
            )
            .serve(
                Operation::delete("deleteToken", may(Action::Deletion), delete)
                    .about("Removes a token; its text is worth nothing from now on.")
                    .fails(&[Code::BadQuery, Code::TokenNotFound]),
            ),
    ]
}

fn no_text() -> Description {
    Description::default()
}

fn all() -> VisibilityArea {
    VisibilityArea::All
}

/// A new token.
#[derive(Deserialize, ToSchema)]
pub struct TokenFields {
    /// Free text.
    #[serde(default = "no_text")]
    #[schema(default = no_text)]
    description: Description,
    /// From when on it is worth nothing; null: never.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required)]
    expiration_time: Option<Timestamp>,
    /// Whose objects it shows. Tokens of a `user` show its own whatever is said here.
    #[serde(default)]
    #[schema(default = all, nullable = false)]
    visibility_area: Option<VisibilityArea>,
    /// What it may do.
    #[serde(default)]
    #[schema(nullable = false)]
    permissions: Option<Permissions>,
}

/// A new token, in one of its two published forms: with permissions, or with
/// `grant_all_permissions`, where they may be left out.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct NewToken(TokenFields);

impl Body for NewToken {}

impl ComposeSchema for NewToken {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        let mut with = TokenFields::schema();
        if let RefOr::T(Schema::Object(object)) = &mut with {
            object.required.push("permissions".to_owned());
        }
        let both = AnyOfBuilder::new().item(with).item(TokenFields::schema());
        both.description(Some("A new token.")).into()
    }
}

impl ToSchema for NewToken {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        TokenFields::schemas(schemas);
    }
}

/// A token.
#[derive(Serialize, ToSchema)]
pub struct TokenView {
    /// Its id.
    pub token_id: TokenId,
    /// Whose it is.
    pub account_id: AccountId,
    /// Asterisks: the text of a token is shown when it is made, never again.
    pub token: &'static str,
    /// Free text.
    #[schema(default = "", max_length = 128)]
    pub description: String,
    /// From when on it is worth nothing; null: never.
    #[schema(required)]
    pub expiration_time: Option<Timestamp>,
    /// Whose objects it shows.
    #[schema(default = all)]
    pub visibility_area: VisibilityArea,
    /// What it may do.
    pub permissions: FullPermissions,
    /// When it was made.
    pub create_time: Timestamp,
    /// When it was made or replaced last.
    pub last_update_time: Timestamp,
}

impl From<TokenRecord> for TokenView {
    fn from(token: TokenRecord) -> Self {
        Self {
            token_id: token.token_id,
            account_id: token.account_id,
            token: HIDDEN,
            description: token.description,
            expiration_time: token.expiration_time,
            visibility_area: token.visibility_area,
            permissions: FullPermissions(token.permissions),
            create_time: token.create_time,
            last_update_time: token.last_update_time,
        }
    }
}

/// A page of tokens.
#[derive(Serialize, ToSchema)]
pub struct Tokens {
    /// The tokens.
    pub tokens: Vec<TokenView>,
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
pub struct TokenMade {
    /// Its text, for `Authorization: Bearer`. It is not shown again.
    pub token: String,
    /// Its id.
    pub token_id: TokenId,
    /// Where it is.
    #[schema(format = "uri-reference")]
    pub url: String,
    /// Where it is, as the client reaches us.
    #[schema(format = "uri-reference")]
    pub external_url: String,
}

parameters! {
    /// How a token is made.
    pub struct Grant {
        /// Permit everything. Of `permissions` only names of one's own count then.
        default grant_all_permissions: Switch = Switch(false),
    }
}

parameters! {
    /// Which tokens.
    pub struct TokenFilter {
        /// Only tokens of this account, for those who see other accounts.
        optional account_id: AccountId,
        /// Only tokens made before this moment.
        optional create_time__lt: Moment,
        /// Only tokens made at this moment or later.
        optional create_time__gte: Moment,
    }
}

/// The token as its maker may have it.
fn drafted(caller: &Caller, grant: &Grant, new: NewToken) -> Result<TokenDraft, ApiError> {
    let fields = new.0;
    let permissions = match (fields.permissions, grant.grant_all_permissions.0) {
        (given, true) => given.unwrap_or_default().widened(),
        (Some(given), false) => given,
        (None, false) => return Err(Code::BadJson.at("permissions", "field required")),
    };
    let draft = TokenDraft {
        description: fields.description.into_inner(),
        expiration_time: fields.expiration_time,
        visibility_area: fields.visibility_area,
        permissions,
    };
    let maker = Maker {
        account_type: caller.role,
        token: caller.token(),
    };
    draft.granted(maker).map_err(|refused| match refused {
        TokenRefused::Denied(denied) => denied.into(),
        TokenRefused::Outlives => Code::BadJson.at(
            "expiration_time",
            "later than that of the token that is used",
        ),
    })
}

fn made(call: &Call, token_id: TokenId, token: String) -> Created<TokenMade> {
    let url = format!("/6/tokens/{token_id}");
    Created {
        location: url.clone(),
        body: TokenMade {
            token,
            token_id,
            external_url: call.external(&url),
            url,
        },
    }
}

async fn create(
    call: Call,
    Params(grant): Params<Grant>,
    Json(new): Json<NewToken>,
) -> Result<Created<TokenMade>, ApiError> {
    let (caller, token_id) = (call.caller()?, TokenId::random());
    let draft = drafted(&caller, &grant, new)?;
    let (text, seal) = call.api.auth.issue(token_id, caller.account_id, &draft)?;
    let token = TokenRecord::new(token_id, caller.account_id, draft, seal, call.api.now());
    call.api
        .store
        .run(move |store| store.create_token(&token))
        .await?;
    Ok(made(&call, token_id, text))
}

async fn list(
    call: Call,
    Params((filter, page)): Params<(TokenFilter, Page)>,
) -> Result<Done<Tokens>, ApiError> {
    let account = match call.caller()?.scope(filter.account_id) {
        Scope::One(account) => Some(account),
        Scope::All => None,
    };
    let query = TokenQuery {
        create_time_gte: filter.create_time__gte.map(|moment| moment.0),
        create_time_lt: filter.create_time__lt.map(|moment| moment.0),
        page,
    };
    let found = call
        .api
        .store
        .run(move |store| store.tokens(account, &query));
    let (tokens, _) = found.await?;
    let tokens = tokens.into_iter().map(TokenView::from).collect();
    Ok(Done(Tokens { tokens }))
}

async fn get(call: Call) -> Result<Done<TokenView>, ApiError> {
    let (caller, id) = (call.caller()?, call.id::<TokenId>("token_id")?);
    let found = call.api.store.run(move |store| match caller.sees_all() {
        true => store.token_of_any(id),
        false => store.token(caller.account_id, id),
    });
    Ok(Done(found.await.map_err(missing)?.into()))
}

async fn replace(
    call: Call,
    Params(grant): Params<Grant>,
    Json(new): Json<NewToken>,
) -> Result<Created<TokenMade>, ApiError> {
    let (caller, id) = (call.caller()?, call.id::<TokenId>("token_id")?);
    let (account, now) = (caller.account_id, call.api.now());
    let draft = drafted(&caller, &grant, new)?;
    let (text, seal) = call.api.auth.issue(id, account, &draft)?;
    let change = call.api.store.run(move |store| {
        let old = store.token(account, id)?;
        store.replace_token(&old.replaced(draft, seal, now))
    });
    change.await.map_err(missing)?;
    Ok(made(&call, id, text))
}

async fn delete(call: Call) -> Result<NoContent, ApiError> {
    let (account, id) = (call.account()?, call.id::<TokenId>("token_id")?);
    let change = call
        .api
        .store
        .run(move |store| store.delete_token(account, id));
    change.await.map_err(missing)?;
    Ok(NoContent)
}

fn missing(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound { id, .. } => Code::TokenNotFound.with(id),
        other => other.into(),
    }
}
