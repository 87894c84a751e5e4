//! Waiting until full queues have room.

use std::future::poll_fn;
use std::task::{Context, Poll};

use crate::engine::causes;
use crate::engine::core::Core;
use crate::engine::observe::Emitting;
use crate::hub::{Attempt, Audience, NewEvent, QueueOwner, Ticket};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::Receipt;
use crate::model::name::EventName;

impl Core {
    /// Publishes as soon as every queue has room that the event is for. Those that wait for one queue go in the order in
    /// which they began to.
    pub(crate) async fn publish_when_room(
        &self,
        event: NewEvent,
        audience: &Audience,
    ) -> Result<Receipt> {
        let about = self.about(&event);
        let emitting = Emitting::begin(&event);
        match self.wait_and_publish(event, audience).await {
            Ok(receipt) => {
                emitting.accepted(&self.counting, &receipt);
                Ok(receipt)
            }
            Err(error) => {
                emitting.refused(&self.counting, error.code());
                Err(self.note_refused_emit(about, error))
            }
        }
    }

    async fn wait_and_publish(&self, mut event: NewEvent, audience: &Audience) -> Result<Receipt> {
        self.prepare_event(&mut event, audience)?;
        if let Some(to) = &audience.to {
            self.resolve_windows(&to.selection);
        }
        let mut place = Place {
            core: self,
            ticket: None,
        };
        let mut waiting = Some(event);
        poll_fn(|context| match waiting.take() {
            Some(event) => place.try_again(event, audience, context, &mut waiting),
            None => Poll::Pending,
        })
        .await
    }

    /// Waiting here would block what makes room.
    fn check_waiting(&self, name: &EventName, queue: Option<QueueOwner>) -> Result<()> {
        let name = name.as_str();
        let message = match queue {
            Some(QueueOwner::Page) if self.is_on_main_thread() => format!(
                "emit_async of {name:?} waits for a page to fetch its events, and was awaited on the main thread, which they have to pass; await it in an async command or a task"
            ),
            Some(QueueOwner::Stream(key)) if causes::read_from() == Some(key) => format!(
                "emit_async of {name:?} waits for a sequential listener, and was awaited in its handler; await it in a task"
            ),
            Some(QueueOwner::Listeners(key)) if causes::read_from() == Some(key) => format!(
                "emit_async of {name:?} waits for the host listeners, and was awaited in one of them; await it in a task"
            ),
            _ => return Ok(()),
        };
        Err(Error::new(ErrorCode::WouldBlock, message))
    }
}

/// The place of an emit that waits. It is given up if the future is dropped.
struct Place<'a> {
    core: &'a Core,
    ticket: Option<Ticket>,
}

impl Place<'_> {
    /// Emits, or keeps the event in `waiting`.
    fn try_again(
        &mut self,
        event: NewEvent,
        audience: &Audience,
        context: &mut Context<'_>,
        waiting: &mut Option<NewEvent>,
    ) -> Poll<Result<Receipt>> {
        let mut event = event;
        loop {
            // Cloned before the lock, since a waker is foreign code.
            let waker = context.waker().clone();
            let clock = self.core.clock();
            let (attempt, effects) = {
                let mut hub = self.core.hub();
                hub.enqueue_or_wait(event, audience, self.ticket, waker, || clock.now())
            };
            self.core.apply_effects(effects);
            match attempt {
                Attempt::Accepted(receipt) => {
                    self.ticket = None;
                    return Poll::Ready(Ok(receipt));
                }
                Attempt::Refused(refusal) => {
                    self.ticket = None;
                    if !self.core.is_resolved(&refusal.error, audience) {
                        return Poll::Ready(Err(refusal.error));
                    }
                    event = refusal.event;
                }
                Attempt::Waits(waits) => {
                    self.ticket = Some(waits.ticket);
                    self.core.check_waiting(&waits.event.name, waits.queue)?;
                    *waiting = Some(waits.event);
                    return Poll::Pending;
                }
            }
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let effects = self.core.hub().stop_waiting(ticket);
            self.core.apply_effects(effects);
        }
    }
}
