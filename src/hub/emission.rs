//! Accepting an event: its number, and its way into every queue that it belongs to.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::{Accepted, BusEvent, Receipt, weight_of};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policy::Overflow;
use crate::model::selection::{Selection, unknown_target};

use super::backlog::BacklogEntry;
use super::queue::QueuedEvent;
use super::retained::RetainedEvent;
use super::subscriptions::Route;
use super::{Audience, EmitEffects, Hub, NewEvent, Receiver, Refusal};
use crate::model::delivery::Addressing;

/// How many ended subscriptions a page may have lost events of before they are forgotten.
const MAX_UNTOLD: usize = 1024;

impl<W> Hub<W> {
    /// Numbers an event and puts it into every queue that it is for; or hands it back, and nobody gets it.
    pub(crate) fn enqueue(
        &mut self,
        event: NewEvent,
        audience: &Audience,
        clock: impl Fn() -> Instant,
    ) -> std::result::Result<(Receipt, EmitEffects<W>), Box<Refusal>> {
        match self.admit(&event, audience) {
            Ok(route) => Ok(self.append(event, audience, &route, clock)),
            Err(error) => {
                self.refused += 1;
                Err(Refusal::of(event, error))
            }
        }
    }

    /// Tries an event again that was refused before a webview was announced.
    pub(crate) fn enqueue_again(
        &mut self,
        event: NewEvent,
        audience: &Audience,
        clock: impl Fn() -> Instant,
    ) -> std::result::Result<(Receipt, EmitEffects<W>), Box<Refusal>> {
        self.refused = self.refused.saturating_sub(1);
        self.enqueue(event, audience, clock)
    }

    /// Refuses an event before anything is queued anywhere.
    fn admit(&mut self, event: &NewEvent, audience: &Audience) -> Result<Arc<Route>> {
        if self.exiting {
            return Err(Error::new(
                ErrorCode::Unavailable,
                format!(
                    "the app is exiting; {:?} was not emitted",
                    event.name.as_str()
                ),
            ));
        }
        if let Some(to) = &audience.to {
            self.check_targets(&to.selection)?;
        }
        let route = self.subscriptions.route(&event.name);
        let is_retained = event.retain.unwrap_or(route.policy.retain);
        self.check_room(event, audience, &route, is_retained)?;
        Ok(route)
    }

    fn append(
        &mut self,
        draft: NewEvent,
        audience: &Audience,
        route: &Route,
        clock: impl Fn() -> Instant,
    ) -> (Receipt, EmitEffects<W>) {
        let is_retained = draft.retain.unwrap_or(route.policy.retain);
        self.seq += 1;
        let mut receipt = Receipt {
            seq: self.seq,
            pages: 0,
            listeners: 0,
        };
        let mut effects = None;
        let is_kept = route.policy.history
            && self
                .webviews
                .values()
                .any(|webview| webview.history.is_some());
        if route.entries.is_empty() && !is_kept && !is_retained {
            return (receipt, effects);
        }
        let event = BusEvent::new(Accepted {
            seq: self.seq,
            name: route.name.clone(),
            payload: draft.payload,
            accepted_at: SystemTime::now(),
            source: draft.source,
            tick: draft.tick,
            provenance: draft.provenance,
        });
        if is_kept {
            self.append_to_backlogs(&event, audience, &clock);
        }
        self.fan_out(&event, audience, route, clock, &mut receipt, &mut effects);
        if is_retained {
            let target = audience.target().cloned();
            let name = event.event_name().clone();
            let audience = audience.clone();
            self.retained
                .insert(name, target, RetainedEvent { event, audience });
        }
        (receipt, effects)
    }

    /// Whether anybody who is there would hear an event of this name.
    pub(crate) fn has_listeners(&mut self, name: &EventName, audience: &Audience) -> bool {
        let route = self.subscriptions.route(name);
        route.entries.iter().any(|entry| {
            let reach = match self.sessions.get(&entry.subscriber) {
                Some(session) => self
                    .webviews
                    .get(&session.webview)
                    .and_then(|webview| audience.reach_page(&session.webview, &webview.window)),
                None => Some(audience.reach_host()),
            };
            reach.is_some_and(|reach| entry.hearing(reach).is_some())
        })
    }

    /// Those that an event with this audience is for, as they are at the moment.
    pub(crate) fn receivers(&self, audience: &Audience) -> Vec<Receiver> {
        let host = match audience.reach_host() {
            Addressing::Broadcast => return vec![Receiver::Everyone],
            Addressing::Sent => Some(Receiver::Host),
            Addressing::Elsewhere => None,
        };
        let webviews = self.webviews.iter().filter(|(label, webview)| {
            let reach = audience.reach_page(label, &webview.window);
            reach.is_some()
        });
        let webviews = webviews.map(|(label, _)| Receiver::Webview(Arc::clone(label)));
        webviews.chain(host).collect()
    }

    /// Forgets retained events, and says how many there were.
    pub(crate) fn clear_retained(&mut self, pattern: &EventPattern) -> usize {
        self.retained.clear(pattern)
    }

    /// Every literal label must be there; a glob may match nothing.
    pub(crate) fn check_targets(&self, to: &Selection) -> Result<()> {
        for label in to.webviews.iter().filter_map(|pattern| pattern.literal()) {
            if !self.webviews.contains_key(label) {
                let known = self.webviews.keys().map(|label| &**label);
                let known: Vec<&str> = known.filter(|label| to.may_reach(label)).collect();
                return Err(unknown_target("webview", label, &known));
            }
        }
        for label in to.windows.iter().filter_map(|pattern| pattern.literal()) {
            if !self
                .webviews
                .values()
                .any(|webview| &*webview.window == label)
            {
                let known: Vec<&str> = self
                    .webviews
                    .iter()
                    .filter(|(label, _)| to.may_reach(label))
                    .map(|(_, webview)| &*webview.window)
                    .collect();
                return Err(unknown_target("window", label, &known));
            }
        }
        Ok(())
    }

    /// Refuses before anything is queued anywhere.
    fn check_room(
        &self,
        draft: &NewEvent,
        audience: &Audience,
        route: &Route,
        is_retained: bool,
    ) -> Result<()> {
        // Without what a few ids add, which a full queue does not tell apart.
        let weight = weight_of(&draft.name, &draft.payload, draft.provenance.as_deref());
        if route.policy.overflow == Overflow::Reject {
            for session in route
                .entries
                .iter()
                .filter_map(|entry| self.sessions.get(&entry.subscriber))
            {
                let is_reached = self.webviews.get(&session.webview).is_some_and(|webview| {
                    audience
                        .reach_page(&session.webview, &webview.window)
                        .is_some()
                });
                if is_reached && !session.outbox.has_room(weight) {
                    return Err(Error::new(
                        ErrorCode::QueueFull,
                        format!(
                            "the queue of the page in {:?} is full, and events called {:?} are not dropped; nobody got this one. Wait for room with emit_async, emit less, or raise queueEvents ({}) or queueBytes ({})",
                            session.webview,
                            draft.name.as_str(),
                            self.limits.queue_events,
                            self.limits.queue_bytes
                        ),
                    ));
                }
            }
        }
        if is_retained {
            self.retained.check(draft, audience, weight, &self.limits)?;
        }
        Ok(())
    }

    /// Keeps the event for every webview whose page is still to come, or to subscribe.
    fn append_to_backlogs(
        &mut self,
        event: &BusEvent,
        audience: &Audience,
        clock: impl Fn() -> Instant,
    ) {
        for (label, webview) in &mut self.webviews {
            let Some(history) = &mut webview.history else {
                continue;
            };
            if history.until.is_some_and(|until| clock() >= until) {
                webview.history = None;
                continue;
            }
            if let Some(reach) = audience.reach_page(label, &webview.window) {
                history.backlog.keep(BacklogEntry {
                    event: event.clone(),
                    reach,
                    pending_for: None,
                });
            }
        }
    }

    fn fan_out(
        &mut self,
        event: &BusEvent,
        audience: &Audience,
        route: &Route,
        clock: impl Fn() -> Instant,
        receipt: &mut Receipt,
        effects: &mut EmitEffects<W>,
    ) {
        for entry in &route.entries {
            if let Some(session) = self.sessions.get_mut(&entry.subscriber) {
                let reach = self
                    .webviews
                    .get(&session.webview)
                    .and_then(|webview| audience.reach_page(&session.webview, &webview.window));
                let Some((reach, subscriptions)) =
                    reach.and_then(|reach| Some((reach, entry.hearing(reach)?)))
                else {
                    continue;
                };
                receipt.pages += 1;
                let queued = QueuedEvent {
                    event: event.clone(),
                    subscriptions: Arc::clone(subscriptions),
                    reach,
                };
                session.outbox.push(queued, route.policy.overflow);
                // A page that subscribes and ends again and again, and never fetches, loses events of subscriptions
                // that are not there any more. Looked at rarely, since it is rare.
                if session.outbox.unreported_gaps() > 2 * session.subscriptions + MAX_UNTOLD {
                    let (subscriptions, key) = (&self.subscriptions, entry.subscriber);
                    session
                        .outbox
                        .forget_all_but(|id| subscriptions.contains(key, id));
                }
                if session.parked.is_some() {
                    session.answer_parked(clock(), effects.get_or_insert_default());
                }
            } else if let Some(consumer) = self.consumers.get_mut(&entry.subscriber) {
                let reach = audience.reach_host();
                let Some(subscriptions) = entry.hearing(reach) else {
                    continue;
                };
                receipt.listeners += subscriptions.len();
                let queued = QueuedEvent {
                    event: event.clone(),
                    subscriptions: Arc::clone(subscriptions),
                    reach,
                };
                consumer.queue.push(queued, route.policy.overflow);
                if let Some(waker) = consumer.take_waker() {
                    effects.get_or_insert_default().wakers.push(waker);
                }
            }
        }
    }
}
