//! Estimating bodies.

use goshawk_proto::{
    descriptor::{Descriptor, DescriptorVersion},
    detection::BasicAttributes,
};

use super::{Look, find::Body};
use crate::{
    body::{appearance::appearance, clothing, warp_body},
    colour::skin::Skin,
    estimate::{BodyReport, Estimation, Failure, Headwear, Presence},
    role::{BodyCrop, Joints},
    runtime::InferError,
};

/// What a body's face tells of it.
#[derive(Default)]
pub(super) struct Owner {
    pub(super) skin: Option<Skin>,
    pub(super) basic: Option<BasicAttributes>,
    pub(super) headwear: Option<Headwear>,
}

impl Look<'_> {
    /// A report of each body, in order. `owners` are (index of the body, what its face tells).
    pub(super) fn bodies(
        &self,
        bodies: &[Body],
        owners: &[(usize, Owner)],
    ) -> Result<Vec<BodyReport>, InferError> {
        if !self.wanted.bodies() {
            return Ok(Vec::new());
        }
        let crops: Vec<BodyCrop<'_>> = bodies
            .iter()
            .map(|body| BodyCrop {
                picture: self.picture,
                bbox: body.bbox,
            })
            .collect();
        let joints = self.joints(&crops)?;
        let described = self.body_descriptors(&crops)?;
        let nobody = Owner::default();
        let reports = bodies.iter().zip(joints).zip(described).enumerate();
        Ok(reports
            .map(|(place, ((body, joints), described))| {
                let owner = owners.iter().find(|(at, _)| *at == place);
                let owner = owner.map_or(&nobody, |(_, owner)| owner);
                self.body(body, joints, described, owner)
            })
            .collect())
    }

    fn joints(&self, crops: &[BodyCrop<'_>]) -> Result<Vec<Option<Joints>>, InferError> {
        let asked = self
            .wanted
            .has_any(&[Estimation::UpperBody, Estimation::LowerBody]);
        match self.vision.parts.poser.as_ref().filter(|_| asked) {
            Some(part) => part.role.joints(crops),
            None => Ok(vec![None; crops.len()]),
        }
    }

    /// By the network where there is one, otherwise by the looks.
    fn body_descriptors(
        &self,
        crops: &[BodyCrop<'_>],
    ) -> Result<Vec<Option<Descriptor>>, InferError> {
        if !self.wanted.has(Estimation::BodyDescriptor) {
            return Ok(vec![None; crops.len()]);
        }
        let Some(part) = &self.vision.parts.body_describer else {
            let looks = |crop: &BodyCrop<'_>| appearance(crop.picture, &crop.bbox);
            return Ok(crops.iter().map(looks).collect());
        };
        let version: DescriptorVersion = part.role.version();
        let values = part.role.describe(crops)?;
        let descriptor = |v: &Vec<f32>| Descriptor::from_values(version, v).ok();
        Ok(values.iter().map(descriptor).collect())
    }

    fn body(
        &self,
        body: &Body,
        joints: Option<Joints>,
        descriptor: Option<Descriptor>,
        owner: &Owner,
    ) -> BodyReport {
        let asks = |e| self.wanted.has(e);
        let poses = self.vision.parts.poser.is_some();
        let mut report = BodyReport {
            bbox: body.bbox,
            score: body.score,
            ..BodyReport::default()
        };
        if asks(Estimation::UpperBody) && poses {
            let (joints, skin) = (joints.as_ref(), owner.skin.as_ref());
            let mut upper = clothing::upper(self.picture, &body.bbox, joints, skin);
            upper.headwear = headwear(owner.headwear.as_ref());
            report.upper = Some(upper);
        }
        if asks(Estimation::LowerBody) && poses {
            report.lower = Some(clothing::lower(self.picture, &body.bbox, joints.as_ref()));
        }
        if asks(Estimation::Accessories) && self.vision.parts.bodies.is_some() {
            report.backpack = Some(body.backpack);
        }
        if asks(Estimation::BodyBasic) {
            report.basic = owner.basic;
        }
        if asks(Estimation::BodyDescriptor) && descriptor.is_none() {
            report.failures.push(Failure {
                estimation: Estimation::BodyDescriptor,
                reason: "nothing of the body is in the picture".to_owned(),
            });
        }
        report.descriptor = descriptor;
        report.joints = joints.map(Box::new);
        if self.wanted.body_warp {
            report.warp = Some(warp_body(self.picture, &body.bbox));
        }
        report
    }
}

fn headwear(seen: Option<&Headwear>) -> Presence {
    match seen {
        None => Presence::Undefined,
        Some(hat) if hat.word == "none" => Presence::Absent,
        Some(_) => Presence::Present,
    }
}
