//! What happens to what is seen: handlers and their policies.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;
use uuid::Uuid;

use super::{documents, list};
use crate::{
    args::{Filters, Limit},
    client::Client,
    failure::Failure,
    output::{Column, Output},
};

const COLUMNS: &[Column] = &[
    Column::new("HANDLER ID", "/handler_id"),
    Column::new("DESCRIPTION", "/description"),
    Column::new("TYPE", "/handler_type"),
    Column::new("CREATED", "/create_time"),
    Column::new("CHANGED", "/last_update_time"),
];

const EXAMPLE: &str = "\
Example:
  description = \"door\"

  [policies.detect_policy]
  detect_face = 1

  [policies.extract_policy]
  extract_face_descriptor = 1

  [[policies.match_policy]]
  label = \"staff\"
  candidates = { origin = \"faces\", list_id = \"7acc35cf-a3b2-4f87-8d8b-5496a2782d37\" }
  limit = 3
  threshold = 0.6

  [policies.storage_policy.event_policy]
  store_event = 1";

/// `goshawk handlers`.
#[derive(Debug, Subcommand)]
pub enum Handlers {
    /// All handlers.
    List {
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        limit: Limit,
    },
    /// Make a handler from a JSON or TOML file with `description` and `policies`.
    #[command(after_help = EXAMPLE)]
    Create {
        /// The file; `-` is JSON on standard input.
        file: PathBuf,
    },
    /// One handler with its policies.
    Show {
        /// Handler id.
        handler_id: Uuid,
    },
    /// Put the content of a file in place of a handler.
    Replace {
        /// Handler id.
        handler_id: Uuid,
        /// The file; `-` is JSON on standard input.
        file: PathBuf,
    },
    /// Delete a handler.
    Delete {
        /// Handler id.
        handler_id: Uuid,
    },
    /// Check a file without making a handler of it.
    Validate {
        /// The file; `-` is JSON on standard input.
        file: PathBuf,
    },
    /// The number of handlers.
    Count {
        #[command(flatten)]
        filters: Filters,
    },
}

/// Runs a `handlers` command.
pub async fn run(client: &Client, command: Handlers, output: &mut Output) -> Result<(), Failure> {
    match command {
        Handlers::List { filters, limit } => {
            let request = client.get("/6/handlers").filters(&filters.filters);
            list(output, request.pages("handlers", limit.get()), COLUMNS).await
        }
        Handlers::Create { file } => {
            let request = client.post("/6/handlers").json(&documents::read(&file)?)?;
            output.made(&request.value().await?, "handler_id")
        }
        Handlers::Show { handler_id } => {
            let request = client.get(format!("/6/handlers/{handler_id}"));
            output.object(&request.value().await?)
        }
        Handlers::Replace { handler_id, file } => {
            let request = client.put(format!("/6/handlers/{handler_id}"));
            request.json(&documents::read(&file)?)?.done().await?;
            output.done(format!("handler {handler_id} is replaced"))
        }
        Handlers::Delete { handler_id } => {
            let request = client.delete(format!("/6/handlers/{handler_id}"));
            request.done().await?;
            output.done(format!("handler {handler_id} is deleted"))
        }
        Handlers::Validate { file } => {
            let request = client.post("/6/handlers/validator");
            request
                .json(&policies(documents::read(&file)?))?
                .done()
                .await?;
            output.done(format!("{} is valid", file.display()))
        }
        Handlers::Count { filters } => {
            let request = client.get("/6/handlers/count").filters(&filters.filters);
            output.made(&request.value().await?, "handlers_count")
        }
    }
}

/// The part of a handler that the validator takes.
fn policies(mut document: Value) -> Value {
    if let Some(fields) = document.as_object_mut()
        && fields.contains_key("policies")
    {
        fields.retain(|name, _| name == "policies");
    }
    document
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_example_is_toml() {
        let text = EXAMPLE.strip_prefix("Example:\n").unwrap();
        let read: Value = toml::from_str(text).unwrap();
        assert_eq!(read["policies"]["match_policy"][0]["limit"], 3);
    }

    #[test]
    fn a_whole_handler_can_be_validated() {
        let whole = json!({"description": "door", "policies": {"match_policy": []}});
        assert_eq!(policies(whole), json!({"policies": {"match_policy": []}}));
        assert_eq!(policies(json!({"x": 1})), json!({"x": 1}));
    }
}
