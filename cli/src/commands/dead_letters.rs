//! Events of agents that could not be processed: looking at them, trying them again, dropping them.

use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    args::Limit,
    client::Client,
    failure::Failure,
    output::{Column, Format, Output},
};

const LETTERS: &str = "/goshawk/1/dead-letters";
/// Results asked for at once: the most that one answer has.
const PAGE_SIZE: u64 = 100;
const COLUMNS: &[Column] = &[
    Column::new("NUMBER", "/number"),
    Column::new("SET ASIDE", "/set_aside_at"),
    Column::new("EVENT ID", "/event_id"),
    Column::new("SOURCE", "/event/source"),
    Column::new("ATTEMPTS", "/attempts"),
    Column::new("REASON", "/reason"),
];

/// `goshawk dead-letters`.
#[derive(Debug, Subcommand)]
pub enum DeadLetters {
    /// All of them, oldest first.
    List {
        /// Only those with a higher number.
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
        #[command(flatten)]
        limit: Limit,
    },
    /// One of them whole, without its pictures.
    Show {
        /// Its number.
        number: u64,
    },
    /// Have them processed again, once what they failed by is mended.
    Retry {
        /// Their numbers.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        numbers: Vec<u64>,
        /// All that there are.
        #[arg(long)]
        all: bool,
    },
    /// Forget them for good.
    Drop {
        /// Their numbers.
        #[arg(required = true)]
        numbers: Vec<u64>,
    },
}

/// Runs a `dead-letters` command.
pub async fn run(
    client: &Client,
    command: DeadLetters,
    output: &mut Output,
) -> Result<(), Failure> {
    match command {
        DeadLetters::List { after, limit } => list(client, after, limit.get(), output).await,
        DeadLetters::Show { number } => {
            let found = client.get(format!("{LETTERS}/{number}")).value().await?;
            output.object(&found)
        }
        DeadLetters::Retry { numbers, all } => {
            let mut count = 0;
            if all {
                count += retry(client, format!("{LETTERS}/retry")).await?;
            }
            for number in numbers {
                count += retry(client, format!("{LETTERS}/{number}/retry")).await?;
            }
            match output.format() {
                Format::Table => output.done(format!("{count} processed again")),
                _ => output.object(&json!({"retried": count})),
            }
        }
        DeadLetters::Drop { numbers } => {
            for number in numbers {
                client.delete(format!("{LETTERS}/{number}")).done().await?;
                output.done(format!("dead letter {number} is dropped"))?;
            }
            Ok(())
        }
    }
}

async fn retry(client: &Client, path: String) -> Result<u64, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        retried: u64,
    }
    let answer: Answer = client.post(path).read().await?;
    Ok(answer.retried)
}

async fn list(
    client: &Client,
    mut after: Option<u64>,
    limit: Option<u64>,
    output: &mut Output,
) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Page {
        dead_letters: Vec<Value>,
        next: Option<u64>,
    }
    let mut wanted = limit.unwrap_or(u64::MAX);
    let mut rows = output.rows(COLUMNS);
    loop {
        let request = client
            .get(LETTERS)
            .query_some("after", after)
            .query("page_size", wanted.min(PAGE_SIZE));
        let page: Page = request.read().await?;
        rows.page(&page.dead_letters)?;
        wanted = wanted.saturating_sub(page.dead_letters.len() as u64);
        after = page.next;
        if after.is_none() || wanted == 0 {
            break;
        }
    }
    rows.end()?;
    if let Some(after) = after {
        output.note(format!("there are more; --after {after} shows them"));
    }
    Ok(())
}
