//! A measurement as text for people.

use std::fmt::Write as _;

use super::report::{
    AtFar, Detection, Liveness, Operating, PairSeen, Presented, Problems, Report, Verification,
};

/// How many problems are shown; JSON has more.
const SHOWN: usize = 20;

/// The report as a table of lines.
pub fn table(report: &Report) -> String {
    let mut out = String::new();
    if let Some(detection) = &report.detection {
        detection_lines(&mut out, detection);
    }
    if let Some(verification) = &report.verification {
        verification_lines(&mut out, verification);
    }
    if let Some(liveness) = &report.liveness {
        liveness_lines(&mut out, liveness);
    }
    problem_lines(&mut out, &report.problems);
    out
}

/// Writing to a text does not fail.
fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(out, "  {name:<30}{value}");
}

fn percent(rate: Option<f64>) -> String {
    rate.map_or_else(|| "-".to_owned(), |r| format!("{:.2} %", r * 100.0))
}

fn detection_lines(out: &mut String, d: &Detection) {
    out.push_str("Finding faces\n");
    line(
        out,
        "pictures",
        format!("{} ({} not used)", d.pictures, d.unused),
    );
    let recall = format!("{} ({} of {} faces)", percent(d.recall), d.found, d.faces);
    line(out, "recall at overlap 0.5", recall);
    let precision = format!("{} ({} boxes too many)", percent(d.precision), d.extra);
    line(out, "precision", precision);
    if let Some(overlap) = d.mean_overlap {
        line(out, "mean overlap when found", format!("{overlap:.2}"));
    }
    if d.narrow > 0 {
        line(out, "narrower than looked for", d.narrow);
    }
}

fn verification_lines(out: &mut String, v: &Verification) {
    let _ = writeln!(
        out,
        "Telling people apart (descriptor version {})",
        v.descriptor_version
    );
    let pictures = format!(
        "{} of {} people ({} unreadable, {} without a face)",
        v.pictures, v.people, v.unreadable, v.no_face
    );
    line(out, "pictures", pictures);
    if v.left_out > 0 {
        line(out, "beyond the bound, left out", v.left_out);
    }
    let pairs = format!(
        "{} of one person, {} of two",
        v.genuine_pairs, v.impostor_pairs
    );
    line(out, "pairs", pairs);
    let (Some(configured), Some(best)) = (&v.configured, &v.best) else {
        line(out, "rates", "none: pairs of both kinds are needed");
        return;
    };
    line(out, "at the threshold asked about", at(configured));
    line(out, "at the best one for these", at(best));
    line(out, "equal error rate", percent(v.eer));
    for far in &v.at_far {
        match far {
            AtFar::Measured {
                far,
                at,
                false_accepts,
            } => line(
                out,
                &format!("TAR at FAR {far}"),
                format!(
                    "{} from similarity {:.3} (cosine {:.3}); {false_accepts} of {} strangers accepted",
                    percent(Some(at.tar)),
                    at.similarity,
                    at.cosine,
                    v.impostor_pairs
                ),
            ),
            AtFar::NotEnoughPairs { far, pairs, needed } => line(
                out,
                &format!("TAR at FAR {far}"),
                format!("not enough pairs: {pairs} of two people, {needed} needed"),
            ),
        }
    }
    pair_lines(out, "least alike of one person", &v.least_alike_same);
    pair_lines(out, "most alike of two people", &v.most_alike_strangers);
}

fn at(o: &Operating) -> String {
    format!(
        "similarity {:.3} (cosine {:.3}): accuracy {}, balanced {}, FAR {}, TAR {}",
        o.similarity,
        o.cosine,
        percent(Some(o.accuracy)),
        percent(Some(o.balanced_accuracy)),
        percent(Some(o.far)),
        percent(Some(o.tar)),
    )
}

fn pair_lines(out: &mut String, name: &str, pairs: &[PairSeen]) {
    for (i, pair) in pairs.iter().enumerate() {
        let name = if i == 0 { name } else { "" };
        let text = format!("cosine {:.3}  {}  {}", pair.cosine, pair.one, pair.other);
        line(out, name, text);
    }
}

fn liveness_lines(out: &mut String, l: &Liveness) {
    let _ = writeln!(out, "Liveness (live from {:.2})", l.threshold);
    if !l.installed {
        line(out, "no model is installed", "every verdict is unknown");
    }
    line(out, "genuine", presented("BPCER", l.bpcer, &l.genuine));
    for attack in &l.attacks {
        let text = presented("APCER", attack.apcer, &attack.verdicts);
        line(out, &attack.kind, text);
    }
    if l.attacks.len() > 1 {
        line(out, "worst APCER", percent(l.worst_apcer));
    }
}

fn presented(name: &str, rate: Option<f64>, p: &Presented) -> String {
    format!(
        "{name} {} ({} live, {} attack, {} unknown, {} unreadable)",
        percent(rate),
        p.live,
        p.attack,
        p.unknown,
        p.unreadable
    )
}

fn problem_lines(out: &mut String, problems: &Problems) {
    if problems.count == 0 {
        return;
    }
    let _ = writeln!(out, "Pictures to look at: {}", problems.count);
    for problem in problems.first.iter().take(SHOWN) {
        let _ = writeln!(out, "  {}: {}", problem.file, problem.reason);
    }
    if problems.count > SHOWN {
        let _ = writeln!(out, "  and {} more", problems.count - SHOWN);
    }
}
