//! Agents and join tokens.

use goshawk_proto::id::{AgentId, JoinTokenId};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Change, SledStore, codec,
    keys::{Table, key},
};
use crate::{
    pki::{AgentRecord, JoinTokenRecord},
    store::{AgentRegistry, JoinTokenStore, StoreError, Stored},
};

pub(super) fn token_key(id: JoinTokenId) -> Vec<u8> {
    key(Table::JoinToken, &[id.as_bytes()])
}

pub(super) fn agent_key(id: AgentId) -> Vec<u8> {
    key(Table::Agent, &[id.as_bytes()])
}

impl SledStore {
    fn all_rows<T: DeserializeOwned>(&self, table: Table) -> Stored<Vec<T>> {
        let rows = self.scan(&key(table, &[]));
        rows.map(|row| codec::read(table.what(), &row?.1)).collect()
    }

    fn change_row<T: Serialize + DeserializeOwned>(
        &self,
        table: Table,
        id: &[u8; 16],
        alter: &mut dyn FnMut(&mut T),
    ) -> Stored<T> {
        let (what, at) = (table.what(), key(table, &[id]));
        self.write(|change| {
            let row = self.get(&at)?;
            let missing = || StoreError::not_found(what, uuid::Uuid::from_bytes(*id));
            let mut row: T = codec::read(what, &row.ok_or_else(missing)?)?;
            alter(&mut row);
            change.put(at.clone(), codec::json(what, &row)?);
            Ok(row)
        })
    }

    /// Forgets the oldest spent tokens, until there are fewer than `most`; `false`: too few are
    /// spent.
    fn make_room(&self, change: &mut Change, new: &JoinTokenRecord, most: usize) -> Stored<bool> {
        let kept = self.join_tokens()?;
        let over = (kept.len() + 1).saturating_sub(most);
        let spent = kept.iter().filter(|token| token.is_spent(new.created_at));
        let mut spent: Vec<&JoinTokenRecord> = spent.collect();
        if spent.len() < over {
            return Ok(false);
        }
        spent.sort_by_key(|token| token.created_at);
        for token in &spent[..over] {
            change.remove(token_key(token.id));
        }
        Ok(true)
    }
}

fn put_token(change: &mut Change, token: &JoinTokenRecord) -> Stored<()> {
    let row = codec::json(Table::JoinToken.what(), token)?;
    change.put(token_key(token.id), row);
    Ok(())
}

fn put_agent(change: &mut Change, agent: &AgentRecord) -> Stored<()> {
    let row = codec::json(Table::Agent.what(), agent)?;
    change.put(agent_key(agent.agent_id), row);
    Ok(())
}

impl JoinTokenStore for SledStore {
    fn create_join_token(&self, token: &JoinTokenRecord, most: usize) -> Stored<bool> {
        self.write(|change| {
            if self.has(token_key(token.id))? {
                let what = Table::JoinToken.what();
                return Err(StoreError::conflict(what, "the id is taken"));
            }
            let fits = self.make_room(change, token, most)?;
            if fits {
                put_token(change, token)?;
            }
            Ok(fits)
        })
    }

    fn join_token(&self, id: JoinTokenId) -> Stored<JoinTokenRecord> {
        let what = Table::JoinToken.what();
        let row = self.get(token_key(id))?;
        codec::read(what, &row.ok_or_else(|| StoreError::not_found(what, id))?)
    }

    fn join_tokens(&self) -> Stored<Vec<JoinTokenRecord>> {
        self.all_rows(Table::JoinToken)
    }

    fn update_join_token(
        &self,
        id: JoinTokenId,
        change: &mut dyn FnMut(&mut JoinTokenRecord),
    ) -> Stored<JoinTokenRecord> {
        self.change_row(Table::JoinToken, id.as_bytes(), change)
    }
}

impl AgentRegistry for SledStore {
    fn put_agent(&self, agent: &AgentRecord) -> Stored<()> {
        self.write(|change| put_agent(change, agent))
    }

    fn agents(&self) -> Stored<Vec<AgentRecord>> {
        self.all_rows(Table::Agent)
    }

    fn update_agent(
        &self,
        id: AgentId,
        change: &mut dyn FnMut(&mut AgentRecord),
    ) -> Stored<AgentRecord> {
        self.change_row(Table::Agent, id.as_bytes(), change)
    }

    fn take_over(&self, tokens: &[JoinTokenRecord], agents: &[AgentRecord]) -> Stored<()> {
        self.write(|change| {
            for token in tokens {
                if !self.has(token_key(token.id))? {
                    put_token(change, token)?;
                }
            }
            for agent in agents {
                if !self.has(agent_key(agent.agent_id))? {
                    put_agent(change, agent)?;
                }
            }
            Ok(())
        })
    }
}
