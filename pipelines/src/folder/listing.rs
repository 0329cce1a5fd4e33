//! The pictures of a folder that are still to be read. Pure: it is told what is in the folder.

use std::collections::{BTreeSet, HashSet};

use super::mask::Mask;

/// Pictures in one folder; more is refused rather than kept in memory.
const MOST_FILES: usize = 1_000_000;
/// Endings that are taken for pictures.
const ENDINGS: [&str; 8] = ["jpg", "jpeg", "png", "bmp", "ppm", "pgm", "tif", "tiff"];

/// The folder holds more pictures than are kept in mind.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MOST_FILES} pictures")]
pub(super) struct TooMany;

/// See the module.
#[derive(Debug)]
pub(super) struct Listing {
    mask: Mask,
    /// Names taken so far that are still there.
    taken: HashSet<String>,
    /// By the numbers of the mask, then by name.
    waiting: BTreeSet<(Vec<u64>, String)>,
}

impl Listing {
    pub fn new(mask: Mask) -> Self {
        Self {
            mask,
            taken: HashSet::new(),
            waiting: BTreeSet::new(),
        }
    }

    /// Takes in what the folder holds now; gives how many pictures are new. What has gone is
    /// forgotten: should it come again, it is a new picture.
    ///
    /// # Errors
    /// When there are too many.
    pub fn refresh(&mut self, names: impl Iterator<Item = String>) -> Result<usize, TooMany> {
        let (mut still, mut waiting) = (HashSet::new(), BTreeSet::new());
        let mut new = 0;
        for name in names.filter(|name| is_picture(name)) {
            let Some(numbers) = self.mask.numbers(&name) else {
                continue;
            };
            if still.len() + waiting.len() >= MOST_FILES {
                return Err(TooMany);
            }
            if self.taken.contains(&name) {
                still.insert(name);
                continue;
            }
            let entry = (numbers, name);
            new += usize::from(!self.waiting.contains(&entry));
            waiting.insert(entry);
        }
        self.taken = still;
        self.waiting = waiting;
        Ok(new)
    }

    /// The next picture.
    pub fn first(&self) -> Option<&str> {
        self.waiting.first().map(|(_, name)| name.as_str())
    }

    /// The next picture is done with.
    pub fn take_first(&mut self) {
        if let Some((_, name)) = self.waiting.pop_first() {
            self.taken.insert(name);
        }
    }

    /// Pictures still to be read.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

fn is_picture(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| {
        ENDINGS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(ending))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(mask: &str) -> Listing {
        Listing::new(Mask::new(mask).unwrap())
    }

    fn refresh(listing: &mut Listing, names: &[&str]) -> usize {
        let names = names.iter().map(|name| (*name).to_owned());
        listing.refresh(names).unwrap()
    }

    fn drain(listing: &mut Listing) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(name) = listing.first().map(str::to_owned) {
            listing.take_first();
            all.push(name);
        }
        all
    }

    #[test]
    fn numbers_order_what_names_would_not() {
        let mut listing = listing("f%d.png");
        refresh(&mut listing, &["f10.png", "f9.png", "f100.png", "g1.png"]);
        assert_eq!(drain(&mut listing), ["f9.png", "f10.png", "f100.png"]);
    }

    #[test]
    fn each_picture_comes_once_whenever_it_appears() {
        let mut listing = listing("*");
        assert_eq!(refresh(&mut listing, &["b.jpg", "a.PNG", "notes.txt"]), 2);
        assert_eq!(drain(&mut listing), ["a.PNG", "b.jpg"]);
        assert_eq!(refresh(&mut listing, &["b.jpg", "a.PNG", "aa.tif"]), 1);
        assert_eq!(drain(&mut listing), ["aa.tif"]);
        // Deleted and written again.
        assert_eq!(refresh(&mut listing, &["aa.tif"]), 0);
        assert_eq!(refresh(&mut listing, &["b.jpg", "aa.tif"]), 1);
        assert_eq!(drain(&mut listing), ["b.jpg"]);
    }
}
