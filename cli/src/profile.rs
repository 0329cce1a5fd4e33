//! The configuration file: named profiles, each a coordinator and who we are there.
//!
//! ```toml
//! default = "home"
//!
//! [profiles.home]
//! url = "https://goshawk.example"
//! login = "ann@example.com"
//! password = "…"                      # or token = "…"
//! ca_file = "/etc/goshawk/ca.pem"
//! ```
//!
//! It is written with mode 0600, whole or not at all, and refused when others can read it.
//! `goshawk login` rewrites it, which drops comments.

use std::{
    collections::BTreeMap,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    failure::Failure,
    secret::{self, Secret},
};

/// Name of the profile where nothing says another.
pub const DEFAULT: &str = "default";
/// Largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// All profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The profile used when none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Profiles by name.
    #[serde(default)]
    pub profiles: BTreeMap<String, Profile>,
}

/// A coordinator and who we are there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Address of the API service.
    pub url: String,
    /// Address of the Streams service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams_url: Option<String>,
    /// Login of the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Its password; asked for when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A token in place of login and password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// PEM file with the only authorities to trust.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whether credentials may cross a network in clear.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure_http: bool,
}

impl File {
    /// Reads the file at `path`; one that is not there has no profiles.
    ///
    /// # Errors
    /// When others can read it, or it is not understood. The message shows none of its values.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Ok(metadata) if metadata.len() > MAX_BYTES => {
                let path = path.display();
                return Err(Failure::Usage(format!("{path} is larger than 1 MiB")));
            }
            _ => secret::refuse_readable_by_others(path)?,
        }
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            });
            Failure::Usage(format!(
                "{}, line {line}: {}",
                path.display(),
                without_values(error.message())
            ))
        })
    }

    /// Writes the file, readable by its owner alone. A crash leaves the old one or the new one.
    pub fn save(&self, path: &Path) -> Result<(), Failure> {
        let wrong =
            |error: std::io::Error| Failure::io(format!("cannot write {}", path.display()), &error);
        let text = toml::to_string(self)
            .map_err(|error| Failure::Failed(format!("cannot write the profiles: {error}")))?;
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if !folder.exists() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(wrong)?;
        }
        // A link stays a link: what it points at is replaced.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let new = target.with_extension(format!("new-{}", std::process::id()));
        let written = write_new(&new, &text).and_then(|()| std::fs::rename(&new, &target));
        if written.is_err() {
            // The half-written file holds a secret and is of no use.
            let _ = std::fs::remove_file(&new);
        }
        written.map_err(wrong)
    }

    /// The profile of this name, or the default one; `None` when there is none to be the default.
    pub fn find(&self, name: Option<&str>) -> Result<Option<(&str, &Profile)>, Failure> {
        let wanted = name.or(self.default.as_deref());
        let found = self.profiles.get_key_value(wanted.unwrap_or(DEFAULT));
        match (found, wanted) {
            (Some((name, profile)), _) => Ok(Some((name, profile))),
            (None, None) => Ok(None),
            (None, Some(wanted)) => {
                let known: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
                let known = match known.as_slice() {
                    [] => "there are none yet: `goshawk login` makes one".to_owned(),
                    known => format!("there are: {}", known.join(", ")),
                };
                Err(Failure::Usage(format!("no profile `{wanted}`; {known}")))
            }
        }
    }
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A parser's message, unless it may quote a value, which may be a password.
fn without_values(message: &str) -> &str {
    let about_keys = ["unknown field", "missing field", "duplicate"];
    match about_keys.iter().any(|start| message.starts_with(start)) {
        true => message.lines().next().unwrap_or_default(),
        false => "not understood (is the value a quoted text?)",
    }
}

/// Where the file is: `flag`, `GOSHAWK_CONFIG`, or the user's configuration folder.
pub fn path(
    flag: Option<&Path>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<PathBuf, Failure> {
    if let Some(path) = flag {
        return Ok(path.to_owned());
    }
    if let Some(path) = variable("GOSHAWK_CONFIG") {
        return Ok(path.into());
    }
    let folder = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")));
    let folder = folder.ok_or_else(|| {
        Failure::Usage("neither GOSHAWK_CONFIG, XDG_CONFIG_HOME nor HOME is set".to_owned())
    })?;
    Ok(folder.join("goshawk").join("config.toml"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        (dir, path)
    }

    #[test]
    fn what_is_saved_is_loaded_and_nobody_else_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new").join("config.toml");
        let mut file = File {
            default: Some("home".to_owned()),
            ..File::default()
        };
        let profile = Profile {
            url: "https://a.example".to_owned(),
            login: Some("a@b.cd".to_owned()),
            password: Some(Secret::new("hunter2")),
            ..Profile::default()
        };
        file.profiles.insert("home".to_owned(), profile);
        for _ in 0..2 {
            file.save(&path).unwrap();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert_eq!(File::load(&path).unwrap(), file);
        }
        let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "no half-written file is left");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let (_dir, path) = written("");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let error = File::load(&path).unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_broken_file_names_the_line_and_hides_its_values() {
        for text in [
            "[profiles.a]\nurl = 'x'\npassword = hunter2",
            "[profiles.a]\nurl = 'x'\ninsecure_http = 'hunter2'",
            "[profiles.a]\nurl = 'x'\npassword = 'hunter2",
        ] {
            let (_dir, path) = written(text);
            let error = File::load(&path).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(error.contains("line 3"), "{error}");
        }
    }

    #[test]
    fn a_mistyped_key_is_named() {
        let (_dir, path) = written("[profiles.a]\nurl = 'x'\npasword = 'hunter2'");
        let error = File::load(&path).unwrap_err().to_string();
        assert!(
            error.contains("pasword") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn a_profile_is_found_by_name_or_default() {
        let file: File =
            toml::from_str("default = 'b'\n[profiles.a]\nurl = '1'\n[profiles.b]\nurl = '2'")
                .unwrap();
        assert_eq!(file.find(None).unwrap().unwrap().0, "b");
        assert_eq!(file.find(Some("a")).unwrap().unwrap().0, "a");
        let error = file.find(Some("c")).unwrap_err().to_string();
        assert!(error.contains("a, b"), "{error}");
        assert!(File::default().find(None).unwrap().is_none());
    }

    #[test]
    fn the_file_lies_where_the_environment_says() {
        let home = |name: &str| (name == "HOME").then(|| "/home/ann".to_owned());
        let found = path(None, home).unwrap();
        assert_eq!(found, Path::new("/home/ann/.config/goshawk/config.toml"));
        let all = |name: &str| Some(format!("/{name}"));
        assert_eq!(path(None, all).unwrap(), Path::new("/GOSHAWK_CONFIG"));
        assert_eq!(path(Some(Path::new("/f")), all).unwrap(), Path::new("/f"));
        assert!(path(None, |_| None).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_name_and_secret_survive_the_file(name in ".+", secret in ".*") {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("config.toml");
            let profile = Profile {
                url: "https://a.example".to_owned(),
                password: Some(Secret::new(secret)),
                ..Profile::default()
            };
            let mut file = File::default();
            file.profiles.insert(name, profile);
            file.save(&path).unwrap();
            proptest::prop_assert_eq!(File::load(&path).unwrap(), file);
        }
    }
}
