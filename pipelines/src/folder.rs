//! A folder of pictures as a source: one frame a file, in the order of names.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use goshawk_proto::{geometry::Size, picture::Rgb, stream::FailureKind, time::Timestamp};
use image::{ImageReader, Limits};

use crate::{
    error::SourceError,
    file::{self, Pace},
    frame::{Frame, FrameTimes},
    mailbox::{Mailbox, WhenFull},
    request::{Rotation, SourceRequest},
    source::{Source, SourceStats, Stopper},
};

/// Pictures in one folder; more is refused rather than read into memory.
const MOST_FILES: usize = 1_000_000;
/// Largest side of a picture in pixels.
const LONGEST_SIDE: u32 = 16_384;
/// Memory that decoding one picture may take.
const MOST_BYTES: u64 = 512 << 20;
/// Endings that are taken for pictures.
const ENDINGS: [&str; 8] = ["jpg", "jpeg", "png", "bmp", "ppm", "pgm", "tif", "tiff"];

struct FolderSource {
    files: std::vec::IntoIter<PathBuf>,
    mailbox: Arc<Mailbox>,
    pace: Pace,
    step: Duration,
    rotation: Rotation,
    opened: Timestamp,
    given: u64,
    unreadable: u64,
}

/// Lists the folder.
pub(crate) fn open(request: &SourceRequest) -> Result<Box<dyn Source>, SourceError> {
    let folder = file::path_of(&request.reference)?;
    let files = list(&folder, request.mask.as_deref().unwrap_or("*"))?;
    if files.is_empty() {
        let message = format!("{}: no pictures in this folder", folder.display());
        return Err(SourceError::new(FailureKind::NotMedia, message));
    }
    let fps = request.real_time_fps;
    Ok(Box::new(FolderSource {
        files: files.into_iter(),
        mailbox: Arc::new(Mailbox::new(1, WhenFull::Wait)),
        pace: Pace::new(fps),
        step: Duration::from_secs(1) / if fps == 0 { 1 } else { fps },
        rotation: request.rotation,
        opened: Timestamp::from_system(SystemTime::now()),
        given: 0,
        unreadable: 0,
    }))
}

fn list(folder: &Path, mask: &str) -> Result<Vec<PathBuf>, SourceError> {
    let failed = |error: std::io::Error| {
        SourceError::new(
            FailureKind::NotFound,
            format!("{}: {error}", folder.display()),
        )
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let ending = path
            .extension()
            .map(|e| e.to_string_lossy().to_ascii_lowercase());
        let wanted = name.is_some_and(|name| matches_mask(mask, &name))
            && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()));
        if wanted {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            let message = format!("{}: more than {MOST_FILES} pictures", folder.display());
            return Err(SourceError::other(message));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Whether `name` fits a pattern in which `*` stands for anything and `?` for one character.
fn matches_mask(mask: &str, name: &str) -> bool {
    let (mask, name): (Vec<char>, Vec<char>) = (mask.chars().collect(), name.chars().collect());
    let (mut m, mut n) = (0, 0);
    // Where to go on when a guess about the last `*` was wrong: one more character for it.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match mask.get(m) {
            Some('*') => {
                retry = Some((m, n));
                m += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                m += 1;
                n += 1;
            }
            _ => match &mut retry {
                Some((star, from)) => {
                    *from += 1;
                    m = *star + 1;
                    n = *from;
                }
                None => return false,
            },
        }
    }
    mask[m..].iter().all(|&c| c == '*')
}

fn read(path: &Path) -> Option<Rgb> {
    let mut reader = ImageReader::open(path).ok()?.with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let picture = reader.decode().ok()?.into_rgb8();
    let size = Size::new(picture.width(), picture.height());
    Rgb::from_data(size, picture.into_raw())
}

impl Source for FolderSource {
    fn next_frame(&mut self) -> Result<Option<Frame>, SourceError> {
        while !self.mailbox.is_stopped() {
            let Some(path) = self.files.next() else { break };
            let Some(picture) = read(&path) else {
                self.unreadable += 1;
                tracing::warn!(file = %path.display(), "a picture cannot be read; skipped");
                continue;
            };
            if let Some(due) = self.pace.due(Instant::now()) {
                self.mailbox.sleep_until(due);
            }
            let number = self.given;
            self.given += 1;
            let media_time = self
                .step
                .saturating_mul(u32::try_from(number).unwrap_or(u32::MAX));
            let times = FrameTimes {
                media_time,
                captured_at: self.opened.after(media_time),
            };
            return Ok(Some(Frame::from_turned_rgb(
                picture,
                number,
                times,
                self.rotation,
            )));
        }
        if self.given == 0 && self.unreadable > 0 {
            let message = "none of the pictures in this folder can be read";
            return Err(SourceError::new(FailureKind::NotMedia, message));
        }
        Ok(None)
    }

    fn stopper(&self) -> Stopper {
        Stopper::new(Arc::clone(&self.mailbox))
    }

    fn stats(&self) -> SourceStats {
        SourceStats {
            delivered: self.given,
            ..SourceStats::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use goshawk_proto::stream::SourceKind;

    use super::*;
    use crate::redacted::Redacted;

    #[test]
    fn masks_choose_names() {
        for (mask, name, expect) in [
            ("*", "a.jpg", true),
            ("*.jpg", "a.jpg", true),
            ("*.jpg", "a.png", false),
            ("cam?_*.p*g", "cam1_x.png", true),
            ("cam?_*.p*g", "cam_x.png", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("", "a", false),
        ] {
            assert_eq!(matches_mask(mask, name), expect, "{mask} {name}");
        }
    }

    #[test]
    fn a_folder_gives_its_pictures_in_order_and_skips_what_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        for (name, grey) in [("b.png", 20u8), ("a.png", 10)] {
            let picture = image::RgbImage::from_pixel(8, 4, image::Rgb([grey; 3]));
            picture.save(folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("aa.png"), b"no picture").unwrap();
        std::fs::write(folder.path().join("notes.txt"), b"no picture").unwrap();
        let reference = Redacted::new(folder.path().to_string_lossy());
        let mut source = open(&SourceRequest::new(SourceKind::Images, reference)).unwrap();
        let mut greys = Vec::new();
        while let Some(frame) = source.next_frame().unwrap() {
            let mut out = Rgb::default();
            let all = goshawk_proto::geometry::Rect {
                x: 0,
                y: 0,
                width: 8,
                height: 4,
            };
            goshawk_proto::picture::Pixels::region(&frame, all, Size::new(1, 1), &mut out);
            greys.push(out.pixel(0, 0)[0]);
        }
        assert_eq!(greys, [10, 20]);
    }
}
