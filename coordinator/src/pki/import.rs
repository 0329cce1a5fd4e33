//! Join tokens and agents of earlier releases, which kept them in two JSON files in the data
//! folder.
//!
//! The files are read once: what they say goes into the store, then they are put aside as
//! `….imported`. A crash in between has them read again, which changes nothing: what the store has
//! already goes before the files. A file that cannot be read ends the start, for without it every
//! agent would be a stranger.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

use super::{
    authority::PkiError,
    records::{AgentRecord, JoinTokenRecord},
};
use crate::{files, store::AgentRegistry};

const TOKENS: &str = "join_tokens.json";
const AGENTS: &str = "agents.json";
/// End of the name of a file that was taken over. Backups leave them out.
pub(crate) const PUT_ASIDE: &str = "imported";

/// Takes over what lies in the data folder `dir`. Nothing happens where there are no such files.
/// Blocks.
pub fn take_over(dir: &Path, store: &dyn AgentRegistry) -> Result<(), PkiError> {
    let (tokens, agents) = (dir.join(TOKENS), dir.join(AGENTS));
    let old_tokens: Option<Vec<JoinTokenRecord>> = rows(&tokens)?;
    let old_agents: Option<Vec<AgentRecord>> = rows(&agents)?;
    if old_tokens.is_none() && old_agents.is_none() {
        return Ok(());
    }
    let there = [old_tokens.is_some(), old_agents.is_some()];
    let (old_tokens, old_agents) = (
        old_tokens.unwrap_or_default(),
        old_agents.unwrap_or_default(),
    );
    store.take_over(&old_tokens, &old_agents)?;
    for (path, there) in [&tokens, &agents].into_iter().zip(there) {
        if there {
            put_aside(path).map_err(|error| PkiError::file(path, &error))?;
        }
    }
    tracing::info!(
        agents = old_agents.len(),
        join_tokens = old_tokens.len(),
        "agents and join tokens are in the database now"
    );
    Ok(())
}

fn rows<T: DeserializeOwned>(path: &Path) -> Result<Option<Vec<T>>, PkiError> {
    let text = files::read_if_there(path).map_err(|error| PkiError::file(path, &error))?;
    text.map(|text| serde_json::from_str(&text).map_err(|error| PkiError::file(path, &error)))
        .transpose()
}

fn put_aside(path: &Path) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".");
    aside.push(PUT_ASIDE);
    fs::rename(path, PathBuf::from(aside))?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use goshawk_proto::link::enrol::EnrolRefusal;

    use super::{
        super::tests::{House, enrolled, key, request},
        *,
    };
    use crate::store::JoinTokenStore;

    /// The files as the first release wrote them, byte for byte; the token's secret is 32 times 7.
    const OLD_TOKENS: &str = r#"[
  {
    "id": "11111111-1111-4111-8111-111111111111",
    "digest": DIGEST,
    "label": "gate",
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": "2096-01-01T00:00:00Z",
    "used": null,
    "revoked_at": null
  }
]"#;
    const OLD_AGENTS: &str = r#"[
  {
    "agent_id": "22222222-2222-4222-8222-222222222222",
    "name": "yard",
    "enrolled_at": "2026-01-01T00:00:00Z",
    "certificate_expires_at": "2031-01-01T00:00:00Z",
    "join_token_id": "33333333-3333-4333-8333-333333333333",
    "revoked_at": null
  },
  {
    "agent_id": "44444444-4444-4444-8444-444444444444",
    "name": "thief",
    "enrolled_at": "2026-01-01T00:00:00Z",
    "certificate_expires_at": "2031-01-01T00:00:00Z",
    "join_token_id": "33333333-3333-4333-8333-333333333333",
    "revoked_at": "2026-02-01T00:00:00Z"
  }
]"#;

    fn old_files(dir: &Path) {
        let digest = goshawk_proto::link::JoinSecret::new([7; 32]).digest();
        let digest = serde_json::to_string(&digest).unwrap();
        fs::write(dir.join(TOKENS), OLD_TOKENS.replace("DIGEST", &digest)).unwrap();
        fs::write(dir.join(AGENTS), OLD_AGENTS).unwrap();
    }

    #[test]
    fn what_lay_in_files_counts_on() {
        let house = House::new();
        let dir = house.dir.path();
        old_files(dir);
        take_over(dir, house.store.as_ref()).unwrap();
        let authority = house.authority();
        let names: Vec<_> = authority.agents().unwrap();
        let names: Vec<_> = names.iter().map(|agent| agent.name.as_str()).collect();
        assert_eq!(names, ["thief", "yard"]);
        let id = |text: &str| text.parse().unwrap();
        assert!(authority.is_welcome(id("22222222-2222-4222-8222-222222222222")));
        assert!(!authority.is_welcome(id("44444444-4444-4444-8444-444444444444")));
        for name in [TOKENS, AGENTS] {
            assert!(!dir.join(name).exists());
            assert!(dir.join(format!("{name}.{PUT_ASIDE}")).exists());
        }

        // The old token still lets one agent in.
        let token = goshawk_proto::link::JoinToken {
            ca: authority.ca_fingerprint(),
            id: id_of_token(),
            secret: goshawk_proto::link::JoinSecret::new([7; 32]),
        };
        let first = key();
        enrolled(&authority, &token, &first);
        let second = authority.enrol(&request(&token, &key())).unwrap_err();
        assert_eq!(second.code, EnrolRefusal::UsedToken);

        // A crash before they were put aside: the files come again, and undo nothing.
        old_files(dir);
        take_over(dir, house.store.as_ref()).unwrap();
        assert!(
            house
                .store
                .join_token(id_of_token())
                .unwrap()
                .used
                .is_some()
        );
        assert_eq!(house.authority().agents().unwrap().len(), 3);
        take_over(dir, house.store.as_ref()).unwrap();
    }

    fn id_of_token() -> goshawk_proto::id::JoinTokenId {
        "11111111-1111-4111-8111-111111111111".parse().unwrap()
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_passed_over() {
        let house = House::new();
        let dir = house.dir.path();
        old_files(dir);
        fs::write(dir.join(AGENTS), "[{").unwrap();
        let error = take_over(dir, house.store.as_ref()).unwrap_err();
        assert!(error.to_string().contains(AGENTS), "{error}");
        assert!(dir.join(TOKENS).exists());
        assert!(house.store.join_tokens().unwrap().is_empty());
    }
}
