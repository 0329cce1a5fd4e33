//! Liveness against generated attacks: how many are held for people (APCER), and how many people
//! for attacks (BPCER), as ISO/IEC 30107-3 counts them.
//!
//! Everybody is made of portraits: two in the public domain that the demo brings along, and those
//! under `GOSHAWK_SHARED` (default `../shared`) where it is there. Each performance goes through
//! the agent's own detector and mesh, the same cutting of looks, the same witnesses, vote and
//! policy. Seeds and portraits are split in halves: the witnesses' bounds were chosen on the even
//! half (its measures are printed), the rates are those of the odd one.
//!
//! * `person`: portraits with relief; `stage`: rooms and attacks; `camera`: noise, compression.
//!
//! What is generated is our idea of an attack. Rates on an operator's own cameras may differ; see
//! `agent/LIVENESS.md`.

mod camera;
mod person;
mod stage;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use anyhow::{Context, bail};
use goshawk_agent_core::liveness::{
    Backdrop, Checks, Evidence, LivenessFilter, LivenessPolicy, Look, Standing, backdrop,
};
use goshawk_models::{DetectOptions, FaceAnalyzer, Pack, Picture, RuntimeOptions};
use goshawk_proto::{
    detection::{Liveness, LivenessVerdict},
    geometry::Point,
    picture::{Pixels, Rgb},
    stream::LivenessSettings,
};

use self::{
    person::Person,
    stage::{Performance, Show},
};
use super::{Better, Row};

/// Seeds of each show; half of them are for choosing bounds.
const SEEDS: u64 = 24;
/// Environment variable with another number of them.
const SEEDS_ENV: &str = "GOSHAWK_BENCH_SEEDS";
/// Looks a second, as the agent's default has it.
const RATE: f32 = 8.333;
/// Length of a performance in seconds.
const LENGTH: f32 = 10.8;
/// Pictures of the empty room before it.
const BACKGROUNDS: u32 = 16;
/// Faces below this certainty are no evidence, as in the agent.
const CLEAR_SCORE: f32 = 0.75;

/// What became of one performance.
struct Outcome {
    show: Show,
    seed: u64,
    vote: Liveness,
    measures: Vec<(&'static str, Option<f32>)>,
    /// What the contract's policy did with the shots.
    standing: Standing,
    /// Frames with a face.
    faces: u32,
}

/// Runs the benchmark; `home` has models and portraits.
pub fn run(home: &Path) -> anyhow::Result<Vec<Row>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut options = RuntimeOptions::at_home(home);
    options.intra_threads = 1;
    options.sessions = threads;
    options.threads = threads;
    let pack = Pack::open(&home.join("models"), &options)?;
    let analyzer = FaceAnalyzer::new(&pack)?;
    let people = people(home, &analyzer)?;
    let names: Vec<&str> = people.iter().map(|person| person.name.as_str()).collect();
    eprintln!("liveness: {} portraits: {}", people.len(), names.join(", "));
    let outcomes = perform_all(&people, &analyzer, threads)?;
    tell_measures(&outcomes);
    Ok(rows(&outcomes))
}

/// Every portrait in which a face is large enough.
fn people(home: &Path, analyzer: &FaceAnalyzer) -> anyhow::Result<Vec<Person>> {
    let mut files = vec![
        home.join("clip/portraits/astronaut.png"),
        home.join("clip/portraits/grace_hopper.jpg"),
    ];
    let shared = std::env::var_os("GOSHAWK_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("data/faces/people/train");
    if folder.is_dir() {
        for person in sorted(&folder)? {
            files.extend(sorted(&person)?);
        }
    } else {
        eprintln!(
            "SKIPPED: {} is not there; two portraits only",
            folder.display()
        );
    }
    let mut people = Vec::new();
    for file in files {
        people.extend(Person::read(&file, analyzer)?);
    }
    if people.len() < 2 {
        bail!("fewer than two portraits with a face");
    }
    Ok(people)
}

fn sorted(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

fn perform_all(
    people: &[Person],
    analyzer: &FaceAnalyzer,
    threads: usize,
) -> anyhow::Result<Vec<Outcome>> {
    let seeds = match std::env::var(SEEDS_ENV) {
        Ok(text) => text.parse().context(SEEDS_ENV)?,
        Err(_) => SEEDS,
    };
    let work: Vec<(Show, u64)> = (0..seeds)
        .flat_map(|seed| Show::ALL.into_iter().map(move |show| (show, seed)))
        .collect();
    let next = AtomicUsize::new(0);
    let (tell, told) = mpsc::channel();
    let mut outcomes = std::thread::scope(|scope| {
        for _ in 0..threads {
            let (tell, next, work) = (tell.clone(), &next, &work);
            scope.spawn(move || {
                while let Some((show, seed)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The main thread listens until everybody is done.
                    let _ = tell.send(perform(*show, *seed, people, analyzer));
                }
            });
        }
        drop(tell);
        let mut done = 0;
        let mut note = |outcome: &Outcome| {
            done += 1;
            eprintln!(
                "liveness: {done} of {}: {} {} {:?}, {:?} by the policy, {} faces",
                work.len(),
                outcome.show.name(),
                outcome.seed,
                outcome.vote.verdict,
                outcome.standing,
                outcome.faces,
            );
        };
        told.iter()
            .map(|outcome| outcome.inspect(&mut note))
            .collect::<anyhow::Result<Vec<Outcome>>>()
    })?;
    outcomes.sort_by_key(|outcome| (outcome.show as u8, outcome.seed));
    Ok(outcomes)
}

fn perform(
    show: Show,
    seed: u64,
    people: &[Person],
    analyzer: &FaceAnalyzer,
) -> anyhow::Result<Outcome> {
    // The halves share no portrait.
    let half: Vec<&Person> = people.iter().skip((seed % 2) as usize).step_by(2).collect();
    let person = half[(seed / 2) as usize % half.len()];
    let performance = Performance::new(show, person, seed);
    let mut watch = Watch::new();
    for number in 0..BACKGROUNDS {
        let picture = camera::through_jpeg(&performance.empty(number), 85)?;
        watch.scene(&Picture::from_rgb(picture));
    }
    for number in 0..(LENGTH * RATE) as u32 {
        let time = number as f32 / RATE;
        let picture = performance.frame(1000 + number, time)?;
        let picture = Picture::from_rgb(camera::through_jpeg(&picture, 85)?);
        watch.frame(Duration::from_secs_f32(time), &picture, analyzer)?;
    }
    let vote = watch.evidence.vote();
    Ok(Outcome {
        show,
        seed,
        standing: watch.filter.standing(|| vote.verdict),
        measures: watch.evidence.measures(),
        vote,
        faces: watch.faces,
    })
}

/// What the agent does with the frames of one track, by the same functions.
struct Watch {
    evidence: Evidence,
    backdrop: Backdrop,
    filter: LivenessFilter,
    last: Vec<goshawk_proto::geometry::BBox>,
    faces: u32,
}

impl Watch {
    fn new() -> Self {
        let settings = LivenessSettings {
            use_mask_liveness_filtration: true,
            use_flying_faces_liveness_filtration: true,
            liveness_mode: 1,
            number_of_liveness_checks: 10,
            liveness_threshold: 0.6,
            livenesses_weights: [0.45, 0.5],
            mask_backgrounds_count: BACKGROUNDS,
        };
        Self {
            evidence: Evidence::default(),
            backdrop: Backdrop::new(BACKGROUNDS),
            filter: LivenessFilter::new(LivenessPolicy::new(&settings)),
            last: Vec::new(),
            faces: 0,
        }
    }

    fn scene(&mut self, picture: &Picture) {
        let size = Pixels::size(picture);
        let mut scene = Rgb::default();
        picture.region(size.into(), backdrop::grid(size), &mut scene);
        self.backdrop.handle_scene(&scene, &self.last, size);
    }

    fn frame(
        &mut self,
        at: Duration,
        picture: &Picture,
        analyzer: &FaceAnalyzer,
    ) -> anyhow::Result<()> {
        self.scene(picture);
        let size = Pixels::size(picture);
        let found = analyzer.detect(&[picture], &DetectOptions::default())?;
        let largest = found.into_iter().flatten().max_by(|a, b| {
            let height = |face: &goshawk_models::Face| face.detection.bbox.height;
            height(a).total_cmp(&height(b))
        });
        let Some(face) = largest else {
            return Ok(());
        };
        self.faces += 1;
        let bbox = face.detection.bbox;
        self.last = vec![bbox];
        let mesh: Vec<Point> = face.mesh.points().iter().map(|p| p.flat()).collect();
        let look = Look::cut(picture, &bbox, Some(&mesh)).map(Arc::new);
        let inside = |p: &Point| {
            (0.0..size.width as f32).contains(&p.x) && (0.0..size.height as f32).contains(&p.y)
        };
        if face.detection.score.get() >= CLEAR_SCORE && mesh.iter().all(inside) {
            let pose = Some(face.head_pose);
            self.evidence.observe(at, &mesh, pose);
            if let Some(look) = &look {
                self.evidence.observe_look(at, look, pose);
            }
        }
        let mask = self.backdrop.score(&bbox, size);
        if let Some(score) = mask {
            self.evidence.observe_backdrop(score);
        }
        self.filter.check(Checks {
            mask,
            flying_faces: look.and_then(|look| look.surroundings.score()),
        });
        Ok(())
    }
}

/// Prints what the witnesses measured on the half that bounds are chosen on, and their verdicts.
fn tell_measures(outcomes: &[Outcome]) {
    for show in Show::ALL {
        let own: Vec<&Outcome> = of(outcomes, show, 0).collect();
        eprintln!(
            "liveness: {} ({} to choose bounds on)",
            show.name(),
            own.len()
        );
        let names: Vec<&str> = own
            .first()
            .map(|outcome| outcome.measures.iter().map(|(name, _)| *name).collect())
            .unwrap_or_default();
        for (index, name) in names.iter().enumerate() {
            let mut values: Vec<f64> = own
                .iter()
                .filter_map(|outcome| outcome.measures[index].1)
                .map(f64::from)
                .collect();
            values.sort_by(f64::total_cmp);
            let at = |percent| super::percentile(&values, percent);
            eprintln!(
                "  {name:<18} {:>2} of {:>2}: {:>7.3} {:>7.3} {:>7.3} {:>7.3} {:>7.3}",
                values.len(),
                own.len(),
                at(0.0),
                at(25.0),
                at(50.0),
                at(75.0),
                at(100.0),
            );
        }
        let count = |verdict| own.iter().filter(|o| o.vote.verdict == verdict).count();
        let held = own.iter().filter(|o| o.standing != Standing::Open).count();
        let faces: u32 = own.iter().map(|o| o.faces).sum();
        eprintln!(
            "  vote: {} real, {} spoof, {} unknown; policy holds {held} back; {faces} faces",
            count(LivenessVerdict::Real),
            count(LivenessVerdict::Spoof),
            count(LivenessVerdict::Unknown),
        );
    }
}

/// Outcomes of a show in one half of the seeds.
fn of(outcomes: &[Outcome], show: Show, half: u64) -> impl Iterator<Item = &Outcome> {
    outcomes
        .iter()
        .filter(move |outcome| outcome.show == show && outcome.seed % 2 == half)
}

/// Error rates on the half that no bound was chosen on.
fn rows(outcomes: &[Outcome]) -> Vec<Row> {
    let mut rows = Vec::new();
    for show in Show::ALL {
        let own: Vec<&Outcome> = of(outcomes, show, 1).collect();
        let share = |count: usize| count as f64 / own.len().max(1) as f64;
        let voted = |verdict| own.iter().filter(|o| o.vote.verdict == verdict).count();
        let (real, spoof) = (voted(LivenessVerdict::Real), voted(LivenessVerdict::Spoof));
        let open = own.iter().filter(|o| o.standing == Standing::Open).count();
        let (kind, wrong, sent_wrongly) = if show.is_attack() {
            ("apcer", real, open)
        } else {
            ("bpcer", spoof, own.len() - open)
        };
        let note = format!(
            "{} performances: {real} voted real, {spoof} spoof, {} undecided",
            own.len(),
            own.len() - real - spoof
        );
        let name = |of: &str| format!("liveness.{kind}_{of}.{}", show.name());
        let row =
            |name: String, wrong: usize| Row::alone(&name, "share", Better::Lower, &[share(wrong)]);
        rows.push(row(name("vote"), wrong).noted(note));
        let note = if show.is_attack() {
            format!(
                "{open} of {} let through by the contract's policy",
                own.len()
            )
        } else {
            format!(
                "{sent_wrongly} of {} held back by the contract's policy",
                own.len()
            )
        };
        rows.push(row(name("policy"), sent_wrongly).noted(note));
    }
    rows
}
