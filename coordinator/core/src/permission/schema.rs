//! The published schema of permissions, out of the same tables that they are read by.

use std::borrow::Cow;

use goshawk_proto::id::{HandlerId, VerifierId};
use serde_json::{Value, json};
use utoipa::{
    __dev::ComposeSchema,
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, SchemaType, Type},
    },
};

use super::{Action, FullPermissions, Permissions, Resource, Tool, rule::MAX_IDS};

const ABOUT: &str = "What the token may do. Kinds of objects that are left out get their default. \
    Names of 3 to 16 lower-case letters and underscores that are not listed here are kept for \
    other programs, with `creation`, `view`, `modification` and `deletion`.";

fn list(names: Vec<&'static str>, default: &Value, about: String) -> ArrayBuilder {
    let item = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names));
    ArrayBuilder::new()
        .items(item)
        .min_items(Some(0))
        .default(Some(default.clone()))
        .description(Some(about))
}

fn actions(kind: Resource) -> ArrayBuilder {
    let usual: Vec<_> = kind.usual().iter().map(Action::name).collect();
    let about = format!("What may be done to {}.", kind.what());
    let names = kind.actions().iter().map(Action::name).collect();
    list(names, &json!(usual), about)
}

fn tools() -> ArrayBuilder {
    let about = "Operations that may be used although they keep nothing.";
    let names = Tool::ALL.map(Tool::name).to_vec();
    list(names, &json!([]), about.to_owned())
}

fn ids(item: RefOr<Schema>, about: &str) -> ArrayBuilder {
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(item)
        .min_items(Some(1))
        .max_items(Some(MAX_IDS))
        .description(Some(about))
}

fn rule(id: fn() -> RefOr<Schema>, what: &str, full: bool) -> ObjectBuilder {
    let allowed = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some([0, 1]))
        .default(Some(json!(1)))
        .description(Some(format!("0: no {what} may be used.")));
    let white = ids(id(), "If given, only these may be used.");
    let black = ids(id(), "If given, these may not be used.");
    let mut rule = ObjectBuilder::new()
        .property("allowed", allowed)
        .property("white_list", white)
        .property("black_list", black)
        .default(Some(
            json!({"allowed": 1, "white_list": null, "black_list": null}),
        ))
        .description(Some(format!("Which {what}s may be used.")));
    if full {
        for name in ["allowed", "white_list", "black_list"] {
            rule = rule.required(name);
        }
    }
    rule
}

fn schema(full: bool) -> RefOr<Schema> {
    let mut all = ObjectBuilder::new()
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .description(Some(ABOUT));
    for kind in Resource::ALL {
        all = all.property(kind.name(), actions(*kind));
    }
    all = all
        .property("resources", tools())
        .property("emit_events", rule(HandlerId::schema, "handler", full))
        .property("verify", rule(VerifierId::schema, "verifier", full));
    if full {
        let others = ["resources", "emit_events", "verify"];
        for name in Resource::ALL.iter().map(|kind| kind.name()).chain(others) {
            all = all.required(name);
        }
    }
    all.into()
}

impl ComposeSchema for Permissions {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        schema(false)
    }
}

impl ToSchema for Permissions {
    fn name() -> Cow<'static, str> {
        "Permissions".into()
    }
}

impl ComposeSchema for FullPermissions {
    fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
        schema(true)
    }
}

impl ToSchema for FullPermissions {
    fn name() -> Cow<'static, str> {
        "FullPermissions".into()
    }
}
