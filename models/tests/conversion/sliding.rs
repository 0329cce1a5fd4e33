//! Convolutions, pooling and resizing against plain loops over pixels.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tiny::{Tiny, f32s, ints, noise, text, texts};

/// One convolution: picture, kernel, steps.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// Height, width, channels.
    picture: [usize; 3],
    /// Height, width.
    kernel: [usize; 2],
    /// Outputs, or outputs per channel where depth-wise.
    outputs: usize,
    stride: [usize; 2],
    dilation: [usize; 2],
    same: bool,
    depthwise: bool,
}

impl Case {
    /// First padding and output length along an axis, as TensorFlow defines them.
    fn axis(&self, axis: usize) -> (usize, usize) {
        let (length, stride) = (self.picture[axis], self.stride[axis]);
        let reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1;
        if self.same {
            let out = length.div_ceil(stride);
            (((out - 1) * stride + reach).saturating_sub(length) / 2, out)
        } else {
            (0, (length - reach) / stride + 1)
        }
    }

    fn channels_out(&self) -> usize {
        if self.depthwise {
            self.picture[2] * self.outputs
        } else {
            self.outputs
        }
    }

    /// The convolution by its definition.
    fn expected(&self, x: &[f32], kernel: &[f32]) -> Vec<f32> {
        let [height, width, channels] = self.picture;
        let ((top, out_height), (left, out_width)) = (self.axis(0), self.axis(1));
        let mut result = Vec::new();
        for (oy, ox, o) in cells(out_height, out_width, self.channels_out()) {
            let mut sum = 0.0;
            for (ky, kx, c) in cells(self.kernel[0], self.kernel[1], channels) {
                if self.depthwise && c != o / self.outputs {
                    continue;
                }
                let y = (oy * self.stride[0] + ky * self.dilation[0]).wrapping_sub(top);
                let x_at = (ox * self.stride[1] + kx * self.dilation[1]).wrapping_sub(left);
                if y < height && x_at < width {
                    let output = if self.depthwise { o % self.outputs } else { o };
                    let weight =
                        kernel[((ky * self.kernel[1] + kx) * channels + c) * self.outputs + output];
                    sum += x[(y * width + x_at) * channels + c] * weight;
                }
            }
            result.push(sum);
        }
        result
    }

    fn attributes(&self) -> Vec<(&'static str, Value)> {
        let four = |v: [usize; 2]| ints(&[1, v[0] as i64, v[1] as i64, 1]);
        vec![
            ("strides", four(self.stride)),
            ("dilations", four(self.dilation)),
            ("padding", text(if self.same { "SAME" } else { "VALID" })),
            ("data_format", text("NHWC")),
        ]
    }

    fn check(&self) {
        let [height, width, channels] = self.picture;
        let x = noise(1, height * width * channels);
        let kernel = noise(2, self.kernel[0] * self.kernel[1] * channels * self.outputs);
        let op = if self.depthwise {
            "DepthwiseConv2dNative"
        } else {
            "Conv2D"
        };
        let tiny = Tiny::new()
            .input(
                &[-1, height as i64, width as i64, channels as i64],
                "DT_FLOAT",
            )
            .floats(
                "k",
                &[self.kernel[0], self.kernel[1], channels, self.outputs],
                &kernel,
            )
            .op("y", op, &["x", "k"], &self.attributes());
        let shape = [
            1,
            self.axis(0).1 as i64,
            self.axis(1).1 as i64,
            self.channels_out() as i64,
        ];
        let want = f32s(&shape, &self.expected(&x, &kernel));
        tiny.check(
            f32s(&[1, height as i64, width as i64, channels as i64], &x),
            &[("y", want)],
        );
    }
}

fn cells(
    height: usize,
    width: usize,
    channels: usize,
) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..height)
        .flat_map(move |y| (0..width).flat_map(move |x| (0..channels).map(move |c| (y, x, c))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn convolutions_agree_with_their_definition(
        picture in (5usize..9, 5usize..9, 1usize..4),
        kernel in (1usize..4, 1usize..4),
        outputs in 1usize..4,
        stride in (1usize..4, 1usize..4),
        dilated in any::<bool>(),
        same in any::<bool>(),
        depthwise in any::<bool>(),
    ) {
        // TensorFlow itself allows no steps together with dilation.
        let (stride, dilation) = if dilated { ([1, 1], [2, 2]) } else { ([stride.0, stride.1], [1, 1]) };
        Case {
            picture: picture.into(), kernel: kernel.into(), outputs, stride, dilation, same, depthwise,
        }.check();
    }
}

#[test]
fn fused_operations_follow_in_their_order() {
    // 1x1 kernel of one: the convolution gives its input.
    let tiny = Tiny::new()
        .input(&[1, 1, 2, 2], "DT_FLOAT")
        .floats("k", &[1, 1, 2, 2], &[1.0, 0.0, 0.0, 1.0])
        .floats("bias", &[2], &[10.0, -10.0])
        .floats("slope", &[1, 1, 2], &[0.5, 0.25])
        .op(
            "prelu",
            "_FusedConv2D",
            &["x", "k", "bias", "slope"],
            &fused(&["BiasAdd", "Prelu"]),
        )
        .op(
            "relu6",
            "_FusedConv2D",
            &["x", "k", "bias"],
            &fused(&["BiasAdd", "Relu6"]),
        )
        .op(
            "plain",
            "_FusedConv2D",
            &["x", "k", "bias"],
            &fused(&["BiasAdd"]),
        )
        .op("leaky", "_FusedConv2D", &["x", "k"], &{
            let mut attributes = fused(&["LeakyRelu"]);
            attributes.push(("leakyrelu_alpha", json!({"f": 0.125})));
            attributes
        });
    let x = f32s(&[1, 1, 2, 2], &[-12.0, 2.0, -4.0, 14.0]);
    tiny.check(
        x,
        &[
            ("prelu", f32s(&[1, 1, 2, 2], &[-1.0, -2.0, 6.0, 4.0])),
            ("relu6", f32s(&[1, 1, 2, 2], &[0.0, 0.0, 6.0, 4.0])),
            ("plain", f32s(&[1, 1, 2, 2], &[-2.0, -8.0, 6.0, 4.0])),
            ("leaky", f32s(&[1, 1, 2, 2], &[-1.5, 2.0, -0.5, 14.0])),
        ],
    );
}

fn fused(ops: &[&str]) -> Vec<(&'static str, Value)> {
    vec![
        ("fused_ops", texts(ops)),
        ("strides", ints(&[1, 1, 1, 1])),
        ("padding", text("VALID")),
    ]
}

#[test]
fn explicit_padding_is_taken_per_side() {
    let tiny = Tiny::new()
        .input(&[1, 1, 1, 1], "DT_FLOAT")
        .floats("k", &[1, 1, 1, 1], &[2.0])
        .op(
            "y",
            "Conv2D",
            &["x", "k"],
            &[
                ("strides", ints(&[1, 1, 1, 1])),
                ("padding", text("EXPLICIT")),
                ("explicit_paddings", ints(&[0, 0, 1, 0, 0, 2, 0, 0])),
            ],
        );
    tiny.check(
        f32s(&[1, 1, 1, 1], &[3.0]),
        &[("y", f32s(&[1, 2, 3, 1], &[0.0, 0.0, 0.0, 6.0, 0.0, 0.0]))],
    );
}

#[test]
fn a_slope_may_differ_from_pixel_to_pixel() {
    let tiny = Tiny::new()
        .input(&[1, 1, 2, 2], "DT_FLOAT")
        .floats("k", &[1, 1, 2, 2], &[1.0, 0.0, 0.0, 1.0])
        .floats("slope", &[1, 2, 2], &[1.0, 2.0, 3.0, 4.0])
        .op(
            "y",
            "_FusedConv2D",
            &["x", "k", "slope"],
            &fused(&["Prelu"]),
        );
    let x = f32s(&[1, 1, 2, 2], &[-1.0; 4]);
    tiny.check(x, &[("y", f32s(&[1, 1, 2, 2], &[-1.0, -2.0, -3.0, -4.0]))]);
}

#[test]
fn pooling_ignores_what_is_outside() {
    let window = [
        ("ksize", ints(&[1, 2, 2, 1])),
        ("strides", ints(&[1, 2, 2, 1])),
        ("padding", text("SAME")),
    ];
    let tiny = Tiny::new()
        .input(&[1, 3, 3, 1], "DT_FLOAT")
        .op("max", "MaxPool", &["x"], &window)
        .op("mean", "AvgPool", &["x"], &window);
    let x = f32s(
        &[1, 3, 3, 1],
        &[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0, -9.0],
    );
    tiny.check(
        x,
        &[
            ("max", f32s(&[1, 2, 2, 1], &[-1.0, -3.0, -7.0, -9.0])),
            ("mean", f32s(&[1, 2, 2, 1], &[-3.0, -4.5, -7.5, -9.0])),
        ],
    );
}

#[test]
fn resizing_places_pixels_as_told() {
    let tiny = |half: bool, corners: bool, width: i32| {
        let attributes = [
            ("half_pixel_centers", json!({"b": half})),
            ("align_corners", json!({"b": corners})),
        ];
        Tiny::new()
            .input(&[1, 1, 2, 1], "DT_FLOAT")
            .whole("size", &[2], &[1, width])
            .op("y", "ResizeBilinear", &["x", "size"], &attributes)
    };
    let x = || f32s(&[1, 1, 2, 1], &[0.0, 4.0]);
    tiny(false, false, 4).check(x(), &[("y", f32s(&[1, 1, 4, 1], &[0.0, 2.0, 4.0, 4.0]))]);
    tiny(true, false, 4).check(x(), &[("y", f32s(&[1, 1, 4, 1], &[0.0, 1.0, 3.0, 4.0]))]);
    tiny(false, true, 3).check(x(), &[("y", f32s(&[1, 1, 3, 1], &[0.0, 2.0, 4.0]))]);
    // Three from two is no exact scale: the other way of asking for it.
    tiny(false, false, 3).check(x(), &[("y", f32s(&[1, 1, 3, 1], &[0.0, 8.0 / 3.0, 4.0]))]);
}

#[test]
fn products_with_bias_and_activation() {
    let tiny = Tiny::new()
        .input(&[-1, 2], "DT_FLOAT")
        .floats("m", &[2, 2], &[1.0, 2.0, 3.0, 4.0])
        .floats("bias", &[2], &[-20.0, 1.0])
        .op("plain", "MatMul", &["x", "m"], &[])
        .op(
            "turned",
            "MatMul",
            &["x", "m"],
            &[("transpose_b", json!({"b": true}))],
        )
        .op(
            "fused",
            "_FusedMatMul",
            &["x", "m", "bias"],
            &[("fused_ops", texts(&["BiasAdd", "Relu"]))],
        );
    let x = f32s(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    tiny.check(
        x,
        &[
            ("plain", f32s(&[2, 2], &[7.0, 10.0, 15.0, 22.0])),
            ("turned", f32s(&[2, 2], &[5.0, 11.0, 11.0, 25.0])),
            ("fused", f32s(&[2, 2], &[0.0, 11.0, 0.0, 23.0])),
        ],
    );
}
