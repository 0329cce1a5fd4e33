//! Clothes: their colours, and whether sleeves are long.
//!
//! Colours are counted by name ([`crate::colour::name`]) over the pixels that the joints put on
//! the trunk and on the thighs, so neither arms nor background take part. Where the joints are
//! not sure nothing is said.
//!
//! A sleeve is short when most of a forearm is the person's own skin ([`Skin`], learnt from the
//! face), long when hardly any is, of both as far as they are seen. Without a face, or in a picture without colour, nothing is said.

use goshawk_proto::{
    geometry::{BBox, Point},
    picture::Pixels,
    score::Score,
};

use super::{
    View,
    parts::{self, Limb, Trunk},
};
use crate::{
    colour::{lch, name, skin::Skin},
    estimate::{Clothing, ClothingColour, LowerBody, Presence, Sleeve, UpperBody},
    role::Joints,
};

/// Most pixels a side of the view that colours are counted in.
const VIEW: u32 = 192;
/// Fewest pixels that are a garment.
const LEAST_PIXELS: usize = 40;
/// Share of a garment from which a colour is one of its colours.
const LEAST_SHARE: f32 = 0.2;
/// Most colours of a garment.
const MOST_COLOURS: usize = 3;
/// Share of the forearm's pixels that are skin: from the first a bare one, up to the second a
/// covered one.
const BARE: (f32, f32) = (0.6, 0.2);

/// What is worn above the waist. `skin` is the person's, from their face.
pub fn upper(
    picture: &dyn Pixels,
    bbox: &BBox,
    joints: Option<&Joints>,
    skin: Option<&Skin>,
) -> UpperBody {
    let Some((joints, trunk)) = joints.and_then(|j| Some((j, Trunk::of(j)?))) else {
        return UpperBody::default();
    };
    let clothing = View::of(picture, bbox, VIEW)
        .map(|view| colours(&view, |at| trunk.holds(at)))
        .unwrap_or_default();
    UpperBody {
        clothing,
        sleeve: sleeve(picture, &parts::forearms(joints, &trunk), skin),
        headwear: Presence::Undefined,
    }
}

/// What is worn below the waist.
pub fn lower(picture: &dyn Pixels, bbox: &BBox, joints: Option<&Joints>) -> LowerBody {
    let Some((joints, trunk)) = joints.and_then(|j| Some((j, Trunk::of(j)?))) else {
        return LowerBody::default();
    };
    let thighs = parts::thighs(joints, &trunk);
    if thighs.is_empty() {
        return LowerBody::default();
    }
    let clothing = View::of(picture, bbox, VIEW)
        .map(|view| colours(&view, |at| thighs.iter().any(|t| t.holds(at))))
        .unwrap_or_default();
    LowerBody { clothing }
}

/// Colours of the pixels that `inside` takes.
fn colours(view: &View, inside: impl Fn(Point) -> bool) -> Clothing {
    let mut counts = [0usize; ClothingColour::Multicoloured as usize];
    for (_, rgb) in view.pixels().filter(|(at, _)| inside(*at)) {
        counts[name(lch(rgb)) as usize] += 1;
    }
    summary(&counts)
}

/// The colours with their shares; many colours of which none prevails are one word.
fn summary(counts: &[usize; ClothingColour::Multicoloured as usize]) -> Clothing {
    let all: usize = counts.iter().sum();
    if all < LEAST_PIXELS {
        return Clothing::default();
    }
    let share = |count: usize| count as f32 / all as f32;
    let mut colours: Vec<(ClothingColour, Score)> = ClothingColour::PLAIN
        .into_iter()
        .zip(counts)
        .filter(|(_, count)| share(**count) >= LEAST_SHARE)
        .map(|(colour, count)| (colour, Score::saturating(share(*count))))
        .collect();
    colours.sort_by(|a, b| b.1.get().total_cmp(&a.1.get()).then(a.0.cmp(&b.0)));
    colours.truncate(MOST_COLOURS);
    if colours.is_empty() {
        colours.push((ClothingColour::Multicoloured, Score::ONE));
    }
    Clothing { colours }
}

/// Short if all forearms that are seen are bare, long if all are covered; undefined otherwise, for
/// what joints take for a forearm may be somebody else's.
fn sleeve(picture: &dyn Pixels, forearms: &[Limb], skin: Option<&Skin>) -> Sleeve {
    let Some(skin) = skin else {
        return Sleeve::Undefined;
    };
    let shares: Vec<f32> = forearms
        .iter()
        .filter_map(|arm| bare_share(picture, arm, skin))
        .collect();
    if shares.is_empty() {
        Sleeve::Undefined
    } else if shares.iter().all(|s| *s >= BARE.0) {
        Sleeve::Short
    } else if shares.iter().all(|s| *s <= BARE.1) {
        Sleeve::Long
    } else {
        Sleeve::Undefined
    }
}

/// Share of a limb's pixels that are skin; `None` when too few are seen.
fn bare_share(picture: &dyn Pixels, limb: &Limb, skin: &Skin) -> Option<f32> {
    let view = View::of(picture, &limb.bbox(), VIEW)?;
    let (mut bare, mut all) = (0usize, 0usize);
    for (_, rgb) in view.pixels().filter(|(at, _)| limb.holds(*at)) {
        all += 1;
        bare += usize::from(skin.matches(rgb));
    }
    (all >= LEAST_PIXELS).then(|| bare as f32 / all as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{body::parts::tests::standing, picture::Picture};
    use goshawk_proto::{geometry::Size, picture::Rgb};
    use proptest::prelude::*;

    const BODY: BBox = BBox::new(50.0, 0.0, 100.0, 270.0);
    const SKIN: [u8; 3] = [205, 150, 120];

    /// Somebody standing before a grey wall.
    fn dressed(top: [u8; 3], legs: [u8; 3], arms: [u8; 3]) -> Picture {
        let joints = standing();
        let trunk = Trunk::of(&joints).unwrap();
        let forearms = parts::forearms(&joints, &trunk);
        let mut rgb = Rgb::black(Size::new(200, 280));
        for (i, px) in rgb.data_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
            let at = Point::new((i % 200) as f32 + 0.5, (i / 200) as f32 + 0.5);
            *px = if forearms.iter().any(|a| a.holds(at)) {
                arms
            } else if (66.0..134.0).contains(&at.x) && (48.0..130.0).contains(&at.y) {
                top
            } else if (66.0..134.0).contains(&at.x) && at.y >= 130.0 {
                legs
            } else {
                [128; 3]
            };
        }
        Picture::from_rgb(rgb)
    }

    fn skin() -> Skin {
        let data = SKIN.iter().copied().cycle().take(250 * 250 * 3).collect();
        Skin::of(&Rgb::from_data(Size::new(250, 250), data).unwrap()).unwrap()
    }

    fn names(clothing: &Clothing) -> Vec<&'static str> {
        clothing.colours.iter().map(|c| c.0.name()).collect()
    }

    #[test]
    fn painted_clothes_have_their_colours() {
        for (top, legs, want) in [
            ([200, 30, 40], [30, 40, 90], (["red"], ["blue"])),
            ([245, 245, 245], [20, 20, 20], (["white"], ["black"])),
            ([230, 200, 40], [110, 78, 55], (["yellow"], ["brown"])),
        ] {
            let picture = dressed(top, legs, SKIN);
            let joints = standing();
            let upper = upper(&picture, &BODY, Some(&joints), Some(&skin()));
            assert_eq!(names(&upper.clothing), want.0);
            assert_eq!(upper.sleeve, Sleeve::Short);
            assert_eq!(upper.headwear, Presence::Undefined);
            assert_eq!(
                names(&lower(&picture, &BODY, Some(&joints)).clothing),
                want.1
            );
        }
    }

    #[test]
    fn covered_arms_are_long_sleeves() {
        let picture = dressed([200, 30, 40], [30, 40, 90], [190, 35, 45]);
        let joints = standing();
        let with = |skin: Option<&Skin>| upper(&picture, &BODY, Some(&joints), skin).sleeve;
        assert_eq!(with(Some(&skin())), Sleeve::Long);
        assert_eq!(with(None), Sleeve::Undefined);
    }

    #[test]
    fn nothing_is_said_without_sure_joints() {
        let picture = dressed([200, 30, 40], [30, 40, 90], SKIN);
        let unsure = Joints::default();
        for joints in [None, Some(&unsure)] {
            assert_eq!(
                upper(&picture, &BODY, joints, Some(&skin())),
                UpperBody::default()
            );
            assert_eq!(lower(&picture, &BODY, joints), LowerBody::default());
        }
        let joints = standing();
        let away = BBox::new(900.0, 0.0, 50.0, 50.0);
        assert!(
            upper(&picture, &away, Some(&joints), None)
                .clothing
                .colours
                .is_empty()
        );
    }

    proptest! {
        #[test]
        fn a_summary_is_few_falling_shares(counts in prop::array::uniform13(0usize..500)) {
            let all: usize = counts.iter().sum();
            let clothing = summary(&counts);
            prop_assert_eq!(clothing.colours.is_empty(), all < LEAST_PIXELS);
            prop_assert!(clothing.colours.len() <= MOST_COLOURS);
            prop_assert!(clothing.colours.windows(2).all(|w| w[0].1 >= w[1].1));
        }
    }
}
