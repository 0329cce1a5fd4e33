//! Generated scenes: people who walk, cross, hide behind each other and behind pillars, before a
//! camera that may shake. Everything follows from a scene's seed.

use goshawk_proto::geometry::BBox;

use super::{
    detector::{Detector, Object, Seen},
    random::Random,
};

/// One frame: who is there, and what a detector makes of it.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Who is to be found: objects of which something is visible.
    pub truth: Vec<Object>,
    /// The detector's boxes.
    pub seen: Vec<Seen>,
}

/// A scene of which everything is known.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Its name.
    pub name: String,
    /// What is looked for in it.
    pub kind: Kind,
    /// Frames a second.
    pub fps: f64,
    /// Its frames.
    pub frames: Vec<Frame>,
}

/// How people are about in a scene.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    name: &'static str,
    seed: u64,
    fps: f64,
    seconds: f64,
    people: usize,
    /// Height of a person in the middle of the picture, in pixels.
    height: f64,
    /// Speed in own heights a second.
    speed: f64,
    /// Random acceleration, in own heights per square root of a second cubed.
    restless: f64,
    /// Turns round about so many times a second.
    turns: f64,
    pillars: usize,
    /// Spread of the camera's place in pixels; it swings about two times a second.
    shake: f64,
    /// Seconds for which who leaves stays away before coming back; 0: they are strangers then.
    away: f64,
    /// What is looked for.
    kind: Kind,
    /// Whether people hide each other.
    solid: bool,
    detector: Detector,
}

/// What is looked for in a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bodies: tall, slow for their size.
    Bodies,
    /// Faces: square, and fast for their size.
    Faces,
}

const WIDTH: f64 = 1280.0;
const HEIGHT: f64 = 720.0;

const PLAIN: Plan = Plan {
    name: "plain",
    seed: 1,
    fps: 25.0,
    seconds: 24.0,
    people: 10,
    height: 180.0,
    speed: 0.7,
    restless: 0.25,
    turns: 0.0,
    pillars: 0,
    shake: 0.0,
    away: 0.0,
    kind: Kind::Bodies,
    solid: true,
    detector: Detector {
        jitter: 0.025,
        miss: 0.02,
        false_boxes: 0.05,
        score: 0.85,
    },
};

/// The scenes of the quality table.
pub fn plans() -> Vec<Plan> {
    let with = |name, seed, change: fn(&mut Plan)| {
        let mut plan = Plan {
            name,
            seed,
            ..PLAIN
        };
        change(&mut plan);
        plan
    };
    vec![
        with("crossings", 11, |p| p.people = 16),
        with("occlusion", 12, |p| p.pillars = 5),
        with("shake", 13, |p| p.shake = 9.0),
        with("missed", 14, |p| p.detector.miss = 0.3),
        with("false", 15, |p| p.detector.false_boxes = 2.0),
        with("unsure", 16, |p| p.detector.score = 0.58),
        with("turns", 17, |p| (p.turns, p.restless) = (0.5, 0.6)),
        with("fast", 18, |p| {
            (p.fps, p.seconds, p.speed) = (8.0, 45.0, 1.2)
        }),
        with("crowd", 19, |p| {
            (p.people, p.height, p.seconds) = (50, 110.0, 14.0)
        }),
        with("faces", 21, faces),
        with("faces shaken", 22, |p| {
            faces(p);
            p.shake = 9.0;
        }),
        with("jitter", 20, |p| p.detector.jitter = 0.07),
    ]
}

/// People who come by as their faces: 70 pixels, three of them a second, looked for 8 times a second.
fn faces(plan: &mut Plan) {
    plan.kind = Kind::Faces;
    (plan.fps, plan.seconds) = (8.0, 60.0);
    (plan.people, plan.height, plan.speed) = (6, 70.0, 2.5);
}

/// A scene for the clock: about `people` of them are seen at any time, as in a full square.
pub fn square(people: usize) -> Plan {
    Plan {
        name: "square",
        seed: 40,
        people: people * 21 / 20,
        seconds: 12.0,
        height: 1500.0 / (people as f64).sqrt(),
        speed: 0.4,
        solid: false,
        ..PLAIN
    }
}

/// People who leave and come back after a while.
pub fn returns() -> Plan {
    Plan {
        name: "returns",
        seed: 50,
        people: 6,
        seconds: 60.0,
        away: 6.0,
        pillars: 2,
        ..PLAIN
    }
}

struct Person {
    id: u32,
    x: f64,
    /// Where the feet are, 0 to 1 of the picture's depth: who is nearer hides who is behind.
    depth: f64,
    speed: (f64, f64),
    height: f64,
    slender: f64,
    /// Seconds until the person comes back.
    away: f64,
}

impl Plan {
    #[cfg(test)]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The same plan with other chances; 0 leaves it as it is.
    pub fn again(self, time: u64) -> Self {
        let seed = self.seed + 1000 * time;
        Self { seed, ..self }
    }

    /// Lets the scene happen.
    pub fn play(&self) -> Scene {
        let mut random = Random::new(self.seed);
        let mut next_id = 0;
        let mut people: Vec<Person> = (0..self.people)
            .map(|_| {
                let mut person = self.enter(&mut random, &mut next_id);
                person.x = random.between(0.05, 0.95) * WIDTH;
                person
            })
            .collect();
        let pillars: Vec<BBox> = (0..self.pillars)
            .map(|n| {
                let step = WIDTH / self.pillars as f64;
                let x = (n as f64 + random.between(0.3, 0.7)) * step;
                let width = random.between(0.35, 0.7) * self.height;
                BBox::new(x as f32, 0.0, width as f32, HEIGHT as f32)
            })
            .collect();
        let mut camera = Camera::default();
        let frames = (0..(self.seconds * self.fps) as usize)
            .map(|_| {
                for person in &mut people {
                    self.step(person, &mut random, &mut next_id);
                }
                camera.swing(self.shake, 1.0 / self.fps, &mut random);
                self.frame(&people, &pillars, &camera, &mut random)
            })
            .collect();
        Scene {
            name: self.name.to_owned(),
            kind: self.kind,
            fps: self.fps,
            frames,
        }
    }

    fn enter(&self, random: &mut Random, next_id: &mut u32) -> Person {
        *next_id += 1;
        let depth = random.unit();
        let height = self.height * (0.7 + 0.6 * depth) * random.between(0.9, 1.1);
        let way = if random.chance(0.5) { 1.0 } else { -1.0 };
        let pace = self.speed * random.between(0.6, 1.4) * height;
        let margin = 0.3 * height;
        Person {
            id: *next_id,
            x: if way > 0.0 { -margin } else { WIDTH + margin },
            depth,
            speed: (way * pace, 0.0),
            height,
            slender: match self.kind {
                Kind::Bodies => random.between(0.34, 0.42),
                Kind::Faces => random.between(0.75, 0.85),
            },
            away: 0.0,
        }
    }

    fn step(&self, person: &mut Person, random: &mut Random, next_id: &mut u32) {
        let dt = 1.0 / self.fps;
        if person.away > 0.0 {
            person.away -= dt;
            return;
        }
        let push = self.restless * person.height * dt.sqrt();
        person.speed.0 += push * random.normal();
        person.speed.1 += 0.2 * push * random.normal() - 0.5 * person.speed.1 * dt;
        if random.chance(self.turns * dt) {
            person.speed.0 = -person.speed.0;
        }
        person.x += person.speed.0 * dt;
        person.depth = (person.depth + person.speed.1 * dt / HEIGHT).clamp(0.0, 1.0);
        let margin = 0.4 * person.height;
        if (-margin..WIDTH + margin).contains(&person.x) {
            return;
        }
        if self.away > 0.0 {
            // Who comes back does so where they left.
            person.x = person.x.clamp(1.0 - margin, WIDTH + margin - 1.0);
            person.speed.0 = -person.speed.0;
            person.away = self.away * random.between(0.5, 1.5);
        } else {
            *person = self.enter(random, next_id);
        }
    }

    fn frame(
        &self,
        people: &[Person],
        pillars: &[BBox],
        camera: &Camera,
        random: &mut Random,
    ) -> Frame {
        let mut there: Vec<&Person> = people.iter().filter(|p| p.away <= 0.0).collect();
        there.sort_by(|a, b| b.depth.total_cmp(&a.depth));
        let mut before: Vec<BBox> = pillars.to_vec();
        let mut truth = Vec::new();
        for person in there {
            let bbox = camera.shows(person);
            let visible = visible(&bbox, &before);
            if self.solid {
                before.push(bbox);
            }
            if visible > 0.0 {
                truth.push(Object {
                    id: person.id,
                    bbox,
                    visible,
                });
            }
        }
        let seen = self.detector.look(&truth, (WIDTH, HEIGHT), random);
        Frame { truth, seen }
    }
}

/// Where the camera looks beside where it should, in pixels.
#[derive(Default)]
struct Camera {
    off: (f64, f64),
    speed: (f64, f64),
}

impl Camera {
    /// A spring with a damper under random blows: it swings about twice a second. Small steps, so
    /// that it swings the same at any frame rate.
    fn swing(&mut self, spread: f64, dt: f64, random: &mut Random) {
        const STEPS: u32 = 16;
        for _ in 0..STEPS {
            self.step(spread, dt / f64::from(STEPS), random);
        }
    }

    fn step(&mut self, spread: f64, dt: f64, random: &mut Random) {
        const STIFF: f64 = 160.0;
        const DAMP: f64 = 5.0;
        let blow = spread * (2.0 * DAMP * STIFF * dt).sqrt();
        for (off, speed) in [
            (&mut self.off.0, &mut self.speed.0),
            (&mut self.off.1, &mut self.speed.1),
        ] {
            *speed += blow * random.normal() - (STIFF * *off + DAMP * *speed) * dt;
            *off += *speed * dt;
        }
    }

    fn shows(&self, person: &Person) -> BBox {
        let (width, height) = (person.slender * person.height, person.height);
        let feet = HEIGHT * (0.55 + 0.4 * person.depth);
        BBox::new(
            (person.x - width / 2.0 + self.off.0) as f32,
            (feet - height + self.off.1) as f32,
            width as f32,
            height as f32,
        )
    }
}

/// How much of a box is in the picture and not hidden by boxes before it, on a grid of points.
pub fn visible(bbox: &BBox, before: &[BBox]) -> f64 {
    const GRID: u32 = 8;
    let hiding: Vec<&BBox> = before
        .iter()
        .filter(|other| bbox.intersection(other) > 0.0)
        .collect();
    let inside =
        |b: &BBox, x: f32, y: f32| (b.x..b.right()).contains(&x) && (b.y..b.bottom()).contains(&y);
    let picture = BBox::new(0.0, 0.0, WIDTH as f32, HEIGHT as f32);
    let points = (0..GRID).flat_map(|row| (0..GRID).map(move |col| (row, col)));
    let open = points
        .filter(|(row, col)| {
            let x = bbox.x + bbox.width * (*col as f32 + 0.5) / GRID as f32;
            let y = bbox.y + bbox.height * (*row as f32 + 0.5) / GRID as f32;
            inside(&picture, x, y) && !hiding.iter().any(|b| inside(b, x, y))
        })
        .count();
    open as f64 / f64::from(GRID * GRID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_follows_from_its_seed() {
        let plan = plans()[1];
        let boxes = |scene: &Scene| {
            let seen = scene.frames.iter().flat_map(|f| &f.seen);
            seen.map(|s| s.bbox.x).sum::<f32>()
        };
        assert_eq!(boxes(&plan.play()), boxes(&plan.play()));
        let other = Plan { seed: 99, ..plan };
        assert_ne!(boxes(&plan.play()), boxes(&other.play()));
    }

    #[test]
    fn what_is_covered_is_not_visible() {
        let bbox = BBox::new(100.0, 100.0, 80.0, 80.0);
        assert_eq!(visible(&bbox, &[]), 1.0);
        assert_eq!(visible(&bbox, &[BBox::new(100.0, 100.0, 40.0, 80.0)]), 0.5);
        assert_eq!(visible(&bbox, &[bbox]), 0.0);
        assert_eq!(visible(&BBox::new(-80.0, 0.0, 80.0, 80.0), &[]), 0.0);
    }

    #[test]
    fn each_scene_has_what_it_is_named_for() {
        let hidden = |name: &str| {
            let plan = plans().into_iter().find(|p| p.name == name).unwrap();
            let scene = plan.play();
            let truth: Vec<f64> = scene
                .frames
                .iter()
                .flat_map(|f| &f.truth)
                .map(|o| o.visible)
                .collect();
            truth.iter().filter(|v| **v < 0.5).count() as f64 / truth.len() as f64
        };
        let (few, more) = (hidden("missed"), hidden("occlusion"));
        assert!(
            more > 1.5 * few,
            "{more} of the boxes hidden behind pillars, {few} without"
        );
        let seen = |plan: &Plan| {
            plan.play()
                .frames
                .iter()
                .map(|f| f.seen.len())
                .sum::<usize>()
        };
        let truth = |plan: &Plan| {
            plan.play()
                .frames
                .iter()
                .map(|f| f.truth.len())
                .sum::<usize>()
        };
        for plan in plans() {
            let share = seen(&plan) as f64 / truth(&plan) as f64;
            assert!((0.5..1.5).contains(&share), "{}: {share}", plan.name);
        }
    }
}
