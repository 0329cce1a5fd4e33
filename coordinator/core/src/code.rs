//! Small closed sets that the contracts write as integers.

use std::str::FromStr;

use goshawk_proto::detection::{Gender, LivenessVerdict};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::openapi::{ObjectBuilder, Type};

use crate::{
    formats::{Wrong, read_whole},
    published,
};

/// A switch that the contracts write as 0 or 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flag(pub bool);

impl Flag {
    /// 1.
    pub const ON: Self = Self(true);
    /// 0.
    pub const OFF: Self = Self(false);
}

impl Serialize for Flag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(u8::from(self.0))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match read_whole(deserializer)? {
            0 => Ok(Self::OFF),
            1 => Ok(Self::ON),
            _ => Err(D::Error::custom(Wrong::not_among([0, 1]))),
        }
    }
}

impl FromStr for Flag {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        match text {
            "0" => Ok(Self::OFF),
            "1" => Ok(Self::ON),
            _ => Err(Wrong::not_among([0, 1])),
        }
    }
}

impl From<bool> for Flag {
    fn from(on: bool) -> Self {
        Self(on)
    }
}

published!(Flag, "Flag", numbers(&[0, 1]));

/// The schema of a numbered set.
fn numbers(codes: &[u8]) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some(codes.to_vec()))
}

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant = $code),*
        }

        impl $name {
            /// The contract's number.
            pub fn code(self) -> u8 {
                self as u8
            }

            /// From the contract's number.
            pub fn from_code(code: u64) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl FromStr for $name {
            type Err = Wrong;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let code = text.parse().ok().and_then(Self::from_code);
                code.ok_or_else(|| Wrong::not_among([$($code),*]))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u8(self.code())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let code = u64::try_from(read_whole(deserializer)?);
                code.ok()
                    .and_then(Self::from_code)
                    .ok_or_else(|| D::Error::custom(Wrong::not_among([$($code),*])))
            }
        }

        published!($name, stringify!($name), numbers(&[$($code),*]));
    };
}

coded! {
    /// Apparent gender.
    GenderCode {
        /// Looks female to the model.
        Female = 0,
        /// Looks male to the model.
        Male = 1,
    }
}

coded! {
    /// Whether a live person was before the camera.
    LivenessCode {
        /// A photograph, screen or mask.
        Spoof = 0,
        /// A live person.
        Real = 1,
        /// Not enough evidence for either.
        Unknown = 2,
    }
}

coded! {
    /// Apparent ethnicity. No model of the default pack estimates it.
    EthnicityCode {
        /// African American.
        AfricanAmerican = 1,
        /// Indian.
        Indian = 2,
        /// Asian.
        Asian = 3,
        /// Caucasian.
        Caucasian = 4,
    }
}

coded! {
    /// Whether a face wears a mask. No model of the default pack estimates it.
    MaskCode {
        /// Nothing on the face.
        Missing = 1,
        /// A medical mask.
        MedicalMask = 2,
        /// Covered by something else.
        Occluded = 3,
    }
}

coded! {
    /// The most probable expression. No model of the default pack estimates it.
    EmotionCode {
        /// Anger.
        Anger = 1,
        /// Disgust.
        Disgust = 2,
        /// Fear.
        Fear = 3,
        /// Happiness.
        Happiness = 4,
        /// None of the others.
        Neutral = 5,
        /// Sadness.
        Sadness = 6,
        /// Surprise.
        Surprise = 7,
    }
}

coded! {
    /// Whether a picture was made by a face-swapping model. Not estimated by the default pack.
    DeepfakeCode {
        /// Made by a model.
        Fake = 0,
        /// A real picture.
        Real = 1,
    }
}

coded! {
    /// What to do with several faces in one picture.
    Multiface {
        /// Refuse such a picture.
        Refuse = 0,
        /// Make an event of each.
        All = 1,
        /// Take the best one.
        Best = 2,
    }
}

coded! {
    /// Where a handler's policies come from.
    HandlerType {
        /// Stored with the handler.
        Static = 0,
        /// Given with each request.
        Dynamic = 1,
        /// A lambda.
        Lambda = 2,
    }
}

impl From<Gender> for GenderCode {
    fn from(gender: Gender) -> Self {
        match gender {
            Gender::Female => Self::Female,
            Gender::Male => Self::Male,
        }
    }
}

impl From<LivenessVerdict> for LivenessCode {
    fn from(verdict: LivenessVerdict) -> Self {
        match verdict {
            LivenessVerdict::Spoof => Self::Spoof,
            LivenessVerdict::Real => Self::Real,
            LivenessVerdict::Unknown => Self::Unknown,
        }
    }
}

impl LivenessCode {
    /// The word the contract uses for it in estimations.
    pub fn word(self) -> &'static str {
        match self {
            Self::Spoof => "spoof",
            Self::Real => "real",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_the_set_are_refused() {
        assert_eq!(serde_json::from_str::<Flag>("1").unwrap(), Flag::ON);
        assert!(serde_json::from_str::<Flag>("2").is_err());
        assert!(serde_json::from_str::<Flag>("true").is_err());
        assert!(serde_json::from_str::<LivenessCode>("3").is_err());
        assert!(serde_json::from_str::<LivenessCode>("-1").is_err());
        assert!("2".parse::<Flag>().is_err() && "01".parse::<Flag>().is_err());
        let text = serde_json::to_string(&[GenderCode::Female, GenderCode::Male]).unwrap();
        assert_eq!(text, "[0,1]");
    }
}
