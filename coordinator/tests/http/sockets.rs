//! WebSocket subscribers.

use futures_util::StreamExt;
use goshawk_e2e::contract::{Contract, Service};
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, client::IntoClientRequest},
};

use crate::{
    events::{portrait, tell_apart},
    harness::{Coordinator, LOGIN, PASSWORD, models_home},
};

fn address(origin: &str, path: &str) -> String {
    format!("{}{path}", origin.replace("http://", "ws://"))
}

#[tokio::test]
async fn handshakes_are_checked() {
    let c = Coordinator::start().await;
    let refused = async |url: String, header: Option<(&'static str, String)>| {
        let mut request = url.into_client_request().unwrap();
        if let Some((name, value)) = header {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        match connect_async(request).await {
            Err(Error::Http(response)) => response.status().as_u16(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(address(&c.api, "/6/ws"), None).await, 403);
    let wrong = ("authorization", Coordinator::basic(LOGIN, "wrong"));
    assert_eq!(refused(address(&c.api, "/6/ws"), Some(wrong)).await, 401);
    let right = || Some(("authorization", Coordinator::basic(LOGIN, PASSWORD)));
    assert_eq!(
        refused(address(&c.api, "/6/ws?gender=7"), right()).await,
        400
    );
    assert_eq!(refused(address(&c.sender, "/2/ws"), None).await, 400);
    c.get("", "/6/ws").await.refused(400, 12017);
    c.stop().await;
}

#[tokio::test]
async fn subscribers_hear_their_events_and_the_end() {
    let Some(home) = models_home() else { return };
    let c = Coordinator::start_with(&[("models.home", home.to_str().unwrap())]).await;
    let Some(photo) = portrait(&home) else {
        return c.stop().await;
    };
    let mut all = address(&c.api, "/6/ws").into_client_request().unwrap();
    all.headers_mut().insert(
        "authorization",
        Coordinator::basic(LOGIN, PASSWORD).parse().unwrap(),
    );
    let (mut all, _) = connect_async(all).await.unwrap();
    let account = c.account_id().await;
    let mut other = address(&c.sender, "/2/ws?sources=elsewhere")
        .into_client_request()
        .unwrap();
    other
        .headers_mut()
        .insert("Luna-Account-Id", account.parse().unwrap());
    let (mut other, _) = connect_async(other).await.unwrap();

    let handler = c
        .post(
            "createHandler",
            "/6/handlers",
            json!({"description": "", "policies": {}}),
        )
        .await
        .id("handler_id");
    let events = format!("/6/handlers/{handler}/events?source=here");
    let request = c
        .request(reqwest::Method::POST, &events)
        .header("Content-Type", tell_apart(&photo))
        .body(photo);
    let made = c.send("generateEvents", request).await.expect(201);

    let message = all.next().await.unwrap().unwrap();
    let message: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
    assert_eq!(
        message["event"]["event_id"],
        made.body["events"][0]["event_id"]
    );
    assert_eq!(message["handler_id"], handler);
    Contract::load().check_message(Service::Api, "/6/ws", &message);
    c.app.stop().await;
    let end = other.next().await.unwrap().unwrap();
    assert!(end.is_close(), "an event of another source: {end:?}");
}
