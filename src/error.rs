use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// A result whose error is this plugin's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// What went wrong, as a stable word. TypeScript sees the same words in `error.code`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)+
        }

        impl ErrorCode {
            /// Every code that the host can answer.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)+];

            /// The code as TypeScript sees it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(ErrorCode::$variant => $text,)+
                }
            }
        }
    };
}

error_codes! {
    /// The event name is empty, longer than 255 bytes or has a character that names cannot have.
    InvalidEventName = "invalid_event_name",
    /// Names that begin with `tauri://` belong to Tauri itself.
    ReservedEventName = "reserved_event_name",
    /// The pattern of a listener or a target is not a valid glob.
    InvalidPattern = "invalid_pattern",
    /// An argument has the wrong type, is out of range or contradicts another one.
    InvalidArgument = "invalid_argument",
    /// A label names no webview.
    UnknownTarget = "unknown_target",
    /// No capability of the window allows it: the command, the event, or the event for this target.
    Denied = "denied",
    /// The payload's JSON is longer than the limit.
    PayloadTooLarge = "payload_too_large",
    /// The payload cannot be expressed as JSON, or is not JSON.
    InvalidPayload = "invalid_payload",
    /// A queue is full and the policy of the event is to reject, or no room is left for a retained event.
    QueueFull = "queue_full",
    /// The page has as many subscriptions as it may have.
    TooManySubscriptions = "too_many_subscriptions",
    /// The app has as many periodic jobs as it may have.
    TooManyJobs = "too_many_jobs",
    /// No periodic job of this owner has that id.
    UnknownJob = "unknown_job",
    /// A periodic job with that id is running already.
    DuplicateJob = "duplicate_job",
    /// The interval is not a number of at least one millisecond and at most one year, or shorter than a capability
    /// allows the page.
    InvalidInterval = "invalid_interval",
    /// The session has ended, or never was one of this webview.
    StaleSession = "stale_session",
    /// The event bus is not there: no Tauri, no plugin, or the app is exiting.
    Unavailable = "unavailable",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of the event bus: a stable [code](Error::code) and a message for people.
///
/// It serializes as `{ "code": "unknown_target", "message": "…" }`, so a command of yours can return it as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    code: ErrorCode,
    message: String,
}

impl Error {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// What went wrong, as a stable word.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What went wrong, which value caused it and what would be right, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Error", 2)?;
        fields.serialize_field("code", self.code.as_str())?;
        fields.serialize_field("message", &self.message)?;
        fields.end()
    }
}

/// A value for a message: quoted, and cut where it is too long to read.
pub(crate) fn quoted(value: &str) -> String {
    const LONGEST: usize = 80;
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &value[..end], value.len()),
        None => format!("{value:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serializes_as_code_and_message() {
        let error = Error::new(ErrorCode::UnknownTarget, "no webview \"x\"");
        assert_eq!(
            serde_json::to_value(&error).unwrap(),
            serde_json::json!({ "code": "unknown_target", "message": "no webview \"x\"" })
        );
    }

    #[test]
    fn quotes_long_values_in_part() {
        assert_eq!(quoted("a\"b"), r#""a\"b""#);
        let long = quoted(&"ä".repeat(200));
        assert!(
            long.ends_with("… (400 bytes)") && long.len() < 200,
            "{long}"
        );
    }
}
