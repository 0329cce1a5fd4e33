//! Tables and lists of pairs for people. What comes from the coordinator may hold anything that a
//! camera's or a person's name can hold, so control characters never reach the terminal.

use std::borrow::Cow;

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

/// Width up to which something nested is shown on one line.
const SHORT: usize = 60;

/// A column: its title, and where its value lies in a result.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Shown above.
    pub title: &'static str,
    /// JSON pointer.
    pub at: &'static str,
}

impl Column {
    /// The column `title` with the value at the JSON pointer `at`.
    pub const fn new(title: &'static str, at: &'static str) -> Self {
        Self { title, at }
    }
}

/// Text without what could drive a terminal.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let harmless = |c: char| match c {
        '\n' => '\n',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    Cow::Owned(text.chars().map(harmless).collect())
}

/// A value on one line.
pub fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.iter().all(|item| !item.is_object()) => {
            let items: Vec<String> = items.iter().map(|item| cell(Some(item))).collect();
            items.join(",")
        }
        Some(value) => value.to_string(),
    };
    if text.is_empty() {
        return "-".to_owned();
    }
    clean(&text).replace('\n', "\u{fffd}")
}

/// The cells of one row.
pub fn row(columns: &[Column], value: &Value) -> Vec<Cow<'static, str>> {
    columns
        .iter()
        .map(|column| Cow::Owned(cell(value.pointer(column.at))))
        .collect()
}

/// Widths that hold all cells, and the titles where they are shown.
pub fn widths(columns: &[Column], rows: &[Vec<Cow<'_, str>>], titles: bool) -> Vec<usize> {
    let title = |column: &Column| if titles { column.title.width() } else { 0 };
    let mut widths: Vec<usize> = columns.iter().map(title).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    widths
}

/// Adds one line: cells two spaces apart, nothing after the last.
pub fn line(text: &mut String, cells: &[Cow<'_, str>], widths: &[usize]) {
    let start = text.len();
    for (cell, width) in cells.iter().zip(widths) {
        text.push_str(cell);
        let gap = width.saturating_sub(cell.width()) + 2;
        text.extend(std::iter::repeat_n(' ', gap));
    }
    text.truncate(start + text[start..].trim_end().len());
    text.push('\n');
}

/// The fields of an object, one a line; what is nested is indented JSON.
pub fn pairs(value: &Value) -> String {
    let Some(fields) = value.as_object() else {
        return clean(&format!("{value:#}")).into_owned();
    };
    let width = fields.keys().map(|key| key.width()).max().unwrap_or(0) + 2;
    let mut text = String::new();
    for (key, value) in fields {
        let nested = match value {
            Value::Object(fields) => !fields.is_empty(),
            Value::Array(items) => items.iter().any(|item| item.is_object() || item.is_array()),
            _ => false,
        };
        let shown = match nested && value.to_string().width() > SHORT {
            true => clean(&format!("{value:#}")).replace('\n', &format!("\n{:width$}", "")),
            false => cell(Some(value)),
        };
        text.push_str(&clean(key));
        text.extend(std::iter::repeat_n(' ', width.saturating_sub(key.width())));
        text.push_str(&shown);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_short_and_harmless() {
        for (value, shown) in [
            (json!(null), "-"),
            (json!(""), "-"),
            (json!("a\nb\u{7}"), "a\u{fffd}b\u{fffd}"),
            (json!(0.5), "0.5"),
            (json!(["a", "b"]), "a,b"),
            (json!({"a": 1}), r#"{"a":1}"#),
        ] {
            assert_eq!(cell(Some(&value)), shown);
        }
        assert_eq!(cell(None), "-");
    }

    #[test]
    fn wide_names_keep_the_columns() {
        let mut text = String::new();
        line(&mut text, &["山田".into(), "x".into()], &[6, 1]);
        line(&mut text, &["abcdef".into(), "x".into()], &[6, 1]);
        assert_eq!(text, "山田    x\nabcdef  x\n");
    }

    #[test]
    fn pairs_show_what_is_nested_as_json() {
        let long = "x".repeat(60);
        let value = json!({"id": "1", "policies": {"a": long}, "version": {"major": 5}});
        let lines = [
            "id        1",
            "policies  {",
            &format!("            \"a\": \"{long}\""),
            "          }",
            "version   {\"major\":5}",
            "",
        ];
        assert_eq!(pairs(&value), lines.join("\n"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_its_line_or_drives_the_terminal(text in "\\PC*|[\u{0}-\u{9f}]*") {
            let shown = cell(Some(&json!(text)));
            proptest::prop_assert!(!shown.contains(char::is_control));
            let page = pairs(&json!({"a": [{"b": text}], "c": text}));
            proptest::prop_assert!(!page.replace('\n', "").contains(char::is_control));
        }
    }
}
