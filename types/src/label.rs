use crate::error::{Error, ErrorCode, Result, quoted};
use crate::pattern::{ends_alike, is_wildcard, parse_glob};

/// The longest label or glob of labels, in bytes.
const MAX_LABEL_BYTES: usize = 255;

/// A label of a webview or window, or a glob of labels such as `editor-*`.
///
/// ```
/// use tauri_plugin_event_bus_types::LabelPattern;
///
/// let editors = LabelPattern::parse("editor-*")?;
/// assert!(editors.matches("editor-1"));
/// assert_eq!(editors.literal(), None);
/// # Ok::<(), tauri_plugin_event_bus_types::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LabelPattern(Form);

#[derive(Debug, Clone)]
enum Form {
    Literal(String),
    Glob(glob::Pattern),
}

impl LabelPattern {
    /// Parses a label, or a glob with `*`, `?` and `[abc]`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidArgument`] where it is empty or longer than 255 bytes, [`ErrorCode::InvalidPattern`] where the
    /// glob is invalid.
    pub fn parse(label: &str) -> Result<Self> {
        if label.is_empty() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the target has an empty label; a label has at least one character",
            ));
        }
        if label.len() > MAX_LABEL_BYTES {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the target's label {} is too long; it has at most {MAX_LABEL_BYTES} bytes",
                    quoted(label)
                ),
            ));
        }
        Ok(Self(if label.contains(is_wildcard) {
            Form::Glob(parse_glob(label)?)
        } else {
            Form::Literal(label.to_owned())
        }))
    }

    /// Whether it matches this label.
    #[must_use]
    pub fn matches(&self, label: &str) -> bool {
        match &self.0 {
            Form::Literal(own) => own == label,
            Form::Glob(glob) => glob.matches(label),
        }
    }

    /// Whether a label may exist that both match. Of two globs only the ends are compared, so that it is fast: it may be
    /// true where no such label exists, and never the other way round.
    #[must_use]
    pub fn may_overlap(&self, other: &Self) -> bool {
        match (self.literal(), other.literal()) {
            (Some(label), _) => other.matches(label),
            (_, Some(label)) => self.matches(label),
            (None, None) => ends_alike(self.as_str(), other.as_str()),
        }
    }

    /// The label, where it is no glob.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match &self.0 {
            Form::Literal(label) => Some(label),
            Form::Glob(_) => None,
        }
    }

    /// The text that it was parsed from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Form::Literal(label) => label,
            Form::Glob(glob) => glob.as_str(),
        }
    }
}
