//! `goshawk-agent check`: everything that would keep the daemon from its work, told at once.
//!
//! Nothing is changed: no folder is made, no port kept, no token shown. What may be meant so, or
//! will be wrong only later, is a doubt; only what is wrong now makes the check fail.

mod disk;
mod models;
mod network;

use std::fmt;

use goshawk_proto::settings::Problem;

use crate::config::Config;

pub use network::ask;

/// How a thing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it must be.
    Right,
    /// Perhaps not as it is meant, or not for long.
    Doubtful,
    /// The daemon cannot do its work with it.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it was found.
    pub verdict: Verdict,
    /// What was looked at, in a word.
    pub about: String,
    /// What is so, without secrets.
    pub text: String,
}

/// All that was found, in the order of looking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(Vec<Finding>);

impl Report {
    fn note(&mut self, verdict: Verdict, about: &str, text: impl fmt::Display) {
        self.0.push(Finding {
            verdict,
            about: about.to_owned(),
            text: text.to_string(),
        });
    }

    fn right(&mut self, about: &str, text: impl fmt::Display) {
        self.note(Verdict::Right, about, text);
    }

    fn doubt(&mut self, about: &str, text: impl fmt::Display) {
        self.note(Verdict::Doubtful, about, text);
    }

    fn wrong(&mut self, about: &str, text: impl fmt::Display) {
        self.note(Verdict::Wrong, about, text);
    }

    /// Adds what another look found.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Whether nothing is wrong.
    pub fn is_right(&self) -> bool {
        self.count(Verdict::Wrong) == 0
    }

    /// What was found.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }

    fn count(&self, verdict: Verdict) -> usize {
        let of = self.0.iter().filter(|finding| finding.verdict == verdict);
        of.count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.0 {
            let word = match finding.verdict {
                Verdict::Right => "ok   ",
                Verdict::Doubtful => "doubt",
                Verdict::Wrong => "WRONG",
            };
            writeln!(f, "{word}  {}: {}", finding.about, finding.text)?;
        }
        let (wrong, doubts) = (self.count(Verdict::Wrong), self.count(Verdict::Doubtful));
        writeln!(f, "{wrong} wrong, {doubts} in doubt")
    }
}

/// Each mistake in the settings as a finding.
pub fn settings(problems: &[Problem]) -> Report {
    let mut report = Report::default();
    for problem in problems {
        report.wrong(&problem.key, &problem.reason);
    }
    if problems.is_empty() {
        report.right("settings", "every key can be read");
    }
    report
}

/// Looks at everything on this machine. Loads the models, which takes seconds.
pub fn look(config: &Config) -> Report {
    let mut report = Report::default();
    disk::look(config, &mut report);
    network::look(config, &mut report);
    models::look(config, &mut report);
    report
}

#[cfg(test)]
mod tests;
