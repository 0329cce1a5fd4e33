//! The keys that tokens are signed with: a file in the data folder.
//!
//! The last key of the file signs; all of them verify. A key is made at the first start. After a
//! rotation the texts that older keys signed stay good until their tokens end: at start, keys that
//! no living token needs are removed. A running coordinator notices a changed file within
//! [`RECHECK`]; if it cannot be read it goes on with what it has and says so.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use goshawk_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::jwt::{self, Claims, JwtError, SigningKey};
use crate::files::write_whole;

/// Name of the file in the data folder.
pub const FILE: &str = "token-keys.json";
/// Held while the file is being changed, so that two who do so at once lose nothing.
const LOCK: &str = "token-keys.lock";
/// How soon a running coordinator notices a changed file.
pub const RECHECK: Duration = Duration::from_secs(1);
/// Most keys at once.
pub const MAX_KEYS: usize = 16;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file is no list of keys.
    #[error("{path}: {reason}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A rotation would make one key too many.
    #[error(
        "{MAX_KEYS} keys are kept already: use --drop-old, or restart the coordinator, which removes \
         keys that no living token needs"
    )]
    TooMany,
    /// A key cannot be made.
    #[error(transparent)]
    Jwt(#[from] JwtError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    /// Oldest first; the last one signs.
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    id: String,
    /// PKCS #8 in base64.
    private: String,
    create_time: Timestamp,
}

impl StoredKey {
    fn fresh(now: Timestamp) -> Result<Self, KeyError> {
        Ok(Self {
            id: uuid::Uuid::new_v4().to_string(),
            private: STANDARD.encode(SigningKey::generate()?),
            create_time: now,
        })
    }
}

/// What a rotation did.
#[derive(Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The new key, which signs from now on.
    pub id: String,
    /// Older keys that still verify.
    pub kept: usize,
    /// Keys that were removed; the tokens they signed are worth nothing any more.
    pub dropped: usize,
}

/// Makes a new signing key in the data folder `dir`; with `drop_old` the others are removed.
pub fn rotate(dir: &Path, drop_old: bool, now: Timestamp) -> Result<Rotated, KeyError> {
    let path = dir.join(FILE);
    let _lock = lock(dir)?;
    let mut file = read_file(&path)?.unwrap_or(KeyFile { keys: Vec::new() });
    let before = file.keys.len();
    if drop_old {
        file.keys.clear();
    }
    if file.keys.len() >= MAX_KEYS {
        return Err(KeyError::TooMany);
    }
    let kept = file.keys.len();
    let key = StoredKey::fresh(now)?;
    let id = key.id.clone();
    file.keys.push(key);
    write_file(&path, &file)?;
    hand_over(dir, &path)?;
    Ok(Rotated {
        id,
        kept,
        dropped: before - kept,
    })
}

/// A file that root wrote goes to the owner of the folder, whose coordinator has to read it.
fn hand_over(dir: &Path, path: &Path) -> Result<(), KeyError> {
    use std::os::unix::fs::{MetadataExt, chown};
    let change = || {
        let (folder, file) = (fs::metadata(dir)?, fs::metadata(path)?);
        if folder.uid() != file.uid() {
            chown(path, Some(folder.uid()), Some(folder.gid()))?;
        }
        Ok(())
    };
    change().map_err(|source| KeyError::File {
        path: path.to_owned(),
        source,
    })
}

fn lock(dir: &Path) -> Result<fs::File, KeyError> {
    let path = dir.join(LOCK);
    let open = || {
        use std::os::unix::fs::OpenOptionsExt;
        let file = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        file.lock()?;
        Ok(file)
    };
    open().map_err(|source| KeyError::File {
        path: path.clone(),
        source,
    })
}

fn read_file(path: &Path) -> Result<Option<KeyFile>, KeyError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(KeyError::File {
                path: path.to_owned(),
                source,
            });
        }
    };
    // serde's words may quote the content, so only the place is told.
    let file = serde_json::from_slice(&bytes).map_err(|error| KeyError::Content {
        path: path.to_owned(),
        reason: format!("no list of keys at line {}", error.line()),
    })?;
    Ok(Some(file))
}

fn write_file(path: &Path, file: &KeyFile) -> Result<(), KeyError> {
    let bytes = serde_json::to_vec_pretty(file).map_err(|error| KeyError::Content {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    write_whole(path, &bytes).map_err(|source| KeyError::File {
        path: path.to_owned(),
        source,
    })
}

/// Keys as they are at one moment.
pub struct Keys {
    /// Differs from one set of keys to the next.
    pub generation: u64,
    keys: Vec<SigningKey>,
}

impl Keys {
    fn load(path: &Path, generation: u64) -> Result<Self, KeyError> {
        let bad = |reason: &str| KeyError::Content {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let file = read_file(path)?.ok_or_else(|| bad("has gone"))?;
        if !(1..=MAX_KEYS).contains(&file.keys.len()) {
            return Err(bad("has no keys, or too many"));
        }
        let read = |key: &StoredKey| {
            let private = STANDARD
                .decode(&key.private)
                .map_err(|_| bad("a key is no base64"))?;
            Ok(SigningKey::new(&key.id, &private)?)
        };
        let keys: Result<_, KeyError> = file.keys.iter().map(read).collect();
        Ok(Self {
            generation,
            keys: keys?,
        })
    }

    /// Signs with the newest key; also says which that is.
    pub fn sign(&self, claims: &Claims) -> Result<(String, String), JwtError> {
        let newest = self.keys.last();
        let newest = newest.ok_or_else(|| JwtError::Unusable("none".to_owned()))?;
        Ok((newest.id().to_owned(), newest.sign(claims)?))
    }

    /// What a text says, if one of the keys signed it.
    pub fn read(&self, text: &str) -> Result<Claims, JwtError> {
        jwt::read(text, |id| self.keys.iter().find(|key| key.id() == id))
    }
}

/// The file's keys, kept up to date.
pub struct KeyRing {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    keys: Arc<Keys>,
    stamp: Stamp,
    checked: Instant,
}

/// By what a changed file is told.
type Stamp = Option<(u64, u64, SystemTime)>;

fn stamp(path: &Path) -> Stamp {
    use std::os::unix::fs::MetadataExt;
    let data = fs::metadata(path).ok()?;
    Some((data.ino(), data.len(), data.modified().ok()?))
}

impl KeyRing {
    /// Opens the file in the data folder `dir`, or makes it with a first key. Keys other than the
    /// newest that are not among `needed` are removed. Blocks.
    pub fn open(dir: &Path, needed: &HashSet<String>, now: Timestamp) -> Result<Self, KeyError> {
        let path = dir.join(FILE);
        {
            let _lock = lock(dir)?;
            let found = read_file(&path)?;
            let mut file = found.unwrap_or(KeyFile { keys: Vec::new() });
            let before = file.keys.len();
            let newest = file.keys.pop();
            file.keys.retain(|key| needed.contains(&key.id));
            file.keys.push(match newest {
                Some(key) => key,
                None => StoredKey::fresh(now)?,
            });
            if file.keys.len() != before {
                write_file(&path, &file)?;
                tracing::info!(before, now = file.keys.len(), "token keys made or removed");
            }
        }
        let stamp = stamp(&path);
        let keys = Arc::new(Keys::load(&path, 0)?);
        let state = Mutex::new(State {
            keys,
            stamp,
            checked: Instant::now(),
        });
        Ok(Self { path, state })
    }

    /// The keys of this moment.
    pub fn keys(&self) -> Arc<Keys> {
        self.keys_at(Instant::now())
    }

    fn keys_at(&self, now: Instant) -> Arc<Keys> {
        let mut state = self.lock();
        if now.saturating_duration_since(state.checked) >= RECHECK {
            state.checked = now;
            let stamp = stamp(&self.path);
            if stamp != state.stamp {
                state.stamp = stamp;
                match Keys::load(&self.path, state.keys.generation + 1) {
                    Ok(keys) => {
                        tracing::info!(keys = keys.keys.len(), "token keys read again");
                        state.keys = Arc::new(keys);
                    }
                    Err(error) => tracing::error!("token keys not read again: {error}"),
                }
            }
        }
        Arc::clone(&state.keys)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
