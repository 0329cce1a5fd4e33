//! Writing the formats' schemas into an API document.
//!
//! utoipa refers to the schema of every type that is not its own. A bounded text is no more worth
//! a name of its own than a string is, so [`tidy`] writes the formats in place and takes their
//! components out; it also joins what utoipa had to put side by side (`oneOf` with null, `allOf`
//! with a default) and drops the widths of Rust's numbers, which are no business of a contract.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use utoipa::{
    ToSchema,
    openapi::{KnownFormat, Ref, RefOr, Schema, SchemaFormat, schema::ArrayItems},
};

/// The beginning of every name of a schema that is written in place.
pub const FORMAT: &str = "format.";

/// The beginning of a number format that the contract does publish.
const STATED: &str = "stated-";

/// Widths that utoipa adds for Rust's numbers.
const WIDTHS: &[&str] = &["int32", "int64", "float", "double"];

/// Keys whose values are no schemas.
const DATA: &[&str] = &["default", "example", "examples", "enum", "const"];

/// Keys whose values map names to schemas or to what holds them.
const NAMES: &[&str] = &[
    "properties",
    "patternProperties",
    "schemas",
    "paths",
    "responses",
    "headers",
    "content",
];

/// A number format that stays in the document.
pub(super) fn stated(format: KnownFormat) -> SchemaFormat {
    let name = match format {
        KnownFormat::Float => "float",
        _ => "double",
    };
    SchemaFormat::Custom(format!("{STATED}{name}"))
}

/// The schema of a part: in place, or by reference where it is an object of its own.
pub(super) fn inner<T: ToSchema>() -> RefOr<Schema> {
    if is_object::<T>() {
        return RefOr::Ref(Ref::from_schema_name(T::name()));
    }
    T::schema()
}

/// Adds the schemas that [`inner`] refers to.
pub(super) fn register<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    if is_object::<T>() {
        schemas.push((T::name().into_owned(), T::schema()));
    }
    T::schemas(schemas);
}

/// The name of a part's schema within the name of a format.
pub(super) fn short_name<T: ToSchema>() -> String {
    let name = T::name();
    name.strip_prefix(FORMAT).unwrap_or(&name).to_owned()
}

fn is_object<T: ToSchema>() -> bool {
    if T::name().starts_with(FORMAT) {
        return false;
    }
    match T::schema() {
        RefOr::T(Schema::Object(object)) => !object.properties.is_empty(),
        RefOr::T(Schema::OneOf(_) | Schema::AllOf(_) | Schema::AnyOf(_)) => true,
        _ => false,
    }
}

/// The end of the name of a schema whose fields are all there.
const FILLED: &str = "Filled";

/// The name that the schema `name` has where all of its fields are there.
pub fn filled_name(name: &str) -> String {
    format!("{name}{FILLED}")
}

/// The schema of an answer that always has all the fields of `schema`, also those that a body may
/// leave out; but for the fields called `sometimes`.
pub fn filled(schema: RefOr<Schema>, sometimes: &[&str]) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            let always = object
                .properties
                .keys()
                .filter(|name| !sometimes.contains(&name.as_str()));
            object.required = always.cloned().collect();
            object.properties = std::mem::take(&mut object.properties)
                .into_iter()
                .map(|(name, part)| (name, filled(part, sometimes)))
                .collect();
            RefOr::T(Schema::Object(object))
        }
        RefOr::T(Schema::Array(mut list)) => {
            if let ArrayItems::RefOrSchema(item) = list.items {
                list.items = ArrayItems::RefOrSchema(Box::new(filled(*item, sometimes)));
            }
            RefOr::T(Schema::Array(list))
        }
        RefOr::Ref(mut reference) => {
            let name = reference
                .ref_location
                .rsplit('/')
                .next()
                .unwrap_or_default();
            if !name.starts_with(FORMAT) {
                reference.ref_location.push_str(FILLED);
            }
            RefOr::Ref(reference)
        }
        other => other,
    }
}

/// Adds the schemas that [`filled`] of a `T` refers to.
pub fn register_filled<T: ToSchema>(
    schemas: &mut Vec<(String, RefOr<Schema>)>,
    sometimes: &[&str],
) {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    let parts = parts.into_iter().map(|(name, schema)| {
        if name.starts_with(FORMAT) {
            return (name, schema);
        }
        (filled_name(&name), filled(schema, sometimes))
    });
    schemas.extend(parts);
}

/// Writes every format of an OpenAPI document in place. See the module.
pub fn tidy(document: &mut Value) {
    let mut formats = Map::new();
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        let names: Vec<String> = schemas
            .keys()
            .filter(|name| name.starts_with(FORMAT))
            .cloned()
            .collect();
        for name in names {
            if let Some(schema) = schemas.remove(&name) {
                formats.insert(name, schema);
            }
        }
    }
    keyword(document, &formats);
    drop_unused(document);
}

/// Takes out filled schemas that nothing refers to: what stands behind alternatives is never filled.
fn drop_unused(document: &mut Value) {
    let mut used = BTreeSet::new();
    references(document, &mut used);
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        schemas.retain(|name, _| !name.ends_with(FILLED) || used.contains(name));
    }
}

/// The names that `node` refers to.
fn references(node: &Value, used: &mut BTreeSet<String>) {
    match node {
        Value::Array(items) => items.iter().for_each(|item| references(item, used)),
        Value::Object(map) => {
            let target = map.get("$ref").and_then(Value::as_str);
            let name = target.and_then(|target| target.rsplit('/').next());
            used.extend(name.map(str::to_owned));
            map.values().for_each(|value| references(value, used));
        }
        _ => {}
    }
}

/// A node whose keys mean what OpenAPI says.
fn keyword(node: &mut Value, formats: &Map<String, Value>) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(|item| keyword(item, formats)),
        Value::Object(map) => {
            while let Some(format) = format_of(map, formats) {
                map.remove("$ref");
                beneath(map, format);
            }
            for (key, value) in map.iter_mut() {
                match key.as_str() {
                    key if NAMES.contains(&key) => names(value, formats),
                    key if DATA.contains(&key) => {}
                    _ => keyword(value, formats),
                }
            }
            // Before the parts come up, whose widths have been seen to already.
            drop_width(map);
            join_null(map);
            join_parts(map);
        }
        _ => {}
    }
}

/// A node whose keys are names.
fn names(node: &mut Value, formats: &Map<String, Value>) {
    if let Value::Object(map) = node {
        map.values_mut().for_each(|value| keyword(value, formats));
    }
}

/// The schema of the format that a node refers to.
fn format_of(map: &Map<String, Value>, formats: &Map<String, Value>) -> Option<Map<String, Value>> {
    let target = map.get("$ref")?.as_str()?;
    let name = target.strip_prefix("#/components/schemas/")?;
    formats.get(name)?.as_object().cloned()
}

/// Adds what `map` does not say itself.
fn beneath(map: &mut Map<String, Value>, below: Map<String, Value>) {
    for (key, value) in below {
        map.entry(key).or_insert(value);
    }
}

/// `oneOf` a plain schema and null becomes the schema with null among its types.
fn join_null(map: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = map.get("oneOf") else {
        return;
    };
    let (nulls, others): (Vec<&Value>, Vec<&Value>) = parts
        .iter()
        .partition(|part| part.get("type").and_then(Value::as_str) == Some("null"));
    let ([_], [Value::Object(other)]) = (&nulls[..], &others[..]) else {
        return;
    };
    let Some(kind) = other.get("type") else {
        return;
    };
    let mut kinds = match kind {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    if !kinds.contains(&Value::from("null")) {
        kinds.push("null".into());
    }
    let mut joined = (*other).clone();
    joined.insert("type".into(), kinds.into());
    if let Some(Value::Array(permitted)) = joined.get_mut("enum") {
        permitted.push(Value::Null);
    }
    map.remove("oneOf");
    beneath(map, joined);
}

/// `allOf` parts that say different things about one plain value become one schema.
fn join_parts(map: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = map.get("allOf") else {
        return;
    };
    let mut joined = Map::new();
    for part in parts {
        let Value::Object(part) = part else { return };
        let apart = ["$ref", "allOf", "oneOf", "anyOf", "properties"];
        if apart.iter().any(|key| part.contains_key(*key)) {
            return;
        }
        let is_text = |key: &str| matches!(key, "default" | "description" | "title");
        // Words beside a reference come as an object of its own, which the value need not be.
        let is_words = part.get("type").and_then(Value::as_str) == Some("object")
            && part.keys().all(|key| key == "type" || is_text(key));
        for (key, value) in part {
            if is_words && key == "type" {
                continue;
            }
            let narrows = !is_text(key);
            if narrows && joined.get(key).is_some_and(|known| known != value) {
                return;
            }
            joined.insert(key.clone(), value.clone());
        }
    }
    map.remove("allOf");
    beneath(map, joined);
}

/// Drops a number's width unless the contract publishes it.
fn drop_width(map: &mut Map<String, Value>) {
    let Some(Value::String(format)) = map.get_mut("format") else {
        return;
    };
    if let Some(stated) = format.strip_prefix(STATED) {
        *format = stated.to_owned();
    } else if WIDTHS.contains(&format.as_str()) {
        map.remove("format");
    }
}

#[cfg(test)]
mod tests;
