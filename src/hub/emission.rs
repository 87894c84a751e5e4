//! Accepting an event: its number, and its way into every queue that it belongs to.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::{Accepted, BusEvent, Receipt, weight_of};
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policy::Overflow;
use crate::model::target::{Selection, unknown_target};

use super::backlog::Kept;
use super::queue::QueuedEvent;
use super::retained::RetainedEvent;
use super::subscriptions::{Reach, Route};
use super::{Audience, Draft, EmitOutcome, Hub, Receiver};

/// How many ended subscriptions a page may have lost events of before they are forgotten.
const MOST_UNTOLD: usize = 1024;

impl<W> Hub<W> {
    /// Accepts an event, or refuses it, and then nobody gets it.
    pub(crate) fn emit(
        &mut self,
        draft: Draft,
        audience: &Audience,
        clock: impl Fn() -> Instant,
    ) -> Result<(Receipt, EmitOutcome<W>)> {
        let accepted = self.accept(draft, audience, clock);
        self.refused += u64::from(accepted.is_err());
        accepted
    }

    fn accept(
        &mut self,
        draft: Draft,
        audience: &Audience,
        clock: impl Fn() -> Instant,
    ) -> Result<(Receipt, EmitOutcome<W>)> {
        if self.exiting {
            return Err(Error::new(
                ErrorCode::Unavailable,
                format!(
                    "the app is exiting; {:?} was not emitted",
                    draft.name.as_str()
                ),
            ));
        }
        if let Some(to) = &audience.to {
            self.check_targets(&to.selection)?;
        }
        let route = self.subscriptions.route(&draft.name);
        let is_retained = draft.retain.unwrap_or(route.policy.retain);
        self.check_room(&draft, audience, &route, is_retained)?;

        self.seq += 1;
        let mut receipt = Receipt {
            seq: self.seq,
            pages: 0,
            listeners: 0,
        };
        let mut outcome = None;
        let is_kept = route.policy.history
            && self
                .webviews
                .values()
                .any(|webview| webview.history.is_some());
        if route.entries.is_empty() && !is_kept && !is_retained {
            return Ok((receipt, outcome));
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
            self.keep(&event, audience, &clock);
        }
        self.deliver(&event, audience, &route, clock, &mut receipt, &mut outcome);
        if is_retained {
            let target = audience.target().cloned();
            let name = event.event_name().clone();
            let audience = audience.clone();
            self.retained
                .insert(name, target, RetainedEvent { event, audience });
        }
        Ok((receipt, outcome))
    }

    /// Whether anybody who is there would hear an event of this name.
    pub(crate) fn is_heard(&mut self, name: &EventName, audience: &Audience) -> bool {
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
            Reach::Broadcast => return vec![Receiver::Everyone],
            Reach::Sent => Some(Receiver::Host),
            Reach::Elsewhere => None,
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
        draft: &Draft,
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
    fn keep(&mut self, event: &BusEvent, audience: &Audience, clock: impl Fn() -> Instant) {
        for (label, webview) in &mut self.webviews {
            let Some(history) = &mut webview.history else {
                continue;
            };
            if history.until.is_some_and(|until| clock() >= until) {
                webview.history = None;
                continue;
            }
            if let Some(reach) = audience.reach_page(label, &webview.window) {
                history.backlog.keep(Kept {
                    event: event.clone(),
                    reach,
                    owed_to: None,
                });
            }
        }
    }

    fn deliver(
        &mut self,
        event: &BusEvent,
        audience: &Audience,
        route: &Route,
        clock: impl Fn() -> Instant,
        receipt: &mut Receipt,
        outcome: &mut EmitOutcome<W>,
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
                if session.outbox.untold() > 2 * session.subscriptions + MOST_UNTOLD {
                    let (subscriptions, key) = (&self.subscriptions, entry.subscriber);
                    session
                        .outbox
                        .forget_all_but(|id| subscriptions.contains(key, id));
                }
                if session.parked.is_some() {
                    session.answer_parked(clock(), outcome.get_or_insert_default());
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
                    outcome.get_or_insert_default().wakers.push(waker);
                }
            }
        }
    }
}
