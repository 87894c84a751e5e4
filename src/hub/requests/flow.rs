use std::task::Waker;
use std::time::Instant;

use crate::hub::requests::window::{Credit, Window};

/// Numbers the sends of the host that wait for credit.
pub(crate) type SendTicket = u64;

/// The parts of a stream on their way.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(super) window: Window,
    /// When the newest part came, or its sender got credit again. The timeout begins here.
    pub(super) quiet_since: Instant,
    newest_ticket: SendTicket,
    /// Whether a send has waited since then.
    has_waited: bool,
    /// Whether the host sends no more parts of a channel, although that goes on.
    pub(super) is_closed: bool,
    /// Sends of the host that wait for credit. One that is woken takes a new place if it waits again.
    senders: Vec<(SendTicket, Waker)>,
}

impl Flow {
    pub(super) fn new(credit: Credit, now: Instant) -> Self {
        Self {
            window: Window::new(credit),
            quiet_since: now,
            newest_ticket: 0,
            has_waited: false,
            is_closed: false,
            senders: Vec::new(),
        }
    }

    /// Its sender was not silent at this time.
    pub(super) fn note_sent(&mut self, now: Instant) {
        self.quiet_since = now;
        self.has_waited = false;
    }

    /// Whether a send waits, or has waited since its sender was last not silent.
    pub(super) fn has_waited(&self) -> bool {
        self.has_waited || !self.senders.is_empty()
    }

    /// Keeps the waker of a send, in place of the one before. Returns its ticket, and the waker that is not needed any more.
    pub(super) fn wait(
        &mut self,
        ticket: Option<SendTicket>,
        waker: Waker,
    ) -> (SendTicket, Option<Waker>) {
        let own = self
            .senders
            .iter_mut()
            .find(|(own, _)| Some(*own) == ticket);
        if let Some((ticket, own)) = own {
            return (*ticket, Some(std::mem::replace(own, waker)));
        }
        self.has_waited = true;
        self.newest_ticket += 1;
        self.senders.push((self.newest_ticket, waker));
        (self.newest_ticket, None)
    }

    /// Forgets a send that waits no longer.
    pub(super) fn stop_waiting(&mut self, ticket: SendTicket) -> Option<Waker> {
        let position = self.senders.iter().position(|(own, _)| *own == ticket)?;
        Some(self.senders.remove(position).1)
    }

    /// The wakers of all sends that wait.
    pub(super) fn wake(&mut self) -> impl Iterator<Item = Waker> {
        self.senders.drain(..).map(|(_, waker)| waker)
    }

    pub(super) fn into_senders(self) -> impl Iterator<Item = Waker> {
        self.senders.into_iter().map(|(_, waker)| waker)
    }
}
