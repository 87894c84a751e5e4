use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::Serialize;

use crate::api::json::to_json;
use crate::api::respond::RequestContext;
use crate::engine::parts::{PartSend, PartSink};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::json::Json;
use crate::sync::block_on;

/// Sends the parts of a stream that the host responds to: see [`EventBus::respond_stream`](crate::EventBus::respond_stream).
/// [`PartChannel::sender`](crate::request::PartChannel::sender) makes one for a channel.
///
/// A part is sent while less than the credit of the stream (`streamCreditBytes`, `streamCreditParts`) is on its way to the
/// loop that takes the parts. What that loop has taken counts again once it is half of the credit. So a sender that is faster
/// than the consumer takes waits, and nothing grows.
///
/// A clone sends parts of the same stream, from any thread. They end with the responder's future.
pub struct PartSender<P> {
    pub(super) sink: PartSink,
    context: RequestContext,
    part: PhantomData<fn(P)>,
}

impl<P> PartSender<P> {
    pub(super) fn new(sink: PartSink, context: RequestContext) -> Self {
        Self {
            sink,
            context,
            part: PhantomData,
        }
    }

    /// Who requested the stream, and whether the caller still receives it.
    #[must_use]
    pub fn context(&self) -> &RequestContext {
        &self.context
    }
}

impl<P: Serialize> PartSender<P> {
    /// Sends a part as soon as there is credit. Dropping the future before takes the part back.
    ///
    /// # Errors
    ///
    /// By awaiting it:
    ///
    /// - [`ErrorCode::Cancelled`]: the stream has ended, for example because the caller has left its loop
    /// - [`ErrorCode::InvalidPayload`], [`ErrorCode::PayloadTooLarge`]: the part was not sent, and the stream goes on
    pub fn send(&self, part: P) -> SendPart {
        SendPart(self.sink.send(self.write(&part)))
    }

    /// Sends a part if there is credit.
    ///
    /// # Errors
    ///
    /// Those of [`PartSender::send`], and [`ErrorCode::QueueFull`] without credit.
    pub fn try_send(&self, part: P) -> Result<()> {
        self.sink.try_send(self.write(&part))
    }

    /// Sends a part, and blocks the thread until there is credit. For threads of your own, and for
    /// [`EventBus::respond_stream_blocking`](crate::EventBus::respond_stream_blocking). Not for a task: it would hold up a
    /// thread of the runtime, and as many of them as there are threads stop all tasks.
    ///
    /// # Errors
    ///
    /// Those of [`PartSender::send`], and [`ErrorCode::WouldBlock`] on the main thread.
    pub fn blocking_send(&self, part: P) -> Result<()> {
        if self.sink.is_on_main_thread() {
            return Err(Error::new(
                ErrorCode::WouldBlock,
                format!(
                    "a part of {:?} was sent with blocking_send on the main thread, which the parts for a page have to pass; send it from another thread, or await send in a task",
                    self.sink.name().as_str()
                ),
            ));
        }
        block_on(self.send(part))
    }

    /// Sends every item of a stream, each as soon as there is credit.
    ///
    /// # Errors
    ///
    /// By awaiting it, those of [`PartSender::send`]. The rest of the items is not read then.
    #[cfg(feature = "stream")]
    pub async fn forward<S: futures_core::Stream<Item = P>>(&self, parts: S) -> Result<()> {
        let mut parts = std::pin::pin!(parts);
        while let Some(part) =
            std::future::poll_fn(|context| parts.as_mut().poll_next(context)).await
        {
            self.send(part).await?;
        }
        Ok(())
    }

    fn write(&self, part: &P) -> Result<Json> {
        to_json(self.sink.name().as_str(), part)
    }
}

impl<P> Clone for PartSender<P> {
    fn clone(&self) -> Self {
        Self::new(self.sink.clone(), self.context.clone())
    }
}

impl<P> fmt::Debug for PartSender<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PartSender")
            .field(&self.sink.name().as_str())
            .finish()
    }
}

/// A part on its way; made by [`PartSender::send`].
#[derive(Debug)]
#[must_use = "a part is sent when this is awaited"]
pub struct SendPart(PartSend);

impl Future for SendPart {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.0).poll(context)
    }
}
