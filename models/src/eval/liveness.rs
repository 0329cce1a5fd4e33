//! Measures telling live people from attacks on still pictures.

use std::path::PathBuf;

use super::{
    Bench,
    folder::LivenessFiles,
    metrics::rate,
    report::{Attack, Liveness, Presented},
};
use crate::{
    estimate::{Estimation, Report as Seen, StillLiveness, Wanted},
    vision::{Given, LookLimits},
};

impl Bench<'_> {
    pub(super) fn liveness(&mut self, files: &LivenessFiles) -> Liveness {
        let installed = self.vision.capabilities().has(Estimation::Liveness);
        let genuine = self.presented("live people", &files.genuine, installed);
        let attacks: Vec<Attack> = files
            .attacks
            .iter()
            .map(|(kind, files)| {
                let verdicts = self.presented(&format!("attacks: {kind}"), files, installed);
                Attack {
                    kind: kind.clone(),
                    verdicts,
                    apcer: rate(verdicts.live, verdicts.live + verdicts.attack),
                }
            })
            .collect();
        Liveness {
            installed,
            threshold: self.settings.liveness_threshold,
            genuine,
            bpcer: rate(genuine.attack, genuine.live + genuine.attack),
            worst_apcer: attacks.iter().filter_map(|a| a.apcer).reduce(f64::max),
            attacks,
        }
    }

    fn presented(&mut self, what: &str, files: &[PathBuf], installed: bool) -> Presented {
        let mut sum = Presented::default();
        if !installed {
            sum.unknown = files.len() as u64;
            return sum;
        }
        for (done, path) in files.iter().enumerate() {
            self.progress.at(what, done, files.len());
            let Some(picture) = self.load(path) else {
                sum.unreadable += 1;
                continue;
            };
            let limits = LookLimits {
                detect: self.settings.detect,
                largest_face_only: true,
                ..LookLimits::default()
            };
            let wanted = Wanted::these(&[Estimation::Liveness]);
            let seen = self.vision.look(&picture, Given::Nothing, &wanted, &limits);
            match seen
                .map_err(|e| e.to_string())
                .and_then(|s| probability(&s))
            {
                Ok(live) if live >= self.settings.liveness_threshold => sum.live += 1,
                Ok(_) => sum.attack += 1,
                Err(reason) => {
                    sum.unknown += 1;
                    self.note(path, reason);
                }
            }
        }
        self.progress.at(what, files.len(), files.len());
        sum
    }
}

/// How surely the picture's face is live, or why nobody can tell.
fn probability(seen: &Seen) -> Result<f32, String> {
    let Some(face) = seen.people.iter().find_map(|p| p.face.as_ref()) else {
        return Err("no face found".to_owned());
    };
    match face.liveness {
        Some(StillLiveness::Probability(score)) => Ok(score.get()),
        Some(StillLiveness::TooSmall) => Err("the face is too small for a verdict".to_owned()),
        None => Err(face
            .failures
            .first()
            .map_or_else(|| "no verdict".to_owned(), |f| f.reason.clone())),
    }
}
