//! Each filter with its reason.

use super::*;

const FRAME: Size = Size::new(640, 480);

fn face() -> FaceFacts {
    FaceFacts {
        bbox: BBox::new(100.0, 100.0, 80.0, 90.0),
        score: Score::saturating(0.9),
        head_pose: Some(HeadPose::default()),
    }
}

fn pose(yaw: f32, pitch: f32, roll: f32) -> Option<HeadPose> {
    Some(HeadPose { yaw, pitch, roll })
}

fn judge(filtering: Filtering, droi: Option<Region>, face: FaceFacts) -> Use {
    Filter::new(filtering, 24.0, None, droi).judge_face(&face, FRAME, &mut YawWindow::default())
}

#[test]
fn each_threshold_has_its_reason() {
    let with = |change: fn(&mut FaceFacts)| {
        let mut face = face();
        change(&mut face);
        judge(Filtering::default(), None, face)
    };
    assert_eq!(with(|_| ()), Use::Shot);
    assert_eq!(
        with(|f| f.score = Score::saturating(0.5)),
        Use::TrackOnly(Reason::Score)
    );
    assert_eq!(
        with(|f| f.head_pose = pose(-41.0, 0.0, 0.0)),
        Use::TrackOnly(Reason::Yaw)
    );
    assert_eq!(
        with(|f| f.head_pose = pose(0.0, 41.0, 0.0)),
        Use::TrackOnly(Reason::Pitch)
    );
    assert_eq!(
        with(|f| f.head_pose = pose(0.0, 0.0, -31.0)),
        Use::TrackOnly(Reason::Roll)
    );
    assert_eq!(
        with(|f| f.head_pose = pose(f32::NAN, 0.0, 0.0)),
        Use::TrackOnly(Reason::Yaw)
    );
    assert_eq!(with(|f| f.head_pose = None), Use::Shot);
    assert_eq!(with(|f| f.bbox.width = 20.0), Use::TrackOnly(Reason::Size));
}

#[test]
fn the_droi_must_hold_the_whole_box_and_the_roi_its_centre() {
    let region = Region::Abs {
        x: 110,
        y: 0,
        width: 300,
        height: 480,
    };
    assert_eq!(
        judge(Filtering::default(), Some(region), face()),
        Use::TrackOnly(Reason::OutsideDroi)
    );
    let empty = Region::Abs {
        x: 0,
        y: 0,
        width: 0,
        height: 0,
    };
    assert_eq!(judge(Filtering::default(), Some(empty), face()), Use::Shot);

    let mut filter = Filter::new(Filtering::default(), 24.0, Some(region), None);
    assert!(filter.admits(&face().bbox, FRAME));
    assert!(!filter.admits(&BBox::new(0.0, 0.0, 50.0, 50.0), FRAME));
    assert!(!filter.admits(&BBox::new(f32::NAN, 0.0, 50.0, 50.0), FRAME));
    assert_eq!(filter.counters().rejected(Reason::OutsideRoi), 1);
    assert_eq!(filter.counters().rejected(Reason::Degenerate), 1);
}

#[test]
fn yaw_is_averaged_over_the_window() {
    let run = |collect: bool, yaws: &[f32]| -> Vec<Use> {
        let filtering = Filtering {
            yaw_number: 3,
            yaw_collection_mode: collect,
            ..Default::default()
        };
        let mut filter = Filter::new(filtering, 24.0, None, None);
        let mut window = YawWindow::default();
        yaws.iter()
            .map(|y| FaceFacts {
                head_pose: pose(*y, 0.0, 0.0),
                ..face()
            })
            .map(|f| filter.judge_face(&f, FRAME, &mut window))
            .collect()
    };
    let outlier = Use::TrackOnly(Reason::YawOutlier);
    assert_eq!(
        run(false, &[0.0, 0.0, 30.0, 30.0, 30.0]),
        [Use::Shot, Use::Shot, outlier, Use::Shot, Use::Shot]
    );
    let collecting = Use::TrackOnly(Reason::YawCollecting);
    assert_eq!(
        run(true, &[0.0, 1.0, 2.0]),
        [collecting, collecting, Use::Shot]
    );
}

#[test]
fn bodies_are_measured_by_the_root_of_their_area() {
    let filtering = Filtering {
        min_body_size_threshold: 60.0,
        ..Default::default()
    };
    let mut filter = Filter::new(filtering, 24.0, None, None);
    let judge = |filter: &mut Filter, w, h, s| {
        filter.judge_body(&BBox::new(0.0, 0.0, w, h), Score::saturating(s))
    };
    assert_eq!(judge(&mut filter, 40.0, 100.0, 0.9), Use::Shot);
    assert_eq!(
        judge(&mut filter, 30.0, 100.0, 0.9),
        Use::TrackOnly(Reason::Size)
    );
    assert_eq!(
        judge(&mut filter, 40.0, 100.0, 0.4),
        Use::TrackOnly(Reason::Score)
    );
}

#[test]
fn no_more_of_the_mouth_than_allowed_may_be_covered() {
    let judge = |most: f32, covered: Option<f32>| {
        let filtering = Filtering {
            mouth_occlusion_threshold: most,
            ..Default::default()
        };
        let mut filter = Filter::new(filtering, 24.0, None, None);
        filter.judge_face(&face(), FRAME, &mut YawWindow::default());
        let outcome = filter.judge_mouth(covered);
        let counted = filter.counters().rejected(Reason::Mouth);
        assert_eq!(filter.counters().passed, 1 - counted);
        outcome
    };
    let covered = Use::TrackOnly(Reason::Mouth);
    assert_eq!(judge(0.5, Some(0.5)), Use::Shot, "half of it may be");
    assert_eq!(judge(0.5, Some(0.51)), covered);
    assert_eq!(judge(0.5, Some(f32::NAN)), covered);
    assert_eq!(judge(0.5, None), Use::Shot);
    assert_eq!(judge(0.0, Some(1.0)), Use::Shot, "off");
}

#[test]
fn regions_are_for_faces_alone() {
    let corner = Region::Abs {
        x: 0,
        y: 0,
        width: 10,
        height: 10,
    };
    let mut filter = Filter::new(Filtering::default(), 24.0, Some(corner), Some(corner));
    let body = BBox::new(300.0, 100.0, 80.0, 240.0);
    assert!(filter.admits_body(&body) && !filter.admits(&body, FRAME));
    assert_eq!(filter.judge_body(&body, Score::ONE), Use::Shot);
    assert!(!filter.admits_body(&BBox::new(0.0, 0.0, f32::NAN, 5.0)));
}
