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
    /// Those that receive every event.
    pub(super) all: Receivers,
    /// Those for which only the newest event waits. There are few of these.
    pub(super) newest: Option<Box<Receivers>>,
    /// Those that were written for Tauri's events.
    pub(super) compatible: Vec<(CompatListener, Arc<[SubscriptionId]>)>,
}

/// Subscriptions, by how an event is addressed to them.
#[derive(Debug)]
pub(super) struct Receivers {
    pub(super) broadcast: Option<Arc<[SubscriptionId]>>,
    sent: Option<Arc<[SubscriptionId]>>,
    elsewhere: Option<Arc<[SubscriptionId]>>,
}

impl Receivers {
    pub(super) fn of(ids_for: impl Fn(Addressing) -> Option<Arc<[SubscriptionId]>>) -> Self {
        Self {
            broadcast: ids_for(Addressing::Broadcast),
            sent: ids_for(Addressing::Sent),
            elsewhere: ids_for(Addressing::Elsewhere),
        }
    }

    fn with(&self, addressing: Addressing) -> Option<&Arc<[SubscriptionId]>> {
        match addressing {
            Addressing::Broadcast => self.broadcast.as_ref(),
            Addressing::Sent => self.sent.as_ref(),
            Addressing::Elsewhere => self.elsewhere.as_ref(),
        }
    }

    fn lists(&self) -> impl Iterator<Item = &Arc<[SubscriptionId]>> {
        let lists = [&self.broadcast, &self.sent, &self.elsewhere];
        lists.into_iter().flatten()
    }
}

impl Route {
    pub(crate) fn concerns(&self, subscriber: SubscriberKey) -> bool {
        let position = |entry: &RouteEntry| entry.subscriber.cmp(&subscriber);
        self.entries.binary_search_by(position).is_ok()
    }

    /// How many ids it holds.
    pub(super) fn count_ids(&self) -> usize {
        let receivers = self.entries.iter();
        let receivers = receivers.flat_map(|entry| [Some(&entry.all), entry.newest.as_deref()]);
        let lists = receivers.flatten().flat_map(Receivers::lists);
        let compatible = self.entries.iter().flat_map(|entry| &entry.compatible);
        let compatible = compatible.map(|(_, ids)| ids);
        lists.chain(compatible).map(|ids| ids.len()).sum()
    }
}

impl RouteEntry {
    /// The subscriptions that receive every event with this addressing. `None` if no subscription does.
    pub(crate) fn subscriptions_for(
        &self,
        addressing: Addressing,
    ) -> Option<&Arc<[SubscriptionId]>> {
        self.all.with(addressing)
    }

    /// The subscriptions for which only the newest event with this addressing waits. `None` if there are none.
    pub(crate) fn newest_for(&self, addressing: Addressing) -> Option<&Arc<[SubscriptionId]>> {
        self.newest.as_ref()?.with(addressing)
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
