//! Join tokens and agents in two JSON files, each replaced whole at every change.
//!
//! Enough for thousands of agents: changes are rare and made by people.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use goshawk_proto::id::{AgentId, JoinTokenId};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    files,
    records::{AgentRecord, AgentRegistry, JoinTokenRecord, JoinTokenStore, RegistryError},
};

/// See the module.
#[derive(Debug)]
pub struct FileRegistry {
    tokens: Table<JoinTokenId, JoinTokenRecord>,
    agents: Table<AgentId, AgentRecord>,
}

#[derive(Debug)]
struct Table<K, V> {
    path: PathBuf,
    rows: Mutex<BTreeMap<K, V>>,
}

impl FileRegistry {
    /// Opens `join_tokens.json` and `agents.json` in `dir`, which is made if it is not there.
    pub fn open(dir: &Path) -> Result<Arc<Self>, RegistryError> {
        files::private_folder(dir).map_err(|e| failed(dir, &e))?;
        Ok(Arc::new(Self {
            tokens: Table::open(dir.join("join_tokens.json"), |token: &JoinTokenRecord| {
                token.id
            })?,
            agents: Table::open(dir.join("agents.json"), |agent: &AgentRecord| {
                agent.agent_id
            })?,
        }))
    }
}

#[cfg(test)]
impl FileRegistry {
    /// Adds tokens in memory only.
    pub(super) fn fill_tokens(&self, tokens: impl Iterator<Item = JoinTokenRecord>) {
        self.tokens
            .lock()
            .extend(tokens.map(|token| (token.id, token)));
    }
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> RegistryError {
    RegistryError(format!("{}: {error}", path.display()))
}

impl<K: Ord + Copy, V: Clone + Serialize + DeserializeOwned> Table<K, V> {
    fn open(path: PathBuf, key: impl Fn(&V) -> K) -> Result<Self, RegistryError> {
        let text = files::read_if_there(&path).map_err(|e| failed(&path, &e))?;
        let rows: Vec<V> = match text {
            Some(text) => serde_json::from_str(&text).map_err(|e| failed(&path, &e))?,
            None => Vec::new(),
        };
        let rows = rows.into_iter().map(|row| (key(&row), row)).collect();
        Ok(Self {
            path,
            rows: Mutex::new(rows),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, V>> {
        // Rows change only after the file has, so a panic in between leaves nothing half done.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the rows with `key` set to `row` (`None`: without it), then takes them over.
    fn put(&self, rows: &mut BTreeMap<K, V>, key: K, row: Option<V>) -> Result<(), RegistryError> {
        let mut changed = rows.clone();
        match row {
            Some(row) => changed.insert(key, row),
            None => changed.remove(&key),
        };
        let list: Vec<&V> = changed.values().collect();
        let text = serde_json::to_vec_pretty(&list).map_err(|e| failed(&self.path, &e))?;
        files::write_whole(&self.path, &text).map_err(|e| failed(&self.path, &e))?;
        *rows = changed;
        Ok(())
    }

    fn insert(&self, key: K, row: V) -> Result<(), RegistryError> {
        self.put(&mut self.lock(), key, Some(row))
    }

    fn list(&self) -> Vec<V> {
        self.lock().values().cloned().collect()
    }

    fn update(&self, key: K, change: &mut dyn FnMut(&mut V)) -> Result<Option<V>, RegistryError> {
        let mut rows = self.lock();
        let Some(mut row) = rows.get(&key).cloned() else {
            return Ok(None);
        };
        change(&mut row);
        self.put(&mut rows, key, Some(row.clone()))?;
        Ok(Some(row))
    }
}

impl JoinTokenStore for FileRegistry {
    fn insert(&self, token: JoinTokenRecord) -> Result<(), RegistryError> {
        self.tokens.insert(token.id, token)
    }

    fn list(&self) -> Result<Vec<JoinTokenRecord>, RegistryError> {
        Ok(self.tokens.list())
    }

    fn update(
        &self,
        id: JoinTokenId,
        change: &mut dyn FnMut(&mut JoinTokenRecord),
    ) -> Result<Option<JoinTokenRecord>, RegistryError> {
        self.tokens.update(id, change)
    }

    fn remove(&self, id: JoinTokenId) -> Result<(), RegistryError> {
        self.tokens.put(&mut self.tokens.lock(), id, None)
    }
}

impl AgentRegistry for FileRegistry {
    fn insert(&self, agent: AgentRecord) -> Result<(), RegistryError> {
        self.agents.insert(agent.agent_id, agent)
    }

    fn list(&self) -> Result<Vec<AgentRecord>, RegistryError> {
        Ok(self.agents.list())
    }

    fn update(
        &self,
        id: AgentId,
        change: &mut dyn FnMut(&mut AgentRecord),
    ) -> Result<Option<AgentRecord>, RegistryError> {
        self.agents.update(id, change)
    }
}
