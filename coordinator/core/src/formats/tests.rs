//! Each format accepts exactly what its published schema says.

use proptest::prelude::*;
use regex::Regex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa::PartialSchema;

use super::*;

fn schema<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap()
}

fn accepts<T: DeserializeOwned>(value: &Value) -> bool {
    serde_json::from_value::<T>(value.clone()).is_ok()
}

fn complaint<T: DeserializeOwned>(value: Value) -> String {
    match serde_json::from_value::<T>(value) {
        Ok(_) => panic!("accepted"),
        Err(error) => message(&error.to_string()),
    }
}

/// Whether `text` is what a published schema of a string allows.
fn allowed(schema: &Value, text: &str) -> bool {
    let count = text.chars().count() as u64;
    schema["minLength"]
        .as_u64()
        .is_none_or(|least| count >= least)
        && schema["maxLength"]
            .as_u64()
            .is_none_or(|most| count <= most)
        && schema["pattern"]
            .as_str()
            .is_none_or(|pattern| Regex::new(pattern).unwrap().is_match(text))
}

fn check<T: DeserializeOwned + PartialSchema>(text: &str) {
    let published = schema::<T>();
    assert_eq!(
        accepts::<T>(&json!(text)),
        allowed(&published, text),
        "{text:?} against {published}"
    );
}

#[test]
fn what_is_wrong_is_said_in_the_contracts_words() {
    let long = "x".repeat(37);
    for (found, want) in [
        (
            complaint::<Tag>(json!(long)),
            "ensure this value has at most 36 characters",
        ),
        (
            complaint::<Text<3, 9>>(json!("ab")),
            "ensure this value has at least 3 characters",
        ),
        (complaint::<Tag>(json!(5)), "str type expected"),
        (
            complaint::<Tag>(json!(null)),
            "none is not an allowed value",
        ),
        (
            complaint::<Whole<1, 9>>(json!(10)),
            "ensure this value is less than or equal to 9",
        ),
        (
            complaint::<Whole<1, 9>>(json!(1.5)),
            "value is not a valid integer",
        ),
        (
            complaint::<Whole<1, 9>>(json!("1")),
            "value is not a valid integer",
        ),
        (
            complaint::<Fraction>(json!("1")),
            "value is not a valid float",
        ),
        (
            complaint::<Fraction>(json!(-0.5)),
            "ensure this value is greater than or equal to 0",
        ),
        (
            complaint::<Items<Tag, 1, 2>>(json!([])),
            "ensure this value has at least 1 items",
        ),
        (
            complaint::<Items<Tag, 1, 2>>(json!(["", "", ""])),
            "ensure this value has at most 2 items",
        ),
        (
            complaint::<Items<Tag, 1, 2>>(json!({})),
            "value is not a valid list",
        ),
        (
            complaint::<Unique<Tag, 0, 9>>(json!(["a", "b", "a"])),
            "the list has duplicated items",
        ),
        (
            complaint::<Login>(json!("Mia@x.yz")),
            r"string does not match regex '^[a-z0-9_\-\.]+@[a-z]+\.[a-z]{2,}$'",
        ),
        (
            complaint::<crate::code::Flag>(json!(2)),
            "unexpected value; permitted: 0, 1",
        ),
        (
            complaint::<goshawk_proto::id::FaceId>(json!("secret")),
            "value is not a valid uuid",
        ),
        (
            complaint::<goshawk_proto::time::Timestamp>(json!("secret")),
            "invalid datetime format",
        ),
    ] {
        assert_eq!(found, want);
    }
}

#[test]
fn passwords_do_not_show() {
    let password: Password = serde_json::from_value(json!("correct horse")).unwrap();
    assert_eq!(password.as_str(), "correct horse");
    assert!(!format!("{password:?}").contains("horse"));
}

#[test]
fn absence_null_and_a_value_are_told_apart() {
    #[derive(serde::Deserialize)]
    struct Change {
        #[serde(default)]
        name: Optional<Tag>,
        #[serde(default)]
        end: Nullable<Tag>,
    }
    let read = |body: Value| serde_json::from_value::<Change>(body);
    let nothing = read(json!({})).unwrap();
    assert!(nothing.name.is_none() && nothing.end.is_absent());
    let cleared = read(json!({"name": "x", "end": null})).unwrap();
    assert_eq!(cleared.name.into_inner().unwrap().as_str(), "x");
    assert_eq!(cleared.end.change(), Some(None));
    let error = read(json!({"name": null})).err().unwrap();
    assert_eq!(message(&error.to_string()), "none is not an allowed value");
}

#[test]
fn whole_numbers_are_those_of_json() {
    assert_eq!(serde_json::from_str::<Whole<0, 9>>("2.0").unwrap().get(), 2);
    assert!(serde_json::from_str::<Integer>("18446744073709551615").is_err());
    assert!(serde_json::from_str::<Integer>("1e300").is_err());
    assert_eq!(Whole::<1, 100>::of::<10>().get(), 10);
    assert!("NaN".parse::<Fraction>().is_err());
    assert!("inf".parse::<Real<0, { i64::MAX }>>().is_err());
}

#[test]
fn addresses_have_the_characters_of_addresses() {
    for good in ["", "/6/images/x?y=%20#z", "https://x.yz/a.jpg"] {
        assert!(good.parse::<UriReference<256>>().is_ok(), "{good}");
    }
    for bad in ["a b", "%zz", "%2", "ä", "<x>", "a\n"] {
        assert!(bad.parse::<UriReference<256>>().is_err(), "{bad}");
    }
    assert!("ftp://x.yz".parse::<Uri<99>>().is_ok());
    for bad in ["/x", "1x:y", ":x", ""] {
        assert!(bad.parse::<Uri<99>>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn texts_are_what_their_schema_allows(
        any in ".{0,40}", word in "[a-zA-Z0-9_\\-]{0,40}", digits in "[0-9a]{0,12}",
        login in "[a-z0-9_.@]{0,8}@[a-z0-9]{0,3}[.][a-z.]{0,4}", lines in "(?s).{0,6}",
        length in 120_usize..136, one in any::<char>(),
    ) {
        let long: String = std::iter::repeat_n(one, length).collect();
        let long_login = format!("{}@x.yz", "a".repeat(length));
        for text in [&any, &word, &digits, &login, &lines, &long, &long_login] {
            check::<Text<3, 20>>(text);
            check::<UserData>(text);
            check::<Slug<36>>(text);
            check::<Digits<10>>(text);
            check::<Login>(text);
            check::<Password>(text);
            check::<goshawk_proto::id::FaceId>(text);
        }
    }

    #[test]
    fn ids_are_what_their_schema_allows(
        text in "[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-fA-F0-9g-]{11,12}",
    ) {
        check::<goshawk_proto::id::FaceId>(&text);
    }

    #[test]
    fn numbers_are_what_their_schema_allows(whole in -5_i64..15, real in -2.0_f64..3.0) {
        prop_assert_eq!(accepts::<Whole<-3, 9>>(&json!(whole)), (-3..=9).contains(&whole));
        prop_assert_eq!(accepts::<Fraction>(&json!(real)), (0.0..=1.0).contains(&real));
        prop_assert!(accepts::<Integer>(&json!(whole)));
        let text = whole.to_string();
        prop_assert_eq!(text.parse::<Whole<-3, 9>>().is_ok(), (-3..=9).contains(&whole));
    }

    #[test]
    fn lists_are_what_their_schema_allows(items in prop::collection::vec(0_u8..9, 0..8)) {
        let fits = (2..=5).contains(&items.len());
        prop_assert_eq!(accepts::<Items<u8, 2, 5>>(&json!(items)), fits);
        let different: std::collections::BTreeSet<_> = items.iter().collect();
        let unique = different.len() == items.len();
        prop_assert_eq!(accepts::<Unique<u8, 2, 5>>(&json!(items)), fits && unique);
    }
}
