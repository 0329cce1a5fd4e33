//! Query parameters as types: what reads them also says how an API document describes them.
//!
//! ```
//! use goshawk_coordinator_core::{parameters, query::{Pairs, Parameters}};
//!
//! parameters! {
//!     /// What a listing asks for.
//!     pub struct Listing {
//!         /// Items before this moment.
//!         optional create_time__lt: goshawk_proto::time::Timestamp,
//!         /// Which page.
//!         default page: u64 = 1_u64,
//!     }
//! }
//!
//! let given = [("page".to_owned(), "3".to_owned())];
//! let listing = Listing::read(Pairs(&given)).unwrap();
//! assert_eq!((listing.page, listing.create_time__lt), (3, None));
//! assert_eq!(Listing::describe().len(), 2);
//! ```

use std::str::FromStr;

use utoipa::{
    PartialSchema,
    openapi::{
        RefOr, Required, Schema,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

use super::{BadParameter, Pairs, bad};

/// The query parameters of one operation.
pub trait Parameters: Sized {
    /// Whether some of them name fields of the answer: see [`QueryValue::NAMES_FIELDS`].
    const NAMES_FIELDS: bool;

    /// Reads them; unknown ones are left alone, as the contract's services do.
    fn read(query: Pairs<'_>) -> Result<Self, BadParameter>;

    /// How a document describes them.
    fn describe() -> Vec<Parameter>;
}

/// An operation without query parameters.
impl Parameters for () {
    const NAMES_FIELDS: bool = false;

    fn read(_: Pairs<'_>) -> Result<Self, BadParameter> {
        Ok(())
    }

    fn describe() -> Vec<Parameter> {
        Vec::new()
    }
}

/// Two groups of parameters side by side, such as filters and a page.
impl<A: Parameters, B: Parameters> Parameters for (A, B) {
    const NAMES_FIELDS: bool = A::NAMES_FIELDS || B::NAMES_FIELDS;

    fn read(query: Pairs<'_>) -> Result<Self, BadParameter> {
        Ok((A::read(query)?, B::read(query)?))
    }

    fn describe() -> Vec<Parameter> {
        let mut all = A::describe();
        all.extend(B::describe());
        all
    }
}

/// The value of one query parameter.
///
/// Whatever reads from text and has a schema is one; of a repeated parameter the last one counts.
pub trait QueryValue: Sized {
    /// Whether it names fields of the answer: the contract has an error of its own for a field that
    /// there is not, [`BadParameter::target`].
    const NAMES_FIELDS: bool = false;

    /// Reads the values given under `name`, at least one, in the order of the query.
    fn read(name: &str, given: &[&str]) -> Result<Self, BadParameter>;

    /// Its schema.
    fn schema() -> RefOr<Schema>;
}

impl<T: FromStr<Err: std::fmt::Display> + PartialSchema> QueryValue for T {
    fn read(name: &str, given: &[&str]) -> Result<Self, BadParameter> {
        let text = given.last().copied().unwrap_or_default();
        text.parse().map_err(|why| bad(name, format!("{why}")))
    }

    fn schema() -> RefOr<Schema> {
        <T as PartialSchema>::schema()
    }
}

/// The value of `name`, if the query has one. For [`parameters!`](crate::parameters).
pub fn read<T: QueryValue>(query: Pairs<'_>, name: &str) -> Result<Option<T>, BadParameter> {
    let given: Vec<&str> = query.all(name).collect();
    if given.is_empty() {
        return Ok(None);
    }
    T::read(name, &given).map(Some)
}

/// The description of one parameter. For [`parameters!`](crate::parameters).
pub fn describe(name: &str, doc: &str, required: bool, schema: RefOr<Schema>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(if required {
            Required::True
        } else {
            Required::False
        })
        .description(Some(doc.trim()))
        .schema(Some(schema))
        .build()
}

/// A schema with a default.
pub fn with_default(schema: RefOr<Schema>, default: serde_json::Value) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.default = Some(default);
            RefOr::T(Schema::Object(object))
        }
        RefOr::T(Schema::Array(mut array)) => {
            array.default = Some(default);
            RefOr::T(Schema::Array(array))
        }
        other => other,
    }
}

/// Declares a struct of query parameters with its [`Parameters`]. Each field is `optional`
/// (an `Option` in the struct), `required`, or has a `default`; its documentation is the
/// parameter's description; `as EXPRESSION` replaces the schema of its type where a contract
/// writes it differently.
#[macro_export]
macro_rules! parameters {
    (
        $(#[$outer:meta])*
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $kind:ident $field:ident : $type:ty $(= $default:expr)? $(=> $schema:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[$outer])*
        #[derive(Debug, Clone)]
        #[allow(non_snake_case, reason = "fields are named as their parameters")]
        $visibility struct $name {
            $(
                $(#[doc = $doc])+
                pub $field: $crate::parameters!(@type $kind $type),
            )*
        }

        impl $crate::query::Parameters for $name {
            const NAMES_FIELDS: bool =
                false $(|| <$type as $crate::query::QueryValue>::NAMES_FIELDS)*;

            #[allow(non_snake_case, reason = "fields are named as their parameters")]
            fn read(
                query: $crate::query::Pairs<'_>,
            ) -> Result<Self, $crate::query::BadParameter> {
                $(
                    let given = $crate::query::parameters::read::<$type>(
                        query,
                        $crate::query::parameters::plain(stringify!($field)),
                    )?;
                    let $field = $crate::parameters!(@value $kind $field given $(, $default)?);
                )*
                Ok(Self { $($field),* })
            }

            fn describe() -> Vec<$crate::query::parameters::Described> {
                vec![$({
                    let schema = <$type as $crate::query::QueryValue>::schema();
                    $(let schema = $crate::query::parameters::default_of(schema, &$default);)?
                    $(let schema = { let _ = schema; $schema };)?
                    $crate::query::parameters::describe(
                        $crate::query::parameters::plain(stringify!($field)),
                        concat!($($doc, "\n"),+),
                        $crate::parameters!(@required $kind),
                        schema,
                    )
                }),*]
            }
        }
    };
    (@type optional $type:ty) => { Option<$type> };
    (@type required $type:ty) => { $type };
    (@type default $type:ty) => { $type };
    (@required optional) => { false };
    (@required default) => { false };
    (@required required) => { true };
    (@value optional $field:ident $given:ident) => { $given };
    (@value optional $field:ident $given:ident, $default:expr) => { $given };
    (@value required $field:ident $given:ident) => {
        $given.ok_or_else(|| {
            $crate::query::bad(
                $crate::query::parameters::plain(stringify!($field)),
                "field required",
            )
        })?
    };
    (@value default $field:ident $given:ident, $default:expr) => {
        match $given {
            Some(value) => value,
            None => $default.into(),
        }
    };
}

/// What [`Parameters::describe`] gives; a name for the macro.
pub type Described = Parameter;

/// A field's name as a parameter's: `r#type` is `type`.
pub fn plain(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

/// `schema` with the default `value`. For [`parameters!`](crate::parameters).
pub fn default_of(schema: RefOr<Schema>, value: &impl serde::Serialize) -> RefOr<Schema> {
    match serde_json::to_value(value) {
        Ok(value) => with_default(schema, value),
        Err(_) => schema,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use goshawk_proto::id::FaceId;
    use serde_json::json;

    parameters! {
        /// An example.
        struct Example {
            /// Of which kind.
            optional r#type: String,
            /// How many.
            default count: u32 = 7_u32,
            /// Which one.
            required face_id: String => utoipa::schema!(String).into(),
        }
    }

    fn read(given: &[(&str, &str)]) -> Result<Example, BadParameter> {
        let given: Vec<(String, String)> = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Example::read(Pairs(&given))
    }

    #[test]
    fn values_defaults_and_absences_are_told_apart() {
        let id = FaceId::random().to_string();
        let found = read(&[("face_id", &id), ("count", "1"), ("count", "2")]).unwrap();
        assert_eq!(
            (found.r#type, found.count, found.face_id),
            (None, 2, id.clone())
        );
        assert_eq!(read(&[("face_id", &id), ("type", "x")]).unwrap().count, 7);
        assert_eq!(
            read(&[("count", "x"), ("face_id", &id)]).unwrap_err().name,
            "count"
        );
        assert_eq!(read(&[]).unwrap_err().name, "face_id");
    }

    #[test]
    fn the_description_is_made_of_the_same_fields() {
        let described = serde_json::to_value(Example::describe()).unwrap();
        assert_eq!(described[0]["name"], "type");
        assert_eq!(described[1]["schema"]["default"], json!(7));
        assert_eq!(described[1]["description"], "How many.");
        assert_eq!(
            (&described[1]["required"], &described[2]["required"]),
            (&json!(false), &json!(true))
        );
    }

    crate::words! {
        enum Field: "examples" { Id = "id" }
    }

    parameters! {
        /// Which fields.
        struct Wanted {
            /// Only these.
            optional targets: crate::query::Targets<Field>,
        }
    }

    #[test]
    fn groups_know_whether_they_name_fields() {
        let known = [
            <() as Parameters>::NAMES_FIELDS,
            Example::NAMES_FIELDS,
            Wanted::NAMES_FIELDS,
            <(Example, Wanted)>::NAMES_FIELDS,
        ];
        assert_eq!(known, [false, false, true, true]);
        let given = [("targets".to_owned(), "id".to_owned())];
        assert!(Wanted::read(Pairs(&given)).unwrap().targets.is_some());
    }
}
