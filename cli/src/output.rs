//! What commands print: tables for people, JSON for scripts, notes and progress beside it.
//!
//! Results go to standard output, everything else to standard error. In JSON the fields are those
//! of the API, by the same names. `json` is one document a command, `jsonl` one line a result.

mod table;

use std::{
    borrow::Cow,
    io::{IsTerminal, Write},
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

pub use table::{Column, cell, clean};

use crate::failure::Failure;

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One line of JSON for each result.
    Jsonl,
}

/// Where a command prints.
pub struct Output {
    format: Format,
    quiet: bool,
    out: Box<dyn Write>,
}

impl Output {
    /// Prints to standard output.
    pub fn new(format: Format, quiet: bool) -> Self {
        Self::to(format, quiet, Box::new(std::io::stdout().lock()))
    }

    fn to(format: Format, quiet: bool, out: Box<dyn Write>) -> Self {
        Self { format, quiet, out }
    }

    /// How results are printed.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Says something to people, unless they want quiet.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            eprintln!("{}", clean(text.as_ref()));
        }
    }

    /// A line or page of text as it is.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        self.write(&format!("{text}{end}"))
    }

    /// One object, whole.
    pub fn object(&mut self, value: &Value) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.text(&table::pairs(value)),
            Format::Json => self.text(&format!("{value:#}")),
            Format::Jsonl => self.text(&value.to_string()),
        }
    }

    /// What was made: for people the value at `key` alone, ready for the next command.
    pub fn made(&mut self, value: &Value, key: &str) -> Result<(), Failure> {
        match (self.format, value.get(key)) {
            (Format::Table, Some(id)) => self.text(&cell(Some(id))),
            _ => self.object(value),
        }
    }

    /// The end of a command that has no result but its success.
    pub fn done(&mut self, what: impl AsRef<str>) -> Result<(), Failure> {
        if self.format == Format::Table {
            self.note(what);
        }
        Ok(())
    }

    /// Begins a list.
    pub fn rows<'a>(&'a mut self, columns: &'a [Column]) -> Rows<'a> {
        Rows {
            output: self,
            columns,
            widths: None,
            count: 0,
        }
    }

    /// Progress over `total` steps: shown on a terminal only, and not when quiet is wanted.
    pub fn progress(&self, total: u64) -> ProgressBar {
        if self.quiet || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {per_sec} {msg}");
        ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.out.write_all(text.as_bytes());
        written
            .and_then(|()| self.out.flush())
            .map_err(|error| Failure::io("standard output", &error))
    }
}

/// A list that is printed page by page, so that its length does not matter.
pub struct Rows<'a> {
    output: &'a mut Output,
    columns: &'a [Column],
    /// Widths of the table's columns, from its first page.
    widths: Option<Vec<usize>>,
    count: u64,
}

impl Rows<'_> {
    /// Prints some rows.
    pub fn page(&mut self, rows: &[Value]) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let first = self.count == 0;
        self.count += rows.len() as u64;
        let mut text = String::new();
        match self.output.format {
            Format::Table => {
                let cells: Vec<Vec<Cow<'_, str>>> = rows
                    .iter()
                    .map(|row| table::row(self.columns, row))
                    .collect();
                let widths = self.widths.get_or_insert_with(|| {
                    let widths = table::widths(self.columns, &cells, !self.output.quiet);
                    if !self.output.quiet {
                        let titles = self.columns.iter().map(|column| column.title.into());
                        table::line(&mut text, &titles.collect::<Vec<_>>(), &widths);
                    }
                    widths
                });
                for row in &cells {
                    table::line(&mut text, row, widths);
                }
            }
            Format::Json => {
                for (at, row) in rows.iter().enumerate() {
                    text.push_str(if first && at == 0 { "[\n" } else { ",\n" });
                    text.push_str(&row.to_string());
                }
            }
            Format::Jsonl => {
                for row in rows {
                    text.push_str(&row.to_string());
                    text.push('\n');
                }
            }
        }
        self.output.write(&text)
    }

    /// Ends the list.
    pub fn end(self) -> Result<(), Failure> {
        match (self.output.format, self.count) {
            (Format::Json, 0) => self.output.write("[]\n"),
            (Format::Json, _) => self.output.write("\n]\n"),
            (Format::Table, 0) => {
                self.output.note("nothing found");
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    const COLUMNS: &[Column] = &[
        Column::new("ID", "/list_id"),
        Column::new("NAME", "/user_data"),
    ];

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn printed(format: Format, quiet: bool, print: impl FnOnce(&mut Output)) -> String {
        let page = Page::default();
        print(&mut Output::to(format, quiet, Box::new(page.clone())));
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn two_pages(output: &mut Output) {
        let mut rows = output.rows(COLUMNS);
        rows.page(&[json!({"list_id": "1", "user_data": "staff"})])
            .unwrap();
        rows.page(&[json!({"list_id": "2", "user_data": "a\u{1b}[31mb", "more": 1})])
            .unwrap();
        rows.end().unwrap();
    }

    #[test]
    fn a_table_is_aligned_and_cannot_drive_the_terminal() {
        let text = printed(Format::Table, false, two_pages);
        assert_eq!(text, "ID  NAME\n1   staff\n2   a\u{fffd}[31mb\n");
        let text = printed(Format::Table, true, two_pages);
        assert_eq!(text, "1  staff\n2  a\u{fffd}[31mb\n");
    }

    #[test]
    fn json_is_one_document_with_the_fields_of_the_api() {
        let text = printed(Format::Json, false, two_pages);
        let found: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(found[1]["more"], 1);
        let empty = printed(Format::Json, false, |output| {
            output.rows(COLUMNS).end().unwrap()
        });
        assert_eq!(empty, "[]\n");
    }

    #[test]
    fn jsonl_is_a_line_for_each() {
        let text = printed(Format::Jsonl, false, two_pages);
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn what_was_made_is_its_id_for_people_and_whole_for_scripts() {
        let made = json!({"list_id": "x", "url": "/6/lists/x"});
        let text = |format| {
            printed(format, false, |output| {
                output.made(&made, "list_id").unwrap()
            })
        };
        assert_eq!(text(Format::Table), "x\n");
        let whole: Value = serde_json::from_str(&text(Format::Jsonl)).unwrap();
        assert_eq!(whole, made);
    }
}
