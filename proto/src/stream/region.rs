//! A part of a frame, in the three forms that the contract reads.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::geometry::{BBox, Size};

/// A part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
#[allow(missing_docs, reason = "left, top, width and height, as in every box")]
pub enum Region {
    /// In source pixels.
    Abs {
        x: u32,
        y: u32,
        width: u32,
        height: u32,
    },
    /// In percent of the frame, 0 to 100.
    Percent {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
    },
}

impl Region {
    /// The region in pixels of a frame of `size`, clipped to it; `None` when it is empty, which
    /// the contract reads as the whole frame.
    pub fn resolve(&self, size: Size) -> Option<BBox> {
        let bbox = match *self {
            Self::Abs {
                x,
                y,
                width,
                height,
            } => BBox::new(x as f32, y as f32, width as f32, height as f32),
            Self::Percent {
                x,
                y,
                width,
                height,
            } => {
                let (w, h) = (size.width as f32 / 100.0, size.height as f32 / 100.0);
                BBox::new(x * w, y * h, width * w, height * h)
            }
        };
        let clipped = bbox.clipped(size);
        (clipped.area() >= 1.0).then_some(clipped)
    }
}

/// How the numbers of a region are meant.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Abs,
    Percent,
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// Reads an object, whose mode may be missing, or the older list of four numbers.
struct Reader;

impl<'de> de::Visitor<'de> for Reader {
    type Value = Region;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Region, A::Error> {
        let mut numbers = [0_u32; 4];
        let few = || de::Error::custom("ensure this value has exactly 4 items");
        for number in &mut numbers {
            *number = list.next_element()?.ok_or_else(few)?;
        }
        if list.next_element::<de::IgnoredAny>()?.is_some() {
            return Err(few());
        }
        let [x, y, width, height] = numbers;
        Ok(Region::Abs {
            x,
            y,
            width,
            height,
        })
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Region, A::Error> {
        const NAMES: [&str; 5] = ["x", "y", "width", "height", "mode"];
        let (mut mode, mut numbers) = (Mode::default(), [None::<f64>; 4]);
        while let Some(name) = map.next_key::<String>()? {
            match NAMES.iter().position(|known| *known == name) {
                Some(4) => mode = map.next_value()?,
                Some(at) => {
                    if let Some(number) = numbers.get_mut(at) {
                        *number = Some(map.next_value()?);
                    }
                }
                // Left to whoever reads: a pushed document may know more than we do.
                None => drop(map.next_value::<de::IgnoredAny>()?),
            }
        }
        let number = |at: usize| numbers[at].ok_or_else(|| de::Error::missing_field(NAMES[at]));
        let (x, y, width, height) = (number(0)?, number(1)?, number(2)?, number(3)?);
        match mode {
            Mode::Percent => Ok(Region::Percent {
                x: x as f32,
                y: y as f32,
                width: width as f32,
                height: height as f32,
            }),
            Mode::Abs => Ok(Region::Abs {
                x: whole(x)?,
                y: whole(y)?,
                width: whole(width)?,
                height: whole(height)?,
            }),
        }
    }
}

fn whole<E: de::Error>(number: f64) -> Result<u32, E> {
    if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
        return Ok(number as u32);
    }
    Err(E::custom("value is not a valid integer"))
}

#[cfg(feature = "schema")]
mod schema {
    use utoipa::{
        __dev::ComposeSchema,
        openapi::{
            ArrayBuilder, Object, ObjectBuilder, OneOfBuilder, RefOr, Schema, SchemaFormat, Type,
        },
    };

    use super::Region;

    impl ComposeSchema for Region {
        fn compose(_: Vec<RefOr<Schema>>) -> RefOr<Schema> {
            let list = ArrayBuilder::new()
                .items(pixels())
                .min_items(Some(4))
                .max_items(Some(4));
            OneOfBuilder::new()
                .item(object("abs", &pixels(), &pixels()))
                .item(object("percent", &percent(0.0), &percent(1e-5)))
                .item(list)
                .into()
        }
    }

    impl utoipa::ToSchema for Region {}

    fn object(mode: &str, place: &Object, size: &Object) -> ObjectBuilder {
        let mode = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some([mode]));
        ["x", "y", "width", "height"]
            .into_iter()
            .fold(ObjectBuilder::new(), |object, name| {
                let is_place = matches!(name, "x" | "y");
                let side = if is_place { place } else { size };
                object.property(name, side.clone()).required(name)
            })
            .property("mode", mode)
    }

    fn pixels() -> Object {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0))
            .maximum(Some(65_536))
            .build()
    }

    fn percent(least: f64) -> Object {
        ObjectBuilder::new()
            .schema_type(Type::Number)
            .format(Some(SchemaFormat::Custom("stated-float".into())))
            .minimum(Some(least))
            .maximum(Some(100.0))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn regions_resolve_to_pixels() {
        let size = Size::new(200, 100);
        let half = Region::Percent {
            x: 50.0,
            y: 0.0,
            width: 100.0,
            height: 100.0,
        };
        assert_eq!(
            half.resolve(size),
            Some(BBox::new(100.0, 0.0, 100.0, 100.0))
        );
        assert_eq!(
            Region::Abs {
                x: 0,
                y: 0,
                width: 0,
                height: 0
            }
            .resolve(size),
            None
        );
    }

    #[test]
    fn regions_come_in_three_forms() {
        let read = |value: serde_json::Value| serde_json::from_value::<Region>(value);
        let abs = Region::Abs {
            x: 1,
            y: 2,
            width: 3,
            height: 4,
        };
        assert_eq!(read(json!([1, 2, 3, 4])).unwrap(), abs);
        assert_eq!(
            read(json!({"x": 1, "y": 2, "width": 3, "height": 4})).unwrap(),
            abs
        );
        assert_eq!(serde_json::from_value::<Region>(json!(abs)).unwrap(), abs);
        let half = json!({"mode": "percent", "x": 0.5, "y": 0, "width": 50, "height": 50});
        assert!(matches!(read(half), Ok(Region::Percent { x: 0.5, .. })));
        for wrong in [
            json!([1, 2]),
            json!([1, 2, 3, 4, 5]),
            json!({"x": 1}),
            json!({"x": 0.5, "y": 2, "width": 3, "height": 4}),
            json!({"mode": "feet", "x": 1, "y": 2, "width": 3, "height": 4}),
            json!(7),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
