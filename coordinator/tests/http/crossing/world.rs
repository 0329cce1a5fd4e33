//! An account with one object of each kind, and the credentials of others.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    Route,
    rules::{Rule, Sent},
};
use crate::{
    events::{portrait, tell_apart},
    harness::{Coordinator, models_home},
};

/// Stands in every text of the owner's objects; whoever is shown it was shown too much.
pub const MARK: &str = "only-for-the-owner";
/// Path variables that an object, or a word, is made for.
pub const VARIABLES: &[&str] = &[
    "token_id",
    "list_id",
    "face_id",
    "attribute_id",
    "samples_type",
    "sample_id",
    "image_id",
    "handler_id",
    "event_id",
    "stream_id",
    "group_id",
];
/// An id that nothing has, where no object could be made.
const NOBODY: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
const PASSWORD: &str = "a password of theirs";

/// The owner's objects by the variables that name them in paths.
pub struct Objects {
    pub account: String,
    /// The account that tries.
    pub other: String,
    by_variable: BTreeMap<&'static str, String>,
}

impl Objects {
    pub fn of(&self, variable: &str) -> &str {
        self.by_variable
            .get(variable)
            .map_or(NOBODY, String::as_str)
    }

    /// A stream of `account` with the owner's handler.
    pub fn stream_body(&self, account: &str) -> Value {
        let handler = self.of("handler_id");
        json!({
            "account_id": account,
            "name": MARK,
            "data": {
                "type": "tcp",
                "reference": "rtsp://10.0.0.1/live",
                "analytics": [{"event_handler": {
                    "handler_id": handler,
                    "frame_store": null,
                    "authorization": {"account_id": account},
                }}],
            },
        })
    }
}

/// What somebody else shows.
pub struct Credential {
    pub name: &'static str,
    header: (&'static str, String),
    /// Set where the credential is only an account's name, for the services behind loopback.
    pub account_header: Option<()>,
    /// Whether the contract lets it read what all accounts have.
    pub sees_all: bool,
}

pub struct World {
    pub c: Coordinator,
    pub objects: Objects,
    pub credentials: Vec<Credential>,
    owner: String,
}

impl World {
    pub async fn make() -> Self {
        let home = models_home();
        let settings: Vec<(&str, &str)> = home
            .iter()
            .map(|home| ("models.home", home.to_str().unwrap()))
            .collect();
        let c = Coordinator::start_with(&settings).await;
        let owner = account(&c, "owner", "user").await;
        let (other, credentials) = credentials(&c).await;
        let mut world = Self {
            objects: Objects {
                account: owner.0.clone(),
                other,
                by_variable: BTreeMap::new(),
            },
            credentials,
            owner: owner.1,
            c,
        };
        world.fill().await;
        world.add_event().await;
        world
    }

    async fn made(&mut self, variable: &'static str, path: &str, body: Value) {
        let request = self.owned(Method::POST, path).json(&body);
        let made = self.c.send("", request).await.expect(201);
        self.objects.by_variable.insert(variable, made.id(variable));
    }

    async fn fill(&mut self) {
        self.made("list_id", "/6/lists", json!({"user_data": MARK}))
            .await;
        self.made(
            "handler_id",
            "/6/handlers",
            json!({"description": MARK, "policies": {}}),
        )
        .await;
        let token = json!({"description": MARK, "expiration_time": null, "permissions": {"face": ["view"]}});
        self.made("token_id", "/6/tokens", token).await;
        let basic = json!({"basic_attributes": {"age": 30, "gender": 1, "ethnicity": 4}});
        self.made("attribute_id", "/6/attributes", basic.clone())
            .await;
        let list = self.objects.of("list_id").to_owned();
        let face =
            json!({"user_data": MARK, "external_id": MARK, "lists": [list], "attribute": basic});
        self.made("face_id", "/6/faces", face).await;
        for (variable, path) in [("sample_id", "/6/samples/faces"), ("image_id", "/6/images")] {
            let request = self.owned(Method::POST, path);
            let request = request.header("Content-Type", "image/jpeg").body(picture());
            let made = self.c.send("", request).await.expect(201);
            let id = made
                .body
                .pointer(&format!("/{variable}"))
                .or(made.body.pointer(&format!("/images/0/{variable}")));
            let id = id
                .and_then(Value::as_str)
                .unwrap_or_else(|| panic!("no {variable}: {}", made.body));
            self.objects.by_variable.insert(variable, id.to_owned());
        }
        self.objects
            .by_variable
            .insert("samples_type", "faces".to_owned());
        let body = self.objects.stream_body(&self.objects.account);
        let request = self.c.http.post(format!("{}/2/streams", self.c.streams));
        let request = request
            .header("Luna-Account-Id", &self.objects.account)
            .json(&body);
        let made = self.c.send("", request).await.expect(201);
        self.objects
            .by_variable
            .insert("stream_id", made.id("stream_id"));
        let body = json!({"account_id": self.objects.account, "group_name": MARK});
        let request = self.c.http.post(format!("{}/2/groups", self.c.streams));
        let made = self.c.send("", request.json(&body)).await.expect(201);
        self.objects
            .by_variable
            .insert("group_id", made.id("group_id"));
    }

    /// An event of the owner; that needs the models and a photograph.
    async fn add_event(&mut self) {
        let Some(photo) = models_home().and_then(|home| portrait(&home)) else {
            return;
        };
        let path = format!(
            "/6/handlers/{}/events?user_data={MARK}",
            self.objects.of("handler_id")
        );
        let request = self.owned(Method::POST, &path);
        let request = request
            .header("Content-Type", tell_apart(&photo))
            .body(photo);
        let made = self.c.send("", request).await.expect(201);
        let event = made.body["events"][0]["event_id"].as_str().unwrap();
        self.objects
            .by_variable
            .insert("event_id", event.to_owned());
    }

    fn owned(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.c.http.request(method, format!("{}{path}", self.c.api));
        request.header("Authorization", &self.owner)
    }

    /// The owner's objects as the owner sees them.
    pub async fn snapshot(&self) -> BTreeMap<String, String> {
        let o = &self.objects;
        let mut seen = BTreeMap::new();
        for path in [
            "/6/account".to_owned(),
            "/6/tokens".to_owned(),
            "/6/lists".to_owned(),
            "/6/faces".to_owned(),
            "/6/handlers".to_owned(),
            "/6/events".to_owned(),
            format!("/6/attributes/{}", o.of("attribute_id")),
            format!("/6/faces/{}/attributes", o.of("face_id")),
            format!("/6/lists/{}", o.of("list_id")),
            format!("/6/handlers/{}", o.of("handler_id")),
            format!("/6/samples/faces/{}", o.of("sample_id")),
            format!("/6/images/{}", o.of("image_id")),
        ] {
            let answer = self.owned(Method::GET, &path).send().await.unwrap();
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            let bytes = answer.bytes().await.unwrap();
            seen.insert(path, String::from_utf8_lossy(&bytes).into_owned());
        }
        let url = format!("{}/2/streams?account_id={}", self.c.streams, o.account);
        let streams = self.c.http.get(url).header("Luna-Account-Id", &o.account);
        seen.insert(
            "streams".to_owned(),
            streams.send().await.unwrap().text().await.unwrap(),
        );
        let url = format!("{}/2/groups?account_id={}", self.c.streams, o.account);
        let groups = self.c.http.get(url).send().await.unwrap();
        seen.insert("groups".to_owned(), groups.text().await.unwrap());
        seen
    }

    /// What is tried on a route with a credential, each with the text of all that is sent.
    pub fn requests(
        &self,
        route: &Route,
        credential: &Credential,
    ) -> Vec<(RequestBuilder, String)> {
        let o = &self.objects;
        let mut path = route.template.to_owned();
        for variable in VARIABLES {
            path = path.replace(&format!("{{{variable}}}"), o.of(variable));
        }
        let path = path.replace("{agent_id}", NOBODY).replace("{number}", "1");
        let base = match route.service {
            "api" => &self.c.api,
            "handlers" => &self.c.handlers,
            "sender" => &self.c.sender,
            _ => &self.c.streams,
        };
        let sent = match route.rule {
            Rule::Object(body) | Rule::Many(body) | Rule::Refused(body) => body(o),
            _ => Sent::Nothing,
        };
        // Some operations take the account from the query. The Streams service knows accounts in no
        // other way: who names none is trusted with all.
        let queries = if route.service == "streams" {
            vec![format!("?account_id={}", o.other)]
        } else {
            vec![String::new(), format!("?account_id={}", o.account)]
        };
        let one = |query: &String| {
            let request = self
                .c
                .http
                .request(route.method.clone(), format!("{base}{path}{query}"));
            let request = request.header(credential.header.0, &credential.header.1);
            let (request, body) = match &sent {
                Sent::Nothing => (request, String::new()),
                Sent::Json(body) => (request.json(body), body.to_string()),
                Sent::Picture => (
                    request.header("Content-Type", "image/jpeg").body(picture()),
                    "a picture".to_owned(),
                ),
            };
            (request, format!("{path}{query} {body}"))
        };
        queries.iter().map(one).collect()
    }

    /// What of the owner an answer shows that the question did not say.
    pub fn leaked(&self, answer: &str, sent: &str) -> Option<String> {
        let o = &self.objects;
        let ids = o
            .by_variable
            .iter()
            .filter(|(name, _)| **name != "samples_type");
        let secrets = ids
            .map(|(_, id)| id.as_str())
            .chain([MARK, o.account.as_str()]);
        let mut shown = secrets.filter(|secret| answer.contains(secret) && !sent.contains(secret));
        shown.next().map(str::to_owned)
    }
}

/// Makes an account; gives its id and what it shows.
async fn account(c: &Coordinator, name: &str, kind: &str) -> (String, String) {
    let login = format!("{name}@example.com");
    let mark = if name == "owner" { MARK } else { name };
    let body =
        json!({"login": login, "password": PASSWORD, "account_type": kind, "description": mark});
    let made = c
        .post("createAccount", "/6/accounts", body)
        .await
        .expect(201);
    (made.id("account_id"), Coordinator::basic(&login, PASSWORD))
}

/// A token of whoever shows `basic`.
async fn token(c: &Coordinator, basic: &str, area: &str, all: bool) -> String {
    let query = if all { "?grant_all_permissions=1" } else { "" };
    let mut body = json!({"expiration_time": null, "visibility_area": area});
    if !all {
        body["permissions"] = json!({});
    }
    let request = c.http.post(format!("{}/6/tokens{query}", c.api));
    let request = request.header("Authorization", basic).json(&body);
    format!(
        "Bearer {}",
        c.send("createToken", request).await.expect(201).id("token")
    )
}

/// The account that tries, and all credentials.
async fn credentials(c: &Coordinator) -> (String, Vec<Credential>) {
    let (other, user) = account(c, "other", "user").await;
    let (_, advanced) = account(c, "advanced", "advanced_user").await;
    let shown = |name, text: String, sees_all| Credential {
        name,
        header: ("Authorization", text),
        account_header: None,
        sees_all,
    };
    let all = vec![
        shown("a user", user.clone(), false),
        shown(
            "a user's token",
            token(c, &user, "account", true).await,
            false,
        ),
        shown(
            "a user's token without permissions",
            token(c, &user, "account", false).await,
            false,
        ),
        shown("an advanced user", advanced.clone(), true),
        shown(
            "an advanced user's token for all",
            token(c, &advanced, "all", true).await,
            true,
        ),
        shown(
            "an advanced user's token for the account",
            token(c, &advanced, "account", true).await,
            false,
        ),
        Credential {
            name: "another account by its name",
            header: ("Luna-Account-Id", other.clone()),
            account_header: Some(()),
            sees_all: false,
        },
    ];
    (other, all)
}

/// A picture of the size that samples have.
fn picture() -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = vec![90u8; 250 * 250 * 3];
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
    encoder
        .encode(&pixels, 250, 250, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}
