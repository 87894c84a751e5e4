use std::sync::Arc;

use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::model::core_target::CompatListener;
use crate::model::delivery::Addressing;
use crate::model::name::EventName;
use crate::model::policies::NamePolicy;

/// The subscribers that an event name concerns, and how its events are kept and delivered.
#[derive(Debug)]
pub(crate) struct Route {
    /// The name of the events of this route, which they share instead of owning a copy each.
    pub(crate) name: EventName,
    pub(crate) policy: NamePolicy,
    pub(crate) entries: Vec<RouteEntry>,
}

#[derive(Debug)]
pub(crate) struct RouteEntry {
    pub(crate) subscriber: SubscriberKey,
    pub(super) broadcast: Option<Arc<[SubscriptionId]>>,
    pub(super) sent: Option<Arc<[SubscriptionId]>>,
    pub(super) elsewhere: Option<Arc<[SubscriptionId]>>,
    /// Those that were written for Tauri's events.
    pub(super) compatible: Vec<(CompatListener, Arc<[SubscriptionId]>)>,
}

impl Route {
    pub(super) fn concerns(&self, subscriber: SubscriberKey) -> bool {
        let position = |entry: &RouteEntry| entry.subscriber.cmp(&subscriber);
        self.entries.binary_search_by(position).is_ok()
    }

    /// How many ids it holds.
    pub(super) fn count_ids(&self) -> usize {
        let lists = self
            .entries
            .iter()
            .flat_map(|entry| [&entry.broadcast, &entry.sent, &entry.elsewhere]);
        let compatible = self.entries.iter().flat_map(|entry| &entry.compatible);
        let compatible = compatible.map(|(_, ids)| ids);
        lists.flatten().chain(compatible).map(|ids| ids.len()).sum()
    }
}

impl RouteEntry {
    /// The subscriptions that receive an event with this addressing. `None` if no subscription does.
    pub(crate) fn subscriptions_for(
        &self,
        addressing: Addressing,
    ) -> Option<&Arc<[SubscriptionId]>> {
        match addressing {
            Addressing::Broadcast => self.broadcast.as_ref(),
            Addressing::Sent => self.sent.as_ref(),
            Addressing::Elsewhere => self.elsewhere.as_ref(),
        }
    }

    /// Whether some of its subscriptions were written for Tauri's events.
    pub(crate) fn has_compatible(&self) -> bool {
        !self.compatible.is_empty()
    }

    /// These listeners that were written for Tauri's events.
    pub(crate) fn compatible(&self) -> impl Iterator<Item = &CompatListener> {
        self.compatible.iter().map(|(listener, _)| listener)
    }

    /// The subscriptions that receive an event with this addressing, and those written for Tauri's events that
    /// `is_reached` selects.
    pub(crate) fn all_subscriptions_for(
        &self,
        addressing: Addressing,
        is_reached: impl Fn(&CompatListener) -> bool,
    ) -> Option<Arc<[SubscriptionId]>> {
        let own = self.subscriptions_for(addressing);
        let mut reached = self
            .compatible
            .iter()
            .filter(|(listener, _)| is_reached(listener))
            .map(|(_, ids)| ids)
            .chain(own);
        let first = reached.next()?;
        let Some(second) = reached.next() else {
            return Some(Arc::clone(first));
        };
        let mut ids = [&first[..], second].concat();
        ids.extend(reached.flat_map(|ids| ids.iter().copied()));
        ids.sort_unstable();
        Some(ids.into())
    }
}
