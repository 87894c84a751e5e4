//! Typed channels on a bus, which pages open and the host accepts.

use std::any::TypeId;
use std::future::Future;

use tauri_plugin_event_bus_types::ChannelRequest;

use crate::api::bus::EventBusExt;
use crate::api::respond::{Responder, ResponderResult};
use crate::api::streams::channel::PartChannel;
use crate::catalog::RequestDeclaration;
use crate::model::error::Result;

use super::event::plain_bus;
use super::request::check;

/// What a [`ChannelRequest`] can do on a bus. Every type that implements [`ChannelRequest`] has it.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus::typed::*;
/// use tauri_plugin_event_bus::{Builder, EventBus, Result};
///
/// /// Writes what it gets in capital letters.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Upper {}
///
/// impl ChannelRequest for Upper {
///     const NAME: &'static str = "upper";
///     type Incoming = String;
///     type Outgoing = String;
/// }
///
/// fn accept(bus: &EventBus) -> Result<()> {
///     Upper::accept_channel(bus, |_, mut channel| async move {
///         while let Some(text) = channel.recv().await {
///             channel.send(text?.to_uppercase()).await?;
///         }
///         Ok(())
///     })?
///     .forget();
///     Ok(())
/// }
///
/// let builder = Builder::new().channel_request::<Upper>();
/// # let _ = (accept, builder);
/// ```
pub trait ChannelRequestExt: ChannelRequest {
    /// Accepts channels of this type, as [`EventBus::accept_channel`](crate::EventBus::accept_channel) does.
    ///
    /// # Errors
    ///
    /// Those of [`EventBus::respond`](crate::EventBus::respond).
    #[track_caller]
    fn accept_channel<F>(
        on: &impl EventBusExt,
        accept: impl Fn(Self, PartChannel<Self::Incoming, Self::Outgoing>) -> F + Send + Sync + 'static,
    ) -> Result<Responder>
    where
        F: Future<Output = ResponderResult<()>> + Send + 'static,
    {
        plain_bus(on).accept_channel(Self::NAME, accept)
    }
}

impl<C: ChannelRequest> ChannelRequestExt for C {}

impl RequestDeclaration {
    pub(crate) fn of_channel<C: ChannelRequest>() -> Self {
        Self {
            name: C::NAME,
            type_name: std::any::type_name::<C>(),
            type_id: TypeId::of::<C>(),
            check_request_payload: check::<C>,
            check_part: Some(check::<C::Incoming>),
            // The host responds to it.
            check_response: |_| Ok(()),
            is_channel: true,
            request: |generator| generator.subschema_for::<C>(),
            part: Some(|generator| generator.subschema_for::<C::Incoming>()),
            response: |generator| generator.subschema_for::<C::Outgoing>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use tauri_plugin_event_bus_types::StreamRequest;

    use super::*;
    use crate::catalog::Catalog;
    use crate::model::error::ErrorCode;
    use crate::model::name::EventName;

    #[derive(serde::Serialize, serde::Deserialize, JsonSchema)]
    struct Chat;

    impl ChannelRequest for Chat {
        const NAME: &'static str = "chat";
        type Incoming = u32;
        type Outgoing = bool;
    }

    impl StreamRequest for Chat {
        const NAME: &'static str = "chat";
        type Part = u32;
        type Response = bool;
    }

    #[test]
    fn one_name_is_a_stream_or_a_channel() {
        let (stream, channel) = (
            RequestDeclaration::of_stream::<Chat>(),
            RequestDeclaration::of_channel::<Chat>(),
        );
        let error = Catalog::new(&[], &[stream, channel], false).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidEventName);
        for part in ["\"chat\"", "as a stream", "as a channel", "::Chat"] {
            assert!(error.message().contains(part), "{error}");
        }
        let catalog = Catalog::new(&[], &[channel], true).unwrap();
        assert_eq!(catalog.requests().count() + catalog.streams().count(), 0);
        let channels: Vec<&str> = catalog.channels().map(|channel| channel.name()).collect();
        assert_eq!(channels, ["chat"]);
        let name = EventName::parse("chat").unwrap();
        assert_eq!(catalog.check_part(&name, &"7".into()), Ok(()));
        let error = catalog.check_part(&name, &"-7".into()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidPayload);
    }

    /// A page gets what the host sends.
    #[test]
    fn the_map_of_channels_is_that_of_a_page() {
        let channel = RequestDeclaration::of_channel::<Chat>();
        let catalog = Catalog::new(&[], &[channel], false).unwrap();
        let text = catalog.typescript();
        let line = "    'chat': { request: Chat; incoming: boolean; outgoing: number }\n";
        assert!(
            text.contains(&format!("  interface ChannelMap {{\n{line}  }}\n")),
            "{text}"
        );
        assert!(!text.contains("StreamMap"), "{text}");
        let markdown = catalog.markdown();
        for part in [
            "# Channels",
            "| From the page | `number` |",
            "event-bus:request",
        ] {
            assert!(markdown.contains(part), "{markdown}");
        }
        let json = serde_json::to_value(&catalog).unwrap();
        assert_eq!(json["channels"][0]["incoming"]["type"], "boolean");
        assert_eq!(json["channels"][0]["outgoing"]["type"], "integer");
    }
}
