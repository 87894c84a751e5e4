//! Typed requests on a bus: they are sent to a page or to the host, which responds.

use std::any::TypeId;
use std::future::Future;

use serde::de::DeserializeOwned;
use tauri_plugin_event_bus_types::Request;
use tauri_plugin_event_bus_types::internal::write_request;

use crate::api::bus::EventBusExt;
use crate::api::request::{RequestAllBuilder, RequestBuilder};
use crate::api::respond::{RequestContext, Responder, ResponderResult};
use crate::api::target::IntoTarget;
use crate::catalog::RequestDeclaration;
use crate::model::error::Result;
use crate::model::json::Json;

use super::event::plain_bus;

/// What a [`Request`] can do on a bus. Every type that implements [`Request`] has it.
///
/// `on` is anything with an event bus: an app, a window, a component, the bus itself, or a webview, which then is the
/// caller. The request has the name that it declares, also on a view with a namespace.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus::typed::*;
/// use tauri_plugin_event_bus::{Builder, EventBus, Result};
///
/// /// Lets the user confirm something.
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
///     Confirm { title: "Close?".into() }.request(&bus, "main").await
/// }
///
/// let builder = Builder::new().request::<Confirm>();
/// # let _ = (may_close, builder);
/// ```
pub trait RequestExt: Request {
    /// Sends the request to one webview or to the host, as [`EventBus::request`](crate::EventBus::request) does.
    ///
    /// A number that a page could not read exactly fails the awaited request with
    /// [`ErrorCode::InvalidPayload`](crate::ErrorCode::InvalidPayload).
    fn request(
        &self,
        on: &impl EventBusExt,
        to: impl IntoTarget,
    ) -> RequestBuilder<Self::Response> {
        RequestBuilder::new(
            &plain_bus(on),
            to.into_target(),
            Self::NAME,
            write_request(self).map(Json::from),
        )
    }

    /// Sends the request to every page that a target selects, as [`EventBus::request_all`](crate::EventBus::request_all)
    /// does.
    fn request_all(
        &self,
        on: &impl EventBusExt,
        to: impl IntoTarget,
    ) -> RequestAllBuilder<Self::Response> {
        RequestAllBuilder::new(self.request(on, to))
    }

    /// Responds to requests of this type to the host, as [`EventBus::respond`](crate::EventBus::respond) does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`](crate::EventBus::respond).
    ///
    /// ```
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// use tauri_plugin_event_bus::typed::*;
    /// use tauri_plugin_event_bus::{EventBus, Result};
    ///
    /// #[derive(Serialize, Deserialize, JsonSchema)]
    /// struct Sum(Vec<i32>);
    ///
    /// impl Request for Sum {
    ///     const NAME: &'static str = "sum";
    ///     type Response = i32;
    /// }
    ///
    /// fn respond(bus: &EventBus) -> Result<()> {
    ///     Sum::respond(bus, async |sum| Ok(sum.0.iter().sum()))?.forget();
    ///     Ok(())
    /// }
    /// # let _ = respond;
    /// ```
    #[track_caller]
    fn respond<F>(
        on: &impl EventBusExt,
        respond: impl Fn(Self) -> F + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        F: Future<Output = ResponderResult<Self::Response>> + Send + 'static,
    {
        plain_bus(on).respond(Self::NAME, respond)
    }

    /// Responds with a closure that also gets the [`RequestContext`], as
    /// [`EventBus::respond_with`](crate::EventBus::respond_with) does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`](crate::EventBus::respond).
    #[track_caller]
    fn respond_with<F>(
        on: &impl EventBusExt,
        respond: impl Fn(Self, RequestContext) -> F + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        F: Future<Output = ResponderResult<Self::Response>> + Send + 'static,
    {
        plain_bus(on).respond_with(Self::NAME, respond)
    }

    /// Responds with a closure that may block, as [`EventBus::respond_blocking`](crate::EventBus::respond_blocking) does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`](crate::EventBus::respond).
    #[track_caller]
    fn respond_blocking(
        on: &impl EventBusExt,
        respond: impl Fn(Self, RequestContext) -> ResponderResult<Self::Response>
        + Send
        + Sync
        + 'static,
    ) -> Result<Responder>
    where
        Self: Send,
    {
        plain_bus(on).respond_blocking(Self::NAME, respond)
    }
}

impl<R: Request> RequestExt for R {}

impl RequestDeclaration {
    pub(crate) fn of<R: Request>() -> Self {
        Self {
            name: R::NAME,
            type_name: std::any::type_name::<R>(),
            type_id: TypeId::of::<R>(),
            check_request_payload: check::<R>,
            check_part: None,
            check_response: check::<R::Response>,
            is_channel: false,
            request: |generator| generator.subschema_for::<R>(),
            part: None,
            response: |generator| generator.subschema_for::<R::Response>(),
        }
    }
}

pub(super) fn check<T: DeserializeOwned>(payload: &Json) -> Result<(), String> {
    let read = payload.read::<T>();
    read.map(drop).map_err(|mismatch| mismatch.to_string())
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;

    use super::*;
    use crate::catalog::Catalog;
    use crate::model::error::ErrorCode;

    /// Declares a new type with each use. Within one function, all of them have the same Rust name.
    macro_rules! declare {
        () => {{
            #[derive(serde::Serialize, serde::Deserialize, JsonSchema)]
            struct Confirm;

            impl Request for Confirm {
                const NAME: &'static str = "confirm";
                type Response = bool;
            }

            RequestDeclaration::of::<Confirm>()
        }};
    }

    #[test]
    fn two_types_of_one_rust_name_are_told_apart() {
        let (one, other) = (declare!(), declare!());
        assert_eq!(one.type_name, other.type_name);
        let error = Catalog::new(&[], &[one, other], false).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidEventName);
        for part in ["request", "\"confirm\"", "::Confirm"] {
            assert!(error.message().contains(part), "{error}");
        }
    }

    #[test]
    fn one_type_may_be_registered_twice() {
        let confirm = declare!();
        let renamed = RequestDeclaration {
            type_name: "an alias of the same type",
            ..confirm
        };
        for twice in [[confirm, confirm], [confirm, renamed]] {
            assert!(Catalog::new(&[], &twice, false).is_ok());
        }
    }
}
