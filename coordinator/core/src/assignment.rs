//! Which agent gets which stream: a pure plan over all streams that want an agent.
//!
//! Rules, in this order: a stream stays where it is while that agent is known and not revoked
//! (*sticky*: a move costs a gap in the video), even when it is briefly out of reach; a stream
//! without an agent goes to the reachable agent with the lowest load for its capacity; ties go to
//! the smaller agent id. Streams are served oldest first, then by id. So equal inputs always give
//! equal plans, and a plan applied twice changes nothing.

use std::collections::BTreeMap;

use goshawk_proto::{
    id::{AgentId, StreamId},
    time::Timestamp,
};

/// A stream that wants an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The stream.
    pub stream_id: StreamId,
    /// When it was made.
    pub create_time: Timestamp,
    /// Who has it now.
    pub agent: Option<AgentId>,
}

/// An agent that streams can be given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worker {
    /// The agent.
    pub agent_id: AgentId,
    /// How many streams it can take; at least 1 is assumed.
    pub capacity: u32,
    /// Whether it is connected now. One that is not keeps what it has and gets nothing new.
    pub connected: bool,
}

/// Who should have each stream; `None` where no agent has room. Streams whose holder does not
/// change are in it as well.
pub fn plan(wishes: &[Wish], workers: &[Worker]) -> BTreeMap<StreamId, Option<AgentId>> {
    let workers: BTreeMap<AgentId, Worker> = workers.iter().map(|w| (w.agent_id, *w)).collect();
    let mut load: BTreeMap<AgentId, u32> = workers.keys().map(|id| (*id, 0)).collect();
    let mut plan = BTreeMap::new();
    let mut free = Vec::new();
    for wish in wishes {
        match wish.agent.filter(|agent| workers.contains_key(agent)) {
            Some(agent) => {
                *load.entry(agent).or_default() += 1;
                plan.insert(wish.stream_id, Some(agent));
            }
            None => free.push(*wish),
        }
    }
    free.sort_by_key(|wish| (wish.create_time, wish.stream_id));
    for wish in free {
        let chosen = least_loaded(&workers, &load);
        if let Some(agent) = chosen {
            *load.entry(agent).or_default() += 1;
        }
        plan.insert(wish.stream_id, chosen);
    }
    plan
}

fn least_loaded(
    workers: &BTreeMap<AgentId, Worker>,
    load: &BTreeMap<AgentId, u32>,
) -> Option<AgentId> {
    let used = |id: &AgentId| load.get(id).copied().unwrap_or(0);
    workers
        .values()
        .filter(|w| w.connected && used(&w.agent_id) < w.capacity.max(1))
        // a/b < c/d as a*d < c*b, so that no rounding decides.
        .min_by(|a, b| {
            let left = u64::from(used(&a.agent_id)) * u64::from(b.capacity.max(1));
            let right = u64::from(used(&b.agent_id)) * u64::from(a.capacity.max(1));
            left.cmp(&right).then(a.agent_id.cmp(&b.agent_id))
        })
        .map(|w| w.agent_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn agent(n: u128) -> AgentId {
        AgentId(Uuid::from_u128(n))
    }

    fn wish(n: u128, holder: Option<u128>) -> Wish {
        Wish {
            stream_id: StreamId(Uuid::from_u128(n)),
            create_time: Timestamp::from_unix_micros(n as i64),
            agent: holder.map(agent),
        }
    }

    fn worker(n: u128, capacity: u32) -> Worker {
        Worker {
            agent_id: agent(n),
            capacity,
            connected: true,
        }
    }

    fn holders(wishes: &[Wish], workers: &[Worker]) -> Vec<Option<u128>> {
        plan(wishes, workers)
            .values()
            .map(|a| a.map(|a| a.0.as_u128()))
            .collect()
    }

    #[test]
    fn load_follows_capacity() {
        let wishes: Vec<Wish> = (1..=6).map(|n| wish(n, None)).collect();
        let got = holders(&wishes, &[worker(1, 4), worker(2, 2)]);
        assert_eq!(got, [Some(1), Some(2), Some(1), Some(1), Some(2), Some(1)]);
    }

    #[test]
    fn a_stream_stays_with_an_agent_out_of_reach() {
        let gone = Worker {
            connected: false,
            ..worker(1, 4)
        };
        assert_eq!(
            holders(&[wish(1, Some(1)), wish(2, None)], &[gone, worker(2, 4)]),
            [Some(1), Some(2)]
        );
        assert_eq!(holders(&[wish(1, Some(1))], &[worker(2, 4)]), [Some(2)]);
    }

    #[test]
    fn without_room_a_stream_waits() {
        assert_eq!(
            holders(&[wish(1, None), wish(2, None)], &[worker(1, 1)]),
            [Some(1), None]
        );
        assert_eq!(holders(&[wish(1, None)], &[]), [None]);
    }

    proptest! {
        #[test]
        fn plans_are_fair_stable_and_within_capacity(
            given in prop::collection::vec(prop::option::of(1u128..6), 0..40),
            capacities in prop::collection::vec((1u32..8, any::<bool>()), 0..5),
            seed in any::<u64>(),
        ) {
            let mut wishes: Vec<Wish> =
                given.iter().enumerate().map(|(i, h)| wish(i as u128 + 1, *h)).collect();
            let workers: Vec<Worker> = capacities
                .iter()
                .enumerate()
                .map(|(i, (c, connected))| Worker { connected: *connected, ..worker(i as u128 + 1, *c) })
                .collect();
            let first = plan(&wishes, &workers);
            // The order in which things are told does not matter.
            let turn = if wishes.is_empty() { 0 } else { (seed as usize) % wishes.len() };
            wishes.rotate_left(turn);
            prop_assert_eq!(&plan(&wishes, &workers), &first);
            for worker in &workers {
                let holds = |w: &&Wish| first[&w.stream_id] == Some(worker.agent_id);
                let kept = wishes.iter().filter(|w| w.agent == Some(worker.agent_id)).count();
                let all = wishes.iter().filter(holds).count();
                prop_assert!(all <= kept.max(worker.capacity as usize));
                prop_assert!(worker.connected || all == kept);
            }
            // Applied, it is its own answer.
            let applied: Vec<Wish> =
                wishes.iter().map(|w| Wish { agent: first[&w.stream_id], ..*w }).collect();
            prop_assert_eq!(plan(&applied, &workers), first);
        }
    }
}
