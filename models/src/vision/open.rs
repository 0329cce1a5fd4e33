//! Opening what a pack has, and saying where each estimation comes from.

use std::sync::Arc;

use super::{FaceModels, Part, Parts, Vision};
use crate::{
    body::appearance,
    estimate::{Capabilities, Estimation, Source},
    face::FaceAnalyzer,
    manifest::Role,
    pack::{Pack, PackError},
    role::Classifier,
};

/// Opens everything that answers an estimation.
pub(super) fn open(pack: &Pack) -> Result<Vision, PackError> {
    let faces = FaceAnalyzer::new(pack)?;
    let models = face_models(pack);
    let parts = Parts {
        attributes: separate_attributes(pack, &models)?,
        eyes: part(pack, Role::EyeMesh, Pack::eye_mesher)?,
        smile: words(pack, Role::Smile)?,
        emotion: words(pack, Role::Emotion)?,
        mask: words(pack, Role::Mask)?,
        glasses: words(pack, Role::Glasses)?,
        occlusion: words(pack, Role::FaceOcclusion)?,
        ethnicity: words(pack, Role::Ethnicity)?,
        liveness: liveness(pack)?,
        deepfake: words(pack, Role::Deepfake)?,
        headwear: words(pack, Role::Headwear)?,
        bodies: part(pack, Role::BodyDetector, Pack::body_detector)?,
        poser: part(pack, Role::BodyPose, Pack::poser)?,
        body_describer: part(pack, Role::BodyDescriptor, Pack::body_describer)?,
    };
    Ok(Vision::from_parts(faces, &models, parts))
}

/// The model that is used for a role.
fn first(pack: &Pack, role: Role) -> Vec<String> {
    let first = pack.serving(role).into_iter().next();
    first.map(|m| m.name.clone()).into_iter().collect()
}

fn face_models(pack: &Pack) -> FaceModels {
    FaceModels {
        detector: first(pack, Role::FaceDetector),
        mesh: first(pack, Role::FaceMesh),
        descriptor: first(pack, Role::FaceDescriptor),
        attributes: first(pack, Role::FaceAttributes),
    }
}

/// The network of age and gender, unless it is the descriptor's, which answers both in one run.
fn separate_attributes(
    pack: &Pack,
    models: &FaceModels,
) -> Result<Option<Part<dyn crate::role::FaceDescriber>>, PackError> {
    if models.attributes == models.descriptor {
        return Ok(None);
    }
    part(pack, Role::FaceAttributes, Pack::face_attributes)
}

fn part<T: ?Sized>(
    pack: &Pack,
    role: Role,
    open: impl Fn(&Pack) -> Result<Box<T>, PackError>,
) -> Result<Option<Part<T>>, PackError> {
    let models = first(pack, role);
    if models.is_empty() {
        return Ok(None);
    }
    let role = Arc::from(open(pack)?);
    Ok(Some(Part { role, models }))
}

fn words(pack: &Pack, role: Role) -> Result<Option<Part<dyn Classifier>>, PackError> {
    part(pack, role, |pack| pack.classifier(role))
}

/// Models of still-image liveness are asked together, so all of them are named.
fn liveness(pack: &Pack) -> Result<Option<Part<dyn Classifier>>, PackError> {
    let serving = pack.serving(Role::AntiSpoof);
    let family = serving.first().map(|m| m.family);
    let names = serving.iter().filter(|m| Some(m.family) == family);
    let models = names.map(|m| m.name.clone()).collect();
    let part = words(pack, Role::AntiSpoof)?;
    Ok(part.map(|part| Part { models, ..part }))
}

/// Where each estimation comes from, given what is open.
pub(super) fn capabilities(models: &FaceModels, parts: &Parts) -> Capabilities {
    let mut out = Capabilities::none();
    faces(&mut out, models, parts);
    classified(&mut out, parts);
    bodies(&mut out, models, parts);
    out
}

fn faces(out: &mut Capabilities, models: &FaceModels, parts: &Parts) {
    use Estimation as E;
    let found: Vec<String> = models
        .detector
        .iter()
        .chain(&models.mesh)
        .cloned()
        .collect();
    out.set(E::FaceDetection, Source::Model { models: found });
    let mesh = || models.mesh.clone();
    let formula = |about, source, over| Source::Formula {
        about,
        source,
        over,
    };
    out.set(
        E::Landmarks68,
        formula(
            "68 of the mesh's points",
            "order of iBUG 300-W (Sagonas et al., 2013)",
            mesh(),
        ),
    );
    out.set(
        E::HeadPose,
        formula(
            "rotation of a canonical face to the mesh",
            "absolute orientation (Horn, 1987)",
            mesh(),
        ),
    );
    let eyes = names(&parts.eyes);
    let with_mesh = |first: &[String]| {
        first
            .iter()
            .chain(&models.mesh)
            .cloned()
            .collect::<Vec<_>>()
    };
    out.set(
        E::Eyes,
        told(&eyes, Role::EyeMesh, || {
            formula(
                "eye aspect ratio, ellipse through the iris' rim",
                "Soukupová and Čech (2016)",
                with_mesh(&eyes),
            )
        }),
    );
    out.set(
        E::Gaze,
        told(&eyes, Role::EyeMesh, || {
            formula(
                "place of the irises on a model eyeball, and the head's pose",
                "after Wood et al. (2016)",
                with_mesh(&eyes),
            )
        }),
    );
    let smile = names(&parts.smile);
    out.set(
        E::Mouth,
        told(&smile, Role::Smile, || {
            formula("smile by the network; opening by the mouth aspect ratio of the mesh; cover is not told", "aspect ratio after Soukupová and Čech (2016)", with_mesh(&smile))
        }),
    );
    out.set(
        E::Quality,
        formula(
            "sharpness, exposure, evenness and shine of the sample",
            "Pech-Pacheco et al. (2000), Shafer (1985), ISO/IEC TR 29794-5",
            Vec::new(),
        ),
    );
    let checked = [mesh(), eyes, smile, names(&parts.poser)].concat();
    out.set(
        E::FaceChecks,
        formula(
            "measures of frame, light, colour and background",
            "ISO/IEC 19794-5, ISO/IEC 29794-5 and OFIQ",
            checked,
        ),
    );
    let attributes = match &parts.attributes {
        Some(part) => part.models.clone(),
        None => models.attributes.clone(),
    };
    out.set(
        E::Basic,
        told(&attributes, Role::FaceAttributes, || model(&attributes)),
    );
    out.set(E::FaceDescriptor, model(&models.descriptor));
}

/// Estimations that are the words of one classifier.
fn classified(out: &mut Capabilities, parts: &Parts) {
    use Estimation as E;
    for (estimation, part, role) in [
        (E::Emotions, &parts.emotion, Role::Emotion),
        (E::Mask, &parts.mask, Role::Mask),
        (E::Glasses, &parts.glasses, Role::Glasses),
        (E::FaceOcclusion, &parts.occlusion, Role::FaceOcclusion),
        (E::Ethnicity, &parts.ethnicity, Role::Ethnicity),
        (E::Liveness, &parts.liveness, Role::AntiSpoof),
        (E::Deepfake, &parts.deepfake, Role::Deepfake),
    ] {
        let names = names(part);
        out.set(estimation, told(&names, role, || model(&names)));
    }
}

fn bodies(out: &mut Capabilities, models: &FaceModels, parts: &Parts) {
    use Estimation as E;
    let bodies = names(&parts.bodies);
    let joints = names(&parts.poser);
    let formula = |about, source, over| Source::Formula {
        about,
        source,
        over,
    };
    out.set(
        E::BodyDetection,
        told(&bodies, Role::BodyDetector, || model(&bodies)),
    );
    out.set(
        E::Accessories,
        told(&bodies, Role::BodyDetector, || model(&bodies)),
    );
    out.set(
        E::PeopleCount,
        told(&bodies, Role::BodyDetector, || {
            let over = bodies.iter().chain(&models.detector).cloned().collect();
            formula("bodies, and faces without one", "ours", over)
        }),
    );
    let describer = names(&parts.body_describer);
    out.set(
        E::BodyDescriptor,
        if describer.is_empty() {
            formula(
                appearance::ABOUT,
                "after Farenzena et al. (2010)",
                Vec::new(),
            )
        } else {
            model(&describer)
        },
    );
    let colours = "names of the colours that the joints put on trunk and thighs; sleeves by the skin of the face";
    for estimation in [E::UpperBody, E::LowerBody] {
        out.set(
            estimation,
            told(&joints, Role::BodyPose, || {
                formula(
                    colours,
                    "Oklab (Ottosson, 2020), Berlin and Kay (1969), Chai and Ngan (1999)",
                    joints.clone(),
                )
            }),
        );
    }
    let basic = match out.source(E::Basic) {
        Source::Model { models } => models.clone(),
        _ => Vec::new(),
    };
    out.set(
        E::BodyBasic,
        told(&basic, Role::FaceAttributes, || {
            formula(
                "age and gender of the face that belongs to the body",
                "ours",
                basic.clone(),
            )
        }),
    );
}

fn names<T: ?Sized>(part: &Option<Part<T>>) -> Vec<String> {
    part.as_ref().map(|p| p.models.clone()).unwrap_or_default()
}

fn model(models: &[String]) -> Source {
    Source::Model {
        models: models.to_vec(),
    }
}

/// `source` if its networks are there.
fn told(models: &[String], role: Role, source: impl FnOnce() -> Source) -> Source {
    if models.is_empty() {
        Source::Missing {
            role: Some(role.name()),
        }
    } else {
        source()
    }
}
