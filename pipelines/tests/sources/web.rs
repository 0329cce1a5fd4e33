//! Video over HTTP: progressive files and HLS, from a real server in this process.

use std::{
    io::{BufRead, BufReader, Seek, SeekFrom, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use goshawk_pipelines::{DecodeSettings, Engine, Hardware, SourceRequest, open};
use goshawk_proto::{
    geometry::Size,
    stream::{FailureKind, SourceKind},
};
use gstreamer::{self as gst, prelude::*};

use crate::{
    all,
    clips::{self, Clip, H264},
    failure, request,
};

const ENGINES: [Engine; 2] = [Engine::Gstreamer, Engine::Ffmpeg];

/// Serves a folder, and remembers what it was asked for. Its threads end with the process.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (folder, log) = (folder.to_owned(), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, log) = (folder.clone(), Arc::clone(&log));
                std::thread::spawn(move || serve(stream, &folder, &log));
            }
        });
        Self { port, asked }
    }

    fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    fn was_asked_for(&self, part: &str) -> bool {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .any(|path| path.contains(part))
    }
}

/// One request a connection; a client that has had enough is nobody's fault.
fn serve(stream: TcpStream, folder: &Path, log: &Mutex<Vec<String>>) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.trim_start_matches('/').to_owned();
    let mut from = None;
    for line in lines.by_ref() {
        let line = line.ok()?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.split('-').next()?.parse::<u64>().ok();
        }
    }
    log.lock().ok()?.push(path.clone());
    answer(stream, &path, &folder.join(&path), from).ok()
}

fn answer(mut to: TcpStream, path: &str, file: &PathBuf, from: Option<u64>) -> std::io::Result<()> {
    let status = match path {
        "secret" => "401 Unauthorized",
        _ if !file.is_file() => "404 Not Found",
        _ if from.is_some() => "206 Partial Content",
        _ => "200 OK",
    };
    let mut body = std::fs::File::open(file);
    let length = body
        .as_ref()
        .map_or(0, |body| body.metadata().map_or(0, |m| m.len()));
    let from = from.unwrap_or(0).min(length);
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nAccept-Ranges: bytes\r\n");
    if status.starts_with("206") {
        head += &format!(
            "Content-Range: bytes {from}-{}/{length}\r\n",
            length.saturating_sub(1)
        );
    }
    if path.ends_with(".m3u8") {
        head += "Content-Type: application/vnd.apple.mpegurl\r\n";
    }
    write!(to, "{head}Content-Length: {}\r\n\r\n", length - from)?;
    if let Ok(body) = &mut body {
        body.seek(SeekFrom::Start(from))?;
        std::io::copy(body, &mut to)?;
    }
    Ok(())
}

fn with(engine: Engine, request: SourceRequest) -> SourceRequest {
    let hardware = Hardware::Off;
    SourceRequest {
        decode: DecodeSettings { engine, hardware },
        ..request
    }
}

const FAST_START: Clip = Clip {
    name: "fast.mp4",
    muxer: "mp4mux faststart=true",
    ..H264
};

#[test]
fn a_file_by_http_gives_every_frame_and_its_length_with_either_engine() {
    let folder = clips::folder();
    FAST_START.make(folder.path());
    let server = Server::start(folder.path());
    for engine in ENGINES {
        let asked = with(
            engine,
            request(SourceKind::Videofile, &server.url("fast.mp4")),
        );
        let mut source = open(&asked).unwrap();
        let mut number = 0;
        while let Some(frame) = source.next_frame().unwrap() {
            assert_eq!(frame.number(), number, "{engine:?}");
            let expect = Duration::from_millis(40 * number);
            assert!(frame.media_time().abs_diff(expect) < Duration::from_millis(3));
            number += 1;
        }
        assert_eq!(number, 100, "{engine:?}");
        let video = source.video().unwrap();
        assert!(
            (video.duration.unwrap() - 4.0).abs() < 0.1,
            "{engine:?} {video:?}"
        );
        assert_eq!(video.progress, Some(1.0), "{engine:?}");
        assert_eq!(video.gop_size, Some(25), "{engine:?}");
    }
}

#[test]
fn a_file_by_http_that_is_cut_says_so() {
    let folder = clips::folder();
    let path = FAST_START.make(folder.path());
    clips::cut(&path, 0.15);
    let server = Server::start(folder.path());
    for engine in ENGINES {
        let url = server.url("cut-fast.mp4");
        let asked = with(engine, request(SourceKind::Videofile, &url));
        let (error, frames) = failure(open(&asked));
        assert_eq!(error.kind(), FailureKind::Truncated, "{engine:?}: {error}");
        assert!(frames > 5, "{engine:?}: {frames}");
    }
}

#[test]
fn a_recording_by_http_as_a_live_source_keeps_its_own_pace() {
    let folder = clips::folder();
    FAST_START.make(folder.path());
    let server = Server::start(folder.path());
    for engine in ENGINES {
        let asked = with(engine, request(SourceKind::Tcp, &server.url("fast.mp4")));
        let mut source = open(&asked).unwrap();
        assert!(source.next_frame().unwrap().is_some());
        let start = Instant::now();
        let mut frames = 1;
        while source.next_frame().unwrap().is_some() {
            frames += 1;
        }
        let took = start.elapsed().as_secs_f32();
        assert!((3.0..6.0).contains(&took), "{engine:?}: {took} s");
        assert!(frames > 80, "{engine:?}: {frames}");
    }
}

#[test]
fn http_errors_are_told_apart() {
    let folder = clips::folder();
    std::fs::write(folder.path().join("page.html"), "<html>no video</html>").unwrap();
    let server = Server::start(folder.path());
    let cases = [
        ("secret", FailureKind::Unauthorized),
        ("nothing.mp4", FailureKind::NotFound),
        ("page.html", FailureKind::NotMedia),
    ];
    for kind in [SourceKind::Tcp, SourceKind::Videofile] {
        for engine in [Engine::Auto, Engine::Gstreamer, Engine::Ffmpeg] {
            for (name, expect) in cases {
                let url = server.url(name).replace("://", "://operator:hunter%21@");
                let (error, _) = failure(open(&with(engine, request(kind, &url))));
                assert_eq!(error.kind(), expect, "{kind:?} {engine:?} {name}: {error}");
                let all = format!("{error} {error:?}");
                assert!(
                    !all.contains("hunter") && !all.contains("operator"),
                    "{all}"
                );
            }
        }
    }
}

/// Makes an HLS programme of two renditions, 320 and 640 pixels wide.
fn programme(folder: &Path) {
    let mut master = String::from("#EXTM3U\n#EXT-X-VERSION:3\n");
    for (name, width, height) in [("small", 320, 180), ("large", 640, 360)] {
        rendition(folder, name, width, height);
        master += &format!(
            "#EXT-X-STREAM-INF:BANDWIDTH={},RESOLUTION={width}x{height}\n{name}.m3u8\n",
            width * 1000
        );
    }
    std::fs::write(folder.join("master.m3u8"), master).unwrap();
}

fn rendition(folder: &Path, name: &str, width: u32, height: u32) {
    gst::init().unwrap();
    let place = folder.display();
    let launch = format!(
        "videotestsrc num-buffers=100 pattern=ball \
         ! video/x-raw,format=I420,width={width},height={height},framerate=25/1 \
         ! x264enc speed-preset=ultrafast key-int-max=25 bframes=0 ! h264parse \
         ! hlssink2 target-duration=1 playlist-length=0 max-files=0 \
           location={place}/{name}%05d.ts playlist-location={place}/{name}.m3u8"
    );
    let pipeline = gst::parse::launch(&launch).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline.bus().unwrap();
    let end = end.timed_pop_filtered(gst::ClockTime::from_seconds(60), &kinds);
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(end.unwrap().type_(), gst::MessageType::Eos);
}

#[test]
fn of_a_programme_the_rendition_of_the_preferred_width_is_taken() {
    let folder = clips::folder();
    programme(folder.path());
    for engine in ENGINES {
        for (wanted, name, other, size) in [
            (0, "small0", "large0", Size::new(320, 180)),
            (400, "small0", "large0", Size::new(320, 180)),
            (800, "large0", "small0", Size::new(640, 360)),
        ] {
            let server = Server::start(folder.path());
            let asked = SourceRequest {
                rendition_width: wanted,
                decoder_threads: 2,
                ..with(
                    engine,
                    request(SourceKind::Videofile, &server.url("master.m3u8")),
                )
            };
            let frames = all(open(&asked).unwrap());
            assert_eq!(frames.len(), 100, "{engine:?} {wanted}");
            assert!(
                frames.iter().all(|frame| frame.size() == size),
                "{engine:?} {wanted}"
            );
            assert!(server.was_asked_for(name), "{engine:?} {wanted}");
            // FFmpeg looks into every rendition before it chooses.
            let other = server.was_asked_for(other);
            assert!(!other || engine == Engine::Ffmpeg, "{engine:?} {wanted}");
        }
    }
}
