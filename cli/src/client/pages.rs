//! Collections that come page by page.

use serde_json::Value;

use super::Request;
use crate::failure::Failure;

/// Results asked for at once: few enough for one answer, many enough for few requests.
const PAGE_SIZE: u64 = 100;

/// A paged collection that is being read.
pub struct Pages<'a> {
    request: Request<'a>,
    key: &'static str,
    /// Results still wanted; `None` for all.
    wanted: Option<u64>,
    next: u64,
    over: bool,
    more: bool,
    /// The last page, to know again what moved on to the next one.
    last: Vec<Value>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(request: Request<'a>, key: &'static str, limit: Option<u64>) -> Self {
        Self {
            request,
            key,
            wanted: limit,
            next: 1,
            over: limit == Some(0),
            more: false,
            last: Vec::new(),
        }
    }

    /// The next page, which may be empty; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Vec<Value>>, Failure> {
        if self.over {
            return Ok(None);
        }
        let request = self.request.clone();
        let request = request
            .query("page", self.next)
            .query("page_size", PAGE_SIZE);
        let name = request.name();
        let mut rows = self.rows(request.value().await?, &name)?;
        self.next += 1;
        self.over = (rows.len() as u64) < PAGE_SIZE;
        // Newest come first: what was made meanwhile moves rows that we have seen to this page.
        rows.retain(|row| !self.last.contains(row));
        if !self.over {
            self.last.clone_from(&rows);
        }
        if let Some(wanted) = &mut self.wanted {
            let take = usize::try_from(*wanted).unwrap_or(usize::MAX);
            if rows.len() >= take {
                self.more = rows.len() > take || !self.over;
                self.over = true;
                rows.truncate(take);
            }
            *wanted -= rows.len() as u64;
        }
        Ok(Some(rows))
    }

    /// Everything, in memory: for collections that are small by their nature.
    pub async fn all(mut self) -> Result<Vec<Value>, Failure> {
        let mut found = Vec::new();
        while let Some(mut page) = self.next().await? {
            found.append(&mut page);
        }
        Ok(found)
    }

    /// Whether the limit ended the list, so that there may be more.
    pub fn may_have_more(&self) -> bool {
        self.more
    }

    fn rows(&self, answer: Value, name: &str) -> Result<Vec<Value>, Failure> {
        let rows = match answer {
            Value::Array(rows) => Some(rows),
            Value::Object(mut fields) => match fields.remove(self.key) {
                Some(Value::Array(rows)) => Some(rows),
                _ => None,
            },
            _ => None,
        };
        rows.ok_or_else(|| {
            let key = self.key;
            Failure::Unreachable(format!("the answer to {name} has no array `{key}`"))
        })
    }
}
