//! Credentials against an account kept in memory.

use super::*;

struct One(Mutex<Stored>);

impl Credentials for One {
    fn by_login<'a>(&'a self, login: &'a str) -> BoxFuture<'a, Result<Option<Stored>, ApiError>> {
        let found = (login == "mia@example.com").then(|| self.0.lock().unwrap().clone());
        Box::pin(async move { Ok(found) })
    }

    fn by_id(&self, id: AccountId) -> BoxFuture<'_, Result<Option<Stored>, ApiError>> {
        let found = Some(self.0.lock().unwrap().clone()).filter(|stored| stored.account_id == id);
        Box::pin(async move { Ok(found) })
    }
}

fn one(password: &str) -> Arc<One> {
    let password_hash = password::hash(password).unwrap();
    Arc::new(One(Mutex::new(Stored {
        account_id: AccountId::random(),
        role: Role::User,
        password_hash,
    })))
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[tokio::test]
async fn right_credentials_pass_and_a_changed_password_counts_at_once() {
    let account = one("secret");
    let auth = Authenticator::new(account.clone()).unwrap();
    let header = basic("mia@example.com:secret");
    let caller = auth.header(&header, HOME).await.unwrap();
    assert_eq!(caller.account_id, account.0.lock().unwrap().account_id);
    let again = Instant::now();
    auth.header(&header, HOME).await.unwrap();
    assert!(
        again.elapsed() < Duration::from_millis(10),
        "not remembered"
    );
    account.0.lock().unwrap().password_hash = password::hash("other").unwrap();
    assert_eq!(
        auth.header(&header, HOME).await.unwrap_err().code(),
        Code::AuthorizationFailed
    );
}

#[tokio::test]
async fn guessing_gets_slower_for_one_address_only() {
    let auth = Authenticator::new(one("secret")).unwrap();
    for guess in 0..5 {
        let error = auth
            .header(&basic(&format!("mia@example.com:{guess}")), HOME)
            .await
            .unwrap_err();
        assert_eq!(error.retry_after_s(), None);
    }
    let right = basic("mia@example.com:secret");
    let error = auth.header(&right, HOME).await.unwrap_err();
    assert!(error.retry_after_s().is_some());
    let elsewhere = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 9));
    auth.header(&right, elsewhere).await.unwrap();
}

#[tokio::test]
async fn strangers_behind_a_proxy_do_not_lock_out_who_was_right() {
    let auth = Authenticator::new(one("secret")).unwrap();
    let right = basic("mia@example.com:secret");
    auth.header(&right, HOME).await.unwrap();
    let now = Instant::now();
    for _ in 0..2 * FREE_MISSES_OF_ADDRESS {
        auth.addresses().missed(HOME, now);
    }
    // No longer remembered, so that the password is looked at again.
    auth.state().remembered.clear();
    auth.header(&right, HOME).await.unwrap();
    let stranger = auth.header(&basic("tom@example.com:x"), HOME).await;
    assert!(stranger.unwrap_err().retry_after_s().is_some());
}

#[tokio::test]
async fn use_keeps_a_pair_in_mind_while_its_hash_stays() {
    let auth = Authenticator::new(one("secret")).unwrap();
    let (pair, place) = ([7; 32], ([8; 32], HOME));
    let soon = Instant::now() + Duration::from_secs(1);
    let known = Remembered {
        password_hash: "hash".to_owned(),
        until: soon,
    };
    auth.state().remembered.insert(pair, known);
    assert!(!auth.recall(&pair, "changed", &place));
    assert_eq!(auth.state().remembered[&pair].until, soon);
    assert!(auth.recall(&pair, "hash", &place));
    assert!(auth.state().remembered[&pair].until > soon);
}

#[test]
fn one_client_is_an_address_or_a_network_of_ipv6() {
    let network = |text: &str| network(text.parse().unwrap()).to_string();
    assert_eq!(network("10.0.0.9"), "10.0.0.9");
    assert_eq!(network("::ffff:10.0.0.9"), "10.0.0.9");
    assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
}

#[tokio::test]
async fn headers_that_are_no_credentials_are_told_apart() {
    let auth = Authenticator::new(one("secret")).unwrap();
    for (header, detail) in [
        ("Basic !!!", BAD_FORMAT),
        ("Basic bm9jb2xvbg==", BAD_FORMAT),
        ("Digest x", BAD_FORMAT),
        ("", BAD_FORMAT),
        ("Bearer abc", "Specified token corrupted"),
    ] {
        let error = auth.header(header, HOME).await.unwrap_err();
        assert_eq!(error.body()["detail"], detail, "{header}");
        assert_eq!(error.status().as_u16(), 401);
    }
}
