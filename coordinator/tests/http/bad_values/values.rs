//! Values that a schema does not allow.

use serde_json::{Value, json};

/// The document whose references are followed.
pub struct Schemas<'a>(pub &'a Value);

impl<'a> Schemas<'a> {
    pub fn resolve(&self, mut schema: &'a Value) -> &'a Value {
        while let Some(reference) = schema["$ref"].as_str() {
            schema = self.0.pointer(&reference[1..]).unwrap();
        }
        schema
    }

    /// The properties of a body, those of all its forms together.
    pub fn properties(&self, schema: &'a Value) -> Vec<(&'a str, &'a Value)> {
        let schema = self.resolve(schema);
        let mut all: Vec<(&str, &Value)> = schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, about)| (name.as_str(), self.resolve(about)))
            .collect();
        for key in ["oneOf", "allOf", "anyOf"] {
            for part in schema[key].as_array().into_iter().flatten() {
                all.extend(self.properties(part));
            }
        }
        all.sort_by_key(|(name, _)| *name);
        all.dedup_by_key(|(name, _)| *name);
        all
    }

    /// Texts that a parameter may not be.
    pub fn wrong_texts(&self, schema: &'a Value) -> Vec<String> {
        let schema = self.resolve(schema);
        let mut wrong: Vec<String> = Vec::new();
        let mut refused =
            |texts: &[&str]| wrong.extend(texts.iter().map(|text| (*text).to_owned()));
        let format = schema["format"].as_str().unwrap_or_default();
        if schema["enum"].is_array() {
            refused(&["no-such-word", "-77"]);
        }
        match kinds(schema).first().copied() {
            Some("integer") => refused(&["x", "", "1.5", "99999999999999999999", "0x1", "1 2"]),
            Some("number") => refused(&["x", "", "1,5", "NaN", "1e999"]),
            Some("boolean") => refused(&["x", "", "2"]),
            Some("array") => {
                return self
                    .wrong_texts(&schema["items"])
                    .into_iter()
                    // Commas part the items.
                    .filter(|text| !text.contains(',') && !text.is_empty())
                    .flat_map(|text| [text.clone(), format!("{text},{text}")])
                    .collect();
            }
            _ if format.contains("uuid") => refused(&["x", "", "7acc35cf-a3b2-4f87-8d8b"]),
            _ if format == "date-time" => refused(&["x", "", "yesterday", "2024-13-41T00:00:00Z"]),
            _ if format.contains("integer") => refused(&["x", "99"]),
            _ => {}
        }
        for (key, step) in [("minimum", -1.0), ("maximum", 1.0)] {
            if let Some(bound) = schema[key].as_f64() {
                wrong.push((bound + step).to_string());
            }
        }
        if let Some(most) = schema["maxLength"].as_u64() {
            wrong.push("a".repeat(usize::try_from(most).unwrap() + 1));
        }
        wrong
    }

    /// JSON values of a type that a property does not have.
    pub fn wrong_types(&self, schema: &'a Value) -> Vec<Value> {
        let kinds = kinds(self.resolve(schema));
        if kinds.is_empty() {
            return Vec::new();
        }
        let all = [
            ("string", json!("no such thing")),
            ("integer", json!(-77)),
            ("number", json!(-77.5)),
            ("boolean", json!(true)),
            ("array", json!([[[{}]]])),
            ("object", json!({"no such": "thing"})),
        ];
        let is_open =
            |kind: &str| kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"));
        let others = all.into_iter().filter(|(kind, _)| !is_open(kind));
        others.map(|(_, value)| value).collect()
    }

    /// JSON values of the right type that a property may not have.
    pub fn wrong_values(&self, schema: &'a Value) -> Vec<Value> {
        let schema = self.resolve(schema);
        let mut wrong = Vec::new();
        if let Some(most) = schema["maximum"].as_f64() {
            wrong.push(json!(most + 1.0));
        }
        if let Some(most) = schema["maxLength"].as_u64() {
            wrong.push(json!("a".repeat(usize::try_from(most).unwrap() + 1)));
        }
        if schema["enum"].is_array() {
            wrong.push(match kinds(schema).first() {
                Some(&"integer") => json!(-77),
                _ => json!("no-such-word"),
            });
        }
        wrong
    }
}

/// The types of a schema besides null.
fn kinds(schema: &Value) -> Vec<&str> {
    let one = schema["type"].as_str().into_iter();
    let several = schema["type"].as_array().into_iter().flatten();
    one.chain(several.filter_map(Value::as_str))
        .filter(|kind| *kind != "null")
        .collect()
}
