//! GStreamer's start-up and its plug-ins, with errors that say what to install.

use gstreamer as gst;

use crate::error::SourceError;

/// Elements and the Debian package that holds each.
const ELEMENTS: [(&str, &str); 22] = [
    ("appsink", "gstreamer1.0-plugins-base"),
    ("appsrc", "gstreamer1.0-plugins-base"),
    ("avdec_h264", "gstreamer1.0-libav"),
    ("avdec_h265", "gstreamer1.0-libav"),
    ("avdec_mpeg4", "gstreamer1.0-libav"),
    ("decodebin", "gstreamer1.0-plugins-base"),
    ("filesrc", "gstreamer1.0"),
    ("h264parse", "gstreamer1.0-plugins-bad"),
    ("h265parse", "gstreamer1.0-plugins-bad"),
    ("jpegdec", "gstreamer1.0-plugins-good"),
    ("matroskademux", "gstreamer1.0-plugins-good"),
    ("mp4mux", "gstreamer1.0-plugins-good"),
    ("mpeg4videoparse", "gstreamer1.0-plugins-bad"),
    ("qtdemux", "gstreamer1.0-plugins-good"),
    ("rtph264depay", "gstreamer1.0-plugins-good"),
    ("rtph265depay", "gstreamer1.0-plugins-good"),
    ("rtspsrc", "gstreamer1.0-plugins-good"),
    ("souphttpsrc", "gstreamer1.0-plugins-good"),
    ("uridecodebin", "gstreamer1.0-plugins-base"),
    ("v4l2src", "gstreamer1.0-plugins-good"),
    ("videoconvert", "gstreamer1.0-plugins-base"),
    ("x264enc", "gstreamer1.0-plugins-ugly"),
];
/// What a daemon needs at least.
const NEEDED: [&str; 9] = [
    "appsink",
    "avdec_h264",
    "decodebin",
    "h264parse",
    "matroskademux",
    "qtdemux",
    "rtph264depay",
    "rtspsrc",
    "videoconvert",
];

/// Starts GStreamer (any number of times) and checks the plug-ins that every installation needs.
///
/// # Errors
/// Names the elements that are missing and the Debian packages that hold them.
pub fn check_plugins() -> Result<(), SourceError> {
    start()?;
    let missing: Vec<&str> = NEEDED
        .into_iter()
        .filter(|name| gst::ElementFactory::find(name).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|name| package(name)).collect();
    packages.sort_unstable();
    packages.dedup();
    Err(SourceError::other(format!(
        "GStreamer lacks {}; install {}",
        missing.join(", "),
        packages.join(", ")
    )))
}

/// Starts GStreamer.
pub(crate) fn start() -> Result<(), SourceError> {
    gst::init().map_err(|error| SourceError::other(format!("GStreamer does not start: {error}")))
}

/// Makes an element.
pub(crate) fn make(name: &str) -> Result<gst::Element, SourceError> {
    gst::ElementFactory::make(name).build().map_err(|_| {
        SourceError::other(format!(
            "the GStreamer element `{name}` is missing; install {}",
            package(name)
        ))
    })
}

fn package(element: &str) -> &'static str {
    let known = ELEMENTS.iter().find(|(name, _)| *name == element);
    known.map_or(
        "the GStreamer plug-in packages (good, bad, ugly, libav)",
        |(_, package)| package,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_needed_is_here() {
        check_plugins().unwrap();
    }

    #[test]
    fn a_missing_element_names_its_package() {
        start().unwrap();
        let error = make("no_such_element").unwrap_err();
        assert!(error.message().contains("install"), "{error}");
        assert_eq!(package("rtspsrc"), "gstreamer1.0-plugins-good");
    }
}
