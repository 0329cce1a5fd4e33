//! Convolutions, pooling, resizing and matrix products, with the activations fused into them.

use super::super::{
    builder::Builder,
    error::ConvertError,
    graph::Node,
    layout::{self, Window},
    onnx::{Attribute, DataType},
    weights::{Constant, Data},
};
use super::elementwise::clip_bounds;

/// `Conv2D` and its depth-wise and fused forms: inputs picture, kernel, then what is fused.
pub fn convolution(b: &mut Builder, node: &Node, depthwise: bool) -> Result<(), ConvertError> {
    channel_last_only(node)?;
    let (input, info) = b.input(node, 0)?;
    let constant = b.want_constant(node, 1)?;
    let kernel = layout::kernel(node, constant, depthwise)?;
    let &[out, _, h, w] = &kernel.shape[..] else {
        return Err(node.unsupported("the kernel's shape"));
    };
    let window = Window {
        size: [h, w],
        stride: layout::height_width(node, "strides", None)?,
        dilation: layout::height_width(node, "dilations", Some(1))?,
    };
    let (mut attributes, [height, width]) = window.slide(node, &info.dims)?;
    let groups = if depthwise { constant.shape[2] } else { 1 };
    if info.dims[3].is_some_and(|c| c != constant.shape[2]) {
        return Err(node.unsupported("the kernel is for another number of channels"));
    }
    attributes.push(Attribute::int("group", groups as i64));
    let mut fused = Fused::read(node)?;
    let picture = layout::channel_first(b, &input);
    let kernel = b.add(format!("{}/kernel", node.name), &kernel);
    let mut inputs = vec![picture, kernel];
    if let Some(bias) = fused.bias(b)? {
        inputs.push(bias);
    }
    let name = format!("{}/conv", node.name);
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    b.emit("Conv", &inputs, &name, attributes);
    let result = fused.activate(b, name, true)?;
    layout::channel_last(
        b,
        &result,
        &node.name,
        DataType::Float,
        vec![info.dims[0], height, width, Some(out)],
    );
    Ok(())
}

/// `MaxPool` and `AvgPool`.
pub fn pool(b: &mut Builder, node: &Node, op: &str) -> Result<(), ConvertError> {
    channel_last_only(node)?;
    let (input, info) = b.input(node, 0)?;
    let window = Window {
        size: layout::height_width(node, "ksize", None)?,
        stride: layout::height_width(node, "strides", None)?,
        dilation: [1, 1],
    };
    let (attributes, [height, width]) = window.slide(node, &info.dims)?;
    let picture = layout::channel_first(b, &input);
    let pooled = b.emit(op, &[&picture], &format!("{}/pool", node.name), attributes);
    layout::channel_last(
        b,
        &pooled,
        &node.name,
        info.element,
        vec![info.dims[0], height, width, info.dims[3]],
    );
    Ok(())
}

/// `ResizeBilinear` to a constant size.
pub fn resize(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let size = b.want_ints(node, 1)?;
    let (&[_, Some(height), Some(width), _], &[new_height, new_width]) =
        (&info.dims[..], &size[..])
    else {
        return Err(node.unsupported("a picture whose size is not known"));
    };
    let mode = match (node.flag("align_corners"), node.flag("half_pixel_centers")) {
        (true, _) => "align_corners",
        (false, true) => "half_pixel",
        (false, false) => "asymmetric",
    };
    let scales = [
        1.0,
        1.0,
        new_height as f32 / height as f32,
        new_width as f32 / width as f32,
    ];
    // ONNX Runtime rounds down what the scales give: they must be exact for the size to come out.
    let exact = scales[2] * height as f32 == new_height as f32
        && scales[3] * width as f32 == new_width as f32;
    let picture = layout::channel_first(b, &input);
    let attributes = vec![
        Attribute::text("mode", "linear"),
        Attribute::text("coordinate_transformation_mode", mode),
    ];
    let resized = format!("{}/resize", node.name);
    if exact {
        let scales = Constant {
            shape: vec![4],
            data: Data::F32(scales.to_vec()),
        };
        let scales = b.add(format!("{}/scales", node.name), &scales);
        b.emit("Resize", &[&picture, "", &scales], &resized, attributes);
    } else {
        let (Some(n), Some(c)) = (info.dims[0], info.dims[3]) else {
            return Err(node.unsupported("an uneven scale of a batch whose size is not known"));
        };
        let sizes = Constant::i64s(&[n as i64, c as i64, new_height, new_width]);
        let sizes = b.add(format!("{}/sizes", node.name), &sizes);
        b.emit("Resize", &[&picture, "", "", &sizes], &resized, attributes);
    }
    let dims = vec![
        info.dims[0],
        Some(new_height as usize),
        Some(new_width as usize),
        info.dims[3],
    ];
    layout::channel_last(b, &resized, &node.name, DataType::Float, dims);
    Ok(())
}

/// `MatMul` of a batch of vectors with a constant matrix, and its fused form.
pub fn matmul(b: &mut Builder, node: &Node) -> Result<(), ConvertError> {
    let (input, info) = b.input(node, 0)?;
    let (matrix, matrix_info) = b.input(node, 1)?;
    let (transpose_a, transpose_b) = (node.flag("transpose_a"), node.flag("transpose_b"));
    let (&[rows, columns], &[depth, width]) = (&info.dims[..], &matrix_info.dims[..]) else {
        return Err(node.unsupported("a product of tensors that are no matrices"));
    };
    let mut fused = Fused::read(node)?;
    let mut inputs = vec![input, matrix];
    if let Some(bias) = fused.bias(b)? {
        inputs.push(bias);
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let attributes = vec![
        Attribute::int("transA", i64::from(transpose_a)),
        Attribute::int("transB", i64::from(transpose_b)),
    ];
    let name = if fused.activations.is_empty() {
        node.name.clone()
    } else {
        format!("{}/product", node.name)
    };
    b.emit("Gemm", &inputs, &name, attributes);
    let result = fused.activate(b, name, false)?;
    if result != node.name {
        b.emit("Identity", &[&result], &node.name, Vec::new());
    }
    let dims = vec![
        if transpose_a { columns } else { rows },
        if transpose_b { depth } else { width },
    ];
    b.know(&node.name, DataType::Float, dims);
    Ok(())
}

fn channel_last_only(node: &Node) -> Result<(), ConvertError> {
    match node.text("data_format").as_str() {
        "" | "NHWC" => Ok(()),
        other => Err(node.unsupported(format!("data format {other}"))),
    }
}

/// What is fused into a node: perhaps a bias, then activations.
struct Fused<'n> {
    node: &'n Node,
    has_bias: bool,
    activations: Vec<String>,
    /// The input that the next fused operation reads.
    next: usize,
}

impl<'n> Fused<'n> {
    fn read(node: &'n Node) -> Result<Self, ConvertError> {
        let mut activations = node.texts("fused_ops");
        let has_bias = activations.first().is_some_and(|op| op == "BiasAdd");
        if has_bias {
            activations.remove(0);
        }
        Ok(Self {
            node,
            has_bias,
            activations,
            next: 2,
        })
    }

    /// The bias as a vector.
    fn bias(&mut self, b: &mut Builder) -> Result<Option<String>, ConvertError> {
        if !self.has_bias {
            return Ok(None);
        }
        let constant = b.want_constant(self.node, self.next)?;
        self.next += 1;
        let flat = Constant {
            shape: vec![constant.shape.iter().product()],
            data: constant.data.clone(),
        };
        Ok(Some(b.add(format!("{}/bias", self.node.name), &flat)))
    }

    /// Adds the activations behind `tensor` and returns the last one's output.
    fn activate(
        &mut self,
        b: &mut Builder,
        tensor: String,
        channel_first: bool,
    ) -> Result<String, ConvertError> {
        let mut tensor = tensor;
        for op in std::mem::take(&mut self.activations) {
            let output = format!("{}/{}", self.node.name, op.to_lowercase());
            tensor = match op.as_str() {
                "Relu" | "Sigmoid" | "Tanh" | "Elu" => b.emit(&op, &[&tensor], &output, Vec::new()),
                "Relu6" => {
                    let (low, high) = clip_bounds(b, 0.0, 6.0);
                    b.emit("Clip", &[&tensor, &low, &high], &output, Vec::new())
                }
                "LeakyRelu" => {
                    let alpha = self.node.float("leakyrelu_alpha").unwrap_or(0.2) as f32;
                    b.emit(
                        "LeakyRelu",
                        &[&tensor],
                        &output,
                        vec![Attribute::float("alpha", alpha)],
                    )
                }
                "Prelu" => {
                    let slope = b.want_constant(self.node, self.next)?;
                    self.next += 1;
                    let slope = if channel_first {
                        layout::broadcast_channel_first(self.node, slope)?
                    } else {
                        slope.clone()
                    };
                    let slope = b.add(format!("{}/slope", self.node.name), &slope);
                    b.emit("PRelu", &[&tensor, &slope], &output, Vec::new())
                }
                other => return Err(self.node.unsupported(format!("fused {other}"))),
            };
        }
        Ok(tensor)
    }
}
