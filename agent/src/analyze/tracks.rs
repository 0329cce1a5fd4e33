//! What was followed, as rows of the MOT Challenge's form, which motmetrics, TrackEval and every
//! annotation tool read: frame from 1, track, left, top, width, height, score, and three times -1.
//!
//! Source: Milan et al., "MOT16: A Benchmark for Multi-Object Tracking", 2016, table of the result
//! format.

use std::{
    collections::HashMap,
    io::{self, Write},
    time::Duration,
};

use goshawk_agent_core::{
    stage::{Visible, VisibleKind},
    track::State,
};
use goshawk_proto::{geometry::BBox, id::TrackId};

/// Time between two boxes of a track over which its way is taken for straight: what lies between
/// them when the detector runs a few times a second.
const BRIDGED: Duration = Duration::from_millis(400);

/// Writes the boxes of every track that became an object, its first ones too, and the straight way
/// between two of them. Rows come in the order in which they are known, not in that of the frames.
pub(super) struct TrackRows {
    out: Box<dyn Write + Send>,
    numbers: HashMap<(TrackId, VisibleKind), u64>,
    /// Of open tracks.
    open: HashMap<(TrackId, VisibleKind), Open>,
}

/// A box: its frame from 0 and media time.
type Seen = (u64, Duration, BBox);

#[derive(Default)]
struct Open {
    /// Boxes from before it was an object.
    waiting: Vec<Seen>,
    last: Option<Seen>,
}

impl TrackRows {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        Self {
            out,
            numbers: HashMap::new(),
            open: HashMap::new(),
        }
    }

    /// Takes what was visible in a frame.
    pub(super) fn take(
        &mut self,
        frame: u64,
        time: Duration,
        visible: &[Visible],
    ) -> io::Result<()> {
        self.open.retain(|key, _| {
            visible
                .iter()
                .any(|seen| (seen.track_id, seen.kind) == *key)
        });
        for seen in visible {
            let Some(bbox) = seen.detected else { continue };
            let key = (seen.track_id, seen.kind);
            let open = self.open.entry(key).or_default();
            open.waiting.push((frame, time, bbox));
            if seen.state == State::Tentative {
                continue;
            }
            let next = self.numbers.len() as u64 + 1;
            let number = *self.numbers.entry(key).or_insert(next);
            for seen in std::mem::take(&mut open.waiting) {
                if let Some(last) = open.last.replace(seen) {
                    bridge(&mut self.out, number, last, seen)?;
                }
                row(&mut self.out, number, seen.0, &seen.2)?;
            }
        }
        Ok(())
    }

    /// Writes out what is buffered.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The frames between two boxes of one track.
fn bridge(out: &mut impl Write, number: u64, from: Seen, to: Seen) -> io::Result<()> {
    if to.1.saturating_sub(from.1) > BRIDGED {
        return Ok(());
    }
    for frame in from.0 + 1..to.0 {
        let share = (frame - from.0) as f32 / (to.0 - from.0) as f32;
        let mix = |a: f32, b: f32| a + (b - a) * share;
        let (a, b) = (&from.2, &to.2);
        let between = BBox::new(
            mix(a.x, b.x),
            mix(a.y, b.y),
            mix(a.width, b.width),
            mix(a.height, b.height),
        );
        row(out, number, frame, &between)?;
    }
    Ok(())
}

fn row(out: &mut impl Write, number: u64, frame: u64, b: &BBox) -> io::Result<()> {
    let frame = frame + 1;
    let (x, y, width, height) = (b.x, b.y, b.width, b.height);
    writeln!(
        out,
        "{frame},{number},{x:.2},{y:.2},{width:.2},{height:.2},1,-1,-1,-1"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn visible(track: TrackId, x: f32, state: State, detected: bool) -> Visible {
        let bbox = BBox::new(x, 11.0, 20.0, 30.0);
        Visible {
            track_id: track,
            kind: VisibleKind::Face,
            bbox,
            detected: detected.then_some(bbox),
            state,
        }
    }

    #[test]
    fn objects_are_written_from_their_first_box_on_and_gaps_are_bridged() {
        let page = Page::default();
        let mut rows = TrackRows::new(Box::new(page.clone()));
        let (person, ghost) = (
            TrackId::from(uuid::Uuid::from_u128(1)),
            TrackId::from(uuid::Uuid::from_u128(2)),
        );
        let at = |frame: u64| Duration::from_millis(100 * frame);
        let steps = [
            (
                0,
                vec![
                    visible(person, 0.0, State::Tentative, true),
                    visible(ghost, 500.0, State::Tentative, true),
                ],
            ),
            (1, vec![visible(person, 5.0, State::Tentative, false)]),
            (2, vec![visible(person, 20.0, State::Confirmed, true)]),
            // Too long ago to be bridged.
            (8, vec![visible(person, 80.0, State::Confirmed, true)]),
        ];
        for (frame, visible) in steps {
            rows.take(frame, at(frame), &visible).unwrap();
        }
        rows.finish().unwrap();
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        let starts: Vec<&str> = text
            .lines()
            .map(|line| line.split(",11.00").next().unwrap())
            .collect();
        assert_eq!(starts, ["1,1,0.00", "2,1,10.00", "3,1,20.00", "9,1,80.00"]);
        assert!(
            text.lines()
                .all(|line| line.ends_with(",20.00,30.00,1,-1,-1,-1")),
            "{text}"
        );
    }
}
