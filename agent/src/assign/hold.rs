//! Streams that somebody at the site wants to stand still, whatever the coordinator assigns.
//!
//! A file in the state folder, [`FILE`], names them: one id a line, or `all`; what follows a `#` is a
//! remark. It is read every time the desk looks around, so a line more stops a camera within a few
//! seconds and a line less sets it going again, with the centre away as well. While the file is
//! there and cannot be read, what held last goes on holding: who wanted a camera off must not find
//! it on again.

use std::{
    collections::BTreeSet,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use goshawk_proto::id::StreamId;

/// Name of the file.
pub const FILE: &str = "hold.txt";
/// More of it is not read: room for some 1700 ids.
const MOST_BYTES: u64 = 64 << 10;

/// Which streams stand still.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    all: bool,
    streams: BTreeSet<StreamId>,
}

impl Held {
    /// Whether this one does.
    pub fn holds(&self, stream: StreamId) -> bool {
        self.all || self.streams.contains(&stream)
    }

    /// What a text names, and its lines that name nothing.
    fn parse(text: &str) -> (Self, Vec<&str>) {
        let (mut held, mut wrong) = (Self::default(), Vec::new());
        for line in text.lines() {
            let word = line.split('#').next().unwrap_or_default().trim();
            match (word, word.parse()) {
                ("", _) => {}
                ("all", _) => held.all = true,
                (_, Ok(stream)) => {
                    held.streams.insert(stream);
                }
                (_, Err(_)) => wrong.push(word),
            }
        }
        (held, wrong)
    }
}

/// The file.
#[derive(Debug)]
pub struct HoldFile {
    path: PathBuf,
    /// What it held last, and what was wrong then.
    last: Held,
    complaint: String,
}

impl HoldFile {
    /// In this state folder.
    pub fn new(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join(FILE),
            last: Held::default(),
            complaint: String::new(),
        }
    }

    /// What it holds now.
    pub fn read(&mut self) -> &Held {
        let complaint = match self.text() {
            Ok(text) => {
                let (held, wrong) = Held::parse(&text);
                self.last = held;
                match wrong[..] {
                    [] => String::new(),
                    [first, ..] => format!("`{first}` is neither a stream id nor `all`"),
                }
            }
            Err(error) => format!("it cannot be read: {error}"),
        };
        if complaint != self.complaint {
            if !complaint.is_empty() {
                tracing::warn!(file = %self.path.display(), "{complaint}");
            }
            self.complaint = complaint;
        }
        &self.last
    }

    fn text(&self) -> std::io::Result<String> {
        let file = match std::fs::File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
            other => other?,
        };
        let mut text = String::new();
        file.take(MOST_BYTES).read_to_string(&mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_all_are_read_and_the_rest_is_told() {
        let stream = StreamId::random();
        let text = format!("# the yard\n\n {stream}  # until Monday\nyard\nALL\n");
        let (held, wrong) = Held::parse(&text);
        assert!(held.holds(stream) && !held.holds(StreamId::random()));
        assert_eq!(wrong, ["yard", "ALL"]);
        assert!(Held::parse("all").0.holds(StreamId::random()));
    }

    #[test]
    fn what_cannot_be_read_goes_on_holding() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = HoldFile::new(dir.path());
        let stream = StreamId::random();
        assert_eq!(file.read(), &Held::default());
        std::fs::write(dir.path().join(FILE), stream.to_string()).unwrap();
        assert!(file.read().holds(stream));
        std::fs::write(dir.path().join(FILE), b"\xff\xfe").unwrap();
        assert!(file.read().holds(stream));
        std::fs::remove_file(dir.path().join(FILE)).unwrap();
        assert!(!file.read().holds(stream));
    }
}
