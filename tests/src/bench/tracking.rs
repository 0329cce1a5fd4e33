//! The tracker by itself: how well it follows and how fast.
//!
//! Quality is told by TrackEval on generated scenes and on the ground truth of two public clips
//! (TUD Campus and TUD Stadtmitte, which motmetrics carries), beside trackers from PyPI on the same
//! detections. Of each peer there is one as its package has it and one with our thresholds; a row
//! is beside the best of all.
//!
//! * `scenes`: people who walk, cross and hide, and a camera that may shake;
//! * `detector`: what a detector makes of them;
//! * `play`: our tracker on a scene;
//! * `returns`: people who leave and come back;
//! * `speed`: updates a second;
//! * `random`: seeded numbers.

mod detector;
mod play;
mod random;
mod returns;
mod scenes;
mod speed;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use serde::Deserialize;

use self::{
    play::Told,
    scenes::{Kind, Scene},
};
use super::{Better, Row, agent::last_json_line, peer};

/// Each generated scene happens so many times. What the tracker's settings were chosen on are the
/// times before these.
const TIMES: std::ops::Range<u64> = 7..10;
/// Frames a second of the public clips.
const PUBLIC_FPS: f64 = 25.0;

/// What TrackEval says of one tracker on one scene.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Score {
    hota: f64,
    idf1: f64,
    mota: f64,
    switches: u64,
}

/// Scores by tracker and scene.
type Scores = BTreeMap<String, BTreeMap<String, Score>>;

/// How often the detector runs where not on every frame.
const SPARSE: [usize; 2] = [2, 3];

/// Runs the benchmark in `home/bench/tracking`.
pub fn run(home: &Path) -> anyhow::Result<Vec<Row>> {
    let bench = Bench {
        python: peer::python(home)?,
        folder: home.join("bench/tracking"),
    };
    let scenes = bench.scenes()?;
    let mut rows = bench.quality(&scenes)?;
    rows.extend(bench.cadence(&scenes)?);
    rows.extend(returns::rows(TIMES));
    rows.extend(speed::rows(&bench)?);
    Ok(rows)
}

/// Where the peers are and where the files go.
struct Bench {
    python: PathBuf,
    folder: PathBuf,
}

impl Bench {
    fn peer(&self, arguments: &[&str], folder: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command
            .arg("-B")
            .arg(peer::script("tracking_peer.py"))
            .arg(arguments[0])
            .arg(folder)
            .args(&arguments[1..]);
        command
    }

    /// An empty folder for one purpose.
    fn fresh(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    fn scenes(&self) -> anyhow::Result<Vec<Scene>> {
        let mut scenes: Vec<Scene> = TIMES
            .flat_map(|time| {
                scenes::plans().into_iter().map(move |plan| {
                    let mut scene = plan.again(time).play();
                    scene.name = format!("{}-{time}", scene.name);
                    scene
                })
            })
            .collect();
        let folder = self.fresh("public")?;
        last_json_line(self.peer(&["truth"], &folder))?;
        for name in ["TUD-Campus", "TUD-Stadtmitte"] {
            let read = |file| std::fs::read_to_string(folder.join(name).join(file));
            let (truth, seen) = (read("gt.txt")?, read("test.txt")?);
            let scene =
                |name: &str, seen| play::public(name, PUBLIC_FPS, &truth, seen, TIMES.start);
            scenes.push(scene(name, None).context("not a ground truth")?);
            let name = format!("{name} (public boxes)");
            scenes.push(scene(&name, Some(&seen)).context("not a list of boxes")?);
        }
        Ok(scenes)
    }

    /// Scores of `told` for each scene; of the peers too where wanted.
    fn scores(
        &self,
        name: &str,
        scenes: &[Scene],
        told: impl Fn(&Scene) -> Vec<Told>,
        peers: bool,
    ) -> anyhow::Result<Scores> {
        let folder = self.fresh(name)?;
        for scene in scenes {
            play::write(scene, &told(scene), &folder.join(&scene.name))?;
        }
        let arguments: &[&str] = if peers {
            &["score"]
        } else {
            &["score", "--ours"]
        };
        let answer = last_json_line(self.peer(arguments, &folder))?;
        serde_json::from_value(answer).context("the scores")
    }

    fn quality(&self, scenes: &[Scene]) -> anyhow::Result<Vec<Row>> {
        eprintln!("tracking: {} scenes with all trackers", scenes.len());
        let follow = |scene: &Scene| play::follow(scene, &play::settings(scene.kind), 1);
        let mut scores = self.scores("quality", scenes, follow, true)?;
        let ours = scores.remove("goshawk").context("no scores of ours")?;
        eprintln!("{}", table(&ours, &scores));
        let mut rows = vec![
            beside("track.hota", "all", &ours, &scores, |s| s.hota)?,
            beside("track.idf1", "all", &ours, &scores, |s| s.idf1)?,
            beside("track.mota", "all", &ours, &scores, |s| s.mota)?,
        ];
        let scenes: Vec<String> = groups(&ours).into_keys().filter(|n| n != "all").collect();
        for scene in scenes {
            let name = format!("track.hota.{}", scene.replace(' ', "_"));
            rows.push(beside(&name, &scene, &ours, &scores, |s| s.hota)?);
        }
        Ok(rows)
    }

    /// What is on record of a scene with the detector on every n-th frame, beside every frame.
    fn cadence(&self, scenes: &[Scene]) -> anyhow::Result<Vec<Row>> {
        let fluent: Vec<Scene> = scenes
            .iter()
            .filter(|scene| scene.fps >= 25.0 && scene.kind == Kind::Bodies)
            .cloned()
            .collect();
        let score = |every: usize| -> anyhow::Result<BTreeMap<String, Score>> {
            eprintln!("tracking: the detector on every {every}. frame");
            let record = |scene: &Scene| play::record(scene, &play::settings(scene.kind), every);
            let mut scores = self.scores("cadence", &fluent, record, false)?;
            scores.remove("goshawk").context("no scores of ours")
        };
        let full = score(1)?;
        let mut rows = Vec::new();
        for every in SPARSE {
            let sparse = score(every)?;
            for scene in groups(&full).into_keys() {
                let of = |scores| mean(scores, &scene, |s: &Score| s.hota);
                let (ours, all) = (of(&sparse), of(&full));
                let name = format!("track.hota_every_{every}.{}", scene.replace(' ', "_"));
                let row = Row::compared(
                    &name,
                    "HOTA",
                    Better::Higher,
                    &[ours],
                    &[all],
                    "detector on every frame",
                    true,
                );
                rows.push(row.noted(format!("{:+.3}", ours - all)));
            }
        }
        Ok(rows)
    }
}

/// Our score on the scenes called `scene` beside the best peer's.
fn beside(
    name: &str,
    scene: &str,
    ours: &BTreeMap<String, Score>,
    peers: &Scores,
    of: fn(&Score) -> f64,
) -> anyhow::Result<Row> {
    let best = peers
        .iter()
        .map(|(name, scores)| (mean(scores, scene, of), name))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let (theirs, peer) = best.context("no peers")?;
    let ours = [mean(ours, scene, of)];
    let row = Row::compared(
        name,
        "score, 0 to 1",
        Better::Higher,
        &ours,
        &[theirs],
        peer,
        false,
    );
    Ok(row.noted("beside the best of all peers on it"))
}

/// Scenes by name without the time.
fn groups(scores: &BTreeMap<String, Score>) -> BTreeMap<String, Vec<Score>> {
    let mut groups: BTreeMap<String, Vec<Score>> = BTreeMap::new();
    for (scene, score) in scores {
        let timed = scene
            .rsplit_once('-')
            .filter(|(_, time)| time.parse::<u64>().is_ok());
        let name = timed.map_or(scene.as_str(), |(name, _)| name);
        groups.entry(name.to_owned()).or_default().push(*score);
    }
    groups
}

fn mean(scores: &BTreeMap<String, Score>, scene: &str, of: impl Fn(&Score) -> f64) -> f64 {
    let group = groups(scores).remove(scene).unwrap_or_default();
    group.iter().map(of).sum::<f64>() / group.len() as f64
}

/// HOTA, IDF1, MOTA and switches of everybody on everything.
fn table(ours: &BTreeMap<String, Score>, peers: &Scores) -> String {
    let mut text = format!("{:<32}", "HOTA/IDF1/MOTA switches");
    let all: Vec<(&str, &BTreeMap<String, Score>)> = std::iter::once(("goshawk", ours))
        .chain(peers.iter().map(|(name, scores)| (name.as_str(), scores)))
        .collect();
    for (name, _) in &all {
        text.push_str(&format!(" {name:>26}"));
    }
    for scene in groups(ours).into_keys() {
        text.push_str(&format!("\n{scene:<32}"));
        for (_, scores) in &all {
            let share = |of: fn(&Score) -> f64| 100.0 * mean(scores, &scene, of);
            let (hota, idf1, mota) = (share(|s| s.hota), share(|s| s.idf1), share(|s| s.mota));
            let switches = mean(scores, &scene, |s| s.switches as f64);
            let cell = format!("{hota:.1}/{idf1:.1}/{mota:.1} {switches:.0}");
            text.push_str(&format!(" {cell:>26}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_are_grouped_without_their_times() {
        let score = |hota| Score {
            hota,
            idf1: 0.0,
            mota: 0.0,
            switches: 0,
        };
        let scores = BTreeMap::from([
            ("shake-7".to_owned(), score(0.5)),
            ("shake-8".to_owned(), score(0.7)),
            ("TUD-Campus".to_owned(), score(0.9)),
        ]);
        assert!((mean(&scores, "shake", |s| s.hota) - 0.6).abs() < 1e-9);
        assert_eq!(mean(&scores, "TUD-Campus", |s| s.hota), 0.9);
    }

    /// The short form of the benchmark, without the peers: nobody is lost in a plain scene.
    #[test]
    fn the_tracker_follows_people_through_a_generated_scene() {
        let plans = scenes::plans();
        let plan = plans.iter().find(|plan| plan.name() == "false").unwrap();
        let scene = plan.again(TIMES.start).play();
        let told = play::follow(&scene, &play::settings(scene.kind), 1);
        let seen: usize = scene
            .frames
            .iter()
            .map(|frame| frame.seen.iter().filter(|seen| seen.id.is_some()).count())
            .sum();
        let share = told.len() as f64 / seen as f64;
        assert!(
            (0.95..1.05).contains(&share),
            "{share} of the boxes of people"
        );
        let recorded = play::record(&scene, &play::settings(scene.kind), 1);
        assert!(recorded.len() >= told.len());
    }
}
