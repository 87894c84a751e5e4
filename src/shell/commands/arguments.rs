//! Reading the arguments of a page, and writing its results.

use std::fmt::Display;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tauri::EventTarget;
use tauri_plugin_event_bus_types::Bytes;

use crate::api::request::{DEFAULT_TIMEOUT, check_timeout};
use crate::api::target::IntoTarget;
use crate::catalog::Catalog;
use crate::engine::core::Core;
use crate::hub::Address;
use crate::hub::command_log::JsonResult;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, escaped, quoted};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::pattern::is_wildcard;
use crate::model::payload::check_json;
use crate::model::target::Target;
use crate::shell::convert::core_target_of;

/// The most entries of one command. The guest sends a longer batch as several commands.
const MAX_ENTRIES: usize = 1024;

pub(crate) fn check_entries(what: &str, count: usize) -> Result<()> {
    if count <= MAX_ENTRIES {
        return Ok(());
    }
    Err(invalid_argument(format!(
        "one command has {count} {what}; send at most {MAX_ENTRIES} in one"
    )))
}

/// Lets an entry pass that a rate refuses, if it says that it is compatible, and compatible mode says so, too.
pub(super) fn pass_as_compatible(core: &Core, entry: &Value, taken: Result<()>) -> Result<()> {
    let Err(error) = taken else {
        return Ok(());
    };
    let name = EventName::parse(entry["event"].as_str().unwrap_or_default());
    match name {
        Ok(name) if entry["compatible"] == true => core.pass_limit(&name, Err(error)),
        _ => Err(error),
    }
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum EntryResult<A> {
    Done(A),
    Refused { error: Error },
}

impl<A> EntryResult<A> {
    pub(super) fn of(result: Result<A>) -> Self {
        match result {
            Ok(done) => Self::Done(done),
            Err(error) => Self::Refused { error },
        }
    }
}

/// Reads an argument. `what` names it in an error.
pub(super) fn read<T: DeserializeOwned>(what: impl Display, value: Value) -> Result<T> {
    serde_json::from_value(value)
        .map_err(|error| invalid_argument(format!("invalid {what}: {}", escaped(&error))))
}

pub(super) fn write(value: &impl Serialize) -> JsonResult {
    let text = serde_json::to_string(value).map_err(|error| invalid_argument(error.to_string()))?;
    Ok(text.into())
}

/// Reads how long a page waits.
pub(super) fn read_timeout(millis: Option<f64>) -> Result<Duration> {
    let Some(millis) = millis else {
        return Ok(DEFAULT_TIMEOUT);
    };
    let timeout = Duration::try_from_secs_f64(millis / 1000.0).map_err(|_| {
        invalid_argument(format!(
            "timeoutMs is {millis}; it must be a number from 1 to 86400000"
        ))
    })?;
    check_timeout(timeout)
}

/// Checks that a page's payload is JSON that every reader can read, and keeps its text. No payload is `null`. It has a mark
/// in the place of each of these bytes.
pub(crate) fn read_json(
    name: &EventName,
    payload: Option<String>,
    bytes: Vec<Bytes>,
) -> Result<Json> {
    let invalid = |problem| {
        Error::new(
            ErrorCode::InvalidPayload,
            format!("the payload of {:?} {problem}", name.as_str()),
        )
    };
    let json = match (payload, bytes.is_empty()) {
        (None, true) => return Ok(Value::Null.to_string().into()),
        (Some(text), true) => text.into(),
        (text, false) => Json::with_bytes(&text.unwrap_or_default(), bytes).map_err(invalid)?,
    };
    check_json(&json).map_err(invalid)?;
    Ok(json)
}

/// Refuses an unregistered request name. Unlike the error for Rust, this one lists no registered names: a page reads them
/// with the permission `allow-catalog`.
pub(super) fn check_request_name(catalog: &Catalog, name: &EventName) -> Result<()> {
    catalog.check_request_name(name).map_err(|error| {
        Error::new(
            error.code(),
            format!(
                "no request is registered as {}, and the catalog is strict; register it with Builder::request, or look for another name in the catalog",
                quoted(name.as_str())
            ),
        )
    })
}

/// Checks that a page's payload is JSON, and that it matches its event if that is a typed one.
pub(super) fn read_payload(
    catalog: &Catalog,
    name: &EventName,
    payload: Option<String>,
    bytes: Vec<Bytes>,
) -> Result<Json> {
    catalog.check_name(name)?;
    let payload = read_json(name, payload, bytes)?;
    catalog.check_payload(name, &payload)?;
    Ok(payload)
}

/// Reads a target as TypeScript writes it: a label or glob, an endpoint, Tauri's `EventTarget`, or a list of these.
pub(crate) fn read_target(target: &Value) -> Result<Target> {
    match target {
        Value::String(label) => Ok(label.into()),
        Value::Array(targets) => {
            let targets: Vec<Target> = targets.iter().map(read_target).collect::<Result<_>>()?;
            Ok(Target::join(targets))
        }
        other => match other["kind"].as_str() {
            Some("host" | "webview" | "node") => read_endpoint_target(other),
            Some("Node") => {
                let NodeEntry::Node { node } = NodeEntry::deserialize(other).map_err(|error| {
                    invalid_target(
                        other,
                        r#"expected { "kind": "Node", "node": "…" }"#,
                        &escaped(&error),
                    )
                })?;
                Ok(Target::node(node))
            }
            _ => EventTarget::deserialize(other)
                .map(IntoTarget::into_target)
                .map_err(|error| {
                    invalid_target(
                        other,
                        "expected a label, a list of labels, an endpoint or an EventTarget",
                        &escaped(&error),
                    )
                }),
        },
    }
}

/// Reads a target of an event or a listener that was written for Tauri's events: an `EventTarget`.
pub(super) fn read_core_target(target: &Value) -> Result<Address> {
    let read = EventTarget::deserialize(target)
        .map_err(|error| invalid_target(target, "expected an EventTarget", &escaped(&error)))?;
    Ok(Address::of_core(core_target_of(&read)?, read.into_target()))
}

/// Reads an endpoint as a target. Its label is the label of one webview, and never a glob.
fn read_endpoint_target(target: &Value) -> Result<Target> {
    let expected = r#"expected { "kind": "host" }, { "kind": "webview", "label": "…" } or { "kind": "node", "node": "…" }"#;
    let entry = EndpointEntry::deserialize(target)
        .map_err(|error| invalid_target(target, expected, &escaped(&error)))?;
    let endpoint = Endpoint::from(entry);
    if let Some(wildcard) = endpoint
        .label()
        .and_then(|label| label.chars().find(|c| is_wildcard(*c)))
    {
        let problem = format!("its label has the wildcard {wildcard:?}; for a glob, use a string");
        return Err(invalid_target(
            target,
            "expected the label of one webview",
            &problem,
        ));
    }
    Ok(endpoint.into())
}

fn invalid_target(target: &Value, expected: &str, problem: &str) -> Error {
    invalid_argument(format!(
        "invalid target {}: {expected}: {problem}",
        quoted(&target.to_string())
    ))
}

/// An [`Endpoint`] as TypeScript writes it.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum EndpointEntry {
    Host {},
    Webview { label: Box<str> },
    Node { node: Box<str> },
}

/// Another node, as a target.
#[derive(Deserialize)]
#[serde(tag = "kind", deny_unknown_fields)]
enum NodeEntry {
    Node { node: String },
}

impl From<EndpointEntry> for Endpoint {
    fn from(endpoint: EndpointEntry) -> Self {
        match endpoint {
            EndpointEntry::Host {} => Self::Host,
            EndpointEntry::Webview { label } => Self::Webview(label.into()),
            EndpointEntry::Node { node } => Self::Node(node.into()),
        }
    }
}

pub(super) fn invalid_argument(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn refused(target: Value, parts: &[&str]) {
        let error = read_target(&target).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        for part in parts {
            assert!(error.message().contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn a_wrong_endpoint_is_refused_as_an_endpoint() {
        refused(
            json!({ "kind": "host", "label": "x" }),
            &["unknown field `label`"],
        );
        refused(json!({ "kind": "webview" }), &["missing field `label`"]);
        refused(
            json!({ "kind": "webview", "label": 7 }),
            &["invalid type: integer `7`"],
        );
    }

    #[test]
    fn a_wrong_event_target_is_refused_as_such() {
        refused(json!({ "kind": "Window" }), &["missing field `label`"]);
        refused(
            json!({ "kind": "page" }),
            &["unknown variant `page`", "EventTarget"],
        );
        refused(json!(7), &["expected a label", "7"]);
    }

    #[test]
    fn the_label_of_an_endpoint_is_no_glob() {
        for label in ["a*", "a?", "[ab]"] {
            refused(
                json!({ "kind": "webview", "label": label }),
                &["wildcard", label],
            );
            assert!(read_target(&json!(label)).is_ok());
        }
    }
}
