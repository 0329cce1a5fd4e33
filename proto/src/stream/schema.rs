//! Published schemas of values whose Rust types say less than the contract does.

use utoipa::openapi::{ArrayBuilder, ObjectBuilder, SchemaFormat, Type};

/// Gives a type the schema of some whole numbers.
macro_rules! integers {
    ($name:ty, [$($number:literal),*]) => {
        impl utoipa::__dev::ComposeSchema for $name {
            fn compose(
                _: Vec<utoipa::openapi::RefOr<utoipa::openapi::Schema>>,
            ) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::Integer)
                    .enum_values(Some([$($number),*]))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                concat!("format.", stringify!($name)).into()
            }
        }
    };
}
pub(super) use integers;

/// 0, 90, 180 or 270 degrees.
pub struct Rotation;
integers!(Rotation, [0, 90, 180, 270]);

/// A mode of choosing frames.
pub struct LivenessMode;
integers!(LivenessMode, [0, 1, 2]);

/// A switch.
pub struct ZeroOrOne;
integers!(ZeroOrOne, [0, 1]);

/// A number that the contract publishes as `float`.
pub struct Single;

/// Two of them.
pub struct Weights;

fn single() -> ObjectBuilder {
    // The beginning keeps the format in a document, see the coordinator's `formats::document`.
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .format(Some(SchemaFormat::Custom("stated-float".into())))
}

macro_rules! in_place {
    ($name:ident, $schema:expr) => {
        impl utoipa::__dev::ComposeSchema for $name {
            fn compose(
                _: Vec<utoipa::openapi::RefOr<utoipa::openapi::Schema>>,
            ) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $schema.into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                concat!("format.", stringify!($name)).into()
            }
        }
    };
}

in_place!(Single, single());
in_place!(
    Weights,
    ArrayBuilder::new()
        .items(single())
        .min_items(Some(2))
        .max_items(Some(2))
);
