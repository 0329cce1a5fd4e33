//! Everything that the documents say can be given to an operation, given wrongly: out of range, of
//! another type, repeated, missing, of a megabyte, too deep, no UTF-8, a MessagePack bomb. Found by
//! walking the documents made from the route tables, so that a new parameter is tried by itself.
//!
//! * `bad_values/values.rs`: values that a schema does not allow.
//!
//! Each must be refused with an error that the operation documents.

mod values;

use goshawk_coordinator::api::{openapi, service::Service, table};
use goshawk_e2e::contract::{self, Contract, Exchange};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{Coordinator, LOGIN, PASSWORD};
use values::Schemas;

/// An id that nothing has.
const NOBODY: &str = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
const JSON: &str = "application/json";
const MSGPACK: &str = "application/msgpack";
const MEGABYTE: usize = 1 << 20;
/// As long as a parameter can be: a longer head is refused as a whole (`hostile.rs`).
const LONG: usize = 50_000;

const SERVICES: [(Service, contract::Service); 4] = [
    (Service::Api, contract::Service::Api),
    (Service::Sender, contract::Service::Sender),
    (Service::Handlers, contract::Service::Handlers),
    (Service::Streams, contract::Service::Streams),
];

/// What an answer has to be.
enum Want {
    /// The error of a query parameter.
    BadQuery,
    /// An error of the client, which names this field where it is one of the body.
    Refused(Option<String>),
    /// Anything that is documented.
    Documented,
}

/// An operation of a document.
struct Target<'a> {
    service: contract::Service,
    base: &'a str,
    method: Method,
    path: String,
    about: &'a Value,
    schemas: Schemas<'a>,
}

struct Walk {
    c: Coordinator,
    account: String,
    wrong: Vec<String>,
    sent: usize,
}

#[tokio::test]
async fn nothing_wrong_is_taken_and_every_refusal_is_documented() {
    let c = Coordinator::start().await;
    let account = c.account_id().await;
    let mut walk = Walk {
        c,
        account,
        wrong: Vec::new(),
        sent: 0,
    };
    let mut operations = 0;
    for (service, of) in SERVICES {
        let document = openapi::document(service, &table::resources(service));
        let document = openapi::published(&document).unwrap();
        let base = match of {
            contract::Service::Api => &walk.c.api,
            contract::Service::Sender => &walk.c.sender,
            contract::Service::Handlers => &walk.c.handlers,
            contract::Service::Streams => &walk.c.streams,
        };
        let base = base.clone();
        for (template, item) in document["paths"].as_object().unwrap() {
            for (method, about) in item.as_object().unwrap() {
                let target = Target {
                    service: of,
                    base: &base,
                    method: method.to_uppercase().parse().unwrap(),
                    path: template.clone(),
                    about,
                    schemas: Schemas(&document),
                };
                operations += 1;
                walk.parameters(&target).await;
                walk.bodies(&target).await;
            }
        }
    }
    let (sent, wrong) = (walk.sent, &walk.wrong);
    println!("{sent} requests to {operations} operations");
    assert!(sent > 10 * operations, "only {sent} requests");
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    walk.c.stop().await;
}

impl Walk {
    async fn parameters(&mut self, target: &Target<'_>) {
        let parameters = target.about["parameters"].as_array();
        for one in parameters.into_iter().flatten() {
            let name = one["name"].as_str().unwrap();
            let wrong = target.schemas.wrong_texts(&one["schema"]);
            match one["in"].as_str().unwrap() {
                "query" => self.query(target, name, &wrong, one).await,
                "path" => self.path(target, name, &wrong).await,
                _ => self.header(target, name, one).await,
            }
        }
    }

    async fn query(&mut self, target: &Target<'_>, name: &str, wrong: &[String], one: &Value) {
        let pair = |value: &str| {
            let mut pair = form_urlencoded::Serializer::new(String::new());
            pair.append_pair(name, value).finish()
        };
        for value in wrong {
            self.ask(target, &pair(value), Want::BadQuery).await;
            // Of a repeated parameter the last one counts; of a list, all.
            let again = format!("{}&{}", pair(value), pair(value));
            self.ask(target, &again, Want::BadQuery).await;
        }
        let long = "a".repeat(LONG);
        let refused = match wrong.is_empty() {
            true => Want::Documented,
            false => Want::BadQuery,
        };
        self.ask(target, &pair(&long), refused).await;
        self.ask(target, &pair("\u{0}\u{fffd}"), Want::Documented)
            .await;
        self.ask(target, &format!("{name}=%ff%fe"), Want::Documented)
            .await;
        let one_of_many = format!("{}&", pair("1"));
        let many = one_of_many.repeat(LONG / one_of_many.len());
        self.ask(target, &many, Want::Documented).await;
        if one["required"] == Value::Bool(true) {
            self.ask(target, "", Want::BadQuery).await;
        }
    }

    async fn path(&mut self, target: &Target<'_>, name: &str, wrong: &[String]) {
        let long = "a".repeat(LONG);
        let ways_out = ["%2e%2e%2f", "%00", "%ff", "..%5c", "*"];
        for value in wrong
            .iter()
            .map(String::as_str)
            .chain(ways_out)
            .chain([&*long])
        {
            if value.is_empty() || value.contains(' ') {
                continue;
            }
            let path = target.path.replace(&format!("{{{name}}}"), value);
            let request = self.request(target, &path);
            self.hold(
                target,
                request,
                &format!("path {name}"),
                Want::Refused(None),
            )
            .await;
        }
    }

    async fn header(&mut self, target: &Target<'_>, name: &str, one: &Value) {
        let request = |walk: &Self, value: &str| {
            let request = walk.request(target, &target.path);
            // Twice: the second one is beside a good one where the walk itself sends one.
            request.header(name, value)
        };
        for value in ["no/such; thing=\u{7f}", "x", &"a".repeat(LONG / 4)] {
            let Ok(value) = reqwest::header::HeaderValue::from_str(value) else {
                continue;
            };
            let sent = request(self, value.to_str().unwrap_or_default());
            self.hold(target, sent, &format!("header {name}"), Want::Documented)
                .await;
        }
        if one["required"] == Value::Bool(true) && name == "Luna-Account-Id" {
            let bare = self
                .c
                .http
                .request(target.method.clone(), target.url(&target.path));
            self.hold(target, bare, "no account", Want::Refused(None))
                .await;
        }
    }

    async fn ask(&mut self, target: &Target<'_>, query: &str, want: Want) {
        let request = self.request(target, &format!("{}?{query}", target.path));
        let request = match target.takes(JSON) {
            true => request.header("Content-Type", JSON).body("{}"),
            false => request,
        };
        let shown: String = query.chars().take(80).collect();
        self.hold(target, request, &shown, want).await;
    }

    async fn bodies(&mut self, target: &Target<'_>) {
        let content = &target.about["requestBody"]["content"];
        if !content.is_object() {
            return;
        }
        let nothing = self.request(target, &target.path);
        let want = match target.about["requestBody"]["required"] == Value::Bool(true) {
            true => Want::Refused(None),
            false => Want::Documented,
        };
        self.hold(target, nothing, "no body", want).await;
        let other = ("text/nonsense", b"{}".to_vec());
        self.body(target, other, "of another type", Want::Refused(None))
            .await;
        if content[JSON].is_object() {
            self.json(target, &content[JSON]["schema"]).await;
        }
        if content[MSGPACK].is_object() {
            self.msgpack(target, &content[MSGPACK]["schema"]).await;
        }
        for (media, _) in content.as_object().into_iter().flatten() {
            if ![JSON, MSGPACK].contains(&media.as_str()) {
                for bytes in [&b""[..], b"\xff\xfe\x00", b"--x\r\n\r\n", &[b'%'; 5000]] {
                    let sent = (media.as_str(), bytes.to_vec());
                    self.body(target, sent, media, Want::Documented).await;
                }
            }
        }
    }

    async fn json(&mut self, target: &Target<'_>, schema: &Value) {
        let refused = || Want::Refused(None);
        for text in [
            "", "[]", "7", "null", "\"x\"", "{", "{\"a\":", "{}}", "nan", "{'a': 1}",
        ] {
            self.body(target, (JSON, text.into()), text, refused())
                .await;
        }
        let deep = |name: &str| {
            let nest = 50_000;
            format!("{{\"{name}\":{}{}}}", "[".repeat(nest), "]".repeat(nest))
        };
        let unknown = r#"{"no_such_field": 1}"#;
        self.body(target, (JSON, unknown.into()), unknown, refused())
            .await;
        self.body(target, (JSON, deep("x").into()), "deep", refused())
            .await;
        let schemas = Schemas(target.schemas.0);
        for (name, about) in schemas.properties(schema) {
            // Another type is seen where it stands; a value of its type when all the rest is there.
            let types = schemas.wrong_types(about);
            let types = types.into_iter().map(|one| (one, Some(name.to_owned())));
            let values = schemas.wrong_values(about).into_iter();
            for (value, named) in types.chain(values.map(|one| (one, None))) {
                let body = json!({name: value}).to_string();
                let shown: String = body.chars().take(80).collect();
                self.body(target, (JSON, body.into()), &shown, Want::Refused(named))
                    .await;
            }
            let shown = format!("{name} deep");
            self.body(target, (JSON, deep(name).into()), &shown, refused())
                .await;
            let large = json!({name: "a".repeat(MEGABYTE)}).to_string();
            let shown = format!("{name} of a megabyte");
            self.body(target, (JSON, large.into()), &shown, refused())
                .await;
            let bytes = [b"{\"", name.as_bytes(), b"\":\"\xff\xfe\"}"].concat();
            let shown = format!("{name} no UTF-8");
            self.body(target, (JSON, bytes), &shown, refused()).await;
        }
    }

    async fn msgpack(&mut self, target: &Target<'_>, schema: &Value) {
        let schemas = Schemas(target.schemas.0);
        let mut bodies: Vec<(String, Vec<u8>)> = [
            &b""[..],
            b"\xc0",
            b"\x90",
            b"\xc1",
            b"\xdf\xff\xff\xff\xff",
            b"\x81\xa1x\x01",
            b"\x80\x80",
        ]
        .map(|bytes| (format!("{bytes:x?}"), bytes.to_vec()))
        .into();
        for (name, about) in schemas.properties(schema) {
            let key = rmp_serde::to_vec(name).unwrap();
            for tail in [
                &b"\xdd\xff\xff\xff\xff"[..],
                b"\xdb\xff\xff\xff\xff",
                b"\xc6\xff\xff\xff\xff",
                b"\xc1",
                b"\xa2\xff\xfe",
                &[0x91; 50_000],
            ] {
                let bytes = [&b"\x81"[..], &key, tail].concat();
                bodies.push((format!("{name} {:x?}", &tail[..1]), bytes));
            }
            for value in schemas.wrong_types(about) {
                let shown: String = value.to_string().chars().take(60).collect();
                let bytes = rmp_serde::to_vec(&json!({name: value})).unwrap();
                bodies.push((format!("{name} {shown}"), bytes));
            }
        }
        for (shown, bytes) in bodies {
            let shown = format!("msgpack {shown}");
            self.body(target, (MSGPACK, bytes), &shown, Want::Refused(None))
                .await;
        }
    }

    async fn body(
        &mut self,
        target: &Target<'_>,
        (media, bytes): (&str, Vec<u8>),
        shown: &str,
        want: Want,
    ) {
        let request = self.request(target, &target.path);
        let request = request.header("Content-Type", media).body(bytes);
        self.hold(target, request, shown, want).await;
    }

    /// A request with credentials that may do everything.
    fn request(&self, target: &Target<'_>, path: &str) -> RequestBuilder {
        let request = self.c.http.request(target.method.clone(), target.url(path));
        match target.service {
            contract::Service::Api => {
                request.header("Authorization", Coordinator::basic(LOGIN, PASSWORD))
            }
            _ => request.header("Luna-Account-Id", &self.account),
        }
    }

    /// Sends, and notes what is wrong with the answer.
    async fn hold(
        &mut self,
        target: &Target<'_>,
        request: RequestBuilder,
        shown: &str,
        want: Want,
    ) {
        self.sent += 1;
        let request = request.build().unwrap();
        let (asked, url) = (request.headers().clone(), request.url().clone());
        let sent = request.body().and_then(reqwest::Body::as_bytes);
        let sent = sent.map(<[u8]>::to_vec);
        let answer = match self.c.http.execute(request).await {
            Ok(answer) => answer,
            Err(error) => return self.note(target, shown, &format!("no answer: {error:?}")),
        };
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.unwrap_or_default();
        let exchange = Exchange {
            service: target.service,
            method: target.method.as_str(),
            path: url.path(),
            query: url.query().unwrap_or_default(),
            asked: &asked,
            sent: sent.as_deref(),
            status,
            headers: &headers,
            body: &body,
        };
        let mut faults: Vec<String> = Contract::load()
            .faults(&exchange)
            .iter()
            .map(ToString::to_string)
            .collect();
        // Where the document says less than what is read, what is taken may be more than it says.
        if matches!(want, Want::Documented) {
            faults.retain(|fault| {
                !["query.", "header.", "request"]
                    .iter()
                    .any(|at| fault.starts_with(at))
            });
        }
        faults.extend(want.missed(&exchange));
        if !faults.is_empty() {
            let text: String = String::from_utf8_lossy(&body).chars().take(300).collect();
            self.note(target, shown, &format!("{status} {text} {faults:?}"));
        }
    }

    fn note(&mut self, target: &Target<'_>, shown: &str, what: &str) {
        let (method, path) = (&target.method, &target.path);
        self.wrong
            .push(format!("{method} {path} [{shown}]: {what}"));
    }
}

impl Target<'_> {
    fn url(&self, path: &str) -> String {
        let path = path.replace("{samples_type}", "faces");
        let mut parts = path.split('{');
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            filled.push_str(NOBODY);
            filled.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
        }
        format!("{}{filled}", self.base)
    }

    fn takes(&self, media: &str) -> bool {
        self.about["requestBody"]["content"][media].is_object()
    }
}

impl Want {
    /// What an answer lacks.
    fn missed(&self, exchange: &Exchange<'_>) -> Option<String> {
        let (status, code) = (exchange.status, exchange.code());
        let is_head = exchange.method == "HEAD";
        // Without models it is not well, and says so.
        if status >= 500 && !exchange.path.ends_with("/healthcheck") {
            return Some("a failure".to_owned());
        }
        match self {
            Self::Documented => None,
            Self::BadQuery => {
                let is_told = is_head || [Some(12012), Some(22016)].contains(&code);
                (status != 400 || !is_told).then(|| "want a bad parameter".to_owned())
            }
            Self::Refused(field) => {
                if !(400..500).contains(&status) {
                    return Some("want a refusal".to_owned());
                }
                let field = field.as_ref().filter(|_| status == 400)?;
                let body: Value = serde_json::from_slice(exchange.body).unwrap_or_default();
                let detail = body["detail"].as_str().unwrap_or_default();
                let is_named = detail.contains(&format!("'{field}"));
                (!is_named).then(|| format!("want {field} named"))
            }
        }
    }
}
