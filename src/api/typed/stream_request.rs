//! Typed streams on a bus: they are requested from a page or from the host, which responds with parts and a response.

use std::any::TypeId;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use tauri_plugin_event_bus_types::StreamRequest;
use tauri_plugin_event_bus_types::internal::write_stream_request;

use crate::api::bus::EventBusExt;
use crate::api::respond::{Responder, ResponderResult};
use crate::api::streams::request::{PartStream, RequestStreamBuilder};
use crate::api::streams::sender::PartSender;
use crate::api::target::IntoTarget;
use crate::catalog::RequestDeclaration;
use crate::model::error::Result;
use crate::model::json::Json;

use super::event::plain_bus;
use super::request::check;

/// What a [`StreamRequest`] can do on a bus. Every type that implements [`StreamRequest`] has it.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus::typed::*;
/// use tauri_plugin_event_bus::{Builder, EventBus, HOST, Result};
///
/// /// Counts up.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Count {
///     to: u32,
/// }
///
/// impl StreamRequest for Count {
///     const NAME: &'static str = "count";
///     type Part = u32;
///     type Response = String;
/// }
///
/// fn respond(bus: &EventBus) -> Result<()> {
///     Count::respond_stream(bus, |count, out| async move {
///         for number in 1..=count.to {
///             out.send(number).await?;
///         }
///         Ok("done".to_owned())
///     })?
///     .forget();
///     Ok(())
/// }
///
/// async fn sum(bus: EventBus) -> Result<(u32, String)> {
///     let mut numbers = Count { to: 3 }.request_stream(&bus, HOST).await?;
///     let mut sum = 0;
///     while let Some(number) = numbers.recv().await {
///         sum += number?;
///     }
///     Ok((sum, numbers.response().await?))
/// }
///
/// let builder = Builder::new().stream_request::<Count>();
/// # let _ = (respond, sum, builder);
/// ```
pub trait StreamRequestExt: StreamRequest {
    /// Requests the stream from one webview or from the host, as
    /// [`EventBus::request_stream`](crate::EventBus::request_stream) does.
    ///
    /// A number that a page could not read exactly fails the awaited request with
    /// [`ErrorCode::InvalidPayload`](crate::ErrorCode::InvalidPayload).
    fn request_stream(
        &self,
        on: &impl EventBusExt,
        to: impl IntoTarget,
    ) -> TypedRequestStreamBuilder<Self> {
        let payload = write_stream_request(self).map(Json::from);
        let bus = plain_bus(on);
        TypedRequestStreamBuilder(bus.stream_builder(to.into_target(), Self::NAME, payload))
    }

    /// Responds to requests of this type to the host with a stream, as
    /// [`EventBus::respond_stream`](crate::EventBus::respond_stream) does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`](crate::EventBus::respond).
    #[track_caller]
    fn respond_stream<F>(
        on: &impl EventBusExt,
        respond: impl Fn(Self, PartSender<Self::Part>) -> F + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        F: Future<Output = ResponderResult<Self::Response>> + Send + 'static,
    {
        plain_bus(on).respond_stream(Self::NAME, respond)
    }

    /// Responds with a closure that may block, as
    /// [`EventBus::respond_stream_blocking`](crate::EventBus::respond_stream_blocking) does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`](crate::EventBus::respond).
    #[track_caller]
    fn respond_stream_blocking(
        on: &impl EventBusExt,
        respond: impl Fn(Self, PartSender<Self::Part>) -> ResponderResult<Self::Response>
        + Send
        + Sync
        + 'static,
    ) -> Result<Responder>
    where
        Self: Send,
    {
        plain_bus(on).respond_stream_blocking(Self::NAME, respond)
    }
}

impl<S: StreamRequest> StreamRequestExt for S {}

/// A typed stream that is requested when this is awaited; made by [`StreamRequestExt::request_stream`].
#[must_use = "a stream is requested when this is awaited"]
pub struct TypedRequestStreamBuilder<S: StreamRequest>(RequestStreamBuilder<S::Part>);

impl<S: StreamRequest> TypedRequestStreamBuilder<S> {
    /// Sets for how long there may be neither a part nor the response: see [`RequestStreamBuilder::timeout`].
    pub fn timeout(self, timeout: Duration) -> Self {
        Self(self.0.timeout(timeout))
    }

    /// Sets how many bytes of parts may be sent and not taken: see [`RequestStreamBuilder::credit_bytes`].
    pub fn credit_bytes(self, bytes: usize) -> Self {
        Self(self.0.credit_bytes(bytes))
    }

    /// Sets how many parts may be sent and not taken: see [`RequestStreamBuilder::credit_parts`].
    pub fn credit_parts(self, parts: usize) -> Self {
        Self(self.0.credit_parts(parts))
    }
}

impl<S: StreamRequest> IntoFuture for TypedRequestStreamBuilder<S> {
    type Output = Result<TypedPartStream<S>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let sent = self.0.into_future();
        Box::pin(async move { sent.await.map(TypedPartStream) })
    }
}

impl<S: StreamRequest> fmt::Debug for TypedRequestStreamBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedRequestStreamBuilder")
            .field(&self.0)
            .finish()
    }
}

/// The parts of a typed stream, and its response. See [`PartStream`] for how it ends.
#[must_use = "a stream ends when this is dropped"]
pub struct TypedPartStream<S: StreamRequest>(PartStream<S::Part>);

impl<S: StreamRequest> TypedPartStream<S> {
    /// Awaits the next part; `None` behind the last one. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// Those of [`PartStream::recv`].
    pub async fn recv(&mut self) -> Option<Result<S::Part>> {
        self.0.recv().await
    }

    /// Awaits the response, behind the parts. Those that were not read are dropped.
    ///
    /// # Errors
    ///
    /// Those of [`PartStream::response`].
    pub async fn response(self) -> Result<S::Response> {
        self.0.response().await
    }

    /// Ends the stream and its responder, as dropping it does.
    pub fn stop(self) {}
}

#[cfg(feature = "stream")]
impl<S: StreamRequest> futures_core::Stream for TypedPartStream<S> {
    type Item = Result<S::Part>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(context)
    }
}

impl<S: StreamRequest> fmt::Debug for TypedPartStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedPartStream").field(&self.0).finish()
    }
}

impl RequestDeclaration {
    pub(crate) fn of_stream<S: StreamRequest>() -> Self {
        Self {
            name: S::NAME,
            type_name: std::any::type_name::<S>(),
            type_id: TypeId::of::<S>(),
            check_request_payload: check::<S>,
            check_part: Some(check::<S::Part>),
            check_response: check::<S::Response>,
            is_channel: false,
            request: |generator| generator.subschema_for::<S>(),
            part: Some(|generator| generator.subschema_for::<S::Part>()),
            response: |generator| generator.subschema_for::<S::Response>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use tauri_plugin_event_bus_types::Request;

    use super::*;
    use crate::catalog::Catalog;
    use crate::model::error::ErrorCode;
    use crate::model::name::EventName;

    #[derive(serde::Serialize, serde::Deserialize, JsonSchema)]
    struct Count;

    impl StreamRequest for Count {
        const NAME: &'static str = "count";
        type Part = u32;
        type Response = bool;
    }

    impl Request for Count {
        const NAME: &'static str = "count";
        type Response = bool;
    }

    #[test]
    fn one_name_is_a_request_or_a_stream() {
        let (single, stream) = (
            RequestDeclaration::of::<Count>(),
            RequestDeclaration::of_stream::<Count>(),
        );
        let error = Catalog::new(&[], &[single, stream], false).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidEventName);
        for part in ["\"count\"", "as a request", "as a stream", "::Count"] {
            assert!(error.message().contains(part), "{error}");
        }
        let catalog = Catalog::new(&[], &[stream, stream], false).unwrap();
        assert_eq!(catalog.requests().count(), 0);
        let streams: Vec<&str> = catalog.streams().map(|stream| stream.name()).collect();
        assert_eq!(streams, ["count"]);
    }

    #[test]
    fn parts_must_match_the_declared_type() {
        let catalog = Catalog::new(&[], &[RequestDeclaration::of_stream::<Count>()], true).unwrap();
        let name = EventName::parse("count").unwrap();
        assert_eq!(catalog.check_request_name(&name), Ok(()));
        assert_eq!(catalog.check_part(&name, &"7".into()), Ok(()));
        let error = catalog.check_part(&name, &"-7".into()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidPayload);
        for part in ["a part of \"count\"", "the part type of", "Count", "-7"] {
            assert!(error.message().contains(part), "{error}");
        }
        // Nothing is said of parts of a request with one response.
        let single = Catalog::new(&[], &[RequestDeclaration::of::<Count>()], true).unwrap();
        assert_eq!(single.check_part(&name, &"-7".into()), Ok(()));
    }

    #[test]
    fn the_map_of_streams_has_all_three_types() {
        let catalog =
            Catalog::new(&[], &[RequestDeclaration::of_stream::<Count>()], false).unwrap();
        let text = catalog.typescript();
        let line = "    'count': { request: Count; part: number; response: boolean }\n";
        assert!(
            text.contains(&format!("  interface StreamMap {{\n{line}  }}\n")),
            "{text}"
        );
        assert!(!text.contains("RequestMap"), "{text}");
        let markdown = catalog.markdown();
        for part in ["# Streams", "| Part | `number` |", "event-bus:request"] {
            assert!(markdown.contains(part), "{markdown}");
        }
    }
}
