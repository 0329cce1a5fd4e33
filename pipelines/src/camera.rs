//! An RTSP camera that plays a clip: for the demo, and for tests that need a real camera with the
//! faults of real ones. Not part of any daemon.

mod clip;
mod decode;
mod demo;
mod feed;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use gstreamer::{self as gst, glib, prelude::*};
use gstreamer_rtsp::RTSPAuthMethod;
use gstreamer_rtsp_server::{
    RTSPAuth, RTSPClient, RTSPFilterResult, RTSPMediaFactory, RTSPServer, RTSPToken, prelude::*,
};

use crate::error::SourceError;
use feed::Feed;

pub use decode::decode_only;
pub use demo::{DemoClip, enrol_photo};

/// The role that a client with the right password has.
const ROLE: &str = "viewer";
/// How often sessions of clients that vanished are looked for.
const CLEANUP: Duration = Duration::from_secs(2);

/// How a camera behaves.
#[derive(Clone, Debug)]
pub struct CameraOptions {
    /// H.264 or H.265 in MP4 or Matroska; kept in memory, at most 512 MiB.
    pub clip: PathBuf,
    /// TCP port on the loopback interface; 0 is any free one.
    pub port: u16,
    /// Path of the stream, beginning with a slash.
    pub mount: String,
    /// User name and password that clients need.
    pub credentials: Option<(String, String)>,
    /// Ask for digest instead of basic authentication.
    pub digest: bool,
    /// Play once and end, instead of for ever.
    pub once: bool,
    /// The picture stops so long after a stream was set up; the connection stays.
    pub stall_after: Option<Duration>,
    /// Connections are cut so long after they were made.
    pub drop_clients_after: Option<Duration>,
}

impl CameraOptions {
    /// A well-behaved camera without a password.
    pub fn new(clip: impl Into<PathBuf>) -> Self {
        Self {
            clip: clip.into(),
            port: 0,
            mount: "/live".to_owned(),
            credentials: None,
            digest: false,
            once: false,
            stall_after: None,
            drop_clients_after: None,
        }
    }
}

/// A running camera; stops when dropped.
///
/// Like a camera it shows every viewer the same moment: the clip runs on from the first viewer's
/// arrival, whoever watches. A viewer who joins waits for the next key frame.
pub struct Camera {
    server: RTSPServer,
    port: u16,
    mount: String,
    context: glib::MainContext,
    main_loop: glib::MainLoop,
    thread: Option<JoinHandle<()>>,
    stopped: Arc<AtomicBool>,
}

impl Camera {
    /// Reads the clip and starts to serve it.
    ///
    /// # Errors
    /// When the clip cannot be read or the port is taken.
    pub fn start(options: CameraOptions) -> Result<Self, SourceError> {
        crate::plugins::start()?;
        let clip = Arc::new(clip::load(&options.clip)?);
        let stopped = Arc::new(AtomicBool::new(false));
        let server = RTSPServer::new();
        server.set_address("127.0.0.1");
        server.set_service(&options.port.to_string());
        let factory = factory(&options, clip, &stopped);
        if let Some((user, password)) = &options.credentials {
            server.set_auth(Some(&auth(user, password, options.digest)));
            let granted = gst::Structure::builder(ROLE)
                .field("media.factory.access", true)
                .field("media.factory.construct", true)
                .build();
            factory.add_role_from_structure(&granted);
        }
        let mounts = server.mount_points();
        let mounts = mounts.ok_or_else(|| SourceError::other("an RTSP server without mounts"))?;
        mounts.add_factory(&options.mount, factory);

        let context = glib::MainContext::new();
        let main_loop = glib::MainLoop::new(Some(&context), false);
        if let Some(after) = options.drop_clients_after {
            drop_clients(&server, &context, after);
        }
        clean_up_sessions(&server, &context);
        server.attach(Some(&context)).map_err(|_| {
            SourceError::other(format!("port {} cannot be listened on", options.port))
        })?;
        let port = u16::try_from(server.bound_port())
            .map_err(|_| SourceError::other("the RTSP server has no port"))?;
        let thread = run(&context, &main_loop)?;
        let mount = options.mount;
        Ok(Self {
            server,
            port,
            mount,
            context,
            main_loop,
            thread: Some(thread),
            stopped,
        })
    }

    /// The stream's address, without credentials.
    pub fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}{}", self.port, self.mount)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.server
            .client_filter(Some(&mut |_: &RTSPServer, _: &RTSPClient| {
                RTSPFilterResult::Remove
            }));
        let main_loop = self.main_loop.clone();
        // Behind whatever closing the clients has left to do.
        self.context.invoke(move || main_loop.quit());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the camera's thread panicked");
        }
    }
}

fn run(
    context: &glib::MainContext,
    main_loop: &glib::MainLoop,
) -> Result<JoinHandle<()>, SourceError> {
    let (context, main_loop) = (context.clone(), main_loop.clone());
    std::thread::Builder::new()
        .name("camera".to_owned())
        .spawn(move || {
            if context.with_thread_default(|| main_loop.run()).is_err() {
                tracing::error!("the camera's main loop has no thread");
            }
        })
        .map_err(|error| SourceError::other(format!("no thread for the camera: {error}")))
}

fn factory(
    options: &CameraOptions,
    clip: Arc<clip::EncodedClip>,
    stopped: &Arc<AtomicBool>,
) -> RTSPMediaFactory {
    let factory = RTSPMediaFactory::new();
    let (parse, pay) = clip.codec.elements();
    factory.set_launch(&format!(
        "( appsrc name=source is-live=true format=time max-bytes=33554432 ! {parse} \
         ! {pay} name=pay0 pt=96 config-interval=-1 )"
    ));
    factory.set_shared(true);
    let feed = Arc::new(Feed::new(
        clip,
        options.once,
        options.stall_after,
        Arc::clone(stopped),
    ));
    factory.connect_media_configure(move |_, media| {
        let source = media
            .element()
            .downcast::<gst::Bin>()
            .ok()
            .and_then(|bin| bin.by_name_recurse_up("source"))
            .and_then(|source| source.downcast::<gstreamer_app::AppSrc>().ok());
        match source {
            Some(source) => feed.start(&source),
            None => tracing::error!("the camera's pipeline has no source"),
        }
    });
    factory
}

fn auth(user: &str, password: &str, digest: bool) -> RTSPAuth {
    let auth = RTSPAuth::new();
    let token = RTSPToken::builder()
        .field("media.factory.role", ROLE)
        .build();
    if digest {
        auth.set_supported_methods(RTSPAuthMethod::Digest);
        auth.add_digest(user, password, &token);
    } else {
        auth.add_basic(&RTSPAuth::make_basic(user, password), &token);
    }
    auth
}

fn drop_clients(server: &RTSPServer, context: &glib::MainContext, after: Duration) {
    let context = context.clone();
    server.connect_client_connected(move |_, client| {
        let client = client.downgrade();
        let cut = glib::timeout_source_new(after, None, glib::Priority::DEFAULT, move || {
            if let Some(client) = client.upgrade() {
                client.close();
            }
            glib::ControlFlow::Break
        });
        cut.attach(Some(&context));
    });
}

fn clean_up_sessions(server: &RTSPServer, context: &glib::MainContext) {
    let pool = server.session_pool().map(|pool| pool.downgrade());
    let clean = glib::timeout_source_new(CLEANUP, None, glib::Priority::DEFAULT, move || {
        if let Some(pool) = pool.as_ref().and_then(|pool| pool.upgrade()) {
            pool.cleanup();
        }
        glib::ControlFlow::Continue
    });
    clean.attach(Some(context));
}
