//! What comes back: bounded, and sorted into success, refusal and "this is no coordinator".

use std::error::Error;

use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;

use crate::failure::{Failure, Refusal};

/// Largest answer that is taken. A page of results is far below it.
const MAX_BYTES: usize = 32 << 20;

/// An error as the contract writes it: one, or for a service that is not well one a component.
#[derive(Deserialize)]
#[serde(untagged)]
enum Refused {
    One {
        error_code: i64,
        #[serde(default)]
        desc: String,
        #[serde(default)]
        detail: String,
    },
    Unwell {
        errors: Vec<Component>,
    },
}

/// What a service depends on and is not well.
#[derive(Deserialize)]
struct Component {
    component: String,
    error: Box<Refused>,
}

impl Refused {
    fn code_desc_detail(self) -> (i64, String, String) {
        match self {
            Self::One {
                error_code,
                desc,
                detail,
            } => (error_code, desc, detail),
            Self::Unwell { errors } => {
                let (mut code, mut details) = (0, Vec::new());
                for Component { component, error } in errors {
                    let (its_code, _, detail) = error.code_desc_detail();
                    code = its_code;
                    details.push(format!("{component}: {detail}"));
                }
                (
                    code,
                    "The service is not well".to_owned(),
                    details.join("; "),
                )
            }
        }
    }
}

/// The body of a success.
pub async fn body(response: Response, name: &str) -> Result<Vec<u8>, Failure> {
    let status = response.status();
    let request_id = request_id(&response);
    let bytes = bounded(response, name).await?;
    if status.is_success() {
        return Ok(bytes);
    }
    Err(refusal(name, status, request_id, &bytes))
}

/// The connection of a successful upgrade, whose answer proves with `accept` that it is one.
pub async fn upgraded(
    response: Response,
    name: &str,
    accept: &str,
) -> Result<reqwest::Upgraded, Failure> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let status = response.status();
        let request_id = request_id(&response);
        let bytes = bounded(response, name).await?;
        return Err(refusal(name, status, request_id, &bytes));
    }
    let proof = response.headers().get("sec-websocket-accept");
    if proof.is_none_or(|proof| proof.as_bytes() != accept.as_bytes()) {
        let message = format!("{name} was not answered by a WebSocket: is the address right?");
        return Err(Failure::Unreachable(message));
    }
    response
        .upgrade()
        .await
        .map_err(|error| Failure::Unreachable(format!("{name}: {}", cause(&error))))
}

/// An error before there was an answer; `hint` says why nobody may listen there.
pub fn unreachable(name: &str, base: &Url, hint: &str, error: reqwest::Error) -> Failure {
    // Our own address has no secrets in it; reqwest's text would repeat the query.
    let error = error.without_url();
    let cause = cause(&error);
    let advice = if cause.contains("certificate") {
        "the certificate is not trusted; give the authority that signed it with --ca-file"
    } else if error.is_timeout() {
        "no answer in time; --timeout says how long to wait"
    } else if error.is_connect() {
        hint
    } else {
        "the connection broke off"
    };
    Failure::Unreachable(format!("cannot reach {base} for {name}: {cause}: {advice}"))
}

fn refusal(name: &str, status: StatusCode, request_id: String, bytes: &[u8]) -> Failure {
    let Ok(refused) = serde_json::from_slice::<Refused>(bytes) else {
        return Failure::Unreachable(format!(
            "{name} was answered with {status} by something that is no coordinator: is the \
             address right?"
        ));
    };
    let (error_code, desc, detail) = refused.code_desc_detail();
    Failure::Refused(Box::new(Refusal {
        request: name.to_owned(),
        status: status.as_u16(),
        error_code,
        desc,
        detail,
        request_id,
    }))
}

fn request_id(response: &Response) -> String {
    let value = response.headers().get("luna-request-id");
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_owned()
}

async fn bounded(mut response: Response, name: &str) -> Result<Vec<u8>, Failure> {
    let too_large = || {
        let limit = MAX_BYTES >> 20;
        Failure::Unreachable(format!("the answer to {name} is larger than {limit} MiB"))
    };
    let announced = response.content_length().unwrap_or(0);
    if announced > MAX_BYTES as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(|error| {
            let error = error.without_url();
            let cause = cause(&error);
            Failure::Unreachable(format!("the answer to {name} broke off: {cause}"))
        })?;
        match chunk {
            None => return Ok(bytes),
            Some(chunk) if bytes.len() + chunk.len() > MAX_BYTES => return Err(too_large()),
            Some(chunk) => bytes.extend_from_slice(&chunk),
        }
    }
}

/// What an error comes from in the end: what is above it only says that a request failed.
fn cause(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    deepest.to_string()
}
