//! Streams that the host requests.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::EventBus;
use crate::api::json::{read_as, to_json};
use crate::api::request::{RequestBuilder, off_the_main_thread};
use crate::api::target::IntoTarget;
use crate::engine::parts::PartReader;
use crate::hub::command_log::JsonResult;
use crate::hub::requests::inbox::Received;
use crate::hub::requests::window::Credit;
use crate::limits::Limits;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::target::Target;

impl EventBus {
    /// Requests a stream from the page in one webview, or from the host itself ([`Target::host`]): parts, and then a response.
    ///
    /// A page responds with `respondStream`, and the host with [`EventBus::respond_stream`]. If the page is still starting, the
    /// request waits up to three seconds for a responder.
    ///
    /// # Errors
    ///
    /// By awaiting it, the stream was not requested:
    ///
    /// - [`ErrorCode::NoResponder`]: the page has started, or the host is the target, and there is no such responder
    /// - [`ErrorCode::UnknownTarget`], [`ErrorCode::InvalidArgument`]: as for [`EventBus::request`]
    /// - [`ErrorCode::QueueFull`]: as many streams as `streamsPerPage` are open there
    /// - [`ErrorCode::InvalidPayload`], [`ErrorCode::PayloadTooLarge`], [`ErrorCode::EventLoop`], [`ErrorCode::WouldBlock`],
    ///   [`ErrorCode::InvalidEventName`], [`ErrorCode::ReservedEventName`], [`ErrorCode::Unavailable`]
    ///
    /// ```
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// async fn follow(bus: EventBus) -> Result<()> {
    ///     let mut lines = bus.request_stream::<String>("log-window", "tail", ()).await?;
    ///     while let Some(line) = lines.recv().await {
    ///         println!("{}", line?);
    ///     }
    ///     lines.response::<()>().await
    /// }
    /// # let _ = follow;
    /// ```
    pub fn request_stream<P: DeserializeOwned + Send + 'static>(
        &self,
        to: impl IntoTarget,
        name: &str,
        payload: impl Serialize,
    ) -> RequestStreamBuilder<P> {
        self.stream_builder(to.into_target(), name, to_json(name, &payload))
    }

    pub(crate) fn stream_builder<P: DeserializeOwned + Send + 'static>(
        &self,
        to: Target,
        name: &str,
        payload: Result<Json>,
    ) -> RequestStreamBuilder<P> {
        let (bytes, parts) = self.runtime().core.limits().stream_credit();
        RequestStreamBuilder {
            request: RequestBuilder::new(self, to, name, payload),
            timeout: None,
            credit: Credit { bytes, parts },
        }
    }
}

/// A stream that is requested when this is awaited; made by [`EventBus::request_stream`].
#[must_use = "a stream is requested when this is awaited"]
pub struct RequestStreamBuilder<P> {
    request: RequestBuilder<P>,
    timeout: Option<Duration>,
    credit: Credit,
}

impl<P: DeserializeOwned + Send + 'static> RequestStreamBuilder<P> {
    /// Sets for how long there may be neither a part nor the response: 1 ms to 24 hours. The time does not run while the
    /// responder waits for this consumer. Without it, a stream may be silent for good.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the trace that the request belongs to, as [`EmitOptions::traceparent`](crate::EmitOptions::traceparent) does.
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.request = self.request.traceparent(traceparent);
        self
    }

    /// Sets how many bytes of parts may be sent and not taken: 1 to `queueBytes`, `streamCreditBytes` by default. One part may
    /// exceed it.
    pub fn credit_bytes(mut self, bytes: usize) -> Self {
        self.credit.bytes = bytes;
        self
    }

    /// Sets how many parts may be sent and not taken: 1 to `queueEvents`, `streamCreditParts` by default.
    pub fn credit_parts(mut self, parts: usize) -> Self {
        self.credit.parts = parts;
        self
    }

    async fn send(self) -> Result<PartStream<P>> {
        let (bus, _, to) = self.request.destination();
        let credit = check_credit(self.credit, bus.runtime().core.limits());
        let credit = self.request.noted(credit)?;
        let (bus, is_from_page) = (bus.clone(), *to != Target::host());
        let (name, reader) = self.request.send_stream(self.timeout, credit).await?;
        Ok(PartStream {
            bus,
            name,
            is_from_page,
            reader: Some(reader),
            end: None,
            part: PhantomData,
        })
    }
}

/// Refuses a credit that is out of range.
pub(crate) fn check_credit(credit: Credit, limits: &Limits) -> Result<Credit> {
    for (what, value, key, most) in [
        ("bytes", credit.bytes, "queueBytes", limits.queue_bytes),
        ("parts", credit.parts, "queueEvents", limits.queue_events),
    ] {
        if !(1..=most).contains(&value) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the credit of a stream is {value} {what}; it must be at least 1 and at most {most} ({key})"
                ),
            ));
        }
    }
    Ok(credit)
}

impl<P: DeserializeOwned + Send + 'static> IntoFuture for RequestStreamBuilder<P> {
    type Output = Result<PartStream<P>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let (bus, name, to) = self.request.destination();
        if *to == Target::host() {
            return Box::pin(self.send());
        }
        let (bus, name) = (bus.clone(), name.to_owned());
        Box::pin(async move { off_the_main_thread(&bus, &name, self.send()).await })
    }
}

impl<P> fmt::Debug for RequestStreamBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestStreamBuilder")
            .field("request", &self.request)
            .field("timeout", &self.timeout)
            .field("credit", &self.credit)
            .finish()
    }
}

/// The parts of a stream that the host has requested, and its response.
///
/// The responder sends while less than the credit of the stream waits here, so a slow reader slows it down. With the feature
/// `stream`, which is on by default, this is a `futures_core::Stream`. Dropping it ends the stream, and its responder.
#[must_use = "a stream ends when this is dropped"]
pub struct PartStream<P> {
    bus: EventBus,
    name: EventName,
    is_from_page: bool,
    /// `None` once it was stopped.
    reader: Option<PartReader>,
    end: Option<JsonResult>,
    part: PhantomData<fn() -> P>,
}

impl<P: DeserializeOwned> PartStream<P> {
    /// Awaits the next part; `None` behind the last one. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// An error comes once and ends the stream, behind the parts that came before it:
    ///
    /// - [`ErrorCode::InvalidPayload`]: the part does not match `P`; the message has the path
    /// - [`ErrorCode::ResponderFailed`]: the responder threw, failed or panicked
    /// - [`ErrorCode::PageGone`]: the page was closed, left or reloaded
    /// - [`ErrorCode::Timeout`]: there was neither a part nor the response within the timeout
    /// - [`ErrorCode::NoResponder`]: the page has no responder of streams with this name
    /// - [`ErrorCode::QueueFull`]: the page has sent what it may not, or its streams have too much on their way
    /// - [`ErrorCode::WouldBlock`]: awaited on the main thread, which the parts of a page have to pass
    /// - [`ErrorCode::Unavailable`]: the app is exiting
    pub async fn recv(&mut self) -> Option<Result<P>> {
        poll_fn(|context| self.poll_part(context)).await
    }

    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<P>>> {
        self.poll_received(context).map(|received| match received? {
            Received::Part(part) => {
                let read = read_as(&part, || format!("a part of {:?}", self.name.as_str()));
                if let Err(error) = &read {
                    self.fail(error.clone());
                }
                Some(read)
            }
            Received::End(end) => {
                let error = end.as_ref().err().cloned();
                self.end = Some(end);
                error.map(Err)
            }
        })
    }

    fn poll_received(&mut self, context: &mut Context<'_>) -> Poll<Option<Received>> {
        let Some(reader) = &self.reader else {
            return Poll::Ready(None);
        };
        if self.is_from_page && self.bus.runtime().core.is_on_main_thread() {
            let error = Error::new(
                ErrorCode::WouldBlock,
                format!(
                    "the stream {:?} was read on the main thread, which the parts of a page have to pass; read it in an async command or a task",
                    self.name.as_str()
                ),
            );
            self.fail(error.clone());
            return Poll::Ready(Some(Received::End(Err(error))));
        }
        reader.poll_next(context)
    }

    /// Ends the stream with an error of this side.
    fn fail(&mut self, error: Error) {
        self.reader = None;
        self.end = Some(Err(error));
    }

    /// Awaits the response, behind the parts. Those that were not read are dropped.
    ///
    /// # Errors
    ///
    /// Those of [`PartStream::recv`] that end the stream, and [`ErrorCode::InvalidPayload`] if the response does not match `T`.
    pub async fn response<T: DeserializeOwned>(mut self) -> Result<T> {
        while self.end.is_none() {
            let received = poll_fn(|context| self.poll_received(context)).await;
            match received {
                Some(Received::Part(_)) => {}
                Some(Received::End(end)) => self.end = Some(end),
                None => break,
            }
        }
        let end = self.end.take().unwrap_or_else(|| {
            Err(Error::new(
                ErrorCode::Cancelled,
                format!("the stream {:?} was stopped", self.name.as_str()),
            ))
        });
        read_as(&end?, || {
            format!("the response to {:?}", self.name.as_str())
        })
    }

    /// Ends the stream and its responder, as dropping it does.
    pub fn stop(self) {}
}

#[cfg(feature = "stream")]
impl<P: DeserializeOwned> futures_core::Stream for PartStream<P> {
    type Item = Result<P>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_part(context)
    }
}

impl<P> fmt::Debug for PartStream<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PartStream")
            .field(&self.name.as_str())
            .finish()
    }
}
