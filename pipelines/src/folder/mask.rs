//! Patterns of file names.

use regex::Regex;

/// Widest number in a mask, as in `%018d`: what fits into 64 bits.
const WIDEST: usize = 18;

/// A pattern: `*` stands for anything, `?` for one character, and `%d` (also `%i` and `%u`) for a
/// number, which in `%04d` is filled up with zeros to four digits and in `%4d` with blanks; `%%`
/// is a percent sign. Any other `%` stands for itself.
#[derive(Clone, Debug)]
pub(super) struct Mask {
    names: Regex,
}

impl Mask {
    /// Reads a pattern; `None` when it is too long to be one.
    pub fn new(mask: &str) -> Option<Self> {
        let mut pattern = String::from("(?s)^");
        let mut rest = mask;
        while let Some(next) = rest.chars().next() {
            if let Some((number, after)) = number(rest) {
                pattern.push_str(&number);
                rest = after;
                continue;
            }
            let taken = if rest.starts_with("%%") {
                2
            } else {
                next.len_utf8()
            };
            match next {
                '*' => pattern.push_str(".*"),
                '?' => pattern.push('.'),
                _ => pattern.push_str(&regex::escape(&next.to_string())),
            }
            rest = &rest[taken..];
        }
        pattern.push('$');
        let names = Regex::new(&pattern).ok()?;
        Some(Self { names })
    }

    /// Whether a name fits, and if so the numbers in it: names are read in their order.
    pub fn numbers(&self, name: &str) -> Option<Vec<u64>> {
        let found = self.names.captures(name)?;
        let numbers = found.iter().skip(1).flatten();
        // More than 64 bits hold sorts last.
        Some(
            numbers
                .map(|number| number.as_str().trim().parse().unwrap_or(u64::MAX))
                .collect(),
        )
    }
}

/// The pattern of a number at the beginning of a mask, and what comes after it.
fn number(mask: &str) -> Option<(String, &str)> {
    let spec = mask.strip_prefix('%')?;
    let end = spec.find(|c: char| !c.is_ascii_digit())?;
    let (width, rest) = spec.split_at(end);
    let after = rest.strip_prefix(['d', 'i', 'u'])?;
    let zeros = width.starts_with('0');
    let digits: usize = match width {
        "" => 1,
        width => width.parse().ok().filter(|digits| *digits <= WIDEST)?,
    };
    let free = r"0|[1-9]\d*";
    let pattern = match digits {
        0 | 1 => format!("({free})"),
        // Filled up, or with more digits than asked for, which are not filled up.
        _ if zeros => format!(r"(\d{{{digits}}}|[1-9]\d{{{digits},}})"),
        _ => {
            let filled =
                (1..digits).map(|n| format!(r" {{{}}}(?:0|[1-9]\d{{{}}})", digits - n, n - 1));
            let filled: Vec<String> = filled.collect();
            format!(r"({}|[1-9]\d{{{},}})", filled.join("|"), digits - 1)
        }
    };
    Some((pattern, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(mask: &str, name: &str) -> bool {
        Mask::new(mask).unwrap().numbers(name).is_some()
    }

    #[test]
    fn masks_choose_names() {
        for (mask, name, expect) in [
            ("*", "a.jpg", true),
            ("*.jpg", "a.jpg", true),
            ("*.jpg", "a.png", false),
            ("cam?_*.p*g", "cam1_x.png", true),
            ("cam?_*.p*g", "cam_x.png", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("a.jpg", "aXjpg", false),
            ("", "a", false),
        ] {
            assert_eq!(fits(mask, name), expect, "{mask} {name}");
        }
    }

    #[test]
    fn numbers_are_read_as_printf_writes_them() {
        for (mask, name, expect) in [
            ("example1_%04d.jpg", "example1_0007.jpg", Some(7)),
            ("example1_%04d.jpg", "example1_12345.jpg", Some(12345)),
            ("example1_%04d.jpg", "example1_7.jpg", None),
            ("example1_%04d.jpg", "example1_00007.jpg", None),
            ("%d.png", "12.png", Some(12)),
            ("%i.png", "012.png", None),
            ("%3u.png", "  7.png", Some(7)),
            ("%3u.png", "007.png", None),
            ("%d.png", "99999999999999999999.png", Some(u64::MAX)),
        ] {
            let numbers = Mask::new(mask).unwrap().numbers(name);
            assert_eq!(numbers, expect.map(|n| vec![n]), "{mask} {name}");
        }
        assert!(fits("100%%_%d", "100%_5"));
        assert!(fits("100%.jpg", "100%.jpg"));
        assert!(fits("%s_%099d", "%s_%099d"));
    }

    proptest! {
        #[test]
        fn what_printf_writes_fits_and_keeps_its_order(
            width in 1usize..8,
            a in 0u64..10_000_000,
            b in 0u64..10_000_000,
        ) {
            let mask = Mask::new(&format!("x%0{width}d.png")).unwrap();
            let read = |n: u64| mask.numbers(&format!("x{n:0width$}.png")).unwrap();
            prop_assert_eq!(read(a).cmp(&read(b)), a.cmp(&b));
            let blanks = Mask::new(&format!("x%{width}d.png")).unwrap();
            prop_assert_eq!(blanks.numbers(&format!("x{a:width$}.png")), Some(vec![a]));
        }

        #[test]
        fn any_mask_can_be_read(mask in "\\PC{0,128}", name in "\\PC{0,40}") {
            if let Some(mask) = Mask::new(&mask) {
                let _ = mask.numbers(&name);
            }
            let escaped = name.replace('%', "%%");
            let plain = !name.contains(['*', '?']);
            prop_assert!(!plain || Mask::new(&escaped).unwrap().numbers(&name).is_some());
        }
    }
}
