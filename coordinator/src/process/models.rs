//! The models of `goshawk-models` as an [`Extractor`].

use goshawk_models::{
    DecodeLimits, DetectOptions, Exif, FaceAnalyzer, Picture, PictureError, Tiling,
    WARP_JPEG_QUALITY, WARP_SIDE, encode_jpeg,
};
use goshawk_proto::{
    descriptor::{DescriptorVersion, SimilarityCurve},
    event::Jpeg,
    geometry::Size,
    picture::{Pixels, Rgb},
    score::Score,
};

use super::extract::{
    DetectedPicture, ExtractError, Extractor, PictureFace, PictureFault, PictureOptions,
    SampleTraits,
};

/// Tile side of the second look, in pixels.
const SECOND_LOOK: u32 = 512;

/// Decodes pictures and runs the face models on them.
pub struct ModelExtractor {
    faces: FaceAnalyzer,
    limits: DecodeLimits,
}

impl ModelExtractor {
    /// Pictures beyond `limits` are refused before they are decoded.
    pub fn new(faces: FaceAnalyzer, limits: DecodeLimits) -> Self {
        Self { faces, limits }
    }

    /// A sample that was given as a picture: no detection, and its own pixels where it has the
    /// right size.
    fn sample(&self, picture: Picture) -> Result<PictureFace, ExtractError> {
        let side = Size::new(WARP_SIDE, WARP_SIDE);
        let mut warp = Rgb::default();
        if picture.size() == side {
            warp = picture.into_rgb();
        } else {
            let whole = goshawk_proto::geometry::Rect {
                x: 0,
                y: 0,
                width: picture.size().width,
                height: picture.size().height,
            };
            picture.region(whole, side, &mut warp);
        }
        Ok(PictureFace {
            rect: None,
            landmarks: None,
            score: Score::ONE,
            head_pose: None,
            quality: self.faces.quality(&warp),
            warp: jpeg(&warp)?,
        })
    }

    fn face(
        &self,
        picture: &Picture,
        face: &goshawk_models::Face,
    ) -> Result<PictureFace, ExtractError> {
        let warp = self.faces.warp(picture, &face.detection.landmarks);
        Ok(PictureFace {
            rect: Some(face.detection.bbox.to_rect(picture.size())),
            landmarks: Some(face.detection.landmarks),
            score: face.detection.score,
            head_pose: Some(face.head_pose),
            quality: self.faces.quality(&warp),
            warp: jpeg(&warp)?,
        })
    }
}

impl Extractor for ModelExtractor {
    fn detect(
        &self,
        bytes: &[u8],
        options: PictureOptions,
    ) -> Result<DetectedPicture, ExtractError> {
        let exif = if options.use_exif {
            Exif::Apply
        } else {
            Exif::Ignore
        };
        let picture = Picture::decode(bytes, exif, &self.limits).map_err(refused)?;
        let size = picture.size();
        if options.warp {
            return Ok(DetectedPicture {
                size,
                faces: vec![self.sample(picture)?],
            });
        }
        let look = |tiles| {
            let options = DetectOptions {
                tiles,
                ..DetectOptions::default()
            };
            let found = self
                .faces
                .detect(&[&picture as &dyn Pixels], &options)
                .map_err(failed)?;
            Ok::<_, ExtractError>(found.into_iter().next().unwrap_or_default())
        };
        let mut found = look(Tiling::Whole)?;
        if found.is_empty() {
            // A face may be too small for the whole picture at the detector's input size.
            found = look(Tiling::Tiles { size: SECOND_LOOK })?;
        }
        let faces = found
            .iter()
            .map(|face| self.face(&picture, face))
            .collect::<Result<_, _>>()?;
        Ok(DetectedPicture { size, faces })
    }

    fn describe(&self, warps: &[Jpeg]) -> Result<Vec<SampleTraits>, ExtractError> {
        let read = |jpeg: &Jpeg| Picture::decode(&jpeg.bytes, Exif::Ignore, &self.limits);
        let pictures: Vec<Picture> = warps
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(refused)?;
        let pixels: Vec<&Rgb> = pictures.iter().map(Picture::rgb).collect();
        let traits = self.faces.describe(&pixels).map_err(failed)?;
        let translate = |t: goshawk_models::FaceTraits| SampleTraits {
            descriptor: t.descriptor,
            attributes: t.attributes,
        };
        Ok(traits.into_iter().map(translate).collect())
    }

    fn version(&self) -> DescriptorVersion {
        self.faces.descriptor_version()
    }

    fn curve(&self) -> SimilarityCurve {
        self.faces.similarity_curve().clone()
    }
}

fn jpeg(warp: &Rgb) -> Result<Jpeg, ExtractError> {
    encode_jpeg(warp, WARP_JPEG_QUALITY).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> ExtractError {
    ExtractError::Model(error.to_string())
}

fn refused(error: PictureError) -> ExtractError {
    let fault = match error {
        PictureError::Empty => PictureFault::Empty,
        PictureError::TooManyBytes { .. }
        | PictureError::TooLarge { .. }
        | PictureError::TooMuchMemory(_) => PictureFault::TooLarge,
        PictureError::UnknownFormat => PictureFault::UnknownFormat,
        PictureError::Broken(_) => PictureFault::Broken,
    };
    ExtractError::Picture {
        fault,
        message: error.to_string(),
    }
}
