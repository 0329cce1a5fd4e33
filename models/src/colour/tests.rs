//! Named colours keep their names, and formulas their published values.

use super::*;
use ClothingColour as C;
use proptest::prelude::*;

/// Colours of CSS and common shades (brown, beige, khaki) with the basic term of their name.
const NAMED: [(C, &[[u8; 3]]); 13] = [
    (C::Black, &[[0, 0, 0], [25, 25, 25], [35, 32, 30]]),
    (
        C::Grey,
        &[
            [128, 128, 128],
            [169, 169, 169],
            [105, 105, 105],
            [112, 128, 144],
            [80, 80, 85],
        ],
    ),
    (
        C::White,
        &[
            [255, 255, 255],
            [245, 245, 245],
            [248, 248, 255],
            [255, 250, 250],
            [240, 240, 235],
        ],
    ),
    (
        C::Red,
        &[
            [255, 0, 0],
            [220, 20, 60],
            [178, 34, 34],
            [139, 0, 0],
            [205, 92, 92],
            [128, 0, 0],
            [165, 42, 42],
        ],
    ),
    (
        C::Orange,
        &[
            [255, 165, 0],
            [255, 140, 0],
            [255, 127, 80],
            [255, 99, 71],
            [230, 126, 34],
        ],
    ),
    (
        C::Yellow,
        &[
            [255, 255, 0],
            [255, 215, 0],
            [218, 165, 32],
            [255, 247, 0],
            [240, 230, 80],
        ],
    ),
    (
        C::Green,
        &[
            [0, 128, 0],
            [0, 255, 0],
            [34, 139, 34],
            [50, 205, 50],
            [144, 238, 144],
            [46, 139, 87],
            [0, 100, 0],
            [85, 107, 47],
            [107, 142, 35],
            [128, 128, 0],
            [154, 205, 50],
            [0, 128, 96],
        ],
    ),
    (
        C::Blue,
        &[
            [0, 0, 255],
            [0, 0, 128],
            [65, 105, 225],
            [30, 144, 255],
            [135, 206, 235],
            [70, 130, 180],
            [100, 149, 237],
            [25, 25, 112],
            [0, 191, 255],
            [173, 216, 230],
            [95, 158, 160],
            [0, 139, 139],
            [40, 60, 100],
            [60, 80, 120],
            [0, 0, 80],
        ],
    ),
    (
        C::Purple,
        &[
            [128, 0, 128],
            [148, 0, 211],
            [138, 43, 226],
            [75, 0, 130],
            [147, 112, 219],
            [186, 85, 211],
            [102, 51, 153],
            [72, 61, 139],
            [106, 90, 205],
            [221, 160, 221],
            [90, 30, 90],
        ],
    ),
    (
        C::Pink,
        &[
            [255, 192, 203],
            [255, 182, 193],
            [255, 105, 180],
            [255, 20, 147],
            [219, 112, 147],
            [255, 0, 255],
            [238, 130, 238],
            [250, 128, 114],
            [199, 21, 133],
            [244, 194, 194],
        ],
    ),
    (
        C::Brown,
        &[
            [139, 69, 19],
            [160, 82, 45],
            [101, 67, 33],
            [92, 51, 23],
            [123, 63, 0],
            [150, 75, 0],
            [80, 50, 30],
            [111, 78, 55],
            [60, 42, 30],
        ],
    ),
    (
        C::Beige,
        &[
            [245, 245, 220],
            [245, 222, 179],
            [255, 228, 196],
            [250, 235, 215],
            [222, 184, 135],
            [210, 180, 140],
            [232, 220, 202],
            [225, 198, 153],
            [207, 185, 151],
        ],
    ),
    (
        C::Khaki,
        &[
            [195, 176, 145],
            [189, 183, 107],
            [143, 133, 94],
            [120, 110, 70],
            [138, 129, 95],
            [120, 134, 107],
            [107, 99, 65],
        ],
    ),
];

#[test]
fn named_colours_keep_their_names() {
    let mut right = 0;
    let mut all = 0;
    for (want, colours) in NAMED {
        let kept = colours.iter().filter(|c| name(lch(**c)) == want).count();
        assert!(
            kept * 10 >= colours.len() * 6,
            "{want:?}: {kept} of {}",
            colours.len()
        );
        right += kept;
        all += colours.len();
    }
    assert_eq!((right, all), (95, 103), "as the module says");
}

#[test]
fn published_values() {
    // Ottosson gives (0.6279, 0.2249, 0.1258) for red and the lightness 1 for white.
    let red = oklab([255, 0, 0]);
    for (got, want) in red.iter().zip([0.6279, 0.2249, 0.1258]) {
        assert!((got - want).abs() < 1e-3, "{red:?}");
    }
    assert!((oklab([255; 3])[0] - 1.0).abs() < 1e-3);
    // CIELAB of sRGB's red under D65 is (53.24, 80.09, 67.20).
    let [a, b] = cielab_chroma([255, 0, 0]);
    assert!(
        (a - 80.09).abs() < 0.1 && (b - 67.20).abs() < 0.1,
        "{a} {b}"
    );
    assert!((luminance([255; 3]) - 1.0).abs() < 1e-4);
    let [cb, cr] = cbcr([255, 0, 0]);
    assert!(
        (cb - 84.97).abs() < 0.1 && (cr - 255.5).abs() < 0.1,
        "{cb} {cr}"
    );
}

proptest! {
    #[test]
    fn greys_have_no_colour(v in 0u8..=255) {
        prop_assert!(matches!(name(lch([v; 3])), C::Black | C::Grey | C::White));
        let [a, b] = cielab_chroma([v; 3]);
        prop_assert!(a.abs() < 0.1 && b.abs() < 0.1);
        prop_assert!(cbcr([v; 3]).iter().all(|c| (c - 128.0).abs() < 0.01));
    }

    #[test]
    fn every_colour_has_a_name_and_finite_numbers(r in 0u8..=255, g in 0u8..=255, b in 0u8..=255) {
        let colour = lch([r, g, b]);
        prop_assert!(colour.lightness.is_finite() && colour.chroma < 0.4 && (0.0..=360.0).contains(&colour.hue));
        prop_assert!(name(colour) != C::Multicoloured);
    }
}
