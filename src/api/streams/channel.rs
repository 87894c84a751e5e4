//! Channels that the host accepts.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::EventBus;
use crate::api::json::read_as;
use crate::api::respond::{
    RequestContext, Responder, ResponderResult, read_request, write_response,
};
use crate::api::streams::sender::{PartSender, SendPart};
use crate::engine::core::Core;
use crate::engine::parts::{PartReader, PartSink};
use crate::engine::responders::{Handler, IncomingRequest, ResponseFuture};
use crate::hub::requests::ResponderKind;
use crate::hub::requests::inbox::Received;
use crate::model::error::{Error, ErrorCode, Result};

impl EventBus {
    /// Accepts channels of this name, which pages open with `openChannel(HOST, …)`: parts both ways, each with credit, so
    /// neither side gets ahead of the other.
    ///
    /// The closure gets the payload and a [`PartChannel`]. The channel ends with the future: its `closed` in the page
    /// says `completed`, or why the future failed. When the page stops the channel or is gone, the future is dropped.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`]. A name has one responder, of one kind.
    ///
    /// ```
    /// # fn accept(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
    /// use tauri_plugin_event_bus::request::PartChannel;
    ///
    /// bus.accept_channel("upper", |(): (), mut channel: PartChannel<String, String>| async move {
    ///     while let Some(text) = channel.recv().await {
    ///         channel.send(text?.to_uppercase()).await?;
    ///     }
    ///     Ok(()) // the page has closed its half
    /// })?
    /// .forget();
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn accept_channel<Q, In, Out, F>(
        &self,
        name: &str,
        accept: impl Fn(Q, PartChannel<In, Out>) -> F + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        Q: DeserializeOwned,
        In: DeserializeOwned + 'static,
        Out: Serialize + 'static,
        F: Future<Output = ResponderResult<()>> + Send + 'static,
    {
        let core = Arc::downgrade(&self.runtime().core);
        let handler: Handler = Arc::new(move |incoming| {
            let name = incoming.name.clone();
            let ended = read_channel_request(&core, incoming)
                .map(|(request, channel)| accept(request, channel));
            Box::pin(async move { write_response(&name, ended?.await) }) as ResponseFuture
        });
        self.add_responder(name, ResponderKind::Channel, Location::caller(), handler)
    }
}

fn read_channel_request<Q: DeserializeOwned, In, Out>(
    core: &Weak<Core>,
    incoming: IncomingRequest,
) -> Result<(Q, PartChannel<In, Out>)> {
    let Some(core) = core.upgrade() else {
        return Err(Error::new(
            ErrorCode::Unavailable,
            "the event bus is unavailable: the app is exiting",
        ));
    };
    // Whatever comes now, its drop ends the reading.
    let reader = PartReader::new(&core, incoming.id);
    let sink = PartSink::new(&core, incoming.id, incoming.name.clone());
    let (request, context) = read_request(incoming)?;
    let channel = PartChannel {
        reader: Some(reader),
        out: PartSender::new(sink, context),
        #[cfg(feature = "stream")]
        sending: None,
        part: PhantomData,
    };
    Ok((request, channel))
}

/// A channel that a page has opened: see [`EventBus::accept_channel`]. `In` is what the page sends, and `Out` what it gets.
///
/// Both directions have a window of credit: a part is sent while less than that is on its way to the loop that takes
/// the parts. So `send` waits for a page that does not keep up, and the page waits for a host that does not call `recv`. Two
/// sides that only send wait for each other.
///
/// With the feature `stream`, which is on by default, this is a `futures_core::Stream` and a `futures_sink::Sink`. Dropping
/// it ends the reading: what the page sends then is `cancelled` there. The channel goes on until the future ends.
pub struct PartChannel<In, Out> {
    /// `None` behind the last part.
    reader: Option<PartReader>,
    out: PartSender<Out>,
    /// What the sink has taken and not sent.
    #[cfg(feature = "stream")]
    sending: Option<SendPart>,
    part: PhantomData<fn() -> In>,
}

impl<In, Out> PartChannel<In, Out> {
    /// Who opened the channel, and whether it is still open.
    #[must_use]
    pub fn context(&self) -> &RequestContext {
        self.out.context()
    }

    /// A sender of the host's half, for other tasks and threads.
    #[must_use]
    pub fn sender(&self) -> PartSender<Out> {
        self.out.clone()
    }

    /// Ends the host's half, behind what was sent: the loop of the page ends. The page may still send.
    pub fn close(&self) {
        self.out.sink.close();
    }
}

impl<In: DeserializeOwned, Out> PartChannel<In, Out> {
    /// Awaits the next part of the page; `None` once the page has closed its half. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// An error comes once, and no part behind it:
    ///
    /// - [`ErrorCode::InvalidPayload`]: the part does not match `In`; the message has the path
    /// - [`ErrorCode::Cancelled`]: the channel has ended, while another task than that of its future reads it
    /// - [`ErrorCode::WouldBlock`]: awaited on the main thread, which the parts of a page have to pass
    /// - [`ErrorCode::Unavailable`]: the app is exiting
    pub async fn recv(&mut self) -> Option<Result<In>> {
        poll_fn(|context| self.poll_part(context)).await
    }

    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<In>>> {
        let Some(reader) = &self.reader else {
            return Poll::Ready(None);
        };
        let name = self.out.sink.name().as_str();
        let received = match self.out.sink.is_on_main_thread() {
            true => {
                let text = format!(
                    "the channel {name:?} was read on the main thread, which the parts of a page have to pass; read it in the future that accepts it, or in a task"
                );
                let error = Error::new(ErrorCode::WouldBlock, text);
                Poll::Ready(Some(Received::End(Err(error))))
            }
            false => reader.poll_next(context),
        };
        received.map(|received| {
            let part = match received {
                Some(Received::Part(part)) => {
                    Some(read_as(&part, || format!("a part of {name:?}")))
                }
                Some(Received::End(Err(error))) => Some(Err(error)),
                Some(Received::End(Ok(_))) | None => None,
            };
            if !matches!(part, Some(Ok(_))) {
                self.reader = None;
            }
            part
        })
    }
}

impl<In, Out: Serialize> PartChannel<In, Out> {
    /// Sends a part as soon as the page has credit for it. Dropping the future before takes the part back.
    ///
    /// # Errors
    ///
    /// By awaiting it, those of [`PartSender::send`]. [`ErrorCode::Cancelled`]: the channel has ended, or
    /// [`PartChannel::close`] was called.
    pub fn send(&self, part: Out) -> SendPart {
        self.out.send(part)
    }

    /// Sends a part if there is credit.
    ///
    /// # Errors
    ///
    /// Those of [`PartChannel::send`], and [`ErrorCode::QueueFull`] without credit.
    pub fn try_send(&self, part: Out) -> Result<()> {
        self.out.try_send(part)
    }
}

#[cfg(feature = "stream")]
impl<In, Out> PartChannel<In, Out> {
    fn poll_sending(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(sending) = &mut self.sending else {
            return Poll::Ready(Ok(()));
        };
        let sent = std::pin::Pin::new(sending).poll(context);
        if sent.is_ready() {
            self.sending = None;
        }
        sent
    }
}

#[cfg(feature = "stream")]
impl<In: DeserializeOwned, Out> futures_core::Stream for PartChannel<In, Out> {
    type Item = Result<In>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        self.poll_part(context)
    }
}

#[cfg(feature = "stream")]
impl<In, Out: Serialize> futures_sink::Sink<Out> for PartChannel<In, Out> {
    type Error = Error;

    fn poll_ready(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        self.poll_sending(context)
    }

    fn start_send(mut self: std::pin::Pin<&mut Self>, part: Out) -> Result<()> {
        self.sending = Some(self.out.send(part));
        Ok(())
    }

    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        self.poll_sending(context)
    }

    fn poll_close(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        let sent = self.poll_sending(context);
        if matches!(sent, Poll::Ready(Ok(()))) {
            self.close();
        }
        sent
    }
}

impl<In, Out> fmt::Debug for PartChannel<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PartChannel")
            .field(&self.out.sink.name().as_str())
            .finish()
    }
}
