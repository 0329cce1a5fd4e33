//! `POST /6/sdk`: whatever can be told of pictures, with nothing kept. The Handlers service has it
//! under `/1`, for services that show no credentials.

pub mod query;
pub mod view;

use goshawk_coordinator_core::{
    code::{LivenessCode, Multiface},
    permission::Tool,
};
use goshawk_models::estimate::{Estimation, FaceReport, Wanted as Question};

use super::{
    Api,
    call::Call,
    operation::Operation,
    payload::{Packed, Params},
    routes::{Access, Resource},
    upload::{self, Purpose, Upload},
    vision,
};
use crate::{
    blobs::BlobKind,
    errors::{ApiError, Code},
    estimations::{
        Rectangle,
        aggregate::{self, Aggregated},
        body::{BodyAttributes, BodyEstimations, FoundBody},
        face::{FaceEstimations, FaceTraits, FoundFace, Shown},
        genuine::{deepfake, liveness},
        worn::MaskView,
    },
    process::{Ask, PictureKind, Seen, SeenPerson, applicable},
};
use query::{More, Wanted, WantedOfApi, WantedOfHandlers};
use view::{ImageEstimation, PersonEstimation, SdkReply};

/// The resources.
pub fn resources() -> Vec<Resource> {
    let operation = Operation::post("sdk", Access::Use(Tool::Sdk), of_api);
    vec![Resource::at("/6/sdk").serve(described(operation))]
}

/// The resources of the Handlers service.
pub fn internal_resources() -> Vec<Resource> {
    let operation = Operation::post("sdk", Access::Open, of_handlers);
    let operation =
        described(operation).fails(&[Code::AccountHeaderMissing, Code::AccountHeaderBad]);
    vec![Resource::at("/1/sdk").serve(operation)]
}

fn described(operation: Operation) -> Operation {
    operation
        .about(
            "Finds faces and bodies in pictures and tells what is wanted of them; keeps nothing.",
        )
        .takes(upload::sdk_forms)
        .fails(&upload::errors(Purpose::Sdk))
        .fails(&[Code::FeatureDisabled])
        .fails_as(http::StatusCode::BAD_REQUEST, &[Code::ImageNotFound])
        .tells(&vision::OF_PICTURES)
}

async fn of_api(
    call: Call,
    Params((common, own)): Params<(Wanted, WantedOfApi)>,
) -> Result<Packed<SdkReply>, ApiError> {
    Sdk::new(common, own.into(), call.api.can(Estimation::Ethnicity))
        .run(&call)
        .await
}

async fn of_handlers(
    call: Call,
    Params((common, own)): Params<(Wanted, WantedOfHandlers)>,
) -> Result<Packed<SdkReply>, ApiError> {
    Sdk::new(common, own.into(), call.api.can(Estimation::Ethnicity))
        .run(&call)
        .await
}

/// A request under way.
struct Sdk {
    wanted: Wanted,
    more: More,
    /// What the client wants to be told.
    shown: Question,
    kind: PictureKind,
}

impl Sdk {
    /// Ethnicity comes with age and gender where it can be told.
    fn new(wanted: Wanted, more: More, tells_ethnicity: bool) -> Self {
        let kind = wanted.kind();
        let mut shown = wanted.shown(&more);
        let has_basic = shown.has(Estimation::Basic);
        shown.add_if(tells_ethnicity && has_basic, Estimation::Ethnicity);
        Self {
            wanted,
            more,
            shown,
            kind,
        }
    }

    async fn run(&self, call: &Call) -> Result<Packed<SdkReply>, ApiError> {
        let ask = self.ask(&call.api)?;
        let kind = match self.kind {
            PictureKind::BodySample => BlobKind::BodySample,
            PictureKind::Scene | PictureKind::FaceSample => BlobKind::FaceSample,
        };
        let uploads = upload::gather(call, Purpose::Sdk, kind)
            .await
            .map_err(ApiError::status_is_400_if_missing)?;
        let (mut images, mut people) = (Vec::with_capacity(uploads.len()), Vec::new());
        for upload in uploads {
            images.push(self.one(&call.api, &ask, upload, &mut people).await?);
        }
        let aggregated = self.wanted.aggregate_attributes.0;
        Ok(Packed(SdkReply {
            images_estimations: images,
            aggregate_estimations: aggregated.then(|| self.aggregate(&people)),
        }))
    }

    /// What to ask of each picture; refuses what nothing installed can tell.
    fn ask(&self, api: &Api) -> Result<Ask, ApiError> {
        let mut wanted = self.shown;
        wanted.add_if(self.wanted.limits_angles(), Estimation::HeadPose);
        wanted.add_if(self.wanted.mask_states.is_some(), Estimation::Mask);
        wanted.add_if(self.more.deepfake_states.is_some(), Estimation::Deepfake);
        wanted.add_if(self.wanted.liveness_states.is_some(), Estimation::Liveness);
        if !api.can(Estimation::Liveness) {
            // There is a word for what is not known of it.
            api.analyzer()?;
            wanted.remove(Estimation::Liveness);
        }
        api.possible(&wanted)?;
        Ok(Ask {
            wanted: self.wanted.found(applicable(wanted, self.kind)),
            kind: self.kind,
            use_exif: self.wanted.use_exif_info.0,
            extract_exif: self.wanted.extract_exif.0,
            best_only: self.wanted.multiface_policy == Multiface::Best,
            ..Ask::default()
        })
    }

    async fn one(
        &self,
        api: &Api,
        ask: &Ask,
        upload: Upload,
        all: &mut Vec<SeenPerson>,
    ) -> Result<ImageEstimation, ApiError> {
        let filename = upload.filename.clone();
        let mut seen = match vision::look(api, upload, ask).await? {
            Ok(seen) => seen,
            Err(error) => return Ok(ImageEstimation::failed(filename, &error)),
        };
        let faces = seen.faces();
        if self.wanted.multiface_policy == Multiface::Refuse && faces > 1 {
            let error = Code::ManyFaces.plain();
            return Ok(ImageEstimation::failed(filename, &error));
        }
        let people = self.remaining(std::mem::take(&mut seen.people));
        let told = people.iter().map(|one| self.person(one, &seen)).collect();
        if self.wanted.aggregate_attributes.0 {
            all.extend(people);
        }
        let coordinates = self.more.people_count_coordinates;
        Ok(ImageEstimation::found(filename, seen, told, coordinates))
    }

    /// The people that policies and filters leave.
    fn remaining(&self, people: Vec<SeenPerson>) -> Vec<SeenPerson> {
        let needs_face = self.kind == PictureKind::Scene
            && self.wanted.detect_face.0
            && self.wanted.multiface_policy != Multiface::All;
        let mut left = Vec::with_capacity(people.len());
        for mut person in people {
            if needs_face && person.face.is_none() {
                continue;
            }
            if person.face.as_ref().is_some_and(|face| !self.passes(face)) {
                person.face = None;
                person.face_warp = None;
            }
            if person.face.is_some() || person.body.is_some() {
                left.push(person);
            }
        }
        left
    }

    /// Whether a face passes the filters. What a filter is about and could not be told does not.
    fn passes(&self, face: &FaceReport) -> bool {
        let wanted = &self.wanted;
        let states = |wants: bool, has: bool| !wants || has;
        let upright = face.head_pose.is_none_or(|pose| {
            let angles = [
                (wanted.yaw_threshold, pose.yaw),
                (wanted.pitch_threshold, pose.pitch),
                (wanted.roll_threshold, pose.roll),
            ];
            !angles
                .into_iter()
                .any(|(limit, angle)| super::detector::turned_too_far(limit, angle))
        });
        let mask = face.mask.map(|mask| MaskView::from(mask).predominant_mask);
        let masked = wanted
            .mask_states
            .as_ref()
            .is_none_or(|states| mask.is_some_and(|mask| states.0.contains(&mask.code())));
        let verdict: LivenessCode = liveness(face.liveness).0;
        let live = wanted.liveness_states.as_ref();
        let live = live.is_none_or(|states| states.0.contains(&verdict));
        let genuine = self.more.deepfake_states.as_ref().is_none_or(|states| {
            face.genuine
                .is_some_and(|genuine| states.0.contains(&deepfake(genuine)))
        });
        let is_scene = self.kind == PictureKind::Scene;
        // Liveness and deepfakes are not told of samples.
        upright && masked && states(is_scene, live && genuine)
    }

    fn person(&self, person: &SeenPerson, seen: &Seen) -> PersonEstimation {
        let face = person.face.as_ref().map(|face| {
            let shown = Shown {
                face,
                size: seen.size,
                wanted: &self.shown,
            };
            let attributes = FaceTraits::of(shown, self.least_score(), self.tells_liveness());
            let warp = person.face_warp.as_ref().map(|warp| warp.bytes.clone());
            FaceEstimations {
                detection: FoundFace::of(shown, attributes, warp),
            }
        });
        let body = person.body.as_ref().map(|body| BodyEstimations {
            detection: FoundBody {
                attributes: BodyAttributes::of(body, &self.shown),
                rect: (self.kind == PictureKind::Scene).then(|| Rectangle::whole(&body.bbox)),
                warp: person
                    .body_warp
                    .as_ref()
                    .map(|warp| super::attributes::bytes::Base64(warp.bytes.clone())),
            },
        });
        PersonEstimation { face, body }
    }

    fn least_score(&self) -> f64 {
        *self.wanted.score_threshold
    }

    fn tells_liveness(&self) -> bool {
        self.shown.has(Estimation::Liveness) && self.kind == PictureKind::Scene
    }

    fn aggregate(&self, people: &[SeenPerson]) -> Aggregated {
        let faces: Vec<&FaceReport> = people.iter().filter_map(|one| one.face.as_ref()).collect();
        let bodies: Vec<_> = people.iter().filter_map(|one| one.body.as_ref()).collect();
        let (least, with_liveness) = (self.least_score(), self.tells_liveness());
        Aggregated {
            face: aggregate::face(&faces, &self.shown, least, with_liveness),
            body: aggregate::body(&bodies, &self.shown),
        }
    }
}

#[cfg(test)]
mod tests;
