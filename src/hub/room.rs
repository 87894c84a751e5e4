//! Lines of emits that wait for room in a full queue.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::hub::audience::Audience;
use crate::hub::ids::SubscriberKey;
use crate::model::name::EventName;

/// Numbers the emits that wait, in the order in which they began to. An emit keeps its ticket in whichever line it is.
pub(crate) type Ticket = u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Line {
    /// For room in the queue of this subscriber.
    Queue(SubscriberKey),
    /// For nothing but those before it: they all waited for this queue, which concerns none of them any more.
    Released(SubscriberKey),
}

/// An emit that waits.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) name: EventName,
    pub(super) audience: Audience,
    /// `None` once it is woken.
    pub(super) waker: Option<Waker>,
}

/// The lines, one for each full queue. Only the first of a line is woken, and wakes the next one when it leaves.
#[derive(Debug, Default)]
pub(super) struct Room {
    newest: Ticket,
    places: BTreeMap<Ticket, Line>,
    lines: BTreeMap<(Line, Ticket), Waiter>,
}

impl Room {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    fn of(&self, line: Line) -> impl Iterator<Item = (Ticket, &Waiter)> {
        let waiters = self.lines.range((line, 0)..=(line, Ticket::MAX));
        waiters.map(|((_, ticket), waiter)| (*ticket, waiter))
    }

    /// Whether an older ticket waits for this queue.
    pub(super) fn has_older(&self, queue: SubscriberKey, ticket: Ticket) -> bool {
        let first = self.of(Line::Queue(queue)).next();
        first.is_some_and(|(first, _)| first < ticket)
    }

    /// The line of released emits in which this one waits: its own, or for a new one that of an emit of the same name to
    /// the same target.
    pub(super) fn released_before(
        &self,
        ticket: Option<Ticket>,
        name: &EventName,
        audience: &Audience,
    ) -> Option<Line> {
        if let Some(ticket) = ticket {
            let line = *self.places.get(&ticket)?;
            let is_first = self.of(line).next()?.0 == ticket;
            return (matches!(line, Line::Released(_)) && !is_first).then_some(line);
        }
        let mut released = self.lines.range((Line::Released(SubscriberKey(0)), 0)..);
        let is_same =
            |waiter: &Waiter| waiter.name == *name && waiter.audience.target() == audience.target();
        let same = released.rfind(|(_, waiter)| is_same(waiter));
        same.map(|((line, _), _)| *line)
    }

    /// Takes a place in a line, behind all older tickets. Returns the ticket.
    pub(super) fn join(
        &mut self,
        line: Line,
        ticket: Option<Ticket>,
        waiter: Waiter,
        unneeded: &mut Vec<Waker>,
        woken: &mut Vec<Waker>,
    ) -> Ticket {
        let ticket = ticket.unwrap_or_else(|| {
            self.newest += 1;
            self.newest
        });
        if self.places.get(&ticket) != Some(&line) {
            self.leave(ticket, unneeded, woken);
            self.places.insert(ticket, line);
        }
        let before = self.lines.insert((line, ticket), waiter);
        unneeded.extend(before.and_then(|before| before.waker));
        ticket
    }

    /// Leaves the line. The next one may find room.
    pub(super) fn leave(
        &mut self,
        ticket: Ticket,
        unneeded: &mut Vec<Waker>,
        woken: &mut Vec<Waker>,
    ) {
        let Some(line) = self.places.remove(&ticket) else {
            return;
        };
        let left = self.lines.remove(&(line, ticket));
        unneeded.extend(left.and_then(|left| left.waker));
        self.wake_first(line, woken);
    }

    pub(super) fn wake_first(&mut self, line: Line, woken: &mut Vec<Waker>) {
        if self.lines.is_empty() {
            return;
        }
        let first = self.lines.range_mut((line, 0)..=(line, Ticket::MAX)).next();
        woken.extend(first.and_then(|(_, first)| first.waker.take()));
    }

    pub(super) fn wake_all(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(
            self.lines
                .values_mut()
                .filter_map(|waiter| waiter.waker.take()),
        );
    }

    /// Releases those that do not wait for this queue any more, in their order. The others may find room.
    pub(super) fn release(
        &mut self,
        queue: SubscriberKey,
        mut still_waits: impl FnMut(&EventName, &Audience) -> bool,
        woken: &mut Vec<Waker>,
    ) {
        let line = Line::Queue(queue);
        let free: Vec<Ticket> = self
            .of(line)
            .filter(|(_, waiter)| !still_waits(&waiter.name, &waiter.audience))
            .map(|(ticket, _)| ticket)
            .collect();
        if !free.is_empty() {
            let released = Line::Released(queue);
            for ticket in free {
                if let Some(waiter) = self.lines.remove(&(line, ticket)) {
                    self.lines.insert((released, ticket), waiter);
                    self.places.insert(ticket, released);
                }
            }
            self.wake_first(released, woken);
        }
        self.wake_first(line, woken);
    }
}
