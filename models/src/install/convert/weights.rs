//! Reads a TFJS model's weight files, undoing the quantisation they may be stored with.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::ConvertError;

/// The most bytes all weight files of a model may have together.
const MAX_WEIGHT_BYTES: usize = 512 << 20;

/// Files that are read as one, and the tensors in them, one behind the other.
#[derive(Debug, Deserialize)]
pub struct WeightGroup {
    /// Paths relative to the document.
    pub paths: Vec<String>,
    weights: Vec<Weight>,
}

#[derive(Debug, Deserialize)]
struct Weight {
    name: String,
    shape: Vec<usize>,
    dtype: String,
    quantization: Option<Quantization>,
}

/// How values are stored: as `dtype`, to be multiplied by `scale` and moved by `min`.
#[derive(Debug, Deserialize)]
struct Quantization {
    dtype: String,
    scale: Option<f32>,
    min: Option<f32>,
}

/// A constant tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The values, the last axis running fastest.
    pub data: Data,
}

/// A constant's values.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// 32-bit floating point.
    F32(Vec<f32>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// 64-bit integers; TFJS has none, ONNX wants them for shapes and axes.
    I64(Vec<i64>),
    /// True or false.
    Bool(Vec<bool>),
}

impl Constant {
    /// A vector of 64-bit integers.
    pub fn i64s(values: &[i64]) -> Self {
        Self {
            shape: vec![values.len()],
            data: Data::I64(values.to_vec()),
        }
    }

    /// A single number.
    pub fn scalar(value: f32) -> Self {
        Self {
            shape: Vec::new(),
            data: Data::F32(vec![value]),
        }
    }

    /// The values where they are whole numbers.
    pub fn ints(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::I32(values) => Some(values.iter().map(|v| i64::from(*v)).collect()),
            Data::I64(values) => Some(values.clone()),
            Data::F32(_) | Data::Bool(_) => None,
        }
    }

    /// The values where they are floating-point numbers.
    pub fn floats(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(values) => Some(values),
            _ => None,
        }
    }
}

/// Reads all weights. `shard` gives a weight file's content by its path.
pub fn read(
    groups: &[WeightGroup],
    shard: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<BTreeMap<String, Constant>, ConvertError> {
    let mut constants = BTreeMap::new();
    let mut total = 0;
    for group in groups {
        let mut bytes = Vec::new();
        for path in &group.paths {
            let part = shard(path).map_err(|reason| ConvertError::Shard {
                path: path.clone(),
                reason,
            })?;
            total += part.len();
            if total > MAX_WEIGHT_BYTES {
                return Err(ConvertError::TooLarge {
                    what: "bytes of weights",
                    found: total,
                    limit: MAX_WEIGHT_BYTES,
                });
            }
            bytes.extend_from_slice(&part);
        }
        let mut rest = bytes.as_slice();
        for weight in &group.weights {
            constants.insert(weight.name.clone(), weight.take(&mut rest)?);
        }
        if !rest.is_empty() {
            let name = group.paths.join(", ");
            return Err(ConvertError::Weights {
                name,
                what: format!("{} bytes are left over", rest.len()),
            });
        }
    }
    Ok(constants)
}

impl Weight {
    fn wrong(&self, what: impl Into<String>) -> ConvertError {
        ConvertError::Weights {
            name: self.name.clone(),
            what: what.into(),
        }
    }

    /// Takes this tensor's bytes off the front of `rest`.
    fn take(&self, rest: &mut &[u8]) -> Result<Constant, ConvertError> {
        let stored = self
            .quantization
            .as_ref()
            .map_or(self.dtype.as_str(), |q| q.dtype.as_str());
        let size = match stored {
            "float32" | "int32" => 4,
            "float16" | "uint16" => 2,
            "uint8" | "bool" => 1,
            other => return Err(self.wrong(format!("element type {other} is not converted"))),
        };
        let count = self.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        let length = count
            .and_then(|n| n.checked_mul(size))
            .filter(|n| *n <= rest.len());
        let Some(length) = length else {
            return Err(self.wrong(format!(
                "the file ends before a tensor of shape {:?} does",
                self.shape
            )));
        };
        let (bytes, tail) = rest.split_at(length);
        *rest = tail;
        let data = match &self.quantization {
            Some(q) if q.dtype != "float32" && q.dtype != "int32" => self.dequantise(q, bytes)?,
            _ => self.plain(bytes)?,
        };
        Ok(Constant {
            shape: self.shape.clone(),
            data,
        })
    }

    fn plain(&self, bytes: &[u8]) -> Result<Data, ConvertError> {
        match self.dtype.as_str() {
            "float32" => Ok(Data::F32(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| f32::from_le_bytes(*b))
                    .collect(),
            )),
            "int32" => Ok(Data::I32(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| i32::from_le_bytes(*b))
                    .collect(),
            )),
            "bool" => Ok(Data::Bool(bytes.iter().map(|b| *b != 0).collect())),
            other => Err(self.wrong(format!("element type {other} is not converted"))),
        }
    }

    fn dequantise(&self, q: &Quantization, bytes: &[u8]) -> Result<Data, ConvertError> {
        let halves = || {
            bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|b| u16::from_le_bytes(*b))
        };
        let values: Vec<f32> = match q.dtype.as_str() {
            "float16" => halves().map(f16_to_f32).collect(),
            "uint16" => self.linear(q, halves().map(f32::from))?,
            "uint8" => self.linear(q, bytes.iter().map(|b| f32::from(*b)))?,
            other => return Err(self.wrong(format!("quantisation {other} is not converted"))),
        };
        match self.dtype.as_str() {
            "float32" => Ok(Data::F32(values)),
            "int32" => Ok(Data::I32(values.iter().map(|v| v.round() as i32).collect())),
            other => Err(self.wrong(format!("quantised {other} is not converted"))),
        }
    }

    fn linear(
        &self,
        q: &Quantization,
        values: impl Iterator<Item = f32>,
    ) -> Result<Vec<f32>, ConvertError> {
        let (Some(scale), Some(min)) = (q.scale, q.min) else {
            return Err(self.wrong("the quantisation has no scale or no minimum"));
        };
        Ok(values.map(|v| v * scale + min).collect())
    }
}

/// IEEE 754 half precision to single; exact.
fn f16_to_f32(half: u16) -> f32 {
    let sign = u32::from(half >> 15) << 31;
    let exponent = u32::from(half >> 10) & 0x1f;
    let mantissa = u32::from(half) & 0x3ff;
    match exponent {
        // Zero and subnormal numbers: mantissa * 2^-24.
        0 => f32::from_bits(sign | (mantissa as f32 * 2f32.powi(-24)).to_bits()),
        // Infinity and what is not a number.
        31 => f32::from_bits(sign | 0x7f80_0000 | mantissa << 13),
        // The exponents' biases are 15 and 127.
        _ => f32::from_bits(sign | (exponent + 127 - 15) << 23 | mantissa << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_exact() {
        let table = [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 2f32.powi(-24)),
            (0x03ff, 1023.0 * 2f32.powi(-24)),
            (0x0400, 2f32.powi(-14)),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
        ];
        for (half, want) in table {
            assert_eq!(
                f16_to_f32(half).to_bits(),
                f32::to_bits(want),
                "{half:#06x}"
            );
        }
        assert!(f16_to_f32(0x7e00).is_nan());
    }

    fn group(json: serde_json::Value) -> Vec<WeightGroup> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn quantised_weights_are_restored() {
        let groups = group(serde_json::json!([{"paths": ["a", "b"], "weights": [
            {"name": "bytes", "shape": [2], "dtype": "float32",
             "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0}},
            {"name": "words", "shape": [2], "dtype": "int32",
             "quantization": {"dtype": "uint16", "scale": 2.0, "min": 3.0}},
            {"name": "plain", "shape": [], "dtype": "int32"},
            {"name": "flags", "shape": [3], "dtype": "bool"}]}]));
        let mut shard = |path: &str| {
            Ok(if path == "a" {
                vec![0, 4, 1]
            } else {
                vec![0, 0, 1, 7, 0, 0, 0, 0, 1, 1]
            })
        };
        let weights = read(&groups, &mut shard).unwrap();
        assert_eq!(weights["bytes"].data, Data::F32(vec![-1.0, 1.0]));
        assert_eq!(weights["words"].data, Data::I32(vec![5, 515]));
        assert_eq!(weights["plain"].data, Data::I32(vec![7]));
        assert_eq!(weights["flags"].data, Data::Bool(vec![false, true, true]));
    }

    #[test]
    fn files_too_short_or_too_long_are_refused() {
        let groups = group(serde_json::json!([{"paths": ["a"], "weights": [
            {"name": "x", "shape": [2], "dtype": "float32"}]}]));
        for length in [0, 7, 9, 12] {
            assert!(matches!(
                read(&groups, &mut |_| Ok(vec![0; length])),
                Err(ConvertError::Weights { .. })
            ));
        }
        assert!(matches!(
            read(&groups, &mut |_| Err("gone".into())),
            Err(ConvertError::Shard { .. })
        ));
        let huge = group(serde_json::json!([{"paths": ["a"], "weights": [
            {"name": "x", "shape": [usize::MAX, 2], "dtype": "float32"}]}]));
        assert!(matches!(
            read(&huge, &mut |_| Ok(vec![0; 8])),
            Err(ConvertError::Weights { .. })
        ));
    }
}
