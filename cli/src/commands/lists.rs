//! Lists of people. A list's name is its `user_data`.

use clap::Subcommand;
use serde_json::{Value, json};
use uuid::Uuid;

use super::list;
use crate::{
    args::{Filters, Limit},
    client::{Client, Request, text},
    failure::Failure,
    output::{Column, Output},
};

const COLUMNS: &[Column] = &[
    Column::new("LIST ID", "/list_id"),
    Column::new("NAME", "/user_data"),
    Column::new("CREATED", "/create_time"),
    Column::new("CHANGED", "/last_update_time"),
];
/// Most faces that one request attaches or detaches.
const BATCH: usize = 1000;

/// `goshawk lists`.
#[derive(Debug, Subcommand)]
pub enum Lists {
    /// Make a list.
    #[command(visible_alias = "add")]
    Create {
        /// Its name, at most 128 characters.
        name: String,
    },
    /// All lists.
    List {
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        limit: Limit,
    },
    /// One list and the number of its faces.
    Show {
        /// Name or id.
        list: String,
    },
    /// Give a list another name.
    Rename {
        /// Name or id.
        list: String,
        /// The new name.
        name: String,
    },
    /// Delete a list; its faces stay unless told otherwise.
    #[command(visible_alias = "remove")]
    Delete {
        /// Name or id.
        list: String,
        /// Delete its faces as well.
        #[arg(long)]
        with_faces: bool,
    },
    /// Put faces on a list.
    Attach {
        /// Name or id.
        list: String,
        /// Ids of faces.
        #[arg(required = true)]
        faces: Vec<Uuid>,
    },
    /// Take faces off a list.
    Detach {
        /// Name or id.
        list: String,
        /// Ids of faces.
        #[arg(required = true)]
        faces: Vec<Uuid>,
    },
}

/// Runs a `lists` command.
pub async fn run(client: &Client, command: Lists, output: &mut Output) -> Result<(), Failure> {
    match command {
        Lists::Create { name } => {
            let made = create(client, &name).await?;
            output.made(&made, "list_id")
        }
        Lists::List { filters, limit } => {
            let request = client.get("/6/lists").filters(&filters.filters);
            list(output, request.pages("lists", limit.get()), COLUMNS).await
        }
        Lists::Show { list } => {
            let id = found(client, &list).await?;
            let mut shown = client.get(format!("/6/lists/{id}")).value().await?;
            let count = client.get("/6/faces/count").query("list_id", &id);
            if let (Some(fields), Some(count)) = (
                shown.as_object_mut(),
                count.value().await?.get("faces_count"),
            ) {
                fields.insert("faces_count".to_owned(), count.clone());
            }
            output.object(&shown)
        }
        Lists::Rename { list, name } => {
            let id = found(client, &list).await?;
            let request = client.patch(format!("/6/lists/{id}"));
            request.json(&json!({"user_data": name}))?.done().await?;
            output.done(format!("list {id} is called `{name}` now"))
        }
        Lists::Delete { list, with_faces } => {
            let id = found(client, &list).await?;
            let request = client.delete(format!("/6/lists/{id}"));
            let with_faces = with_faces.then_some(1);
            request.query_some("with_faces", with_faces).done().await?;
            output.done(format!("list {id} is deleted"))
        }
        Lists::Attach { list, faces } => {
            let id = found(client, &list).await?;
            link(client, &id, "attach", &faces).await?;
            output.done(format!("{} faces are on list {id}", faces.len()))
        }
        Lists::Detach { list, faces } => {
            let id = found(client, &list).await?;
            link(client, &id, "detach", &faces).await?;
            output.done(format!("{} faces are off list {id}", faces.len()))
        }
    }
}

async fn create(client: &Client, name: &str) -> Result<Value, Failure> {
    let request = client.post("/6/lists");
    request.json(&json!({"user_data": name}))?.value().await
}

/// Attaches or detaches faces, as many at once as the contract takes.
pub async fn link(
    client: &Client,
    list: &str,
    action: &str,
    faces: &[Uuid],
) -> Result<(), Failure> {
    for batch in faces.chunks(BATCH) {
        let request = client.patch(format!("/6/lists/{list}/faces"));
        let body = json!({"action": action, "face_ids": batch});
        request.json(&body)?.done().await?;
    }
    Ok(())
}

/// The id of the list with this name or id; there must be one.
pub async fn found(client: &Client, list: &str) -> Result<String, Failure> {
    let id = find(client, list).await?;
    id.ok_or_else(|| Failure::Failed(format!("there is no list `{list}`")))
}

/// The id of our list with this name or id.
async fn find(client: &Client, list: &str) -> Result<Option<String>, Failure> {
    if let Ok(id) = Uuid::try_parse(list) {
        return match client.get(format!("/6/lists/{id}")).done().await {
            Ok(()) => Ok(Some(id.to_string())),
            Err(Failure::Refused(refusal)) if refusal.status == 404 => Ok(None),
            Err(error) => Err(error),
        };
    }
    let request = ours(client, client.get("/6/lists")).await?;
    let mut pages = request.pages("lists", None);
    let mut named = Vec::new();
    while let Some(page) = pages.next().await? {
        for found in &page {
            if found.get("user_data").and_then(Value::as_str) == Some(list) {
                named.push(text(found, "list_id")?);
            }
        }
    }
    if named.len() > 1 {
        return Err(Failure::Failed(format!(
            "{} lists are called `{list}`: give the id of one: {}",
            named.len(),
            named.join(", ")
        )));
    }
    Ok(named.pop())
}

/// Asks for our own things alone: an administrator would see those of all accounts. A token that
/// may not see its account sees what it sees.
pub async fn ours<'a>(client: &Client, request: Request<'a>) -> Result<Request<'a>, Failure> {
    match client.account_id().await {
        Ok(id) => Ok(request.query("account_id", id)),
        Err(Failure::Refused(refusal)) if refusal.status == 403 => Ok(request),
        Err(error) => Err(error),
    }
}

/// The id of the list with this name or id; made when there is none.
pub async fn find_or_create(client: &Client, list: &str) -> Result<String, Failure> {
    if let Some(id) = find(client, list).await? {
        return Ok(id);
    }
    if Uuid::try_parse(list).is_ok() {
        let message = format!("there is no list with the id {list}");
        return Err(Failure::Failed(message));
    }
    text(&create(client, list).await?, "list_id")
}
