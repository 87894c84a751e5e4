//! Losses, by what they are about, so that each is told to those whom it may concern.

use std::collections::HashMap;
use std::sync::Arc;

use crate::hub::loss::Loss;
use crate::model::delivery::Addressing;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;

/// How many losses are told apart.
const MAX_KNOWN: usize = 64;

/// What a loss is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum LossOf {
    /// Events of this name, with how they were addressed.
    Events(EventName, Addressing),
    /// Events for subscriptions to these patterns, which a page before had.
    Patterns(Arc<[EventPattern]>),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Losses {
    known: HashMap<LossOf, Loss>,
    /// Those that are too many to be told apart.
    more: Option<Loss>,
}

impl Losses {
    pub(crate) fn add(&mut self, of: LossOf, lost: Loss) {
        if let Some(own) = self.known.get_mut(&of) {
            *own = own.join(lost);
        } else if self.known.len() < MAX_KNOWN {
            self.known.insert(of, lost);
        } else {
            self.add_unknown(lost);
        }
    }

    fn add_unknown(&mut self, lost: Loss) {
        self.more = Some(self.more.map_or(lost, |own| own.join(lost)));
    }

    pub(crate) fn extend(&mut self, other: Self) {
        for (of, lost) in other.known {
            self.add(of, lost);
        }
        if let Some(lost) = other.more {
            self.add_unknown(lost);
        }
    }

    /// What is lost after this sequence number of what concerns a subscription, or may do so.
    pub(crate) fn after(&self, seq: u64, concerns: impl Fn(&LossOf) -> bool) -> Option<Loss> {
        let known = self.known.iter().filter(|(of, _)| concerns(of));
        let known = known.map(|(_, lost)| *lost);
        let lost = known.chain(self.more).filter_map(|lost| lost.after(seq));
        lost.reduce(Loss::join)
    }

    /// All of it.
    pub(crate) fn total(&self) -> Option<Loss> {
        self.after(0, |_| true)
    }

    /// Forgets what was told. `None` is what is not told apart.
    pub(crate) fn forget(&mut self, is_told: impl Fn(Option<&LossOf>) -> bool) {
        self.known.retain(|of, _| !is_told(Some(of)));
        self.more = self.more.filter(|_| !is_told(None));
    }

    /// Forgets what is lost up to this sequence number.
    pub(crate) fn forget_until(&mut self, seq: u64) {
        self.known.retain(|_, lost| match lost.after(seq) {
            Some(later) => {
                *lost = later;
                true
            }
            None => false,
        });
        self.more = self.more.and_then(|lost| lost.after(seq));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> LossOf {
        LossOf::Events(EventName::parse(name).unwrap(), Addressing::Broadcast)
    }

    #[test]
    fn a_loss_concerns_its_name() {
        let mut losses = Losses::default();
        losses.add(of("a"), Loss::of_one(1));
        losses.add(of("b"), Loss::of_one(2));
        losses.add(of("a"), Loss::of_one(4));
        let of_a = |own: &LossOf| *own == of("a");
        assert_eq!(losses.after(0, of_a), Some(Loss::of_range(1, 4, 2)));
        assert_eq!(losses.after(4, of_a), None);
        losses.forget(|own| own.is_some_and(of_a));
        assert_eq!(losses.total(), Some(Loss::of_one(2)));
        losses.forget_until(2);
        assert_eq!(losses.total(), None);
    }

    #[test]
    fn what_is_not_told_apart_may_concern_any() {
        let mut losses = Losses::default();
        for n in 1..=MAX_KNOWN as u64 + 1 {
            losses.add(of(&format!("n{n}")), Loss::of_one(n));
        }
        let last = MAX_KNOWN as u64 + 1;
        assert_eq!(losses.after(0, |_| false), Some(Loss::of_one(last)));
        losses.forget(|own| own.is_some());
        assert_eq!(losses.total(), Some(Loss::of_one(last)));
    }
}
