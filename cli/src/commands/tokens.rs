//! Tokens: what programs may do in our name.

use std::{collections::BTreeMap, path::PathBuf};

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    documents, list,
    moment::{Moment, moment},
};
use crate::{
    args::{Filters, Limit, pair},
    client::{Client, Request},
    failure::Failure,
    output::{Column, Format, Output},
};

const COLUMNS: &[Column] = &[
    Column::new("TOKEN ID", "/token_id"),
    Column::new("EXPIRES", "/expiration_time"),
    Column::new("VISIBILITY", "/visibility_area"),
    Column::new("CREATED", "/create_time"),
    Column::new("DESCRIPTION", "/description"),
];

/// `goshawk tokens`.
#[derive(Debug, Subcommand)]
pub enum Tokens {
    /// Make a token and print it.
    Create(Wanted),
    /// All tokens of our account.
    List {
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        limit: Limit,
    },
    /// One token whole.
    Show {
        /// Its id.
        token_id: Uuid,
    },
    /// Give a token other rights; the old text of the token stops working where the coordinator
    /// gives a new one.
    Replace {
        /// Its id.
        token_id: Uuid,
        #[command(flatten)]
        wanted: Wanted,
    },
    /// Make a token worthless at once.
    Revoke {
        /// Its id.
        token_id: Uuid,
    },
}

/// What a token may do.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("rights").args(["grant", "from"]).multiple(false)))]
#[command(group(ArgGroup::new("life").args(["expires", "from"]).required(true).multiple(false)))]
pub struct Wanted {
    /// When it ends: a time, a span such as `30d`, or `never`.
    #[arg(long, value_parser = expiry)]
    expires: Option<Expiry>,
    /// Rights on one kind of thing, such as `face=view,matching`; may be given several times. Kinds:
    /// account, face, list, event, attribute, handler, verifier, task, face_sample, body_sample,
    /// image, object, token, resources, lambdas, video_stream, video_group, video_analytic.
    #[arg(long, value_name = "KIND=RIGHT,…", value_parser = pair)]
    grant: Vec<(String, String)>,
    /// All rights.
    #[arg(long, conflicts_with = "grant")]
    grant_all: bool,
    /// Whose data it shows, as far as the account may see it.
    #[arg(long, value_enum, conflicts_with = "from")]
    visibility: Option<Visibility>,
    /// Free text of at most 128 characters.
    #[arg(long, conflicts_with = "from")]
    description: Option<String>,
    /// Let it make events with these handlers alone.
    #[arg(
        long,
        value_name = "HANDLER",
        value_delimiter = ',',
        conflicts_with = "from"
    )]
    emit_only: Vec<Uuid>,
    /// Let it make events with all handlers but these.
    #[arg(
        long,
        value_name = "HANDLER",
        value_delimiter = ',',
        conflicts_with_all = ["emit_only", "from"],
    )]
    emit_except: Vec<Uuid>,
    /// Let it make no events.
    #[arg(long, conflicts_with_all = ["emit_only", "emit_except", "from"])]
    emit_none: bool,
    /// The request's whole body from a JSON or TOML file; `-` is JSON on standard input.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// When a token ends.
#[derive(Debug, Clone)]
enum Expiry {
    Never,
    At(Moment),
}

#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Visibility {
    /// The account's own.
    Account,
    /// Everybody's.
    All,
}

#[derive(Serialize)]
struct Body {
    expiration_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility_area: Option<Visibility>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    permissions: BTreeMap<String, Value>,
}

fn expiry(text: &str) -> Result<Expiry, String> {
    match text {
        "never" => Ok(Expiry::Never),
        text => moment(text).map(Expiry::At),
    }
}

impl Wanted {
    fn body(&self) -> Result<Value, Failure> {
        if let Some(path) = &self.from {
            return documents::read(path);
        }
        let mut permissions: BTreeMap<String, Value> = BTreeMap::new();
        for (kind, rights) in &self.grant {
            let rights: Vec<&str> = rights
                .split(',')
                .filter(|right| !right.is_empty())
                .collect();
            if permissions.insert(kind.clone(), json!(rights)).is_some() {
                let message = format!("`{kind}` is granted twice: give its rights in one --grant");
                return Err(Failure::Usage(message));
            }
        }
        if let Some(events) = self.emit_events() {
            permissions.insert("emit_events".to_owned(), events);
        }
        let body = Body {
            expiration_time: match &self.expires {
                Some(Expiry::At(moment)) => Some(moment.future()),
                Some(Expiry::Never) | None => None,
            },
            visibility_area: self.visibility,
            description: self.description.clone(),
            permissions,
        };
        Ok(json!(body))
    }

    fn emit_events(&self) -> Option<Value> {
        let listed = |ids: &[Uuid]| Some(ids.to_vec()).filter(|ids| !ids.is_empty());
        let (only, except) = (listed(&self.emit_only), listed(&self.emit_except));
        let said = self.emit_none || only.is_some() || except.is_some();
        said.then(|| {
            json!({"allowed": u8::from(!self.emit_none), "white_list": only, "black_list": except})
        })
    }

    async fn send(&self, request: Request<'_>) -> Result<Value, Failure> {
        let all = self.grant_all.then_some(1);
        let request = request.query_some("grant_all_permissions", all);
        request.json(&self.body()?)?.value().await
    }
}

/// Runs a `tokens` command.
pub async fn run(client: &Client, command: Tokens, output: &mut Output) -> Result<(), Failure> {
    match command {
        Tokens::Create(wanted) => {
            let made = wanted.send(client.post("/6/tokens")).await?;
            given(&made, output)
        }
        Tokens::List { filters, limit } => {
            let request = client.get("/6/tokens").filters(&filters.filters);
            list(output, request.pages("tokens", limit.get()), COLUMNS).await
        }
        Tokens::Show { token_id } => {
            let request = client.get(format!("/6/tokens/{token_id}"));
            output.object(&request.value().await?)
        }
        Tokens::Replace { token_id, wanted } => {
            let made = wanted
                .send(client.put(format!("/6/tokens/{token_id}")))
                .await?;
            given(&made, output)
        }
        Tokens::Revoke { token_id } => {
            let request = client.delete(format!("/6/tokens/{token_id}"));
            request.done().await?;
            output.done(format!("token {token_id} is worthless now"))
        }
    }
}

/// A token alone for people, ready for a file; its id is told beside it.
fn given(made: &Value, output: &mut Output) -> Result<(), Failure> {
    if output.format() == Format::Table
        && let Some(id) = made.get("token_id").and_then(Value::as_str)
    {
        output.note(format!(
            "token id {id}; whoever has the line below has its rights"
        ));
    }
    output.made(made, "token")
}

/// A fresh token with all rights of the account.
pub async fn for_us(client: &Client, life: &Moment, description: &str) -> Result<Value, Failure> {
    let body = json!({
        "expiration_time": life.future(),
        "description": description,
        "permissions": {},
    });
    let request = client.post("/6/tokens").query("grant_all_permissions", 1);
    request.json(&body)?.value().await
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        wanted: Wanted,
    }

    fn body(line: &str) -> Result<Value, Failure> {
        let parts = std::iter::once("x").chain(line.split_whitespace());
        Line::try_parse_from(parts).unwrap().wanted.body()
    }

    #[test]
    fn grants_become_permissions() {
        let body = body("--expires never --grant face=view,matching --grant list=view").unwrap();
        assert_eq!(body["permissions"]["face"], json!(["view", "matching"]));
        assert_eq!(body["permissions"]["list"], json!(["view"]));
        assert_eq!(body["expiration_time"], Value::Null);
        assert!(body["permissions"].get("emit_events").is_none());
        assert!(body.get("visibility_area").is_none());
    }

    #[test]
    fn handlers_are_allowed_or_forbidden_to_emit() {
        let id = "7acc35cf-a3b2-4f87-8d8b-5496a2782d37";
        let events = |line: &str| body(line).unwrap()["permissions"]["emit_events"].clone();
        assert_eq!(
            events(&format!("--expires never --emit-only {id}")),
            json!({"allowed": 1, "white_list": [id], "black_list": null})
        );
        assert_eq!(events("--expires never --emit-none")["allowed"], 0);
    }

    #[test]
    fn one_kind_granted_twice_is_refused() {
        assert!(body("--expires 1d --grant face=view --grant face=deletion").is_err());
    }
}
