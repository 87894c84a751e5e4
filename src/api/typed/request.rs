//! Typed requests: one declaration gives the name, and the types of the request and of its response.

use std::future::Future;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::{EventBus, EventBusExt, to_json};
use crate::api::request::{RequestAllBuilder, RequestBuilder, Responder, ResponderResult};
use crate::catalog::RequestDeclaration;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::target::Target;

use super::{numbers, read};

/// A request of a type of yours, whose response has a type, too.
///
/// The doc comment of the type is the description of the request. Registered with
/// [`Builder::request`](crate::Builder::request), what pages ask under its name and what they response must have these
/// shapes, and `RequestMap` is generated: see [`Catalog`](crate::Catalog).
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus::{Builder, EventBus, Request, Result};
///
/// /// Asks the user for a yes or a no.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Confirm {
///     title: String,
/// }
///
/// impl Request for Confirm {
///     const NAME: &'static str = "confirm";
///     type Response = bool;
/// }
///
/// async fn may_close(bus: EventBus) -> Result<bool> {
///     Confirm { title: "Close?".into() }.ask(&bus, "main").await
/// }
///
/// let builder = Builder::new().request::<Confirm>();
/// # let _ = (may_close, builder);
/// ```
pub trait Request: Serialize + DeserializeOwned + JsonSchema + 'static {
    /// The name of the request.
    const NAME: &'static str;

    /// What is answered.
    type Response: Serialize + DeserializeOwned + JsonSchema + Send + 'static;

    /// Asks it, as [`EventBus::request`] does.
    ///
    /// `on` is what has an event bus: an app, a window, a webview, which is then the source, or the bus itself. A number
    /// that a page could not read exactly is [`ErrorCode::InvalidPayload`] when it is awaited.
    fn ask(
        &self,
        on: &impl EventBusExt,
        target: impl Into<Target>,
    ) -> RequestBuilder<Self::Response> {
        let bus = on.event_bus().as_ref().clone();
        RequestBuilder::new(bus, target.into(), Self::NAME, write(self))
    }

    /// Asks every page that a target selects, as [`EventBus::request_all`] does.
    fn ask_all(
        &self,
        on: &impl EventBusExt,
        target: impl Into<Target>,
    ) -> RequestAllBuilder<Self::Response> {
        RequestAllBuilder::new(self.ask(on, target))
    }
}

/// Writes a request whose numbers a page reads exactly.
fn write<R: Request>(request: &R) -> Result<String> {
    numbers::check_numbers(request).map_err(|problem| {
        Error::new(
            ErrorCode::InvalidPayload,
            format!("the request {:?}: {problem}", R::NAME),
        )
    })?;
    to_json(R::NAME, request)
}

impl RequestDeclaration {
    pub(crate) fn of<R: Request>() -> Self {
        Self {
            name: R::NAME,
            type_name: std::any::type_name::<R>(),
            check_request_payload: |payload| read::<R>(payload).map(drop),
            check_response: |payload| read::<R::Response>(payload).map(drop),
            request: |generator| generator.subschema_for::<R>(),
            response: |generator| generator.subschema_for::<R::Response>(),
        }
    }
}

impl EventBus {
    /// Responses requests of this type that are asked of Rust, as [`EventBus::respond`] does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`].
    ///
    /// ```
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// use tauri_plugin_event_bus::{EventBus, Request, Result};
    ///
    /// #[derive(Serialize, Deserialize, JsonSchema)]
    /// struct Sum(Vec<i32>);
    ///
    /// impl Request for Sum {
    ///     const NAME: &'static str = "sum";
    ///     type Response = i32;
    /// }
    ///
    /// fn response(bus: &EventBus) -> Result<()> {
    ///     bus.respond_to(async |sum: Sum| Ok(sum.0.iter().sum()))?.forget();
    ///     Ok(())
    /// }
    /// # let _ = response;
    /// ```
    #[track_caller]
    pub fn respond_to<R, F>(
        &self,
        response: impl Fn(R) -> F + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        R: Request,
        F: Future<Output = ResponderResult<R::Response>> + Send + 'static,
    {
        self.respond(R::NAME, response)
    }
}
