"""Trackers from PyPI on the same detections, and the scores of everybody by TrackEval.

usage: tracking_peer.py truth DIR          copies the public ground truth that motmetrics carries to DIR
       tracking_peer.py score DIR [--ours] plays every scene in DIR with the peers and scores them and us;
                                           with --ours only what we told
       tracking_peer.py speed DIR SCENE    times the peers on one scene

A scene is a folder with facts.txt (frames a second and their number), gt.txt, det.txt and goshawk.txt,
rows of the MOT Challenge's form: frame, identity, left, top, width, height, score. Prints one JSON line:
for each tracker the scores of each scene and, as "all", of all of them together, or updates a second.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np  # noqa: E402

SURE = 0.5187  # from which score on we begin tracks; both ways are tried for the peers, theirs and ours


def peers(fps):
    from trackers import ByteTrackTracker, OCSORTTracker, SORTTracker

    return {
        "ByteTrack": ByteTrackTracker(frame_rate=fps),
        "ByteTrack, our thresholds": ByteTrackTracker(
            frame_rate=fps, track_activation_threshold=SURE, high_conf_det_threshold=SURE, lost_track_buffer=45
        ),
        "SORT": SORTTracker(frame_rate=fps),
        "SORT, our thresholds": SORTTracker(frame_rate=fps, track_activation_threshold=SURE, lost_track_buffer=45),
        "OC-SORT": OCSORTTracker(frame_rate=fps),
        "OC-SORT, our thresholds": OCSORTTracker(frame_rate=fps, high_conf_det_threshold=SURE, lost_track_buffer=45),
    }


def rows(path, frames):
    """The rows of each frame: identities, boxes with right and bottom edges, scores."""
    table = np.loadtxt(path, delimiter=",", ndmin=2) if path.stat().st_size else np.zeros((0, 7))
    table[:, 4:6] += table[:, 2:4]
    each = [table[table[:, 0] == number] for number in range(1, frames + 1)]
    return [(t[:, 1].astype(int), t[:, 2:6], t[:, 6]) for t in each]


def facts(folder):
    fps, frames = (folder / "facts.txt").read_text().split()
    return float(fps), int(frames)


def detections(boxes, scores):
    import supervision as sv

    return sv.Detections(xyxy=boxes, confidence=scores, class_id=np.zeros(len(boxes), int))


def play(tracker, seen):
    """What a tracker tells of each frame: identities and boxes."""
    told = []
    for _, boxes, scores in seen:
        found = tracker.update(detections(boxes, scores))
        ids = np.asarray(found.tracker_id if found.tracker_id is not None else [], int)
        told.append((ids[ids >= 0], found.xyxy[ids >= 0]))
    return told


def overlap(a, b):
    width = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    height = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    shared = np.clip(width, 0, None) * np.clip(height, 0, None)
    area = lambda x: (x[:, 2] - x[:, 0]) * (x[:, 3] - x[:, 1])  # noqa: E731
    return shared / np.maximum(area(a)[:, None] + area(b)[None, :] - shared, 1e-9)


def sequence(truth, told):
    """A scene as TrackEval's metrics take it."""
    places = lambda lists: {v: n for n, v in enumerate(sorted({int(i) for ids in lists for i in ids}))}  # noqa: E731
    of_truth, of_told = places([t[0] for t in truth]), places([t[0] for t in told])
    return {
        "num_timesteps": len(truth),
        "num_gt_ids": len(of_truth),
        "num_tracker_ids": len(of_told),
        "num_gt_dets": sum(len(t[0]) for t in truth),
        "num_tracker_dets": sum(len(t[0]) for t in told),
        "gt_ids": [np.array([of_truth[int(i)] for i in t[0]], int) for t in truth],
        "tracker_ids": [np.array([of_told[int(i)] for i in t[0]], int) for t in told],
        "similarity_scores": [overlap(a[1], b[1]) for a, b in zip(truth, told)],
    }


class Scores:
    """HOTA, IDF1 and MOTA of scenes and of all of them together."""

    def __init__(self):
        from trackeval.metrics import CLEAR, HOTA, Identity

        quiet = {"PRINT_CONFIG": False}
        self.metrics = [HOTA(), CLEAR(quiet), Identity(quiet)]
        self.scenes = {}

    def add(self, name, data):
        self.scenes[name] = [metric.eval_sequence(data) for metric in self.metrics]

    def told(self):
        together = [
            metric.combine_sequences({name: results[place] for name, results in self.scenes.items()})
            for place, metric in enumerate(self.metrics)
        ]
        return {name: self.row(results) for name, results in {**self.scenes, "all": together}.items()}

    @staticmethod
    def row(results):
        hota, clear, identity = results
        return {
            "hota": float(np.mean(hota["HOTA"])),
            "deta": float(np.mean(hota["DetA"])),
            "assa": float(np.mean(hota["AssA"])),
            "idf1": float(identity["IDF1"]),
            "mota": float(clear["MOTA"]),
            "switches": int(clear["IDSW"]),
        }


def score(folder, only_ours):
    scores = {}
    for scene in sorted(path.parent for path in folder.glob("*/facts.txt")):
        fps, frames = facts(scene)
        truth = rows(scene / "gt.txt", frames)
        told = {"goshawk": [t[:2] for t in rows(scene / "goshawk.txt", frames)]}
        if not only_ours:
            seen = rows(scene / "det.txt", frames)
            told |= {name: play(tracker, seen) for name, tracker in peers(fps).items()}
        for name, answer in told.items():
            scores.setdefault(name, Scores()).add(scene.name, sequence(truth, answer))
    return {name: of.told() for name, of in scores.items()}


def speed(scene):
    fps, frames = facts(scene)
    seen = [detections(boxes, scores) for _, boxes, scores in rows(scene / "det.txt", frames)]
    rates = {}
    for name, tracker in peers(fps).items():
        if "," in name or name == "OC-SORT":
            continue
        begin = time.process_time()
        for found in seen:
            tracker.update(found)
        rates[name] = frames / (time.process_time() - begin)
    return rates


def truth(folder):
    import motmetrics

    data = Path(motmetrics.__file__).parent / "data"
    for name in ("TUD-Campus", "TUD-Stadtmitte"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file in ("gt.txt", "test.txt"):
            shutil.copy(data / name / file, folder / name / file)
    return {"copied": 2}


def main():
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "truth":
        answer = truth(folder)
    elif what == "score":
        answer = score(folder, "--ours" in sys.argv)
    else:
        answer = speed(folder / sys.argv[3])
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
