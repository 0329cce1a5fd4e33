//! Lists of people. A list's name is its `user_data`.

use anyhow::bail;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    args::Lists,
    client::{Client, text},
};

/// Runs a `lists` command.
pub async fn run(client: &Client, command: Lists, as_json: bool) -> anyhow::Result<()> {
    match command {
        Lists::Add { name } => {
            let answer = client
                .call(Method::POST, "/6/lists", Some(&json!({"user_data": name})))
                .await?;
            if as_json {
                println!("{answer}");
            } else {
                println!("{}", text(&answer, "list_id")?);
            }
        }
        Lists::List => {
            for list in client.all("/6/lists", "lists").await? {
                if as_json {
                    println!("{list}");
                } else {
                    println!("{}  {}", text(&list, "list_id")?, name(&list));
                }
            }
        }
        Lists::Remove { list } => {
            let id = find(client, &list).await?;
            let Some(id) = id else {
                bail!("there is no list `{list}`")
            };
            client
                .call(Method::DELETE, &format!("/6/lists/{id}"), None)
                .await?;
        }
    }
    Ok(())
}

/// The id of the list with this name or id.
pub async fn find(client: &Client, list: &str) -> anyhow::Result<Option<String>> {
    let mut named = Vec::new();
    for found in client.all("/6/lists", "lists").await? {
        let id = text(&found, "list_id")?;
        if id == list {
            return Ok(Some(id));
        }
        if name(&found) == list {
            named.push(id);
        }
    }
    if named.len() > 1 {
        bail!(
            "{} lists are called `{list}`: give the id of one: {}",
            named.len(),
            named.join(", ")
        );
    }
    Ok(named.pop())
}

/// The id of the list with this name or id; made when there is none.
pub async fn find_or_add(client: &Client, list: &str) -> anyhow::Result<String> {
    if let Some(id) = find(client, list).await? {
        return Ok(id);
    }
    if uuid::Uuid::try_parse(list).is_ok() {
        bail!("there is no list with the id {list}");
    }
    let answer = client
        .call(Method::POST, "/6/lists", Some(&json!({"user_data": list})))
        .await?;
    text(&answer, "list_id")
}

fn name(list: &Value) -> &str {
    list.get("user_data")
        .and_then(Value::as_str)
        .unwrap_or_default()
}
