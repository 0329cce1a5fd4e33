//! Bodies in answers.

use goshawk_coordinator_core::{face::whole_years, published, words};
use goshawk_models::estimate::{
    BodyReport, Clothing, ClothingColour, Estimation, LowerBody, Presence, Sleeve, UpperBody,
    Wanted,
};
use goshawk_proto::{
    detection::{BasicAttributes, Gender},
    score::Score,
};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, Type},
};

use super::{ExtractedDescriptor, Rectangle};
use crate::api::attributes::bytes::Base64;

/// Whether something is there: 0 no, 1 yes, 2 not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(Presence);

impl Serialize for State {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match self.0 {
            Presence::Absent => 0,
            Presence::Present => 1,
            Presence::Undefined => 2,
        })
    }
}

/// Apparent gender: 0 female, 1 male, 2 not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApparentGender(Gender);

impl Serialize for ApparentGender {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match self.0 {
            Gender::Female => 0,
            Gender::Male => 1,
        })
    }
}

fn three() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some([0, 1, 2]))
}

published!(State, "State", three());
published!(ApparentGender, "ApparentGender", three());

words! {
    /// Colours of what is worn on head and feet.
    pub enum SmallColour: "colours" {
        /// Not known.
        Undefined = "undefined",
        /// Black.
        Black = "black",
        /// White.
        White = "white",
        /// Any other.
        Other = "other",
    }
}

words! {
    /// Colours of clothes.
    pub enum ClothesColour: "colours" {
        /// Not known.
        Undefined = "undefined",
        /// Black.
        Black = "black",
        /// Blue.
        Blue = "blue",
        /// Green.
        Green = "green",
        /// Grey.
        Grey = "gray",
        /// Orange.
        Orange = "orange",
        /// Purple.
        Purple = "purple",
        /// Red.
        Red = "red",
        /// White.
        White = "white",
        /// Yellow.
        Yellow = "yellow",
        /// Pink.
        Pink = "pink",
        /// Brown.
        Brown = "brown",
        /// Beige.
        Beige = "beige",
        /// Khaki.
        Khaki = "khaki",
        /// None prevails.
        Multicoloured = "multicolored",
    }
}

impl From<ClothingColour> for ClothesColour {
    fn from(colour: ClothingColour) -> Self {
        match colour {
            ClothingColour::Black => Self::Black,
            ClothingColour::Blue => Self::Blue,
            ClothingColour::Green => Self::Green,
            ClothingColour::Grey => Self::Grey,
            ClothingColour::Orange => Self::Orange,
            ClothingColour::Purple => Self::Purple,
            ClothingColour::Red => Self::Red,
            ClothingColour::White => Self::White,
            ClothingColour::Yellow => Self::Yellow,
            ClothingColour::Pink => Self::Pink,
            ClothingColour::Brown => Self::Brown,
            ClothingColour::Beige => Self::Beige,
            ClothingColour::Khaki => Self::Khaki,
            ClothingColour::Multicoloured => Self::Multicoloured,
        }
    }
}

/// The colours of clothes, the largest share first; `undefined` alone where none can be told.
fn colours(clothing: &Clothing) -> Vec<ClothesColour> {
    let known = clothing.colours.iter().map(|(colour, _)| (*colour).into());
    let mut all: Vec<ClothesColour> = known.collect();
    if all.is_empty() {
        all.push(ClothesColour::Undefined);
    }
    all
}

words! {
    /// Lengths of sleeves.
    pub enum SleeveLength: "lengths" {
        /// The forearm is bare.
        Short = "short",
        /// The forearm is covered.
        Long = "long",
        /// Not seen well enough.
        Undefined = "undefined",
    }
}

words! {
    /// Kinds of lower garments.
    pub enum GarmentType: "garments" {
        /// Not known.
        Undefined = "undefined",
        /// Trousers.
        Trousers = "trousers",
        /// Shorts.
        Shorts = "shorts",
        /// A skirt.
        Skirt = "skirt",
    }
}

/// Headwear.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HeadwearView {
    /// 0 none, 1 some, 2 not known.
    pub state: State,
    /// Its colour.
    #[schema(inline)]
    pub apparent_color: SmallColour,
}

/// Sleeves.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SleeveView {
    /// Their length.
    #[schema(inline)]
    pub length: SleeveLength,
}

/// Clothes above the waist.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UpperClothing {
    /// Their colours.
    #[schema(inline)]
    pub colors: Vec<ClothesColour>,
}

/// A body above the waist.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UpperBodyView {
    /// Headwear.
    #[schema(inline)]
    pub headwear: HeadwearView,
    /// Sleeves.
    #[schema(inline)]
    pub sleeve: SleeveView,
    /// Clothes.
    #[schema(inline)]
    pub upper_clothing: UpperClothing,
}

impl From<&UpperBody> for UpperBodyView {
    fn from(upper: &UpperBody) -> Self {
        Self {
            headwear: HeadwearView {
                state: State(upper.headwear),
                apparent_color: SmallColour::Undefined,
            },
            sleeve: SleeveView {
                length: match upper.sleeve {
                    Sleeve::Short => SleeveLength::Short,
                    Sleeve::Long => SleeveLength::Long,
                    Sleeve::Undefined => SleeveLength::Undefined,
                },
            },
            upper_clothing: UpperClothing {
                colors: colours(&upper.clothing),
            },
        }
    }
}

/// Clothes below the waist.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LowerGarment {
    /// Which; nothing here can tell.
    #[serde(rename = "type")]
    #[schema(inline)]
    pub kind: GarmentType,
    /// Their colours.
    #[schema(inline)]
    pub colors: Vec<ClothesColour>,
}

/// Shoes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShoesView {
    /// Their colour; nothing here can tell.
    #[schema(inline)]
    pub apparent_color: SmallColour,
}

/// A body below the waist.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LowerBodyView {
    /// Clothes.
    #[schema(inline)]
    pub lower_garment: LowerGarment,
    /// Shoes.
    #[schema(inline)]
    pub shoes: ShoesView,
}

impl From<&LowerBody> for LowerBodyView {
    fn from(lower: &LowerBody) -> Self {
        Self {
            lower_garment: LowerGarment {
                kind: GarmentType::Undefined,
                colors: colours(&lower.clothing),
            },
            shoes: ShoesView {
                apparent_color: SmallColour::Undefined,
            },
        }
    }
}

/// A backpack.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BackpackView {
    /// 0 none, 1 one, 2 not known.
    pub state: State,
}

/// What a body carries.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AccessoriesView {
    /// A backpack.
    #[schema(inline)]
    pub backpack: BackpackView,
}

impl From<Presence> for AccessoriesView {
    fn from(presence: Presence) -> Self {
        Self {
            backpack: BackpackView {
                state: State(presence),
            },
        }
    }
}

/// Age and gender of a person by the face that belongs to the body.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BodyBasicAttributes {
    /// Age in years.
    #[schema(minimum = 0, maximum = 100)]
    pub apparent_age: u8,
    /// 0 female, 1 male, 2 not known.
    pub apparent_gender: ApparentGender,
}

impl From<BasicAttributes> for BodyBasicAttributes {
    fn from(basic: BasicAttributes) -> Self {
        Self {
            apparent_age: whole_years(basic.age),
            apparent_gender: ApparentGender(basic.gender),
        }
    }
}

/// What was estimated of a body besides where it is.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct BodyAttributes {
    /// What the body is compared by, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub descriptor: Option<ExtractedDescriptor>,
    /// Age and gender, where they were asked for and the person's face is seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub basic_attributes: Option<BodyBasicAttributes>,
    /// Above the waist, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub upper_body: Option<UpperBodyView>,
    /// Below the waist, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub lower_body: Option<LowerBodyView>,
    /// What it carries, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub accessories: Option<AccessoriesView>,
}

impl BodyAttributes {
    /// What is told of a body.
    pub fn of(body: &BodyReport, wanted: &Wanted) -> Self {
        let has = |estimation| wanted.has(estimation);
        let descriptor = body.descriptor.as_ref();
        Self {
            descriptor: descriptor
                .filter(|_| has(Estimation::BodyDescriptor))
                .map(|one| ExtractedDescriptor::of(one, Score::ONE)),
            basic_attributes: body
                .basic
                .filter(|_| has(Estimation::BodyBasic))
                .map(Into::into),
            upper_body: body
                .upper
                .as_ref()
                .filter(|_| has(Estimation::UpperBody))
                .map(Into::into),
            lower_body: body
                .lower
                .as_ref()
                .filter(|_| has(Estimation::LowerBody))
                .map(Into::into),
            accessories: body
                .backpack
                .filter(|_| has(Estimation::Accessories))
                .map(Into::into),
        }
    }
}

/// A body as it was found.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct FoundBody {
    /// What was estimated besides.
    #[schema(inline, required = false)]
    pub attributes: BodyAttributes,
    /// Where it is, also beyond the picture's edge; absent in samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub rect: Option<Rectangle>,
    /// The sample as a JPEG, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub warp: Option<Base64>,
}

/// A body of a person.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct BodyEstimations {
    /// As it was found.
    #[schema(inline)]
    pub detection: FoundBody,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_known_is_told_as_such() {
        let body = BodyReport {
            upper: Some(UpperBody::default()),
            lower: Some(LowerBody::default()),
            backpack: Some(Presence::Undefined),
            ..BodyReport::default()
        };
        let wanted = Wanted::these(&[
            Estimation::UpperBody,
            Estimation::LowerBody,
            Estimation::Accessories,
            Estimation::BodyBasic,
        ]);
        let told = serde_json::to_value(BodyAttributes::of(&body, &wanted)).unwrap();
        assert_eq!(
            told,
            json!({
                "upper_body": {
                    "headwear": {"state": 2, "apparent_color": "undefined"},
                    "sleeve": {"length": "undefined"},
                    "upper_clothing": {"colors": ["undefined"]},
                },
                "lower_body": {
                    "lower_garment": {"type": "undefined", "colors": ["undefined"]},
                    "shoes": {"apparent_color": "undefined"},
                },
                "accessories": {"backpack": {"state": 2}},
            })
        );
        let nothing = serde_json::to_value(BodyAttributes::of(&body, &Wanted::none())).unwrap();
        assert_eq!(nothing, json!({}));
    }

    #[test]
    fn every_colour_of_the_models_has_the_word_of_the_contract() {
        for colour in [
            ClothingColour::Grey,
            ClothingColour::Multicoloured,
            ClothingColour::Khaki,
        ] {
            assert_eq!(ClothesColour::from(colour).as_str(), colour.name());
        }
    }
}
