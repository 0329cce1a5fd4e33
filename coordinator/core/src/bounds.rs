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
        return Err(Invalid::new(name, format!("longer than {most} characters")));
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
    if value >= least && value <= most {
        return Ok(());
    }
    Err(Invalid::new(
        name,
        format!("{value} is not between {least} and {most}"),
    ))
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
    if (least..=most).contains(&value.len()) {
        return Ok(());
    }
    Err(Invalid::new(
        name,
        format!("{} items, want {least} to {most}", value.len()),
    ))
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
            "Path: 'list.1.n', message: '9 is not between 0 and 3'"
        );
    }

    #[test]
    fn length_counts_characters() {
        assert!(text("t", "äöü", 3).is_ok());
        assert!(text("t", "abcd", 3).is_err());
        assert!(number("f", f32::NAN, 0.0, 1.0).is_err());
    }
}
