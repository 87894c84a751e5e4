//! Typed requests: one declaration gives the name, and the types of the request and of its response.

use std::any::TypeId;
use std::future::Future;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::{EventBus, EventBusExt};
use crate::api::json::{from_json, to_json};
use crate::api::request::{RequestAllBuilder, RequestBuilder};
use crate::api::respond::{Responder, ResponderResult};
use crate::api::target::IntoTarget;
use crate::catalog::RequestDeclaration;
use crate::model::error::{Error, ErrorCode, Result};

use super::numbers;

/// A request whose payload is a type of yours, with a typed response.
///
/// The doc comment of the type describes the request. Once the type is registered with
/// [`Builder::request`](crate::Builder::request), requests and responses of pages under its name must match these types, and
/// `RequestMap` is generated: see [`Catalog`](crate::Catalog).
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus::{Builder, EventBus, Request, Result};
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
///     Confirm { title: "Close?".into() }.send(&bus, "main").await
/// }
///
/// let builder = Builder::new().request::<Confirm>();
/// # let _ = (may_close, builder);
/// ```
pub trait Request: Serialize + DeserializeOwned + JsonSchema + 'static {
    /// The name of the request: 1 to 255 bytes.
    const NAME: &'static str;

    /// The type of the response.
    type Response: Serialize + DeserializeOwned + JsonSchema + Send + 'static;

    /// Sends the request to one webview or to the host, as [`EventBus::request`] does.
    ///
    /// `on` is anything with an event bus: an app, a window, a component, the bus itself, or a webview, which then is the
    /// caller. A number that a page could not read exactly fails the awaited request with [`ErrorCode::InvalidPayload`].
    fn send(&self, on: &impl EventBusExt, to: impl IntoTarget) -> RequestBuilder<Self::Response> {
        let bus = on.event_bus().as_ref().clone();
        RequestBuilder::new(bus, to.into_target(), Self::NAME, write(self))
    }

    /// Sends the request to every page that a target selects, as [`EventBus::request_all`] does.
    fn send_all(
        &self,
        on: &impl EventBusExt,
        to: impl IntoTarget,
    ) -> RequestAllBuilder<Self::Response> {
        RequestAllBuilder::new(self.send(on, to))
    }
}

/// Refuses a number that a page could not read exactly.
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
            type_id: TypeId::of::<R>(),
            check_request_payload: |payload| from_json::<R>(payload).map(drop),
            check_response: |payload| from_json::<R::Response>(payload).map(drop),
            request: |generator| generator.subschema_for::<R>(),
            response: |generator| generator.subschema_for::<R::Response>(),
        }
    }
}

impl EventBus {
    /// Responds to requests of this type to the host, as [`EventBus::respond`] does.
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
    /// fn respond(bus: &EventBus) -> Result<()> {
    ///     bus.respond_to(async |sum: Sum| Ok(sum.0.iter().sum()))?.forget();
    ///     Ok(())
    /// }
    /// # let _ = respond;
    /// ```
    #[track_caller]
    pub fn respond_to<R, F>(
        &self,
        respond: impl Fn(R) -> F + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        R: Request,
        F: Future<Output = ResponderResult<R::Response>> + Send + 'static,
    {
        self.respond(R::NAME, respond)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

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
