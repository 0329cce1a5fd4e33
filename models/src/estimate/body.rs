//! What is said of a body.

use goshawk_proto::{
    descriptor::Descriptor, detection::BasicAttributes, geometry::BBox, picture::Rgb, score::Score,
};

use super::Failure;
use crate::role::Joints;

/// Colours that the contracts name for clothes, with `Multicoloured` for more than can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClothingColour {
    /// Black.
    Black,
    /// Blue.
    Blue,
    /// Green.
    Green,
    /// Grey.
    Grey,
    /// Orange.
    Orange,
    /// Purple.
    Purple,
    /// Red.
    Red,
    /// White.
    White,
    /// Yellow.
    Yellow,
    /// Pink.
    Pink,
    /// Brown.
    Brown,
    /// Beige.
    Beige,
    /// Khaki.
    Khaki,
    /// No colour prevails.
    Multicoloured,
}

impl ClothingColour {
    /// All that are one colour, in order.
    pub const PLAIN: [Self; 13] = [
        Self::Black,
        Self::Blue,
        Self::Green,
        Self::Grey,
        Self::Orange,
        Self::Purple,
        Self::Red,
        Self::White,
        Self::Yellow,
        Self::Pink,
        Self::Brown,
        Self::Beige,
        Self::Khaki,
    ];

    /// The contracts' word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Black => "black",
            Self::Blue => "blue",
            Self::Green => "green",
            Self::Grey => "gray",
            Self::Orange => "orange",
            Self::Purple => "purple",
            Self::Red => "red",
            Self::White => "white",
            Self::Yellow => "yellow",
            Self::Pink => "pink",
            Self::Brown => "brown",
            Self::Beige => "beige",
            Self::Khaki => "khaki",
            Self::Multicoloured => "multicolored",
        }
    }
}

/// Whether a thing is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// It is not.
    Absent,
    /// It is.
    Present,
    /// Nothing installed can tell.
    #[default]
    Undefined,
}

/// Length of sleeves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sleeve {
    /// The forearm is bare.
    Short,
    /// The forearm is covered.
    Long,
    /// The forearm or the skin's colour is not seen well enough.
    #[default]
    Undefined,
}

/// A piece of clothing: its colours, the largest share first; empty when undefined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clothing {
    /// At most three with their shares of the pixels, or [`ClothingColour::Multicoloured`] alone.
    pub colours: Vec<(ClothingColour, Score)>,
}

/// Above the waist.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpperBody {
    /// Colours of the clothing.
    pub clothing: Clothing,
    /// Sleeves.
    pub sleeve: Sleeve,
    /// Headwear. Undefined as long as no model for it is installed.
    pub headwear: Presence,
}

/// Below the waist. The kind of garment and the shoes are not estimated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LowerBody {
    /// Colours of the clothing.
    pub clothing: Clothing,
}

/// What was asked of a body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BodyReport {
    /// The person; may reach over the picture's edge.
    pub bbox: BBox,
    /// The detector's certainty; 1 for boxes that were given.
    pub score: Score,
    /// The joints, where they were needed.
    pub joints: Option<Box<Joints>>,
    /// Above the waist.
    pub upper: Option<UpperBody>,
    /// Below the waist.
    pub lower: Option<LowerBody>,
    /// A backpack. A detector can see one; that it sees none proves nothing.
    pub backpack: Option<Presence>,
    /// Age and gender of the face that belongs to the body.
    pub basic: Option<BasicAttributes>,
    /// What the body is compared by.
    pub descriptor: Option<Descriptor>,
    /// The sample, 128 × 256.
    pub warp: Option<Rgb>,
    /// What was asked and could not be answered.
    pub failures: Vec<Failure>,
}
