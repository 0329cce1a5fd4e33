//! Events as an agent would make them, out of one real face picture.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion},
    detection::{BasicAttributes, FaceQuality, Gender, HeadPose, Liveness},
    event::{ENVELOPE_VERSION, Event, FaceShot, Jpeg, SendReason, ShotReason},
    geometry::{Point, Rect, Size},
    id::{EventId, StreamId, TrackId},
    link::backoff::Jitter,
    score::Score,
    time::Timestamp,
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::api::{Api, text};

/// Sides of a face's sample in pixels.
const SAMPLE: Size = Size::new(250, 250);
/// How far an event's descriptor lies from that of the person it shows: noise in each value,
/// relative to the value's standard deviation. Gives a cosine of about 0.9.
const NOISE: f32 = 0.5;

/// An encoded event, ready to be pushed.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Its id.
    pub event_id: EventId,
    /// The record.
    pub bytes: Bytes,
}

/// What events are made of: a real sample and invented descriptors of real length.
#[derive(Clone)]
pub struct Recipe {
    warp: Jpeg,
    version: DescriptorVersion,
    /// Descriptors of the people that are seen, one after the other.
    people: Vec<Vec<f32>>,
}

impl Recipe {
    /// Takes sample and descriptor version from a face that was enrolled with a picture, and
    /// invents `others` more people. Equal calls invent the same people.
    pub async fn of_face(api: &Api, face: &str, others: usize) -> anyhow::Result<Self> {
        let attributes = api.get(&format!("/6/faces/{face}/attributes")).await?;
        let attributes = &attributes["attributes"];
        let descriptor = &attributes["face_descriptor"];
        let version = descriptor["descriptor_version"]
            .as_u64()
            .with_context(|| format!("no descriptor version in {attributes}"))?;
        let version = DescriptorVersion(u32::try_from(version)?);
        let bytes = STANDARD.decode(text(descriptor, "descriptor")?)?;
        let real: Vec<f32> = Descriptor::from_le_bytes(version, &bytes)?
            .values()
            .collect();
        let sample = attributes["face_descriptor_samples"][0]
            .as_str()
            .with_context(|| format!("no sample in {attributes}"))?;
        let path = format!("/6/samples/faces/{sample}");
        let picture = api.send(api.request(Method::GET, &path)).await?;
        let picture = picture.successful()?.body;
        let mut random = Jitter::new(7);
        let length = real.len();
        let invented = (0..others).map(|_| (0..length).map(|_| normal(&mut random)).collect());
        Ok(Self {
            warp: Jpeg {
                size: SAMPLE,
                bytes: picture.to_vec(),
            },
            version,
            people: std::iter::once(real.clone()).chain(invented).collect(),
        })
    }

    /// Bytes of the sample's file.
    pub fn sample_bytes(&self) -> usize {
        self.warp.bytes.len()
    }

    /// Values of a descriptor.
    pub fn values(&self) -> usize {
        self.people[0].len()
    }

    /// How many people are seen.
    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// The body that makes a face of person `nth` in `list`.
    pub fn face(&self, nth: usize, list: &str) -> anyhow::Result<Value> {
        let person = &self.people[nth % self.people.len()];
        let descriptor = Descriptor::from_values(self.version, person)?;
        let descriptor = STANDARD.encode(descriptor.as_le_bytes());
        Ok(json!({
            "user_data": format!("person {nth}"),
            "lists": [list],
            "attribute": {
                "face_descriptors": [{"descriptor": descriptor, "version": self.version}],
            },
        }))
    }

    /// An event in which `stream` saw person `nth`, under a fresh id.
    pub fn event(&self, stream: StreamId, nth: usize) -> anyhow::Result<Parcel> {
        let event_id = EventId(Uuid::now_v7());
        let now = Timestamp::from_system(SystemTime::now());
        let event = Event {
            envelope: ENVELOPE_VERSION,
            event_id,
            stream_id: stream,
            stream_version: 1,
            analysis: 0,
            track_id: TrackId::random(),
            track_start: now.before(Duration::from_secs(3)),
            track_end: now.before(Duration::from_millis(100)),
            decided_at: now,
            reason: SendReason::TrackEnd,
            source_size: Size::new(1920, 1080),
            faces: vec![self.shot(nth, now.before(Duration::from_secs(1)))?],
            bodies: Vec::new(),
            liveness: Liveness::default(),
            full_frame: None,
            body_frame: None,
            source: "load".into(),
            location: None,
            tags: Vec::new(),
            user_data: None,
        };
        Ok(Parcel {
            event_id,
            bytes: event.encode()?.into(),
        })
    }

    fn shot(&self, nth: usize, at: Timestamp) -> anyhow::Result<FaceShot> {
        let person = &self.people[nth % self.people.len()];
        let mut random = Jitter::new(nth as u64);
        let spread = (person.iter().map(|v| v * v).sum::<f32>() / person.len() as f32).sqrt();
        let seen: Vec<f32> = person
            .iter()
            .map(|value| value + NOISE * spread * normal(&mut random))
            .collect();
        let good = Score::saturating(0.9);
        Ok(FaceShot {
            detect_time: at,
            frame_number: 42,
            rect: Rect {
                x: 800,
                y: 300,
                width: 180,
                height: 240,
            },
            landmarks: [(845, 390), (935, 390), (890, 440), (850, 480), (930, 480)]
                .map(|(x, y)| Point::new(x as f32, y as f32)),
            score: good,
            head_pose: HeadPose::default(),
            quality: FaceQuality {
                sharpness: good,
                light: good,
                dark: good,
                illumination: good,
                specularity: good,
            },
            shot_score: good,
            reason: ShotReason::BetterQuality,
            warp: Some(self.warp.clone()),
            source_time: None,
            descriptor: Some(Descriptor::from_values(self.version, &seen)?),
            attributes: Some(BasicAttributes {
                age: 35.0,
                gender: Gender::Female,
                gender_score: good,
            }),
        })
    }
}

/// A standard normal number (sum of twelve uniform ones, Irwin-Hall).
fn normal(random: &mut Jitter) -> f32 {
    ((0..12).map(|_| random.unit()).sum::<f64>() - 6.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        let mut random = Jitter::new(1);
        let mut person = || (0..1024).map(|_| normal(&mut random)).collect::<Vec<f32>>();
        Recipe {
            warp: Jpeg {
                size: SAMPLE,
                bytes: vec![0xff; 20_000],
            },
            version: DescriptorVersion(46),
            people: vec![person(), person()],
        }
    }

    #[test]
    fn an_event_resembles_its_person_and_nobody_else() {
        let recipe = recipe();
        let parcel = recipe.event(StreamId::random(), 3).unwrap();
        let event = Event::decode(&parcel.bytes).unwrap();
        assert_eq!(event.event_id, parcel.event_id);
        let seen = event.faces[0].descriptor.clone().unwrap();
        let of = |nth: usize| {
            let person = Descriptor::from_values(recipe.version, &recipe.people[nth]).unwrap();
            person.cosine(&seen).unwrap()
        };
        assert!(of(1) > 0.85 && of(1) < 0.95, "{}", of(1));
        assert!(of(0).abs() < 0.2, "{}", of(0));
        assert!((24_000..26_000).contains(&parcel.bytes.len()));
    }

    #[test]
    fn every_event_has_an_id_of_its_own() {
        let (recipe, stream) = (recipe(), StreamId::random());
        let first = recipe.event(stream, 0).unwrap();
        assert_ne!(first.event_id, recipe.event(stream, 0).unwrap().event_id);
    }
}
