//! A scripted RTSP server that does wrong what a real one would never do: it falls silent, talks
//! nonsense or hangs up at any step, and changes what it sends in mid-stream.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use goshawk_pipelines::{Engine, Source, SourceRequest, open};
use goshawk_proto::{
    geometry::Size,
    stream::{FailureKind, SourceKind},
};
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;

use crate::{failure, request};

/// The client's patience in these tests.
const PATIENCE: Duration = Duration::from_secs(2);
/// RTP's clock for video.
const RATE: u32 = 90_000;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Options,
    Describe,
    Setup,
    Play,
    Media,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Silence,
    Nonsense,
    HangUp,
}

/// What a connection is like: it works up to a step, and then it does not.
#[derive(Clone)]
struct Script {
    at: Step,
    fault: Fault,
    /// RTP packets of each picture.
    media: Arc<Vec<Vec<Vec<u8>>>>,
}

struct Server {
    port: u16,
    script: Arc<Mutex<Script>>,
}

impl Server {
    fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let script = Arc::new(Mutex::new(script));
        let current = Arc::clone(&script);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let script = current.lock().unwrap().clone();
                std::thread::spawn(move || converse(stream, &script));
            }
        });
        Self { port, script }
    }

    fn request(&self) -> SourceRequest {
        SourceRequest {
            timeout: PATIENCE,
            ..request(
                SourceKind::Tcp,
                &format!("rtsp://127.0.0.1:{}/live", self.port),
            )
        }
    }

    fn open(&self) -> Box<dyn Source> {
        open(&self.request()).unwrap()
    }
}

/// Answers requests as the script says; ends with the connection.
fn converse(mut stream: TcpStream, script: &Script) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    loop {
        let first = lines.next()?.ok()?;
        let mut sequence = String::new();
        for line in lines.by_ref() {
            let line = line.ok()?;
            if line.is_empty() {
                break;
            }
            if let Some(number) = line.to_ascii_lowercase().strip_prefix("cseq:") {
                number.trim().clone_into(&mut sequence);
            }
        }
        let (step, extra, body) = answer(&first);
        if step == Some(script.at) {
            return misbehave(stream, script.fault);
        }
        let reply = format!(
            "RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(reply.as_bytes()).ok()?;
        if step == Some(Step::Play) {
            send(&mut stream, &script.media)?;
            return misbehave(stream, script.fault);
        }
    }
}

/// The step that a request belongs to, with headers and body of its answer.
fn answer(request: &str) -> (Option<Step>, &'static str, &'static str) {
    let method = request.split(' ').next().unwrap_or_default();
    match method {
        "OPTIONS" => (
            Some(Step::Options),
            "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
            "",
        ),
        "DESCRIBE" => (
            Some(Step::Describe),
            "Content-Type: application/sdp\r\n",
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=script\r\nt=0 0\r\n\
             m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track0\r\n",
        ),
        "SETUP" => (
            Some(Step::Setup),
            "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n",
            "",
        ),
        "PLAY" => (Some(Step::Play), "Session: 1\r\n", ""),
        _ => (None, "", ""),
    }
}

fn misbehave(mut stream: TcpStream, fault: Fault) -> Option<()> {
    match fault {
        Fault::HangUp => return Some(()),
        Fault::Nonsense => {
            let noise: Vec<u8> = (0u32..65536)
                .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
                .collect();
            stream.write_all(&noise).ok()?;
        }
        Fault::Silence => {}
    }
    // Held open until the client has gone.
    std::io::copy(&mut stream, &mut std::io::sink()).ok()?;
    Some(())
}

/// Sends pictures at 25 a second, interleaved (RFC 2326, section 10.12).
fn send(stream: &mut TcpStream, media: &[Vec<Vec<u8>>]) -> Option<()> {
    let start = Instant::now();
    for (index, picture) in media.iter().enumerate() {
        let due = start + Duration::from_millis(40 * index as u64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for packet in picture {
            let length = u16::try_from(packet.len()).unwrap().to_be_bytes();
            stream.write_all(&[b'$', 0, length[0], length[1]]).ok()?;
            stream.write_all(packet).ok()?;
        }
    }
    Some(())
}

/// What comes over RTP: pictures of one size and codec.
struct Scene {
    codec: &'static str,
    size: (u32, u32),
    frames: u32,
    /// Time of the first picture on RTP's clock.
    at: u32,
}

const H264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay config-interval=-1";
const H265: &str = "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! h265parse ! rtph265pay config-interval=-1";

impl Scene {
    fn h264(frames: u32, at: u32) -> Self {
        Self {
            codec: H264,
            size: (320, 240),
            frames,
            at,
        }
    }

    /// The packets, by picture.
    fn packets(&self, sequence: u16) -> Vec<Vec<Vec<u8>>> {
        gst::init().unwrap();
        let (width, height) = self.size;
        let launch = format!(
            "videotestsrc num-buffers={} pattern=ball \
             ! video/x-raw,format=I420,width={width},height={height},framerate=25/1 \
             ! {} pt=96 ssrc=7 mtu=1200 seqnum-offset={sequence} timestamp-offset={} ! appsink name=sink sync=false",
            self.frames, self.codec, self.at
        );
        let pipeline = gst::parse::launch(&launch).unwrap();
        let pipeline = pipeline.downcast::<gst::Pipeline>().unwrap();
        let sink = pipeline.by_name("sink").unwrap();
        let sink = sink.downcast::<AppSink>().unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let mut pictures: Vec<(u32, Vec<Vec<u8>>)> = Vec::new();
        while let Ok(sample) = sink.pull_sample() {
            let mut take = |buffer: &gst::BufferRef| {
                let packet = buffer.map_readable().unwrap().to_vec();
                let stamp = u32::from_be_bytes(packet[4..8].try_into().unwrap());
                match pictures.last_mut() {
                    Some((last, packets)) if *last == stamp => packets.push(packet),
                    _ => pictures.push((stamp, vec![packet])),
                }
            };
            match sample.buffer_list() {
                Some(list) => list.iter().for_each(&mut take),
                None => sample.buffer().into_iter().for_each(&mut take),
            }
        }
        pipeline.set_state(gst::State::Null).unwrap();
        assert_eq!(pictures.len(), self.frames as usize);
        pictures.into_iter().map(|(_, packets)| packets).collect()
    }
}

/// Scenes one after another, their packets numbered on.
fn film(scenes: &[Scene]) -> Arc<Vec<Vec<Vec<u8>>>> {
    let mut film: Vec<Vec<Vec<u8>>> = Vec::new();
    for scene in scenes {
        let sent: usize = film.iter().map(Vec::len).sum();
        film.extend(scene.packets(u16::try_from(sent + 1).unwrap()));
    }
    Arc::new(film)
}

#[test]
fn a_server_that_fails_at_any_step_is_told_in_time_and_can_be_opened_again() {
    let media = film(&[Scene::h264(50, 0)]);
    let good = Script {
        at: Step::Media,
        fault: Fault::Silence,
        media: Arc::clone(&media),
    };
    let mut rounds = Vec::new();
    for at in [
        Step::Options,
        Step::Describe,
        Step::Setup,
        Step::Play,
        Step::Media,
    ] {
        for fault in [Fault::Silence, Fault::Nonsense, Fault::HangUp] {
            let (good, media) = (good.clone(), Arc::clone(&media));
            rounds.push(std::thread::spawn(move || {
                let server = Server::start(Script { at, fault, media });
                let start = Instant::now();
                let (error, frames) = failure(open(&server.request()));
                let took = start.elapsed();
                let what = format!("{at:?} {fault:?}: {error} after {frames} frames, {took:?}");
                println!("{:?} {what}", error.kind());
                // Each of the two engines has its time.
                assert!(took < 3 * PATIENCE + Duration::from_secs(4), "{what}");
                assert_eq!(frames > 0, at == Step::Media, "{what}");
                if fault == Fault::Silence {
                    let expect = match at {
                        Step::Options | Step::Describe => FailureKind::Unreachable,
                        _ => FailureKind::Stalled,
                    };
                    assert_eq!(error.kind(), expect, "{what}");
                }
                if frames > 0 {
                    let expect = [FailureKind::Stalled, FailureKind::Truncated];
                    assert!(expect.contains(&error.kind()), "{what}");
                }
                *server.script.lock().unwrap() = good;
                let again = server.open().next_frame();
                assert!(again.unwrap().is_some(), "{what}");
            }));
        }
    }
    for round in rounds {
        round.join().unwrap();
    }
}

#[test]
fn another_size_in_mid_stream_goes_on_in_that_size() {
    let other = Scene {
        size: (160, 120),
        ..Scene::h264(30, 30 * RATE / 25)
    };
    let media = film(&[Scene::h264(30, 0), other]);
    for engine in [Engine::Gstreamer, Engine::Ffmpeg] {
        let server = Server::start(Script {
            at: Step::Media,
            fault: Fault::Silence,
            media: Arc::clone(&media),
        });
        let mut asked = server.request();
        asked.decode.engine = engine;
        asked.queue = 64;
        let mut source = open(&asked).unwrap();
        let mut sizes = Vec::new();
        let mut last = Duration::ZERO;
        while let Ok(Some(frame)) = source.next_frame() {
            assert!(frame.media_time() >= last, "{engine:?}");
            last = frame.media_time();
            sizes.push(frame.size());
        }
        let of = |width, height| {
            let size = Size::new(width, height);
            sizes.iter().filter(|one| **one == size).count()
        };
        assert!(
            of(320, 240) > 20 && of(160, 120) > 20,
            "{engine:?}: {sizes:?}"
        );
        assert_eq!(
            source.video().unwrap().size,
            Size::new(160, 120),
            "{engine:?}"
        );
    }
}

#[test]
fn another_codec_in_mid_stream_is_an_error_and_not_a_crash() {
    let other = Scene {
        codec: H265,
        ..Scene::h264(40, 30 * RATE / 25)
    };
    let server = Server::start(Script {
        at: Step::Media,
        fault: Fault::Silence,
        media: film(&[Scene::h264(30, 0), other]),
    });
    let start = Instant::now();
    let (error, frames) = failure(Ok(server.open()));
    assert!(frames >= 20, "{frames}");
    let expect = [FailureKind::Stalled, FailureKind::Truncated];
    assert!(expect.contains(&error.kind()), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10), "{error}");
}

#[test]
fn a_cameras_clock_that_jumps_by_hours_does_not_reach_media_time() {
    let hours = 5 * 3600 * RATE;
    let second = 25 * RATE / 25;
    let media = film(&[
        Scene::h264(25, 0),
        Scene::h264(25, second + hours),
        Scene::h264(25, 2 * second),
    ]);
    let server = Server::start(Script {
        at: Step::Media,
        fault: Fault::HangUp,
        media,
    });
    let mut source = server.open();
    let start = Instant::now();
    let (mut last, mut frames) = (Duration::ZERO, 0);
    while let Ok(Some(frame)) = source.next_frame() {
        let time = frame.media_time();
        assert!(time >= last);
        assert!(
            time <= start.elapsed() + Duration::from_secs(12),
            "{time:?}"
        );
        last = time;
        frames += 1;
    }
    assert!(frames > 40, "{frames}");
    // Three seconds were sent.
    assert!(last < Duration::from_secs(15), "{last:?}");
}
