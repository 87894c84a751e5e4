//! Taps: bounded queues of records of what happens. Without a tap, each place that would make a record costs one branch.
//!
//! A record is plain data. What reads and writes payloads comes after the lock.

mod pages;
pub(crate) mod queue;
pub(crate) mod raw;

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::SystemTime;

use crate::hub::Hub;
use crate::hub::audience::Audience;
use crate::hub::effects::{Effects, EmitEffects};
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::outbox::{Batch, DeliveredItems, Item};
use crate::hub::queue::{LostEvents, QueueEntry};
use crate::hub::requests::message::RequestMessage;
use crate::hub::retained::target_weight;
use crate::hub::tap::queue::{TapQueue, TapSlot};
use crate::hub::tap::raw::{RawEntry, RawEvent, RawRecord, RawRequest, RawResponse, weight_of};
use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::event::BusEvent;
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::tap::filter::RecordFilter;
use crate::model::tap::record::{
    TapEntry, TapKind, TapRoute, TappedDelivery, TappedGap, TappedRefusal,
};
use crate::model::tap::{MARK_NAME, TAP_NAME};
use crate::sync::wall_clock;

/// What a record counts for beside what it refers to.
const RECORD: usize = 256;

/// The taps that are on. There is at least one.
#[derive(Debug, Default)]
pub(super) struct Taps {
    queues: BTreeMap<u64, TapQueue>,
    /// Where the event went that is being queued.
    routes: Vec<TapRoute>,
}

/// Something of a queue that a receiver was given.
enum Given<'a> {
    Event(&'a BusEvent),
    Lost(&'a LostEvents),
}

/// Who was given something.
struct Receiver {
    endpoint: Endpoint,
    is_stream: bool,
}

impl Taps {
    fn push(
        &mut self,
        (kind, name, source): (TapKind, Option<&EventName>, &Endpoint),
        weight: usize,
        make: impl FnOnce() -> RawRecord,
        wakers: &mut Vec<Waker>,
    ) {
        if name.is_some_and(is_own) {
            return;
        }
        let record = LazyCell::new(|| Arc::new(make()));
        for queue in self.queues.values_mut() {
            let takes = !queue.is_closed
                && queue.filter.takes_kind(kind)
                && queue.filter.takes(name, source);
            if takes {
                queue.push(weight + RECORD, || Arc::clone(&record));
                wakers.extend(queue.waker.take());
            }
        }
    }

    fn push_refusal(
        &mut self,
        name: Option<&EventName>,
        refusal: TappedRefusal,
        wakers: &mut Vec<Waker>,
    ) {
        let source = refusal.source.clone();
        let about = (TapKind::Refused, name, &source);
        let weight = refusal.name.len() + refusal.message.len();
        let make = || RawRecord {
            at: wall_clock(),
            entry: RawEntry::Done(TapEntry::Refused(refusal)),
        };
        self.push(about, weight, make, wakers);
    }

    /// Notes where the event goes that is being queued.
    pub(super) fn note_route(
        &mut self,
        page: Option<&Arc<str>>,
        is_stream: bool,
        subscriptions: &[SubscriptionId],
        is_queued: bool,
    ) {
        self.routes.push(TapRoute {
            receiver: endpoint_of(page),
            is_stream,
            subscriptions: subscriptions.to_vec(),
            is_queued,
        });
    }

    /// Notes what a receiver was given, or has handled.
    fn note_given<'a>(
        &mut self,
        kind: TapKind,
        receiver: &Receiver,
        given: impl Iterator<Item = Given<'a>> + Clone,
        wakers: &mut Vec<Waker>,
    ) {
        let at = wall_clock();
        for queue in self.queues.values_mut().filter(|queue| !queue.is_closed) {
            let mut seqs = Vec::new();
            for one in given.clone() {
                let entry = match one {
                    Given::Event(event) => {
                        let name = event.event_name();
                        if queue.filter.takes(Some(name), event.source()) && !is_own(name) {
                            seqs.push(event.seq());
                        }
                        continue;
                    }
                    Given::Lost(_) if kind == TapKind::Acknowledged => continue,
                    Given::Lost(lost) => (
                        gap_of(receiver, lost),
                        lost.subscriptions.len() * size_of::<SubscriptionId>(),
                    ),
                };
                if queue.filter.takes_kind(TapKind::Gap) {
                    let (entry, weight) = entry;
                    queue.push(RECORD + weight, || done(at, entry));
                    wakers.extend(queue.waker.take());
                }
            }
            if seqs.is_empty() || !queue.filter.takes_kind(kind) {
                continue;
            }
            let weight = RECORD + seqs.len() * size_of::<u64>();
            let delivery = TappedDelivery {
                receiver: receiver.endpoint.clone(),
                is_stream: receiver.is_stream,
                seqs,
            };
            let entry = match kind {
                TapKind::Acknowledged => TapEntry::Acknowledged(delivery),
                _ => TapEntry::Delivered(delivery),
            };
            queue.push(weight, || done(at, entry));
            wakers.extend(queue.waker.take());
        }
    }

    /// Notes that a page has handled all of these.
    pub(super) fn note_acknowledged(
        &mut self,
        page: &Arc<str>,
        handled: &[Arc<DeliveredItems>],
        wakers: &mut Vec<Waker>,
    ) {
        let receiver = Receiver {
            endpoint: Endpoint::Webview(Arc::clone(page)),
            is_stream: false,
        };
        let items = handled.iter().flat_map(|own| own.items.iter());
        let given = items.filter_map(given_of);
        self.note_given(TapKind::Acknowledged, &receiver, given, wakers);
    }

    pub(super) fn note_request(
        &mut self,
        message: &RequestMessage,
        to: Option<&Arc<str>>,
        wakers: &mut Vec<Waker>,
    ) {
        let about = (TapKind::Request, Some(&message.name), &message.source);
        let make = || RawRecord {
            at: wall_clock(),
            entry: RawEntry::Request(Box::new(RawRequest {
                id: message.id,
                name: message.name.clone(),
                source: message.source.clone(),
                receiver: endpoint_of(to),
                provenance: message.provenance.clone(),
                is_stream: message.stream.is_some(),
                payload: message.payload.clone(),
            })),
        };
        self.push(about, message.weight(), make, wakers);
    }

    pub(super) fn note_response(
        &mut self,
        message: &RequestMessage,
        from: Option<&Arc<str>>,
        response: &Result<Json>,
        wakers: &mut Vec<Waker>,
    ) {
        let about = (TapKind::Response, Some(&message.name), &message.source);
        let weight = match response {
            Ok(json) => json.weight(),
            Err(error) => error.message().len(),
        };
        let make = || RawRecord {
            at: wall_clock(),
            entry: RawEntry::Response(Box::new(RawResponse {
                id: message.id,
                name: message.name.clone(),
                source: endpoint_of(from),
                receiver: message.source.clone(),
                result: response.clone(),
            })),
        };
        self.push(about, weight, make, wakers);
    }
}

fn done(at: SystemTime, entry: TapEntry) -> Arc<RawRecord> {
    let entry = RawEntry::Done(entry);
    Arc::new(RawRecord { at, entry })
}

fn endpoint_of(page: Option<&Arc<str>>) -> Endpoint {
    page.map_or(Endpoint::Host, |label| Endpoint::Webview(Arc::clone(label)))
}

/// Whether a name is that of the bus's own traffic that carries records.
fn is_own(name: &EventName) -> bool {
    [TAP_NAME, MARK_NAME].contains(&name.as_str())
}

fn given_of(item: &Item) -> Option<Given<'_>> {
    match item {
        Item::Event(queued) => Some(Given::Event(&queued.event)),
        Item::Lost(lost) => Some(Given::Lost(lost)),
        Item::Request(_)
        | Item::Ended(..)
        | Item::Part(_)
        | Item::StreamEnd(_)
        | Item::Credit(..)
        | Item::Channel(..)
        | Item::Outcomes(_) => None,
    }
}

fn gap_of(receiver: &Receiver, lost: &LostEvents) -> TapEntry {
    TapEntry::Gap(TappedGap {
        receiver: receiver.endpoint.clone(),
        is_stream: receiver.is_stream,
        from: lost.gap.from,
        to: lost.gap.to,
        count: lost.gap.count,
        at_most: lost.gap.at_most,
        reason: lost.gap.reason,
        subscriptions: lost.subscriptions.iter().copied().collect(),
    })
}

impl<W> Hub<W> {
    /// Adds a tap. Returns its number.
    pub(crate) fn add_tap(&mut self, filter: Arc<RecordFilter>) -> u64 {
        self.newest_tap += 1;
        let number = self.newest_tap;
        let taps = self.taps.get_or_insert_default();
        let queue = TapQueue::new(filter, self.exiting);
        taps.queues.insert(number, queue);
        number
    }

    /// Ends a tap. Its reader gets what waits, and then the end. Returns the reader to wake.
    pub(crate) fn close_tap(&mut self, number: u64) -> Option<Waker> {
        let queue = self.taps.as_mut()?.queues.get_mut(&number)?;
        queue.is_closed = true;
        queue.waker.take()
    }

    /// Removes a tap. Returns what waited, to be dropped after the lock, and whether it was the last one.
    pub(crate) fn remove_tap(&mut self, number: u64) -> (Vec<TapSlot>, Option<Waker>, bool) {
        let Some(taps) = &mut self.taps else {
            return (Vec::new(), None, true);
        };
        let removed = taps.queues.remove(&number);
        let is_last = taps.queues.is_empty();
        if is_last {
            self.taps = None;
        }
        let waiting = removed.map(|mut queue| (queue.take(), queue.waker.take()));
        let (slots, waker) = waiting.unwrap_or_default();
        (slots, waker, is_last)
    }

    /// Takes all that waits. `None` at the end. Returns a waker that is not needed, too, to be dropped after the lock.
    pub(crate) fn poll_tap(
        &mut self,
        number: u64,
        waker: Option<Waker>,
    ) -> (Poll<Option<Vec<TapSlot>>>, Option<Waker>) {
        let exiting = self.exiting;
        let taps = self.taps.as_mut();
        let Some(queue) = taps.and_then(|taps| taps.queues.get_mut(&number)) else {
            return (Poll::Ready(None), waker);
        };
        if queue.has_waiting() {
            return (Poll::Ready(Some(queue.take())), waker);
        }
        if queue.is_closed || exiting {
            return (Poll::Ready(None), waker);
        }
        let before = match waker {
            Some(waker) => queue.waker.replace(waker),
            None => None,
        };
        (Poll::Pending, before)
    }

    /// Ends every tap, as [`Hub::close_tap`] does one.
    pub(crate) fn close_taps(&mut self) -> Vec<Waker> {
        let queues = self
            .taps
            .iter_mut()
            .flat_map(|taps| taps.queues.values_mut());
        let closed = queues.map(|queue| {
            queue.is_closed = true;
            queue.waker.take()
        });
        closed.flatten().collect()
    }

    /// The readers of all taps, which are to learn that the app exits.
    pub(super) fn tap_wakers(&mut self) -> impl Iterator<Item = Waker> {
        let queues = self
            .taps
            .iter_mut()
            .flat_map(|taps| taps.queues.values_mut());
        queues.filter_map(|queue| queue.waker.take())
    }

    /// Notes an event that is in every queue that it is for.
    pub(super) fn note_event(
        &mut self,
        event: &BusEvent,
        audience: &Audience,
        (is_retained, is_kept): (bool, bool),
        effects: &mut EmitEffects<W>,
    ) {
        let Some(taps) = &mut self.taps else {
            return;
        };
        let routes = std::mem::take(&mut taps.routes);
        let webviews = &self.webviews;
        let weight = event.weight()
            + target_weight(audience)
            + weight_of(&routes)
            // At most so many.
            + if is_kept { webviews.len() * size_of::<Arc<str>>() } else { 0 };
        let make = || RawRecord {
            at: event.timestamp(),
            entry: RawEntry::Event(Box::new(RawEvent {
                event: event.clone(),
                to: audience.target().cloned(),
                except: audience.except.as_ref().map(|own| own.target.clone()),
                is_retained,
                routes,
                kept_for: webviews
                    .iter()
                    .filter(|(label, webview)| {
                        is_kept
                            && webview.history.is_some()
                            && audience
                                .addressing_of_page(label, &webview.window)
                                .is_some()
                    })
                    .map(|(label, _)| Arc::clone(label))
                    .collect(),
            })),
        };
        let about = (TapKind::Event, Some(event.event_name()), event.source());
        let mut wakers = Vec::new();
        taps.push(about, weight, make, &mut wakers);
        if !wakers.is_empty() {
            effects.get_or_insert_default().wakers.extend(wakers);
        }
    }

    /// Notes what the page of this batch is given.
    pub(crate) fn note_batch(&mut self, batch: &Batch) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let delivered = batch.delivered.as_ref();
        if let Some(taps) = &mut self.taps
            && let Some(page) = delivered.and_then(|delivered| delivered.page.as_ref())
        {
            let receiver = Receiver {
                endpoint: Endpoint::Webview(Arc::clone(page)),
                is_stream: false,
            };
            let given = batch.items().iter().filter_map(given_of);
            taps.note_given(TapKind::Delivered, &receiver, given, &mut wakers);
        }
        wakers
    }

    /// Notes what a consumer of the host has taken.
    pub(crate) fn tap_taken(&mut self, key: SubscriberKey, entries: &[QueueEntry]) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let consumer = self.consumers.get(&key);
        if let Some(taps) = &mut self.taps {
            let receiver = Receiver {
                endpoint: Endpoint::Host,
                is_stream: consumer.is_none_or(|consumer| consumer.is_stream),
            };
            let given = entries.iter().map(|entry| match entry {
                QueueEntry::Event(queued) => Given::Event(&queued.event),
                QueueEntry::Lost(lost) => Given::Lost(lost),
            });
            taps.note_given(TapKind::Delivered, &receiver, given, &mut wakers);
        }
        wakers
    }

    /// Notes what was refused.
    pub(crate) fn note_refusal(
        &mut self,
        name: Option<&EventName>,
        refusal: TappedRefusal,
    ) -> Vec<Waker> {
        let mut wakers = Vec::new();
        if let Some(taps) = &mut self.taps {
            taps.push_refusal(name, refusal, &mut wakers);
        }
        wakers
    }

    /// The newest `most` retained events, as records.
    #[cfg(feature = "inspector")]
    pub(crate) fn retained_records(&mut self, most: usize) -> Vec<TapSlot> {
        self.retained.drop_expired(self.clock);
        let newest = self.retained.newest(most).into_iter();
        let records = newest.map(|retained| RawRecord {
            at: retained.event.timestamp(),
            entry: RawEntry::Event(Box::new(RawEvent {
                event: retained.event.clone(),
                to: retained.audience.target().cloned(),
                except: retained
                    .audience
                    .except
                    .as_ref()
                    .map(|own| own.target.clone()),
                is_retained: true,
                routes: Vec::new(),
                kept_for: Vec::new(),
            })),
        });
        let slots = records.map(|record| TapSlot::Record(Arc::new(record)));
        slots.collect()
    }

    /// Notes how a request has ended.
    pub(super) fn tap_response(
        &mut self,
        message: &RequestMessage,
        from: Option<&Arc<str>>,
        response: &Result<Json>,
        effects: &mut Effects<W>,
    ) {
        if let Some(taps) = &mut self.taps {
            taps.note_response(message, from, response, &mut effects.wakers);
        }
    }
}

#[cfg(test)]
mod tests;
