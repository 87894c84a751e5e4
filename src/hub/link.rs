//! What leaves for other nodes: a queue like that of a page, which a link reads.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use crate::hub::Hub;
use crate::hub::audience::Audience;
use crate::hub::effects::Effects;
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::loss::Loss;
use crate::hub::queue::{LostEvents, Queue, QueueBound, QueueEntry, QueuedEvent, SupersededLists};
use crate::hub::routes::RouteEntry;
use crate::model::delivery::{Addressing, DeliveryFilter};
use crate::model::endpoint::Endpoint;
use crate::model::event::{BusEvent, GapReason};
use crate::model::link::{LinkStream, Share};
use crate::model::pattern::EventPattern;
use crate::model::policy::Overflow;
use crate::sync::BusClock;

/// How many other nodes have a stream of their own at a time, beside those that something waits for.
const MAX_NODES: usize = 1024;

/// How many events the link takes at once.
const MAX_TAKEN: usize = 256;

/// How many numbers of this app's order a hole takes at most, so that no node can use up those that JavaScript can count.
const MAX_NUMBERS: u64 = 1 << 20;

/// How many entries a queue gives at once.
const FEW: usize = 16;

/// The subscriptions of a share, and its streams.
type Sharing = (Arc<[SubscriptionId]>, Arc<[LinkStream]>);

#[derive(Debug)]
pub(super) struct LinkQueue {
    key: SubscriberKey,
    /// The name of this node.
    node: Arc<str>,
    queue: Queue,
    waker: Option<Waker>,
    /// Each share as a list of subscriptions, and as that of its stream. Their ids are the indexes of the shares.
    shares: Vec<Sharing>,
    /// The other nodes to which something was sent, by the ids that stand for them.
    nodes: BTreeMap<SubscriptionId, Arc<str>>,
    ids: HashMap<Arc<str>, SubscriptionId>,
    next_id: SubscriptionId,
    /// With how many nodes those are forgotten for which nothing waits.
    sweep_at: usize,
}

/// What leaves.
#[derive(Debug)]
pub(crate) enum Leaving {
    Event {
        event: BusEvent,
        streams: Arc<[LinkStream]>,
        /// How long it still counts, if it expires.
        expires: Option<Duration>,
    },
    /// Events that the queue has dropped.
    Dropped {
        streams: Vec<LinkStream>,
        count: u64,
    },
}

impl LinkQueue {
    pub(super) fn key(&self) -> SubscriberKey {
        self.key
    }

    /// Queues an event, if it leaves this node. Returns whether it is in the queue.
    pub(super) fn push(
        &mut self,
        event: &BusEvent,
        audience: &Audience,
        entry: &RouteEntry,
        overflow: Overflow,
        clock: BusClock,
    ) -> bool {
        let is_own = !matches!(event.source(), Endpoint::Node(_)) && !audience.is_local;
        let subscriptions = match &audience.to {
            _ if !is_own => None,
            Some(to) if !to.selection.nodes.is_empty() => self.streams_to(&to.selection.nodes),
            Some(to) if !to.selection.everyone => None,
            _ => self.share_of(entry),
        };
        let Some(subscriptions) = subscriptions else {
            return false;
        };
        self.queue.free_room(|| event.weight(), clock);
        let queued = QueuedEvent {
            event: event.clone(),
            subscriptions,
            addressing: Addressing::Broadcast,
            superseded: SupersededLists::default(),
        };
        // No emit waits for the network, so none is refused either.
        let overflow = match overflow {
            Overflow::Reject => Overflow::DropOldest,
            other => other,
        };
        self.queue.push(queued, overflow)
    }

    /// The first share that has the name of this route.
    fn share_of(&self, entry: &RouteEntry) -> Option<Arc<[SubscriptionId]>> {
        let ids = entry.subscriptions_for(Addressing::Broadcast)?;
        let first = *ids.iter().min()?;
        let (ids, _) = self.shares.get(first as usize)?;
        Some(Arc::clone(ids))
    }

    fn streams_to(&mut self, nodes: &[Arc<str>]) -> Option<Arc<[SubscriptionId]>> {
        let own = Arc::clone(&self.node);
        let others = nodes.iter().filter(|node| **node != own);
        let mut ids: Vec<_> = others.map(|node| self.id_of(node)).collect();
        ids.sort_unstable();
        ids.dedup();
        (!ids.is_empty()).then(|| ids.into())
    }

    fn id_of(&mut self, node: &Arc<str>) -> SubscriptionId {
        if let Some(id) = self.ids.get(node) {
            return *id;
        }
        if self.ids.len() >= self.sweep_at {
            self.sweep();
        }
        let id = self.next_id;
        self.next_id += 1;
        self.nodes.insert(id, Arc::clone(node));
        self.ids.insert(Arc::clone(node), id);
        id
    }

    /// Forgets the nodes for which nothing waits. Of those that something was dropped for, it keeps the newest.
    fn sweep(&mut self) {
        let (mut live, dropped) = self.queue.awaited();
        live.extend(dropped.iter().rev().take(MAX_NODES));
        let shares = self.shares.len();
        self.queue
            .forget_all_but(|id| (id as usize) < shares || live.contains(&id));
        self.nodes.retain(|id, _| live.contains(id));
        self.ids.retain(|_, id| live.contains(id));
        self.sweep_at = MAX_NODES.max(2 * self.ids.len());
    }

    fn share_to(&self, ids: &[SubscriptionId]) -> Option<Arc<[LinkStream]>> {
        debug_assert!(!ids.is_empty(), "it leaves for somebody");
        let (_, stream) = self.shares.get(*ids.first()? as usize)?;
        Some(Arc::clone(stream))
    }

    fn stream_of(&self, id: SubscriptionId) -> Option<LinkStream> {
        if (id as usize) < self.shares.len() {
            return Some(LinkStream::Share(id as usize));
        }
        self.nodes.get(&id).cloned().map(LinkStream::Node)
    }

    fn streams_of<'a>(&self, ids: impl IntoIterator<Item = &'a SubscriptionId>) -> Vec<LinkStream> {
        let ids = ids.into_iter();
        ids.filter_map(|id| self.stream_of(*id)).collect()
    }

    fn leaving(&self, entry: QueueEntry, steady: Duration) -> Leaving {
        match entry {
            QueueEntry::Event(queued) => Leaving::Event {
                streams: match self.share_to(&queued.subscriptions) {
                    Some(stream) => stream,
                    None => self.streams_of(queued.subscriptions.iter()).into(),
                },
                expires: queued
                    .event
                    .expires_at()
                    .map(|deadline| deadline.saturating_sub(steady)),
                event: queued.event,
            },
            QueueEntry::Lost(lost) => Leaving::Dropped {
                streams: self.streams_of(&lost.subscriptions),
                count: lost.gap.count,
            },
        }
    }

    pub(super) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    /// How many nodes have a stream.
    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        self.ids.len()
    }

    /// How many events it would have to tell of.
    #[cfg(test)]
    pub(super) fn noted(&self) -> usize {
        self.queue.dropped_tracked.len()
    }

    pub(super) fn drop_expired(&mut self, clock: BusClock) {
        self.queue.drop_expired(clock);
    }

    pub(super) fn next_expiry(&self) -> Option<Duration> {
        self.queue.next_expiry()
    }
}

impl<W> Hub<W> {
    /// Opens the queue of what leaves for other nodes. There is one at most.
    pub(crate) fn open_link(&mut self, node: Arc<str>, shares: &[Share], bound: QueueBound) {
        let key = self.next_key();
        let ids = 0..shares.len() as SubscriptionId;
        for (id, share) in ids.clone().zip(shares) {
            if share.is_sent() {
                let filter = (DeliveryFilter::Everything, None);
                let pattern = share.pattern().clone();
                self.subscriptions
                    .insert_as(key, id, pattern, filter, (None, false));
            }
        }
        self.link = Some(Box::new(LinkQueue {
            key,
            node,
            queue: Queue::new(bound),
            waker: None,
            shares: ids
                .clone()
                .map(|id| ([id].into(), [LinkStream::Share(id as usize)].into()))
                .collect(),
            nodes: BTreeMap::new(),
            ids: HashMap::new(),
            next_id: ids.end,
            sweep_at: MAX_NODES,
        }));
    }

    /// Takes what leaves next. `None` once the app exits and nothing is left. The waker that is not needed is returned, to be
    /// dropped after the lock.
    pub(crate) fn poll_link(
        &mut self,
        waker: Waker,
    ) -> (Poll<Option<Vec<Leaving>>>, Option<Waker>) {
        let Some(link) = &mut self.link else {
            return (Poll::Ready(None), Some(waker));
        };
        link.queue.drop_expired(self.clock);
        let mut entries = Vec::new();
        // It takes fewer than it could where a newer event may still replace what waits.
        while link.queue.pop_few(&mut entries) >= FEW && entries.len() < MAX_TAKEN {}
        if !entries.is_empty() {
            let steady = self.clock.steady();
            let leaving = entries.into_iter();
            let leaving = leaving.map(|entry| link.leaving(entry, steady)).collect();
            return (Poll::Ready(Some(leaving)), Some(waker));
        }
        if self.exiting {
            return (Poll::Ready(None), Some(waker));
        }
        (Poll::Pending, link.waker.replace(waker))
    }

    /// How many events wait to leave.
    pub(crate) fn link_usage(&self) -> usize {
        self.link.as_ref().map_or(0, |link| link.queue.usage().0)
    }

    /// Events of another node are lost on their way, of names that these patterns match. They take numbers of this app's
    /// order, as if they had come and were lost here.
    pub(crate) fn lose_on_link(
        &mut self,
        names: &[EventPattern],
        count: u64,
        clock: impl Fn() -> Instant,
    ) -> Effects<W> {
        let mut effects = Effects::default();
        let numbers = count.min(MAX_NUMBERS);
        let lost = Loss::of_range(self.seq + 1, self.seq + numbers, count);
        self.seq += numbers;
        let concerned: Vec<SubscriberKey> = self
            .sessions
            .keys()
            .chain(self.consumers.keys())
            .copied()
            .collect();
        for key in concerned {
            for at_most in [false, true] {
                let own = self.subscriptions.of(key, 0);
                let own = own.filter(|(_, pattern, filter)| {
                    filter.covers(Addressing::Broadcast)
                        && names.iter().any(|names| pattern.may_overlap(names))
                        && at_most != names.iter().all(|names| covers(pattern, names))
                });
                let subscriptions = own.map(|(id, _, _)| id).collect();
                self.push_lost_on_link(key, lost, at_most, subscriptions);
            }
            if let Some(session) = self.sessions.get_mut(&key) {
                if session.is_reachable() {
                    session.deliver(key, clock(), &mut self.room, &mut effects);
                }
            } else if let Some(consumer) = self.consumers.get_mut(&key) {
                effects.wakers.extend(consumer.take_waker());
            }
        }
        let patterns: Arc<[EventPattern]> = names.into();
        let histories = self.webviews.values_mut();
        for history in histories.filter_map(|webview| webview.history.as_mut()) {
            history.backlog.lose(lost, &patterns);
        }
        effects
    }

    fn push_lost_on_link(
        &mut self,
        key: SubscriberKey,
        lost: Loss,
        at_most: bool,
        subscriptions: std::collections::BTreeSet<SubscriptionId>,
    ) {
        if subscriptions.is_empty() {
            return;
        }
        let lost = LostEvents {
            gap: lost.gap(GapReason::LinkLost, at_most),
            superseded: None,
            subscriptions,
            cause: None,
        };
        match (self.sessions.get_mut(&key), self.consumers.get_mut(&key)) {
            (Some(session), _) => session.outbox.push_lost(lost),
            (None, Some(consumer)) => consumer.queue.push_lost(lost),
            (None, None) => {}
        }
    }
}

/// Whether a pattern matches every name that another one matches, as far as their texts tell.
fn covers(pattern: &EventPattern, other: &EventPattern) -> bool {
    let (own, other_text) = (pattern.to_string(), other.to_string());
    own == other_text
        || other.exact().is_some_and(|name| pattern.matches(name))
        || own.strip_suffix('*').is_some_and(|prefix| {
            !prefix.contains(crate::model::pattern::is_wildcard) && other_text.starts_with(prefix)
        })
}
