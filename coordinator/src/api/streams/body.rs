//! Reading what a client asks of a stream.

use goshawk_coordinator_core::stream::NewStream;
use goshawk_proto::id::AccountId;
use serde_json::{Value, json};

use crate::{
    api::{call::Call, typed::typed},
    errors::{ApiError, Code},
    store::StoreError,
};

/// Brings a body into the form that the domain reads: regions as objects with their mode, and
/// no fields that mean nothing here.
fn normalised(mut body: Value) -> Result<Value, ApiError> {
    let Some(map) = body.as_object_mut() else {
        return Err(Code::BadJson.at("", "value is not a valid dict"));
    };
    if map.contains_key("group_name") || map.contains_key("group_id") {
        return Err(Code::BadJson.at("group_name", "groups of streams are not supported yet"));
    }
    if let Some(data) = map.get_mut("data").and_then(Value::as_object_mut) {
        if let Some(roi) = data.get_mut("roi") {
            region(roi, "data.roi")?;
        }
        let analytics = data.get_mut("analytics").and_then(Value::as_array_mut);
        for (at, one) in analytics.into_iter().flatten().enumerate() {
            if let Some(droi) = one.get_mut("droi") {
                region(droi, &format!("data.analytics.{at}.droi"))?;
            }
            if let Some(handler) = one.get_mut("event_handler").and_then(Value::as_object_mut)
                && let Some(authorization) = handler.remove("authorization")
            {
                check_authorization(&authorization, at)?;
            }
        }
    }
    Ok(body)
}

fn check_authorization(authorization: &Value, at: usize) -> Result<(), ApiError> {
    let fits = authorization.get("token").is_some_and(Value::is_string)
        || authorization
            .get("account_id")
            .and_then(Value::as_str)
            .is_some_and(|id| id.parse::<AccountId>().is_ok());
    let path = format!("data.analytics.{at}.event_handler.authorization");
    fits.then_some(())
        .ok_or_else(|| Code::BadJson.at(&path, "token or account_id is required"))
}

/// The deprecated form `[x, y, width, height]` becomes an object; a missing mode is `abs`.
fn region(value: &mut Value, path: &str) -> Result<(), ApiError> {
    if let Some(numbers) = value.as_array() {
        let [x, y, width, height] = numbers.as_slice() else {
            return Err(Code::BadJson.at(path, "ensure this value has exactly 4 items"));
        };
        *value = json!({"mode": "abs", "x": x, "y": y, "width": width, "height": height});
    }
    if let Some(map) = value.as_object_mut() {
        map.entry("mode").or_insert_with(|| json!("abs"));
        let fields = ["x", "y", "width", "height", "mode"];
        if let Some(extra) = map.keys().find(|name| !fields.contains(&name.as_str())) {
            return Err(Code::BadJson.at(&format!("{path}.{extra}"), "extra fields not permitted"));
        }
        let most = if map["mode"] == "percent" {
            100.0
        } else {
            65_536.0
        };
        for name in &fields[..4] {
            let number = map
                .get(*name)
                .ok_or_else(|| Code::BadJson.at(&format!("{path}.{name}"), "field required"))?;
            if !number
                .as_f64()
                .is_some_and(|number| (0.0..=most).contains(&number))
            {
                return Err(Code::BadJson.at(
                    &format!("{path}.{name}"),
                    format!("ensure this value is between 0 and {most}"),
                ));
            }
        }
    }
    Ok(())
}

/// The body as the domain's type, checked; the handlers that it names exist in its account.
pub async fn read(call: &Call) -> Result<NewStream, ApiError> {
    let new: NewStream = typed(normalised(call.json(Code::BadJson).await?)?, Code::BadJson)?;
    let account = new.account_id;
    let handlers: Vec<_> = new
        .data
        .analytics
        .iter()
        .map(|one| one.event_handler.handler_id)
        .collect();
    let missing = call.api.store.run(move |store| {
        for (at, id) in handlers.into_iter().enumerate() {
            match store.handler(account, id) {
                Ok(_) => {}
                Err(StoreError::NotFound { .. }) => return Ok(Some(at)),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    });
    match missing.await? {
        None => Ok(new),
        Some(at) => {
            let path = format!("data.analytics.{at}.event_handler.handler_id");
            Err(Code::BadJson.at(&path, "handler not found in this account"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_come_in_three_forms() {
        let mut old = json!([1, 2, 3, 4]);
        region(&mut old, "data.roi").unwrap();
        assert_eq!(
            old,
            json!({"mode": "abs", "x": 1, "y": 2, "width": 3, "height": 4})
        );
        let mut bare = json!({"x": 0, "y": 0, "width": 0, "height": 0});
        region(&mut bare, "data.roi").unwrap();
        assert_eq!(bare["mode"], "abs");
        let wrong = |mut value: Value| {
            region(&mut value, "data.roi").unwrap_err().body()["detail"].to_string()
        };
        assert!(wrong(json!([1, 2])).contains("exactly 4 items"));
        assert!(
            wrong(json!({"mode": "percent", "x": 101, "y": 0, "width": 1, "height": 1}))
                .contains("data.roi.x")
        );
        assert!(wrong(json!({"x": 1})).contains("Path: 'data.roi.y', message: 'field required'"));
    }
}
