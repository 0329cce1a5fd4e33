//! The reading thread: packets in, frames into the mailbox.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ffmpeg_next::{Error, Packet, Rational, error::EAGAIN, format::context::Input, frame::Video};

use super::{
    arrivals::Arrivals,
    fault, input,
    input::Place,
    pictures::{self, Pictures},
};
use crate::{
    classify::Progress,
    clock::{FrameClock, Stamp},
    error::SourceError,
    frame::Frame,
    gate::{Gate, Passage},
    live,
    mailbox::Mailbox,
    request::SourceRequest,
};

/// How long to wait where FFmpeg says that there is nothing yet.
const NAP: Duration = Duration::from_millis(10);
/// Packets in a row that cannot be read; after these the source is called broken.
const MOST_BAD_PACKETS: u32 = 1000;

/// Everything that the thread needs.
pub(super) struct Work {
    place: Place,
    request: SourceRequest,
    mailbox: Arc<Mailbox>,
    /// When FFmpeg last gave anything: a wait for more is broken off after the time-out.
    alive: Arc<Mutex<Instant>>,
    started: Instant,
}

/// The decoding side.
struct Decoder {
    pictures: Pictures,
    gate: Gate,
    clock: FrameClock,
    arrivals: Arrivals,
    base: Rational,
    /// Frames are held until the clock says so, from this moment on.
    paced_from: Option<Option<(Instant, Duration)>>,
}

/// Nobody wants more.
struct Stopped;

impl Work {
    pub fn new(request: &SourceRequest, mailbox: Arc<Mailbox>) -> Result<Self, SourceError> {
        Ok(Self {
            place: Place::of(request)?,
            request: request.clone(),
            mailbox,
            alive: Arc::new(Mutex::new(Instant::now())),
            started: Instant::now(),
        })
    }

    /// Reads to the end, an error or a stop.
    pub fn run(self) {
        match self.read() {
            Ok(()) => self.mailbox.end(),
            Err(error) => {
                let progress = Progress {
                    live: self.request.is_live(),
                    has_frames: self.mailbox.has_frames(),
                };
                let error = fault::explain(error, &self.request.reference, progress);
                self.mailbox.fail(error);
                self.mailbox.end();
            }
        }
    }

    fn read(&self) -> Result<(), Error> {
        let mut input = self.open()?;
        let width = self.request.rendition_width;
        let index = input::choose_video(&mut input, width).ok_or(Error::StreamNotFound)?;
        self.mailbox.contact();
        if !self.request.is_live()
            && self.mailbox.gauge().duration().is_none()
            && let Some(length) = input::length(&input)
        {
            self.mailbox.gauge().set_duration(length);
        }
        let mut decoder = self.decoder(&input, index)?;
        while let Some(packet) = self.next_packet(&mut input)? {
            if packet.stream() == index && self.decode(&mut decoder, Some(&packet))?.is_err() {
                return Ok(());
            }
        }
        // What the decoder still holds.
        self.decode(&mut decoder, None).map(|_| ())
    }

    fn open(&self) -> Result<Input, Error> {
        let (mailbox, alive) = (Arc::clone(&self.mailbox), Arc::clone(&self.alive));
        let timeout = self.request.timeout;
        self.place.open(move || {
            let alive = *alive.lock().unwrap_or_else(PoisonError::into_inner);
            mailbox.is_stopped() || alive.elapsed() > timeout
        })
    }

    fn decoder(&self, input: &Input, index: usize) -> Result<Decoder, Error> {
        let stream = input.stream(index).ok_or(Error::StreamNotFound)?;
        let live = self.request.is_live();
        let threads = match self.request.decoder_threads {
            0 if live => 1,
            wanted => wanted,
        };
        Ok(Decoder {
            pictures: Pictures::of(&stream, threads)?,
            gate: Gate::new(None),
            clock: if live {
                FrameClock::live()
            } else {
                FrameClock::file()
            },
            arrivals: Arrivals::default(),
            base: stream.time_base(),
            // What comes over HTTP may be a recording: the clock keeps it from running ahead.
            paced_from: (live && !live::is_rtsp(&self.request)).then_some(None),
        })
    }

    /// The next packet; `None` at the end or when stopped.
    fn next_packet(&self, input: &mut Input) -> Result<Option<Packet>, Error> {
        for _ in 0..MOST_BAD_PACKETS {
            if self.mailbox.is_stopped() {
                return Ok(None);
            }
            *self.alive.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            let mut packet = Packet::empty();
            match packet.read(input) {
                Ok(()) => return Ok(Some(packet)),
                Err(Error::Eof) => return Ok(None),
                Err(Error::InvalidData) => {}
                Err(Error::Other { errno: EAGAIN }) => std::thread::sleep(NAP),
                Err(error) => return Err(error),
            }
        }
        Err(Error::InvalidData)
    }

    /// Decodes a packet, or what is left at the end, into the mailbox.
    fn decode(
        &self,
        to: &mut Decoder,
        packet: Option<&Packet>,
    ) -> Result<Result<(), Stopped>, Error> {
        if let Some(packet) = packet {
            let at = pictures::time(packet.dts().or(packet.pts()), to.base);
            let gauge = self.mailbox.gauge();
            gauge.packet(packet.size(), packet.is_key(), at);
            let wanted = self.mailbox.wanted();
            let passage = to
                .gate
                .handle_picture(packet.is_key(), Duration::ZERO, wanted);
            if passage != Passage::Decode {
                return Ok(Ok(()));
            }
        }
        to.pictures.send(packet);
        while let Some((stamp, picture)) = to.pictures.receive()? {
            if let Err(stopped) = self.give(to, stamp, picture) {
                return Ok(Err(stopped));
            }
        }
        Ok(Ok(()))
    }

    /// Puts a picture into the mailbox, when it is due.
    fn give(&self, from: &mut Decoder, stamp: Option<i64>, picture: Video) -> Result<(), Stopped> {
        let place = pictures::time(stamp, from.base);
        if let (Some(start), Some(place)) = (from.paced_from.as_mut(), place) {
            let (moment, first) = *start.get_or_insert((Instant::now(), place));
            self.mailbox
                .sleep_until(moment + place.saturating_sub(first));
        }
        let running = self.started.elapsed();
        let stamp = Stamp {
            place,
            arrival: place.map(|place| from.arrivals.of(place, running)),
            running: Some(running),
            ..Stamp::default()
        };
        let times = from.clock.stamp(stamp);
        let number = self.mailbox.next_number();
        match Frame::from_picture(picture, number, times, self.request.rotation) {
            Ok(frame) => self.mailbox.put(frame).then_some(()).ok_or(Stopped),
            Err(error) => {
                self.mailbox.fail(error);
                Err(Stopped)
            }
        }
    }
}
