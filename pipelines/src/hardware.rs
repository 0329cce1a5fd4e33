//! Decoders in hardware, where GStreamer has them.
//!
//! Which elements belong to which interface is told by their names; none of them is needed. What
//! is wanted and not there, or does not wake up, leaves the processor to decode.

use gstreamer::{self as gst, glib, prelude::*};

use crate::decode::Hardware;

/// Beginnings of the names of each interface's decoders, in the order in which
/// [`Hardware::Auto`] tries them. Elements of the newer plug-in (`va`, stateless V4L2) go before
/// those of the older one.
const INTERFACES: [(Hardware, &[&str]); 3] = [
    (Hardware::Vaapi, &["va", "vaapi"]),
    (Hardware::Nvdec, &["nv"]),
    (Hardware::V4l2, &["v4l2sl", "v4l2"]),
];

/// Codecs, by the software decoder that is their usual one, and as they occur in names.
const CODECS: [(&str, &str); 6] = [
    ("avdec_h264", "h264"),
    ("avdec_h265", "h265"),
    ("avdec_mpeg4", "mpeg4"),
    ("jpegdec", "jpeg"),
    ("vp8dec", "vp8"),
    ("vp9dec", "vp9"),
];

/// The interfaces that a wish allows, best first.
fn interfaces(wanted: Hardware) -> impl Iterator<Item = &'static [&'static str]> {
    INTERFACES
        .into_iter()
        .filter(move |(interface, _)| wanted == Hardware::Auto || wanted == *interface)
        .map(|(_, names)| names)
}

/// Names that a decoder of `codec` may have, best first.
fn candidates(codec: &str, wanted: Hardware) -> Vec<String> {
    interfaces(wanted)
        .flatten()
        .map(|interface| format!("{interface}{codec}dec"))
        .collect()
}

/// Puts decoders in the order in which they are tried: of the wanted interfaces first, then those
/// of software; hardware that is not wanted is left out. `names` are in GStreamer's own order, and
/// the flag is whether it says of itself that it is hardware. Gives indices.
fn order(names: &[(&str, bool)], wanted: Hardware) -> Vec<usize> {
    let prefixes: Vec<&str> = interfaces(wanted).flatten().copied().collect();
    let place = |name: &str| {
        let decoder = name.ends_with("dec");
        // The longest beginning that fits: `va` also begins `vaapi`.
        let fits = |prefix: &&&str| decoder && name.starts_with(**prefix);
        let longest = prefixes.iter().filter(fits).max_by_key(|p| p.len())?;
        prefixes.iter().position(|prefix| prefix == longest)
    };
    let mut chosen: Vec<(usize, usize)> = Vec::new();
    for (index, (name, is_hardware)) in names.iter().enumerate() {
        match is_hardware.then(|| place(name)) {
            None => chosen.push((usize::MAX, index)),
            Some(Some(place)) => chosen.push((place, index)),
            Some(None) => {}
        }
    }
    chosen.sort_by_key(|(place, _)| *place);
    chosen.into_iter().map(|(_, index)| index).collect()
}

/// A hardware decoder for what `software` decodes, if one is wanted, there, and wakes up.
pub(crate) fn decoder_like(software: &str, wanted: Hardware) -> Option<gst::Element> {
    let (_, codec) = CODECS.iter().find(|(name, _)| *name == software)?;
    let found = candidates(codec, wanted)
        .into_iter()
        .find_map(|name| awake(&name));
    if found.is_none() && wanted != Hardware::Off {
        tracing::debug!(codec, ?wanted, "no such hardware; the processor decodes");
    }
    found
}

/// An element of this name, if it can open its device.
fn awake(name: &str) -> Option<gst::Element> {
    let element = gst::ElementFactory::make(name).build().ok()?;
    let opens = element.set_state(gst::State::Ready).is_ok();
    // Back to sleep: its pipeline will wake it.
    let sleeps = element.set_state(gst::State::Null).is_ok();
    (opens && sleeps).then_some(element)
}

/// Lets an automatic decoder try the wanted hardware before the processor.
pub(crate) fn prefer(decoder: &gst::Element, wanted: Hardware) {
    decoder.connect("autoplug-factories", false, move |values| {
        let caps = values.get(2)?.get::<gst::Caps>().ok()?;
        let fitting = gst::ElementFactory::factories_with_type(
            gst::ElementFactoryType::DECODABLE,
            gst::Rank::NONE,
        )
        .into_iter()
        .filter(|factory| factory.can_sink_any_caps(&caps))
        .filter(|factory| factory.rank() >= gst::Rank::MARGINAL || is_hardware(factory));
        let factories: Vec<gst::ElementFactory> = fitting.collect();
        let names: Vec<glib::GString> = factories.iter().map(|factory| factory.name()).collect();
        let named: Vec<(&str, bool)> = names
            .iter()
            .zip(&factories)
            .map(|(name, factory)| (name.as_str(), is_hardware(factory)))
            .collect();
        let ordered = order(&named, wanted);
        let ordered = ordered.into_iter().map(|index| factories[index].clone());
        Some(glib::ValueArray::new(ordered).to_value())
    });
}

fn is_hardware(factory: &gst::ElementFactory) -> bool {
    factory.has_type(gst::ElementFactoryType::HARDWARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: [(&str, bool); 8] = [
        ("qtdemux", false),
        ("nvh264dec", true),
        ("v4l2h264dec", true),
        ("vaapih264dec", true),
        ("v4l2slh264dec", true),
        ("vah264dec", true),
        ("avdec_h264", false),
        ("openh264dec", false),
    ];

    fn ordered(wanted: Hardware) -> Vec<&'static str> {
        let indices = order(&HERE, wanted);
        indices.into_iter().map(|index| HERE[index].0).collect()
    }

    #[test]
    fn the_wanted_hardware_comes_first_and_other_hardware_not_at_all() {
        let software = ["qtdemux", "avdec_h264", "openh264dec"];
        let with = |names: &[&'static str]| [names, &software[..]].concat();
        assert_eq!(ordered(Hardware::Off), software);
        assert_eq!(ordered(Hardware::Nvdec), with(&["nvh264dec"]));
        assert_eq!(
            ordered(Hardware::Vaapi),
            with(&["vah264dec", "vaapih264dec"])
        );
        assert_eq!(
            ordered(Hardware::V4l2),
            with(&["v4l2slh264dec", "v4l2h264dec"])
        );
        let all = [
            "vah264dec",
            "vaapih264dec",
            "nvh264dec",
            "v4l2slh264dec",
            "v4l2h264dec",
        ];
        assert_eq!(ordered(Hardware::Auto), with(&all));
    }

    #[test]
    fn candidates_are_named_after_codec_and_interface() {
        let h265 = candidates("h265", Hardware::Auto);
        assert_eq!(h265[0], "vah265dec");
        assert!(h265.contains(&"nvh265dec".to_owned()));
        assert!(candidates("h264", Hardware::Off).is_empty());
    }

    #[test]
    fn what_is_not_there_is_not_missed() {
        gst::init().unwrap();
        assert!(awake("no_such_decoder").is_none());
        assert!(decoder_like("avdec_h264", Hardware::Off).is_none());
        assert!(decoder_like("no_such_codec", Hardware::Auto).is_none());
    }
}
