//! The list of checks.
//!
//! Limits are the contract's. The measures are those of [`goshawk_models::measures`] and of the
//! estimators, each with its formula where it is computed; what turns a measure into a word or a
//! yes is here, with a limit that is ours unless a source is named.

use goshawk_models::{
    PictureFormat,
    estimate::{EyeState, SmileKind},
    manifest::Role,
    measures::{FaceColour, FaceMeasures, FrameMeasures, Shoulders},
};
use goshawk_proto::score::Score;

use super::{
    Facts,
    limit::{Ends, Found, Limit},
};
use crate::estimations::worn::GlassesWord;

/// The words that models of a role tell, which are the contract's.
fn classes(role: Role) -> &'static [&'static str] {
    role.classes().unwrap_or_default()
}

/// Farthest distance from natural skin that still passes for natural light: where the quality of
/// OFIQ (the reference software of ISO/IEC 29794-5) is one half.
const NATURAL: f32 = 11.0;
/// Share of the iris from which it counts as red: a pupil lit by a flash covers more.
const RED: f32 = 0.1;
/// Steepest line of the shoulders that passes for level, in degrees.
const LEVEL: f32 = 8.0;
/// Largest unevenness of shoulders that face the camera.
const SQUARE: f32 = 0.35;

/// The kind of a check's value, which decides how documents describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// Kind of the file.
    Format,
    /// A share, 0 to 1.
    Share,
    /// A number.
    Number,
    /// A number whose upper limit may be missing.
    Distance,
    /// Pixels or bytes.
    Whole,
    /// Pixels whose upper limit may be missing.
    Length,
    /// Glasses.
    Glasses,
    /// State of an eye.
    Eye,
    /// State of the brows.
    Eyebrows,
    /// Headwear.
    Headwear,
    /// Kind of smile.
    Smile,
    /// Whether something is so.
    Switch,
    /// Colour of the face.
    Colour,
    /// Position of the shoulders.
    Shoulders,
}

impl Form {
    /// Whether the contract lets a check say that its value is not known.
    pub fn takes_null(self) -> bool {
        !matches!(self, Self::Glasses | Self::Eye)
    }

    /// The words of a value.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Self::Format => &["JPEG", "JPEG2000", "PNG", "BMP", "TIFF", "Portable pixmap"],
            Self::Glasses => classes(Role::Glasses),
            Self::Eye => &["open", "occluded", "closed"],
            Self::Eyebrows => &["squinting", "frowning", "raised", "neutral"],
            Self::Headwear => classes(Role::Headwear),
            Self::Smile => &["none", "smile_lips", "smile_teeth"],
            Self::Colour => &["color", "grayscale", "infrared"],
            Self::Shoulders => &["non-parallel", "parallel", "hidden"],
            _ => &[],
        }
    }
}

/// One check.
pub struct Check {
    /// Its name in answers.
    pub name: &'static str,
    /// The kind of its value.
    pub form: Form,
    /// What is allowed.
    pub limit: Limit,
    /// Whether `/6/iso` makes it.
    pub iso: bool,
    /// Whether it is made of samples too.
    pub of_samples: bool,
    /// Reads its value; `None` where it cannot be told.
    pub read: fn(&Facts<'_>) -> Option<Found>,
}

impl Check {
    const fn new(
        name: &'static str,
        form: Form,
        limit: Limit,
        read: fn(&Facts<'_>) -> Option<Found>,
    ) -> Self {
        Self {
            name,
            form,
            limit,
            iso: true,
            of_samples: true,
            read,
        }
    }

    const fn share(
        name: &'static str,
        (min, max, ends): (f64, f64, Ends),
        read: fn(&Facts<'_>) -> Option<Found>,
    ) -> Self {
        Self::new(name, Form::Share, Limit::Share(min, max, ends), read)
    }

    const fn number(
        name: &'static str,
        (min, max, ends): (f64, f64, Ends),
        read: fn(&Facts<'_>) -> Option<Found>,
    ) -> Self {
        Self::new(name, Form::Number, Limit::Range(min, Some(max), ends), read)
    }

    const fn word(
        name: &'static str,
        form: Form,
        words: &'static [&'static str],
        read: fn(&Facts<'_>) -> Option<Found>,
    ) -> Self {
        Self::new(name, form, Limit::Words(words), read)
    }

    /// A least number of pixels.
    const fn pixels(
        name: &'static str,
        (min, max): (u64, Option<u64>),
        read: fn(&Facts<'_>) -> Option<Found>,
    ) -> Self {
        Self::new(name, Form::Length, Limit::Whole(min, max), read)
    }

    /// It is about the frame, which samples have lost.
    const fn of_the_frame(mut self) -> Self {
        self.of_samples = false;
        self
    }

    /// `/6/iso` does not make it.
    const fn not_iso(mut self) -> Self {
        self.iso = false;
        self
    }
}

/// All of them, in the order of answers.
pub static CHECKS: [Check; 44] = [
    Check::word(
        "image_format",
        Form::Format,
        &["JPEG", "JPEG2000", "PNG"],
        format,
    ),
    Check::share("illumination_quality", (0.3, 1.0, Ends::Out), |f| {
        number(f.face.quality?.illumination)
    }),
    Check::share("specularity_quality", (0.3, 1.0, Ends::Out), |f| {
        number(f.face.quality?.specularity)
    }),
    Check::share("blurriness_quality", (0.61, 1.0, Ends::Out), |f| {
        number(f.face.quality?.sharpness)
    }),
    Check::share("dark_quality", (0.5, 1.0, Ends::Out), |f| {
        number(f.face.quality?.dark)
    }),
    Check::share("light_quality", (0.57, 1.0, Ends::Out), |f| {
        number(f.face.quality?.light)
    }),
    Check::number("head_yaw", (-5.0, 5.0, Ends::In), |f| {
        number(f.face.head_pose?.yaw)
    }),
    Check::number("head_pitch", (-5.0, 5.0, Ends::In), |f| {
        number(f.face.head_pose?.pitch)
    }),
    Check::number("head_roll", (-8.0, 8.0, Ends::In), |f| {
        number(f.face.head_pose?.roll)
    }),
    Check::number("gaze_yaw", (-5.0, 5.0, Ends::Out), |f| {
        number(f.face.gaze?.yaw)
    }),
    Check::number("gaze_pitch", (-5.0, 5.0, Ends::Out), |f| {
        number(f.face.gaze?.pitch)
    }),
    Check::share("mouth_smiling", (0.0, 0.5, Ends::UpperIn), |f| {
        number(f.face.mouth?.smile)
    }),
    Check::share("mouth_occluded", (0.0, 0.5, Ends::UpperIn), |f| {
        number(f.face.mouth?.occluded?)
    }),
    Check::share("mouth_open", (0.0, 0.5, Ends::UpperIn), |f| {
        number(f.face.mouth?.opened)
    }),
    Check::word(
        "glasses",
        Form::Glasses,
        &["no_glasses", "eyeglasses"],
        |f| Some(Found::Word(GlassesWord::from(f.face.glasses?).as_str())),
    ),
    Check::word("left_eye", Form::Eye, &["open"], |f| eye(f, 0)),
    Check::word("right_eye", Form::Eye, &["open"], |f| eye(f, 1)),
    Check::number("head_horizontal_center", (0.45, 0.55, Ends::Out), |f| {
        number(frame(f)?.center.x)
    })
    .of_the_frame(),
    Check::number("head_vertical_center", (0.3, 0.5, Ends::Out), |f| {
        number(frame(f)?.center.y)
    })
    .of_the_frame(),
    Check::number("head_width", (0.5, 0.75, Ends::Out), |f| {
        number(frame(f)?.head_width)
    })
    .of_the_frame(),
    Check::number("head_height", (0.6, 0.9, Ends::Out), |f| {
        number(frame(f)?.head_height)
    })
    .of_the_frame(),
    Check::new(
        "eye_distance",
        Form::Distance,
        Limit::Range(90.0, None, Ends::In),
        |f| number(frame(f)?.eye_distance),
    )
    .of_the_frame(),
    Check::new(
        "image_width",
        Form::Whole,
        Limit::Whole(180, Some(1920)),
        |f| Some(Found::Whole(f.size.width.into())),
    )
    .not_iso(),
    Check::new(
        "image_height",
        Form::Whole,
        Limit::Whole(180, Some(1080)),
        |f| Some(Found::Whole(f.size.height.into())),
    )
    .not_iso(),
    Check::number("aspect_ratio", (0.74, 0.8, Ends::In), |f| {
        number(f.size.width as f32 / f.size.height.max(1) as f32)
    })
    .not_iso(),
    Check::pixels("face_width", (180, Some(1920)), |f| whole(frame(f)?.face.0))
        .of_the_frame()
        .not_iso(),
    Check::pixels("face_height", (180, None), |f| whole(frame(f)?.face.1))
        .of_the_frame()
        .not_iso(),
    Check::pixels("indent_left", (20, None), |f| whole(frame(f)?.indents.left))
        .of_the_frame()
        .not_iso(),
    Check::pixels("indent_right", (20, None), |f| {
        whole(frame(f)?.indents.right)
    })
    .of_the_frame()
    .not_iso(),
    Check::pixels("indent_upper", (20, None), |f| {
        whole(frame(f)?.indents.upper)
    })
    .of_the_frame()
    .not_iso(),
    Check::pixels("indent_lower", (20, None), |f| {
        whole(frame(f)?.indents.lower)
    })
    .of_the_frame()
    .not_iso(),
    Check::new(
        "image_size",
        Form::Whole,
        Limit::Whole(5120, Some(2_097_152)),
        |f| Some(Found::Whole(f.bytes as u64)),
    )
    .not_iso(),
    Check::word("eyebrows_state", Form::Eyebrows, &["neutral"], |_| None),
    Check::word("smile_properties", Form::Smile, &["none"], smile),
    Check::word("headwear_type", Form::Headwear, &["none"], headwear),
    Check::new("natural_light", Form::Switch, Limit::Is(true), |f| {
        let natural = measures(f)?.light.natural?;
        Some(Found::Is(natural.distance <= NATURAL))
    }),
    Check::new("radial_distortion", Form::Switch, Limit::Is(false), |_| {
        None
    }),
    Check::new("red_eyes", Form::Switch, Limit::Is(false), |f| {
        let eyes = measures(f)?.red_eyes?;
        Some(Found::Is(eyes.iter().any(|share| share.get() >= RED)))
    }),
    Check::word("face_color_type", Form::Colour, &["color"], colour),
    Check::share("illumination_uniformity", (0.5, 1.0, Ends::Out), |f| {
        number(measures(f)?.light.uniformity)
    })
    .of_the_frame()
    .not_iso(),
    Check::share("dynamic_range", (0.5, 1.0, Ends::Out), |f| {
        number(measures(f)?.light.dynamic_range)
    })
    .of_the_frame()
    .not_iso(),
    Check::share("background_lightness", (0.2, 1.0, Ends::Out), |f| {
        number(measures(f)?.background.as_ref()?.lightness)
    })
    .of_the_frame(),
    Check::share("background_uniformity", (0.5, 1.0, Ends::Out), |f| {
        number(measures(f)?.background.as_ref()?.uniformity)
    })
    .of_the_frame(),
    Check::word(
        "shoulders_position",
        Form::Shoulders,
        &["parallel"],
        shoulders,
    ),
];

/// A finite measure; anything else is none.
trait Measure {
    fn value(self) -> f64;
}

impl Measure for f32 {
    fn value(self) -> f64 {
        self.into()
    }
}

impl Measure for Score {
    fn value(self) -> f64 {
        self.get().into()
    }
}

fn number(measure: impl Measure) -> Option<Found> {
    let value = measure.value();
    value.is_finite().then_some(Found::Number(value))
}

/// Whole pixels; what is less than none is none.
fn whole(pixels: f32) -> Option<Found> {
    let pixels = f64::from(pixels.round());
    pixels
        .is_finite()
        .then(|| Found::Whole(pixels.max(0.0) as u64))
}

fn measures<'a>(facts: &Facts<'a>) -> Option<&'a FaceMeasures> {
    facts.face.measures.as_deref()
}

fn frame<'a>(facts: &Facts<'a>) -> Option<&'a FrameMeasures> {
    measures(facts)?.frame.as_ref()
}

fn format(facts: &Facts<'_>) -> Option<Found> {
    Some(Found::Word(match facts.format? {
        PictureFormat::Jpeg => "JPEG",
        PictureFormat::Png => "PNG",
        PictureFormat::Bmp => "BMP",
        PictureFormat::Tiff => "TIFF",
        PictureFormat::Pnm => "Portable pixmap",
    }))
}

fn eye(facts: &Facts<'_>, side: usize) -> Option<Found> {
    let eyes = facts.face.eyes.as_ref()?;
    Some(Found::Word(match eyes.get(side)?.state {
        EyeState::Open => "open",
        EyeState::Closed => "closed",
    }))
}

fn headwear(facts: &Facts<'_>) -> Option<Found> {
    let worn = facts.face.headwear.as_ref()?;
    let known = Form::Headwear.words().iter();
    known
        .copied()
        .find(|word| *word == worn.word)
        .map(Found::Word)
}

fn smile(facts: &Facts<'_>) -> Option<Found> {
    Some(Found::Word(match measures(facts)?.smile? {
        SmileKind::None => "none",
        SmileKind::Lips => "smile_lips",
        SmileKind::Teeth => "smile_teeth",
    }))
}

fn colour(facts: &Facts<'_>) -> Option<Found> {
    Some(Found::Word(match measures(facts)?.light.colour {
        FaceColour::Colour => "color",
        FaceColour::Grayscale => "grayscale",
    }))
}

fn shoulders(facts: &Facts<'_>) -> Option<Found> {
    let word = match measures(facts)?.shoulders.as_ref()? {
        Shoulders::Hidden => "hidden",
        Shoulders::Seen { slope, unevenness } if slope.abs() <= LEVEL && *unevenness <= SQUARE => {
            "parallel"
        }
        Shoulders::Seen { .. } => "non-parallel",
    };
    Some(Found::Word(word))
}
