//! Publishing an event: its number, and its way into every queue that it is for.

use std::sync::Arc;
use std::time::Instant;

use crate::hub::Hub;
use crate::hub::audience::Audience;
use crate::hub::backlog::BacklogEntry;
use crate::hub::effects::EmitEffects;
use crate::hub::expiry::SWEEP_INTERVAL;
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::queue::{Arriving, Queue, SupersededLists};
use crate::hub::retained::RetainedEvent;
use crate::hub::room::Ticket;
use crate::hub::routes::{Route, RouteEntry};
use crate::model::built_in::is_about_pages;
use crate::model::delivery::Addressing;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode};
use crate::model::event::{Accepted, BusEvent, Mark, Provenance, Rare, Receipt, Tick, weight_of};
use crate::model::json::Json;
use crate::model::lifetime::{Lifetime, retained_and_consumed};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policy::Overflow;

/// An event that is to be published.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent {
    pub(crate) name: EventName,
    pub(crate) payload: Json,
    pub(crate) source: Endpoint,
    pub(crate) tick: Option<Box<Tick>>,
    pub(crate) provenance: Option<Arc<Provenance>>,
    /// Whether it is kept for later subscribers. `None` leaves that to the policy of its name.
    pub(crate) retain: Option<bool>,
    pub(crate) lifetime: Lifetime,
}

// It is moved several times, and a larger one is copied by a call each time.
const _: () = assert!(size_of::<NewEvent>() <= 128);

impl NewEvent {
    /// The causes of what it causes: its own, and itself.
    pub(crate) fn as_cause(&self) -> Box<[EventName]> {
        let causes = self.provenance.as_ref().map_or(&[][..], |own| &own.causes);
        causes.iter().chain([&self.name]).cloned().collect()
    }
}

/// An event that was refused, with the reason.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) event: NewEvent,
    pub(crate) error: Error,
    /// Whether [`Hub::expire`] is due, since the check has removed what others wait to hear of.
    pub(crate) has_freed: bool,
}

impl Refusal {
    pub(crate) fn of(event: NewEvent, error: Error) -> Box<Self> {
        Box::new(Self {
            event,
            error,
            has_freed: false,
        })
    }
}

/// An event that may be published: its way, and whether it is retained.
#[derive(Debug)]
pub(super) struct Admitted {
    route: Arc<Route>,
    is_retained: bool,
    /// How often it is delivered at most, if it is kept until it is consumed.
    deliveries: Option<u32>,
}

/// Why an event is not published.
#[derive(Debug)]
pub(super) enum Obstacle {
    Refused(Error),
    /// The queue of this subscriber is full, or others wait for it, and the policy of the event is to reject.
    Full(SubscriberKey),
}

impl From<Error> for Obstacle {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Box<Refusal>> for Error {
    fn from(refusal: Box<Refusal>) -> Self {
        refusal.error
    }
}

impl<W> Hub<W> {
    /// Numbers an event and puts it into every queue that it is for. A refused event comes back and is in no queue.
    pub(crate) fn enqueue(
        &mut self,
        event: NewEvent,
        audience: &Audience,
        clock: impl Fn() -> Instant,
    ) -> std::result::Result<(Receipt, EmitEffects<W>), Box<Refusal>> {
        // It overtakes those that wait.
        let error = match self.admit(&event, audience, 0) {
            Ok(admitted) => {
                let (receipt, mut effects) = self.append(event, audience, &admitted, &clock);
                self.take_notes(&mut effects);
                if !self.receipts.is_empty() {
                    self.check_receipts(clock(), effects.get_or_insert_default());
                }
                if !self.freed.is_empty() {
                    self.tell_freed(effects.get_or_insert_default());
                }
                return Ok((receipt, effects));
            }
            Err(Obstacle::Refused(error)) => error,
            Err(Obstacle::Full(key)) => self.queue_full(key, &event),
        };
        self.refused += 1;
        let mut refusal = Refusal::of(event, error);
        refusal.has_freed = !self.freed.is_empty();
        Err(refusal)
    }

    /// An event that was refused is tried again, because a webview was announced meanwhile.
    pub(crate) fn forget_refusal(&mut self) {
        self.refused = self.refused.saturating_sub(1);
    }

    /// Checks an event before anything is queued anywhere. It goes after those that wait with an older ticket.
    pub(super) fn admit(
        &mut self,
        event: &NewEvent,
        audience: &Audience,
        ticket: Ticket,
    ) -> std::result::Result<Admitted, Obstacle> {
        if self.exiting {
            let error = Error::new(
                ErrorCode::Unavailable,
                format!(
                    "the app is exiting; {:?} was not emitted",
                    event.name.as_str()
                ),
            );
            return Err(Obstacle::Refused(error));
        }
        if let Some(to) = &audience.to
            && !self.accepts_unknown_label(audience, to, &event.name)
        {
            self.check_targets(&to.selection)?;
        }
        let route = self.subscriptions.route(&event.name);
        let mut is_retained = event.retain.unwrap_or(route.policy.retain);
        let mut deliveries = route.policy.deliveries(event.lifetime);
        if deliveries.is_some() {
            if is_retained {
                return Err(retained_and_consumed(event.name.as_str()).into());
            }
            self.expire_unconsumed();
            let weight = weight_of(&event.name, &event.payload, event.provenance.as_deref());
            let (name, source) = (&event.name, &event.source);
            let checked = self
                .unconsumed
                .check(name, source, audience, weight, &self.limits);
            if let Err(error) = checked {
                self.accept_beyond(audience, &event.name, error)?;
                deliveries = None;
            }
        }
        if is_retained {
            self.retained.drop_expired(self.clock);
            let weight = weight_of(&event.name, &event.payload, event.provenance.as_deref());
            let checked =
                self.retained
                    .check(&event.name, &event.source, audience, weight, &self.limits);
            if let Err(error) = checked {
                self.accept_beyond(audience, &event.name, error)?;
                is_retained = false;
            }
        }
        self.check_queues(event, audience, &route, ticket)?;
        Ok(Admitted {
            route,
            is_retained,
            deliveries,
        })
    }

    pub(super) fn append(
        &mut self,
        new: NewEvent,
        audience: &Audience,
        admitted: &Admitted,
        clock: impl Fn() -> Instant,
    ) -> (Receipt, EmitEffects<W>) {
        let Admitted {
            route,
            is_retained,
            deliveries,
        } = admitted;
        self.seq += 1;
        let mut receipt = Receipt {
            seq: self.seq,
            pages: 0,
            listeners: 0,
            linked: false,
        };
        let mut effects: EmitEffects<W> = None;
        let has_history = route.policy.history;
        let is_kept = self.webviews.values().any(|webview| {
            let history = webview.history.as_ref();
            history.is_some_and(|history| has_history || history.may_be_renewed())
        });
        let tracked = new.lifetime.receipt;
        if let Some(ticket) = tracked
            && let Some(due) = self.receipts.begin(ticket, self.seq, clock())
            && self.arm(due)
        {
            effects.get_or_insert_default().rearm = true;
        }
        let is_tapped = self.taps.is_some();
        if route.entries.is_empty()
            && !is_kept
            && !*is_retained
            && deliveries.is_none()
            && !is_tapped
        {
            if tracked.is_some() {
                self.receipts.seal(self.seq);
            }
            return (receipt, effects);
        }
        let expires = new.lifetime.expires.or(route.policy.expires);
        let is_read_later = self.compat.is_some() || self.subscriptions.has_bridged();
        let addressed = (is_read_later && !audience.is_plain()).then(|| Arc::new(audience.clone()));
        let mut event = BusEvent::new(Accepted {
            seq: self.seq,
            name: route.name.clone(),
            payload: match *is_retained || deliveries.is_some() {
                true => new.payload.alone(),
                false => new.payload,
            },
            accepted_at: self.clock.wall(),
            source: new.source,
            provenance: new.provenance,
            rare: Rare::of(
                new.tick,
                addressed,
                expires.map(|expires| self.clock.steady() + expires),
            ),
        });
        if let Some(expires) = expires
            && self.arm(clock() + expires.max(SWEEP_INTERVAL))
        {
            effects.get_or_insert_default().rearm = true;
        }
        if let Some(deliveries) = deliveries {
            event = event.marked(Mark {
                until_consumed: true,
                ..Mark::default()
            });
            let (event, audience) = (event.clone(), audience.clone());
            self.unconsumed.insert(event, audience, *deliveries);
        } else if is_kept {
            self.append_to_backlogs(&event, audience, has_history, &clock);
        }
        match tracked {
            None => self.fan_out(&event, audience, route, clock, &mut receipt, &mut effects),
            Some(_) => {
                let tracked = event.tracked(true);
                self.fan_out(&tracked, audience, route, clock, &mut receipt, &mut effects);
                self.receipts.seal(self.seq);
            }
        }
        if is_tapped {
            let kept = (*is_retained, is_kept && has_history);
            self.note_event(&event, audience, kept, &mut effects);
        }
        if *is_retained {
            let target = audience.target().cloned();
            let name = event.event_name().clone();
            let audience = audience.clone();
            self.retained
                .insert(name, target, RetainedEvent { event, audience });
        }
        (receipt, effects)
    }

    /// Whether an event of this name and audience has a live subscription.
    pub(crate) fn has_listeners(&mut self, name: &EventName, audience: &Audience) -> bool {
        let route = self.subscriptions.route(name);
        let mut entries = route.entries.iter();
        entries.any(|entry| self.reaches(entry, audience))
    }

    /// Whether this subscriber receives an event with this audience.
    pub(super) fn reaches(&self, entry: &RouteEntry, audience: &Audience) -> bool {
        self.lanes_to(entry, audience).is_some()
    }

    /// Whether a subscriber gets an event with this audience for subscriptions that want every event, and for which that want
    /// only the newest. `None` if it does not get it.
    fn lanes_to<'a>(
        &self,
        entry: &'a RouteEntry,
        audience: &Audience,
    ) -> Option<(bool, Option<&'a Arc<[SubscriptionId]>>)> {
        let page = self.sessions.get(&entry.subscriber).and_then(|session| {
            let webview = self.webviews.get(&session.webview)?;
            Some((&*session.webview, &*webview.window))
        });
        let addressing = match page {
            Some((webview, window)) => audience.addressing_of_page(webview, window),
            None if self.sessions.contains_key(&entry.subscriber) => None,
            None => Some(audience.addressing_of_host()),
        };
        let newest = addressing.and_then(|addressing| entry.newest_for(addressing));
        let has_others = addressing
            .is_some_and(|addressing| entry.subscriptions_for(addressing).is_some())
            || entry.compatible().any(|listener| {
                let addressing = addressing.unwrap_or(Addressing::Elsewhere);
                audience.reaches_compatible(listener, addressing, page)
            });
        (has_others || newest.is_some()).then_some((has_others, newest))
    }

    /// Forgets retained events whose name matches. Returns how many there were.
    pub(crate) fn clear_retained(&mut self, pattern: &EventPattern) -> usize {
        self.retained.drop_expired(self.clock);
        self.retained.clear(pattern)
    }

    /// The names of retained events that match, of those that are for everyone.
    pub(crate) fn retained_for_everyone(&self, pattern: &EventPattern) -> Vec<EventName> {
        self.retained.names_for_everyone(pattern)
    }

    /// Forgets the retained events for everyone with these names. Returns how many there were.
    pub(crate) fn clear_retained_for_everyone(&mut self, names: Vec<EventName>) -> usize {
        self.retained.drop_expired(self.clock);
        self.retained.clear_for_everyone(names)
    }

    /// Checks that every queue has room that an event is for whose policy is to reject.
    fn check_queues(
        &mut self,
        event: &NewEvent,
        audience: &Audience,
        route: &Route,
        ticket: Ticket,
    ) -> std::result::Result<(), Obstacle> {
        if route.policy.overflow != Overflow::Reject {
            return Ok(());
        }
        // Without what a few ids add, which a full queue does not tell apart.
        let weight = weight_of(&event.name, &event.payload, event.provenance.as_deref());
        let is_to_be_handled = route.policy.deliveries(event.lifetime).is_some();
        for entry in &route.entries {
            let key = entry.subscriber;
            let is_next = !self.room.has_older(key, ticket);
            let Some(queue) = self.queue_of(key) else {
                continue;
            };
            if is_next && queue.has_ample_room(weight) {
                continue;
            }
            let Some((has_others, newest)) = self.lanes_to(entry, audience) else {
                continue;
            };
            let has_newest = usize::from(newest.is_some() && is_to_be_handled);
            let arriving = Arriving {
                name: &event.name,
                weight,
                others: usize::from(has_others) + has_newest,
                newest: newest.filter(|_| !is_to_be_handled),
            };
            let clock = self.clock;
            let Some(queue) = self.queue_of(key) else {
                continue;
            };
            let has_freed = !queue.has_room_for(&arriving) && queue.drop_expired(clock);
            let has_room = queue.has_room_for(&arriving);
            if has_freed {
                self.freed.queues.push(key);
            }
            if !has_room || !is_next {
                return Err(Obstacle::Full(key));
            }
        }
        Ok(())
    }

    fn queue_of(&mut self, key: SubscriberKey) -> Option<&mut Queue> {
        match (self.sessions.get_mut(&key), self.consumers.get_mut(&key)) {
            (Some(session), _) => Some(&mut session.outbox.queue),
            (None, consumer) => consumer.map(|consumer| &mut consumer.queue),
        }
    }

    /// Keeps the event for every webview whose page has yet to come, or to start. Without history it is only counted.
    fn append_to_backlogs(
        &mut self,
        event: &BusEvent,
        audience: &Audience,
        has_history: bool,
        clock: impl Fn() -> Instant,
    ) {
        let compat = self.compat.as_ref();
        // A listener that was written for Tauri's events may receive what is for others, but for what is about pages.
        let takes_others =
            compat.is_some_and(|compat| compat.parts.targets) && !is_about_pages(event.name());
        for (label, webview) in &mut self.webviews {
            let Some(history) = &mut webview.history else {
                continue;
            };
            if history.ends_at().is_some_and(|end| clock() >= end) {
                webview.history = None;
                continue;
            }
            let addressing = audience.addressing_of_page(label, &webview.window);
            let Some(addressing) = addressing.or(takes_others.then_some(Addressing::Elsewhere))
            else {
                continue;
            };
            if has_history {
                history.backlog.push(BacklogEntry {
                    event: event.clone(),
                    addressing,
                    pending_for: None,
                    is_transient: false,
                    superseded: SupersededLists::default(),
                    is_taken: false,
                    is_empty: false,
                });
            } else if history.may_be_renewed() {
                // The page before may be there yet, and renew its session.
                history
                    .backlog
                    .skip(event.seq(), event.event_name(), addressing);
            }
        }
    }
}
