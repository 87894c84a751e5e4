use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::error::{Error, ErrorCode, Result, escaped};
use crate::model::payload::write_json;

pub(crate) fn to_json(name: &str, payload: &impl Serialize) -> Result<String> {
    write_json(payload).map_err(|problem| {
        Error::new(
            ErrorCode::InvalidPayload,
            format!("the payload of {name:?} cannot be serialized as JSON: {problem}"),
        )
    })
}

/// Reads a payload, or describes where it does not match.
pub(crate) fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        // serde_path_to_error writes a dot for the payload as a whole.
        if path == "." {
            error.inner().to_string()
        } else {
            format!("at `{path}`: {}", error.inner())
        }
    })
}

/// Reads a request or a response.
pub(crate) fn read_as<T: DeserializeOwned>(json: &str, what: impl FnOnce() -> String) -> Result<T> {
    from_json(json).map_err(|problem| {
        Error::new(
            ErrorCode::InvalidPayload,
            format!(
                "{} does not match {}: {}",
                what(),
                std::any::type_name::<T>(),
                escaped(&problem)
            ),
        )
    })
}
