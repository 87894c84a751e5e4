//! Emits that wait until every queue that they are for has room.

use std::task::Waker;
use std::time::Instant;

use crate::hub::Hub;
use crate::hub::audience::Audience;
use crate::hub::effects::Effects;
use crate::hub::ids::SubscriberKey;
use crate::hub::publish::{NewEvent, Obstacle, Refusal};
use crate::hub::room::{Line, Ticket, Waiter};
use crate::model::error::{Error, ErrorCode};
use crate::model::event::Receipt;

/// What became of an emit that may wait.
#[derive(Debug)]
pub(crate) enum Attempt {
    Accepted(Receipt),
    Refused(Box<Refusal>),
    Waits(Box<Waits>),
}

#[derive(Debug)]
pub(crate) struct Waits {
    pub(crate) event: NewEvent,
    pub(crate) ticket: Ticket,
    /// What it waits for; `None` if only for others that go first.
    pub(crate) queue: Option<QueueOwner>,
}

/// Whose queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueOwner {
    Page,
    Stream(SubscriberKey),
    /// The host listeners, which share one queue.
    Listeners(SubscriberKey),
}

impl<W> Hub<W> {
    /// Publishes an event if every queue that it is for has room and no older event waits for one of them. Otherwise
    /// takes a place in the line of the first such queue, and keeps the waker in place of the last one.
    pub(crate) fn enqueue_or_wait(
        &mut self,
        event: NewEvent,
        audience: &Audience,
        ticket: Option<Ticket>,
        waker: Waker,
        clock: impl Fn() -> Instant,
    ) -> (Attempt, Effects<W>) {
        let mut effects = Effects::default();
        let released = self.room.released_before(ticket, &event.name, audience);
        let (line, queue) = match released.filter(|_| !self.exiting) {
            Some(line) => (line, None),
            None => match self.admit(&event, audience, ticket.unwrap_or(Ticket::MAX)) {
                Ok(admitted) => {
                    let (receipt, emitted) = self.append(event, audience, &admitted, &clock);
                    let mut effects = emitted.map_or_else(Effects::default, |emitted| *emitted);
                    self.check_receipts(clock(), &mut effects);
                    self.tell_freed(&mut effects);
                    effects.unneeded.push(waker);
                    self.leave(ticket, &mut effects);
                    return (Attempt::Accepted(receipt), effects);
                }
                Err(Obstacle::Refused(error)) => {
                    self.refused += 1;
                    self.tell_freed(&mut effects);
                    effects.unneeded.push(waker);
                    self.leave(ticket, &mut effects);
                    return (Attempt::Refused(Refusal::of(event, error)), effects);
                }
                Err(Obstacle::Full(key)) => (Line::Queue(key), Some(self.owner_of(key))),
            },
        };
        let waiter = Waiter {
            name: event.name.clone(),
            audience: audience.clone(),
            waker: Some(waker),
        };
        let ticket = self.room.join(
            line,
            ticket,
            waiter,
            &mut effects.unneeded,
            &mut effects.wakers,
        );
        self.tell_freed(&mut effects);
        effects.rearm |= self.arm_for_waiting(clock());
        let waits = Waits {
            event,
            ticket,
            queue,
        };
        (Attempt::Waits(Box::new(waits)), effects)
    }

    /// Gives up the place of an emit that waits no longer.
    pub(crate) fn stop_waiting(&mut self, ticket: Ticket) -> Effects<W> {
        let mut effects = Effects::default();
        self.leave(Some(ticket), &mut effects);
        effects
    }

    /// How many emits wait.
    #[cfg(test)]
    pub(crate) fn waiting_emits(&self) -> usize {
        self.room.len()
    }

    fn leave(&mut self, ticket: Option<Ticket>, effects: &mut Effects<W>) {
        if let Some(ticket) = ticket {
            self.room
                .leave(ticket, &mut effects.unneeded, &mut effects.wakers);
        }
    }

    /// A subscriber has ended, or one of its subscriptions: what does not concern it any more waits for it no longer.
    pub(super) fn release_waiting(&mut self, key: SubscriberKey, effects: &mut Effects<W>) {
        if self.room.is_empty() {
            return;
        }
        let mut room = std::mem::take(&mut self.room);
        room.release(
            key,
            |name, audience| {
                let route = self.subscriptions.route(name);
                let entry = route.entries.iter().find(|entry| entry.subscriber == key);
                entry.is_some_and(|entry| self.reaches(entry, audience))
            },
            &mut effects.wakers,
        );
        self.room = room;
    }

    fn owner_of(&self, key: SubscriberKey) -> QueueOwner {
        match self.consumers.get(&key) {
            None => QueueOwner::Page,
            Some(consumer) if consumer.is_stream => QueueOwner::Stream(key),
            Some(_) => QueueOwner::Listeners(key),
        }
    }

    /// The error of an emit whose policy is to reject, for the full queue of this subscriber.
    pub(super) fn queue_full(&self, key: SubscriberKey, event: &NewEvent) -> Error {
        let owner = match (self.owner_of(key), self.sessions.get(&key)) {
            (_, Some(session)) => format!("the page in {:?}", session.webview),
            (QueueOwner::Stream(_), _) => {
                let patterns = self.subscriptions.of(key, 0);
                let patterns: Vec<String> = patterns
                    .map(|(_, pattern, _)| format!("{:?}", pattern.to_string()))
                    .collect();
                format!("a stream of {} in Rust", patterns.join(", "))
            }
            _ => "the host listeners".to_owned(),
        };
        Error::new(
            ErrorCode::QueueFull,
            format!(
                "the queue of {owner} is full, and the policy of {:?} is to reject, so this event was not emitted. Wait for room with emit_async, emit less, or raise queueEvents ({}) or queueBytes ({})",
                event.name.as_str(),
                self.limits.queue_events,
                self.limits.queue_bytes
            ),
        )
    }
}
