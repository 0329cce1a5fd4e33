//! A lean HTTP client: connections that stay open, each with one request under way. It writes ready
//! bytes and looks only at status and length, so that most of the time measured is the server's.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::bench::percentile;

/// Connections at once.
pub const CONNECTIONS: usize = 32;
/// How long one run takes.
const RUN: Duration = Duration::from_secs(2);
/// An answer is shorter than this; more is an error.
const ANSWER: usize = 64 * 1024;

/// A request as it goes over the wire, again and again.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Vec<u8>,
}

impl Request {
    /// One with credentials; a body is JSON.
    pub fn new(method: &str, path: &str, authorization: &str, body: Option<&str>) -> Self {
        let body = body.unwrap_or_default();
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n"
        );
        if !body.is_empty() {
            text += &format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                body.len()
            );
        }
        text += "\r\n";
        text += body;
        Self {
            bytes: text.into_bytes(),
        }
    }
}

/// What one run showed.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Requests answered with success, a second.
    pub rate: f64,
    /// Milliseconds until the answer, of which 99 of 100 are not longer.
    pub p99_ms: f64,
}

/// Asks `server` as fast as it answers; any answer that is none of success is an error.
pub async fn measure(server: SocketAddr, request: &Request) -> anyhow::Result<Measured> {
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let request = request.clone();
        clients.spawn(async move { ask(server, &request, start).await });
    }
    let mut delays = Vec::new();
    while let Some(one) = clients.join_next().await {
        delays.extend(one??);
    }
    let rate = delays.len() as f64 / start.elapsed().as_secs_f64();
    Ok(Measured {
        rate,
        p99_ms: percentile(&delays, 99.0),
    })
}

/// Milliseconds of each request over one connection.
async fn ask(server: SocketAddr, request: &Request, start: Instant) -> anyhow::Result<Vec<f64>> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let mut delays = Vec::new();
    let mut buffer = Vec::with_capacity(ANSWER);
    while start.elapsed() < RUN {
        let asked = Instant::now();
        stream.write_all(&request.bytes).await?;
        answer(&mut stream, &mut buffer).await?;
        delays.push(asked.elapsed().as_secs_f64() * 1e3);
    }
    Ok(delays)
}

/// Reads one whole answer; nothing follows it, for only one request is under way.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    buffer.clear();
    loop {
        ensure!(buffer.len() < ANSWER, "an answer without end");
        if stream.read_buf(buffer).await? == 0 {
            bail!("the server closed the connection");
        }
        if is_whole(buffer)? {
            return Ok(());
        }
    }
}

fn is_whole(answer: &[u8]) -> anyhow::Result<bool> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(false);
    };
    let text = std::str::from_utf8(&answer[..head])?;
    ensure!(
        text.starts_with("HTTP/1.1 2"),
        "refused: {}",
        String::from_utf8_lossy(answer)
    );
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    let length = length.context("no Content-Length")??;
    Ok(answer.len() >= head + 4 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n").expect("reads"));
        assert!(!is_whole(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na").expect("reads"));
        assert!(is_whole(b"HTTP/1.1 201 OK\r\nContent-Length: 2\r\n\r\nab").expect("reads"));
        assert!(is_whole(b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(is_whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn a_request_says_how_long_its_body_is() {
        let text = String::from_utf8(Request::new("POST", "/a", "Basic x", Some("{}")).bytes)
            .expect("text");
        assert!(
            text.contains("Content-Length: 2\r\n\r\n{}")
                && text.starts_with("POST /a HTTP/1.1\r\n")
        );
    }
}
