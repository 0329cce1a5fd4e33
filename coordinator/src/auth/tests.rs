//! Credentials against an account kept in memory.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use goshawk_coordinator_core::{
    permission::Permissions,
    token::{Seal, TokenDraft, VisibilityArea},
};
use goshawk_proto::time::Timestamp;
use std::collections::HashSet;

use super::*;
use crate::metrics::Metrics;

struct One {
    account: Mutex<Stored>,
    token: Mutex<Option<TokenRecord>>,
    unreadable: AtomicBool,
}

impl One {
    fn id(&self) -> AccountId {
        self.account.lock().unwrap().account_id
    }
}

impl Credentials for One {
    fn by_login<'a>(&'a self, login: &'a str) -> BoxFuture<'a, Result<Option<Stored>, ApiError>> {
        let found = (login == "mia@example.com").then(|| self.account.lock().unwrap().clone());
        Box::pin(async move { Ok(found) })
    }

    fn by_id(&self, id: AccountId) -> BoxFuture<'_, Result<Option<Stored>, ApiError>> {
        let stored = self.account.lock().unwrap().clone();
        let found = Some(stored).filter(|stored| stored.account_id == id);
        Box::pin(async move { Ok(found) })
    }

    fn by_token(
        &self,
        account: AccountId,
        id: TokenId,
    ) -> BoxFuture<'_, Result<Option<(TokenRecord, Role)>, ApiError>> {
        let role = self.account.lock().unwrap().role;
        let found = self.token.lock().unwrap().clone();
        let found = found.filter(|token| token.account_id == account && token.token_id == id);
        let unreadable = self.unreadable.load(Ordering::Relaxed);
        Box::pin(async move {
            if unreadable {
                return Err(Code::TokenUnreadable.plain());
            }
            Ok(found.map(|token| (token, role)))
        })
    }
}

fn one(password: &str) -> Arc<One> {
    let password_hash = password::hash(password).unwrap();
    Arc::new(One {
        account: Mutex::new(Stored {
            account_id: AccountId::random(),
            role: Role::User,
            password_hash,
        }),
        token: Mutex::new(None),
        unreadable: AtomicBool::new(false),
    })
}

fn authenticator(account: &Arc<One>) -> Authenticator {
    let dir = tempfile::tempdir().unwrap();
    let now = Timestamp::from_unix_micros(0);
    let keys = KeyRing::open(dir.path(), &HashSet::new(), now).unwrap();
    let metrics = AuthMetrics::new(&Metrics::default());
    Authenticator::new(account.clone(), keys, metrics).unwrap()
}

fn issue(auth: &Authenticator, account: &One, expiration_time: Option<Timestamp>) -> String {
    let draft = TokenDraft {
        description: String::new(),
        expiration_time,
        visibility_area: Some(VisibilityArea::All),
        permissions: Permissions::default(),
    };
    let id = TokenId::random();
    let (text, seal) = auth.issue(id, account.id(), &draft).unwrap();
    let now = Timestamp::from_unix_micros(0);
    *account.token.lock().unwrap() = Some(TokenRecord::new(id, account.id(), draft, seal, now));
    text
}

fn basic(pair: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))).unwrap()
}

fn bearer(token: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("Bearer {token}")).unwrap()
}

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[tokio::test]
async fn right_credentials_pass_and_a_changed_password_counts_at_once() {
    let account = one("secret");
    let auth = authenticator(&account);
    let header = basic("mia@example.com:secret");
    let caller = auth.header(&header, HOME).await.unwrap();
    assert_eq!(caller, Caller::whole(account.id(), Role::User));
    let again = Instant::now();
    auth.header(&header, HOME).await.unwrap();
    assert!(
        again.elapsed() < Duration::from_millis(10),
        "not remembered"
    );
    account.account.lock().unwrap().password_hash = password::hash("other").unwrap();
    assert_eq!(
        auth.header(&header, HOME).await.unwrap_err().code(),
        Code::AuthorizationFailed
    );
}

#[tokio::test]
async fn guessing_gets_slower_for_one_address_only() {
    let auth = authenticator(&one("secret"));
    for guess in 0..5 {
        let wrong = basic(&format!("mia@example.com:{guess}"));
        let error = auth.header(&wrong, HOME).await.unwrap_err();
        assert_eq!(error.retry_after_s(), None);
    }
    let right = basic("mia@example.com:secret");
    let error = auth.header(&right, HOME).await.unwrap_err();
    assert!(error.retry_after_s().is_some());
    let elsewhere = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 9));
    auth.header(&right, elsewhere).await.unwrap();
}

#[tokio::test]
async fn made_up_tokens_lock_out_who_makes_them_up_and_nobody_who_was_right() {
    let account = one("secret");
    let auth = authenticator(&account);
    let known = issue(&auth, &account, None);
    auth.token(&known, HOME).await.unwrap();
    for n in 0..guard::FREE_MISSES_OF_NETWORK {
        let made_up = format!("{known}{n}");
        assert_eq!(auth.token(&made_up, HOME).await, Err(Refusal::Wrong));
    }
    let made_up = auth.token("x.y.z", HOME).await;
    assert!(matches!(made_up, Err(Refusal::Locked(_))), "{made_up:?}");
    auth.token(&known, HOME).await.unwrap();
    let error = auth.header(&bearer("x.y.z"), HOME).await.unwrap_err();
    assert!(error.retry_after_s().is_some());
    // It also waits with accounts and logins.
    let id = AccountId::random();
    assert!(matches!(
        auth.account(id, HOME).await,
        Err(Refusal::Locked(_))
    ));
    let login = auth.login("tom@example.com", "x", HOME).await;
    assert!(matches!(login, Err(Refusal::Locked(_))));
}

#[tokio::test]
async fn asking_for_accounts_is_limited() {
    let account = one("secret");
    let auth = authenticator(&account);
    assert_eq!(
        auth.account(account.id(), HOME).await.unwrap().role,
        Role::User
    );
    for _ in 0..guard::FREE_MISSES_OF_NETWORK {
        let asked = auth.account(AccountId::random(), HOME).await;
        assert_eq!(asked, Err(Refusal::Wrong));
    }
    let asked = auth.account(AccountId::random(), HOME).await;
    assert!(matches!(asked, Err(Refusal::Locked(_))));
}

#[tokio::test]
async fn a_token_counts_while_its_row_says_so() {
    let account = one("secret");
    let auth = authenticator(&account);
    let text = issue(&auth, &account, None);
    let caller = auth.header(&bearer(&text), HOME).await.unwrap();
    assert_eq!(caller.account_id, account.id());
    assert!(caller.is_token() && !caller.sees_all());
    account.account.lock().unwrap().role = Role::AdvancedUser;
    assert!(auth.token(&text, HOME).await.unwrap().sees_all());

    // Replaced: the row is there, the text is another one.
    let row = account.token.lock().unwrap().clone().unwrap();
    let seal = Seal {
        digest: [1; 32],
        ..row.seal.clone()
    };
    *account.token.lock().unwrap() = Some(TokenRecord {
        seal,
        ..row.clone()
    });
    assert_eq!(auth.token(&text, HOME).await, Err(Refusal::Revoked));
    // Deleted.
    *account.token.lock().unwrap() = None;
    assert_eq!(auth.token(&text, HOME).await, Err(Refusal::Revoked));
    // Another account's row of the same id.
    *account.token.lock().unwrap() = Some(TokenRecord {
        account_id: AccountId::random(),
        ..row.clone()
    });
    assert_eq!(auth.token(&text, HOME).await, Err(Refusal::Revoked));
    *account.token.lock().unwrap() = Some(row);
    assert!(auth.token(&text, HOME).await.is_ok());
    account.unreadable.store(true, Ordering::Relaxed);
    let error = auth.header(&bearer(&text), HOME).await.unwrap_err();
    assert_eq!(error.code().number(), 11062);
}

#[tokio::test]
async fn expired_tokens_are_told_from_others_where_they_are_verified() {
    let account = one("secret");
    let auth = authenticator(&account);
    let past = Some(Timestamp::from_unix_micros(1));
    let text = issue(&auth, &account, past);
    let refusal = auth.token(&text, HOME).await.unwrap_err();
    assert_eq!(refusal, Refusal::Expired);
    assert_eq!(refusal.clone().of_bearer().code().number(), 11065);
    assert_eq!(refusal.of_verified_token().code().number(), 41007);
    assert_eq!(Refusal::Revoked.of_verified_token().code().number(), 41005);
    assert_eq!(Refusal::Wrong.of_verified_login().code().number(), 41006);
}

#[tokio::test]
async fn headers_that_are_no_credentials_are_told_apart() {
    let auth = authenticator(&one("secret"));
    for (header, detail, challenge) in [
        ("Basic !!!", BAD_FORMAT, Challenge::Basic),
        ("Basic bm9jb2xvbg==", BAD_FORMAT, Challenge::Basic),
        ("Digest x", BAD_FORMAT, Challenge::Basic),
        ("", BAD_FORMAT, Challenge::Basic),
        ("Bearer", "Specified token corrupted", Challenge::Bearer),
        ("bearer abc", "Specified token corrupted", Challenge::Bearer),
    ] {
        let value = HeaderValue::from_str(header).unwrap();
        let error = auth.header(&value, HOME).await.unwrap_err();
        assert_eq!(error.body()["detail"], detail, "{header}");
        assert_eq!(error.status().as_u16(), 401);
        assert_eq!(error.challenge(), challenge, "{header}");
    }
}

#[tokio::test]
async fn one_header_counts_and_goes_before_the_cookie() {
    let account = one("secret");
    let auth = authenticator(&account);
    let text = issue(&auth, &account, None);
    let ask = async |headers: &HeaderMap| auth.request(&Method::GET, headers, HOME).await;
    let mut headers = HeaderMap::new();
    assert_eq!(ask(&headers).await, Ok(None));
    let cookie = HeaderValue::from_str(&format!("goshawk_token={text}")).unwrap();
    headers.insert(header::COOKIE, cookie);
    assert!(ask(&headers).await.unwrap().unwrap().is_token());
    headers.insert(header::AUTHORIZATION, basic("mia@example.com:secret"));
    assert!(!ask(&headers).await.unwrap().unwrap().is_token());
    headers.append(header::AUTHORIZATION, bearer(&text));
    assert!(ask(&headers).await.is_err());
}
