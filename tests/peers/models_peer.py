"""What a Python user would write for each model of the default pack: OpenCV before and after,
onnxruntime between, one thread.

usage: models_peer.py FOLDER MODELS_DIR CALLS

FOLDER holds the pictures and `subjects.json` that the benchmark wrote: where the face, its points and
the body are. Prints one JSON line: for each model the median milliseconds of a whole call and of what is
not the network, and some numbers of the answer, so that both sides are seen to do the same work.
"""

import json
import os
import statistics
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import onnxruntime as ort  # noqa: E402

WARM_UP = 3


class Model:
    """A session that counts the time inside it."""

    def __init__(self, path, outputs):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.outputs = outputs
        self.inside = 0.0

    def __call__(self, tensor):
        begin = time.perf_counter()
        answer = self.session.run(self.outputs, {self.input: tensor})
        self.inside += time.perf_counter() - begin
        return answer


def patch(picture, centre, side, to, angle=0.0, mirrored=False):
    """The square of `side` pixels about `centre`, turned by `angle`, as `to` pixels; and its map."""
    cos, sin = np.cos(angle) * side / to, np.sin(angle) * side / to
    a, c = (-cos, -sin) if mirrored else (cos, sin)
    inverse = np.float32([[a, -sin, 0], [c, cos, 0]])
    inverse[:, 2] = centre - inverse[:, :2] @ np.float32([to / 2, to / 2])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(picture, inverse, (to, to), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return crop, inverse


def rgb(picture):
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


class Blazeface:
    SIDE = 256

    def __init__(self, folder):
        self.model = Model(f"{folder}/blazeface.onnx", ["Identity", "Identity_2", "Identity_1", "Identity_3"])
        cells = []
        for stride, repeats in ((16, 2), (32, 6)):
            count = self.SIDE // stride
            grid = (np.arange(count, dtype=np.float32) + 0.5) * stride
            x, y = np.meshgrid(grid, grid)
            cells.append(np.repeat(np.stack([x.ravel(), y.ravel()], 1), repeats, 0))
        self.cells = np.concatenate(cells)

    def __call__(self, subject):
        picture = subject["frame"]
        height, width = picture.shape[:2]
        scale = self.SIDE / max(height, width)
        small = cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        canvas = np.zeros((self.SIDE, self.SIDE, 3), np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = rgb(small)
        tensor = canvas.astype(np.float32)
        tensor /= 127.5
        tensor -= 1
        s16, b16, s32, b32 = self.model(tensor[None])
        scores = np.concatenate([s16[0, :, 0], s32[0, :, 0]])
        keep = np.flatnonzero(scores >= np.log(0.4 / 0.6))
        scores = 1 / (1 + np.exp(-scores[keep]))
        boxes = np.concatenate([b16[0], b32[0]])[keep]
        centre = boxes[:, :2] + self.cells[keep]
        size = boxes[:, 2:4]
        xywh = np.hstack([centre - size / 2, size]) / scale
        order = np.array(cv2.dnn.NMSBoxes(xywh.tolist(), scores.tolist(), 0.4, 0.3), int).reshape(-1)
        best = xywh[order[0]]
        return [100 * len(order), *(best[:2] + best[2:] / 2)]


class Facemesh:
    def __init__(self, folder):
        self.model = Model(f"{folder}/facemesh.onnx", ["Identity_2", "Identity_1"])

    def __call__(self, subject):
        x, y, w, h = subject["face"]
        left, right = np.float32(subject["eyes"])
        angle = np.arctan2(right[1] - left[1], right[0] - left[0])
        crop, inverse = patch(subject["frame"], np.float32([x + w / 2, y + h / 2]), 1.5 * max(w, h), 192, angle)
        tensor = rgb(crop).astype(np.float32)
        tensor /= 255
        points, flag = self.model(tensor[None])
        points = points.reshape(468, 3)
        flat = points[:, :2] @ inverse[:, :2].T + inverse[:, 2]
        scale = np.hypot(inverse[0, 0], inverse[1, 0])
        mesh = np.column_stack([flat, points[:, 2] * scale])
        return [100 * float(flag.item() > 0.5), *mesh[1, :2]]


class Iris:
    def __init__(self, folder):
        self.model = Model(f"{folder}/iris.onnx", ["Identity"])

    def __call__(self, subject):
        corners = np.float32(subject["eye_corners"])
        left, right = corners[0][0], corners[1][0]
        angle = np.arctan2(right[1] - left[1], right[0] - left[0])
        tensor = np.empty((2, 64, 64, 3), np.float32)
        maps = []
        for side, (outer, inner) in enumerate(corners):
            centre, width = (outer + inner) / 2, 2.3 * np.hypot(*(outer - inner))
            crop, inverse = patch(subject["frame"], centre, width, 64, angle, mirrored=side == 1)
            tensor[side] = rgb(crop)
            maps.append(inverse)
        tensor /= 255
        (answer,) = self.model(tensor)
        eyes = []
        for row, inverse in zip(answer.reshape(2, 76, 3), maps):
            flat = row[:, :2] @ inverse[:, :2].T + inverse[:, 2]
            eyes.append(np.column_stack([flat, row[:, 2] * np.hypot(inverse[0, 1], inverse[1, 1])]))
        return [*eyes[0][71, :2], *eyes[1][71, :2]]


class Faceres:
    MEAN = np.float32([103.939, 116.779, 123.68])

    def __init__(self, folder):
        self.model = Model(
            f"{folder}/faceres.onnx", ["global_pooling/Mean", "gender_pred/Sigmoid", "age_pred/Softmax"]
        )

    def __call__(self, subject):
        tensor = self.batch([subject["warp"]])
        values, male, ages = self.model(tensor)
        vector = values[0] / np.linalg.norm(values[0])
        age = float(ages[0] @ np.arange(1, 101))
        return [100 * float(male.item() > 0.5), age, 1000 * float(vector[0])]

    def batch(self, warps):
        tensor = np.empty((len(warps), 224, 224, 3), np.float32)
        for row, warp in zip(tensor, warps):
            np.subtract(cv2.resize(warp, (224, 224), interpolation=cv2.INTER_LINEAR), self.MEAN, out=row)
        return tensor


class Emotion:
    def __init__(self, folder):
        self.model = Model(f"{folder}/emotion.onnx", ["Identity"])

    def __call__(self, subject):
        x, y, w, h = subject["mesh_box"]
        crop, _ = patch(subject["frame"], np.float32([x + w / 2, y + h / 2]), 1.4 * max(w, h), 64)
        tensor = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(np.float32)
        tensor /= 127.5
        tensor -= 1
        (answer,) = self.model(tensor[None, :, :, None])
        return [100 * float(answer[0, 3] > 0.5)]


class Centernet:
    def __init__(self, folder):
        self.model = Model(f"{folder}/centernet.onnx", ["tower_0/detections"])

    def __call__(self, subject):
        picture = subject["frame"]
        height, width = picture.shape[:2]
        small = cv2.resize(picture, (512, 512), interpolation=cv2.INTER_AREA)
        (answer,) = self.model(rgb(small).astype(np.float32)[None])
        found = answer[0]
        least = subject["body_score"]
        found = found[(found[:, 4] >= least) & (found[:, 5] == 0)]
        xyxy = found[:, :4] * np.float32([width, height, width, height]) / 512
        xywh = np.hstack([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]])
        order = np.array(cv2.dnn.NMSBoxes(xywh.tolist(), found[:, 4].tolist(), least, 0.4), int).reshape(-1)
        best = xywh[order[0]]
        return [100 * len(order), *(best[:2] + best[2:] / 2)]


class Movenet:
    def __init__(self, folder):
        self.model = Model(f"{folder}/movenet.onnx", ["Identity"])

    def __call__(self, subject):
        x, y, w, h = subject["body"]
        crop, inverse = patch(subject["frame"], np.float32([x + w / 2, y + h / 2]), 1.25 * max(w, h), 192)
        (answer,) = self.model(rgb(crop).astype(np.int32)[None])
        row = answer.reshape(17, 3)
        points = row[:, 1::-1] * 192 @ inverse[:, :2].T + inverse[:, 2]
        return [*points[0]]


FAMILIES = {
    "blazeface": Blazeface,
    "facemesh": Facemesh,
    "iris": Iris,
    "faceres": Faceres,
    "emotion": Emotion,
    "centernet": Centernet,
    "movenet": Movenet,
}


def measure(family, subject, calls):
    whole, around = [], []
    for call in range(WARM_UP + calls):
        family.model.inside = 0.0
        begin = time.perf_counter()
        answer = family(subject)
        took = time.perf_counter() - begin
        if call >= WARM_UP:
            whole.append(took * 1e3)
            around.append((took - family.model.inside) * 1e3)
    return {
        "call": statistics.median(whole),
        "prepost": statistics.median(around),
        "answer": [float(value) for value in answer],
    }


def main():
    folder, models, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    cv2.setNumThreads(1)
    with open(f"{folder}/subjects.json", encoding="utf-8") as file:
        subject = json.load(file)
    subject["frame"] = cv2.imread(f"{folder}/frame.ppm")
    subject["warp"] = cv2.imread(f"{folder}/warp.ppm")
    families = {name: family(models) for name, family in FAMILIES.items()}
    print(json.dumps({name: measure(family, subject, calls) for name, family in families.items()}))


if __name__ == "__main__":
    main()
