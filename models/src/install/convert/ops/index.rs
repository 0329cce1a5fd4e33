//! Operations that select elements: slices, the largest ones, by position.

use super::super::{
    builder::{Builder, Dims},
    error::ConvertError,
    graph::Node,
    onnx::{Attribute, DataType},
    weights::Constant,
};
use super::axis;

/// `StridedSlice` with constant bounds. Masks say which bounds to ignore and which axes to drop.
pub fn strided_slice(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    if node.int("ellipsis_mask").unwrap_or(0) != 0 || node.int("new_axis_mask").unwrap_or(0) != 0 {
        return Err(node.unsupported("an ellipsis or a new axis"));
    }
    let (input, info) = b.input(node, 0)?;
    let (begins, ends, steps) = (
        b.want_ints(node, 1)?,
        b.want_ints(node, 2)?,
        b.want_ints(node, 3)?,
    );
    if ends.len() != begins.len() || steps.len() != begins.len() || begins.len() > info.dims.len() {
        return Err(node.unsupported("bounds of different lengths"));
    }
    let masked = |key: &str, i: usize| node.int(key).unwrap_or(0) >> i & 1 == 1;
    let (mut ranges, mut dropped, mut dims) = (Vec::new(), Vec::new(), Vec::new());
    for (i, length) in info.dims.iter().enumerate() {
        if i >= begins.len() {
            dims.push(*length);
            continue;
        }
        let mut range = Range {
            begin: begins[i],
            end: ends[i],
            step: steps[i],
        };
        if masked("shrink_axis_mask", i) {
            // The end of a single element that is counted from the end is the end of all.
            let end = if range.begin == -1 {
                i64::MAX
            } else {
                range.begin + 1
            };
            range = Range {
                begin: range.begin,
                end,
                step: 1,
            };
            dropped.push(i as i64);
        } else {
            range.open(masked("begin_mask", i), masked("end_mask", i));
            dims.push(length.and_then(|length| range.count(length)));
        }
        if range.step == 0 {
            return Err(node.unsupported("a step of 0"));
        }
        ranges.push(range);
    }
    emit_slice(b, node, &input, &ranges, &dropped);
    b.know(&node.name, info.element, dims);
    Ok(())
}

/// Bounds along one axis, as ONNX counts: negative from the end, too large cut.
#[derive(Clone, Copy)]
struct Range {
    begin: i64,
    end: i64,
    step: i64,
}

impl Range {
    /// Forgets the bounds that the masks say to ignore.
    fn open(&mut self, begin: bool, end: bool) {
        if begin {
            self.begin = if self.step > 0 { 0 } else { i64::MAX };
        }
        if end {
            self.end = if self.step > 0 { i64::MAX } else { i64::MIN };
        }
    }

    /// How many elements of an axis are in it; only said for forward steps.
    fn count(&self, length: usize) -> Option<usize> {
        let length = length as i64;
        let at = |bound: i64| {
            if bound < 0 {
                (bound + length).max(0)
            } else {
                bound.min(length)
            }
        };
        let step = u64::try_from(self.step).ok().filter(|s| *s > 0)?;
        let width = u64::try_from(at(self.end) - at(self.begin)).unwrap_or(0);
        usize::try_from(width.div_ceil(step)).ok()
    }
}

fn emit_slice(b: &mut Builder, node: &Node, input: &str, ranges: &[Range], dropped: &[i64]) {
    let mut list = |part: &str, values: Vec<i64>| {
        b.add(format!("{}/{part}", node.name), &Constant::i64s(&values))
    };
    let begins = list("begins", ranges.iter().map(|r| r.begin).collect());
    let ends = list("ends", ranges.iter().map(|r| r.end).collect());
    let axes = list("axes", (0..ranges.len() as i64).collect());
    let steps = list("steps", ranges.iter().map(|r| r.step).collect());
    let inputs = [input, &begins, &ends, &axes, &steps];
    if dropped.is_empty() {
        b.emit("Slice", &inputs, &node.name, Vec::new());
    } else {
        let dropped = list("dropped", dropped.to_vec());
        let slice = b.emit(
            "Slice",
            &inputs,
            &format!("{}/slice", node.name),
            Vec::new(),
        );
        b.emit("Squeeze", &[&slice, &dropped], &node.name, Vec::new());
    }
}

/// `TopKV2`: the largest of the last axis, and where they were.
pub fn top_k(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let count = b.want_int(node, 1)?;
    let mut dims = info.dims;
    match (dims.last_mut(), usize::try_from(count)) {
        (Some(last), Ok(count)) => *last = Some(count),
        _ => return Err(node.unsupported(format!("the {count} largest"))),
    }
    let count = b.add(format!("{}/count", node.name), &Constant::i64s(&[count]));
    let (wide, positions) = (format!("{}/wide", node.name), format!("{}:1", node.name));
    let attributes = vec![
        Attribute::int("axis", -1),
        Attribute::int("largest", 1),
        Attribute::int("sorted", 1),
    ];
    b.emit_many("TopK", &[&input, &count], &[&node.name, &wide], attributes);
    narrow(b, &wide, &positions);
    b.know(&node.name, info.element, dims.clone());
    b.know(&positions, DataType::Int32, dims);
    Ok(())
}

/// TFJS positions are 32-bit numbers, ONNX positions 64-bit ones.
fn narrow(b: &mut Builder, wide: &str, output: &str) {
    b.emit(
        "Cast",
        &[wide],
        output,
        vec![Attribute::element("to", DataType::Int32)],
    );
}

/// `GatherV2` along a constant axis, without batch axes.
pub fn gather(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    if node.int("batch_dims").unwrap_or(0) != 0 {
        return Err(node.unsupported("batch axes"));
    }
    let (input, info) = b.input(node, 0)?;
    let (positions, chosen) = b.input(node, 1)?;
    let at = if node.inputs().count() > 2 {
        b.want_int(node, 2)?
    } else {
        0
    };
    let at = axis(node, at, info.dims.len())?;
    b.emit(
        "Gather",
        &[&input, &positions],
        &node.name,
        vec![Attribute::int("axis", at as i64)],
    );
    let mut dims = info.dims;
    dims.splice(at..=at, chosen.dims);
    b.know(&node.name, info.element, dims);
    Ok(())
}

/// `GatherNd`: each position names the first axes.
pub fn gather_nd(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let (positions, chosen) = b.input(node, 1)?;
    let Some((Some(depth), lead)) = chosen
        .dims
        .split_last()
        .filter(|(d, _)| d.is_some_and(|d| d <= info.dims.len()))
    else {
        return Err(node.unsupported("positions of unknown or too great length"));
    };
    let to = vec![Attribute::element("to", DataType::Int64)];
    let wide = b.emit("Cast", &[&positions], &format!("{}/wide", node.name), to);
    b.emit("GatherND", &[&input, &wide], &node.name, Vec::new());
    let dims: Dims = lead.iter().chain(&info.dims[*depth..]).copied().collect();
    b.know(&node.name, info.element, dims);
    Ok(())
}

/// `ArgMax` along a constant axis, which goes away.
pub fn arg_max(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let at = axis(node, b.want_int(node, 1)?, info.dims.len())?;
    let attributes = vec![
        Attribute::int("axis", at as i64),
        Attribute::int("keepdims", 0),
    ];
    let wide = b.emit(
        "ArgMax",
        &[&input],
        &format!("{}/wide", node.name),
        attributes,
    );
    narrow(b, &wide, &node.name);
    let mut dims = info.dims;
    dims.remove(at);
    b.know(&node.name, DataType::Int32, dims);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_counted_as_they_are_cut() {
        let table = [
            ((0, i64::MAX, 1), 5, Some(5)),
            ((-2, i64::MAX, 1), 5, Some(2)),
            ((1, 4, 2), 5, Some(2)),
            ((3, 1, 1), 5, Some(0)),
            ((4, 0, -1), 5, None),
        ];
        for ((begin, end, step), length, want) in table {
            assert_eq!(
                Range { begin, end, step }.count(length),
                want,
                "{begin}..{end} by {step}"
            );
        }
    }
}
