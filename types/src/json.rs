//! Payloads: read with the path of what does not match, and written.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::ser::Serialize;

use crate::attached::{Attachment, attach};
use crate::error::{Error, ErrorCode, Result, escaped};
use crate::payload::{write_checked, write_marked};

/// Where and why a JSON text does not match a type.
#[derive(Debug)]
pub struct Mismatch {
    /// `None` for the value as a whole.
    path: Option<String>,
    error: serde_json::Error,
}

impl Mismatch {
    /// The error that says what does not match `T`. Its source is the error of serde.
    pub fn into_error<T>(self, what: impl fmt::Display) -> Error {
        let text = format!(
            "{what} does not match {}: {}",
            std::any::type_name::<T>(),
            escaped(&self)
        );
        Error::new(ErrorCode::InvalidPayload, text).with_source(self.error)
    }

    /// The error of serde.
    pub fn into_source(self) -> serde_json::Error {
        self.error
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "at `{path}`: {}", self.error),
            None => self.error.fmt(f),
        }
    }
}

/// Reads a payload, or finds where it does not match.
pub fn read_json<T: DeserializeOwned>(json: &str) -> Result<T, Mismatch> {
    // Keeping track of the path costs time, and only an error needs it.
    serde_json::from_str(json).or_else(|_| read_with_path(json))
}

fn read_with_path<T: DeserializeOwned>(json: &str) -> Result<T, Mismatch> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        Mismatch {
            // serde_path_to_error writes a dot for the payload as a whole.
            path: (path != ".").then_some(path),
            error: error.into_inner(),
        }
    })?;
    let end = deserializer.end();
    end.map_err(|error| Mismatch { path: None, error })?;
    Ok(value)
}

/// Writes a payload as JSON alone. `what` names it in an error.
pub fn write_json(what: impl fmt::Display, payload: &impl Serialize) -> Result<String> {
    write_checked(payload).map_err(|error| unwritable(what, error))
}

/// Writes a payload, with its bytes beside its JSON. `what` names it in an error.
pub fn write_attached(
    what: impl fmt::Display,
    payload: &impl Serialize,
) -> Result<(String, Box<[Attachment]>)> {
    match write_marked(payload) {
        Ok((text, bytes)) if bytes.is_empty() => Ok((text, Box::default())),
        Ok((text, bytes)) => attach(&text, bytes)
            .map_err(|problem| Error::new(ErrorCode::InvalidPayload, format!("{what} {problem}"))),
        Err(error) => Err(unwritable(what, error)),
    }
}

fn unwritable(what: impl fmt::Display, error: serde_json::Error) -> Error {
    let text = format!("{what} cannot be serialized as JSON: {error}");
    Error::new(ErrorCode::InvalidPayload, text).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_has_its_path() {
        let read = read_json::<Vec<Vec<u8>>>("[[1], [2, true]]");
        let text = read.unwrap_err().to_string();
        assert!(text.starts_with("at `[1][1]`: "), "{text}");
        let text = read_json::<u8>("true").unwrap_err().to_string();
        assert!(text.starts_with("invalid type"), "{text}");
    }

    #[test]
    fn text_after_the_value_is_refused() {
        let text = read_json::<u8>("1 2").unwrap_err().to_string();
        assert!(text.contains("trailing"), "{text}");
        assert_eq!(read_json::<u8>(" 1 ").unwrap(), 1);
    }
}
