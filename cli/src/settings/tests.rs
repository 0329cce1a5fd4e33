//! Precedence of flags, environment and profile, and the rules that guard secrets.

use super::*;

fn resolve(flags: Layer, environment: Layer, profile: Layer, chosen: bool) -> Settings {
    let second = Duration::from_secs(1);
    Settings::resolve(flags, environment, Some(("p", profile)), chosen, second).unwrap()
}

fn at(url: &str, login: &str) -> Layer {
    Layer {
        url: Some(url.to_owned()),
        login: Some(login.to_owned()),
        password: Some(Secret::new(format!("of {login}"))),
        ..Layer::default()
    }
}

fn password(settings: &Settings) -> &str {
    settings.password.as_ref().map_or("", Secret::expose)
}

#[test]
fn flags_go_before_the_environment_before_the_profile() {
    let (flags, environment, profile) = (
        at("https://f", "flag"),
        at("https://e", "env"),
        at("https://p", "prof"),
    );
    let none = Layer::default;
    for (f, e, p, login) in [
        (flags, environment.clone(), profile.clone(), "flag"),
        (none(), environment, profile.clone(), "env"),
        (none(), none(), profile, "prof"),
    ] {
        let settings = resolve(f, e, p, false);
        assert_eq!(settings.login.as_deref(), Some(login));
        assert_eq!(password(&settings), format!("of {login}"));
    }
}

#[test]
fn a_profile_that_is_named_goes_before_the_environment() {
    let settings = resolve(
        Layer::default(),
        at("https://e", "env"),
        at("https://p", "prof"),
        true,
    );
    assert_eq!(settings.api.as_str(), "https://p/");
    assert_eq!(settings.login.as_deref(), Some("prof"));
}

#[test]
fn what_a_profile_holds_is_sent_to_its_own_address_alone() {
    let elsewhere = Layer {
        url: Some("https://evil.example".to_owned()),
        ..Layer::default()
    };
    for (flags, environment) in [
        (elsewhere.clone(), Layer::default()),
        (Layer::default(), elsewhere),
    ] {
        let mut profile = at("https://p", "prof");
        profile.token = Some(Secret::new("token"));
        profile.insecure_http = true;
        let settings = resolve(flags, environment, profile, false);
        assert_eq!((settings.login, settings.token), (None, None));
        assert_eq!(settings.password, None);
        assert!(!settings.insecure_http);
        assert!(settings.left_out.is_some());
    }
}

#[test]
fn a_password_alone_belongs_to_the_login_that_was_found() {
    let login = Layer {
        login: Some("ann".to_owned()),
        ..Layer::default()
    };
    let password_alone = Layer {
        password: Some(Secret::new("secret")),
        ..Layer::default()
    };
    let settings = resolve(
        login.clone(),
        password_alone.clone(),
        Layer::default(),
        false,
    );
    assert_eq!(password(&settings), "secret");
    // And never to somebody else's.
    let settings = resolve(
        login,
        Layer::default(),
        at("http://127.0.0.1:5000", "bob"),
        false,
    );
    assert_eq!(password(&settings), "");
    let settings = resolve(
        password_alone,
        Layer::default(),
        at("https://p", "bob"),
        false,
    );
    assert_eq!(password(&settings), "secret");
}

#[test]
fn credentials_stay_off_plain_http() {
    for (url, allowed) in [
        ("http://127.0.0.1:5000", true),
        ("http://[::1]:5000", true),
        ("http://localhost:5000", true),
        ("https://goshawk.example", true),
        ("http://goshawk.example", false),
        ("http://10.0.0.1:5000", false),
        ("http://127.0.0.1.evil.example", false),
    ] {
        let mut settings = resolve(at(url, "a"), Layer::default(), Layer::default(), false);
        assert_eq!(settings.refuse_clear_text().is_ok(), allowed, "{url}");
        settings.insecure_http = true;
        assert!(settings.refuse_clear_text().is_ok());
    }
}

#[test]
fn addresses_are_checked_and_passwords_in_them_not_repeated() {
    for bad in [
        "127.0.0.1:5000",
        "ftp://a",
        "http://",
        "https://ann:hunter2@a",
        "https://a?x",
        "",
    ] {
        let error = address(bad).unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn the_streams_service_is_beside_the_api() {
    for (api, streams) in [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5160/"),
        ("https://goshawk.example/x", "https://goshawk.example:5160/"),
    ] {
        let settings = resolve(at(api, "a"), Layer::default(), Layer::default(), false);
        assert_eq!(settings.streams.as_str(), streams);
    }
}

proptest::proptest! {
    #[test]
    fn no_address_makes_the_program_fall_over(text in ".*", secret in "[a-z]{12}") {
        drop(address(&text));
        let error = address(&format!("https://ann:{secret}@host"));
        proptest::prop_assert!(!error.unwrap_err().to_string().contains(&secret));
    }
}
