use std::sync::Arc;

use crate::model::error::{Error, ErrorCode, Result, quoted};

/// The trace that an event or a request belongs to, as `traceparent` of W3C Trace Context spells it. The bus checks the shape
/// and passes it on as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Traceparent(Arc<str>);

/// The lengths of the version, the trace, the parent and the flags.
const DIGITS: [usize; 4] = [2, 32, 16, 2];

/// The version that the standard leaves out.
const NO_VERSION: &str = "ff";

impl Traceparent {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if is_valid(text) {
            return Ok(Self(text.into()));
        }
        Err(Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "invalid traceparent {}: expected <version>-<trace>-<parent>-<flags> with 2, 32, 16 and 2 lowercase hexadecimal digits, as in W3C Trace Context",
                quoted(text)
            ),
        ))
    }

    /// Parses one, if there is one.
    pub(crate) fn read(text: Option<&str>) -> Result<Option<Self>> {
        text.map(Self::parse).transpose()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_valid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').take(DIGITS.len() + 1).collect();
    let [version, trace, parent, _] = parts[..] else {
        return false;
    };
    let has_digits = parts.iter().zip(DIGITS).all(|(part, digits)| {
        part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    });
    let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
    has_digits && version != NO_VERSION && !is_zero(trace) && !is_zero(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    #[test]
    fn traceparents_are_checked() {
        for valid in [
            format!("00-{TRACE}-{PARENT}-01"),
            format!("fe-{TRACE}-{PARENT}-ff"),
        ] {
            assert_eq!(Traceparent::parse(&valid).unwrap().as_str(), valid);
        }
        for invalid in [
            String::new(),
            "00".to_owned(),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-0\u{661}"),
            format!("00{TRACE}-{PARENT}-01-"),
            "-".repeat(100_000),
        ] {
            let error = Traceparent::parse(&invalid).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            let message = error.message();
            assert!(message.contains("expected <version>-<trace>"), "{message}");
            assert!(message.len() < 1024, "{}", message.len());
        }
    }
}
