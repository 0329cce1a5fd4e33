//! What a document says about types made of formats.

use goshawk_proto::{id::FaceId, time::Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::PartialSchema;

use super::*;
use crate::{code::Flag, formats::*};

/// Body of a request, as the API notes show it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
struct NewThing {
    /// What users write.
    user_data: UserData,
    tags: Tags,
    limit: Whole<1, 100>,
    share: Fraction,
    on: Flag,
    #[schema(default = json!(null), nullable)]
    end_time: Nullable<Timestamp>,
    #[serde(skip_serializing_if = "Optional::is_none")]
    face_id: Optional<FaceId>,
    place: Place,
    places: Items<Place, 0, 3>,
}

impl Default for NewThing {
    fn default() -> Self {
        Self {
            user_data: UserData::default(),
            tags: Tags::default(),
            limit: Whole::of::<3>(),
            share: Fraction::clamped(0.5),
            on: Flag::ON,
            end_time: Nullable::Absent,
            face_id: Optional(None),
            place: Place::default(),
            places: Items::default(),
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
struct Place {
    #[serde(default)]
    city: Option<Tag>,
    score: f32,
    probability: Option<Probability>,
    count: u64,
}

fn document<T: ToSchema>() -> Value {
    let mut schemas = Vec::new();
    T::schemas(&mut schemas);
    schemas.push((T::name().into_owned(), T::schema()));
    let schemas: std::collections::BTreeMap<_, _> = schemas.into_iter().collect();
    let mut document = json!({"components": {"schemas": schemas}});
    tidy(&mut document);
    document["components"]["schemas"].take()
}

#[test]
fn fields_are_written_in_place_with_defaults() {
    let schemas = document::<NewThing>();
    println!("{}", serde_json::to_string_pretty(&schemas).unwrap());
    let fields = &schemas["NewThing"]["properties"];
    assert_eq!(
        fields["user_data"],
        json!({"type": "string", "maxLength": 128, "default": "", "description": "What users write."})
    );
    assert_eq!(
        fields["tags"],
        json!({"type": "array", "minItems": 0, "maxItems": 1000, "default": [],
               "items": {"type": "string", "maxLength": 36}})
    );
    assert_eq!(
        fields["limit"],
        json!({"type": "integer", "minimum": 1, "maximum": 100, "default": 3})
    );
    assert_eq!(
        fields["share"],
        json!({"type": "number", "minimum": 0, "maximum": 1, "default": 0.5})
    );
    assert_eq!(
        fields["on"],
        json!({"type": "integer", "enum": [0, 1], "default": 1})
    );
    assert_eq!(
        fields["end_time"],
        json!({"type": ["string", "null"], "format": "date-time", "default": null})
    );
    assert_eq!(fields["face_id"]["pattern"], goshawk_proto::id::PATTERN);
    assert_eq!(
        fields["places"]["items"],
        json!({"$ref": "#/components/schemas/Place"})
    );
    assert_eq!(schemas["NewThing"]["additionalProperties"], false);
    assert_eq!(schemas["NewThing"].get("required"), None);
}

#[test]
fn nothing_of_the_formats_is_left_over() {
    let schemas = document::<NewThing>();
    let names: Vec<&String> = schemas.as_object().unwrap().keys().collect();
    assert_eq!(names, ["NewThing", "Place"]);
    assert!(!schemas.to_string().contains("format."));
    assert!(!schemas.to_string().contains("stated-"));
}

#[test]
fn only_the_contracts_number_formats_stay() {
    let schemas = document::<NewThing>();
    let place = &schemas["Place"];
    assert_eq!(place["properties"]["score"], json!({"type": "number"}));
    assert_eq!(
        place["properties"]["count"],
        json!({"type": "integer", "minimum": 0})
    );
    assert_eq!(
        place["properties"]["probability"],
        json!({"type": ["number", "null"], "format": "double", "minimum": 0, "maximum": 1})
    );
    assert_eq!(
        place["properties"]["city"],
        json!({"type": ["string", "null"], "maxLength": 36})
    );
    assert_eq!(place["required"], json!(["score", "count"]));
}

#[test]
fn names_that_look_like_keywords_are_names() {
    let mut document = json!({
        "components": {"schemas": {
            "format.Tag": {"type": "string"},
            "Thing": {"type": "object", "properties": {
                "format": {"$ref": "#/components/schemas/format.Tag", "default": {"format": "int32"}},
                "oneOf": {"type": "integer", "format": "int32"},
                "default": {"type": "integer", "format": "int64"},
            }},
        }},
    });
    tidy(&mut document);
    assert_eq!(
        document["components"]["schemas"]["Thing"]["properties"],
        json!({
            "format": {"type": "string", "default": {"format": "int32"}},
            "oneOf": {"type": "integer"},
            "default": {"type": "integer"},
        })
    );
}

#[test]
fn formats_of_formats_have_names_of_their_own() {
    let names = [
        Items::<Tag, 0, 3>::name(),
        Items::<Tag, 0, 4>::name(),
        Items::<UserData, 0, 3>::name(),
        AtMost::<Tag, 3>::name(),
        Unique::<Tag, 0, 3>::name(),
        Whole::<-1, 3>::name(),
        Whole::<1, 3>::name(),
        Real::<1, 3>::name(),
        Probability::name(),
        Fraction::name(),
    ];
    let different: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len());
    assert!(AtMost::<Tag, 3>::schema() != Items::<Tag, 0, 3>::schema());
}

#[test]
fn words_beside_a_reference_say_nothing_of_its_type() {
    let parts =
        json!([{"type": "string", "enum": ["x"]}, {"type": "object", "description": "words"}]);
    let mut document = json!({"components": {"schemas": {"A": {"allOf": parts}}}});
    tidy(&mut document);
    assert_eq!(
        document["components"]["schemas"]["A"],
        json!({"type": "string", "enum": ["x"], "description": "words"})
    );
}

#[test]
fn filled_schemas_that_nobody_refers_to_go() {
    let mut document = json!({
        "paths": {"/": {"get": {"x": {"$ref": "#/components/schemas/OneFilled"}}}},
        "components": {"schemas": {"One": {}, "OneFilled": {}, "TwoFilled": {}}},
    });
    tidy(&mut document);
    let left = document["components"]["schemas"].as_object().unwrap();
    assert_eq!(left.keys().collect::<Vec<_>>(), ["One", "OneFilled"]);
}
