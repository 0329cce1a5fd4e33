//! Edge agents: inviting, listing and cutting off.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    args::Agents,
    client::{Client, text},
};

const AGENTS: &str = "/goshawk/1/agents";

/// Runs an `agents` command.
pub async fn run(client: &Client, command: Agents, as_json: bool) -> anyhow::Result<()> {
    match command {
        Agents::JoinToken { valid_for } => println!("{}", join_token(client, valid_for).await?),
        Agents::List => {
            let answer = client.call(Method::GET, AGENTS, None).await?;
            for agent in answer
                .get("agents")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                if as_json {
                    println!("{agent}");
                    continue;
                }
                let show = |key: &str| {
                    agent
                        .get(key)
                        .and_then(Value::as_str)
                        .unwrap_or("-")
                        .to_owned()
                };
                println!(
                    "{}  {:<12}  {}",
                    show("agent_id"),
                    show("status"),
                    show("name")
                );
            }
        }
        Agents::Revoke { id } => {
            client
                .call(Method::DELETE, &format!("{AGENTS}/{id}"), None)
                .await?;
        }
    }
    Ok(())
}

/// A fresh token, usable once within `valid_for` seconds.
pub async fn join_token(client: &Client, valid_for: u64) -> anyhow::Result<String> {
    let body = json!({"valid_for": valid_for});
    let answer = client
        .call(Method::POST, &format!("{AGENTS}/join-tokens"), Some(&body))
        .await?;
    text(&answer, "token")
}
