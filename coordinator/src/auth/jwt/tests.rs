//! Texts of ours and of others.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use ring::hmac;
use serde_json::{Value, json};

use super::*;

fn key(id: &str) -> SigningKey {
    SigningKey::new(id, &SigningKey::generate().unwrap()).unwrap()
}

fn claims() -> Claims {
    Claims {
        token_id: TokenId::random(),
        account_id: AccountId::random(),
        expiration_time: Some(Timestamp::from_unix_micros(1_700_000_000_123_456)),
        visibility_area: VisibilityArea::All,
        jti: "once".to_owned(),
    }
}

fn accepted(text: &str, key: &SigningKey) -> bool {
    read(text, |id| (id == key.id()).then_some(key)).is_ok()
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn what_was_signed_is_read_again() {
    let (key, claims) = (key("a"), claims());
    let text = key.sign(&claims).unwrap();
    assert_eq!(read(&text, |_| Some(&key)).unwrap(), claims);
    let header = URL_SAFE_NO_PAD
        .decode(text.split('.').next().unwrap())
        .unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header, json!({"typ": "JWT", "alg": "EdDSA", "kid": "a"}));
    assert!(text.len() < MAX_TEXT / 4);
}

#[test]
fn other_algorithms_are_refused_whatever_they_prove() {
    let key = key("a");
    let signed = key.sign(&claims()).unwrap();
    let (_, payload) = signed.split_once('.').unwrap();
    let (payload, signature) = payload.split_once('.').unwrap();
    for algorithm in [
        "none", "None", "NONE", "", "HS256", "HS512", "RS256", "ES256", "PS256",
    ] {
        let header = part(&json!({"typ": "JWT", "alg": algorithm, "kid": "a"}));
        for signature in ["", signature] {
            let text = format!("{header}.{payload}.{signature}");
            assert!(!accepted(&text, &key), "{algorithm}");
        }
    }
    // The public key taken for a shared secret.
    let public = key.public.try_get_as_bytes().unwrap();
    let header = part(&json!({"typ": "JWT", "alg": "HS256", "kid": "a"}));
    let message = format!("{header}.{payload}");
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, public),
        message.as_bytes(),
    );
    let text = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()));
    assert!(!accepted(&text, &key));
}

#[test]
fn keys_of_others_are_refused() {
    let (ours, theirs) = (key("a"), key("a"));
    assert!(!accepted(&theirs.sign(&claims()).unwrap(), &ours));
    let unknown = key("b");
    assert!(!accepted(&unknown.sign(&claims()).unwrap(), &ours));
    // A key brought along in the header is not looked at.
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("a".to_owned());
    header.jku = Some("http://evil.example/keys".to_owned());
    let text = jsonwebtoken::encode(&header, &claims(), &theirs.private).unwrap();
    assert!(!accepted(&text, &ours));
    header.kid = None;
    let text = jsonwebtoken::encode(&header, &claims(), &ours.private).unwrap();
    assert!(!accepted(&text, &ours));
}

#[test]
fn a_changed_claim_breaks_the_signature() {
    let key = key("a");
    let text = key.sign(&claims()).unwrap();
    let parts: Vec<_> = text.split('.').collect();
    let payload = URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    let mut payload: Value = serde_json::from_slice(&payload).unwrap();
    payload["account_id"] = json!(AccountId::random());
    let text = format!("{}.{}.{}", parts[0], part(&payload), parts[2]);
    assert!(!accepted(&text, &key));
}

#[test]
fn what_is_no_token_is_refused() {
    let key = key("a");
    let text = key.sign(&claims()).unwrap();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c.d".to_owned(),
        format!("{text}."),
        format!(" {text}"),
        "x".repeat(1 << 20),
        format!("{text}{}", "A".repeat(1 << 20)),
        format!("{}.{text}", part(&json!({"alg": "EdDSA", "kid": "a"}))),
    ] {
        assert!(!accepted(&bad, &key), "{}", bad.len());
    }
    for end in 0..text.len() {
        assert!(!accepted(&text[..end], &key), "cut at {end}");
    }
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("a".to_owned());
    let other = jsonwebtoken::encode(&header, &json!({"sub": "me"}), &key.private).unwrap();
    assert!(!accepted(&other, &key));
}

proptest! {
    #[test]
    fn a_text_with_one_other_letter_is_refused(at in 0usize..400, letter in "[A-Za-z0-9_-]") {
        let key = key("a");
        let text = key.sign(&claims()).unwrap();
        prop_assume!(at < text.len() && text[at..=at] != letter);
        let mut changed = text.clone();
        changed.replace_range(at..=at, &letter);
        // The last letter of a part may differ in bits that stand for nothing: such a text reads
        // the same and is told apart by its hash.
        let same = read(&text, |_| Some(&key)).ok();
        let read = read(&changed, |id| (id == "a").then_some(&key)).ok();
        prop_assert!(read.is_none() || read == same);
    }
}
