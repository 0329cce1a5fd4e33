//! Guessing gets slower: who failed lately, and who must not be held up by the failures of others.
//!
//! Two ledgers of failures: by login and network, and by network alone, for those who try one
//! password with many logins, make up tokens, or ask which accounts there are. The latter would
//! lock out everybody behind one proxy, so what succeeded from a network lately is excused from it.
//! All ledgers are bounded; where one is full its oldest entry goes.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{backoff::Backoff, known::Known};

/// Misses of one network, whatever was tried, before it has to wait.
pub const FREE_MISSES_OF_NETWORK: u32 = 30;

/// What was tried (a hash of it), and from where.
pub type Place = ([u8; 32], Network);

/// What counts as one client: an address, or in IPv6 the /64 that one client usually gets whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// The network of an address.
    pub fn of(peer: IpAddr) -> Self {
        Self(match peer.to_canonical() {
            IpAddr::V6(address) => {
                Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()
            }
            v4 => v4,
        })
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

struct Ledgers {
    places: Backoff<Place>,
    networks: Backoff<Network>,
    known: Known<Place>,
}

/// The ledgers.
pub struct Guard(Mutex<Ledgers>);

impl Default for Guard {
    fn default() -> Self {
        Self(Mutex::new(Ledgers {
            places: Backoff::default(),
            networks: Backoff::allowing(FREE_MISSES_OF_NETWORK),
            known: Known::default(),
        }))
    }
}

impl Guard {
    /// How long this must still wait; `None`: it may be tried.
    pub fn wait(&self, place: &Place, now: Instant) -> Option<Duration> {
        let ledgers = self.lock();
        let of_place = ledgers.places.wait(place, now);
        if ledgers.known.is_known(place, now) {
            return of_place;
        }
        of_place.max(ledgers.networks.wait(&place.1, now))
    }

    /// Notes that a guess at what is tried here was wrong.
    pub fn missed(&self, place: Place, now: Instant) {
        let mut ledgers = self.lock();
        ledgers.places.missed(place, now);
        ledgers.networks.missed(place.1, now);
    }

    /// Notes a guess that counts for its network only: one at things too many to name.
    pub fn missed_by(&self, network: Network, now: Instant) {
        self.lock().networks.missed(network, now);
    }

    /// Notes that this was right.
    pub fn succeeded(&self, place: Place, now: Instant) {
        let mut ledgers = self.lock();
        ledgers.places.succeeded(&place);
        ledgers.known.note(place, now);
    }

    /// Notes that this, found right before, was used again. Takes no failures back.
    pub fn used(&self, place: Place, now: Instant) {
        self.lock().known.note(place, now);
    }

    fn lock(&self) -> MutexGuard<'_, Ledgers> {
        // Whatever a panic left behind is still a ledger.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn one_client_is_an_address_or_a_network_of_ipv6() {
        assert_eq!(network("10.0.0.9").to_string(), "10.0.0.9");
        assert_eq!(network("::ffff:10.0.0.9").to_string(), "10.0.0.9");
        assert_eq!(
            network("2001:db8:1:2:3:4:5:6").to_string(),
            "2001:db8:1:2::"
        );
    }

    #[test]
    fn strangers_behind_a_proxy_do_not_lock_out_who_was_right() {
        let (guard, now, proxy) = (Guard::default(), Instant::now(), network("10.0.0.9"));
        let (right, stranger) = (([1; 32], proxy), ([2; 32], proxy));
        guard.succeeded(right, now);
        for _ in 0..FREE_MISSES_OF_NETWORK {
            assert_eq!(guard.wait(&stranger, now), None);
            guard.missed_by(proxy, now);
        }
        assert!(guard.wait(&stranger, now).is_some());
        assert_eq!(guard.wait(&right, now), None);
        assert_eq!(guard.wait(&([2; 32], network("10.0.0.8")), now), None);
    }

    #[test]
    fn one_login_is_slowed_down_wherever_else_it_is_right() {
        let (guard, now) = (Guard::default(), Instant::now());
        let (here, there) = (network("10.0.0.9"), network("10.0.0.8"));
        guard.succeeded(([1; 32], here), now);
        for _ in 0..5 {
            guard.missed(([1; 32], here), now);
        }
        assert!(guard.wait(&([1; 32], here), now).is_some());
        assert_eq!(guard.wait(&([1; 32], there), now), None);
    }
}
