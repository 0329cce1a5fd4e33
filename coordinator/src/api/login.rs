//! `/6/login`: a token as a cookie, for pages that run in a browser. See [`crate::auth::cookie`]
//! for what such a cookie counts for.

use http::{HeaderValue, StatusCode, header};
use utoipa::openapi::{Header, ObjectBuilder, Type};
use warp::reply::Response;

use super::{
    call::{self, Call},
    openapi,
    operation::{Operation, Shape},
    routes::{Access, Answer, Resource},
};
use crate::{
    auth::{bearer_token, cookie},
    errors::{ApiError, Challenge, Code},
};

/// The resource.
pub fn resources() -> Vec<Resource> {
    let done = |operation: Operation, text| {
        operation
            .gives(StatusCode::NO_CONTENT, text, &[], openapi::raw)
            .reshape(|shape, _| describe_cookie(shape))
    };
    let set = Operation::post("setLoginCookie", Access::Open, set)
        .about("Sets a cookie that counts as the token which is shown, for pages of this origin.")
        .fails(&[Code::AuthorizationFailed]);
    let clear = Operation::delete("deleteLoginCookie", Access::Open, clear)
        .about("Takes the cookie away. The token stays good.");
    vec![
        Resource::at("/6/login")
            .tagged("login")
            .serve(done(set, "The cookie is set."))
            .serve(done(clear, "The cookie is gone.")),
    ]
}

fn describe_cookie(shape: &mut Shape) {
    for (_, reply) in &mut shape.replies {
        let value = ObjectBuilder::new().schema_type(Type::String);
        let header = Header::new(value);
        reply.headers.insert("Set-Cookie".to_owned(), header.into());
    }
}

fn needs_token() -> ApiError {
    Code::AuthorizationFailed
        .with("Only token is allowed for this action")
        .asking(Challenge::Bearer)
}

async fn set(call: Call) -> Answer {
    let mut shown = call.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (shown.next(), shown.next()) else {
        return Err(needs_token());
    };
    let caller = call.api.auth.header(value, call.origin.peer).await?;
    let text = value.to_str().ok().and_then(bearer_token);
    let (Some(token), Some(text)) = (caller.token(), text) else {
        return Err(needs_token());
    };
    let left = token
        .expiration_time
        .map(|end| end.since(call.api.now()).as_secs());
    with_cookie(cookie::set(text, left, call.origin.scheme.is_secure()))
}

async fn clear(call: Call) -> Answer {
    with_cookie(cookie::clear(call.origin.scheme.is_secure()))
}

fn with_cookie(cookie: Option<HeaderValue>) -> Answer {
    let cookie = cookie.ok_or_else(|| ApiError::internal("login cookie", &"not a header"))?;
    let mut response: Response = call::empty(StatusCode::NO_CONTENT)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}
