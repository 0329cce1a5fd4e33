//! What reads the bytes of strangers, as functions of bytes. A function that returns is content; what
//! was read must besides say the same when it is written and read again.
#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    reason = "a panic is what is looked for"
)]

mod pictures;
pub mod seeds;

use std::sync::OnceLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::FutureExt;
use goshawk_coordinator::{
    api::{
        attributes::{
            given::{GivenAttributes, NewAttribute},
            sdk,
        },
        faces::NewFace,
        matcher::body::MatchBody,
        media,
        payload::{self, Body},
        query::Query,
        upload::{self, Pictures, Purpose, multipart},
    },
    auth::{
        cookie,
        jwt::{self, Claims, SigningKey},
    },
};
use goshawk_coordinator_core::{
    event_filter::{EventQuery, Subscription},
    handler::NewHandler,
    query::{Page, Pairs, Parameters},
    stream::NewStream,
    token::VisibilityArea,
};
use goshawk_models::{
    DecodeLimits, Exif, Picture, exif_tags,
    manifest::{self, Checksum, Manifest},
    picture::exif::MAX_TEXT,
};
use goshawk_proto::{
    descriptor::Descriptor,
    event::Event,
    geometry::Size,
    id::{AccountId, ListId, TokenId},
    link::{
        AgentMessage, CoordinatorMessage, FrameReader, JoinToken, MAX_CONTROL_BYTES, PushMessage,
        PushReply,
    },
    time::Timestamp,
};
use http::{HeaderMap, HeaderValue, Method};
use uuid::Uuid;

/// What a fuzzer feeds.
pub type Target = fn(&[u8]);

/// Every function, by the name of its fuzzer.
pub const ALL: &[(&str, Target)] = &[
    ("query", query),
    ("body", body),
    ("face", face),
    ("multipart", parts),
    ("image", image),
    ("descriptor", descriptor),
    ("token", token),
    ("event", event),
    ("link", link),
    ("picture", picture),
    ("manifest", manifest),
];

/// Query strings: single values, lists, pages, and the filters of events and subscriptions.
pub fn query(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let query = Query::parse(&text);
    let pairs = query.pairs();
    for (name, _) in pairs.iter().take(4) {
        let _ = Pairs(pairs).list::<u8>(name);
        let _ = Pairs(pairs).one_of::<ListId>(name);
    }
    if let Ok(page) = <Page as Parameters>::read(Pairs(pairs)) {
        let _ = page.skip();
    }
    let _ = Subscription::read(Pairs(pairs));
    let _ = EventQuery::read(Pairs(pairs));
    if let Ok(moment) = text.parse::<Timestamp>() {
        let again = moment.to_string().parse::<Timestamp>().ok();
        assert_eq!(again, Some(moment), "{text}");
    }
}

/// JSON and MessagePack bodies: the first byte chooses which, the rest is the body.
pub fn body(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    match choice % 4 {
        0 => read::<NewHandler>(bytes, false),
        1 => read::<NewStream>(bytes, false),
        2 => read::<NewHandler>(bytes, true),
        _ => read::<NewStream>(bytes, true),
    }
}

fn read<T: Body>(bytes: &[u8], is_packed: bool) {
    let bytes = Bytes::copy_from_slice(bytes);
    match is_packed {
        true => drop(payload::msgpack::<T>(&bytes)),
        false => drop(payload::json::<T>(&bytes)),
    }
}

/// Bodies with descriptors, in JSON and MessagePack: the first byte chooses which.
pub fn face(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let is_packed = choice % 2 == 1;
    match choice / 2 % 4 {
        0 => read::<NewFace>(bytes, is_packed),
        1 => read::<GivenAttributes>(bytes, is_packed),
        2 => read::<NewAttribute>(bytes, is_packed),
        _ => read::<MatchBody>(bytes, is_packed),
    }
}

/// Most pictures in one body.
const PICTURES: usize = 4;

/// Multipart bodies with pictures, whose parts are `b` apart.
pub fn parts(bytes: &[u8]) {
    for purpose in [
        Purpose::Detection,
        Purpose::Events,
        Purpose::Sdk,
        Purpose::Liveness,
    ] {
        let body = Bytes::copy_from_slice(bytes);
        let read = multipart::pictures("b".to_owned(), body, purpose, PICTURES).now_or_never();
        let Ok(uploads) = read.expect("the body is whole") else {
            continue;
        };
        assert!((1..=PICTURES).contains(&uploads.len()));
        for upload in uploads {
            assert!(upload.filename.chars().count() <= multipart::MAX_NAME);
            assert!(!upload.filename.contains(char::is_control));
            assert!(upload.bytes.len() < bytes.len());
        }
    }
    let text = String::from_utf8_lossy(bytes);
    if let Ok(boundary) = multipart::boundary(&text) {
        assert!(boundary.len() < text.len());
    }
}

/// Pictures as base64 text, by itself and within JSON.
pub fn image(bytes: &[u8]) {
    if let Ok(read) = upload::from_base64(bytes) {
        let bare = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
        let bare: Vec<u8> = bare.copied().collect();
        assert_eq!(STANDARD.encode(read).into_bytes(), bare);
    }
    for purpose in [
        Purpose::Detection,
        Purpose::Events,
        Purpose::Iso,
        Purpose::Sdk,
        Purpose::Liveness,
    ] {
        match upload::from_json(bytes, purpose, PICTURES) {
            Ok(Pictures::Given(given)) => assert_eq!(given.len(), 1),
            Ok(Pictures::Samples(ids)) => assert!((1..=PICTURES).contains(&ids.len())),
            Ok(Pictures::Addresses(all)) => assert!((1..=PICTURES).contains(&all.len())),
            Ok(Pictures::Descriptor(_)) => panic!("JSON is no descriptor"),
            Err(_) => {}
        }
    }
}

/// Packed descriptors: of unit length, and when written and read again as much the same as one byte
/// a value allows.
pub fn descriptor(bytes: &[u8]) {
    let Some(read) = sdk::unpack(bytes) else {
        return;
    };
    let alike = |one: &Descriptor| read.cosine(one).expect("of one version and length");
    assert!((alike(&read) - 1.0).abs() < 1e-3, "{read:?}");
    let again = sdk::unpack(&sdk::pack(&read)).expect("what was written can be read");
    let largest = read.values().map(f32::abs).fold(0.0, f32::max);
    let off = largest * (read.length() as f32).sqrt() / 254.0;
    let least = (1.0 - off * off).max(0.0).sqrt();
    assert!(alike(&again) > least - 1e-3, "{again:?}");
}

fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let pair = SigningKey::generate().expect("a key can be made");
        SigningKey::new("a", &pair).expect("a made key can be used")
    })
}

/// Texts of tokens, cookies and other headers. Only what our own key signed, byte for byte, is
/// believed: neither what was made up nor what was changed.
pub fn token(bytes: &[u8]) {
    let claims = Claims {
        token_id: TokenId(Uuid::nil()),
        account_id: AccountId(Uuid::nil()),
        expiration_time: None,
        visibility_area: VisibilityArea::Account,
        jti: "x".to_owned(),
    };
    let good = key().sign(&claims).expect("claims can be signed");
    let read = |text: &str| jwt::read(text, |_| Some(key())).ok();
    assert_eq!(read(&good).as_ref(), Some(&claims));
    let text = String::from_utf8_lossy(bytes);
    assert!(*text == *good || read(&text).is_none(), "believed: {text}");
    // One part of the good text replaced by the bytes.
    let parts: Vec<&str> = good.split('.').collect();
    for place in 0..parts.len() {
        let mut parts = parts.clone();
        parts[place] = &text;
        let forged = parts.join(".");
        assert!(
            forged == good || read(&forged).is_none(),
            "believed: {forged}"
        );
    }
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        let mut headers = HeaderMap::new();
        for name in ["cookie", "accept", "origin", "authorization"] {
            headers.insert(name, value.clone());
        }
        let _ = cookie::token(&Method::GET, &headers);
        let _ = media::preferred(&headers, &["application/json", "application/msgpack"]);
    }
    if let Ok(join) = text.parse::<JoinToken>() {
        assert_eq!(join.to_string(), *text);
    }
}

/// Events as agents send them.
pub fn event(bytes: &[u8]) {
    let Ok(event) = Event::decode(bytes) else {
        return;
    };
    let again = event.encode().expect("what was read can be written");
    let again = Event::decode(&again).expect("what was written can be read");
    // NaN is not equal to itself; its text is.
    assert_eq!(format!("{again:?}"), format!("{event:?}"));
}

/// Frames of the agents' link, however they are cut.
pub fn link(bytes: &[u8]) {
    let Some((step, bytes)) = bytes.split_first() else {
        return;
    };
    let mut reader = FrameReader::new(MAX_CONTROL_BYTES);
    for chunk in bytes.chunks(usize::from(*step).max(1)) {
        reader.push(chunk);
        while let Ok(Some(frame)) = reader.next_frame() {
            messages(&frame);
        }
    }
    messages(&Bytes::copy_from_slice(bytes));
}

fn messages(frame: &Bytes) {
    if let Ok(message) = AgentMessage::decode(frame) {
        // One that came near the limit may be over it in another encoding of the same values.
        let _ = message.encode();
    }
    let _ = CoordinatorMessage::decode(frame);
    let _ = PushMessage::decode(frame);
    let _ = PushReply::decode(frame);
}

/// Pictures: no header makes us take more than the limits allow. Notes of cameras likewise.
pub fn picture(bytes: &[u8]) {
    let limits = DecodeLimits {
        max_bytes: 1 << 20,
        max_pixels: 1 << 18,
        max_side: 1 << 10,
        ..DecodeLimits::default()
    };
    for exif in [Exif::Apply, Exif::Ignore] {
        if let Ok(picture) = Picture::decode(bytes, exif, &limits) {
            let Size { width, height } = picture.rgb().size();
            assert!(u64::from(width) * u64::from(height) <= limits.max_pixels);
            assert!(width.max(height) <= limits.max_side);
            assert_eq!(
                picture.rgb().data().len(),
                width as usize * height as usize * 3
            );
        }
    }
    let tags = exif_tags(bytes);
    for text in [
        tags.make,
        tags.model,
        tags.artist,
        tags.software,
        tags.flash,
    ] {
        assert!(text.is_none_or(|text| text.chars().count() <= MAX_TEXT));
    }
}

/// Manifests of models: what is read keeps to the bounds that the rest relies on, and whatever is
/// refused is refused with a reason.
pub fn manifest(bytes: &[u8]) {
    let sum = Checksum::of(bytes);
    let text = manifest::with_checksum(&String::from_utf8_lossy(bytes), sum);
    let read = match Manifest::parse("made-up.toml", &text) {
        Ok(read) => read,
        Err(error) => {
            assert!(error.to_string().contains("made-up.toml"), "{error}");
            return;
        }
    };
    assert!(!read.file.contains(['/', '\\', '\0']), "{}", read.file);
    assert!(!read.roles.is_empty());
    let input = &read.input;
    assert!((1..=4096).contains(&input.width) && (1..=4096).contains(&input.height));
    let channels = input.colour.channels();
    assert!(input.mean.len() == channels && input.scale.len() == channels);
    assert!(input.mean.iter().all(|mean| mean.is_finite()));
    let usable = |scale: &f32| scale.is_finite() && *scale != 0.0;
    assert!(input.scale.iter().all(usable));
    if let Some(decision) = &read.decision {
        assert!((0.0..=1.0).contains(&decision.score) && (0.0..=1.0).contains(&decision.overlap));
    }
    for shown in [
        &read.name,
        &read.about,
        &read.licence.spdx,
        &read.source.text,
    ] {
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
}
