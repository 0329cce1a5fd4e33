//! The login cookie: what it is, and for whom it counts.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::harness::Coordinator;

async fn cookie(c: &Coordinator, token: &str) -> String {
    let set = c.bearing(token, Method::POST, "/6/login");
    let set = c.send("setLoginCookie", set).await.expect(204);
    set.headers["set-cookie"].to_str().unwrap().to_owned()
}

async fn token(c: &Coordinator, expiration_time: Option<&str>) -> String {
    let body = json!({
        "expiration_time": expiration_time,
        "permissions": {"list": ["view", "creation"]},
    });
    let made = c.post("createToken", "/6/tokens", body).await;
    made.expect(201).id("token")
}

#[tokio::test]
async fn a_token_becomes_a_cookie_that_scripts_cannot_read() {
    let c = Coordinator::start().await;
    let text = token(&c, None).await;
    let set = cookie(&c, &text).await;
    assert_eq!(
        set,
        format!("goshawk_token={text}; Path=/; HttpOnly; SameSite=Strict")
    );
    let ending = token(&c, Some("2050-01-01T00:00:00Z")).await;
    let set = cookie(&c, &ending).await;
    assert!(set.contains("; Max-Age="), "{set}");
    let cleared = c.send("deleteLoginCookie", c.bare(Method::DELETE, "/6/login"));
    let cleared = cleared.await.expect(204);
    let cleared = cleared.headers["set-cookie"].to_str().unwrap();
    assert!(cleared.starts_with("goshawk_token=;") && cleared.contains("Max-Age=0"));
    c.stop().await;
}

#[tokio::test]
async fn only_a_token_becomes_a_cookie() {
    let c = Coordinator::start().await;
    let text = token(&c, None).await;
    let by_cookie = c
        .bare(Method::POST, "/6/login")
        .header("Cookie", format!("goshawk_token={text}"))
        .header("Sec-Fetch-Site", "same-origin");
    for request in [
        c.bare(Method::POST, "/6/login"),
        c.request(Method::POST, "/6/login"),
        by_cookie,
    ] {
        let reply = c.send("setLoginCookie", request).await.refused(401, 11065);
        assert_eq!(reply.detail(), "Only token is allowed for this action");
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
        assert!(!reply.headers.contains_key("set-cookie"));
    }
    let wrong = c.bearing("x.y.z", Method::POST, "/6/login");
    c.send("setLoginCookie", wrong).await.refused(401, 11065);
    c.stop().await;
}

#[tokio::test]
async fn a_cookie_counts_for_pages_of_this_origin_only() {
    let c = Coordinator::start().await;
    let text = token(&c, None).await;
    let with = |method: Method, headers: &[(&str, &str)]| -> RequestBuilder {
        let mut request = c
            .bare(method, "/6/lists")
            .header("Cookie", format!("theme=dark; goshawk_token={text}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
    };
    let new = json!({"user_data": "by a page"});
    let own = c.api.clone();
    for headers in [
        [("Sec-Fetch-Site", "same-origin")],
        [("Origin", own.as_str())],
    ] {
        let request = with(Method::GET, &headers);
        c.send("getLists", request).await.expect(200);
        let request = with(Method::POST, &headers).json(&new);
        c.send("createList", request).await.expect(201);
    }
    c.send("getLists", with(Method::GET, &[])).await.expect(200);
    for headers in [
        vec![],
        vec![("Sec-Fetch-Site", "none")],
        vec![("Sec-Fetch-Site", "same-site")],
        vec![("Sec-Fetch-Site", "cross-site"), ("Origin", own.as_str())],
        vec![("Origin", "https://evil.example")],
        vec![("Origin", "null")],
    ] {
        let request = with(Method::POST, &headers).json(&new);
        c.send("createList", request).await.refused(403, 12010);
    }
    let request = with(Method::GET, &[("Origin", "https://evil.example")]);
    let refused = c.send("getLists", request).await.refused(403, 12010);
    // Pages of others could not read an answer that came with a cookie anyway.
    assert!(
        !refused
            .headers
            .contains_key("access-control-allow-credentials")
    );
    let lists = c.get("getLists", "/6/lists").await.expect(200);
    assert_eq!(lists.body["lists"].as_array().unwrap().len(), 2);
    c.stop().await;
}

#[tokio::test]
async fn a_cookie_is_what_its_token_is() {
    let c = Coordinator::start().await;
    let text = token(&c, None).await;
    let ask = |path: &str| {
        c.bare(Method::GET, path)
            .header("Cookie", format!("goshawk_token={text}"))
    };
    c.send("getFaces", ask("/6/faces"))
        .await
        .refused(403, 11059);
    let listed = c.get("getTokens", "/6/tokens").await.expect(200);
    let id = listed.body["tokens"][0]["token_id"].as_str().unwrap();
    c.delete("deleteToken", &format!("/6/tokens/{id}"))
        .await
        .expect(204);
    let gone = c
        .send("getLists", ask("/6/lists"))
        .await
        .refused(401, 11065);
    assert_eq!(gone.headers["www-authenticate"], "Bearer");
    // Credentials in a header go before the cookie.
    let both = c
        .request(Method::GET, "/6/lists")
        .header("Cookie", format!("goshawk_token={text}"));
    c.send("getLists", both).await.expect(200);
    c.stop().await;
}
