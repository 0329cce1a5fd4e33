//! An OpenAPI document: its operations, found by method and path.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use serde_yaml_ng::Value as Yaml;

/// One document.
pub struct Document {
    root: Value,
    operations: Vec<Operation>,
    is_published: bool,
}

/// One operation of a document.
pub struct Operation {
    /// Upper case.
    pub method: String,
    /// `/6/faces/{face_id}`.
    pub template: String,
    /// The operation object.
    pub node: Value,
    /// Parameters of the path item and of the operation, references followed.
    pub parameters: Vec<Value>,
}

/// An operation that a path matched, and the values of the path's variables.
pub struct Found<'a> {
    /// The operation.
    pub operation: &'a Operation,
    /// Values of the `{…}` segments.
    pub variables: BTreeMap<&'a str, String>,
}

impl Operation {
    /// Its `operationId`.
    pub fn id(&self) -> Option<&str> {
        self.node["operationId"].as_str()
    }
}

impl Document {
    /// Reads YAML. A published document is one that we did not write: its slips are forgiven.
    ///
    /// # Panics
    /// When the text is not YAML or has no paths: tests cannot go on then.
    pub fn parse(text: &str, is_published: bool) -> Self {
        let yaml: Yaml = serde_yaml_ng::from_str(text).expect("the document is YAML");
        let root = json(yaml);
        let mut this = Self {
            root,
            operations: Vec::new(),
            is_published,
        };
        this.operations = this.read_operations();
        this
    }

    fn read_operations(&self) -> Vec<Operation> {
        let mut found = Vec::new();
        let paths = self.root["paths"].as_object();
        for (template, item) in paths.expect("the document has paths") {
            let item = self.resolve(item);
            for (method, node) in item.as_object().into_iter().flatten() {
                if !node.is_object() {
                    continue;
                }
                let lists = [&item["parameters"], &node["parameters"]];
                let parameters = lists
                    .iter()
                    .filter_map(|list| list.as_array())
                    .flatten()
                    .map(|parameter| self.resolve(parameter).clone())
                    .collect();
                found.push(Operation {
                    method: method.to_uppercase(),
                    template: template.clone(),
                    node: node.clone(),
                    parameters,
                });
            }
        }
        found
    }

    /// Whether it is a published contract.
    pub fn is_published(&self) -> bool {
        self.is_published
    }

    /// All operations.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation for `path`; one with fewer variables goes before one with more.
    pub fn find(&self, method: &str, path: &str) -> Option<Found<'_>> {
        self.operations
            .iter()
            .filter(|operation| operation.method == method)
            .filter_map(|operation| {
                let variables = capture(&operation.template, path)?;
                Some(Found {
                    operation,
                    variables,
                })
            })
            .min_by_key(|found| found.variables.len())
    }

    /// Follows references.
    ///
    /// # Panics
    /// When a reference leads nowhere: the document is broken then.
    pub fn resolve<'a>(&'a self, mut node: &'a Value) -> &'a Value {
        while let Some(reference) = node["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            node = self
                .root
                .pointer(pointer)
                .unwrap_or_else(|| panic!("dangling {reference}"));
        }
        node
    }

    /// What the operation says of `status`: by its number, its hundred, or by default.
    pub fn response<'a>(&'a self, operation: &'a Operation, status: u16) -> Option<&'a Value> {
        let all = operation.node["responses"].as_object()?;
        let hundred = format!("{}XX", status / 100);
        let found = [status.to_string(), hundred, "default".to_owned()]
            .iter()
            .find_map(|key| all.get(key))?;
        Some(self.resolve(found))
    }
}

fn capture<'a>(template: &'a str, path: &str) -> Option<BTreeMap<&'a str, String>> {
    let mut variables = BTreeMap::new();
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(variables),
            (Some(want), Some(have)) => {
                match want.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
                    Some(_) if have.is_empty() => return None,
                    Some(name) => {
                        variables.insert(name, have.to_owned());
                    }
                    None if want != have => return None,
                    None => {}
                }
            }
            _ => return None,
        }
    }
}

/// YAML as JSON; keys such as `200` become text.
fn json(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Mapping(map) => {
            let entries = map
                .into_iter()
                .map(|(key, value)| (text(&key), json(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Yaml::Sequence(items) => Value::Array(items.into_iter().map(json).collect()),
        Yaml::Tagged(tagged) => json(tagged.value),
        simple => serde_json::to_value(simple).unwrap_or(Value::Null),
    }
}

fn text(key: &Yaml) -> String {
    match key {
        Yaml::String(text) => text.clone(),
        Yaml::Number(number) => number.to_string(),
        Yaml::Bool(value) => value.to_string(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
paths:
  /a/{id}:
    parameters: [{$ref: '#/components/parameters/id'}]
    get: {operationId: one, responses: {200: {description: ok}, 4XX: {$ref: '#/components/responses/no'}}}
  /a/count:
    get: {operationId: count, responses: {}}
components:
  parameters: {id: {in: path, name: id}}
  responses: {no: {description: no}}
";

    #[test]
    fn operations_are_found_by_path_and_references_are_followed() {
        let document = Document::parse(TEXT, false);
        let count = document.find("GET", "/a/count").expect("count");
        assert_eq!(count.operation.id(), Some("count"));
        let one = document.find("GET", "/a/7").expect("one");
        assert_eq!(one.operation.id(), Some("one"));
        assert_eq!(one.variables["id"], "7");
        assert_eq!(one.operation.parameters[0]["name"], "id");
        let no = document.response(one.operation, 404).expect("4XX");
        assert_eq!(no["description"], "no");
        assert!(document.response(one.operation, 500).is_none());
        assert!(document.find("POST", "/a/7").is_none());
        assert!(document.find("GET", "/a/7/b").is_none());
    }
}
