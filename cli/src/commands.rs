//! One module for each command, and what several of them do alike.

pub mod accounts;
pub mod agents;
pub mod dead_letters;
pub mod docs;
mod documents;
pub mod events;
pub mod faces;
pub mod handlers;
pub mod lists;
pub mod login;
pub mod matching;
pub mod models;
pub mod moment;
pub mod pictures;
pub mod profiles;
pub mod service;
pub mod streams;
pub mod tokens;
pub mod verify;

use crate::{
    client::Pages,
    failure::Failure,
    output::{Column, Output},
};

/// Prints a paged collection.
async fn list(
    output: &mut Output,
    mut pages: Pages<'_>,
    columns: &[Column],
) -> Result<(), Failure> {
    let mut rows = output.rows(columns);
    while let Some(page) = pages.next().await? {
        rows.page(&page)?;
    }
    rows.end()?;
    if pages.may_have_more() {
        output.note("there may be more; --limit N shows more of them, --limit 0 all");
    }
    Ok(())
}
