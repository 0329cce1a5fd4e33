//! How many there may be of something from one address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts by address. Holds an entry only for addresses that are inside or wait, so its size is
/// bounded by whatever bounds those.
pub struct Crowd {
    most: usize,
    doors: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

impl Crowd {
    /// At most `most` of each address, at least one.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most: most.clamp(1, Semaphore::MAX_PERMITS),
            doors: Mutex::default(),
        })
    }

    fn knock(self: &Arc<Self>, address: IpAddr) -> Place {
        let key = household(address);
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        let door = doors
            .entry(key)
            .or_insert_with(|| Arc::new(Semaphore::new(self.most)));
        Place {
            crowd: Arc::clone(self),
            key,
            door: Some(Arc::clone(door)),
            permit: None,
        }
    }

    /// A place for `address`, if it has not taken all of its own.
    pub fn try_enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut place = self.knock(address);
        place.permit = place.door.clone()?.try_acquire_owned().ok();
        place.permit.is_some().then_some(place)
    }

    /// A place for `address`, as soon as one of its own is free.
    pub async fn enter(self: &Arc<Self>, address: IpAddr) -> Place {
        let mut place = self.knock(address);
        if let Some(door) = place.door.clone() {
            // Never closed, so it does not fail.
            place.permit = door.acquire_owned().await.ok();
        }
        place
    }

    #[cfg(test)]
    fn known(&self) -> usize {
        self.doors.lock().unwrap().len()
    }
}

/// One that is inside, until dropped.
pub struct Place {
    crowd: Arc<Crowd>,
    key: IpAddr,
    door: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.permit = None;
        let mut doors = self
            .crowd
            .doors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.door = None;
        // New clones are made under the same lock, so one reference means the table's own.
        let is_last = |door: &Arc<Semaphore>| Arc::strong_count(door) == 1;
        if doors.get(&self.key).is_some_and(is_last) {
            doors.remove(&self.key);
        }
    }
}

/// Whom an address counts for: itself, or of IPv6 the network that one customer is given.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_do_not_share_places_and_are_forgotten() {
        let crowd = Crowd::new(2);
        let at = |text: &str| crowd.try_enter(text.parse().unwrap());
        let first = at("10.0.0.1").unwrap();
        let second = at("::ffff:10.0.0.1").unwrap();
        assert!(at("10.0.0.1").is_none());
        let other = at("10.0.0.2").unwrap();
        let (six, seven) = (at("2001:db8::1").unwrap(), at("2001:db8::2").unwrap());
        assert!(at("2001:db8::ffff").is_none());
        assert!(at("2001:db8:0:1::1").is_some());
        drop(first);
        drop(at("10.0.0.1").unwrap());
        drop((second, other, six, seven));
        assert_eq!(crowd.known(), 0);
    }

    #[tokio::test]
    async fn one_that_gives_up_waiting_is_forgotten() {
        let crowd = Crowd::new(1);
        let address: IpAddr = "10.0.0.1".parse().unwrap();
        let held = crowd.enter(address).await;
        let short = std::time::Duration::from_millis(5);
        assert!(
            tokio::time::timeout(short, crowd.enter(address))
                .await
                .is_err()
        );
        drop(held);
        assert_eq!(crowd.known(), 0);
        drop(crowd.enter(address).await);
        assert_eq!(crowd.known(), 0);
    }
}
