//! The host's ends of streams: it sends parts of those that it responds to, and reads those that it requested.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use crate::engine::core::Core;
use crate::hub::ids::RequestId;
use crate::hub::requests::flow::SendTicket;
use crate::hub::requests::inbox::Received;
use crate::hub::requests::parts::{EndPlace, PartSent};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::json::Json;
use crate::model::name::EventName;

/// Sends the parts of one stream.
#[derive(Debug, Clone)]
pub(crate) struct PartSink {
    core: Weak<Core>,
    id: RequestId,
    name: EventName,
}

impl PartSink {
    pub(crate) fn new(core: &Arc<Core>, id: RequestId, name: EventName) -> Self {
        Self {
            core: Arc::downgrade(core),
            id,
            name,
        }
    }

    pub(crate) fn name(&self) -> &EventName {
        &self.name
    }

    /// Whether waiting here would block what takes the parts.
    pub(crate) fn is_on_main_thread(&self) -> bool {
        let core = self.core.upgrade();
        core.is_some_and(|core| core.is_on_main_thread())
    }

    /// Sends no more parts of a channel, which goes on.
    pub(crate) fn close(&self) {
        if let Some(core) = self.core.upgrade() {
            let effects = core.hub().close_half_of_host(self.id, core.clock().now());
            core.apply_effects(effects);
        }
    }

    /// Sends a part as soon as there is credit.
    pub(crate) fn send(&self, part: Result<Json>) -> PartSend {
        PartSend {
            sink: self.clone(),
            part: Some(part),
            ticket: None,
        }
    }

    /// Sends a part if there is credit.
    pub(crate) fn try_send(&self, part: Result<Json>) -> Result<()> {
        let Some(core) = self.core.upgrade() else {
            return Err(self.ended());
        };
        let part = part?;
        core.check_payload(&self.name, &part)?;
        match self.send_now(&core, part) {
            PartSent::Accepted => Ok(()),
            PartSent::Ended(part) => {
                drop(part);
                Err(self.ended())
            }
            PartSent::Waits(..) => Err(Error::new(
                ErrorCode::QueueFull,
                format!(
                    "the consumer of the stream {:?} has not taken what was sent before, so this part was not sent; wait for credit with send",
                    self.name.as_str()
                ),
            )),
        }
    }

    fn send_now(&self, core: &Core, part: Json) -> PartSent {
        let (sent, effects) = core
            .hub()
            .send_part(self.id, part, None, None, core.clock().now());
        core.apply_effects(effects);
        sent
    }

    fn ended(&self) -> Error {
        Error::new(
            ErrorCode::Cancelled,
            format!(
                "the stream {:?} has ended, so this part was not sent",
                self.name.as_str()
            ),
        )
    }
}

/// A part that is sent as soon as there is credit. Dropping it before takes it back.
#[derive(Debug)]
pub(crate) struct PartSend {
    sink: PartSink,
    /// What has yet to be sent.
    part: Option<Result<Json>>,
    ticket: Option<SendTicket>,
}

impl Future for PartSend {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(core) = self.sink.core.upgrade() else {
            return Poll::Ready(Err(self.sink.ended()));
        };
        let Some(part) = self.part.take() else {
            return Poll::Pending;
        };
        let part = part?;
        if self.ticket.is_none() {
            core.check_payload(&self.sink.name, &part)?;
        }
        // Most parts have credit, and need no waker.
        let part = match self.ticket {
            Some(_) => part,
            None => match self.sink.send_now(&core, part) {
                PartSent::Accepted => return Poll::Ready(Ok(())),
                PartSent::Ended(part) => {
                    drop(part);
                    return Poll::Ready(Err(self.sink.ended()));
                }
                PartSent::Waits(part, _) => part,
            },
        };
        // Cloned before the lock, since a waker is foreign code.
        let waker = Some(context.waker().clone());
        let (sent, effects) =
            core.hub()
                .send_part(self.sink.id, part, self.ticket, waker, core.clock().now());
        core.apply_effects(effects);
        match sent {
            PartSent::Accepted => {
                self.ticket = None;
                Poll::Ready(Ok(()))
            }
            PartSent::Waits(part, ticket) => {
                self.part = Some(Ok(part));
                self.ticket = ticket;
                Poll::Pending
            }
            PartSent::Ended(part) => {
                drop(part);
                self.ticket = None;
                Poll::Ready(Err(self.sink.ended()))
            }
        }
    }
}

impl Drop for PartSend {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket
            && let Some(core) = self.sink.core.upgrade()
        {
            // Bound to a name, so that the waker is dropped after the lock.
            let _waker = core.hub().stop_sending(self.sink.id, ticket);
        }
    }
}

/// Completes when the response of a stream may be sent, or the stream has ended.
pub(crate) struct RoomForEnd<'a> {
    core: &'a Core,
    id: RequestId,
    ticket: Option<SendTicket>,
}

impl<'a> RoomForEnd<'a> {
    pub(crate) fn new(core: &'a Core, id: RequestId) -> Self {
        Self {
            core,
            id,
            ticket: None,
        }
    }
}

impl Future for RoomForEnd<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Cloned before the lock, since a waker is foreign code.
        let waker = context.waker().clone();
        let (place, effects) = self.core.hub().poll_end(self.id, self.ticket, waker);
        self.core.apply_effects(effects);
        match place {
            EndPlace::Ready => Poll::Ready(()),
            EndPlace::Waits(ticket) => {
                self.ticket = Some(ticket);
                Poll::Pending
            }
        }
    }
}

impl Drop for RoomForEnd<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            // Bound to a name, so that the waker is dropped after the lock.
            let _waker = self.core.hub().stop_sending(self.id, ticket);
        }
    }
}

/// Reads the parts of one stream, and its end. Dropping it ends the stream. Of a channel it reads what the caller sends, and
/// dropping it ends the reading.
#[derive(Debug)]
pub(crate) struct PartReader {
    core: Weak<Core>,
    id: RequestId,
}

impl PartReader {
    pub(crate) fn new(core: &Arc<Core>, id: RequestId) -> Self {
        Self {
            core: Arc::downgrade(core),
            id,
        }
    }

    /// What comes next; `None` behind the end.
    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Received>> {
        let Some(core) = self.core.upgrade() else {
            let error = Error::new(
                ErrorCode::Unavailable,
                "the event bus is unavailable: the app is exiting",
            );
            return Poll::Ready(Some(Received::End(Err(error))));
        };
        // Cloned before the lock, since a waker is foreign code.
        let waker = context.waker().clone();
        let (polled, effects) = core.hub().poll_parts(self.id, waker, core.clock().now());
        core.apply_effects(effects);
        polled
    }
}

impl Drop for PartReader {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            // Bound to a name, so that what was not read is dropped after the lock.
            let (_unread, effects) = core.hub().close_inbox(self.id, core.clock().now());
            core.apply_effects(effects);
        }
    }
}
