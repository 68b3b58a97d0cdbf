//! Things that are handed out by a handle nobody can guess, for a while: tokens, tickets, prepared statements.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use privyseal_core::digest::Digest;
use privyseal_core::time::Timestamp;
use tonic::Status;

/// A bounded number of things, each with its end.
pub(super) struct Shelf<T> {
    items: Mutex<BTreeMap<String, (Timestamp, T)>>,
    most: usize,
    seconds: i64,
}

/// Handles are looked up by their digest, so that the time it takes tells nothing about them.
fn place(handle: &[u8]) -> String {
    Digest::of(handle).hex()
}

impl<T: Clone> Shelf<T> {
    /// Room for so many, each for so many seconds.
    pub(super) fn new(most: usize, seconds: i64) -> Self {
        Self { items: Mutex::default(), most, seconds }
    }

    fn items(&self) -> MutexGuard<'_, BTreeMap<String, (Timestamp, T)>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts one away.
    pub(super) fn put(&self, handle: &[u8], item: T, now: Timestamp) -> Result<(), Status> {
        let mut items = self.items();
        if items.len() >= self.most {
            items.retain(|_, (end, _)| *end > now);
        }
        if items.len() >= self.most {
            return Err(Status::resource_exhausted("too many tickets, tokens or prepared statements are out: use some, or wait"));
        }
        items.insert(place(handle), (now.plus_seconds(self.seconds), item));
        Ok(())
    }

    /// Looks at one.
    pub(super) fn get(&self, handle: &[u8], now: Timestamp) -> Option<T> {
        self.items().get(&place(handle)).filter(|(end, _)| *end > now).map(|(_, item)| item.clone())
    }

    /// Takes one for good.
    pub(super) fn take(&self, handle: &[u8], now: Timestamp) -> Option<T> {
        self.items().remove(&place(handle)).filter(|(end, _)| *end > now).map(|(_, item)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_ends_and_is_bounded() {
        let now: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
        let shelf = Shelf::new(2, 60);
        shelf.put(b"a", 1, now).unwrap();
        shelf.put(b"b", 2, now).unwrap();
        assert!(shelf.put(b"c", 3, now).is_err());
        assert_eq!((shelf.get(b"a", now), shelf.take(b"a", now), shelf.take(b"a", now)), (Some(1), Some(1), None));
        assert_eq!(shelf.get(b"b", now.plus_seconds(60)), None);
        shelf.put(b"c", 3, now.plus_seconds(60)).unwrap();
        shelf.put(b"d", 4, now.plus_seconds(60)).unwrap();
        assert_eq!(shelf.get(b"d", now.plus_seconds(61)), Some(4), "what has ended makes room");
    }
}
