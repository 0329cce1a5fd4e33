//! How API documents describe the checks, from their table.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::openapi::{
    ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, RefOr, Schema, SchemaFormat, Type,
    schema::SchemaType,
};

use super::{
    limit::Limit,
    table::{CHECKS, Check, Form},
};

/// The checks of `face_quality`.
pub fn quality() -> ArrayBuilder {
    list(CHECKS.iter(), false)
        .min_items(Some(0))
        .max_items(Some(CHECKS.len()))
}

/// The checks of `/6/iso`.
pub fn iso() -> ArrayBuilder {
    list(CHECKS.iter().filter(|check| check.iso), true)
}

/// Checks of one kind have one description.
fn list(checks: impl Iterator<Item = &'static Check>, iso: bool) -> ArrayBuilder {
    let mut kinds: BTreeMap<(Form, Option<bool>), Vec<&Check>> = BTreeMap::new();
    for check in checks {
        let wanted = match check.limit {
            Limit::Is(is) => Some(is),
            _ => None,
        };
        kinds.entry((check.form, wanted)).or_default().push(check);
    }
    let all = kinds
        .into_values()
        .fold(OneOfBuilder::new(), |all, kind| all.item(one(&kind, iso)));
    ArrayBuilder::new().items(all).unique_items(true)
}

fn one(kind: &[&Check], iso: bool) -> ObjectBuilder {
    let names = kind.iter().map(|check| check.name);
    let first = kind.first();
    let form = first.map_or(Form::Number, |check| check.form);
    let parts: [(&str, RefOr<Schema>); 4] = [
        ("name", text().enum_values(Some(names)).into()),
        ("object_value", value(form).into()),
        (
            "threshold_value",
            first.map_or_else(|| text().into(), |one| limit(one, iso)),
        ),
        ("result", zero_or_one().into()),
    ];
    parts
        .into_iter()
        .fold(ObjectBuilder::new(), |object, (name, schema)| {
            object.property(name, schema).required(name)
        })
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn zero_or_one() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some([0, 1]))
}

fn or_null(kind: Type) -> SchemaType {
    SchemaType::from_iter([kind, Type::Null])
}

fn double() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(or_null(Type::Number))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
}

fn value(form: Form) -> ObjectBuilder {
    let whole = || {
        ObjectBuilder::new()
            .minimum(Some(0))
            .schema_type(or_null(Type::Integer))
    };
    match form {
        Form::Share => double().minimum(Some(0)).maximum(Some(1)),
        Form::Number | Form::Distance => double(),
        Form::Whole | Form::Length => whole(),
        Form::Switch => ObjectBuilder::new()
            .schema_type(or_null(Type::Integer))
            .enum_values(Some([json!(0), json!(1), json!(null)])),
        _ if form.takes_null() => {
            let words = form.words().iter().map(|word| json!(word));
            text()
                .schema_type(or_null(Type::String))
                .enum_values(Some(words.chain([json!(null)])))
        }
        _ => text().enum_values(Some(form.words().iter().copied())),
    }
}

fn limit(check: &Check, iso: bool) -> RefOr<Schema> {
    let range = |kind: Type, least: Option<i32>, endless: bool| {
        let end = |kind: SchemaType| ObjectBuilder::new().schema_type(kind).minimum(least);
        let upper = if endless {
            or_null(kind.clone())
        } else {
            kind.clone().into()
        };
        ObjectBuilder::new()
            .property("min", end(kind.into()))
            .required("min")
            .property("max", end(upper))
            .required("max")
            .into()
    };
    match (check.form, check.limit) {
        (Form::Share | Form::Number, _) => range(Type::Number, None, false),
        (Form::Distance, _) => range(Type::Number, None, true),
        (Form::Whole, _) => range(Type::Integer, Some(0), false),
        (Form::Length, _) => range(Type::Integer, Some(0), true),
        (Form::Switch, Limit::Is(is)) if iso => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .enum_values(Some([u8::from(is)]))
            .into(),
        (Form::Switch, _) => zero_or_one().into(),
        (form, Limit::Words(words)) => words_allowed(form, words, iso).into(),
        _ => text().into(),
    }
}

/// Words that are allowed: of the whole vocabulary where a handler may choose them.
fn words_allowed(form: Form, words: &'static [&'static str], iso: bool) -> ArrayBuilder {
    let fixed = matches!(form, Form::Format | Form::Glasses | Form::Eye);
    let among: &[&str] = if fixed || iso { words } else { form.words() };
    let item = match form {
        Form::Glasses | Form::Eye => text(),
        _ => text().enum_values(Some(among.iter().copied())),
    };
    let list = ArrayBuilder::new().items(item);
    match form {
        _ if fixed || iso => list,
        Form::Shoulders => list.min_items(Some(1)),
        _ => list.min_items(Some(1)).default(Some(json!(words))),
    }
}
