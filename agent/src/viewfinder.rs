//! Looking through a camera: the newest analysed frame of a stream, for as long as somebody looks.
//!
//! A stream's thread asks its [`Lens`] whether anybody looks and, if so, leaves each frame there in
//! place of the one before. A [`Viewer`] takes the newest frame when it is ready for one, so a slow
//! one loses frames and holds up nobody. Without viewers no frame is kept, and nothing is scaled,
//! painted or encoded. Viewers are bounded over all streams, and one picture is painted at a time.

mod marks;
mod show;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use goshawk_agent_core::stage::Visible;
use goshawk_models::{JpegError, encode_jpeg};
use goshawk_pipelines::Frame;
use goshawk_proto::{
    event::Jpeg,
    id::StreamId,
    picture::{Pixels, Rgb},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::{crop, metrics::ViewMetrics};

pub use show::{Over, Picture, Show, Wanted};

/// Smallest side of a preview in pixels; largest is [`goshawk_proto::link::preview::MAX_SIDE`].
pub const MIN_SIDE: u32 = 16;

/// Bounds of all previews together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ViewSettings {
    /// Most viewers at once; further ones are refused and counted.
    pub viewers: usize,
    /// Most pictures a second for one viewer.
    pub max_fps: f32,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
}

impl Default for ViewSettings {
    fn default() -> Self {
        Self {
            viewers: 8,
            max_fps: 5.0,
            quality: 75,
        }
    }
}

/// Why nobody can look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookError {
    /// The stream is not assigned to this agent.
    #[error("this agent has no such stream")]
    NoStream,
    /// Too many viewers.
    #[error("too many look already")]
    Full,
}

/// A frame and what is followed in it.
#[derive(Clone)]
pub struct View {
    frame: Frame,
    visible: Vec<Visible>,
}

/// What a lens shows.
#[derive(Clone, Default)]
enum Sight {
    /// Nothing yet, or nobody looks.
    #[default]
    Nothing,
    /// The newest frame.
    Seen(Arc<View>),
    /// The stream is no longer assigned.
    Gone,
}

/// Where one stream's thread leaves its newest frame.
pub struct Lens {
    viewers: AtomicUsize,
    sight: watch::Sender<Sight>,
}

impl Lens {
    fn new() -> Self {
        Self {
            viewers: AtomicUsize::new(0),
            sight: watch::Sender::new(Sight::Nothing),
        }
    }

    /// Whether anybody looks, so that [`Lens::show`] is worth its while.
    pub fn is_watched(&self) -> bool {
        self.viewers.load(Ordering::Acquire) > 0
    }

    /// Leaves a frame in place of the one before.
    pub fn show(&self, frame: &Frame, visible: Vec<Visible>) {
        let view = Arc::new(View {
            frame: frame.clone(),
            visible,
        });
        self.sight.send_if_modified(|sight| {
            // The last viewer may have gone meanwhile; it clears the sight under the same lock.
            let wanted = self.is_watched() && !matches!(sight, Sight::Gone);
            if wanted {
                *sight = Sight::Seen(view);
            }
            wanted
        });
    }

    fn leave(&self) {
        if self.viewers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.sight.send_if_modified(|sight| {
                if matches!(sight, Sight::Seen(_)) && !self.is_watched() {
                    *sight = Sight::Nothing;
                }
                // Nobody is there to be told.
                false
            });
        }
    }
}

/// Somebody who looks at one stream.
pub struct Viewer {
    lens: Arc<Lens>,
    sight: watch::Receiver<Sight>,
    metrics: ViewMetrics,
    _permit: OwnedSemaphorePermit,
}

impl Viewer {
    /// The newest frame not yet seen, waited for; `None` when the stream is gone.
    pub async fn look(&mut self) -> Option<Arc<View>> {
        loop {
            self.sight.changed().await.ok()?;
            match &*self.sight.borrow_and_update() {
                Sight::Seen(view) => return Some(Arc::clone(view)),
                Sight::Nothing => {}
                Sight::Gone => return None,
            }
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.lens.leave();
        self.metrics.viewers.dec();
    }
}

struct Inner {
    lenses: Mutex<BTreeMap<StreamId, Arc<Lens>>>,
    viewers: Arc<Semaphore>,
    painter: Semaphore,
    settings: ViewSettings,
    metrics: ViewMetrics,
}

/// The lenses of all streams. Cloning shares them.
#[derive(Clone)]
pub struct Viewfinder {
    inner: Arc<Inner>,
}

impl Viewfinder {
    /// Without streams yet.
    pub fn new(settings: ViewSettings, metrics: ViewMetrics) -> Self {
        Self {
            inner: Arc::new(Inner {
                lenses: Mutex::default(),
                viewers: Arc::new(Semaphore::new(settings.viewers)),
                painter: Semaphore::new(1),
                settings,
                metrics,
            }),
        }
    }

    fn lenses(&self) -> MutexGuard<'_, BTreeMap<StreamId, Arc<Lens>>> {
        self.inner
            .lenses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The lens of a stream; made when there is none yet.
    pub fn lens(&self, stream: StreamId) -> Arc<Lens> {
        let mut lenses = self.lenses();
        Arc::clone(
            lenses
                .entry(stream)
                .or_insert_with(|| Arc::new(Lens::new())),
        )
    }

    /// Takes the lens of a stream that is no longer assigned away; its viewers are told.
    pub fn forget(&self, stream: StreamId) {
        if let Some(lens) = self.lenses().remove(&stream) {
            lens.sight.send_replace(Sight::Gone);
        }
    }

    /// Begins to look at a stream.
    pub fn look(&self, stream: StreamId) -> Result<Viewer, LookError> {
        let known = self.lenses().get(&stream).map(Arc::clone);
        let lens = known.ok_or(LookError::NoStream)?;
        let Ok(permit) = Arc::clone(&self.inner.viewers).try_acquire_owned() else {
            self.inner.metrics.refused.inc();
            return Err(LookError::Full);
        };
        lens.viewers.fetch_add(1, Ordering::AcqRel);
        self.inner.metrics.viewers.inc();
        let mut sight = lens.sight.subscribe();
        // What another viewer has just been shown is fresh enough; and a stream that has gone
        // meanwhile says so.
        sight.mark_changed();
        Ok(Viewer {
            lens,
            sight,
            metrics: self.inner.metrics.clone(),
            _permit: permit,
        })
    }

    /// Begins to look at a stream for pictures as `wanted`.
    pub fn show(&self, stream: StreamId, wanted: Wanted) -> Result<Show, LookError> {
        Ok(Show::new(self.clone(), self.look(stream)?, wanted))
    }

    /// How previews are bounded.
    pub fn settings(&self) -> ViewSettings {
        self.inner.settings
    }

    /// Paints a view, off the runtime's threads and one at a time.
    async fn paint(&self, view: Arc<View>, wanted: Wanted) -> Result<Jpeg, Over> {
        let Ok(_turn) = self.inner.painter.acquire().await else {
            return Err(Over::Gone);
        };
        let quality = self.inner.settings.quality;
        let painted = tokio::task::spawn_blocking(move || paint(&view, &wanted, quality)).await;
        self.inner.metrics.pictures.inc();
        match painted {
            Ok(picture) => Ok(picture?),
            Err(_) => Err(Over::Failed),
        }
    }
}

/// A view as a JPEG file.
fn paint(view: &View, wanted: &Wanted, quality: u8) -> Result<Jpeg, JpegError> {
    let size = view.frame.size();
    let mut rgb = Rgb::default();
    view.frame
        .region(size.into(), crop::fit(size, wanted.side), &mut rgb);
    if wanted.marks {
        marks::draw(&mut rgb, size, &view.visible);
    }
    encode_jpeg(&rgb, quality)
}

#[cfg(test)]
pub(crate) mod tests;
