//! Operations on elements, axes and positions, against numbers worked out by hand.

use serde_json::{Value, json};

use super::tiny::{Tiny, f32s, i32s, ints};

fn int(value: i64) -> Value {
    json!({"i": value.to_string()})
}

#[test]
fn elementwise_operations() {
    let mut tiny = Tiny::new()
        .input(&[2, 2], "DT_FLOAT")
        .floats("c", &[2], &[2.0, -1.0])
        .floats("slope", &[2], &[0.5, 0.1])
        .op("sigmoid", "Sigmoid", &["x"], &[])
        .op("softmax", "Softmax", &["x"], &[])
        .op("relu6", "Relu6", &["x"], &[])
        .op("prelu", "Prelu", &["x", "slope"], &[])
        .op("same", "Identity", &["x:0"], &[]);
    for (name, op) in [
        ("add", "AddV2"),
        ("sub", "Sub"),
        ("mul", "Mul"),
        ("div", "RealDiv"),
        ("min", "Minimum"),
    ] {
        tiny = tiny.op(name, op, &["x", "c"], &[]);
    }
    for (name, op) in [
        ("max", "Maximum"),
        ("squares", "SquaredDifference"),
        ("floor", "FloorDiv"),
        ("rest", "FloorMod"),
    ] {
        tiny = tiny.op(name, op, &["x", "c"], &[]);
    }
    let two = |values: [f32; 4]| f32s(&[2, 2], &values);
    let e = 1f32.exp();
    tiny.check(
        two([1.0, 0.0, -3.0, 8.0]),
        &[
            (
                "sigmoid",
                two([0.731_058_6, 0.5, 0.047_425_87, 0.999_664_6]),
            ),
            (
                "softmax",
                two([e / (e + 1.0), 1.0 / (e + 1.0), 1.670_142e-5, 0.999_983_3]),
            ),
            ("relu6", two([1.0, 0.0, 0.0, 6.0])),
            ("prelu", two([1.0, 0.0, -1.5, 8.0])),
            ("same", two([1.0, 0.0, -3.0, 8.0])),
            ("add", two([3.0, -1.0, -1.0, 7.0])),
            ("sub", two([-1.0, 1.0, -5.0, 9.0])),
            ("mul", two([2.0, 0.0, -6.0, -8.0])),
            ("div", two([0.5, 0.0, -1.5, -8.0])),
            ("min", two([1.0, -1.0, -3.0, -1.0])),
            ("max", two([2.0, 0.0, 2.0, 8.0])),
            ("squares", two([1.0, 1.0, 25.0, 81.0])),
            ("floor", two([0.0, 0.0, -2.0, -8.0])),
            ("rest", two([1.0, 0.0, 1.0, 0.0])),
        ],
    );
}

/// TensorFlow rounds down and gives the remainder the divisor's sign, for whole numbers too.
#[test]
fn whole_numbers_are_divided_downwards() {
    let tiny = Tiny::new()
        .input(&[4], "DT_INT32")
        .whole("three", &[], &[3])
        .op("floor", "FloorDiv", &["x", "three"], &[])
        .op("rest", "FloorMod", &["x", "three"], &[]);
    tiny.check(
        i32s(&[4], &[7, -7, 2_147_483_647, -1]),
        &[
            ("floor", i32s(&[4], &[2, -3, 715_827_882, -1])),
            ("rest", i32s(&[4], &[1, 2, 1, 2])),
        ],
    );
}

#[test]
fn comparing_and_casting() {
    let tiny = Tiny::new()
        .input(&[3], "DT_FLOAT")
        .floats("one", &[], &[1.0])
        .op("equal", "Equal", &["x", "one"], &[])
        .op(
            "flags",
            "Cast",
            &["equal"],
            &[("DstT", json!({"type": "DT_FLOAT"}))],
        )
        .op(
            "whole",
            "Cast",
            &["x"],
            &[("DstT", json!({"type": "DT_INT32"}))],
        );
    tiny.check(
        f32s(&[3], &[1.0, 2.7, -1.5]),
        &[
            ("flags", f32s(&[3], &[1.0, 0.0, 0.0])),
            ("whole", i32s(&[3], &[1, 2, -1])),
        ],
    );
}

#[test]
fn moving_and_joining_axes() {
    let tiny = Tiny::new()
        .input(&[2, 3], "DT_FLOAT")
        .whole("pads", &[2, 2], &[0, 1, 1, 0])
        .whole("rows", &[1], &[0])
        .whole("last", &[], &[-1])
        .whole("shape", &[3], &[3, -1, 1])
        .op("pad", "Pad", &["x", "pads"], &[])
        .op(
            "mean",
            "Mean",
            &["x", "rows"],
            &[("keep_dims", json!({"b": true}))],
        )
        .op("mean_last", "Mean", &["x", "last"], &[])
        .op("reshape", "Reshape", &["x", "shape"], &[])
        .op(
            "squeeze",
            "Squeeze",
            &["reshape"],
            &[("squeeze_dims", ints(&[-1]))],
        )
        .op("expand", "ExpandDims", &["mean_last", "last"], &[])
        .op("concat", "ConcatV2", &["x", "expand", "last"], &[])
        .op(
            "pack",
            "Pack",
            &["mean_last", "mean_last"],
            &[("axis", int(1))],
        )
        .op(
            "parts",
            "Unpack",
            &["x"],
            &[("axis", int(0)), ("num", int(2))],
        )
        .op("second", "Identity", &["parts:1"], &[]);
    tiny.check(
        f32s(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        &[
            (
                "pad",
                f32s(
                    &[3, 4],
                    &[0.0, 1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 6.0, 0.0, 0.0, 0.0, 0.0],
                ),
            ),
            ("mean", f32s(&[1, 3], &[2.5, 3.5, 4.5])),
            ("mean_last", f32s(&[2], &[2.0, 5.0])),
            ("reshape", f32s(&[3, 2, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
            ("squeeze", f32s(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
            (
                "concat",
                f32s(&[2, 4], &[1.0, 2.0, 3.0, 2.0, 4.0, 5.0, 6.0, 5.0]),
            ),
            ("pack", f32s(&[2, 2], &[2.0, 2.0, 5.0, 5.0])),
            ("parts", f32s(&[3], &[1.0, 2.0, 3.0])),
            ("second", f32s(&[3], &[4.0, 5.0, 6.0])),
        ],
    );
}

fn slice(begin: [i32; 2], end: [i32; 2], step: [i32; 2], masks: &[(&str, Value)]) -> Tiny {
    Tiny::new()
        .input(&[2, 3], "DT_FLOAT")
        .whole("b", &[2], &begin)
        .whole("e", &[2], &end)
        .whole("s", &[2], &step)
        .op("y", "StridedSlice", &["x", "b", "e", "s"], masks)
}

#[test]
fn slicing() {
    let x = || f32s(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let want = |shape: &[i64], values: &[f32]| [("y", f32s(shape, values))];
    slice([0, 1], [2, 3], [1, 1], &[]).check(x(), &want(&[2, 2], &[2.0, 3.0, 5.0, 6.0]));
    slice([0, 0], [2, 3], [1, 2], &[]).check(x(), &want(&[2, 2], &[1.0, 3.0, 4.0, 6.0]));
    slice(
        [9, 9],
        [9, 9],
        [1, 1],
        &[("begin_mask", int(3)), ("end_mask", int(3))],
    )
    .check(x(), &want(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    slice([-1, 0], [9, 2], [1, 1], &[("shrink_axis_mask", int(1))])
        .check(x(), &want(&[2], &[4.0, 5.0]));
    slice(
        [0, 9],
        [1, 9],
        [1, -1],
        &[("begin_mask", int(2)), ("end_mask", int(2))],
    )
    .check(x(), &want(&[1, 3], &[3.0, 2.0, 1.0]));
}

#[test]
fn choosing_by_position() {
    let tiny = Tiny::new()
        .input(&[2, 3], "DT_FLOAT")
        .whole("two", &[], &[2])
        .whole("zero", &[], &[0])
        .whole("one", &[], &[1])
        .whole("rows", &[3], &[1, 0, 1])
        .whole("cells", &[2, 2], &[0, 2, 1, 0])
        .op(
            "top",
            "TopKV2",
            &["x", "two"],
            &[("sorted", json!({"b": true}))],
        )
        .op("where", "Identity", &["top:1"], &[])
        .op("rows_of", "GatherV2", &["x", "rows", "zero"], &[])
        .op("cells_of", "GatherNd", &["x", "cells"], &[])
        .op("best", "ArgMax", &["x", "one"], &[]);
    tiny.check(
        f32s(&[2, 3], &[1.0, 9.0, 3.0, 8.0, 5.0, 6.0]),
        &[
            ("top", f32s(&[2, 2], &[9.0, 3.0, 8.0, 6.0])),
            ("where", i32s(&[2, 2], &[1, 2, 0, 2])),
            (
                "rows_of",
                f32s(&[3, 3], &[8.0, 5.0, 6.0, 1.0, 9.0, 3.0, 8.0, 5.0, 6.0]),
            ),
            ("cells_of", f32s(&[2], &[3.0, 8.0])),
            ("best", i32s(&[2], &[1, 0])),
        ],
    );
}
