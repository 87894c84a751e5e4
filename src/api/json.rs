use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::error::Result;
use crate::model::json::Json;

pub(crate) fn to_json(name: &str, payload: &impl Serialize) -> Result<Json> {
    Json::write(format_args!("the payload of {name:?}"), payload)
}

/// Reads a request or a response.
pub(crate) fn read_as<T: DeserializeOwned>(
    json: &Json,
    what: impl FnOnce() -> String,
) -> Result<T> {
    json.read()
        .map_err(|mismatch| mismatch.into_error::<T>(what()))
}
