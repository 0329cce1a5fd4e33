//! Edge agents: inviting, listing and cutting off.

use clap::Subcommand;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    client::{Client, text},
    failure::Failure,
    output::{Column, Output},
};

const AGENTS: &str = "/goshawk/1/agents";
const COLUMNS: &[Column] = &[
    Column::new("AGENT ID", "/agent_id"),
    Column::new("STATUS", "/status"),
    Column::new("NAME", "/name"),
    Column::new("WAITING", "/outbox/records"),
    Column::new("HEARD OF", "/last_feedback_at"),
    Column::new("CERTIFICATE UNTIL", "/certificate_expires_at"),
];
const TOKENS: &[Column] = &[
    Column::new("JOIN TOKEN ID", "/join_token_id"),
    Column::new("STATE", "/state"),
    Column::new("LABEL", "/label"),
    Column::new("EXPIRES", "/expires_at"),
];

/// `goshawk agents`.
#[derive(Debug, Subcommand)]
pub enum Agents {
    /// A one-time token with which a new agent enrols.
    JoinToken {
        /// Seconds for which it can be used, at most 30 days.
        #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=2_592_000))]
        valid_for: u64,
        /// What it is for, at most 128 characters.
        #[arg(long, default_value = "")]
        label: String,
    },
    /// Join tokens and what became of them.
    JoinTokens,
    /// All agents.
    List,
    /// Cut an agent off for good.
    Revoke {
        /// Agent id.
        agent_id: Uuid,
    },
}

/// Runs an `agents` command.
pub async fn run(client: &Client, command: Agents, output: &mut Output) -> Result<(), Failure> {
    match command {
        Agents::JoinToken { valid_for, label } => {
            let made = invite(client, valid_for, &label).await?;
            output.made(&made, "token")
        }
        Agents::JoinTokens => {
            let answer = client.get(format!("{AGENTS}/join-tokens")).value().await?;
            whole(&answer, "join_tokens", TOKENS, output)
        }
        Agents::List => {
            let answer = client.get(AGENTS).value().await?;
            whole(&answer, "agents", COLUMNS, output)
        }
        Agents::Revoke { agent_id } => {
            let request = client.delete(format!("{AGENTS}/{agent_id}"));
            request.done().await?;
            output.done(format!("agent {agent_id} is cut off"))
        }
    }
}

/// Prints a collection that comes in one piece.
fn whole(
    answer: &Value,
    key: &str,
    columns: &[Column],
    output: &mut Output,
) -> Result<(), Failure> {
    let found = answer.get(key).and_then(Value::as_array);
    let found = found.ok_or_else(|| Failure::Unreachable(format!("the answer has no `{key}`")))?;
    let mut rows = output.rows(columns);
    rows.page(found)?;
    rows.end()
}

async fn invite(client: &Client, valid_for: u64, label: &str) -> Result<Value, Failure> {
    let request = client.post(format!("{AGENTS}/join-tokens"));
    let body = json!({"valid_for": valid_for, "label": label});
    request.json(&body)?.value().await
}

/// A fresh token, usable once within `valid_for` seconds.
pub async fn join_token(client: &Client, valid_for: u64) -> Result<String, Failure> {
    text(&invite(client, valid_for, "").await?, "token")
}
