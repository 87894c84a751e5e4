use std::collections::HashMap;
use std::sync::Arc;

use crate::hub::ids::SubscriptionId;
use crate::hub::loss::Loss;

/// The events that one replaced, which are lost if it is dropped, by the subscriptions that they were for. Most events
/// replaced none, so an empty list is one pointer.
#[derive(Debug, Clone, Default)]
pub(crate) struct SupersededLists(Option<Box<Lists>>);

#[derive(Debug, Clone, Default)]
struct Lists(Vec<SupersededList>);

pub(crate) type SupersededList = (Arc<[SubscriptionId]>, Loss);

impl SupersededLists {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, SupersededList> {
        self.0.as_ref().map_or([].iter(), |lists| lists.0.iter())
    }

    pub(super) fn len(&self) -> usize {
        self.iter().len()
    }

    /// Adds what was replaced to the list of these subscriptions.
    pub(super) fn join(&mut self, (ids, lost): SupersededList) {
        let lists = &mut self.0.get_or_insert_default().0;
        match lists.iter_mut().find(|(known, _)| is_same(known, &ids)) {
            Some((_, joined)) => *joined = joined.join(lost),
            None => lists.push((ids, lost)),
        }
    }

    /// The number of the first event, and at least how many there are: lists may share events, since what was retained for a
    /// new subscription may have been replaced for another one.
    pub(super) fn span(&self) -> (u64, u64) {
        let lists: Vec<&SupersededList> = self.iter().collect();
        let from = lists.iter().map(|(_, lost)| lost.first()).min();
        let count = match &lists[..] {
            [(_, lost)] => lost.total(),
            _ => count_apart(lists),
        };
        (from.unwrap_or_default(), count)
    }

    /// What is lost of all lists together, and with them the event with this number, which replaced them. It may count some
    /// twice.
    pub(super) fn lost_with(&self, seq: u64) -> Loss {
        let lists = self.iter().map(|(_, lost)| lost.superseded_by(seq));
        lists.fold(Loss::of_one(seq), Loss::join)
    }

    pub(super) fn into_lists(self) -> Vec<SupersededList> {
        self.0.map_or_else(Vec::new, |lists| lists.0)
    }
}

impl From<Vec<SupersededList>> for SupersededLists {
    fn from(lists: Vec<SupersededList>) -> Self {
        Self((!lists.is_empty()).then(|| Box::new(Lists(lists))))
    }
}

/// How many events there are in these lists: those whose ranges overlap count as much as one subscription loses of them.
fn count_apart(mut lists: Vec<&SupersededList>) -> u64 {
    lists.sort_unstable_by_key(|(_, lost)| lost.first());
    let (mut count, mut end) = (0, 0);
    let mut totals: HashMap<SubscriptionId, u64> = HashMap::new();
    for (ids, lost) in lists {
        if lost.first() > end {
            count += totals.drain().map(|(_, total)| total).max().unwrap_or(0);
        }
        end = end.max(lost.last());
        for id in ids.iter() {
            *totals.entry(*id).or_default() += lost.total();
        }
    }
    count + totals.into_values().max().unwrap_or(0)
}

/// Whether two lists have the same subscriptions.
pub(super) fn is_same(one: &Arc<[SubscriptionId]>, other: &Arc<[SubscriptionId]>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(lists: &[(&[SubscriptionId], Loss)]) -> SupersededLists {
        let lists = lists.iter().map(|(ids, lost)| (Arc::from(*ids), *lost));
        lists.collect::<Vec<_>>().into()
    }

    #[test]
    fn events_of_several_lists_count_once() {
        let (one, two, three) = (Loss::of_one(1), Loss::of_one(2), Loss::of_one(3));
        let both = one.join(two);
        for (known, expected) in [
            (vec![], (0, 0)),
            (vec![(&[1_u32][..], both)], (1, 2)),
            // One is retained for the second subscription, too.
            (vec![(&[1][..], both), (&[2][..], one)], (1, 2)),
            // Each had one of its own.
            (vec![(&[1][..], one), (&[2][..], two)], (1, 2)),
            (vec![(&[2][..], three), (&[1, 2][..], both)], (1, 3)),
        ] {
            assert_eq!(lists(&known).span(), expected, "{known:?}");
        }
        let all = lists(&[(&[1], one), (&[2], two)]).lost_with(3);
        assert_eq!((all.first(), all.total()), (1, 3));
    }
}
