//! FFmpeg's decoder, and its pictures in a format that frames are read in.

use std::time::Duration;

use ffmpeg_next::{
    Error, Packet, Rational, Stream,
    codec::{self, threading},
    color::{Range, Space},
    decoder,
    frame::Video,
    software::scaling,
};

use crate::frame::picture;

/// Decodes one stream.
pub(super) struct Pictures {
    decoder: decoder::Video,
    converter: Option<scaling::Context>,
}

impl Pictures {
    /// A decoder for a stream. `threads` of 0 is the decoder's own choice.
    pub fn of(stream: &Stream<'_>, threads: u32) -> Result<Self, Error> {
        let mut context = codec::Context::from_parameters(stream.parameters())?;
        context.set_threading(threading::Config {
            kind: threading::Type::Frame,
            count: threads as usize,
            ..threading::Config::default()
        });
        Ok(Self {
            decoder: context.decoder().video()?,
            converter: None,
        })
    }

    /// Gives the decoder a packet, or its end. One that it cannot make anything of is skipped, as
    /// players do; a source in which that is true of all has no pictures, which is told at its
    /// end.
    pub fn send(&mut self, packet: Option<&Packet>) {
        let sent = match packet {
            Some(packet) => self.decoder.send_packet(packet),
            None => self.decoder.send_eof(),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "the decoder refuses a packet");
        }
    }

    /// The next picture with its time stamp, if one is ready.
    pub fn receive(&mut self) -> Result<Option<(Option<i64>, Video)>, Error> {
        let mut picture = Video::empty();
        if self.decoder.receive_frame(&mut picture).is_err() {
            return Ok(None);
        }
        let stamp = picture.timestamp();
        Ok(Some((stamp, self.readable(picture)?)))
    }

    /// The picture itself where its format is ours, else a converted one.
    fn readable(&mut self, picture: Video) -> Result<Video, Error> {
        if picture::is_readable(&picture) {
            return Ok(picture);
        }
        let (format, width, height) = (picture.format(), picture.width(), picture.height());
        let flags = scaling::Flags::POINT;
        let to = picture::FALLBACK;
        let converter = match &mut self.converter {
            Some(converter) => {
                converter.cached(format, width, height, to, width, height, flags);
                converter
            }
            none => none.insert(scaling::Context::get(
                format, width, height, to, width, height, flags,
            )?),
        };
        let mut converted = Video::empty();
        converter.run(&picture, &mut converted)?;
        // Luma and chroma keep their meaning; from RGB they are made by BT.601.
        let name = format
            .descriptor()
            .map_or("", |descriptor| descriptor.name());
        if ["yuv", "gray", "nv", "p0", "y2"]
            .iter()
            .any(|luma| name.starts_with(luma))
        {
            converted.set_color_space(picture.color_space());
            converted.set_color_range(picture.color_range());
        } else {
            converted.set_color_space(Space::SMPTE170M);
            converted.set_color_range(Range::MPEG);
        }
        Ok(converted)
    }
}

/// The time that a stamp means; `None` where there is none or it is before the beginning.
pub(super) fn time(stamp: Option<i64>, base: Rational) -> Option<Duration> {
    let seconds = stamp? as f64 * f64::from(base);
    Duration::try_from_secs_f64(seconds).ok()
}
