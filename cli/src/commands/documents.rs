//! Documents that users write in files: JSON, or TOML because it is easier on people.

use std::{io::Read, path::Path};

use serde_json::Value;

use crate::failure::Failure;

/// Largest document that is read; the coordinator takes less.
const MAX_BYTES: u64 = 4 << 20;

/// Reads a `.toml` file as TOML and everything else, and standard input for `-`, as JSON.
pub fn read(path: &Path) -> Result<Value, Failure> {
    let shown = path.display();
    let mut text = String::new();
    let got = if path == Path::new("-") {
        std::io::stdin()
            .take(MAX_BYTES + 1)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
    };
    got.map_err(|error| Failure::Usage(format!("cannot read {shown}: {error}")))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Failure::Usage(format!("{shown} is larger than 4 MiB")));
    }
    let wrong = |error: &dyn std::fmt::Display| Failure::Usage(format!("{shown}: {error}"));
    if path.extension().is_some_and(|ending| ending == "toml") {
        toml::from_str(&text).map_err(|error| wrong(&error))
    } else {
        serde_json::from_str(&text).map_err(|error| wrong(&error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_kinds_say_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let written = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            read(&path)
        };
        let want = json!({"description": "door", "policies": {"match_policy": [{"limit": 3}]}});
        let toml = "description = 'door'\n[[policies.match_policy]]\nlimit = 3";
        assert_eq!(written("a.toml", toml).unwrap(), want);
        assert_eq!(written("a.json", &want.to_string()).unwrap(), want);
        let error = written("b.json", "{").unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(error.to_string().contains("line 1"), "{error}");
        assert_eq!(read(&dir.path().join("none.json")).unwrap_err().code(), 2);
    }
}
