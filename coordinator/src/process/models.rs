//! The models of `goshawk-models` as an [`Extractor`].

use goshawk_models::{
    DecodeLimits, DetectOptions, Exif, Picture, PictureError, Report, Tiling, WARP_JPEG_QUALITY,
    WARP_SIDE, encode_jpeg,
    estimate::{Capabilities, Person},
    exif_tags,
    vision::{Given, LookLimits, Vision},
};
use goshawk_proto::{
    descriptor::{DescriptorVersion, SimilarityCurve},
    event::Jpeg,
    geometry::{BBox, Size},
    picture::{Pixels, Rgb},
};

use super::extract::{
    Ask, ExtractError, Extractor, MOST_FACES, PictureFault, PictureKind, SampleTraits, Seen,
    SeenPerson,
};

/// A face may be too small for the whole picture at the detector's input size: where there seems
/// to be nobody, tiles of 512 pixels are looked through as well.
const TWICE: Tiling = Tiling::TilesIfNobody { size: 512 };

/// Decodes pictures and runs the models on them.
pub struct ModelExtractor {
    vision: Vision,
    limits: DecodeLimits,
}

impl ModelExtractor {
    /// Pictures beyond `limits` are refused before they are decoded.
    pub fn new(vision: Vision, limits: DecodeLimits) -> Self {
        Self { vision, limits }
    }

    fn decode(&self, bytes: &[u8], turn: bool) -> Result<Picture, ExtractError> {
        // The contract turns TIFF pictures always.
        let is_tiff = bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*");
        let exif = match turn || is_tiff {
            true => Exif::Apply,
            false => Exif::Ignore,
        };
        Picture::decode(bytes, exif, &self.limits).map_err(refused)
    }

    fn report(&self, picture: &Picture, ask: &Ask) -> Result<Report, ExtractError> {
        let given = match (ask.kind, ask.faces.is_empty(), ask.bodies.is_empty()) {
            (PictureKind::FaceSample, ..) => Given::FaceWarp,
            (PictureKind::BodySample, ..) => Given::BodyWarp,
            (PictureKind::Scene, true, true) => Given::Nothing,
            (PictureKind::Scene, false, true) => Given::Faces(&ask.faces),
            (PictureKind::Scene, true, false) => Given::Bodies(&ask.bodies),
            (PictureKind::Scene, false, false) => Given::Both(&ask.faces, &ask.bodies),
        };
        let is_searched = matches!(given, Given::Nothing | Given::Bodies(_)) && ask.wanted.faces();
        let limits = LookLimits {
            detect: DetectOptions {
                tiles: if is_searched { TWICE } else { Tiling::Whole },
                max_faces: MOST_FACES,
                ..DetectOptions::default()
            },
            largest_face_only: ask.best_only,
            ..LookLimits::default()
        };
        self.vision
            .look(picture, given, &ask.wanted, &limits)
            .map_err(failed)
    }
}

impl Extractor for ModelExtractor {
    fn look(&self, bytes: &[u8], ask: &Ask) -> Result<Seen, ExtractError> {
        let is_scene = ask.kind == PictureKind::Scene;
        let picture = self.decode(bytes, ask.use_exif && is_scene)?;
        fits(&picture, ask)?;
        let report = self.report(&picture, ask)?;
        let people = report.people.into_iter().map(seen);
        Ok(Seen {
            size: report.size,
            format: picture.format(),
            bytes: bytes.len(),
            exif: ask.extract_exif.then(|| exif_tags(bytes)),
            people: people.collect::<Result<_, _>>()?,
            count: report.count,
        })
    }

    fn can(&self) -> &Capabilities {
        self.vision.capabilities()
    }

    fn describe(&self, warps: &[Jpeg]) -> Result<Vec<SampleTraits>, ExtractError> {
        let read = |jpeg: &Jpeg| Picture::decode(&jpeg.bytes, Exif::Ignore, &self.limits);
        let pictures: Vec<Picture> = warps
            .iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(refused)?;
        let pixels: Vec<&Rgb> = pictures.iter().map(Picture::rgb).collect();
        let traits = self.vision.faces().describe(&pixels).map_err(failed)?;
        let translate = |t: goshawk_models::FaceTraits| SampleTraits {
            descriptor: t.descriptor,
            attributes: t.attributes,
        };
        Ok(traits.into_iter().map(translate).collect())
    }

    fn version(&self) -> DescriptorVersion {
        self.vision.faces().descriptor_version()
    }

    fn length(&self) -> usize {
        self.vision.faces().descriptor_length()
    }

    fn curve(&self) -> SimilarityCurve {
        self.vision.faces().similarity_curve().clone()
    }
}

/// Whether the picture is what the question says.
fn fits(picture: &Picture, ask: &Ask) -> Result<(), ExtractError> {
    let size = picture.size();
    let fault = |fault, message: String| Err(ExtractError::Picture { fault, message });
    if ask.kind == PictureKind::FaceSample && size != Size::new(WARP_SIDE, WARP_SIDE) {
        let message = format!("a sample of {}x{} pixels", size.width, size.height);
        return fault(PictureFault::NoSample, message);
    }
    if ask.kind != PictureKind::Scene {
        return Ok(());
    }
    let whole = BBox::new(0.0, 0.0, size.width as f32, size.height as f32);
    let inside = |bbox: &BBox| bbox.area() > 0.0 && bbox.clipped(size) == *bbox;
    let touching = |bbox: &BBox| bbox.area() > 0.0 && bbox.intersection(&whole) > 0.0;
    match ask.faces.iter().all(inside) && ask.bodies.iter().all(touching) {
        true => Ok(()),
        false => fault(PictureFault::BoxOutside, "a box outside the picture".into()),
    }
}

/// A person whose samples are files.
fn seen(person: Person) -> Result<SeenPerson, ExtractError> {
    let (mut face, mut body) = (person.face, person.body);
    let file = |warp: Option<Rgb>| warp.as_ref().map(jpeg).transpose();
    Ok(SeenPerson {
        face_warp: file(face.as_mut().and_then(|face| face.warp.take()))?,
        body_warp: file(body.as_mut().and_then(|body| body.warp.take()))?,
        face,
        body,
    })
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
