//! Axis orders. TensorFlow's pictures have the channel last, ONNX convolutions want it first: each
//! convolution, pooling or resize stands between two transpositions, most of which ONNX Runtime
//! removes again (measured: propagating the order here would be no faster).

use super::{
    builder::{Builder, Dims},
    error::ConvertError,
    graph::Node,
    onnx::{Attribute, DataType},
    weights::{Constant, Data},
};

const TO_CHANNEL_FIRST: [i64; 4] = [0, 3, 1, 2];
const TO_CHANNEL_LAST: [i64; 4] = [0, 2, 3, 1];

/// The channel-first twin of a channel-last tensor.
pub fn channel_first(b: &mut Builder, tensor: &str) -> String {
    if let Some(twin) = b.twins.get(tensor) {
        return twin.clone();
    }
    let twin = format!("{tensor}/nchw");
    b.emit(
        "Transpose",
        &[tensor],
        &twin,
        vec![Attribute::ints("perm", TO_CHANNEL_FIRST)],
    );
    b.twins.insert(tensor.to_owned(), twin.clone());
    twin
}

/// Gives `tensor`, channel last, from its channel-first twin.
pub fn channel_last(b: &mut Builder, twin: &str, tensor: &str, element: DataType, dims: Dims) {
    b.emit(
        "Transpose",
        &[twin],
        tensor,
        vec![Attribute::ints("perm", TO_CHANNEL_LAST)],
    );
    b.twins.insert(tensor.to_owned(), twin.to_owned());
    b.know(tensor, element, dims);
}

/// A convolution's kernel of shape [height, width, in, out] as [out, in, height, width]; a
/// depth-wise one, [height, width, channels, multiplier], as [channels * multiplier, 1, height,
/// width].
pub fn kernel(node: &Node, kernel: &Constant, depthwise: bool) -> Result<Constant, ConvertError> {
    let (&[h, w, c, o], Some(values)) = (&kernel.shape[..], kernel.floats()) else {
        return Err(node.unsupported("the kernel is not of four axes of floating-point numbers"));
    };
    let mut data = Vec::with_capacity(values.len());
    // Output position (i, j) reads channel pair (c, o): depth-wise outputs run over c first.
    let outer = if depthwise { c } else { o };
    let inner = if depthwise { o } else { c };
    for i in 0..outer {
        for j in 0..inner {
            let (channel, output) = if depthwise { (i, j) } else { (j, i) };
            for y in 0..h {
                for x in 0..w {
                    data.push(values[((y * w + x) * c + channel) * o + output]);
                }
            }
        }
    }
    let shape = if depthwise {
        vec![c * o, 1, h, w]
    } else {
        vec![o, c, h, w]
    };
    Ok(Constant {
        shape,
        data: Data::F32(data),
    })
}

/// A constant that broadcasts against [N, H, W, C] as one that broadcasts against [N, C, H, W].
pub fn broadcast_channel_first(node: &Node, constant: &Constant) -> Result<Constant, ConvertError> {
    let Some(values) = constant.floats() else {
        return Err(node.unsupported("a broadcast constant is not of floating-point numbers"));
    };
    let mut shape = [1; 4];
    let Some(first) = 4usize.checked_sub(constant.shape.len()) else {
        return Err(node.unsupported("a broadcast constant has more than four axes"));
    };
    shape[first..].copy_from_slice(&constant.shape);
    let [n, h, w, c] = shape;
    if n != 1 {
        return Err(node.unsupported("a broadcast constant differs from picture to picture"));
    }
    let mut data = Vec::with_capacity(values.len());
    for channel in 0..c {
        for pixel in 0..h * w {
            data.push(values[pixel * c + channel]);
        }
    }
    Ok(Constant {
        shape: vec![c, h, w],
        data: Data::F32(data),
    })
}

/// A window that slides over height and width.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Height and width.
    pub size: [usize; 2],
    /// Step per axis.
    pub stride: [usize; 2],
    /// Distance between the window's own points per axis.
    pub dilation: [usize; 2],
}

impl Window {
    /// Attributes of the sliding operation over an input of `dims` (channel last), and height and
    /// width of what comes out.
    pub fn slide(
        &self,
        node: &Node,
        dims: &Dims,
    ) -> Result<(Vec<Attribute>, [Option<usize>; 2]), ConvertError> {
        let &[_, height, width, _] = &dims[..] else {
            return Err(node.unsupported("the input is not of four axes"));
        };
        let mut pads = [[0; 2]; 2];
        let mut lengths = [None; 2];
        for (axis, length) in [height, width].into_iter().enumerate() {
            (pads[axis], lengths[axis]) = self.slide_axis(node, axis, length)?;
        }
        let ints = |values: [usize; 2]| values.map(|v| v as i64);
        let mut attributes = vec![
            Attribute::ints("kernel_shape", ints(self.size)),
            Attribute::ints("strides", ints(self.stride)),
        ];
        if self.dilation != [1, 1] {
            attributes.push(Attribute::ints("dilations", ints(self.dilation)));
        }
        if pads != [[0; 2]; 2] {
            // ONNX lists all beginnings, then all ends.
            let [[top, bottom], [left, right]] = pads.map(ints);
            attributes.push(Attribute::ints("pads", [top, left, bottom, right]));
        }
        Ok((attributes, lengths))
    }

    /// Padding (before, after) and output length along one axis.
    fn slide_axis(
        &self,
        node: &Node,
        axis: usize,
        length: Option<usize>,
    ) -> Result<([usize; 2], Option<usize>), ConvertError> {
        let stride = self.stride[axis];
        let reach = (self.size[axis] - 1) * self.dilation[axis] + 1;
        let pads = match node.text("padding").as_str() {
            "SAME" => {
                let Some(length) = length else {
                    return Err(
                        node.unsupported("SAME padding of a picture whose size is not known")
                    );
                };
                // The output has ceil(length / stride) points; the odd pixel of padding goes last.
                let missing =
                    ((length.div_ceil(stride).max(1) - 1) * stride + reach).saturating_sub(length);
                [missing / 2, missing - missing / 2]
            }
            "VALID" => [0, 0],
            "EXPLICIT" => explicit(node, axis)?,
            other => return Err(node.unsupported(format!("padding {other:?}"))),
        };
        let Some(length) = length else {
            return Ok((pads, None));
        };
        match (length + pads[0] + pads[1]).checked_sub(reach) {
            Some(room) => Ok((pads, Some(room / stride + 1))),
            None => Err(node.unsupported("the window is larger than the padded picture")),
        }
    }
}

/// Padding before and after along height (0) or width (1), from the node's settings.
fn explicit(node: &Node, axis: usize) -> Result<[usize; 2], ConvertError> {
    let all = node.ints("explicit_paddings");
    let pair = all.get(2 + 2 * axis..4 + 2 * axis).unwrap_or_default();
    let pair: Vec<usize> = pair
        .iter()
        .filter_map(|p| usize::try_from(*p).ok())
        .collect();
    pair.try_into()
        .map_err(|_| node.unsupported("explicit padding without its eight numbers"))
}

/// Height and width out of a setting that lists all four axes, such as `strides`.
pub fn height_width(
    node: &Node,
    key: &str,
    absent: Option<usize>,
) -> Result<[usize; 2], ConvertError> {
    let all = node.ints(key);
    if let (true, Some(absent)) = (all.is_empty(), absent) {
        return Ok([absent; 2]);
    }
    match all[..] {
        [1, h, w, 1] if h > 0 && w > 0 => Ok([h as usize, w as usize]),
        _ => Err(node.unsupported(format!("{key} {all:?}"))),
    }
}
