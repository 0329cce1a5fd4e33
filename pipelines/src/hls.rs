//! One rendition of an HLS programme: the one whose width is nearest to what the stream prefers.
//!
//! GStreamer's demuxer chooses by bandwidth and changes its mind while it plays, which would
//! change the picture's size under the tracker. So the master playlist is cut down to one
//! rendition on its way into the demuxer (RFC 8216, section 4.3.4).

use std::sync::{Mutex, PoisonError};

use gstreamer::{self as gst, prelude::*};

/// A longer playlist is no master playlist, and goes through as it is.
const MOST_BYTES: usize = 1 << 20;

/// Announces a rendition, whose address is the next line that is no comment.
const RENDITION: &str = "#EXT-X-STREAM-INF:";
/// Renditions for fast winding; they go.
const WINDING: &str = "#EXT-X-I-FRAME-STREAM-INF:";

/// A master playlist with only the rendition nearest to `width` pixels, or `None` where there is
/// nothing to choose: it is no master playlist, or does not say how wide its renditions are.
/// Of several equally near ones the first is kept, which is the one that its maker recommends.
fn keep_nearest(playlist: &str, width: u32) -> Option<String> {
    let widths = playlist
        .lines()
        .filter_map(|line| line.strip_prefix(RENDITION));
    let nearest = widths
        .enumerate()
        .filter_map(|(index, attributes)| Some((index, width_of(attributes)?)))
        .min_by_key(|(_, offered)| offered.abs_diff(width))?;
    let (mut kept, mut seen, mut leaving) = (String::new(), 0, false);
    for line in playlist.lines() {
        if line.starts_with(RENDITION) {
            leaving = seen != nearest.0;
            seen += 1;
        } else if leaving && !line.starts_with('#') && !line.trim().is_empty() {
            // The address of a rendition that goes.
            leaving = false;
            continue;
        }
        if !leaving && !line.starts_with(WINDING) {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    Some(kept)
}

/// The width in an attribute list, as in `BANDWIDTH=1280000,RESOLUTION=720x576`.
fn width_of(attributes: &str) -> Option<u32> {
    let mut quoted = false;
    let mut parts = attributes.split(|c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    let size = parts.find_map(|part| part.trim().strip_prefix("RESOLUTION="))?;
    let (width, _) = size.split_once(['x', 'X'])?;
    width.trim().parse().ok()
}

/// Cuts the playlist that flows into a demuxer down to one rendition.
pub(crate) fn choose_rendition(demuxer: &gst::Element, width: u32) {
    let Some(pad) = demuxer.static_pad("sink") else {
        return;
    };
    // What has come of the playlist; `None` once it has been passed on.
    let collected = Mutex::new(Some(Vec::new()));
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(kinds, move |pad, info| {
        let mut held = collected.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bytes) = held.as_mut() else {
            return gst::PadProbeReturn::Ok;
        };
        if let Some(buffer) = info.buffer() {
            if let Ok(map) = buffer.map_readable() {
                bytes.extend_from_slice(&map);
            }
            if bytes.len() <= MOST_BYTES {
                return gst::PadProbeReturn::Drop;
            }
        } else if !info
            .event()
            .is_some_and(|event| event.type_() == gst::EventType::Eos)
        {
            return gst::PadProbeReturn::Ok;
        }
        let bytes = held.take().unwrap_or_default();
        drop(held);
        let at_end = info.event().is_some();
        let passed = pad.chain(gst::Buffer::from_mut_slice(cut_down(bytes, width)));
        if let Err(error) = passed {
            tracing::debug!(%error, "the demuxer does not take its playlist");
        }
        // The buffer that made it too long is in what was passed on.
        if at_end {
            gst::PadProbeReturn::Ok
        } else {
            gst::PadProbeReturn::Drop
        }
    });
}

fn cut_down(bytes: Vec<u8>, width: u32) -> Vec<u8> {
    let text = std::str::from_utf8(&bytes).ok();
    let kept = text.and_then(|text| keep_nearest(text, width));
    kept.map_or(bytes, String::into_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MASTER: &str = "#EXTM3U\n#EXT-X-VERSION:4\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"RESOLUTION=1x1\",URI=\"a.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=800000,CODECS=\"avc1,RESOLUTION=800x1\",RESOLUTION=640x360\n\
        # a comment\nlow.m3u8\n\
        #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,RESOLUTION=800x450,URI=\"wind\"\n\
        #EXT-X-STREAM-INF:RESOLUTION=1280x720,BANDWIDTH=2000000\nmid.m3u8\n\
        #EXT-X-STREAM-INF:BANDWIDTH=5000000,RESOLUTION=1920x1080\n\nhigh.m3u8\n";

    #[test]
    fn the_nearest_width_is_kept() {
        for (width, expect) in [
            (0, "low"),
            (640, "low"),
            (800, "low"),
            (1000, "mid"),
            (1280, "mid"),
            (9999, "high"),
        ] {
            let kept = keep_nearest(MASTER, width).unwrap();
            for name in ["low", "mid", "high"] {
                let there = kept.contains(&format!("{name}.m3u8"));
                assert_eq!(there, name == expect, "{width}: {kept}");
            }
            assert!(kept.starts_with("#EXTM3U\n") && kept.contains("TYPE=AUDIO"));
            assert!(!kept.contains("wind"));
            assert_eq!(kept.matches(RENDITION).count(), 1, "{kept}");
        }
    }

    #[test]
    fn without_widths_there_is_no_choice() {
        let media = "#EXTM3U\n#EXTINF:4,\na.ts\n";
        assert_eq!(keep_nearest(media, 800), None);
        let unsized_ = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n";
        assert_eq!(keep_nearest(unsized_, 800), None);
        assert_eq!(cut_down(b"\xff\xfe".to_vec(), 800), b"\xff\xfe");
    }

    proptest! {
        #[test]
        fn one_rendition_is_left_whatever_there_is(
            widths in prop::collection::vec(1u32..4000, 1..12),
            wanted in 0u32..4000,
        ) {
            let mut playlist = String::from("#EXTM3U\n");
            for (index, width) in widths.iter().enumerate() {
                playlist += &format!("{RENDITION}BANDWIDTH=1,RESOLUTION={width}x9\n{index}.m3u8\n");
            }
            let kept = keep_nearest(&playlist, wanted).unwrap();
            let best = widths.iter().map(|width| width.abs_diff(wanted)).min().unwrap();
            let left: Vec<&str> = kept.lines().filter(|line| line.ends_with(".m3u8")).collect();
            prop_assert_eq!(left.len(), 1);
            let index: usize = left[0].trim_end_matches(".m3u8").parse().unwrap();
            prop_assert_eq!(widths[index].abs_diff(wanted), best);
        }
    }
}
