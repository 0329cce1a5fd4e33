//! What has been seen.

pub mod tail;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    documents, list,
    moment::{Moment, moment},
};
use crate::{
    args::{Filters, Limit},
    client::{Client, Request},
    failure::Failure,
    output::{Column, Format, Output, cell},
};

const COLUMNS: &[Column] = &[
    Column::new("TIME", "/create_time"),
    Column::new("EVENT ID", "/event_id"),
    Column::new("SOURCE", "/source"),
    Column::new("TRACK", "/track_id"),
    Column::new("LIVENESS", "/liveness"),
    Column::new("BEST MATCH", "/top_match/face_id"),
    Column::new("SIMILARITY", "/top_match/similarity"),
];

/// `goshawk events`.
#[derive(Debug, Subcommand)]
pub enum Events {
    /// Stored events, newest first.
    List {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        limit: Limit,
    },
    /// One event whole.
    Show {
        /// Event id.
        event_id: Uuid,
    },
    /// Print events as they come, until interrupted.
    Tail(tail::Tail),
    /// Count, group and average events.
    Stats(Stats),
}

/// Which events are meant.
#[derive(Debug, Args)]
pub struct Which {
    /// From this time on, or this long ago (`2h`).
    #[arg(long, value_parser = moment)]
    since: Option<Moment>,
    /// Before this time.
    #[arg(long, value_parser = moment)]
    until: Option<Moment>,
    /// Of this source (the stream's name).
    #[arg(long)]
    source: Option<String>,
    /// Of this stream.
    #[arg(long)]
    stream: Option<Uuid>,
    /// That went through this handler.
    #[arg(long)]
    handler: Option<Uuid>,
    /// Most alike to this face or event.
    #[arg(long)]
    like: Option<Uuid>,
    /// With a best match of at least this similarity, 0 to 1.
    #[arg(long)]
    similarity: Option<f32>,
    /// With this tag.
    #[arg(long)]
    tag: Option<String>,
    #[command(flatten)]
    filters: Filters,
}

impl Which {
    fn add<'a>(&self, request: Request<'a>) -> Request<'a> {
        request
            .query_some("create_time__gte", self.since.as_ref().map(Moment::past))
            .query_some("create_time__lt", self.until.as_ref().map(Moment::past))
            .query_some("sources", self.source.as_ref())
            .query_some("stream_ids", self.stream)
            .query_some("handler_ids", self.handler)
            .query_some("top_similar_object_ids", self.like)
            .query_some("top_similar_object_similarity__gte", self.similarity)
            .query_some("tags", self.tag.as_ref())
            .filters(&self.filters.filters)
    }
}

/// `goshawk events stats`.
#[derive(Debug, Args)]
pub struct Stats {
    /// What to work out, as COLUMN:FUNCTION with count, max, min, avg or group_by
    /// [default: event_id:count].
    #[arg(long = "target", value_name = "COLUMN:FUNCTION", value_parser = target)]
    targets: Vec<Value>,
    /// Only events that fit, as COLUMN:OPERATOR:VALUE with eq, neq, in, nin, like, nlike, gt, gte,
    /// lt or lte; several values are parted by commas.
    #[arg(long = "where", value_name = "COLUMN:OPERATOR:VALUE", value_parser = condition)]
    conditions: Vec<Value>,
    /// From this time on, or this long ago (`2h`).
    #[arg(long, value_parser = moment)]
    since: Option<Moment>,
    /// Before this time.
    #[arg(long, value_parser = moment)]
    until: Option<Moment>,
    /// Group by a part of the time or a span, in the words of the API.
    #[arg(long)]
    group_by: Option<String>,
    /// The request's whole body from a JSON or TOML file; `-` is JSON on standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["targets", "conditions", "since", "until", "group_by"])]
    from: Option<PathBuf>,
}

fn target(text: &str) -> Result<Value, String> {
    let (column, function) = text.rsplit_once(':').ok_or("want COLUMN:FUNCTION")?;
    Ok(json!({"column": column, "aggregator": function}))
}

fn condition(text: &str) -> Result<Value, String> {
    let wrong = "want COLUMN:OPERATOR:VALUE";
    let (column, rest) = text.split_once(':').ok_or(wrong)?;
    let (operator, value) = rest.split_once(':').ok_or(wrong)?;
    let one = |text: &str| match text.parse::<f64>() {
        Ok(_) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        Err(_) => json!(text),
    };
    let value = match operator {
        "in" | "nin" => Value::Array(value.split(',').map(one).collect()),
        _ => one(value),
    };
    Ok(json!({"column": column, "operator": operator, "value": value}))
}

impl Stats {
    fn body(&self) -> Result<Value, Failure> {
        if let Some(path) = &self.from {
            return documents::read(path);
        }
        let mut body = json!({});
        let mut period = Vec::new();
        for (moment, operator) in [(&self.since, "gte"), (&self.until, "lt")] {
            if let Some(moment) = moment {
                period.push(json!({"operator": operator, "value": moment.past()}));
            }
        }
        for (key, values) in [
            ("targets", self.targets.clone()),
            ("filters", self.conditions.clone()),
            ("period", period),
        ] {
            if !values.is_empty() {
                body[key] = Value::Array(values);
            }
        }
        if let Some(group_by) = &self.group_by {
            body["group_by"] = json!(group_by);
        }
        Ok(body)
    }
}

/// Runs an `events` command.
pub async fn run(client: &Client, command: Events, output: &mut Output) -> Result<(), Failure> {
    match command {
        Events::List { which, limit } => {
            let request = which.add(client.get("/6/events"));
            list(output, request.pages("events", limit.get()), COLUMNS).await
        }
        Events::Show { event_id } => {
            let request = client.get(format!("/6/events/{event_id}"));
            output.object(&request.value().await?)
        }
        Events::Tail(command) => tail::run(client, command, output).await,
        Events::Stats(stats) => {
            let request = client.post("/6/events/statistic").json(&stats.body()?)?;
            let answer = request.value().await?;
            match output.format() {
                Format::Table => output.text(&stats_table(&answer)),
                _ => output.object(&answer),
            }
        }
    }
}

/// The names of the fields above the rows, parted by tabs: both come with the answer.
fn stats_table(answer: &Value) -> String {
    let line = |row: &Value| {
        let cells = row.as_array().into_iter().flatten();
        let cells: Vec<String> = cells.map(|value| cell(Some(value))).collect();
        cells.join("\t") + "\n"
    };
    let rows = answer.get("stats").and_then(Value::as_array);
    let titles = answer.get("fields").into_iter();
    titles.chain(rows.into_iter().flatten()).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_asked_for_in_the_words_of_the_api() {
        assert_eq!(
            target("age:avg").unwrap(),
            json!({"column": "age", "aggregator": "avg"})
        );
        let ages = condition("age:in:20,30").unwrap();
        assert_eq!(ages["value"], json!([20, 30]));
        let source = condition("source:eq:door:1").unwrap();
        assert_eq!(source["value"], "door:1");
        for text in ["age", "age:eq"] {
            assert!(condition(text).is_err(), "{text}");
        }
        assert_eq!(condition("tags:eq:nan").unwrap()["value"], "nan");
    }

    #[test]
    fn statistics_become_a_table() {
        let answer = json!({"fields": ["a", "b"], "stats": [["x", 1], ["y", null]]});
        assert_eq!(stats_table(&answer), "a\tb\nx\t1\ny\t-\n");
    }
}
