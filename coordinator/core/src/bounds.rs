//! Checking bodies against the contract's bounds, with the path of what is wrong.

/// What is wrong with a body and where, in the form the contract's error 12022 wants it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Path: '{path}', message: '{message}'")]
pub struct Invalid {
    /// Dotted path from the body's root, for example `policies.match_policy.0.limit`.
    pub path: String,
    /// What is wrong, for people.
    pub message: String,
}

impl Invalid {
    /// A complaint about `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }

    /// The same complaint seen from the object that holds the checked one under `name`.
    #[must_use]
    pub fn under(mut self, name: &str) -> Self {
        self.path = if self.path.is_empty() {
            name.into()
        } else {
            format!("{name}.{}", self.path)
        };
        self
    }
}

/// Something that the contract bounds beyond its types.
pub trait Check {
    /// The first thing out of bounds, if any.
    fn check(&self) -> Result<(), Invalid>;
}

impl<T: Check> Check for Option<T> {
    fn check(&self) -> Result<(), Invalid> {
        self.as_ref().map_or(Ok(()), Check::check)
    }
}

impl<T: Check> Check for Vec<T> {
    fn check(&self) -> Result<(), Invalid> {
        for (index, item) in self.iter().enumerate() {
            item.check().map_err(|e| e.under(&index.to_string()))?;
        }
        Ok(())
    }
}

/// Checks the part of a body that lies under `name`.
pub fn part(name: &str, value: &impl Check) -> Result<(), Invalid> {
    value.check().map_err(|e| e.under(name))
}

/// At most `most` characters (not bytes).
pub fn text(name: &str, value: &str, most: usize) -> Result<(), Invalid> {
    if value.chars().count() > most {
        let message = format!("ensure this value has at most {most} characters");
        return Err(Invalid::new(name, message));
    }
    Ok(())
}

/// Between `least` and `most`, both included; NaN is outside.
pub fn number<T: PartialOrd + std::fmt::Display>(
    name: &str,
    value: T,
    least: T,
    most: T,
) -> Result<(), Invalid> {
    let (side, bound) = if value < least {
        ("greater", least)
    } else if value <= most {
        return Ok(());
    } else {
        ("less", most)
    };
    let message = format!("ensure this value is {side} than or equal to {bound}");
    Err(Invalid::new(name, message))
}

/// As [`number`], when there is one.
pub fn maybe_number<T: PartialOrd + std::fmt::Display>(
    name: &str,
    value: Option<T>,
    least: T,
    most: T,
) -> Result<(), Invalid> {
    value.map_or(Ok(()), |value| number(name, value, least, most))
}

/// Between `least` and `most` items.
pub fn items<T>(name: &str, value: &[T], least: usize, most: usize) -> Result<(), Invalid> {
    let (side, bound) = if value.len() < least {
        ("least", least)
    } else if value.len() > most {
        ("most", most)
    } else {
        return Ok(());
    };
    let message = format!("ensure this value has at {side} {bound} items");
    Err(Invalid::new(name, message))
}

/// As [`items`], when there is a list.
pub fn maybe_items<T>(
    name: &str,
    value: Option<&Vec<T>>,
    least: usize,
    most: usize,
) -> Result<(), Invalid> {
    value.map_or(Ok(()), |value| items(name, value, least, most))
}

/// One of some values.
pub fn one_of<T: PartialEq + std::fmt::Display>(
    name: &str,
    value: T,
    permitted: &[T],
) -> Result<(), Invalid> {
    if permitted.contains(&value) {
        return Ok(());
    }
    let message = crate::formats::Wrong::not_among(permitted).to_string();
    Err(Invalid::new(name, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Inner(u8);

    impl Check for Inner {
        fn check(&self) -> Result<(), Invalid> {
            number("n", self.0, 0, 3)
        }
    }

    #[test]
    fn a_complaint_names_the_path_from_the_root() {
        let body = vec![Inner(1), Inner(9)];
        let wrong = part("list", &body).unwrap_err();
        assert_eq!(wrong.path, "list.1.n");
        assert_eq!(
            wrong.to_string(),
            "Path: 'list.1.n', message: 'ensure this value is less than or equal to 3'"
        );
    }

    #[test]
    fn what_is_wrong_is_said_in_the_contracts_words() {
        let said = |result: Result<(), Invalid>| result.unwrap_err().message;
        assert_eq!(
            said(number("n", -1, 0, 3)),
            "ensure this value is greater than or equal to 0"
        );
        assert_eq!(
            said(items("l", &[1], 2, 3)),
            "ensure this value has at least 2 items"
        );
        assert_eq!(
            said(one_of("r", 45, &[0, 90])),
            "unexpected value; permitted: 0, 90"
        );
    }

    #[test]
    fn length_counts_characters() {
        assert!(text("t", "äöü", 3).is_ok());
        assert!(text("t", "abcd", 3).is_err());
        assert!(number("f", f32::NAN, 0.0, 1.0).is_err());
    }
}
