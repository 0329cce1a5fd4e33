//! One request and its answer, held against the operation that its method and path name.

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::{
    Fault,
    document::{Document, Found},
    encoding::{body, media_type, parameter},
    known, schema,
};

/// Which service was asked: paths of different services are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// `/6`.
    Api,
    /// `/1/ws`.
    Sender,
    /// `/1/handlers`.
    Handlers,
    /// `/2/streams`.
    Streams,
}

/// One request and its answer.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// Who was asked.
    pub service: Service,
    /// Upper case.
    pub method: &'a str,
    /// Path, still encoded.
    pub path: &'a str,
    /// Query without the question mark.
    pub query: &'a str,
    /// Headers of the request.
    pub asked: &'a HeaderMap,
    /// Body of the request; `None` when there is none or it is not at hand.
    pub sent: Option<&'a [u8]>,
    /// Status of the answer.
    pub status: u16,
    /// Headers of the answer.
    pub headers: &'a HeaderMap,
    /// Body of the answer.
    pub body: &'a [u8],
}

impl Exchange<'_> {
    /// Adds what does not fit `document`.
    pub(super) fn held_against(&self, document: &Document, found: &mut Vec<Fault>) {
        let Some(operation) = document.find(self.method, self.path) else {
            // Ours alone knows everything that we serve; the published one knows less.
            if !document.is_published() && !known::may_be_undocumented(self) {
                found.push(Fault::new("path", "no such operation in our own document"));
            }
            return;
        };
        if known::is_unknown(self) && !has_good_ids(document, &operation) {
            // An id that is none, in the path, makes another address.
            return;
        }
        if (200..300).contains(&self.status) {
            self.request(document, &operation, found);
        }
        let Some(response) = document.response(operation.operation, self.status) else {
            let what = format!("{} is not documented", self.status);
            found.push(Fault::new("status", what));
            return;
        };
        self.answer_headers(document, response, found);
        if self.method != "HEAD" {
            self.answer_body(document, response, found);
        }
        // The published documents show codes in some examples only; ours list them all.
        if !document.is_published() {
            self.error_code(document, response, found);
        }
    }

    /// What was accepted must be valid.
    fn request(&self, document: &Document, operation: &Found<'_>, found: &mut Vec<Fault>) {
        let given: Vec<(String, String)> = form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect();
        let parameters = &operation.operation.parameters;
        for one in parameters {
            let name = one["name"].as_str().unwrap_or_default();
            let values: Vec<&str> = match one["in"].as_str() {
                Some("path") => operation
                    .variables
                    .get(name)
                    .map(String::as_str)
                    .into_iter()
                    .collect(),
                Some("query") => values(&given, name).collect(),
                // A content type is looked at with the body.
                Some("header")
                    if known::is_never_refused(name)
                        || name.eq_ignore_ascii_case("content-type") =>
                {
                    continue;
                }
                Some("header") => header(self.asked, name).into_iter().collect(),
                _ => continue,
            };
            let at = format!("{}.{name}", one["in"].as_str().unwrap_or_default());
            if values.is_empty() && one["required"] == Value::Bool(true) {
                found.push(Fault::new(&at, "missing"));
            }
            if !values.is_empty() {
                self.parameter(document, one, &values, &at, found);
            }
        }
        for (name, _) in &given {
            let is_known = |one: &Value| {
                one["in"] == "query" && (one["name"] == **name || one["schema"]["type"] == "object")
            };
            if !parameters.iter().any(is_known) {
                found.push(Fault::new(format!("query.{name}"), "not in the contract"));
            }
        }
        self.request_body(document, operation, found);
    }

    fn parameter(
        &self,
        document: &Document,
        one: &Value,
        values: &[&str],
        at: &str,
        found: &mut Vec<Fault>,
    ) {
        let about = document.resolve(&one["schema"]);
        // Described by a media type instead, or known to be read in another way.
        if about.is_null() || known::is_list_in_text(about) {
            return;
        }
        // Of a list in one text, the schema lists the words.
        if about["type"] == "string" && about["enum"].is_array() {
            for item in values.iter().flat_map(|text| text.split(',')) {
                found.extend(schema::faults(document, about, &Value::from(item), at));
            }
            return;
        }
        let value = if about["type"] == "array" {
            let of = document.resolve(&about["items"])["type"].as_str();
            let parts = values.iter().flat_map(|text| text.split(','));
            Value::Array(parts.map(|text| parameter(of, text)).collect())
        } else {
            parameter(scalar(document, about), values[0])
        };
        found.extend(schema::faults(document, about, &value, at));
    }

    fn request_body(&self, document: &Document, operation: &Found<'_>, found: &mut Vec<Fault>) {
        let about = document.resolve(&operation.operation.node["requestBody"]);
        let Some(sent) = self.sent.filter(|bytes| !bytes.is_empty()) else {
            if about["required"] == Value::Bool(true) && !self.asked.contains_key("content-length")
            {
                found.push(Fault::new("request", "has no body"));
            }
            return;
        };
        if about.is_null() {
            found.push(Fault::new("request", "has a body that is not documented"));
            return;
        }
        let media = media_type(header(self.asked, "content-type").unwrap_or_default());
        content(document, about, &media, sent, "request", found);
    }

    fn answer_headers(&self, document: &Document, response: &Value, found: &mut Vec<Fault>) {
        for (name, about) in response["headers"].as_object().into_iter().flatten() {
            // A pattern of names, not a name.
            if name.starts_with('*') {
                continue;
            }
            let about = document.resolve(about);
            let at = format!("header.{name}");
            match header(self.headers, name) {
                None if about["required"] == Value::Bool(true) => {
                    found.push(Fault::new(at, "missing"));
                }
                None => {}
                Some(text) if name.eq_ignore_ascii_case("content-type") => {
                    found.extend(content_type(document, &about["schema"], text, &at));
                }
                Some(text) => {
                    let value = parameter(scalar(document, &about["schema"]), text);
                    found.extend(schema::faults(document, &about["schema"], &value, &at));
                }
            }
        }
    }

    fn answer_body(&self, document: &Document, response: &Value, found: &mut Vec<Fault>) {
        let is_documented = response["content"]
            .as_object()
            .is_some_and(|all| !all.is_empty());
        if self.body.is_empty() {
            if is_documented && self.status != 101 && !known::may_be_empty(self) {
                found.push(Fault::new("body", "empty"));
            }
            return;
        }
        if !is_documented {
            found.push(Fault::new("body", "not documented"));
            return;
        }
        let media = media_type(header(self.headers, "content-type").unwrap_or_default());
        content(document, response, &media, self.body, "body", found);
    }

    /// An error's code must be among those that `told` names, as far as it names any.
    fn error_code(&self, document: &Document, told: &Value, found: &mut Vec<Fault>) {
        if self.status < 400 {
            return;
        }
        let Some(code) = self.code() else { return };
        let mut documented = Vec::new();
        codes(document, told, 0, &mut documented);
        if !documented.is_empty() && !documented.contains(&code) {
            let what = format!("{code} is not among {documented:?}");
            found.push(Fault::new("error_code", what));
        }
    }

    /// The contract's code of an error.
    pub fn code(&self) -> Option<u64> {
        let error: Value = serde_json::from_slice(self.body).ok()?;
        error["error_code"].as_u64()
    }
}

/// Adds what in a socket's `value` does not fit the message that a 101 answer of `path` describes.
pub(super) fn message(document: &Document, path: &str, value: &Value, found: &mut Vec<Fault>) {
    let Some(socket) = document.find("GET", path) else {
        found.push(Fault::new("path", "no such operation"));
        return;
    };
    let Some(response) = document.response(socket.operation, 101) else {
        found.push(Fault::new("status", "101 is not documented"));
        return;
    };
    let about = &response["content"]["application/json"]["schema"];
    found.extend(schema::faults(document, about, value, "message"));
}

/// Whether what stands in the variable parts of a path is what the document wants there.
fn has_good_ids(document: &Document, operation: &Found<'_>) -> bool {
    let parameters = operation.operation.parameters.iter();
    let mut of_path = parameters.filter(|one| one["in"] == "path");
    of_path.all(|one| {
        let name = one["name"].as_str().unwrap_or_default();
        let value = operation.variables.get(name).map_or("", String::as_str);
        let about = document.resolve(&one["schema"]);
        let value = parameter(scalar(document, about), value);
        schema::faults(document, about, &value, "path").is_empty()
    })
}

/// A content type against the schema of its header, whose values may have parameters of their own.
fn content_type(document: &Document, about: &Value, text: &str, at: &str) -> Option<Fault> {
    let listed = document.resolve(about)["enum"].as_array()?;
    let bare = media_type(text);
    let is_listed = listed
        .iter()
        .filter_map(Value::as_str)
        .any(|one| media_type(one) == bare);
    (!is_listed).then(|| Fault::new(at, format!("{text:?} is none of {listed:?}")))
}

/// A body against the media types that `about` lists.
fn content(
    document: &Document,
    about: &Value,
    media: &str,
    bytes: &[u8],
    at: &str,
    found: &mut Vec<Fault>,
) {
    let listed = about["content"].as_object();
    let same = |key: &str| media_type(key) == media;
    let any = |key: &str| {
        key == "*/*"
            || key
                .strip_suffix("/*")
                .is_some_and(|kind| media.starts_with(kind))
    };
    let entry = listed.into_iter().flatten();
    let mut entry = entry.filter(|(key, _)| same(key) || any(key));
    let Some((_, entry)) = entry.next() else {
        found.push(Fault::new(
            at,
            format!("{media:?} is not a documented type"),
        ));
        return;
    };
    match body(media, bytes) {
        Some(Ok(value)) => found.extend(schema::faults(document, &entry["schema"], &value, at)),
        Some(Err(error)) => found.push(Fault::new(at, format!("cannot be read: {error}"))),
        None => {}
    }
}

/// The one type that a schema, or the only typed part of its alternatives, has.
fn scalar<'a>(document: &'a Document, schema: &'a Value) -> Option<&'a str> {
    let schema = document.resolve(schema);
    if let Some(all) = schema["type"].as_array() {
        return all
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null");
    }
    schema["type"].as_str().or_else(|| {
        ["allOf", "oneOf", "anyOf"]
            .into_iter()
            .filter_map(|key| schema[key].as_array())
            .flatten()
            .find_map(|part| scalar(document, part).filter(|kind| *kind != "null"))
    })
}

/// Every error code in examples of answers, or listed in their descriptions as `- 12012: …`.
fn codes(document: &Document, node: &Value, depth: usize, into: &mut Vec<u64>) {
    if depth > 12 {
        return;
    }
    let node = document.resolve(node);
    for (key, value) in node.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("error_code", _) => into.extend(value.as_u64()),
            ("description", Value::String(text)) => into.extend(text.lines().filter_map(listed)),
            ("schema" | "headers", _) => {}
            _ => codes(document, value, depth + 1, into),
        }
    }
    for item in node.as_array().into_iter().flatten() {
        codes(document, item, depth + 1, into);
    }
    into.sort_unstable();
    into.dedup();
}

fn listed(line: &str) -> Option<u64> {
    let (code, _) = line.strip_prefix("- ")?.split_once(':')?;
    code.parse().ok()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn values<'a>(given: &'a [(String, String)], name: &'a str) -> impl Iterator<Item = &'a str> {
    given
        .iter()
        .filter(move |(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// A body as a failure shows it.
pub(super) fn shown(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else {
        return "-".to_owned();
    };
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => format!("{value:#}"),
        Err(_) => json!(String::from_utf8_lossy(&bytes[..bytes.len().min(300)])).to_string(),
    }
}

#[cfg(test)]
mod tests;
