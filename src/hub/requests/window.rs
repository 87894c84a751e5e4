//! Credit: how much of a stream may be on its way to the loop that takes it.

use std::collections::VecDeque;

/// How many parts, and how many bytes of them, may be sent and not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credit {
    pub(crate) bytes: usize,
    pub(crate) parts: usize,
}

/// A number of parts and their bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Amount {
    bytes: usize,
    parts: usize,
}

impl Amount {
    fn add(&mut self, size: usize) {
        self.bytes += size;
        self.parts += 1;
    }

    /// Whether it is at least half of this credit.
    fn is_half_of(self, credit: Credit) -> bool {
        self.bytes >= (credit.bytes / 2).max(1) || self.parts >= (credit.parts / 2).max(1)
    }
}

/// The parts of one stream between who sends and who takes them.
///
/// A part may be sent while less than the credit is outstanding, so one that is larger than all credit passes, too. What was
/// taken counts again once it is half of the credit. Until then it is outstanding, so that few reports travel.
#[derive(Debug)]
pub(crate) struct Window {
    credit: Credit,
    sent: u64,
    /// The parts that were sent and not taken, the oldest first.
    untaken: VecDeque<u32>,
    untaken_bytes: usize,
    /// What was taken since credit was last replenished.
    taken: Amount,
    /// What was sent since the last part that is due.
    unmarked: Amount,
}

impl Window {
    pub(crate) fn new(credit: Credit) -> Self {
        Self {
            credit,
            sent: 0,
            untaken: VecDeque::new(),
            untaken_bytes: 0,
            taken: Amount::default(),
            unmarked: Amount::default(),
        }
    }

    /// Whether another part may be sent.
    pub(crate) fn has_credit(&self) -> bool {
        self.untaken.len() + self.taken.parts < self.credit.parts && self.left() > 0
    }

    /// How many bytes of credit are left.
    pub(crate) fn left(&self) -> usize {
        let outstanding = self.untaken_bytes + self.taken.bytes;
        self.credit.bytes.saturating_sub(outstanding)
    }

    /// Notes a part. Returns whether it is due: the side that takes it reports that.
    ///
    /// After the last part that is due lies less than half of the credit. So a sender without credit gets some as soon as
    /// all due parts are taken.
    pub(crate) fn send(&mut self, size: usize) -> bool {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.sent += 1;
        self.untaken.push_back(size);
        self.untaken_bytes += size as usize;
        self.unmarked.add(size as usize);
        let is_due = self.unmarked.is_half_of(self.credit);
        if is_due {
            self.unmarked = Amount::default();
        }
        is_due
    }

    /// Notes that so many parts have been taken since the beginning. Returns whether credit was replenished; `None` if fewer
    /// were sent. An older number than before changes nothing.
    pub(crate) fn take(&mut self, count: u64) -> Option<bool> {
        let untaken = usize::try_from(self.sent.checked_sub(count)?);
        let untaken = untaken.unwrap_or(usize::MAX);
        while self.untaken.len() > untaken
            && let Some(size) = self.untaken.pop_front()
        {
            self.untaken_bytes -= size as usize;
            self.taken.add(size as usize);
        }
        let is_replenished = self.taken.is_half_of(self.credit);
        if is_replenished {
            self.taken = Amount::default();
        }
        Some(is_replenished)
    }

    /// How many parts were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// The size of the parts that were sent and not taken.
    pub(crate) fn untaken_bytes(&self) -> usize {
        self.untaken_bytes
    }

    /// How many parts were taken.
    pub(crate) fn taken(&self) -> u64 {
        self.sent - self.untaken.len() as u64
    }

    /// How many parts count no more, as their sender knows.
    pub(crate) fn replenished(&self) -> u64 {
        self.taken() - self.taken.parts as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CREDIT: Credit = Credit {
        bytes: 100,
        parts: 4,
    };

    fn send(window: &mut Window, size: usize) -> bool {
        assert!(window.has_credit());
        window.send(size)
    }

    #[test]
    fn credit_ends_with_the_parts_or_the_bytes() {
        let mut window = Window::new(CREDIT);
        let due: Vec<bool> = (0..4).map(|_| send(&mut window, 1)).collect();
        assert_eq!(due, [false, true, false, true]);
        assert!(!window.has_credit());

        let mut window = Window::new(CREDIT);
        assert!(send(&mut window, 60));
        assert!(!send(&mut window, 39));
        assert!(send(&mut window, 1000), "some credit was left");
        assert!(!window.has_credit());
    }

    #[test]
    fn what_is_taken_counts_again_at_half() {
        let mut window = Window::new(CREDIT);
        for _ in 0..4 {
            send(&mut window, 1);
        }
        assert_eq!(window.take(1), Some(false));
        assert_eq!((window.taken(), window.replenished()), (1, 0));
        assert!(!window.has_credit());
        assert_eq!(window.take(2), Some(true));
        assert_eq!((window.taken(), window.replenished()), (2, 2));
        assert!(window.has_credit());
        assert_eq!(window.take(1), Some(false), "a late report");
        assert_eq!((window.taken(), window.take(5)), (2, None));
    }

    #[test]
    fn a_part_larger_than_all_credit_passes() {
        let mut window = Window::new(CREDIT);
        assert!(send(&mut window, 1 << 20));
        assert!(!window.has_credit());
        assert_eq!(window.take(1), Some(true));
        assert!(window.has_credit() && window.left() == CREDIT.bytes);
    }

    proptest! {
        /// The side that takes parts reports at those that are due, and may report at any other moment.
        #[test]
        fn no_sender_waits_for_good(
            bytes in 1_usize..60,
            parts in 1_usize..12,
            steps in prop::collection::vec((0_usize..40, 0_u8..4), 1..200),
        ) {
            let credit = Credit { bytes, parts };
            let mut window = Window::new(credit);
            // What the page that sends knows of it.
            let mut sizes = VecDeque::new();
            let (mut told, mut coming) = (0, VecDeque::new());
            let mut taken = 0;
            for (size, act) in steps {
                let outstanding: usize = sizes.iter().sum();
                let may_send = sizes.len() < parts && outstanding < bytes;
                prop_assert_eq!(may_send, window.has_credit(), "both sides count alike");
                if may_send {
                    coming.push_back(window.send(size));
                    sizes.push_back(size);
                    prop_assert!(sizes.len() <= parts);
                    prop_assert!(outstanding < bytes, "at most one part is beyond the credit");
                } else {
                    prop_assert!(!coming.is_empty(), "credit comes back once everything is taken");
                }
                if act > 1 && let Some(is_due) = coming.pop_front() {
                    taken += 1;
                    if (is_due || act == 3) && window.take(taken).unwrap() {
                        let count = window.replenished() - told;
                        sizes.drain(..count as usize);
                        told += count;
                    }
                }
                if coming.is_empty() {
                    prop_assert!(window.has_credit());
                }
            }
            prop_assert_eq!(window.sent() - window.taken(), window.untaken.len() as u64);
        }
    }
}
