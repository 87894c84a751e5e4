//! What has a deadline, in the order in which it expires.

use std::collections::BTreeMap;
use std::time::Duration;

/// The deadlines of what is stored elsewhere under a number, with what it takes to find it there. Empty, it costs nothing.
#[derive(Debug)]
pub(crate) struct Expiring<T = ()> {
    due: BTreeMap<(Duration, u64), T>,
}

impl<T> Default for Expiring<T> {
    fn default() -> Self {
        Self {
            due: BTreeMap::new(),
        }
    }
}

impl<T> Expiring<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    pub(crate) fn insert(&mut self, deadline: Duration, number: u64, what: T) {
        self.due.insert((deadline, number), what);
    }

    pub(crate) fn remove(&mut self, deadline: Duration, number: u64) {
        self.due.remove(&(deadline, number));
    }

    /// When the first expires.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.due
            .first_key_value()
            .map(|((deadline, _), _)| *deadline)
    }

    /// Takes what has been expired for the longest time.
    pub(crate) fn take_expired(&mut self, steady: Duration) -> Option<(u64, T)> {
        let first = self.due.first_entry()?;
        if first.key().0 > steady {
            return None;
        }
        let ((_, number), what) = first.remove_entry();
        Some((number, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_their_order() {
        let at = Duration::from_secs;
        let mut expiring = Expiring::default();
        for (number, deadline) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
            expiring.insert(at(deadline), number, ());
        }
        expiring.remove(at(20), 3);
        expiring.remove(at(9), 1);
        assert_eq!(expiring.next(), Some(at(10)));
        let mut take = |now| expiring.take_expired(at(now)).map(|(number, ())| number);
        assert_eq!(
            [take(9), take(10), take(10), take(29)],
            [None, Some(2), Some(4), None]
        );
        assert_eq!([take(30), take(99)], [Some(1), None]);
        assert!(expiring.is_empty());
    }
}
