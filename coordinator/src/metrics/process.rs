//! What the kernel says about this process, under the names that every Prometheus client uses.

use std::{fmt, fs};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

/// Read at every scrape. What `/proc` does not tell is left out.
#[derive(Debug)]
pub struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        if let Some(stat) = Stat::read() {
            let seconds = ConstCounter::new(stat.cpu_seconds);
            let help = "Time spent on the CPU, user and system, in seconds";
            let kind = seconds.metric_type();
            let place = encoder.encode_descriptor("process_cpu_seconds", help, None, kind)?;
            seconds.encode(place)?;
            let start = boot_time().map(|boot| boot + stat.started_after_boot);
            for (name, help, value) in [
                (
                    "process_resident_memory_bytes",
                    "Resident memory in bytes",
                    Some(stat.resident_bytes),
                ),
                (
                    "process_virtual_memory_bytes",
                    "Virtual memory in bytes",
                    Some(stat.virtual_bytes),
                ),
                ("process_threads", "Threads", Some(stat.threads)),
                (
                    "process_start_time_seconds",
                    "Start of the process in seconds since 1970",
                    start,
                ),
            ] {
                gauge(&mut encoder, name, help, value)?;
            }
        }
        let open = fs::read_dir("/proc/self/fd").map(|files| files.count() as f64);
        gauge(&mut encoder, "process_open_fds", "Open files", open.ok())?;
        let most = "Most files that may be open";
        gauge(&mut encoder, "process_max_fds", most, max_files())
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: Option<f64>,
) -> Result<(), fmt::Error> {
    let Some(value) = value else {
        return Ok(());
    };
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

/// A few fields of `/proc/self/stat`, in base units.
struct Stat {
    cpu_seconds: f64,
    threads: f64,
    started_after_boot: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

impl Stat {
    fn read() -> Option<Self> {
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let page = rustix::param::page_size() as f64;
        Self::parse(&fs::read_to_string("/proc/self/stat").ok()?, ticks, page)
    }

    fn parse(text: &str, ticks: f64, page: f64) -> Option<Self> {
        // The name of the program stands in brackets and may hold anything, brackets included.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        // Counted from the field after the name, which is the third in proc(5).
        let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
        Some(Self {
            cpu_seconds: (number(11)? + number(12)?) / ticks,
            threads: number(17)?,
            started_after_boot: number(19)? / ticks,
            virtual_bytes: number(20)?,
            resident_bytes: number(21)? * page,
        })
    }
}

/// Seconds since 1970 at which the machine started.
fn boot_time() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn max_files() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn fields_are_found_behind_any_name() {
        let line =
            "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 1000 4096000 25 1844";
        let stat = Stat::parse(line, 100.0, 4096.0).unwrap();
        assert_eq!(
            (stat.cpu_seconds, stat.threads, stat.started_after_boot),
            (3.0, 9.0, 10.0)
        );
        assert_eq!(
            (stat.virtual_bytes, stat.resident_bytes),
            (4_096_000.0, 102_400.0)
        );
        assert!(Stat::parse("7 (x) S 1", 100.0, 4096.0).is_none());
    }

    #[test]
    fn the_page_has_the_usual_names_and_sane_values() {
        let page = Metrics::default().page().unwrap();
        let value = |name: &str| -> f64 {
            let line = page.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {page}"))
                .trim()
                .parse()
                .unwrap()
        };
        assert!(value("process_cpu_seconds_total ") >= 0.0);
        assert!(value("process_resident_memory_bytes ") > 1e6);
        assert!(value("process_open_fds ") < value("process_max_fds "));
        assert!(value("process_threads ") >= 1.0);
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let age = now.as_secs_f64() - value("process_start_time_seconds ");
        assert!((-2.0..86_400.0).contains(&age), "started {age} s ago");
    }
}
