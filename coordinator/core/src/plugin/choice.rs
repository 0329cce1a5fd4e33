//! Which events a plugin hands on. Nothing is chosen by leaving something out: an account must be
//! named, or `all` be said, before anything leaves.

use goshawk_proto::{
    id::{AccountId, HandlerId, StreamId},
    settings::Value,
};

use crate::{event::StoredEvent, stream::StreamRecord};

/// Whose events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accounts {
    /// Everybody's, said explicitly.
    All,
    /// Those of these accounts.
    These(Vec<AccountId>),
}

impl Value for Accounts {
    fn parse(text: &str) -> Result<Self, String> {
        if text.trim() == "all" {
            return Ok(Self::All);
        }
        let ids: Vec<uuid::Uuid> = Value::parse(text)
            .map_err(|error| format!("{error}; want account ids, or `all` for every account"))?;
        if ids.is_empty() {
            return Err("want account ids, or `all` for every account".to_owned());
        }
        Ok(Self::These(ids.into_iter().map(AccountId).collect()))
    }
}

/// Which events: all conditions must hold; an empty list of handlers or streams is no condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Whose.
    pub accounts: Accounts,
    /// Raised by one of these handlers.
    pub handlers: Vec<HandlerId>,
    /// Seen in one of these streams.
    pub streams: Vec<StreamId>,
}

impl Choice {
    /// Whether an event is handed on.
    pub fn accept(&self, event: &StoredEvent) -> bool {
        self.account(event.account_id)
            && (self.handlers.is_empty() || self.handlers.contains(&event.handler_id))
            && (self.streams.is_empty()
                || event.stream_id.is_some_and(|id| self.streams.contains(&id)))
    }

    /// Whether a stream's events may be handed on, so that it is announced.
    pub fn shows(&self, stream: &StreamRecord) -> bool {
        self.account(stream.account_id)
            && (self.streams.is_empty() || self.streams.contains(&stream.stream_id))
    }

    fn account(&self, id: AccountId) -> bool {
        match &self.accounts {
            Accounts::All => true,
            Accounts::These(ids) => ids.contains(&id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn choice(accounts: Accounts) -> Choice {
        Choice {
            accounts,
            handlers: Vec::new(),
            streams: Vec::new(),
        }
    }

    #[test]
    fn accounts_must_be_named() {
        assert_eq!(Accounts::parse("all"), Ok(Accounts::All));
        for nothing in ["", " , ", "everybody", "All", "all,all"] {
            assert!(Accounts::parse(nothing).is_err(), "{nothing:?}");
        }
        let id = testing::ACCOUNT;
        assert_eq!(
            Accounts::parse(&id.to_string()),
            Ok(Accounts::These(vec![id]))
        );
    }

    #[test]
    fn every_condition_must_hold() {
        let event = testing::event(1);
        let stranger = AccountId(uuid::Uuid::from_u128(99));
        assert!(choice(Accounts::All).accept(&event));
        assert!(choice(Accounts::These(vec![event.account_id])).accept(&event));
        assert!(!choice(Accounts::These(vec![stranger])).accept(&event));
        let mut one = choice(Accounts::All);
        one.handlers = vec![event.handler_id];
        assert!(one.accept(&event));
        one.handlers = vec![HandlerId(uuid::Uuid::from_u128(98))];
        assert!(!one.accept(&event));
        let mut one = choice(Accounts::All);
        one.streams = event.stream_id.into_iter().collect();
        assert!(one.accept(&event));
        let mut without = event.clone();
        without.stream_id = None;
        assert!(!one.accept(&without));
        assert!(one.shows(&testing::stream(3, "rtsp://a/b")));
        assert!(!one.shows(&testing::stream(4, "rtsp://a/b")));
    }
}
