use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::ser::{Serialize, SerializeStruct, Serializer};

/// A result whose error is this plugin's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)+) => {
        /// The kind of an error, as a stable word. TypeScript sees the same words in `error.code`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)+
        }

        impl ErrorCode {
            /// Every code.
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
    /// The event name is empty, longer than 255 bytes, or has a character that names cannot have.
    InvalidEventName = "invalid_event_name",
    /// The name belongs to Tauri (`tauri://…`) or to the bus itself (`event-bus:…`).
    ReservedEventName = "reserved_event_name",
    /// The pattern of a listener or a target is not a valid glob.
    InvalidPattern = "invalid_pattern",
    /// An argument has the wrong type, is out of range, or contradicts another argument.
    InvalidArgument = "invalid_argument",
    /// No webview has this label.
    UnknownTarget = "unknown_target",
    /// No capability of the window allows it: the command, the name, or the name for this target.
    Denied = "denied",
    /// The page exceeds a rate limit. [`Error::retry_after`] says how long to wait.
    RateLimited = "rate_limited",
    /// The payload's JSON is longer than the limit.
    PayloadTooLarge = "payload_too_large",
    /// The payload cannot be expressed as JSON, or is not JSON.
    InvalidPayload = "invalid_payload",
    /// The queue of a page, a stream or the listeners is full and the policy of the event is to reject, or there is no room
    /// for another retained event.
    QueueFull = "queue_full",
    /// The page has reached its limit of subscriptions.
    TooManySubscriptions = "too_many_subscriptions",
    /// The page or the app has reached its limit of jobs, or of the bytes that jobs keep.
    TooManyJobs = "too_many_jobs",
    /// No job of this owner has this id.
    UnknownJob = "unknown_job",
    /// A job with this id is running.
    DuplicateJob = "duplicate_job",
    /// There are as many tasks as a limit allows, or no room for what they keep.
    TooManyTasks = "too_many_tasks",
    /// There is no such task: it was not started since the app started, or it ended too long ago.
    UnknownTask = "unknown_task",
    /// A task with this name and key waits or runs.
    DuplicateTask = "duplicate_task",
    /// The interval is not between one millisecond and one year, or is shorter than a capability allows.
    InvalidInterval = "invalid_interval",
    /// No job source has this name.
    UnknownSource = "unknown_source",
    /// A job source failed. The message is its own.
    SourceFailed = "source_failed",
    /// The event or request has more causes than the limit, as if events cause each other endlessly. The message names them.
    EventLoop = "event_loop",
    /// The page or the host already has a responder of this name.
    DuplicateResponder = "duplicate_responder",
    /// The recipient has no responder of this name.
    NoResponder = "no_responder",
    /// The page has no such request: it was never sent there, or it has ended.
    UnknownRequest = "unknown_request",
    /// No response, or no event that was waited for, came in time.
    Timeout = "timeout",
    /// The responder threw, failed or panicked. [`Error::failure`] has the details.
    ResponderFailed = "responder_failed",
    /// The page was closed, left or reloaded before it responded.
    PageGone = "page_gone",
    /// A request to a page, or room in its queue, was awaited on the main thread, which a page needs to respond and to fetch
    /// events. Or a host listener awaited room in the queue of the listeners.
    WouldBlock = "would_block",
    /// The caller cancelled the request.
    Cancelled = "cancelled",
    /// The session has ended, or is not one of this webview.
    StaleSession = "stale_session",
    /// An interceptor of the app refused the event, or panicked.
    Refused = "refused",
    /// There is no event bus: no Tauri, no plugin, or the app is exiting.
    Unavailable = "unavailable",
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of the event bus: a stable [code](Error::code) and a message for people.
///
/// It serializes as `{ "code": "unknown_target", "message": "…" }`, so a command of an app can return it as it is. With
/// the code `rate_limited` it also has `"retryAfterMs"`, and with `responder_failed`, `"failure"`. Two errors are equal
/// when they serialize alike.
///
/// ```
/// use tauri_plugin_event_bus_types::{Error, ErrorCode, EventName};
///
/// let error = EventName::parse("a b").unwrap_err();
/// assert_eq!(error.code(), ErrorCode::InvalidEventName);
/// ```
#[derive(Debug, Clone)]
pub struct Error {
    code: ErrorCode,
    message: String,
    retry_after: Option<Duration>,
    failure: Option<Box<Failure>>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The error itself, so that it can be downcast; an `Arc` of an error is an error of another type.
        let source: &(dyn std::error::Error + 'static) = self.source.as_deref()?;
        Some(source)
    }
}

impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
            && self.message == other.message
            && self.retry_after == other.retry_after
            && self.failure == other.failure
    }
}

impl Eq for Error {}

/// How a responder failed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// The name of the error, for example `TypeError`. `Error` for a responder of the host, `panic` where it panicked.
    pub name: String,
    /// The message of the error.
    pub message: String,
    /// The stack trace, if the responder sends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
}

impl Failure {
    /// A failure, with long texts cut and hidden characters made visible.
    #[must_use]
    pub fn new(name: &str, message: &str, stack: Option<&str>) -> Self {
        Self {
            name: cut(visible(name.to_owned()), MAX_NAME),
            message: cut(visible(message.to_owned()), MAX_MESSAGE),
            // Its lines stay lines.
            stack: stack.map(|stack| {
                let lines: Vec<String> =
                    stack.lines().map(|line| visible(line.to_owned())).collect();
                cut(lines.join("\n"), MAX_STACK)
            }),
        }
    }
}

/// The longest message, in bytes. Results of commands are kept, and a page controls how many errors they have.
const MAX_MESSAGE: usize = 1024;

/// The longest name of a responder's error, and the longest stack, in bytes.
const MAX_NAME: usize = 64;
const MAX_STACK: usize = 8192;

fn cut(mut text: String, max_bytes: usize) -> String {
    if text.len() > max_bytes {
        let fits = |end: &usize| text.is_char_boundary(*end);
        let end = (0..=max_bytes).rev().find(fits).unwrap_or(0);
        text.truncate(end);
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

impl Error {
    /// An error. The message is cut after 1,024 bytes, and hidden characters in it are made visible.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = cut(visible(message.into()), MAX_MESSAGE);
        Self {
            code,
            message,
            retry_after: None,
            failure: None,
            source: None,
        }
    }

    /// The error for a caller whose responder failed.
    #[must_use]
    pub fn failed(name: &str, recipient: &str, failure: Failure) -> Self {
        let text = format!(
            "the responder of {name:?} in {recipient} failed: {}: {}",
            failure.name, failure.message
        );
        Self {
            failure: Some(Box::new(failure)),
            ..Self::new(ErrorCode::ResponderFailed, text)
        }
    }

    /// Adds how long to wait before another attempt.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }

    /// Adds the error that caused it, which [`std::error::Error::source`] returns.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: Some(Arc::from(source.into())),
            ..self
        }
    }

    /// The kind of the error, as a stable word.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What went wrong, which value caused it, and what is expected, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How long to wait before another attempt, where the code is [`ErrorCode::RateLimited`].
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// How the responder failed, where the code is [`ErrorCode::ResponderFailed`].
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_deref()
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let count =
            2 + usize::from(self.retry_after.is_some()) + usize::from(self.failure.is_some());
        let mut fields = serializer.serialize_struct("Error", count)?;
        fields.serialize_field("code", self.code.as_str())?;
        fields.serialize_field("message", &self.message)?;
        if let Some(wait) = self.retry_after {
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            fields.serialize_field("retryAfterMs", &millis)?;
        }
        if let Some(failure) = &self.failure {
            fields.serialize_field("failure", failure)?;
        }
        fields.end()
    }
}

/// A value for a message: quoted, and cut where it is too long to read.
pub fn quoted(value: &str) -> String {
    const MAX_QUOTED_CHARS: usize = 80;
    match value.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &value[..end], value.len()),
        None => format!("{value:?}"),
    }
}

/// The message of a parser about a foreign value: cut, and without characters that hide or reorder text.
pub fn escaped(text: &impl fmt::Display) -> String {
    const MAX_ESCAPED_BYTES: usize = 240;
    let text = text.to_string();
    let mut escaped = String::new();
    for (index, c) in text.char_indices() {
        if escaped.len() >= MAX_ESCAPED_BYTES {
            let _ = fmt::Write::write_fmt(
                &mut escaped,
                format_args!("… ({} bytes)", text.len() - index),
            );
            break;
        }
        push_visible(&mut escaped, c);
    }
    escaped
}

/// A text without characters that hide or reorder it.
fn visible(text: String) -> String {
    if text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        return text;
    }
    let mut visible = String::with_capacity(text.len());
    text.chars().for_each(|c| push_visible(&mut visible, c));
    visible
}

fn push_visible(text: &mut String, c: char) {
    match c {
        '"' | '\'' | '\\' => text.push(c),
        _ => text.extend(c.escape_debug()),
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
    fn a_rate_limited_error_has_a_wait() {
        let error = Error::new(ErrorCode::RateLimited, "too fast")
            .with_retry_after(Duration::from_millis(40));
        assert_eq!(
            serde_json::to_value(&error).unwrap(),
            serde_json::json!({ "code": "rate_limited", "message": "too fast", "retryAfterMs": 40 })
        );
    }

    #[test]
    fn messages_have_a_length_that_can_be_kept() {
        let fits = Error::new(ErrorCode::Denied, "x".repeat(MAX_MESSAGE));
        assert_eq!(fits.message().len(), MAX_MESSAGE);
        let cut = Error::new(ErrorCode::Denied, "ä".repeat(MAX_MESSAGE));
        assert_eq!(cut.message(), format!("{}…", "ä".repeat(MAX_MESSAGE / 2)));
    }

    #[test]
    fn foreign_text_is_cut_and_has_nothing_that_hides() {
        assert_eq!(
            escaped(&"unknown field `\u{202e}a\0\n\u{2028}`"),
            r"unknown field `\u{202e}a\0\n\u{2028}`"
        );
        assert_eq!(escaped(&r#"a "quoted" \ word"#), r#"a "quoted" \ word"#);
        let long = escaped(&"ä".repeat(9000));
        assert!(long.ends_with("… (17760 bytes)"), "{long}");
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
