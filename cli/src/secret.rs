//! Passwords and tokens: kept from being printed, read from files that are our own, or asked for.

use std::{
    fmt,
    io::{IsTerminal, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Longest secret that is read; tokens are a few hundred characters.
const MAX_BYTES: u64 = 64 << 10;

/// A password or token. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for sending and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The first line of a file, or of standard input for `-`.
pub fn read(path: &Path) -> Result<Secret, Failure> {
    let mut text = String::new();
    let got = if path == Path::new("-") {
        std::io::stdin().take(MAX_BYTES).read_to_string(&mut text)
    } else {
        refuse_readable_by_others(path)?;
        std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text))
    };
    got.map_err(|error| {
        Failure::Usage(format!(
            "cannot read a secret from {}: {error}",
            path.display()
        ))
    })?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        let path = path.display();
        return Err(Failure::Usage(format!("the first line of {path} is empty")));
    }
    Ok(Secret::new(line))
}

/// Asks on the terminal, without echo.
pub fn ask(question: &str) -> Result<Secret, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Credentials(format!(
            "{question}: there is no terminal to ask on"
        )));
    }
    let text = rpassword::prompt_password(format!("{question}: "))
        .map_err(|error| Failure::Credentials(format!("cannot ask for a password: {error}")))?;
    if text.is_empty() {
        return Err(Failure::Credentials(format!(
            "{question}: nothing was given"
        )));
    }
    Ok(Secret::new(text))
}

/// A file with secrets that others on this machine can read or change is refused.
pub fn refuse_readable_by_others(path: &Path) -> Result<(), Failure> {
    let metadata = std::fs::metadata(path)
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))?;
    // Pipes and terminals (`--password-file <(…)`) have no lasting content to protect.
    if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
        let path = path.display();
        return Err(Failure::Usage(format!(
            "{path} can be read by others: run `chmod 600 {path}`"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_prints_a_secret() {
        assert!(!format!("{:?}", Secret::new("hunter2")).contains("hunter2"));
    }

    #[test]
    fn the_first_line_of_an_own_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "hunter2\n").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        assert_eq!(read(&path).unwrap().expose(), "hunter2");
        std::fs::write(&path, "").unwrap();
        assert!(read(&path).is_err());
    }
}
