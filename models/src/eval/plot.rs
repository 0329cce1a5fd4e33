//! The verification of a measurement as a picture: ROC over a logarithmic FAR, and how the scores
//! of both kinds of pairs lie.

use std::fmt::Write as _;

use super::{
    metrics::Curve,
    report::{Operating, Verification},
};

/// Edges of both panels, in the drawing's units.
const LEFT: [f64; 2] = [70.0, 560.0];
const TOP: f64 = 50.0;
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 300.0;
/// Pieces of the histogram over the cosine's -1 to 1.
const PIECES: usize = 100;

/// An SVG document; `None` when there were no pairs to draw.
pub fn plot(verification: &Verification) -> Option<String> {
    let curve = verification.scores.curve()?;
    let mut out = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 980 420\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"980\" height=\"420\" fill=\"white\"/>\n",
    );
    roc(&mut out, &curve, verification);
    histograms(&mut out, verification);
    out.push_str("</svg>\n");
    Some(out)
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}

fn rule(out: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let _ = writeln!(
        out,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
        from.0, from.1, to.0, to.1
    );
}

/// Title, frame, and what the axis across is.
fn panel(out: &mut String, left: f64, title: &str, axis: &str) {
    text(out, left + WIDTH / 2.0, TOP - 18.0, "middle", title);
    text(out, left + WIDTH / 2.0, TOP + HEIGHT + 38.0, "middle", axis);
    let _ = writeln!(
        out,
        "<rect x=\"{left}\" y=\"{TOP}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"black\"/>"
    );
}

/// A line through points; those that fall on the same place are drawn once.
fn line(out: &mut String, points: impl Iterator<Item = (f64, f64)>, colour: &str) {
    let _ = write!(
        out,
        "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\""
    );
    let mut last = String::new();
    for (x, y) in points {
        let here = format!("{x:.1},{y:.1} ");
        if here != last {
            out.push_str(&here);
            last = here;
        }
    }
    out.push_str("\"/>\n");
}

fn roc(out: &mut String, curve: &Curve, v: &Verification) {
    let left = LEFT[0];
    let title = format!(
        "ROC: {} pairs of one person, {} of two",
        v.genuine_pairs, v.impostor_pairs
    );
    panel(out, left, &title, "false accept rate");
    // One accepted pair is the least that can be seen.
    let decades = (v.impostor_pairs.max(10) as f64).log10().ceil();
    let x = |far: f64| left + WIDTH * (1.0 + far.max(1e-12).log10() / decades).max(0.0);
    let y = |tar: f64| TOP + HEIGHT * (1.0 - tar);
    for decade in 0..=decades as i32 {
        let at = x(10f64.powi(-decade));
        rule(out, (at, TOP), (at, TOP + HEIGHT), "#ddd");
        text(
            out,
            at,
            TOP + HEIGHT + 18.0,
            "middle",
            &format!("1e-{decade}"),
        );
    }
    for tenth in (0..=10).step_by(2) {
        let tar = f64::from(tenth) / 10.0;
        rule(out, (left, y(tar)), (left + WIDTH, y(tar)), "#ddd");
        text(out, left - 6.0, y(tar) + 4.0, "end", &format!("{tar:.1}"));
    }
    line(out, curve.points().map(|p| (x(p.far), y(p.tar))), "#1f6feb");
    let mut mark = |o: &Option<Operating>, colour: &str, name: &str, row: f64| {
        let Some(o) = o else { return };
        let _ = writeln!(
            out,
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"{colour}\"/>\n<circle cx=\"{:.1}\" cy=\"{row:.1}\" r=\"4\" fill=\"{colour}\"/>",
            x(o.far),
            y(o.tar),
            left + WIDTH - 190.0
        );
        let words = format!("{name}: similarity {:.2}", o.similarity);
        text(out, left + WIDTH - 180.0, row + 4.0, "start", &words);
    };
    mark(&v.configured, "#d1242f", "asked about", TOP + HEIGHT - 40.0);
    mark(&v.eer_at, "#1a7f37", "equal errors", TOP + HEIGHT - 20.0);
}

fn histograms(out: &mut String, v: &Verification) {
    let left = LEFT[1];
    panel(out, left, "Scores", "cosine");
    let (same, strangers) = v.scores.histograms(PIECES);
    let highest = same
        .iter()
        .chain(&strangers)
        .fold(1e-9, |m: f64, s| m.max(*s));
    let x = |cosine: f64| left + WIDTH * (cosine + 1.0) / 2.0;
    let y = |share: f64| TOP + HEIGHT * (1.0 - 0.9 * share / highest);
    for quarter in -2..=2 {
        let cosine = f64::from(quarter) / 2.0;
        text(
            out,
            x(cosine),
            TOP + HEIGHT + 18.0,
            "middle",
            &format!("{cosine:.1}"),
        );
    }
    if let Some(o) = &v.configured {
        let at = x(f64::from(o.cosine));
        rule(out, (at, TOP), (at, TOP + HEIGHT), "#d1242f");
    }
    let middle = |i: usize| x((i as f64 + 0.5) * 2.0 / PIECES as f64 - 1.0);
    for (shares, colour, name, row) in [
        (&same, "#1a7f37", "one person", 18.0),
        (&strangers, "#9a6700", "two people", 36.0),
    ] {
        let points = shares.iter().enumerate().map(|(i, s)| (middle(i), y(*s)));
        line(out, points, colour);
        rule(
            out,
            (left + 10.0, TOP + row - 4.0),
            (left + 30.0, TOP + row - 4.0),
            colour,
        );
        text(out, left + 36.0, TOP + row, "start", name);
    }
}
