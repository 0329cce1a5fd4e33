//! What models are computed on.

use std::{fmt, str::FromStr};

use goshawk_proto::settings::Value;
use ort::ep::{CUDA, ExecutionProviderDispatch, OpenVINO, TensorRT};

/// Something that runs models; the ONNX Runtime library must have been built with it.
///
/// As text: `cpu`, `cuda`, `cuda:1` (the second device), `tensorrt`, `tensorrt:1`, `openvino`,
/// `openvino:GPU` (its name for a device).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provider {
    /// The processor. It is always there, and what the others cannot do falls to it.
    Cpu,
    /// NVIDIA's CUDA.
    Cuda {
        /// Which device, counted from 0.
        device: u32,
    },
    /// NVIDIA's TensorRT, which compiles each model for the device when it is opened: minutes
    /// the first time.
    TensorRt {
        /// Which device, counted from 0.
        device: u32,
    },
    /// Intel's OpenVINO.
    OpenVino {
        /// Its name for the device, such as `CPU`, `GPU` or `NPU`.
        device: String,
    },
}

/// A text that names no provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown execution provider {0:?}; want cpu, cuda, cuda:DEVICE, tensorrt, tensorrt:DEVICE, openvino or openvino:DEVICE"
)]
pub struct UnknownProvider(pub String);

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, UnknownProvider> {
        let unknown = || UnknownProvider(text.to_owned());
        let (name, device) = match text.split_once(':') {
            Some((name, device)) => (name, Some(device)),
            None => (text, None),
        };
        let number = || device.unwrap_or("0").parse().map_err(|_| unknown());
        match (name, device) {
            ("cpu", None) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda { device: number()? }),
            ("tensorrt", _) => Ok(Self::TensorRt { device: number()? }),
            ("openvino", Some("")) => Err(unknown()),
            ("openvino", device) => Ok(Self::OpenVino {
                device: device.unwrap_or("CPU").to_owned(),
            }),
            _ => Err(unknown()),
        }
    }
}

/// As one item of a setting.
impl Value for Provider {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|error: UnknownProvider| error.to_string())
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda { device } => write!(f, "cuda:{device}"),
            Self::TensorRt { device } => write!(f, "tensorrt:{device}"),
            Self::OpenVino { device } => write!(f, "openvino:{device}"),
        }
    }
}

/// The runtime's own form; each must load or the session is refused.
pub(super) fn dispatch(providers: &[Provider]) -> Vec<ExecutionProviderDispatch> {
    let number = |device: u32| i32::try_from(device).unwrap_or(i32::MAX);
    providers
        .iter()
        .filter_map(|provider| match provider {
            // The runtime adds it itself, last.
            Provider::Cpu => None,
            Provider::Cuda { device } => {
                Some(CUDA::default().with_device_id(number(*device)).build())
            }
            Provider::TensorRt { device } => {
                Some(TensorRT::default().with_device_id(number(*device)).build())
            }
            Provider::OpenVino { device } => {
                Some(OpenVINO::default().with_device_type(device).build())
            }
        })
        .map(ExecutionProviderDispatch::error_on_failure)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_value_agree() {
        for text in ["cpu", "cuda:0", "cuda:3", "tensorrt:1", "openvino:GPU.1"] {
            assert_eq!(text.parse::<Provider>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(Provider::Cuda { device: 0 }));
        for text in [
            "",
            "gpu",
            "cuda:",
            "cuda:x",
            "cuda:-1",
            "cpu:0",
            "openvino:",
        ] {
            let error = text.parse::<Provider>().unwrap_err().to_string();
            assert!(error.contains(&format!("{text:?}")), "{error}");
        }
    }
}
