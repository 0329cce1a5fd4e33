//! The agent's own counters, from its metrics page.

use std::collections::BTreeMap;

/// What the soak needs of a metrics page.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    /// Frames decoded, by stream.
    decoded: BTreeMap<String, u64>,
    /// Streams assigned.
    pub streams: u64,
    /// Events made.
    pub made: u64,
    /// Events lost, for any reason.
    pub given_up: u64,
}

impl Counters {
    /// Frames decoded of a stream; 0 where it is not there yet.
    pub fn decoded(&self, stream: &str) -> u64 {
        self.decoded.get(stream).copied().unwrap_or(0)
    }

    fn parse(page: &str) -> Self {
        let mut counters = Self::default();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let value = value.parse::<f64>().unwrap_or(0.0) as u64;
            let (name, labels) = name.split_once('{').unwrap_or((name, ""));
            match name {
                "goshawk_agent_frames_decoded_total" => {
                    let stream = labels.split('"').nth(1).unwrap_or_default();
                    counters.decoded.insert(stream.to_owned(), value);
                }
                "goshawk_agent_streams" => counters.streams = value,
                "goshawk_agent_outbox_appended_total" => counters.made = value,
                "goshawk_agent_events_lost_total" => counters.given_up += value,
                _ => {}
            }
        }
        counters
    }
}

/// Reads the page at the agent's local address.
pub(super) async fn read(local: &str) -> anyhow::Result<Counters> {
    let page = reqwest::get(format!("{local}/metrics")).await?;
    Ok(Counters::parse(&page.error_for_status()?.text().await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read() {
        let page = "# HELP x\n\
            goshawk_agent_frames_decoded_total{stream=\"a-b\"} 12\n\
            goshawk_agent_streams 2\n\
            goshawk_agent_events_lost_total{reason=\"age\"} 1\n\
            goshawk_agent_events_lost_total{reason=\"bytes\"} 2\n\
            # EOF\n";
        let counters = Counters::parse(page);
        assert_eq!((counters.decoded("a-b"), counters.decoded("c")), (12, 0));
        assert_eq!((counters.streams, counters.given_up), (2, 3));
    }
}
