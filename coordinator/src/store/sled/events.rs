//! Events, with their index by creation time.

use goshawk_coordinator_core::{
    event::StoredEvent,
    event_filter::{Direction, EventFilters, EventQuery},
};
use goshawk_proto::id::{AccountId, EventId};

use super::{
    Change, SledStore, codec,
    keys::{self, Table, after, all_of, key, moment, owned},
};
use crate::store::{EventStore, StoreError, Stored};

const WHAT: &str = "event";

fn row_key(account: AccountId, id: EventId) -> Vec<u8> {
    owned(Table::Event, account, id.as_bytes())
}

type Found = Stored<Option<StoredEvent>>;

impl SledStore {
    fn find_event(&self, account: AccountId, id: EventId) -> Found {
        self.get(row_key(account, id))?
            .map(|row| codec::read(WHAT, &row))
            .transpose()
    }

    pub(super) fn put_event(&self, change: &mut Change, event: &StoredEvent) -> Stored<()> {
        let (account, id) = (event.account_id, event.event_id);
        if let Some(old) = self.find_event(account, id)? {
            change.remove(keys::event_time(account, old.create_time, id));
        }
        change.put(row_key(account, id), codec::packed(WHAT, event)?);
        change.put(keys::event_time(account, event.create_time, id), []);
        Ok(())
    }

    /// Events that may meet the filters, by the narrowest index, in ascending order.
    fn candidates(
        &self,
        account: AccountId,
        filters: &EventFilters,
    ) -> Box<dyn DoubleEndedIterator<Item = Found> + '_> {
        if let Some(ids) = &filters.event_ids {
            let mut ids = ids.clone();
            ids.sort_unstable();
            ids.dedup();
            let mut found: Vec<Found> = ids
                .into_iter()
                .map(|id| self.find_event(account, id))
                .collect();
            if filters.event_id_gte.is_none() && filters.event_id_lt.is_none() {
                found.sort_by_key(|f| {
                    f.as_ref()
                        .ok()
                        .and_then(|f| f.as_ref().map(|e| e.create_time))
                });
            }
            return Box::new(found.into_iter());
        }
        if filters.event_id_gte.is_some() || filters.event_id_lt.is_some() {
            let low = filters
                .event_id_gte
                .map_or_else(|| all_of(Table::Event, account), |id| row_key(account, id));
            let high = filters.event_id_lt.map_or_else(
                || after(&all_of(Table::Event, account)),
                |id| row_key(account, id),
            );
            if low >= high {
                return Box::new(std::iter::empty());
            }
            let rows = self.range(low, high);
            return Box::new(rows.map(|row| codec::read(WHAT, &row?.1).map(Some)));
        }
        let bound = |time| key(Table::EventTime, &[account.as_bytes(), &moment(time)]);
        let low = filters
            .create_time_gte
            .map_or_else(|| all_of(Table::EventTime, account), bound);
        let high = filters
            .create_time_lt
            .map_or_else(|| after(&all_of(Table::EventTime, account)), bound);
        if low >= high {
            return Box::new(std::iter::empty());
        }
        Box::new(self.range(low, high).map(move |row| {
            let (key, _) = row?;
            keys::last_id(&key).map_or(Ok(None), |id| self.find_event(account, EventId(id)))
        }))
    }
}

impl EventStore for SledStore {
    fn event(&self, account: AccountId, id: EventId) -> Stored<StoredEvent> {
        self.find_event(account, id)?
            .ok_or_else(|| StoreError::not_found(WHAT, id))
    }

    fn events(&self, account: AccountId, query: &EventQuery) -> Stored<Vec<StoredEvent>> {
        let found = self.candidates(account, &query.filters);
        let found: Box<dyn Iterator<Item = Found> + '_> = match query.direction {
            Direction::Ascending => found,
            Direction::Descending => Box::new(found.rev()),
        };
        let mut skip = query.page.skip();
        let mut out = Vec::new();
        for event in found {
            let Some(event) = event?.filter(|event| query.filters.accept(event)) else {
                continue;
            };
            if skip > 0 {
                skip -= 1;
                continue;
            }
            out.push(event);
            if out.len() >= query.page.size {
                break;
            }
        }
        Ok(out)
    }

    fn count_events(&self, account: AccountId, filters: &EventFilters) -> Stored<u64> {
        if *filters == EventFilters::default() {
            return self.count_rows(&all_of(Table::EventTime, account));
        }
        let mut count = 0;
        for event in self.candidates(account, filters) {
            count += u64::from(event?.is_some_and(|event| filters.accept(&event)));
        }
        Ok(count)
    }
}
