//! What a process did and what it says of itself: the agent's counters and its processor time.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context;

/// What is needed of an agent's metrics page.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    streams: BTreeMap<String, Stream>,
    /// Streams assigned.
    pub assigned: u64,
    /// Events made.
    pub made: u64,
    /// Events lost, for any reason.
    pub given_up: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Stream {
    decoded: u64,
    looked: u64,
    still: u64,
}

impl Counters {
    /// Reads the page at the agent's local address.
    pub async fn read(local: &str) -> anyhow::Result<Self> {
        let page = reqwest::get(format!("{local}/metrics")).await?;
        Ok(Self::parse(&page.error_for_status()?.text().await?))
    }

    /// Frames decoded of a stream; 0 where it is not there yet.
    pub fn decoded(&self, stream: &str) -> u64 {
        self.streams.get(stream).map_or(0, |stream| stream.decoded)
    }

    /// Frames of a stream that were the detector's turn: looked at, or spared because nothing moved.
    pub fn decided(&self, stream: &str) -> u64 {
        let stream = self.streams.get(stream);
        stream.map_or(0, |stream| stream.looked + stream.still)
    }

    fn parse(page: &str) -> Self {
        let mut counters = Self::default();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let value = value.parse::<f64>().unwrap_or(0.0) as u64;
            let (name, labels) = name.split_once('{').unwrap_or((name, ""));
            let of_stream: fn(&mut Stream) -> &mut u64 = match name {
                "goshawk_agent_frames_decoded_total" => |stream| &mut stream.decoded,
                "goshawk_agent_detection_seconds_count" => |stream| &mut stream.looked,
                "goshawk_agent_frames_still_total" => |stream| &mut stream.still,
                _ => {
                    counters.of_all(name, value);
                    continue;
                }
            };
            let id = labels.split('"').nth(1).unwrap_or_default();
            *of_stream(counters.streams.entry(id.to_owned()).or_default()) = value;
        }
        counters
    }

    fn of_all(&mut self, name: &str, value: u64) {
        match name {
            "goshawk_agent_streams" => self.assigned = value,
            "goshawk_agent_outbox_appended_total" => self.made = value,
            "goshawk_agent_events_lost_total" => self.given_up += value,
            _ => {}
        }
    }
}

/// The processor time of a process from a moment on.
#[derive(Clone, Copy, Debug)]
pub struct Processor {
    pid: u32,
    since: Instant,
    used: Duration,
}

impl Processor {
    /// From now on.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        Ok(Self {
            pid,
            used: used(pid)?,
            since: Instant::now(),
        })
    }

    /// Seconds since.
    pub fn wall(&self) -> f64 {
        self.since.elapsed().as_secs_f64()
    }

    /// Cores that it kept busy since.
    pub fn cores(&self) -> anyhow::Result<f64> {
        let used = used(self.pid)?.saturating_sub(self.used);
        Ok(used.as_secs_f64() / self.wall())
    }
}

/// Processor time of a process, all threads, in user and kernel mode.
fn used(pid: u32) -> anyhow::Result<Duration> {
    let stat =
        std::fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
    // The name, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("not a line of stat")?;
    let fields: Vec<u64> = fields
        .split_whitespace()
        .skip(11)
        .map_while(|word| word.parse().ok())
        .collect();
    let [user, system, ..] = fields[..] else {
        anyhow::bail!("too few fields in stat");
    };
    let ticks = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(
        (user + system) as f64 / ticks as f64,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read() {
        let page = "# HELP x\n\
            goshawk_agent_frames_decoded_total{stream=\"a-b\"} 12\n\
            goshawk_agent_detection_seconds_count{stream=\"a-b\"} 3\n\
            goshawk_agent_frames_still_total{stream=\"a-b\"} 2\n\
            goshawk_agent_streams 2\n\
            goshawk_agent_events_lost_total{reason=\"age\"} 1\n\
            goshawk_agent_events_lost_total{reason=\"bytes\"} 2\n\
            # EOF\n";
        let counters = Counters::parse(page);
        assert_eq!((counters.decoded("a-b"), counters.decoded("c")), (12, 0));
        assert_eq!(counters.decided("a-b"), 5);
        assert_eq!((counters.assigned, counters.given_up), (2, 3));
    }

    #[test]
    fn work_costs_processor_time() {
        let processor = Processor::of(std::process::id()).unwrap();
        let mut sum = 0u64;
        while processor.wall() < 0.2 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        assert!(processor.cores().unwrap() > 0.05);
    }
}
