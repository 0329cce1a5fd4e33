//! Benchmarks over the real binaries: rows, their table and their files.
//!
//! * [`agent`]: the whole path of the agent on a 1080p clip, beside a Python peer;
//! * [`api`]: requests a second through the API, beside a bare handler;
//! * [`fleet`]: many cameras on one agent, and an idle one;
//! * [`ingest`]: events into the durable store, and the time to a subscriber;
//! * [`liveness`]: error rates against generated attacks;
//! * [`models`]: each model by itself, beside Python;
//! * [`tracking`]: the tracker by itself: its quality and its speed, beside trackers from PyPI.
//!
//! A ratio says how many times better than the peer we are: the median over interleaved runs, peer
//! and ours in turn. Absolute figures are for reading, ratios for judging.

pub mod agent;
pub mod api;
pub mod fleet;
pub mod ingest;
pub mod liveness;
pub mod models;
mod peer;
pub mod tracking;

use std::path::Path;

use serde_json::{Value, json};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// Name by which others find it.
    pub name: String,
    /// Our figure: the median of the runs.
    pub ours: f64,
    /// The peer's figure and name.
    pub peer: Option<(f64, String)>,
    /// The limit's figure and name.
    pub limit: Option<(f64, String)>,
    /// Unit of all three.
    pub unit: String,
    /// Which way is better.
    pub better: Better,
    /// Median of the ratios of each interleaved pair; by peer, else by limit.
    pub ratio: Option<f64>,
    /// How many runs of each.
    pub runs: usize,
    /// What a reader must know.
    pub note: String,
}

impl Row {
    /// A row from interleaved runs of ours and a peer or limit.
    pub fn compared(
        name: &str,
        unit: &str,
        better: Better,
        ours: &[f64],
        other: &[f64],
        other_name: &str,
        is_limit: bool,
    ) -> Self {
        let ratios: Vec<f64> = ours
            .iter()
            .zip(other)
            .map(|(ours, other)| {
                if better == Better::Higher {
                    ours / other
                } else {
                    other / ours
                }
            })
            .collect();
        let figure = Some((median(other), other_name.to_owned()));
        let (peer, limit) = if is_limit {
            (None, figure)
        } else {
            (figure, None)
        };
        Self {
            peer,
            limit,
            ratio: Some(median(&ratios)),
            ..Self::alone(name, unit, better, ours)
        }
    }

    /// A row without a peer.
    pub fn alone(name: &str, unit: &str, better: Better, ours: &[f64]) -> Self {
        Self {
            name: name.to_owned(),
            ours: median(ours),
            peer: None,
            limit: None,
            unit: unit.to_owned(),
            better,
            ratio: None,
            runs: ours.len(),
            note: String::new(),
        }
    }

    /// The same with a note.
    pub fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn json(&self) -> Value {
        let part = |part: &Option<(f64, String)>| part.as_ref().map(|(figure, _)| *figure);
        let named = |part: &Option<(f64, String)>| part.as_ref().map(|(_, name)| name.clone());
        json!({
            "name": self.name,
            "ours": self.ours,
            "peer": part(&self.peer),
            "peer_name": named(&self.peer),
            "limit": part(&self.limit),
            "limit_name": named(&self.limit),
            "unit": self.unit,
            "better": if self.better == Better::Higher { "higher" } else { "lower" },
            "ratio": self.ratio,
            "runs": self.runs,
            "note": self.note,
        })
    }
}

/// The middle value; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0)
}

/// The value below which `percent` of the values lie (nearest rank); NaN of nothing.
pub fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

/// Writes `target/bench/NAME.json`.
pub fn write(folder: &Path, name: &str, rows: &[Row]) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let rows: Vec<Value> = rows.iter().map(Row::json).collect();
    std::fs::write(
        folder.join(format!("{name}.json")),
        serde_json::to_string_pretty(&rows)?,
    )?;
    Ok(())
}

/// The rows as people read them.
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<34} {:>11} {:>11} {:>7}  {:<22} {}\n",
        "name", "ours", "peer/limit", "ratio", "unit", "beside"
    );
    for row in rows {
        let other = row.peer.as_ref().or(row.limit.as_ref());
        let figure = other.map_or_else(|| "-".to_owned(), |(figure, _)| short(*figure));
        let ratio = row
            .ratio
            .map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let beside = other.map_or("-", |(_, name)| name.as_str());
        text.push_str(&format!(
            "{:<34} {:>11} {:>11} {:>7}  {:<22} {}\n",
            row.name,
            short(row.ours),
            figure,
            ratio,
            row.unit,
            beside
        ));
        if !row.note.is_empty() {
            text.push_str(&format!("{:<34}   {}\n", "", row.note));
        }
    }
    text
}

fn short(figure: f64) -> String {
    match figure.abs() {
        size if size >= 1000.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(median(&values), 3.0);
        assert_eq!(percentile(&values, 99.0), 5.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_ratio_says_how_many_times_better() {
        let higher = Row::compared(
            "a",
            "x",
            Better::Higher,
            &[4.0, 4.0],
            &[2.0, 2.0],
            "p",
            false,
        );
        let lower = Row::compared("a", "x", Better::Lower, &[4.0], &[2.0], "p", true);
        assert_eq!(higher.ratio, Some(2.0));
        assert_eq!(lower.ratio, Some(0.5));
        assert!(lower.limit.is_some() && lower.peer.is_none());
    }
}
