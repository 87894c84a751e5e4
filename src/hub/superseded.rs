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

    /// The most that one subscription loses, as the number of the first event and how many they are.
    pub(super) fn most(&self) -> (u64, u64) {
        let firsts = self.iter().map(|(_, lost)| lost.first());
        let from = firsts.min().unwrap_or_default();
        let mut lists = self.iter();
        let count = match (lists.next(), lists.next()) {
            (Some((_, lost)), None) => lost.total(),
            // Lists may share events: what was retained for a new subscription had been replaced for another one.
            _ => self.totals().into_values().max().unwrap_or_default(),
        };
        (from, count)
    }

    fn totals(&self) -> HashMap<SubscriptionId, u64> {
        let mut totals = HashMap::new();
        for (ids, lost) in self.iter() {
            for id in ids.iter() {
                *totals.entry(*id).or_default() += lost.total();
            }
        }
        totals
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

/// Whether two lists have the same subscriptions.
pub(super) fn is_same(one: &Arc<[SubscriptionId]>, other: &Arc<[SubscriptionId]>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}
