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
