//! `/6/accounts` and `/6/account`: accounts of this installation.
//!
//! Only administrators make accounts, unless the settings open registration to everybody; even
//! then accounts that see more than their own objects are made by administrators. Nobody makes
//! their own account see more. What is done here takes a password: a token may look at most.

use goshawk_coordinator_core::{
    account::{Account, AccountType},
    bounds::Invalid,
    formats::{Description, Login, Optional, Password},
    parameters,
    permission::{Action, Resource as Kind},
    query::{Moment, Page, Targets},
    words,
};
use goshawk_proto::{id::AccountId, time::Timestamp};
use http::header;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{
    ToSchema,
    openapi::path::{ParameterBuilder, ParameterIn},
};

use super::{
    call::Call,
    openapi,
    operation::Operation,
    payload::{Body, Json, Params},
    reply::{Created, Done, NoContent, Shaped},
    routes::{Access, Resource},
};
use crate::{
    auth::{Caller, Role, caller::by_token},
    errors::{ApiError, Code},
    store::{AccountQuery, StoreError},
};

/// The resources.
pub fn resources() -> Vec<Resource> {
    let create = Operation::post("createAccount", Access::Open, create)
        .about("Makes an account.")
        .fails(&[Code::LoginTaken, Code::AccountTaken])
        .fails(&[Code::AuthorizationFailed, Code::AuthorizationNeeded])
        .fails(&[Code::AccessDenied, Code::AccountHeaderBad])
        .reshape(|shape, _| {
            let id = ParameterBuilder::new()
                .name("Luna-Account-Id")
                .parameter_in(ParameterIn::Header)
                .description(Some(
                    "The id of the new account; made up when it is not given.",
                ))
                .schema(Some(openapi::uuid()));
            shape.parameters.push(id.build());
        });
    vec![
        Resource::at("/6/accounts")
            .tagged("accounts")
            .serve(create)
            .serve(
                Operation::get("getAccounts", Access::Account, list)
                    .about("Accounts that the caller may see, oldest first."),
            ),
        Resource::at("/6/account")
            .tagged("accounts")
            .serve(
                Operation::get("getAccount", Access::Account, own)
                    .about("The caller's account.")
                    .fails(&[Code::AccountNotFound]),
            )
            .serve(
                Operation::patch("patchAccount", Access::Account, patch)
                    .about("Changes the caller's account. Not with a token.")
                    .fails(&[Code::LoginTaken, Code::AdminTypeFixed])
                    .fails(&[Code::AccountNotFound]),
            ),
    ]
}

words! {
    /// A field of an account.
    pub enum AccountTarget: "accounts" {
        AccountId = "account_id",
        Login = "login",
        AccountType = "account_type",
        Description = "description",
        CreateTime = "create_time",
        LastUpdateTime = "last_update_time",
    }
}

words! {
    /// The type of an account that is not an administrator's.
    pub enum PlainAccountType: "account types" {
        AdvancedUser = "advanced_user",
        User = "user",
    }
}

impl From<PlainAccountType> for AccountType {
    fn from(kind: PlainAccountType) -> Self {
        match kind {
            PlainAccountType::AdvancedUser => Self::AdvancedUser,
            PlainAccountType::User => Self::User,
        }
    }
}

fn no_text() -> Description {
    Description::default()
}

/// A new account.
#[derive(Deserialize, ToSchema)]
pub struct NewAccount {
    /// An e-mail address that no other account has.
    pub login: Login,
    /// Its password.
    pub password: Password,
    /// Whether it sees its own objects or, reading, those of all accounts.
    pub account_type: PlainAccountType,
    /// Free text.
    #[serde(default = "no_text")]
    #[schema(default = no_text)]
    pub description: Description,
}

impl Body for NewAccount {}

/// What is to be changed about an account.
#[derive(Deserialize, ToSchema)]
#[schema(min_properties = 1)]
pub struct AccountPatch {
    /// An e-mail address that no other account has.
    #[serde(default)]
    pub login: Optional<Login>,
    /// A new password.
    #[serde(default)]
    pub password: Optional<Password>,
    /// What it sees; an account does not widen itself.
    #[serde(default)]
    pub account_type: Optional<PlainAccountType>,
    /// Free text.
    #[serde(default)]
    #[schema(default = no_text)]
    pub description: Optional<Description>,
}

impl Body for AccountPatch {
    fn check(&self) -> Result<(), Invalid> {
        let nothing = self.login.is_none()
            && self.password.is_none()
            && self.account_type.is_none()
            && self.description.is_none();
        if nothing {
            let text = "at least 1 field must be specified";
            return Err(Invalid::new("", text));
        }
        Ok(())
    }
}

/// An account. Fields that were not asked for are left out.
#[derive(Serialize, ToSchema)]
pub struct AccountView {
    /// Its id.
    #[schema(required = false)]
    pub account_id: AccountId,
    /// Its e-mail address.
    #[schema(required = false)]
    pub login: Login,
    /// What it may see and do.
    #[schema(required = false)]
    pub account_type: AccountType,
    /// Free text.
    #[schema(required = false, default = no_text)]
    pub description: Description,
    /// When it was made.
    #[schema(required = false)]
    pub create_time: Timestamp,
    /// When it was last changed.
    #[schema(required = false)]
    pub last_update_time: Timestamp,
}

/// A page of accounts.
#[derive(Serialize, ToSchema)]
pub struct Accounts {
    /// The accounts.
    pub accounts: Vec<Shaped<AccountView>>,
    /// How many there are on all pages.
    #[schema(minimum = 0)]
    pub total_count: u64,
}

/// An account that was made.
#[derive(Serialize, ToSchema)]
pub struct AccountMade {
    /// Its id.
    pub account_id: AccountId,
    /// Where it is.
    #[schema(format = "uri-reference")]
    pub url: String,
    /// Where it is, as the client reaches us.
    #[schema(format = "uri-reference")]
    pub external_url: String,
}

parameters! {
    /// Which accounts.
    pub struct AccountFilter {
        /// Only the account of this login.
        optional login: Login,
        /// Only accounts of this type.
        optional account_type: AccountType,
        /// Only accounts made before this moment.
        optional create_time__lt: Moment,
        /// Only accounts made at this moment or later.
        optional create_time__gte: Moment,
    }
}

parameters! {
    /// Which fields.
    pub struct AccountFields {
        /// Which fields of an account to give.
        default targets: Targets<AccountTarget> = Targets::<AccountTarget>::all(),
    }
}

fn view(account: &Account, targets: &Targets<AccountTarget>) -> Shaped<AccountView> {
    let value = |target: &AccountTarget| match target {
        AccountTarget::AccountId => account.account_id.to_string(),
        AccountTarget::Login => account.login.clone(),
        AccountTarget::AccountType => account.account_type.name().to_owned(),
        AccountTarget::Description => account.description.clone(),
        AccountTarget::CreateTime => account.create_time.to_string(),
        AccountTarget::LastUpdateTime => account.last_update_time.to_string(),
    };
    let fields = targets.0.iter();
    let map: Map<String, Value> = fields
        .map(|target| (target.as_str().to_owned(), value(target).into()))
        .collect();
    Shaped::new(map)
}

/// Whether an administrator makes the account. With open registration anybody else may make one
/// as well, and need not show credentials.
async fn by_administrator(call: &Call) -> Result<bool, ApiError> {
    let open = call.api.open_registration;
    if open && !call.headers.contains_key(header::AUTHORIZATION) {
        return Ok(false);
    }
    let (method, peer) = (&call.method, call.origin.peer);
    let caller = call
        .api
        .identify(Access::Account, method, &call.headers, peer)
        .await?;
    let caller = caller.ok_or_else(|| Code::AuthorizationNeeded.plain())?;
    caller.not_by_token()?;
    let administrator = caller.role == Role::Admin;
    if !administrator && !open {
        return Err(Code::AccessDenied.with("Only an administrator can create accounts"));
    }
    Ok(administrator)
}

async fn create(call: Call, Json(new): Json<NewAccount>) -> Result<Created<AccountMade>, ApiError> {
    let by_administrator = by_administrator(&call).await?;
    let account_id = match call.headers.get("luna-account-id") {
        Some(value) => {
            let id = value.to_str().ok().and_then(|text| text.parse().ok());
            id.ok_or_else(|| Code::AccountHeaderBad.plain())?
        }
        None => AccountId::random(),
    };
    if !by_administrator && new.account_type != PlainAccountType::User {
        let detail = "Only an administrator can create accounts that see more than their own";
        return Err(Code::AccessDenied.with(detail));
    }
    let now = call.api.now();
    let password = new.password.as_str().to_owned();
    let account = Account {
        account_id,
        login: new.login.into_inner(),
        password_hash: call.api.auth.hash(password).await?,
        account_type: new.account_type.into(),
        description: new.description.into_inner(),
        create_time: now,
        last_update_time: now,
    };
    store(&call, account).await?;
    let url = "/6/account".to_owned();
    let external_url = call.external(&url);
    Ok(Created {
        location: url.clone(),
        body: AccountMade {
            account_id,
            url,
            external_url,
        },
    })
}

async fn store(call: &Call, account: Account) -> Result<(), ApiError> {
    let login = account.login.clone();
    let result = call.api.store.run(move |store| {
        if store.account(account.account_id).is_ok() {
            return Ok(Some(Code::AccountTaken.with(account.account_id)));
        }
        store.create_account(&account).map(|()| None)
    });
    match result.await {
        Ok(None) => Ok(()),
        Ok(Some(taken)) => Err(taken),
        Err(StoreError::Conflict { .. }) => Err(Code::LoginTaken.with(login)),
        Err(error) => Err(error.into()),
    }
}

/// A token looks at accounts only where it says so; the contract has its own error for that.
fn may_look(caller: &Caller) -> Result<(), ApiError> {
    caller
        .may(Kind::Account, Action::View)
        .map_err(|_| by_token())
}

async fn list(
    call: Call,
    Params((filter, (fields, page))): Params<(AccountFilter, (AccountFields, Page))>,
) -> Result<Done<Accounts>, ApiError> {
    let caller = call.caller()?;
    may_look(&caller)?;
    let query = AccountQuery {
        account_id: (!caller.sees_all()).then_some(caller.account_id),
        login: filter.login.map(Login::into_inner),
        account_type: filter.account_type,
        create_time_gte: filter.create_time__gte.map(|moment| moment.0),
        create_time_lt: filter.create_time__lt.map(|moment| moment.0),
        page,
    };
    let found = call.api.store.run(move |store| store.find_accounts(&query));
    let (accounts, total_count) = found.await?;
    let views = accounts
        .iter()
        .map(|account| view(account, &fields.targets));
    Ok(Done(Accounts {
        accounts: views.collect(),
        total_count,
    }))
}

async fn own(
    call: Call,
    Params(fields): Params<AccountFields>,
) -> Result<Done<Shaped<AccountView>>, ApiError> {
    let caller = call.caller()?;
    may_look(&caller)?;
    let id = caller.account_id;
    let account = call.api.store.run(move |store| store.account(id)).await?;
    Ok(Done(view(&account, &fields.targets)))
}

async fn patch(call: Call, Json(patch): Json<AccountPatch>) -> Result<NoContent, ApiError> {
    let caller = call.caller()?;
    caller.not_by_token()?;
    let kind = patch.account_type.map(AccountType::from);
    may_become(&caller, kind)?;
    let hash = match &*patch.password {
        Some(password) => Some(call.api.auth.hash(password.as_str().to_owned()).await?),
        None => None,
    };
    let (id, now) = (caller.account_id, call.api.now());
    let login = patch.login.into_inner().map(Login::into_inner);
    let description = patch.description.into_inner().map(Description::into_inner);
    let taken = login.clone();
    let change = call.api.store.run(move |store| {
        let edit = |account: &mut Account| {
            let set = |field: &mut String, value: &Option<String>| {
                if let Some(value) = value {
                    field.clone_from(value);
                }
            };
            set(&mut account.login, &login);
            set(&mut account.password_hash, &hash);
            set(&mut account.description, &description);
            account.account_type = kind.unwrap_or(account.account_type);
            account.last_update_time = now;
        };
        store.update_account(id, &edit)
    });
    match change.await {
        Ok(_) => Ok(NoContent),
        Err(StoreError::Conflict { .. }) => Err(Code::LoginTaken.with(taken.unwrap_or_default())),
        Err(error) => Err(error.into()),
    }
}

/// Whether an account may give itself that type: an administrator stays one, and nobody sees more
/// than before.
fn may_become(caller: &Caller, kind: Option<AccountType>) -> Result<(), ApiError> {
    match (caller.role, kind) {
        (_, None) => Ok(()),
        (Role::Admin, Some(_)) => Err(Code::AdminTypeFixed.with(caller.account_id)),
        (Role::User, Some(wanted)) if wanted != Role::User => {
            Err(Code::AccessDenied.with("An account cannot make itself see other accounts"))
        }
        (Role::User | Role::AdvancedUser, Some(_)) => Ok(()),
    }
}
