//! What passes the door.

use std::sync::Mutex;

use goshawk_proto::{
    detection::Liveness,
    event::{BodyShot, ENVELOPE_VERSION, FaceShot, Jpeg, SendReason, ShotReason},
    geometry::{Rect, Size},
    id::{EventId, TrackId},
    time::Timestamp,
};

use super::*;

fn jpeg() -> Option<Jpeg> {
    let size = Size::new(2, 2);
    let bytes = b"\xff\xd8 a picture".to_vec();
    Some(Jpeg { size, bytes })
}

/// An event with every picture that one can have.
fn event(stream_id: StreamId) -> Event {
    let at = Timestamp::default();
    let face = FaceShot {
        detect_time: at,
        frame_number: 1,
        rect: Rect::default(),
        landmarks: Default::default(),
        score: Default::default(),
        head_pose: Default::default(),
        quality: Default::default(),
        shot_score: Default::default(),
        reason: ShotReason::First,
        warp: jpeg(),
        source_time: None,
        descriptor: None,
        attributes: None,
    };
    let body = BodyShot {
        detect_time: at,
        frame_number: 1,
        rect: Rect::default(),
        score: Default::default(),
        shot_score: Default::default(),
        reason: ShotReason::First,
        warp: jpeg(),
        source_time: None,
        descriptor: None,
    };
    Event {
        envelope: ENVELOPE_VERSION,
        event_id: EventId::random(),
        stream_id,
        stream_version: 1,
        analysis: 0,
        track_id: TrackId::random(),
        track_start: at,
        track_end: at,
        decided_at: at,
        reason: SendReason::TrackEnd,
        source_size: Size::new(640, 360),
        faces: vec![face.clone(), face],
        bodies: vec![body],
        liveness: Liveness::default(),
        full_frame: jpeg(),
        body_frame: jpeg(),
        source: "gate".to_owned(),
        location: None,
        tags: Vec::new(),
        user_data: None,
    }
}

#[derive(Default)]
struct Kept(Mutex<Vec<Event>>);

impl EventSink for Kept {
    fn accept(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

#[test]
fn no_picture_of_a_stream_that_sends_none_passes_the_door() {
    let streams = [(); 3].map(|()| StreamId::random());
    let exceptions = [
        EdgeException {
            stream: streams[1],
            mode: EdgeMode::Warps,
        },
        EdgeException {
            stream: streams[2],
            mode: EdgeMode::Descriptors,
        },
    ];
    let kept = Arc::new(Kept::default());
    let modes = EdgeModes::new(EdgeMode::Full, &exceptions);
    let door = EdgeDoor::new(modes, 80, Arc::clone(&kept) as Arc<dyn EventSink>);
    streams
        .iter()
        .for_each(|stream| door.accept(event(*stream)));
    let kept = kept.0.lock().unwrap();
    let pictures = |event: &Event| {
        // On the wire there is nothing of a picture either.
        let bytes = event.encode().unwrap();
        let count = bytes.windows(9).filter(|part| part == b"a picture").count();
        let warps = event
            .faces
            .iter()
            .filter(|face| face.warp.is_some())
            .count()
            + event
                .bodies
                .iter()
                .filter(|body| body.warp.is_some())
                .count();
        (count, warps)
    };
    assert_eq!(pictures(&kept[0]), (5, 3));
    assert_eq!(pictures(&kept[1]), (3, 3));
    assert_eq!(pictures(&kept[2]), (0, 0));
    // All else is as it was.
    assert_eq!((kept[2].faces.len(), kept[2].bodies.len()), (2, 1));
}

/// Stripes; of what is reduced to cells nothing is left of them.
fn striped(size: Size) -> Jpeg {
    let pixels = (0..size.width * size.height).flat_map(|n| [if n % 8 < 4 { 250 } else { 10 }; 3]);
    let rgb = goshawk_proto::picture::Rgb::from_data(size, pixels.collect()).unwrap();
    goshawk_models::encode_jpeg(&rgb, 90).unwrap()
}

fn contrast(frame: &Jpeg, x: u32, y: u32) -> u8 {
    let limits = goshawk_models::DecodeLimits::default();
    let exif = goshawk_models::Exif::Ignore;
    let picture = goshawk_models::Picture::decode(&frame.bytes, exif, &limits).unwrap();
    let (size, data) = (picture.rgb().size(), picture.rgb().data());
    let row = (x..x + 8).map(|x| data[3 * (y * size.width + x) as usize]);
    row.clone().max().unwrap() - row.min().unwrap()
}

#[test]
fn in_a_blurred_frame_only_the_person_is_left() {
    let stream = StreamId::random();
    let mut whole = event(stream);
    let at = |x| Rect {
        x,
        y: 100,
        width: 80,
        height: 80,
    };
    (whole.faces[0].frame_number, whole.faces[0].rect) = (7, at(80));
    // Of another frame, in which somebody else may stand there.
    (whole.faces[1].frame_number, whole.faces[1].rect) = (9, at(480));
    (whole.bodies[0].frame_number, whole.bodies[0].rect) = (8, at(280));
    whole.full_frame = Some(striped(whole.source_size));
    whole.body_frame = Some(striped(whole.source_size));
    let kept = Arc::new(Kept::default());
    let modes = EdgeModes::new(EdgeMode::Blurred, &[]);
    let door = EdgeDoor::new(modes, 90, Arc::clone(&kept) as Arc<dyn EventSink>);
    door.accept(whole);
    // One that cannot be read must not leave as it is.
    door.accept(event(stream));
    let kept = kept.0.lock().unwrap();
    let sharp = |frame: &Option<Jpeg>| {
        let frame = frame.as_ref().unwrap();
        [100, 300, 500].map(|x| contrast(frame, x, 140) > 100)
    };
    assert_eq!(sharp(&kept[0].full_frame), [true, false, false]);
    assert_eq!(sharp(&kept[0].body_frame), [false, true, false]);
    assert!(kept[0].faces[0].warp.is_some());
    assert!(kept[1].full_frame.is_none() && kept[1].body_frame.is_none());
}

#[test]
fn modes_are_read_or_refused() {
    let stream = StreamId::random();
    let read = EdgeException::parse(&format!("{stream}=descriptors")).unwrap();
    assert_eq!((read.stream, read.mode), (stream, EdgeMode::Descriptors));
    for wrong in ["", "warps", "gate=warps", &format!("{stream}=none")] {
        assert!(EdgeException::parse(wrong).is_err(), "{wrong}");
    }
    for (mode, name) in EdgeMode::ALL {
        assert_eq!(EdgeMode::parse(name), Ok(mode));
    }
}
