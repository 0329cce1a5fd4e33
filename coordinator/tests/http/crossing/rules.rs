//! What to try on each operation.

use std::collections::BTreeSet;

use goshawk_coordinator::api::disabled;
use serde_json::{Value, json};

use super::world::{MARK, Objects};

/// What is sent besides what is in the path.
pub enum Sent {
    Nothing,
    Json(Value),
    Picture,
}

pub type Body = fn(&Objects) -> Sent;

pub enum Rule {
    /// Shows nothing of any account; why it may ask for no credentials.
    Public(&'static str),
    /// Asks for credentials by itself, in another way than the route table says.
    Asked(&'static str),
    /// Objects of the installation: for administrators.
    Installation,
    /// The path names an object of somebody else: it must be refused or unknown.
    Object(Body),
    /// Query or body name objects of somebody else, or a list could hold them: none may be shown.
    Many(Body),
    /// As [`Rule::Many`], and what is named must be refused: taking it for one's own would be a way
    /// to it.
    Refused(Body),
    /// A socket: its handshake shows nothing, what it sends later is the account's own (`sockets.rs`).
    Socket,
    /// Switched off in this version.
    Off,
}

pub fn switched_off() -> BTreeSet<&'static str> {
    disabled::resources()
        .iter()
        .map(|resource| resource.template())
        .collect()
}

const NOTHING: Body = |_| Sent::Nothing;

fn handler(_: &Objects) -> Sent {
    Sent::Json(json!({"description": "of another", "policies": {}}))
}

fn token(_: &Objects) -> Sent {
    Sent::Json(json!({"expiration_time": null, "permissions": {"face": ["view"]}}))
}

fn face(o: &Objects) -> Sent {
    Sent::Json(json!({"user_data": "of another", "lists": [o.of("list_id")]}))
}

/// A stream of another account that would have its events handled by the owner's handler.
/// A stream of their own in the first version's shape, with the owner's handler.
fn stream_of_the_first(o: &Objects) -> Sent {
    Sent::Json(json!({
        "account_id": o.other,
        "data": {"type": "tcp", "reference": "rtsp://cam/1"},
        "event_handler": {
            "origin": "http://127.0.0.1:5000",
            "api_version": 6,
            "bestshot_handler": {"handler_id": o.of("handler_id")},
        },
    }))
}

/// A group of their own, under a name that only the owner has: groups of two accounts may be
/// namesakes, so what is sent is wrong in another way.
fn group(o: &Objects) -> Sent {
    Sent::Json(json!({"account_id": o.account, "group_name": "no name at all"}))
}

fn linking(o: &Objects) -> Sent {
    Sent::Json(json!({
        "action": "attach",
        "group_id": o.of("group_id"),
        "stream_ids": [o.of("stream_id")],
    }))
}

fn stream(o: &Objects) -> Sent {
    Sent::Json(o.stream_body(&o.other))
}

/// What every service has, by the end of its template; of no account.
pub const PAGES: &[(&str, &Rule)] = &[
    ("/version", &Rule::Public("numbers of the release")),
    (
        "/healthcheck",
        &Rule::Public("how the parts of the process fare"),
    ),
    (
        "/metrics",
        &Rule::Public("counters; their labels name no account"),
    ),
    (
        "/config",
        &Rule::Public("settings of the installation, secrets hidden"),
    ),
    ("/plugins", &Rule::Public("which plugins run")),
    ("/features", &Rule::Public("what the installation can do")),
    ("/docs/spec", &Rule::Public("the API document")),
    ("/docs/dev", &Rule::Public("the manual")),
    ("/docs/errors", &Rule::Public("what error codes mean")),
    (
        "/docs/ui/{file}",
        &Rule::Public("files of the page that shows the document"),
    ),
];

/// By service, method and template, in the order of the tables.
pub const RULES: &[(&str, Rule)] = &[
    (
        "api POST /6/accounts",
        Rule::Asked("open registration is a setting; the handler decides"),
    ),
    ("api GET /6/accounts", Rule::Many(NOTHING)),
    ("api GET /6/account", Rule::Many(NOTHING)),
    (
        "api PATCH /6/account",
        Rule::Many(|_| Sent::Json(json!({"description": "mine"}))),
    ),
    ("api POST /6/tokens", Rule::Many(token)),
    ("api GET /6/tokens", Rule::Many(NOTHING)),
    ("api GET /6/tokens/{token_id}", Rule::Object(NOTHING)),
    ("api PUT /6/tokens/{token_id}", Rule::Object(token)),
    ("api DELETE /6/tokens/{token_id}", Rule::Object(NOTHING)),
    (
        "api POST /6/login",
        Rule::Asked("a form of login and password; it sets a cookie for whom they are"),
    ),
    (
        "api DELETE /6/login",
        Rule::Asked("takes the cookie of whoever asks away"),
    ),
    (
        "api POST /6/credentials_verifier",
        Rule::Asked("credentials are what it looks at; it tells only whose they are"),
    ),
    ("api GET /6/lists", Rule::Many(NOTHING)),
    (
        "api POST /6/lists",
        Rule::Many(|_| Sent::Json(json!({"user_data": "of another"}))),
    ),
    (
        "api DELETE /6/lists",
        Rule::Many(|o| Sent::Json(json!({"list_ids": [o.of("list_id")]}))),
    ),
    ("api GET /6/lists/count", Rule::Many(NOTHING)),
    ("api GET /6/lists/{list_id}", Rule::Object(NOTHING)),
    ("api HEAD /6/lists/{list_id}", Rule::Object(NOTHING)),
    (
        "api PATCH /6/lists/{list_id}",
        Rule::Object(|_| Sent::Json(json!({"user_data": "taken"}))),
    ),
    ("api DELETE /6/lists/{list_id}", Rule::Object(NOTHING)),
    (
        "api PATCH /6/lists/{list_id}/faces",
        Rule::Object(|o| Sent::Json(json!({"action": "detach", "face_ids": [o.of("face_id")]}))),
    ),
    ("api POST /6/faces", Rule::Refused(face)),
    ("api GET /6/faces", Rule::Many(NOTHING)),
    (
        "api DELETE /6/faces",
        Rule::Many(|o| Sent::Json(json!({"face_ids": [o.of("face_id")]}))),
    ),
    ("api GET /6/faces/count", Rule::Many(NOTHING)),
    ("api GET /6/faces/attributes/count", Rule::Many(NOTHING)),
    ("api GET /6/faces/{face_id}", Rule::Object(NOTHING)),
    ("api HEAD /6/faces/{face_id}", Rule::Object(NOTHING)),
    (
        "api PATCH /6/faces/{face_id}",
        Rule::Object(|_| Sent::Json(json!({"user_data": "taken"}))),
    ),
    ("api DELETE /6/faces/{face_id}", Rule::Object(NOTHING)),
    (
        "api GET /6/faces/{face_id}/attributes",
        Rule::Object(NOTHING),
    ),
    (
        "api PUT /6/faces/{face_id}/attributes",
        Rule::Object(|_| {
            Sent::Json(json!({"basic_attributes": {"age": 9, "gender": 0, "ethnicity": 1}}))
        }),
    ),
    (
        "api DELETE /6/faces/{face_id}/attributes",
        Rule::Object(NOTHING),
    ),
    (
        "api GET /6/faces/{face_id}/attributes/samples",
        Rule::Object(NOTHING),
    ),
    (
        "api POST /6/attributes",
        Rule::Many(|_| {
            Sent::Json(json!({"basic_attributes": {"age": 9, "gender": 0, "ethnicity": 1}}))
        }),
    ),
    ("api GET /6/attributes", Rule::Many(NOTHING)),
    (
        "api GET /6/attributes/{attribute_id}",
        Rule::Object(NOTHING),
    ),
    (
        "api HEAD /6/attributes/{attribute_id}",
        Rule::Object(NOTHING),
    ),
    (
        "api DELETE /6/attributes/{attribute_id}",
        Rule::Many(NOTHING),
    ),
    (
        "api GET /6/attributes/{attribute_id}/samples",
        Rule::Object(NOTHING),
    ),
    (
        "api POST /6/samples/{samples_type}",
        Rule::Many(|_| Sent::Picture),
    ),
    (
        "api GET /6/samples/{samples_type}/{sample_id}",
        Rule::Object(NOTHING),
    ),
    (
        "api HEAD /6/samples/{samples_type}/{sample_id}",
        Rule::Object(NOTHING),
    ),
    (
        "api DELETE /6/samples/{samples_type}/{sample_id}",
        Rule::Object(NOTHING),
    ),
    ("api GET /6/samples/{sample_id}", Rule::Object(NOTHING)),
    ("api HEAD /6/samples/{sample_id}", Rule::Object(NOTHING)),
    ("api DELETE /6/samples/{sample_id}", Rule::Object(NOTHING)),
    ("api GET /5/samples/{sample_id}", Rule::Object(NOTHING)),
    ("api HEAD /5/samples/{sample_id}", Rule::Object(NOTHING)),
    ("api DELETE /5/samples/{sample_id}", Rule::Object(NOTHING)),
    ("api POST /6/images", Rule::Many(|_| Sent::Picture)),
    ("api GET /6/images/{image_id}", Rule::Object(NOTHING)),
    ("api HEAD /6/images/{image_id}", Rule::Object(NOTHING)),
    ("api DELETE /6/images/{image_id}", Rule::Object(NOTHING)),
    (
        "api POST /6/detector",
        Rule::Refused(|o| Sent::Json(json!({"samples": [o.of("sample_id")]}))),
    ),
    (
        "api POST /6/extractor",
        Rule::Refused(|o| Sent::Json(json!([o.of("sample_id")]))),
    ),
    (
        "api POST /6/sdk",
        Rule::Refused(|o| Sent::Json(json!({"samples": [o.of("sample_id")]}))),
    ),
    (
        "api POST /6/iso",
        Rule::Refused(|o| {
            let url = format!("/6/images/{}", o.of("image_id"));
            Sent::Json(json!({"urls": [{"url": url}]}))
        }),
    ),
    (
        "api POST /6/liveness",
        Rule::Refused(|o| Sent::Json(json!({"urls": [format!("/6/images/{}", o.of("image_id"))]}))),
    ),
    ("api POST /6/handlers", Rule::Many(handler)),
    ("api GET /6/handlers", Rule::Many(NOTHING)),
    ("api GET /6/handlers/count", Rule::Many(NOTHING)),
    (
        "api POST /6/handlers/validator",
        Rule::Many(|_| Sent::Json(json!({"policies": {}}))),
    ),
    ("api GET /6/handlers/{handler_id}", Rule::Object(NOTHING)),
    ("api HEAD /6/handlers/{handler_id}", Rule::Object(NOTHING)),
    ("api PUT /6/handlers/{handler_id}", Rule::Object(handler)),
    ("api DELETE /6/handlers/{handler_id}", Rule::Object(NOTHING)),
    (
        "api POST /6/handlers/{handler_id}/events",
        Rule::Object(|_| Sent::Picture),
    ),
    ("api GET /6/events", Rule::Many(NOTHING)),
    ("api GET /6/events/{event_id}", Rule::Object(NOTHING)),
    ("api HEAD /6/events/{event_id}", Rule::Object(NOTHING)),
    (
        "api POST /6/matcher/faces",
        Rule::Many(|o| {
            Sent::Json(json!({
                "references": [{"type": "face", "id": o.of("face_id")}],
                "candidates": [{"filters": {"origin": "faces", "list_id": o.of("list_id")}}],
            }))
        }),
    ),
    ("api GET /goshawk/1/agents", Rule::Installation),
    ("api POST /goshawk/1/agents/join-tokens", Rule::Installation),
    ("api GET /goshawk/1/agents/join-tokens", Rule::Installation),
    (
        "api DELETE /goshawk/1/agents/{agent_id}",
        Rule::Installation,
    ),
    ("api GET /goshawk/1/dead-letters", Rule::Installation),
    ("api POST /goshawk/1/dead-letters/retry", Rule::Installation),
    (
        "api GET /goshawk/1/dead-letters/{number}",
        Rule::Installation,
    ),
    (
        "api DELETE /goshawk/1/dead-letters/{number}",
        Rule::Installation,
    ),
    (
        "api POST /goshawk/1/dead-letters/{number}/retry",
        Rule::Installation,
    ),
    ("api GET /6/ws", Rule::Socket),
    ("handlers POST /1/handlers", Rule::Many(handler)),
    ("handlers GET /1/handlers", Rule::Many(NOTHING)),
    ("handlers GET /1/handlers/count", Rule::Many(NOTHING)),
    (
        "handlers POST /1/handlers/validator",
        Rule::Many(|_| Sent::Json(json!({"policies": {}}))),
    ),
    (
        "handlers GET /1/handlers/{handler_id}",
        Rule::Object(NOTHING),
    ),
    (
        "handlers HEAD /1/handlers/{handler_id}",
        Rule::Object(NOTHING),
    ),
    (
        "handlers PUT /1/handlers/{handler_id}",
        Rule::Object(handler),
    ),
    (
        "handlers DELETE /1/handlers/{handler_id}",
        Rule::Object(NOTHING),
    ),
    (
        "handlers POST /1/handlers/{handler_id}/events",
        Rule::Object(|_| Sent::Picture),
    ),
    (
        "handlers POST /1/detector",
        Rule::Refused(|o| Sent::Json(json!({"samples": [o.of("sample_id")]}))),
    ),
    (
        "handlers POST /1/extractor",
        Rule::Refused(|o| Sent::Json(json!([o.of("sample_id")]))),
    ),
    (
        "handlers POST /1/sdk",
        Rule::Asked("a header names the account whose samples are meant; others need none"),
    ),
    (
        "handlers POST /1/iso",
        Rule::Asked("a header names the account whose samples are meant; others need none"),
    ),
    ("sender GET /1/ws", Rule::Socket),
    ("sender GET /2/ws", Rule::Socket),
    ("streams POST /2/streams", Rule::Refused(stream)),
    ("streams GET /2/streams", Rule::Many(NOTHING)),
    (
        "streams DELETE /2/streams",
        Rule::Many(|o| Sent::Json(json!({"stream_ids": [o.of("stream_id")]}))),
    ),
    ("streams GET /2/streams/count", Rule::Many(NOTHING)),
    ("streams GET /2/streams/{stream_id}", Rule::Object(NOTHING)),
    ("streams PUT /2/streams/{stream_id}", Rule::Refused(stream)),
    (
        "streams PATCH /2/streams/{stream_id}",
        Rule::Object(|_| Sent::Json(json!({"description": MARK}))),
    ),
    (
        "streams DELETE /2/streams/{stream_id}",
        Rule::Object(NOTHING),
    ),
    (
        "streams POST /1/streams",
        Rule::Refused(stream_of_the_first),
    ),
    ("streams GET /1/streams", Rule::Many(NOTHING)),
    (
        "streams DELETE /1/streams",
        Rule::Many(|o| Sent::Json(json!({"stream_ids": [o.of("stream_id")]}))),
    ),
    ("streams GET /1/streams/count", Rule::Many(NOTHING)),
    ("streams GET /1/streams/{stream_id}", Rule::Object(NOTHING)),
    (
        "streams PUT /1/streams/{stream_id}",
        Rule::Refused(stream_of_the_first),
    ),
    (
        "streams PATCH /1/streams/{stream_id}",
        Rule::Object(|_| Sent::Json(json!({"description": MARK}))),
    ),
    (
        "streams DELETE /1/streams/{stream_id}",
        Rule::Object(NOTHING),
    ),
    ("streams POST /1/groups", Rule::Refused(group)),
    ("streams GET /1/groups", Rule::Many(NOTHING)),
    ("streams GET /1/groups/count", Rule::Many(NOTHING)),
    ("streams GET /1/groups/{group_id}", Rule::Object(NOTHING)),
    (
        "streams PATCH /1/groups/{group_id}",
        Rule::Object(|_| Sent::Json(json!({"description": MARK}))),
    ),
    ("streams DELETE /1/groups/{group_id}", Rule::Object(NOTHING)),
    ("streams PATCH /1/linker", Rule::Refused(linking)),
    (
        "streams GET /1/streams/{stream_id}/preview/handler/frame",
        Rule::Object(NOTHING),
    ),
    (
        "streams GET /1/streams/{stream_id}/preview/handler/live",
        Rule::Object(NOTHING),
    ),
    ("streams POST /2/groups", Rule::Refused(group)),
    ("streams GET /2/groups", Rule::Many(NOTHING)),
    ("streams GET /2/groups/count", Rule::Many(NOTHING)),
    ("streams GET /2/groups/{group_id}", Rule::Object(NOTHING)),
    (
        "streams PATCH /2/groups/{group_id}",
        Rule::Object(|_| Sent::Json(json!({"description": MARK}))),
    ),
    ("streams DELETE /2/groups/{group_id}", Rule::Object(NOTHING)),
    ("streams PATCH /2/linker", Rule::Refused(linking)),
    (
        "streams GET /2/streams/{stream_id}/preview/handler/frame",
        Rule::Object(NOTHING),
    ),
    (
        "streams GET /2/streams/{stream_id}/preview/handler/live",
        Rule::Object(NOTHING),
    ),
];
