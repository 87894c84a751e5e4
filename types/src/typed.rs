//! Typed events and requests: one declaration gives the name and the types.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::ser::Serialize;

use crate::attached::{Attachment, read_attached};
use crate::error::{Error, ErrorCode, Result};
use crate::json::{read_json, write_attached, write_json};
use crate::numbers;
use crate::policy::Policy;

/// An event whose payload is a type of yours.
///
/// The doc comments of the type and of its fields describe the event. In an app, register the type with `Builder::event`:
/// payloads of pages under its name must then match it, and its TypeScript and documentation are generated.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus_types::Event;
///
/// /// The content of the cart changed.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// #[serde(rename_all = "camelCase")]
/// struct CartUpdated {
///     /// The number of items in the cart now.
///     item_count: u32,
/// }
///
/// impl Event for CartUpdated {
///     const NAME: &'static str = "cart:updated";
/// }
///
/// assert_eq!(CartUpdated { item_count: 3 }.to_json()?, r#"{"itemCount":3}"#);
/// let error = CartUpdated::from_json(r#"{"itemCount":-1}"#).err().unwrap();
/// assert!(error.message().contains("at `itemCount`"));
/// # Ok::<(), tauri_plugin_event_bus_types::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no event of the bus",
    note = "implement `Event` for it: `impl Event for {Self} {{ const NAME: &'static str = \"…\"; }}`"
)]
pub trait Event: Serialize + DeserializeOwned + JsonSchema + 'static {
    /// The name of the event: 1 to 255 bytes.
    const NAME: &'static str;

    /// How the event is kept and delivered, unless `tauri.conf.json` or `Builder::policy` says otherwise.
    const POLICY: Policy = Policy::new();

    /// Whether payloads of pages must match the type. If not, they pass unchecked.
    const CHECKED: bool = true;

    /// Who emits the event, for the documentation: `&["the host", "the window `main`"]`.
    const EMITTED_BY: &'static [&'static str] = &[];

    /// Who listens to the event, for the documentation.
    const LISTENED_BY: &'static [&'static str] = &[];

    /// Reads a payload.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidPayload`] if it does not match the type. The message has the path, and the source is the error
    /// of serde.
    fn from_json(json: &str) -> Result<Self> {
        read_event(json, &[])
    }

    /// Writes the payload.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidPayload`] if it has a number that a page could not read exactly (the message has its path; see
    /// [`Exact`](crate::Exact)), or if it cannot be expressed as JSON.
    fn to_json(&self) -> Result<String> {
        write_readable(event_payload::<Self>(), self, write_json)
    }
}

/// A request whose payload is a type of yours, with a typed response.
///
/// The doc comment of the type describes the request. In an app, register the type with `Builder::request`: requests and
/// responses of pages under its name must then match these types, and `RequestMap` is generated.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus_types::Request;
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
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no request of the bus",
    note = "implement `Request` for it: `impl Request for {Self} {{ const NAME: &'static str = \"…\"; type Response = …; }}`"
)]
pub trait Request: Serialize + DeserializeOwned + JsonSchema + 'static {
    /// The name of the request: 1 to 255 bytes.
    const NAME: &'static str;

    /// The type of the response.
    type Response: Serialize + DeserializeOwned + JsonSchema + Send + 'static;

    /// Reads the payload of a request.
    ///
    /// # Errors
    ///
    /// Those of [`Event::from_json`].
    fn from_json(json: &str) -> Result<Self> {
        read_json(json).map_err(|mismatch| mismatch.into_error::<Self>(request_payload::<Self>()))
    }

    /// Writes the payload of the request.
    ///
    /// # Errors
    ///
    /// Those of [`Event::to_json`].
    fn to_json(&self) -> Result<String> {
        write_readable(request_payload::<Self>(), self, write_json)
    }
}

/// A request that is responded to with a stream: parts, and then a response.
///
/// The doc comment of the type describes the stream. In an app, register the type with `Builder::stream_request`: requests,
/// parts and responses of pages under its name must then match these types, and `StreamMap` is generated.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus_types::StreamRequest;
///
/// /// Exports the table.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Export {
///     format: String,
/// }
///
/// /// How far an export is.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Progress {
///     done: u32,
///     of: u32,
/// }
///
/// impl StreamRequest for Export {
///     const NAME: &'static str = "export";
///     type Part = Progress;
///     type Response = String;
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no request for a stream of the bus",
    note = "implement `StreamRequest` for it: `impl StreamRequest for {Self} {{ const NAME: &'static str = \"…\"; type Part = …; type Response = …; }}`"
)]
pub trait StreamRequest: Serialize + DeserializeOwned + JsonSchema + 'static {
    /// The name of the request: 1 to 255 bytes.
    const NAME: &'static str;

    /// The type of the parts.
    type Part: Serialize + DeserializeOwned + JsonSchema + Send + 'static;

    /// The type of the response, which comes behind the parts.
    type Response: Serialize + DeserializeOwned + JsonSchema + Send + 'static;

    /// Reads the payload of a request.
    ///
    /// # Errors
    ///
    /// Those of [`Event::from_json`].
    fn from_json(json: &str) -> Result<Self> {
        read_json(json).map_err(|mismatch| mismatch.into_error::<Self>(stream_payload::<Self>()))
    }

    /// Writes the payload of the request.
    ///
    /// # Errors
    ///
    /// Those of [`Event::to_json`].
    fn to_json(&self) -> Result<String> {
        write_readable(stream_payload::<Self>(), self, write_json)
    }
}

/// A channel that pages open to the host: parts both ways.
///
/// The type is that of the payload with which a page opens it, and its doc comment describes the channel. In an app, register
/// the type with `Builder::channel_request`: what pages send under its name must then match these types, and `ChannelMap` is
/// generated.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use tauri_plugin_event_bus_types::ChannelRequest;
///
/// /// A room of the chat.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Room {
///     name: String,
/// }
///
/// /// What somebody has said.
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// struct Said {
///     from: String,
///     text: String,
/// }
///
/// impl ChannelRequest for Room {
///     const NAME: &'static str = "chat";
///     type Incoming = String;
///     type Outgoing = Said;
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no channel of the bus",
    note = "implement `ChannelRequest` for it: `impl ChannelRequest for {Self} {{ const NAME: &'static str = \"…\"; type Incoming = …; type Outgoing = …; }}`"
)]
pub trait ChannelRequest: DeserializeOwned + JsonSchema + 'static {
    /// The name of the channel: 1 to 255 bytes.
    const NAME: &'static str;

    /// The type of the parts that a page sends.
    type Incoming: DeserializeOwned + JsonSchema + 'static;

    /// The type of the parts that the host sends.
    type Outgoing: Serialize + JsonSchema + 'static;
}

// The plugin calls these, and not the methods: a type may override a method, and what pages get has to be JSON.

/// Reads a payload and its bytes: see [`Event::from_json`].
pub fn read_event<E: Event>(json: &str, attached: &[Attachment]) -> Result<E> {
    read_attached(json, attached).map_err(|mismatch| mismatch.into_error::<E>(event_payload::<E>()))
}

/// Writes a payload, with its bytes beside its JSON: see [`Event::to_json`].
pub fn write_event<E: Event>(event: &E) -> Result<(String, Box<[Attachment]>)> {
    write_readable(event_payload::<E>(), event, write_attached)
}

/// Writes the payload of a request, with its bytes beside its JSON: see [`Request::to_json`].
pub fn write_request<R: Request>(request: &R) -> Result<(String, Box<[Attachment]>)> {
    write_readable(request_payload::<R>(), request, write_attached)
}

/// Writes the payload of a request for a stream, with its bytes beside its JSON: see [`StreamRequest::to_json`].
pub fn write_stream_request<S: StreamRequest>(request: &S) -> Result<(String, Box<[Attachment]>)> {
    write_readable(stream_payload::<S>(), request, write_attached)
}

/// What a payload is in an error. It becomes text only there.
struct What(&'static str, &'static str);

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.0, self.1)
    }
}

fn event_payload<E: Event>() -> What {
    What("the payload of", E::NAME)
}

fn request_payload<R: Request>() -> What {
    What("the request", R::NAME)
}

fn stream_payload<S: StreamRequest>() -> What {
    What("the request", S::NAME)
}

/// Writes a value in which pages can read every number exactly.
fn write_readable<T: Serialize, W>(
    what: What,
    value: &T,
    write: impl FnOnce(What, &T) -> Result<W>,
) -> Result<W> {
    match numbers::check(value) {
        Ok(()) => write(what, value),
        Err(problem) => {
            let text = format!("{what}: {problem}");
            Err(Error::new(ErrorCode::InvalidPayload, text).with_source(problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[derive(Debug, serde::Serialize, serde::Deserialize, JsonSchema)]
    struct Counted {
        id: u64,
    }

    impl Event for Counted {
        const NAME: &'static str = "counted";
    }

    impl Request for Counted {
        const NAME: &'static str = "count";
        type Response = ();
    }

    impl StreamRequest for Counted {
        const NAME: &'static str = "count-up";
        type Part = u32;
        type Response = ();
    }

    #[test]
    fn what_cannot_be_read_says_where_and_why() {
        for (read, what) in [
            (<Counted as Event>::from_json("{\"id\":-1}"), "\"counted\""),
            (<Counted as Request>::from_json("{\"id\":-1}"), "\"count\""),
            (
                <Counted as StreamRequest>::from_json("{\"id\":-1}"),
                "\"count-up\"",
            ),
        ] {
            let error = read.unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidPayload);
            for part in [what, "at `id`", "Counted", "-1"] {
                assert!(error.message().contains(part), "{error}");
            }
            let source = error.source().unwrap();
            assert!(source.is::<serde_json::Error>(), "{source}");
        }
    }

    #[test]
    fn what_pages_cannot_read_is_not_written() {
        let fits = Counted { id: 7 };
        assert_eq!(Event::to_json(&fits).unwrap(), "{\"id\":7}");
        let beyond = Counted { id: u64::MAX };
        for (written, what) in [
            (Event::to_json(&beyond), "the payload of \"counted\""),
            (Request::to_json(&beyond), "the request \"count\""),
            (StreamRequest::to_json(&beyond), "the request \"count-up\""),
        ] {
            let error = written.unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidPayload);
            for part in [what, "at `id`", "18446744073709551615", "Exact"] {
                assert!(error.message().contains(part), "{error}");
            }
            assert!(error.source().is_some());
        }
    }
}
