//! A camera to test against: serves a clip over RTSP, and makes the demo clip.

use std::{
    io::{Write, stdout},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use goshawk_pipelines::camera::{Camera, CameraOptions, DemoClip, decode_only, enrol_photo};
use goshawk_proto::geometry::Size;

/// A camera made of a video clip, and clips to make it of.
#[derive(Parser)]
#[command(name = "goshawk-camera", version)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Serves a clip over RTSP as a live camera. Its address is the first line written.
    Serve(Serve),
    /// Makes the demo clip out of two portraits.
    MakeClip(MakeClip),
    /// Writes a photograph of the clip's first person, to enrol: another crop and size.
    EnrolPhoto(EnrolPhoto),
    /// Decodes a camera and throws the pictures away, which is the least that looking at it costs.
    Decode {
        /// Its address, rtsp://…
        url: String,
    },
}

#[derive(Args)]
struct Serve {
    /// The clip: H.264 or H.265 in MP4 or Matroska.
    clip: PathBuf,
    /// TCP port on the loopback interface; 0 is any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Path of the stream.
    #[arg(long, default_value = "/live")]
    mount: String,
    /// User name that viewers need.
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// Password that viewers need.
    #[arg(
        long,
        requires = "user",
        env = "GOSHAWK_CAMERA_PASSWORD",
        hide_env_values = true
    )]
    password: Option<String>,
    /// Ask for digest instead of basic authentication.
    #[arg(long)]
    digest: bool,
    /// Play for ever, which is the default.
    #[arg(long = "loop", conflicts_with = "once")]
    _endless: bool,
    /// Play once and end the stream.
    #[arg(long)]
    once: bool,
    /// Fault: the picture stops so many seconds after a stream was set up.
    #[arg(long, value_name = "SECONDS")]
    stall_after: Option<f32>,
    /// Fault: connections are cut so many seconds after they were made.
    #[arg(long, value_name = "SECONDS")]
    drop_clients_after: Option<f32>,
}

#[derive(Args)]
struct MakeClip {
    /// Folder with astronaut.png (of scikit-image) and grace_hopper.jpg (of matplotlib).
    #[arg(long, value_name = "DIR")]
    portraits: PathBuf,
    /// File to write: .mp4 or .mkv.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Also writes where each face is in each frame, as JSON lines.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Length in seconds.
    #[arg(long, default_value_t = 50)]
    seconds: u32,
    /// Picture size in pixels.
    #[arg(long, default_value = "1280x720", value_parser = size)]
    size: Size,
    /// Frames a second.
    #[arg(long, default_value_t = 25)]
    fps: u32,
    /// Another seed makes another room and other small variations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Nobody comes, and neither light nor camera move.
    #[arg(long)]
    empty: bool,
}

#[derive(Args)]
struct EnrolPhoto {
    /// Folder with astronaut.png (of scikit-image).
    #[arg(long, value_name = "DIR")]
    portraits: PathBuf,
    /// JPEG file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

fn size(text: &str) -> Result<Size, String> {
    let sides = text
        .split_once('x')
        .and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let (width, height) = sides.ok_or("a size is written like 1280x720")?;
    Ok(Size::new(width, height))
}

fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    match Command::parse().action {
        Action::Serve(arguments) => serve(arguments),
        Action::MakeClip(arguments) => make_clip(arguments),
        Action::Decode { url } => Ok(decode_only(&url)?),
        Action::EnrolPhoto(arguments) => Ok(enrol_photo(&arguments.portraits, &arguments.out)?),
    }
}

fn serve(arguments: Serve) -> anyhow::Result<()> {
    let seconds = |value: Option<f32>| value.map(Duration::try_from_secs_f32).transpose();
    let camera = Camera::start(CameraOptions {
        port: arguments.port,
        mount: arguments.mount,
        credentials: arguments.user.zip(arguments.password),
        digest: arguments.digest,
        once: arguments.once,
        stall_after: seconds(arguments.stall_after).context("--stall-after")?,
        drop_clients_after: seconds(arguments.drop_clients_after)
            .context("--drop-clients-after")?,
        ..CameraOptions::new(arguments.clip)
    })?;
    let mut out = stdout();
    writeln!(out, "{}", camera.url())?;
    out.flush()?;
    // Until a signal ends the process; there is nothing to save.
    loop {
        std::thread::park();
    }
}

fn make_clip(arguments: MakeClip) -> anyhow::Result<()> {
    let clip = DemoClip {
        truth: arguments.truth,
        seconds: arguments.seconds,
        size: arguments.size,
        fps: arguments.fps,
        seed: arguments.seed,
        empty: arguments.empty,
        ..DemoClip::new(arguments.portraits, arguments.out)
    };
    let mut errors = std::io::stderr();
    let mut told = 0;
    clip.make(&mut |done, all| {
        let tenths = done * 10 / all;
        if tenths > told {
            told = tenths;
            // Whoever has closed stderr does not want to know.
            let _ = writeln!(errors, "{}0 % of {all} frames", tenths);
        }
    })?;
    Ok(())
}
