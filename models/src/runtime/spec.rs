//! Tensors as a family expects them, against those that a file has.

use ort::value::{Outlet, TensorElementType, ValueType};

use super::ModelError;
use crate::manifest::Element;

/// Whether the first side of a tensor is the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchAxis {
    /// Always.
    Leading,
    /// Perhaps not: some exporters leave it out of the outputs of a network for one picture.
    Optional,
}

/// A tensor as the family expects it.
#[derive(Clone, Debug)]
pub(crate) struct TensorSpec {
    /// Name in the file.
    pub(crate) name: String,
    /// Sides without the batch.
    pub(crate) sides: Vec<usize>,
    /// Where the batch is.
    pub(crate) batch: BatchAxis,
}

impl TensorSpec {
    /// A tensor whose first side is the batch.
    pub(crate) fn new(name: impl Into<String>, sides: Vec<usize>) -> Self {
        Self {
            name: name.into(),
            sides,
            batch: BatchAxis::Leading,
        }
    }

    /// Values of one batch entry.
    pub(crate) fn values(&self) -> usize {
        self.sides.iter().product()
    }

    fn expected(&self, any: bool) -> String {
        let sides: Vec<_> = self.sides.iter().map(ToString::to_string).collect();
        let batch = if any { "N" } else { "1" };
        format!("[{batch}, {}]", sides.join(", "))
    }

    /// Whether a tensor of shape `found` holds these sides. A side that the file leaves open fits
    /// anything, and sides of one do not count, for they move nothing. With `any` the batch must
    /// be open.
    fn fits(&self, found: &[i64], any: bool) -> bool {
        let leading = found.split_first().is_some_and(|(batch, rest)| {
            (*batch < 0 || (!any && *batch == 1)) && same(rest, &self.sides)
        });
        leading || (self.batch == BatchAxis::Optional && !any && same(found, &self.sides))
    }
}

fn same(found: &[i64], want: &[usize]) -> bool {
    let side = |(found, want): (&i64, &usize)| *found < 0 || usize::try_from(*found) == Ok(*want);
    if found.len() == want.len() {
        return found.iter().zip(want).all(side);
    }
    let found = found.iter().filter(|s| **s != 1);
    let want = want.iter().filter(|s| **s != 1);
    found.clone().count() == want.clone().count() && found.zip(want).all(side)
}

/// Checks names, types and shapes of what a file gives. `any` is whether a run may have several
/// batch entries.
pub(super) fn check_outputs(
    model: &str,
    found: &[Outlet],
    want: &[TensorSpec],
    any: bool,
) -> Result<(), ModelError> {
    for spec in want {
        check(model, "output", found, spec, Element::F32, any)?;
    }
    Ok(())
}

/// Checks that a file wants one input, and that it is the one meant.
pub(super) fn check_input(
    model: &str,
    found: &[Outlet],
    want: &TensorSpec,
    element: Element,
    any: bool,
) -> Result<(), ModelError> {
    check(model, "input", found, want, element, any)?;
    if found.len() > 1 {
        return Err(ModelError::ManyInputs {
            model: model.to_owned(),
            found: names(found),
        });
    }
    Ok(())
}

fn check(
    model: &str,
    side: &'static str,
    found: &[Outlet],
    spec: &TensorSpec,
    element: Element,
    any: bool,
) -> Result<(), ModelError> {
    let Some(outlet) = found.iter().find(|o| o.name() == spec.name) else {
        return Err(ModelError::NoTensor {
            model: model.to_owned(),
            side,
            tensor: spec.name.clone(),
            found: names(found),
        });
    };
    let dtype = outlet.dtype();
    let typed = dtype.tensor_type() == Some(tensor_type(element));
    let shaped = shape(dtype).is_some_and(|sides| spec.fits(sides, any));
    if typed && shaped {
        return Ok(());
    }
    Err(ModelError::WrongShape {
        model: model.to_owned(),
        tensor: spec.name.clone(),
        element: element.name(),
        expected: spec.expected(any).into(),
        found: dtype.to_string().into(),
    })
}

fn shape(found: &ValueType) -> Option<&[i64]> {
    found.tensor_shape().map(|shape| &**shape)
}

fn tensor_type(element: Element) -> TensorElementType {
    match element {
        Element::F32 => TensorElementType::Float32,
        Element::I32 => TensorElementType::Int32,
        Element::U8 => TensorElementType::Uint8,
    }
}

fn names(found: &[Outlet]) -> String {
    let names: Vec<_> = found.iter().map(Outlet::name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(sides: &[usize], batch: BatchAxis) -> TensorSpec {
        TensorSpec {
            name: "x".to_owned(),
            sides: sides.to_vec(),
            batch,
        }
    }

    #[test]
    fn open_sides_fit_and_others_must_agree() {
        let s = spec(&[3, 80, 80], BatchAxis::Leading);
        assert!(s.fits(&[-1, 3, 80, 80], true));
        assert!(s.fits(&[1, 3, -1, -1], false));
        assert!(!s.fits(&[1, 3, 80, 80], true), "the batch is fixed");
        assert!(!s.fits(&[4, 3, 80, 80], false), "of four");
        assert!(!s.fits(&[1, 80, 80, 3], false));
        assert!(!s.fits(&[1, 3, 80], false));
        assert!(!s.fits(&[], false));
    }

    #[test]
    fn sides_of_one_do_not_count() {
        let s = spec(&[228], BatchAxis::Leading);
        assert!(s.fits(&[-1, 1, 1, 228], true));
        assert!(s.fits(&[-1, 228, 1, 1], true));
        assert!(!s.fits(&[-1, 2, 228], true));
    }

    #[test]
    fn a_batch_may_be_left_out_of_one() {
        let s = spec(&[12800, 1], BatchAxis::Optional);
        assert!(s.fits(&[12800, 1], false));
        assert!(s.fits(&[1, 12800, 1], false));
        assert!(s.fits(&[-1, 1], false));
        assert!(!s.fits(&[12800, 1], true));
        assert!(!spec(&[12800, 1], BatchAxis::Leading).fits(&[12800, 1], false));
    }
}
