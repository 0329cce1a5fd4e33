//! Families: networks whose tensors are read in the same way.

use serde::Deserialize;

use super::Role;

/// How a model's output tensors are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Anchors at strides 16 and 32, six points: BlazeFace, back camera.
    Blazeface,
    /// Anchor-free heads at strides 8, 16 and 32, five points.
    Yunet,
    /// Distances from anchors at strides 8, 16 and 32 (two anchors a cell) or 8 to 128 (one),
    /// with or without five points: SCRFD, and the RetinaFace files of the InsightFace project.
    Scrfd,
    /// Priors with variances, softmax over two classes, five points: Pytorch_Retinaface.
    Retinaface,
    /// Decoded corners and scores, no points: Ultra-Light-Fast-Generic-Face-Detector.
    Ultraface,
    /// 468 points in pixels of the crop, and a face flag.
    Facemesh,
    /// 71 eye contour and 5 iris points in pixels of the crop.
    Iris,
    /// Descriptor, gender and 100 age classes from one network.
    Faceres,
    /// A face descriptor and nothing else, of any length.
    Arcface,
    /// Seven classes of expression of which only "happy" can be trusted, so that it tells smiles
    /// and nothing else.
    Emotion,
    /// Shares of classes that the manifest names.
    Classifier,
    /// Three class probabilities, the second of which is "live"; several models that look at
    /// crops of different width are asked together.
    MiniFasnet,
    /// Decoded detections: x1, y1, x2, y2, score, COCO class.
    Centernet,
    /// Cells of strides 8, 16 and 32: offset, logarithmic size, objectness, class scores.
    Yolox,
    /// The same, already decoded to pixels of the input.
    YoloxDecoded,
    /// Centre, size and class scores of all boxes, transposed: YOLOv8, YOLO11.
    Yolov8,
    /// 17 joints: y, x, score.
    Movenet,
    /// A descriptor of a whole person, of any length: OSNet and the like.
    Reid,
}

/// Outputs of SCRFD that a file may lack.
const SCRFD_OPTIONAL: &[&str] = &[
    "points_8",
    "points_16",
    "points_32",
    "scores_64",
    "boxes_64",
    "points_64",
    "scores_128",
    "boxes_128",
    "points_128",
];

impl Family {
    /// The meanings that `[outputs]` of a manifest of this family must name, all of them.
    pub fn outputs(self) -> &'static [&'static str] {
        match self {
            Self::Blazeface => &["scores_16", "boxes_16", "scores_32", "boxes_32"],
            Self::Yunet => &[
                "cls_8", "cls_16", "cls_32", "obj_8", "obj_16", "obj_32", "bbox_8", "bbox_16",
                "bbox_32", "kps_8", "kps_16", "kps_32",
            ],
            Self::Scrfd => &[
                "scores_8",
                "boxes_8",
                "scores_16",
                "boxes_16",
                "scores_32",
                "boxes_32",
            ],
            Self::Retinaface => &["boxes", "scores", "points"],
            Self::Ultraface => &["scores", "boxes"],
            Self::Facemesh => &["mesh", "face_flag"],
            Self::Iris => &["points"],
            Self::Faceres => &["descriptor", "gender", "age"],
            Self::Arcface | Self::Reid => &["descriptor"],
            Self::Emotion | Self::MiniFasnet => &["probabilities"],
            Self::Classifier => &["scores"],
            Self::Centernet => &["detections"],
            Self::Yolox | Self::YoloxDecoded | Self::Yolov8 => &["predictions"],
            Self::Movenet => &["keypoints"],
        }
    }

    /// Further meanings that it may name.
    pub fn optional_outputs(self) -> &'static [&'static str] {
        match self {
            Self::Scrfd => SCRFD_OPTIONAL,
            _ => &[],
        }
    }

    /// The roles a model of this family can have.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Blazeface | Self::Yunet | Self::Scrfd | Self::Retinaface | Self::Ultraface => {
                &[Role::FaceDetector]
            }
            Self::Facemesh => &[Role::FaceMesh],
            Self::Iris => &[Role::EyeMesh],
            Self::Faceres => &[Role::FaceDescriptor, Role::FaceAttributes],
            Self::Arcface => &[Role::FaceDescriptor],
            // Manifests of earlier versions call it an emotion model.
            Self::Emotion => &[Role::Smile, Role::Emotion],
            Self::Classifier => &[
                Role::Smile,
                Role::Emotion,
                Role::Mask,
                Role::Glasses,
                Role::FaceOcclusion,
                Role::Ethnicity,
                Role::AntiSpoof,
                Role::Deepfake,
                Role::Headwear,
            ],
            Self::MiniFasnet => &[Role::AntiSpoof],
            Self::Centernet | Self::Yolox | Self::YoloxDecoded | Self::Yolov8 => {
                &[Role::BodyDetector]
            }
            Self::Movenet => &[Role::BodyPose],
            Self::Reid => &[Role::BodyDescriptor],
        }
    }
}
