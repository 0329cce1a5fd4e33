//! MoveNet Lightning: 17 joints of one person in a square crop.

use goshawk_proto::geometry::Size;

use super::{Opener, batch::Batcher, check_side};
use crate::{
    manifest::Manifest,
    post::movenet::{self, SIDE, VALUES},
    pre::{affine::Affine, crop::crop},
    role::{BodyCrop, Joints, Poser},
    runtime::{InferError, ModelError},
};

/// The crop's side as a multiple of the body's longer one.
const MARGIN: f32 = 1.25;

/// The network: 7 ms a body on one thread where it was measured.
pub struct Movenet {
    batch: Batcher,
}

impl Movenet {
    /// Opens the model.
    pub(crate) fn open(opener: &Opener<'_>, manifest: &Manifest) -> Result<Self, ModelError> {
        check_side(manifest, SIDE)?;
        let outputs = [("keypoints", vec![VALUES / 3, 3])];
        Ok(Self {
            batch: Batcher::open(opener, manifest, &outputs)?,
        })
    }
}

/// From the network's input to the picture: an upright square about the body.
fn to_picture(body: &BodyCrop<'_>) -> Affine {
    let side = (body.bbox.width.max(body.bbox.height) * MARGIN).max(1.0);
    Affine::from_square(SIDE as f32, body.bbox.center(), side, 0.0)
}

impl Poser for Movenet {
    fn joints(&self, bodies: &[BodyCrop<'_>]) -> Result<Vec<Option<Joints>>, InferError> {
        let mut found = Vec::with_capacity(bodies.len());
        self.batch.run(
            bodies,
            |body, canvas| {
                let size = Size::new(SIDE, SIDE);
                let (scratch, rgb) = (&mut canvas.scratch, &mut canvas.rgb);
                crop(body.picture, &to_picture(body), size, scratch, rgb);
            },
            |bodies, answers| {
                let rows = answers
                    .first()
                    .map_or(&[][..], |a| a.as_chunks::<VALUES>().0);
                let bodies = bodies.iter().zip(rows);
                found.extend(bodies.map(|(body, row)| movenet::read(row, &to_picture(body))));
            },
        )?;
        Ok(found)
    }
}
