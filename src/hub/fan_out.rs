//! Queueing an event for every subscriber that it is for.

use std::sync::Arc;
use std::time::Instant;

use crate::hub::Hub;
use crate::hub::audience::Audience;
use crate::hub::compat::{note_delivery, note_omission};
use crate::hub::effects::EmitEffects;
use crate::hub::ids::SubscriptionId;
use crate::hub::queue::{QueuedEvent, SupersededLists};
use crate::hub::receipts::Place;
use crate::hub::room::Line;
use crate::hub::routes::Route;
use crate::model::core_target::CompatListener;
use crate::model::delivery::Addressing;
use crate::model::event::{BusEvent, Receipt};
use crate::model::policy::Overflow;

/// For how many ended subscriptions a page may have unreported gaps before they are forgotten.
const MAX_UNREPORTED_GAPS: usize = 1024;

impl<W> Hub<W> {
    /// Queues the event for every subscriber that it is for.
    pub(super) fn fan_out(
        &mut self,
        event: &BusEvent,
        audience: &Audience,
        route: &Route,
        clock: impl Fn() -> Instant,
        receipt: &mut Receipt,
        effects: &mut EmitEffects<W>,
    ) {
        let has_waiters = !self.room.is_empty();
        for entry in &route.entries {
            if let Some(session) = self.sessions.get_mut(&entry.subscriber) {
                let addressing = match audience.has_all_pages() {
                    true => Some(Addressing::Broadcast),
                    false => self.webviews.get(&session.webview).and_then(|webview| {
                        audience.addressing_of_page(&session.webview, &webview.window)
                    }),
                };
                let own = match entry.has_compatible() {
                    false => addressing.and_then(|addressing| {
                        let own = entry.subscriptions_for(addressing)?;
                        Some((addressing, Arc::clone(own)))
                    }),
                    true => {
                        let addressing = addressing.unwrap_or(Addressing::Elsewhere);
                        let webview = self.webviews.get(&session.webview);
                        let window = webview.map_or("", |webview| &*webview.window);
                        let page = Some((&*session.webview, window));
                        let is_reached = |listener: &CompatListener| {
                            audience.reaches_compatible(listener, addressing, page)
                        };
                        if let Some(compat) = &mut self.compat {
                            let label = &session.webview;
                            let notes = &mut compat.notes;
                            for listener in entry.compatible() {
                                if is_reached(listener) {
                                    note_delivery(
                                        notes, event, audience, addressing, listener, label,
                                    );
                                } else if addressing == Addressing::Sent && !audience.is_bridged {
                                    note_omission(notes, event, audience, label);
                                }
                            }
                        }
                        let all = entry.all_subscriptions_for(addressing, is_reached);
                        all.map(|all| (addressing, all))
                    }
                };
                let newest = addressing.and_then(|addressing| {
                    let newest = entry.newest_for(addressing)?;
                    Some((addressing, Arc::clone(newest)))
                });
                if own.is_none() && newest.is_none() {
                    continue;
                }
                let before = has_waiters.then(|| session.outbox.usage());
                let outbox = &mut session.outbox;
                outbox.queue.free_room(|| event.weight(), self.clock);
                let mut is_queued = false;
                if event.mark().is_tracked {
                    let entries = usize::from(own.is_some()) + usize::from(newest.is_some());
                    let place = Place::Page(entry.subscriber, Arc::clone(&session.webview));
                    self.receipts.add_receiver(event.seq(), place, entries);
                }
                for ((addressing, subscriptions), is_newest) in lanes(own, newest, route) {
                    let tapped = self.taps.as_ref().map(|_| Arc::clone(&subscriptions));
                    let queued = queued(event, subscriptions, addressing);
                    let is_in = match is_newest {
                        true => outbox.queue.push_newest(queued, route.policy.overflow),
                        false => outbox.push(queued, route.policy.overflow),
                    };
                    is_queued |= is_in;
                    if let (Some(taps), Some(ids)) = (&mut self.taps, tapped) {
                        taps.note_route(Some(&session.webview), false, &ids, is_in);
                    }
                }
                if before.is_some_and(|before| is_smaller(session.outbox.usage(), before)) {
                    let line = Line::Queue(entry.subscriber);
                    self.room
                        .wake_first(line, &mut effects.get_or_insert_default().wakers);
                }
                receipt.pages += usize::from(is_queued);
                if is_queued && event.mark().until_consumed {
                    self.unconsumed.note_delivery(event.seq(), entry.subscriber);
                }
                if session.is_starting {
                    let webview = self.webviews.get_mut(&session.webview);
                    match webview.and_then(|webview| webview.history.as_mut()) {
                        Some(history) => history.backlog.note_taken(event.seq()),
                        None => session.is_starting = false,
                    }
                }
                // A page that subscribes and unsubscribes without an end and never pulls loses events of subscriptions
                // that have ended. That is rare, so it is checked rarely.
                if session.outbox.unreported_gaps()
                    > 2 * session.subscriptions + MAX_UNREPORTED_GAPS
                {
                    let (subscriptions, key) = (&self.subscriptions, entry.subscriber);
                    session
                        .outbox
                        .forget_all_but(|id| subscriptions.contains(key, id));
                }
                if session.is_reachable() {
                    let effects = effects.get_or_insert_default();
                    session.deliver(entry.subscriber, clock(), &mut self.room, effects);
                }
            } else if let Some(consumer) = self.consumers.get_mut(&entry.subscriber) {
                let addressing = audience.addressing_of_host();
                let all = entry.all_subscriptions_for(addressing, |listener| {
                    audience.reaches_compatible(listener, addressing, None)
                });
                let newest = entry.newest_for(addressing).map(Arc::clone);
                if all.is_none() && newest.is_none() {
                    continue;
                }
                let before = has_waiters.then(|| consumer.queue.usage());
                let queue = &mut consumer.queue;
                queue.free_room(|| event.weight(), self.clock);
                let mut received = 0;
                if event.mark().is_tracked && consumer.is_listener {
                    let entries = usize::from(all.is_some()) + usize::from(newest.is_some());
                    (self.receipts).add_receiver(event.seq(), Place::Listeners, entries);
                }
                for (subscriptions, is_newest) in lanes(all, newest, route) {
                    let count = subscriptions.len();
                    let tapped = self.taps.as_ref().map(|_| Arc::clone(&subscriptions));
                    let queued = queued(event, subscriptions, addressing);
                    let is_queued = match is_newest {
                        true => queue.push_newest(queued, route.policy.overflow),
                        false => queue.push(queued, route.policy.overflow),
                    };
                    received += count * usize::from(is_queued);
                    if let (Some(taps), Some(ids)) = (&mut self.taps, tapped) {
                        taps.note_route(None, consumer.is_stream, &ids, is_queued);
                    }
                }
                receipt.listeners += received;
                if received > 0 && event.mark().until_consumed {
                    self.unconsumed.note_delivery(event.seq(), entry.subscriber);
                }
                if before.is_some_and(|before| is_smaller(consumer.queue.usage(), before)) {
                    let line = Line::Queue(entry.subscriber);
                    self.room
                        .wake_first(line, &mut effects.get_or_insert_default().wakers);
                }
                if let Some(waker) = consumer.take_waker() {
                    effects.get_or_insert_default().wakers.push(waker);
                }
            } else if let Some(link) = &mut self.link
                && link.key() == entry.subscriber
                && link.push(event, audience, entry, route.policy.overflow, self.clock)
            {
                receipt.linked = true;
                if let Some(waker) = link.take_waker() {
                    effects.get_or_insert_default().wakers.push(waker);
                }
            }
        }
    }
}

/// What an event is queued for, and whether only the newest is wanted.
fn lanes<T>(all: Option<T>, newest: Option<T>, route: &Route) -> impl Iterator<Item = (T, bool)> {
    let mut lanes = [
        all.map(|all| (all, false)),
        newest.map(|newest| (newest, true)),
    ];
    // It may make the room that the other entry needs.
    if route.policy.overflow == Overflow::Reject {
        lanes.reverse();
    }
    lanes.into_iter().flatten()
}

fn queued(
    event: &BusEvent,
    subscriptions: Arc<[SubscriptionId]>,
    addressing: Addressing,
) -> QueuedEvent {
    QueuedEvent {
        event: event.clone(),
        subscriptions,
        addressing,
        superseded: SupersededLists::default(),
    }
}

/// Whether a queue has room that it had not: an event may replace larger ones.
pub(super) fn is_smaller(after: (usize, usize), before: (usize, usize)) -> bool {
    after.0 < before.0 || after.1 < before.1
}
