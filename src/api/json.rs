use serde::Serialize;
use serde::de::DeserializeOwned;
use tauri_plugin_event_bus_types::internal::{read_json, write_json};

use crate::model::error::Result;

pub(crate) fn to_json(name: &str, payload: &impl Serialize) -> Result<String> {
    write_json(format_args!("the payload of {name:?}"), payload)
}

/// Reads a request or a response.
pub(crate) fn read_as<T: DeserializeOwned>(json: &str, what: impl FnOnce() -> String) -> Result<T> {
    read_json(json).map_err(|mismatch| mismatch.into_error::<T>(what()))
}
