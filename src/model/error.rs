use std::fmt;
use std::time::Duration;

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
    /// Names that begin with `tauri://` belong to Tauri itself, and what begins with `event-bus:` only the bus emits.
    ReservedEventName = "reserved_event_name",
    /// The pattern of a listener or a target is not a valid glob.
    InvalidPattern = "invalid_pattern",
    /// An argument has the wrong type, is out of range or contradicts another one.
    InvalidArgument = "invalid_argument",
    /// A label names no webview.
    UnknownTarget = "unknown_target",
    /// No capability of the window allows it: the command, the event, or the event for this target.
    Denied = "denied",
    /// The page does something faster than it may. [`Error::retry_after`] says how long to wait.
    RateLimited = "rate_limited",
    /// The payload's JSON is longer than the limit.
    PayloadTooLarge = "payload_too_large",
    /// The payload cannot be expressed as JSON, or is not JSON.
    InvalidPayload = "invalid_payload",
    /// A queue is full and the policy of the event is to reject, or no room is left for a retained event.
    QueueFull = "queue_full",
    /// The page has as many subscriptions as it may have.
    TooManySubscriptions = "too_many_subscriptions",
    /// The page or the app has as many periodic jobs as it may have, or their payloads are as long as they may be.
    TooManyJobs = "too_many_jobs",
    /// No periodic job of this owner has that id.
    UnknownJob = "unknown_job",
    /// A periodic job with that id is running already.
    DuplicateJob = "duplicate_job",
    /// The interval is not a number of at least one millisecond and at most one year, or shorter than a capability
    /// allows the page.
    InvalidInterval = "invalid_interval",
    /// No source of periodic payloads has that name.
    UnknownSource = "unknown_source",
    /// A source of periodic payloads failed. The message is its own.
    SourceFailed = "source_failed",
    /// The event or question follows from more others than it may: they cause each other, without an end. The message names
    /// them.
    EventLoop = "event_loop",
    /// The page answers questions of this name already: one responder a name and page, or one in Rust.
    DuplicateResponder = "duplicate_responder",
    /// Nobody answers questions of this name there, and the page is not starting any more.
    NoResponder = "no_responder",
    /// The page was not asked this, or has answered it, or whoever asked waits no more.
    UnknownRequest = "unknown_request",
    /// The question was not answered in time.
    Timeout = "timeout",
    /// The responder threw, failed or panicked. [`Error::failure`] says what it said.
    ResponderFailed = "responder_failed",
    /// The page that was asked was closed, left or reloaded before it answered.
    PageGone = "page_gone",
    /// A question to a page was awaited on the main thread, through which the answer would have to come.
    WouldBlock = "would_block",
    /// Whoever asked has given the question up.
    Cancelled = "cancelled",
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
/// It serializes as `{ "code": "unknown_target", "message": "…" }`, so a command of yours can return it as it is. Where the
/// code is `rate_limited` there is `"retryAfterMs"`, too, and where it is `responder_failed`, `"failure"`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    code: ErrorCode,
    message: String,
    retry_after: Option<Duration>,
    failure: Option<Box<Failure>>,
}

/// What a responder said when it failed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// The name of the error: `TypeError`, say. `Error` for a responder in Rust, `panic` where that panicked.
    pub name: String,
    /// What it said.
    pub message: String,
    /// Where in the page it happened, if the responder tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
}

impl Failure {
    pub(crate) fn new(name: &str, message: &str, stack: Option<&str>) -> Self {
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

/// The longest message, in bytes. Recorded answers are kept, and a page chooses what goes wrong.
const MAX_MESSAGE: usize = 1024;

/// The longest name of a responder's error, and the longest stack, in bytes.
const MAX_NAME: usize = 64;
const MAX_STACK: usize = 8192;

fn cut(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        let fits = |end: &usize| text.is_char_boundary(*end);
        let end = (0..=longest).rev().find(fits).unwrap_or(0);
        text.truncate(end);
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

impl Error {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = cut(visible(message.into()), MAX_MESSAGE);
        Self {
            code,
            message,
            retry_after: None,
            failure: None,
        }
    }

    /// A responder failed.
    pub(crate) fn failed(event: &str, who: &str, failure: Failure) -> Self {
        let text = format!(
            "the responder of {event:?} in {who} failed: {}: {}",
            failure.name, failure.message
        );
        Self {
            failure: Some(Box::new(failure)),
            ..Self::new(ErrorCode::ResponderFailed, text)
        }
    }

    pub(crate) fn with_retry_after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
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

    /// How long to wait before the same is worth another try, where the code is [`ErrorCode::RateLimited`].
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the responder said, where the code is [`ErrorCode::ResponderFailed`].
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
pub(crate) fn quoted(value: &str) -> String {
    const LONGEST: usize = 80;
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &value[..end], value.len()),
        None => format!("{value:?}"),
    }
}

/// What a parser says of a foreign value, which it quotes as it is: cut, and without characters that hide or reorder text.
pub(crate) fn escaped(text: &impl fmt::Display) -> String {
    const LONGEST: usize = 240;
    let text = text.to_string();
    let mut escaped = String::new();
    for (place, c) in text.char_indices() {
        if escaped.len() >= LONGEST {
            let _ = fmt::Write::write_fmt(
                &mut escaped,
                format_args!("… ({} bytes)", text.len() - place),
            );
            break;
        }
        push_visible(&mut escaped, c);
    }
    escaped
}

/// A text without characters that hide or reorder it, wherever in it a foreign value stands.
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
    fn says_when_to_try_again() {
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
