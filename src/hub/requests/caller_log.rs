use std::collections::BTreeMap;

use crate::hub::ids::RequestId;

/// The requests of one page: which are pending, and which numbers it has used.
///
/// A page's requests do not wait for each other, so they may overtake each other on the way, and WebKit sends those in
/// flight a second time when the page is left. A window over the newest numbers tells a copy from a late request.
#[derive(Debug, Default)]
pub(crate) struct CallerLog {
    /// By number, so that they end in the order in which they were sent.
    pending: BTreeMap<u64, RequestId>,
    /// How many of them are streams.
    streams: usize,
    newest: u64,
    used: Option<Box<[u64; WINDOW as usize / 64]>>,
}

/// How many numbers are told apart. Older numbers count as used.
const WINDOW: u64 = 4096;

impl CallerLog {
    /// Whether its page waits for no response. It pulls the parts of a stream, so it does not wait for them.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many responses its page waits for.
    pub(super) fn len(&self) -> usize {
        self.pending.len() - self.streams
    }

    /// How many streams are open.
    pub(crate) fn streams(&self) -> usize {
        self.streams
    }

    pub(in crate::hub) fn ids(&self) -> impl Iterator<Item = RequestId> {
        self.pending.values().copied()
    }

    /// The pending request with this number.
    pub(super) fn find(&self, number: u64) -> Option<RequestId> {
        self.pending.get(&number).copied()
    }

    pub(super) fn begin(&mut self, number: u64, id: RequestId, is_stream: bool) {
        self.mark_used(number);
        self.pending.insert(number, id);
        self.streams += usize::from(is_stream);
    }

    pub(super) fn end(&mut self, number: u64, is_stream: bool) {
        if self.pending.remove(&number).is_some() {
            self.streams -= usize::from(is_stream);
        }
    }

    pub(super) fn is_used(&self, number: u64) -> bool {
        if number > self.newest {
            return false;
        }
        self.newest - number >= WINDOW || self.bit(number)
    }

    /// Whether it is known to be used: older numbers than the window has are not known.
    pub(super) fn has_used(&self, number: u64) -> bool {
        self.is_used(number) && self.newest - number < WINDOW
    }

    pub(super) fn mark_used(&mut self, number: u64) {
        if number > self.newest {
            let passed = (number - self.newest).min(WINDOW);
            for unused in (number - passed + 1)..=number {
                self.set_bit(unused, false);
            }
            self.newest = number;
        }
        self.set_bit(number, true);
    }

    fn bit(&self, number: u64) -> bool {
        let place = number % WINDOW;
        self.used
            .as_ref()
            .is_some_and(|used| used[place as usize / 64] & (1 << (place % 64)) != 0)
    }

    fn set_bit(&mut self, number: u64, is_used: bool) {
        let place = number % WINDOW;
        let used = self
            .used
            .get_or_insert_with(|| Box::new([0; WINDOW as usize / 64]));
        let word = &mut used[place as usize / 64];
        if is_used {
            *word |= 1 << (place % 64);
        } else {
            *word &= !(1 << (place % 64));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_apart_within_their_window() {
        let mut log = CallerLog::default();
        for number in [5, 3, 4, 6000] {
            assert!(!log.is_used(number));
            log.mark_used(number);
            assert!(log.is_used(number));
        }
        assert!(!log.is_used(5999) && !log.is_used(6001));
        assert!(!log.is_used(6000 - WINDOW + 1));
        assert!(log.is_used(6000 - WINDOW), "too old to be told apart");
        log.mark_used(5999);
        log.mark_used(u64::MAX);
        assert!(log.is_used(5999) && log.is_used(u64::MAX));
        assert!(!log.is_used(u64::MAX - 1));
    }
}
