//! A folder of pictures as a source: one frame a file, in the order of the numbers in the mask and
//! then of names.
//!
//! A folder may grow while it is read. When all of its pictures have been given it is looked at
//! again for [`SourceRequest::linger`] before it counts as done, and a picture that is not all
//! there yet is waited for as long as it was written to within that time. What remains broken is
//! skipped with a warning.

mod listing;
mod mask;
mod reading;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use goshawk_proto::{
    picture::Rgb,
    stream::{FailureKind, VideoInfo},
    time::Timestamp,
};

use crate::{
    decode::Decoding,
    error::SourceError,
    file::{self, Pace},
    frame::{Frame, FrameTimes},
    mailbox::{Mailbox, WhenFull},
    request::{Rotation, SourceRequest},
    source::{Source, SourceStats, Stopper},
};
use listing::Listing;
use mask::Mask;

/// How often a folder is looked at for new pictures.
const POLL: Duration = Duration::from_millis(200);
/// A folder that takes long to list is looked at less often: so many times its listing.
const LISTING_SHARE: u32 = 10;

struct FolderSource {
    folder: PathBuf,
    listing: Listing,
    mailbox: Arc<Mailbox>,
    pace: Pace,
    step: Duration,
    rotation: Rotation,
    linger: Duration,
    opened: Timestamp,
    given: u64,
    unreadable: u64,
}

/// Lists the folder.
pub(crate) fn open(request: &SourceRequest) -> Result<Box<dyn Source>, SourceError> {
    let mask = request.mask.as_deref().unwrap_or("*");
    let mask = Mask::new(mask).ok_or_else(|| SourceError::other("the mask is too long"))?;
    let fps = request.real_time_fps;
    let mut source = FolderSource {
        folder: file::path_of(&request.reference)?,
        listing: Listing::new(mask),
        mailbox: Arc::new(Mailbox::new(1, WhenFull::Wait)),
        pace: Pace::new(fps),
        step: Duration::from_secs(1) / if fps == 0 { 1 } else { fps },
        rotation: request.rotation,
        linger: request.linger,
        opened: Timestamp::from_system(SystemTime::now()),
        given: 0,
        unreadable: 0,
    };
    source.look()?;
    if source.listing.len() == 0 && source.linger.is_zero() {
        return Err(source.no_pictures());
    }
    Ok(Box::new(source))
}

impl FolderSource {
    /// Lists the folder; gives how many pictures are new.
    fn look(&mut self) -> Result<usize, SourceError> {
        let shown = self.folder.display();
        let failed = |error: std::io::Error| {
            SourceError::new(FailureKind::NotFound, format!("{shown}: {error}"))
        };
        let entries = std::fs::read_dir(&self.folder).map_err(failed)?;
        // Names that are no text fit no mask.
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let new = self.listing.refresh(names);
        new.map_err(|error| SourceError::other(format!("{shown}: {error}")))
    }

    fn no_pictures(&self) -> SourceError {
        let message = if self.unreadable > 0 {
            "none of the pictures in this folder can be read"
        } else {
            "no pictures in this folder"
        };
        let message = format!("{}: {message}", self.folder.display());
        SourceError::new(FailureKind::NotMedia, message)
    }

    /// Waits for new pictures; `false` when none came in time.
    fn wait_for_more(&mut self) -> Result<bool, SourceError> {
        let until = Instant::now() + self.linger;
        while !self.mailbox.is_stopped() {
            let now = Instant::now();
            if self.look()? > 0 {
                return Ok(true);
            }
            let pause = POLL.max(now.elapsed() * LISTING_SHARE);
            if Instant::now() >= until {
                return Ok(false);
            }
            self.mailbox
                .sleep_until((Instant::now() + pause).min(until));
        }
        Ok(false)
    }

    /// The next picture that can be read, once all of it is there; `None` when there is none left
    /// at the moment, or no more is wanted.
    fn next_picture(&mut self) -> Option<Rgb> {
        while !self.mailbox.is_stopped() {
            let path = self.folder.join(self.listing.first()?);
            if let Some(picture) = reading::read(&path) {
                self.listing.take_first();
                return Some(picture);
            }
            if path.exists() && reading::age(&path) < self.linger {
                self.mailbox.sleep_until(Instant::now() + POLL);
                continue;
            }
            self.listing.take_first();
            self.unreadable += 1;
            tracing::warn!(file = %path.display(), "a picture cannot be read; skipped");
        }
        None
    }

    fn frame(&mut self, picture: Rgb) -> Frame {
        let number = self.given;
        self.given += 1;
        let place = |count: u64| {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.step.saturating_mul(count)
        };
        let media_time = place(number);
        let times = FrameTimes {
            media_time,
            captured_at: self.opened.after(media_time),
            source_time: None,
        };
        let frame = Frame::from_turned_rgb(picture, number, times, self.rotation);
        let gauge = self.mailbox.gauge();
        gauge.set_duration(place(self.given + self.listing.len() as u64));
        gauge.frame(&frame);
        frame
    }
}

impl Source for FolderSource {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        loop {
            if let Some(picture) = self.next_picture() {
                if let Some(due) = self.pace.due(Instant::now()) {
                    self.mailbox.sleep_until(due);
                }
                return Ok(Some(self.frame(picture)));
            }
            if self.mailbox.is_stopped() {
                return Ok(None);
            }
            if !self.wait_for_more()? {
                break;
            }
        }
        if self.mailbox.is_stopped() {
            return Ok(None);
        }
        if self.given == 0 {
            return Err(self.no_pictures());
        }
        self.mailbox.gauge().finish();
        Ok(None)
    }

    fn stopper(&self) -> Stopper {
        Stopper::of(&self.mailbox)
    }

    fn stats(&self) -> SourceStats {
        SourceStats {
            delivered: self.given,
            ..SourceStats::default()
        }
    }

    fn video(&self) -> Option<VideoInfo> {
        self.mailbox.gauge().video()
    }

    fn decode(&mut self, _: Decoding) {}
}
