//! Opening what FFmpeg reads, and choosing the video in it.

use std::time::Duration;

use ffmpeg_next::{Dictionary, Discard, Error, format::context::Input, media, util::log};
use goshawk_proto::stream::SourceKind;

use crate::{error::SourceError, file, live, redacted::Redacted, request::SourceRequest};

/// What an address may lead to. Nothing that comes from outside leads to a file of this machine.
const NETWORK: &str = "http,https,tcp,udp,rtp,tls,crypto,hls,rtsp,rtsps";

/// Starts FFmpeg, any number of times.
pub(super) fn initialise() -> Result<(), SourceError> {
    let failed = |error: Error| SourceError::other(format!("FFmpeg does not start: {error}"));
    ffmpeg_next::init().map_err(failed)?;
    // It writes to stderr by itself; everything worth saying is in the results.
    log::set_level(log::Level::Quiet);
    Ok(())
}

/// What to open.
#[derive(Clone)]
pub(super) struct Place {
    /// With credentials.
    address: String,
    options: Vec<(&'static str, String)>,
}

impl Place {
    /// The place that a request names.
    pub fn of(request: &SourceRequest) -> Result<Self, SourceError> {
        if request.is_http() || live::is_rtsp(request) {
            return Ok(Self::remote(request));
        }
        let path = file::path_of(&request.reference)?;
        let absolute = path.canonicalize().unwrap_or(path);
        let text = absolute.to_str().filter(|text| !text.contains('\0'));
        let text = text.ok_or_else(|| SourceError::other("the file's path is not UTF-8"))?;
        Ok(Self {
            // With the scheme written out, no name can be taken for another protocol.
            address: format!("file:{text}"),
            options: vec![("protocol_whitelist", "file".to_owned())],
        })
    }

    fn remote(request: &SourceRequest) -> Self {
        let micros = request.timeout.as_micros().to_string();
        let mut options = vec![
            ("protocol_whitelist", NETWORK.to_owned()),
            ("rw_timeout", micros.clone()),
        ];
        if live::is_rtsp(request) {
            let transport = match request.kind {
                SourceKind::Udp => "udp",
                _ => "tcp",
            };
            options.push(("rtsp_transport", transport.to_owned()));
            options.push(("stimeout", micros.clone()));
            options.push(("timeout", micros));
            options.push(("allowed_media_types", "video".to_owned()));
        } else {
            options.push(("tls_verify", "1".to_owned()));
        }
        Self {
            address: with_credentials(&request.reference),
            options,
        }
    }

    /// Opens it; `interrupt` ends a wait when it gives true.
    pub fn open(&self, interrupt: impl FnMut() -> bool + Send + 'static) -> Result<Input, Error> {
        let mut options = Dictionary::new();
        for (name, value) in &self.options {
            options.set(name, value);
        }
        ffmpeg_next::format::input_with_interrupt_and_dictionary(&self.address, interrupt, options)
    }
}

/// The address with its credentials written as FFmpeg reads them, whatever an operator left
/// unescaped in them.
fn with_credentials(reference: &Redacted) -> String {
    let bare = reference.without_userinfo();
    let Some(credentials) = reference.credentials() else {
        return bare;
    };
    let Some((scheme, rest)) = bare.split_once("://") else {
        return bare;
    };
    let (user, password) = (
        percent_encode(&credentials.user),
        percent_encode(&credentials.password),
    );
    format!("{scheme}://{user}:{password}@{rest}")
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The video to decode: of several renditions the one whose width is nearest to `width`, and of
/// equally wide ones FFmpeg's choice. The other streams are not read.
pub(super) fn choose_video(input: &mut Input, width: u32) -> Option<usize> {
    let best = input.streams().best(media::Type::Video)?.index();
    let renditions = input.format().name().split(',').any(|name| name == "hls");
    let chosen = if renditions {
        let offers = input.streams().filter_map(|stream| {
            let decoder = ffmpeg_next::codec::Context::from_parameters(stream.parameters()).ok()?;
            let offered = decoder.decoder().video().ok()?.width();
            Some((stream.index(), offered))
        });
        nearest(offers.collect(), best, width)
    } else {
        best
    };
    for mut stream in input.streams_mut() {
        if stream.index() != chosen {
            discard(&mut stream);
        }
    }
    Some(chosen)
}

/// Of (index, width) the index whose width is nearest; `best` where several are.
fn nearest(mut offers: Vec<(usize, u32)>, best: usize, width: u32) -> usize {
    offers.retain(|(_, offered)| *offered > 0);
    let key = |offer: &(usize, u32)| (offer.1.abs_diff(width), offer.0 != best, offer.0);
    offers
        .into_iter()
        .min_by_key(key)
        .map_or(best, |offer| offer.0)
}

#[expect(unsafe_code, reason = "the binding has no setter for this field")]
fn discard(stream: &mut ffmpeg_next::StreamMut<'_>) {
    // SAFETY: the stream belongs to an open input that is borrowed mutably, and the field is one
    // that callers are meant to set (libavformat/avformat.h, `AVStream.discard`).
    unsafe {
        (*stream.as_mut_ptr()).discard = Discard::All.into();
    }
}

/// Length of the media, where its container says it.
pub(super) fn length(input: &Input) -> Option<Duration> {
    let micros = u64::try_from(input.duration()).ok()?;
    (micros > 0).then(|| Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_passwords_are_escaped() {
        let address = with_credentials(&Redacted::new("rtsp://admin:p@s:s@host:1/x?a=b"));
        assert_eq!(address, "rtsp://admin:p%40s%3As@host:1/x?a=b");
        assert_eq!(
            with_credentials(&Redacted::new("http://host/x")),
            "http://host/x"
        );
    }

    #[test]
    fn the_nearest_rendition_is_taken_and_ffmpegs_choice_where_several_are() {
        let offers = vec![(0, 640), (2, 1280), (4, 1280), (5, 0)];
        assert_eq!(nearest(offers.clone(), 4, 800), 0);
        assert_eq!(nearest(offers.clone(), 4, 1100), 4);
        assert_eq!(nearest(offers, 0, 1100), 2);
        assert_eq!(nearest(vec![(3, 0)], 3, 800), 3);
    }
}
