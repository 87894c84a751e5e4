//! What is lost: events, and the older ones that they had replaced.

use crate::model::event::{BusEvent, Gap, GapReason};

/// Lost events of a range of numbers, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Loss {
    from: u64,
    to: u64,
    count: u64,
    superseded: Option<Superseded>,
}

/// Older events that lost ones had replaced, and that are lost with them.
///
/// They are kept apart, since a receiver that has handled a later event need not have received them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superseded {
    from: u64,
    count: u64,
    /// The last of those that had replaced them.
    by: u64,
}

impl Superseded {
    /// This gap, if it counts these, too.
    pub(crate) fn joined_to(self, gap: Gap) -> Gap {
        Gap {
            from: gap.from.min(self.from),
            count: gap.count + self.count,
            ..gap
        }
    }
}

impl Loss {
    /// The event, and those that it stands for.
    pub(crate) fn of(event: &BusEvent) -> Self {
        let (from, count) = event.stands_for();
        let own = Self::of_one(event.seq());
        match count {
            1 => own,
            _ => own.join(Self::of_range(from, event.seq(), count - 1).superseded_by(event.seq())),
        }
    }

    pub(crate) fn of_one(seq: u64) -> Self {
        Self::of_range(seq, seq, 1)
    }

    /// Events with these numbers, which stand for no others.
    pub(crate) fn of_range(from: u64, to: u64, count: u64) -> Self {
        Self {
            from,
            to,
            count,
            superseded: None,
        }
    }

    /// What was told as this gap.
    pub(crate) fn of_gap(gap: &Gap, superseded: Option<Superseded>) -> Self {
        Self {
            from: gap.from,
            to: gap.to,
            count: gap.count - superseded.map_or(0, |superseded| superseded.count),
            superseded,
        }
    }

    /// The same events, as what the event with this number had replaced.
    pub(crate) fn superseded_by(self, by: u64) -> Self {
        Self {
            from: by,
            to: by,
            count: 0,
            superseded: Some(Superseded {
                from: self.first(),
                count: self.total(),
                by,
            }),
        }
    }

    pub(crate) fn join(self, other: Self) -> Self {
        let superseded = [self.superseded, other.superseded].into_iter().flatten();
        Self {
            // What is replayed is older than what was queued before it.
            from: self.from.min(other.from),
            to: self.to.max(other.to),
            count: self.count + other.count,
            superseded: superseded.reduce(|one, other| Superseded {
                from: one.from.min(other.from),
                count: one.count + other.count,
                by: one.by.max(other.by),
            }),
        }
    }

    /// The part of it after this sequence number, and what that had replaced.
    pub(crate) fn after(self, seq: u64) -> Option<Self> {
        if self.to <= seq {
            return None;
        }
        let from = self.from.max(seq + 1);
        Some(Self {
            from,
            to: self.to,
            // A hole of a link may have fewer numbers than events.
            count: match from == self.from {
                true => self.count,
                false => self.count.min(self.to + 1 - from),
            },
            superseded: self.superseded.filter(|superseded| superseded.by > seq),
        })
    }

    /// What is lost of it where these numbers are not, which are in order. Where it does not have each number of its range,
    /// it is unknown which ones it has, and all of it stays.
    pub(crate) fn without(self, kept: &[u64]) -> Option<Self> {
        let start = kept.partition_point(|seq| *seq < self.from);
        let end = kept.partition_point(|seq| *seq <= self.to);
        let inside = kept.get(start..end).unwrap_or_default();
        let is_whole = self.count == self.to + 1 - self.from && self.superseded.is_none();
        if inside.is_empty() || !is_whole {
            return Some(self);
        }
        let mut rest = self;
        rest.count -= inside.len() as u64;
        for seq in inside {
            rest.from += u64::from(*seq == rest.from);
        }
        for seq in inside.iter().rev() {
            rest.to -= u64::from(*seq == rest.to);
        }
        (rest.count > 0).then_some(rest)
    }

    /// What of it is behind this gap, which counts each number of its range.
    pub(crate) fn beyond(self, gap: &Gap) -> Option<Self> {
        // A hole of a link may have more events than numbers.
        let has_numbers = self.count <= self.to + 1 - self.from;
        match gap.from <= self.first() && has_numbers {
            true => self.after(gap.to),
            false => Some(self),
        }
    }

    pub(crate) fn superseded(self) -> Option<Superseded> {
        self.superseded
    }

    /// The events up to this sequence number, and maybe later ones, that were replaced by lost ones.
    pub(crate) fn superseded_until(self, seq: u64) -> Option<Superseded> {
        self.superseded.filter(|superseded| superseded.from <= seq)
    }

    /// The number of the first event, also of those that were replaced.
    pub(crate) fn first(self) -> u64 {
        self.superseded
            .map_or(self.from, |superseded| self.from.min(superseded.from))
    }

    /// The number of the last event.
    pub(crate) fn last(self) -> u64 {
        self.to
    }

    /// How many there are, also of those that were replaced.
    pub(crate) fn total(self) -> u64 {
        self.count + self.superseded.map_or(0, |superseded| superseded.count)
    }

    pub(crate) fn gap(self, reason: GapReason, at_most: bool) -> Gap {
        Gap {
            from: self.first(),
            to: self.to,
            count: self.total(),
            at_most,
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_taken_from_a_loss() {
        let whole = Loss::of_range(4, 7, 4);
        let cases: [(&[u64], Option<Loss>); 6] = [
            (&[3, 8], Some(whole)),
            (&[4, 7], Some(Loss::of_range(5, 6, 2))),
            (&[3, 4, 5, 6], Some(Loss::of_one(7))),
            (&[5, 6, 7, 9], Some(Loss::of_one(4))),
            (&[5, 6], Some(Loss::of_range(4, 7, 2))),
            (&[4, 5, 6, 7], None),
        ];
        for (kept, expected) in cases {
            assert_eq!(whole.without(kept), expected, "{kept:?}");
        }
    }

    #[test]
    fn what_is_in_a_gap_is_taken_from_a_loss() {
        let gap = Loss::of_range(4, 7, 4).gap(GapReason::SessionEnded, true);
        let cases = [
            (Loss::of_range(4, 7, 4), None),
            (Loss::of_range(5, 6, 1), None),
            (Loss::of_range(6, 9, 3), Some(Loss::of_range(8, 9, 2))),
            (Loss::of_range(9, 9, 1), Some(Loss::of_one(9))),
            (Loss::of_range(3, 5, 2), Some(Loss::of_range(3, 5, 2))),
            // A hole of a link.
            (Loss::of_range(5, 5, 50), Some(Loss::of_range(5, 5, 50))),
        ];
        for (loss, expected) in cases {
            assert_eq!(loss.beyond(&gap), expected, "{loss:?}");
        }
    }

    #[test]
    fn a_loss_of_unknown_numbers_stays() {
        let partial = Loss::of_range(4, 7, 3);
        assert_eq!(partial.without(&[4, 5, 6, 7]), Some(partial));
        let replaced = Loss::of_one(3).superseded_by(4).join(Loss::of_one(4));
        assert_eq!(replaced.without(&[4]), Some(replaced));
    }
}
