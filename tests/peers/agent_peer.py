"""What a Python user would write in place of the agent: OpenCV capture, onnxruntime with the same
models, ByteTrack from PyPI, best face of each track described at its end.

usage: agent_peer.py CLIP MODELS_DIR DETECT_FPS

Prints one JSON line: frames, CPU seconds of the whole process after the models are loaded, tracks,
descriptors and peak memory. One thread everywhere, the same detection cadence as the agent.
"""

import json
import os
import resource
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402
import supervision as sv  # noqa: E402
from trackers import ByteTrackTracker  # noqa: E402

SIDE = 256
# ArcFace five-point template, doubled to 224 pixels.
TEMPLATE = np.float32(
    [[76.59, 103.39], [147.06, 103.00], [112.05, 143.47], [83.10, 184.73], [141.46, 184.41]]
)


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def anchors():
    cells = []
    for stride, repeats in ((16, 2), (32, 6)):
        count = SIDE // stride
        for y in range(count):
            for x in range(count):
                cells += [(stride * (x + 0.5), stride * (y + 0.5))] * repeats
    return np.float32(cells)


def letterbox(frame):
    height, width = frame.shape[:2]
    scale = SIDE / max(height, width)
    small = cv2.resize(frame, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    canvas = np.zeros((SIDE, SIDE, 3), np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    rgb = cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB)
    return (rgb.astype(np.float32) / 127.5 - 1)[None], scale


def detect(model, frame, grid, least=0.4):
    tensor, scale = letterbox(frame)
    names = [o.name for o in model.get_outputs()]
    out = dict(zip(names, model.run(None, {model.get_inputs()[0].name: tensor})))
    scores, boxes = [], []
    for value in out.values():
        (scores if value.shape[-1] == 1 else boxes).append(value[0])
    scores = np.concatenate(sorted(scores, key=len, reverse=True))[:, 0]
    boxes = np.concatenate(sorted(boxes, key=len, reverse=True))
    scores = 1 / (1 + np.exp(-np.clip(scores, -50, 50)))
    keep = scores >= least
    boxes, scores, grid = boxes[keep], scores[keep], grid[keep]
    centre, size = boxes[:, :2] + grid, boxes[:, 2:4]
    xyxy = np.hstack([centre - size / 2, centre + size / 2]) / scale
    xywh = np.hstack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]])
    order = cv2.dnn.NMSBoxes(xywh.tolist(), scores.tolist(), least, 0.3)
    order = np.array(order, int).reshape(-1)
    return xyxy[order], scores[order]


def mesh(model, frame, box):
    centre, side = (box[:2] + box[2:]) / 2, 1.5 * max(box[2:] - box[:2])
    matrix = np.float32([[192 / side, 0, 96 - centre[0] * 192 / side], [0, 192 / side, 96 - centre[1] * 192 / side]])
    crop = cv2.warpAffine(frame, matrix, (192, 192), flags=cv2.INTER_LINEAR)
    rgb = cv2.cvtColor(crop, cv2.COLOR_BGR2RGB).astype(np.float32)[None] / 255
    out = model.run(None, {model.get_inputs()[0].name: rgb})
    points = next(o for o in out if o.size == 1404).reshape(468, 3)
    flag = next(o for o in out if o.size == 1).item()
    xy = (points[:, :2] - matrix[:, 2]) * side / 192
    five = [xy[[33, 133]].mean(0), xy[[362, 263]].mean(0), xy[1], xy[61], xy[291]]
    return np.float32(five), flag


def describe(model, warp):
    tensor = warp.astype(np.float32) - np.float32([103.939, 116.779, 123.68])
    out = model.run(None, {model.get_inputs()[0].name: tensor[None]})
    vector = next(o for o in out if o.shape[-1] == 1024).reshape(-1)
    return vector / np.linalg.norm(vector)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    clip, models, detect_fps = sys.argv[1], sys.argv[2], float(sys.argv[3])
    cv2.setNumThreads(1)
    blaze = session(f"{models}/blazeface.onnx")
    facemesh = session(f"{models}/facemesh.onnx")
    faceres = session(f"{models}/faceres.onnx")
    grid = anchors()
    capture = cv2.VideoCapture(clip, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    fps = capture.get(cv2.CAP_PROP_FPS) or 25.0
    tracker = ByteTrackTracker(frame_rate=detect_fps, track_activation_threshold=0.5, high_conf_det_threshold=0.5)
    best, last_seen, described, next_detection, frames = {}, {}, 0, 0.0, 0
    start = cpu()
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        now = frames / fps
        frames += 1
        if now + 1e-9 < next_detection:
            continue
        next_detection = now + 1 / detect_fps
        boxes, scores = detect(blaze, frame, grid)
        kept = []
        for box, score in zip(boxes, scores):
            five, flag = mesh(facemesh, frame, box)
            if flag >= 0.5:
                kept.append((box, score, five))
        found = sv.Detections(
            xyxy=np.array([k[0] for k in kept], np.float32).reshape(-1, 4),
            confidence=np.array([k[1] for k in kept], np.float32),
            data={"five": np.array([k[2] for k in kept], np.float32).reshape(-1, 5, 2)},
        )
        tracked = tracker.update(found)
        for index in range(len(tracked)):
            track = int(tracked.tracker_id[index])
            if track < 0:
                continue
            box, five = tracked.xyxy[index], tracked.data["five"][index]
            last_seen[track] = now
            matrix, _ = cv2.estimateAffinePartial2D(five, TEMPLATE, method=cv2.LMEDS)
            if matrix is None:
                continue
            warp = cv2.warpAffine(frame, matrix, (224, 224), flags=cv2.INTER_LINEAR)
            sharp = cv2.Laplacian(cv2.cvtColor(warp, cv2.COLOR_BGR2GRAY), cv2.CV_32F).var()
            quality = float(tracked.confidence[index]) * min(1.0, sharp / 300) * min(1.0, (box[2] - box[0]) / 120)
            if track not in best or quality > best[track][0]:
                best[track] = (quality, warp)
        for track in [t for t, seen in last_seen.items() if now - seen > 1.5]:
            describe(faceres, best.pop(track)[1])
            del last_seen[track]
            described += 1
    for _, warp in best.values():
        describe(faceres, warp)
        described += 1
    print(
        json.dumps(
            {
                "frames": frames,
                "cpu_seconds": cpu() - start,
                "descriptors": described,
                "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
