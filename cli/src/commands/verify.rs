//! What the coordinator knows about credentials.

use clap::Args;
use uuid::Uuid;

use crate::{client::Client, failure::Failure, output::Output};

/// `goshawk verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Ask about this account instead, as a service would that is told its id alone.
    #[arg(long)]
    account_id: Option<Uuid>,
}

/// Runs `goshawk verify`.
pub async fn run(client: &Client, command: Verify, output: &mut Output) -> Result<(), Failure> {
    let id = command.account_id.map(|id| id.to_string());
    output.object(&client.verify(id.as_deref()).await?)
}

/// Runs `goshawk whoami`.
pub async fn whoami(client: &Client, output: &mut Output) -> Result<(), Failure> {
    output.object(&client.get("/6/account").value().await?)
}
