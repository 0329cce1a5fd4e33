//! Colours: spaces to measure in, and names.
//!
//! Names come from Oklab (Ottosson, 2020, "A perceptual color space for image processing"), whose
//! hue stays put when lightness changes, unlike CIELAB's in the blues. Its cylinder (lightness
//! 0 to 1, chroma 0 to about 0.32, hue in degrees) is cut into the eleven basic colour terms of
//! Berlin and Kay (1969) and the two that the contracts add, beige and khaki. Where the cuts run
//! is ours: they were set on 103 named colours (CSS and common shades), of which 95 get their
//! name; the rest are neighbours (olive is khaki, magenta is purple).

pub mod skin;

use crate::estimate::ClothingColour;

/// A colour of Oklab in its cylinder.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lch {
    /// Lightness, 0 (black) to 1 (white).
    pub lightness: f32,
    /// Chroma, 0 (grey) to about 0.32.
    pub chroma: f32,
    /// Hue in degrees, 0 to 360: about 29 red, 110 yellow, 142 green, 264 blue.
    pub hue: f32,
}

/// One 8-bit channel of sRGB as light, 0 to 1 (IEC 61966-2-1).
pub fn linear(value: u8) -> f32 {
    let v = f32::from(value) / 255.0;
    if v <= 0.04045 {
        v / 12.92
    } else {
        ((v + 0.055) / 1.055).powf(2.4)
    }
}

/// Relative luminance of an sRGB colour, 0 to 1 (Rec. 709 primaries).
pub fn luminance(rgb: [u8; 3]) -> f32 {
    let [r, g, b] = rgb.map(linear);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Lightness and the two chroma axes of Oklab.
pub fn oklab(rgb: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = rgb.map(linear);
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

/// The same as a cylinder.
pub fn lch(rgb: [u8; 3]) -> Lch {
    let [lightness, a, b] = oklab(rgb);
    Lch {
        lightness,
        chroma: a.hypot(b),
        hue: b.atan2(a).to_degrees().rem_euclid(360.0),
    }
}

/// `a*` and `b*` of CIELAB (CIE 1976, white point D65).
pub fn cielab_chroma(rgb: [u8; 3]) -> [f32; 2] {
    let [r, g, b] = rgb.map(linear);
    let x = (0.412_456_4 * r + 0.357_576_1 * g + 0.180_437_5 * b) / 0.950_47;
    let y = 0.212_672_9 * r + 0.715_152_2 * g + 0.072_175 * b;
    let z = (0.019_333_9 * r + 0.119_192 * g + 0.950_304_1 * b) / 1.088_83;
    let f = |t: f32| {
        if t > 216.0 / 24389.0 {
            t.cbrt()
        } else {
            (24389.0 / 27.0 * t + 16.0) / 116.0
        }
    };
    [500.0 * (f(x) - f(y)), 200.0 * (f(y) - f(z))]
}

/// Blue and red difference of YCbCr (Rec. 601, full range), about 128 for grey: where skin is
/// told from clothes (Chai and Ngan, 1999).
pub fn cbcr([r, g, b]: [u8; 3]) -> [f32; 2] {
    let [r, g, b] = [r, g, b].map(f32::from);
    [
        128.0 - 0.168_736 * r - 0.331_264 * g + 0.5 * b,
        128.0 + 0.5 * r - 0.418_688 * g - 0.081_312 * b,
    ]
}

/// The name of a colour. Never [`ClothingColour::Multicoloured`], which is no colour.
pub fn name(colour: Lch) -> ClothingColour {
    use ClothingColour as C;
    let Lch {
        lightness: l,
        chroma: c,
        hue: h,
    } = colour;
    if l < 0.18 || (l < 0.25 && c < 0.07) {
        return C::Black;
    }
    if c < least_chroma(l) {
        return match l {
            l if l < 0.33 => C::Black,
            l if l >= 0.9 => C::White,
            _ => C::Grey,
        };
    }
    match h {
        h if h < 12.0 => reddish_purple(l, c),
        h if h < 40.0 => reddish(l, c),
        h if h < 75.0 => orangish(l, c),
        h if h < 118.0 => yellowish(l, c, h),
        h if h < 190.0 => C::Green,
        h if h < 284.0 => C::Blue,
        h if h < 330.0 => C::Purple,
        h if h < 340.0 => pinkish(l, 0.62),
        _ => pinkish(l, 0.55),
    }
}

/// Below this chroma a colour is grey: dark and middling colours need more to be seen.
fn least_chroma(lightness: f32) -> f32 {
    match lightness {
        l if l < 0.35 => 0.04,
        l if l < 0.8 => 0.032,
        _ => 0.02,
    }
}

fn pinkish(l: f32, pink_from: f32) -> ClothingColour {
    if l >= pink_from {
        ClothingColour::Pink
    } else {
        ClothingColour::Purple
    }
}

fn reddish_purple(l: f32, c: f32) -> ClothingColour {
    if l >= 0.68 {
        ClothingColour::Pink
    } else if c >= 0.1 || l <= 0.55 {
        ClothingColour::Red
    } else {
        ClothingColour::Pink
    }
}

fn reddish(l: f32, c: f32) -> ClothingColour {
    if l >= 0.70 && c < 0.16 {
        ClothingColour::Pink
    } else if c >= 0.12 {
        ClothingColour::Red
    } else if l < 0.62 {
        ClothingColour::Brown
    } else {
        ClothingColour::Pink
    }
}

fn orangish(l: f32, c: f32) -> ClothingColour {
    if l >= 0.80 && c < 0.085 {
        ClothingColour::Beige
    } else if l >= 0.64 && c >= 0.11 {
        ClothingColour::Orange
    } else if l >= 0.72 {
        if c < 0.1 {
            ClothingColour::Beige
        } else {
            ClothingColour::Orange
        }
    } else {
        ClothingColour::Brown
    }
}

fn yellowish(l: f32, c: f32, h: f32) -> ClothingColour {
    if l >= 0.80 && c < 0.085 && h < 115.0 {
        ClothingColour::Beige
    } else if c >= 0.1 && l >= 0.68 {
        ClothingColour::Yellow
    } else if l >= 0.80 {
        ClothingColour::Beige
    } else if h < 85.0 && l < 0.5 {
        ClothingColour::Brown
    } else {
        ClothingColour::Khaki
    }
}

#[cfg(test)]
mod tests;
