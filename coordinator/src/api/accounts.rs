//! `/6/accounts` and `/6/account`: accounts of this installation.

use goshawk_coordinator_core::{
    account::{Account, AccountType},
    query::Page,
};
use goshawk_proto::id::AccountId;
use http::{Method, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    call::{self, Call},
    fields::{Field, Fields},
    routes::{Access, Answer, Resource},
};
use crate::{
    auth::Role,
    errors::{ApiError, Code},
    store::StoreError,
};

const TARGETS: &[&str] = &[
    "account_id",
    "login",
    "account_type",
    "description",
    "create_time",
    "last_update_time",
];
const CREATABLE: &[(&str, AccountType)] = &[
    ("advanced_user", AccountType::AdvancedUser),
    ("user", AccountType::User),
];
const TYPES: &[(&str, AccountType)] = &[
    ("advanced_user", AccountType::AdvancedUser),
    ("user", AccountType::User),
    ("admin", AccountType::Admin),
];

/// The resources.
pub fn resources() -> Vec<Resource> {
    vec![
        Resource::at("/6/accounts")
            .on(Method::POST, Access::Open, create)
            .on(Method::GET, Access::Account, list),
        Resource::at("/6/account")
            .on(Method::GET, Access::Account, own)
            .on(Method::PATCH, Access::Account, patch),
    ]
}

/// Whether text is a login as the contract wants it: `name@domain.zone` in lower case.
pub fn is_login(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else {
        return false;
    };
    let Some((host, zone)) = domain.split_once('.') else {
        return false;
    };
    let lower = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase());
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b);
    text.len() <= 128
        && !name.is_empty()
        && name.bytes().all(plain)
        && !host.is_empty()
        && lower(host)
        && zone.len() >= 2
        && lower(zone)
}

fn view(account: &Account, targets: Option<&[&str]>) -> Map<String, Value> {
    let all = json!({
        "account_id": account.account_id,
        "login": account.login,
        "account_type": account.account_type,
        "description": account.description,
        "create_time": account.create_time,
        "last_update_time": account.last_update_time,
    });
    let Value::Object(mut map) = all else {
        return Map::new();
    };
    if let Some(targets) = targets {
        map.retain(|name, _| targets.contains(&name.as_str()));
    }
    map
}

fn login(field: &Field<'_>) -> Result<String, ApiError> {
    let text = field.text(3..=128)?;
    let fits = is_login(&text);
    fits.then_some(text).ok_or_else(|| {
        field.wrong(r"string does not match regex '^[a-z0-9_\-\.]+@[a-z]+\.[a-z]{2,}$'")
    })
}

/// Whether an administrator makes the account. With open registration anybody else may make one
/// as well, and need not show credentials.
async fn by_administrator(call: &Call) -> Result<bool, ApiError> {
    let open = call.api.open_registration;
    if open && !call.headers.contains_key(header::AUTHORIZATION) {
        return Ok(false);
    }
    let caller = call
        .api
        .authenticate(Access::Account, &call.headers, call.origin.peer)
        .await?;
    let administrator = caller.is_some_and(|caller| caller.role == Role::Admin);
    if !administrator && !open {
        return Err(Code::AccessDenied.with("Only an administrator can create accounts"));
    }
    Ok(administrator)
}

async fn create(call: Call) -> Answer {
    let by_administrator = by_administrator(&call).await?;
    let account_id = match call.headers.get("luna-account-id") {
        Some(value) => {
            let id = value.to_str().ok().and_then(|text| text.parse().ok());
            id.ok_or_else(|| Code::AccountHeaderBad.plain())?
        }
        None => AccountId::random(),
    };
    let body = call.json(Code::BadJson).await?;
    let mut fields = Fields::of(&body, Code::BadJson)?;
    let login = login(&fields.need("login")?)?;
    let password = fields.need("password")?.text(3..=128)?;
    let account_type = fields.need("account_type")?.one_of(CREATABLE)?;
    let description = fields
        .get("description")
        .map(|f| f.text(0..=128))
        .transpose()?
        .unwrap_or_default();
    fields.finish()?;
    if !by_administrator && account_type != AccountType::User {
        let detail = "Only an administrator can create accounts that see more than their own";
        return Err(Code::AccessDenied.with(detail));
    }
    let now = call.api.now();
    let account = Account {
        account_id,
        login,
        password_hash: call.api.auth.hash(password).await?,
        account_type,
        description,
        create_time: now,
        last_update_time: now,
    };
    let (login, stored) = (account.login.clone(), account);
    let result = call.api.store.run(move |store| {
        if store.account(stored.account_id).is_ok() {
            return Ok(Some(Code::AccountTaken.with(stored.account_id)));
        }
        store.create_account(&stored).map(|()| None)
    });
    match result.await {
        Ok(None) => {}
        Ok(Some(taken)) => return Err(taken),
        Err(StoreError::Conflict { .. }) => return Err(Code::LoginTaken.with(login)),
        Err(error) => return Err(error.into()),
    }
    let url = "/6/account";
    call::created(
        url,
        &json!({"account_id": account_id, "url": url, "external_url": call.external(url)}),
    )
}

async fn list(call: Call) -> Answer {
    let caller = call.caller()?;
    let page = call.query.page()?;
    let targets = call.query.targets("targets", "accounts", TARGETS)?;
    let wanted_login = call.query.text("login", 128)?;
    let wanted_type = call.query.one_of("account_type", TYPES)?;
    let (before, from) = (
        call.query.time("create_time__lt")?,
        call.query.time("create_time__gte")?,
    );
    let all = call.api.store.run(|store| {
        let mut all = Vec::new();
        for number in 1.. {
            let rows = store.accounts(Page { number, size: 1000 })?;
            let last = rows.len() < 1000;
            all.extend(rows);
            if last {
                break;
            }
        }
        Ok(all)
    });
    let mut all = all.await?;
    all.retain(|account| {
        (caller.role != Role::User || account.account_id == caller.account_id)
            && wanted_login
                .as_ref()
                .is_none_or(|login| account.login == *login)
            && wanted_type.is_none_or(|kind| account.account_type == kind)
            && before.is_none_or(|end| account.create_time < end)
            && from.is_none_or(|least| account.create_time >= least)
    });
    all.sort_by_key(|account| account.create_time);
    let rows: Vec<_> = all
        .iter()
        .skip(page.skip())
        .take(page.size)
        .map(|account| view(account, targets.as_deref()))
        .collect();
    call::ok(&json!({"accounts": rows, "total_count": all.len()}))
}

async fn own(call: Call) -> Answer {
    let id = call.account()?;
    let targets = call.query.targets("targets", "accounts", TARGETS)?;
    let account = call.api.store.run(move |store| store.account(id)).await?;
    call::ok(&view(&account, targets.as_deref()))
}

async fn patch(call: Call) -> Answer {
    let id = call.account()?;
    let body = call.json(Code::BadJson).await?;
    let mut fields = Fields::of(&body, Code::BadJson)?;
    let login = fields.get("login").map(|field| login(&field)).transpose()?;
    let password = fields
        .get("password")
        .map(|field| field.text(3..=128))
        .transpose()?;
    let description = fields
        .get("description")
        .map(|field| field.text(0..=128))
        .transpose()?;
    let kind = fields
        .get("account_type")
        .map(|field| field.one_of(CREATABLE))
        .transpose()?;
    fields.finish()?;
    if body.as_object().is_none_or(Map::is_empty) {
        return Err(Code::BadJson.at("", "at least 1 field must be specified"));
    }
    let (now, taken) = (call.api.now(), login.clone());
    let admin_only = kind.is_some() && call.caller()?.role != Role::Admin;
    if admin_only {
        return Err(
            Code::AccessDenied.with("Only an administrator can change the type of an account")
        );
    }
    let hash = match password {
        Some(password) => Some(call.api.auth.hash(password).await?),
        None => None,
    };
    let change = call.api.store.run(move |store| {
        let mut account = store.account(id)?;
        account.login = login.unwrap_or(account.login);
        account.password_hash = hash.unwrap_or(account.password_hash);
        account.description = description.unwrap_or(account.description);
        // An administrator stays one: the contract knows no other way back.
        if let Some(kind) = kind.filter(|_| account.account_type != AccountType::Admin) {
            account.account_type = kind;
        }
        account.last_update_time = now;
        store.replace_account(&account)
    });
    match change.await {
        Ok(()) => call::empty(StatusCode::NO_CONTENT),
        Err(StoreError::Conflict { .. }) => Err(Code::LoginTaken.with(taken.unwrap_or_default())),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::is_login;

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
    }
}
