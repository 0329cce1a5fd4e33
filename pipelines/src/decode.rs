//! How pictures are decoded: by which engine, with what hardware, and how many of them.

use goshawk_proto::settings::Value;

/// The library that takes a source apart and decodes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// FFmpeg for local files and GStreamer for all else, and the other one where that cannot make a
    /// single picture of the source.
    #[default]
    Auto,
    /// GStreamer alone.
    Gstreamer,
    /// FFmpeg alone. Video devices of this machine are read by GStreamer all the same.
    Ffmpeg,
}

/// Decoders in hardware, for GStreamer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hardware {
    /// The processor decodes.
    #[default]
    Off,
    /// Whatever there is: VA-API, then NVDEC, then V4L2.
    Auto,
    /// VA-API: Intel and AMD graphics.
    Vaapi,
    /// V4L2 memory-to-memory devices: boards such as the Raspberry Pi.
    V4l2,
    /// NVDEC: Nvidia graphics.
    Nvdec,
}

/// What a source is decoded with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeSettings {
    /// See [`Engine`].
    pub engine: Engine,
    /// See [`Hardware`]. Where the wanted hardware is missing, or makes no picture, the
    /// processor decodes.
    pub hardware: Hardware,
}

/// Which pictures of a live source are decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decoding {
    /// All.
    #[default]
    All,
    /// Those that need no other: about a twentieth of the work. Going back to all of them takes
    /// effect with the next key frame.
    KeyFrames,
}

impl Value for Engine {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "gstreamer" => Ok(Self::Gstreamer),
            "ffmpeg" => Ok(Self::Ffmpeg),
            other => Err(format!("`{other}` is none of auto, gstreamer and ffmpeg")),
        }
    }
}

impl Value for Hardware {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "auto" => Ok(Self::Auto),
            "vaapi" => Ok(Self::Vaapi),
            "v4l2" => Ok(Self::V4l2),
            "nvdec" => Ok(Self::Nvdec),
            other => Err(format!(
                "`{other}` is none of off, auto, vaapi, v4l2 and nvdec"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_others_refused() {
        assert_eq!(Engine::parse("ffmpeg"), Ok(Engine::Ffmpeg));
        assert_eq!(Hardware::parse("nvdec"), Ok(Hardware::Nvdec));
        assert!(Engine::parse("vlc").unwrap_err().contains("gstreamer"));
        assert!(Hardware::parse("gpu").unwrap_err().contains("vaapi"));
    }
}
