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
pub struct LabelPattern(LabelForm);

#[derive(Debug, Clone)]
enum LabelForm {
    Literal(String),
    Glob(glob::Pattern),
}

impl LabelPattern {
    /// Parses a label, or a glob with `*`, `?` and `[abc]`.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidArgument`] if it is empty or longer than 255 bytes, [`ErrorCode::InvalidPattern`] if the glob is
    /// invalid.
    pub fn parse(label: &str) -> Result<Self> {
        if label.is_empty() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the target has an empty label; expected 1 to 255 bytes",
            ));
        }
        if label.len() > MAX_LABEL_BYTES {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the target's label {} has {} bytes; expected 1 to {MAX_LABEL_BYTES}",
                    quoted(label),
                    label.len()
                ),
            ));
        }
        Ok(Self(if label.contains(is_wildcard) {
            LabelForm::Glob(parse_glob(label)?)
        } else {
            LabelForm::Literal(label.to_owned())
        }))
    }

    /// Whether it matches this label.
    #[must_use]
    pub fn matches(&self, label: &str) -> bool {
        match &self.0 {
            LabelForm::Literal(own) => own == label,
            LabelForm::Glob(glob) => glob.matches(label),
        }
    }

    /// Whether a label may exist that both match. Of two globs only the ends are compared, so that it is fast. It may be
    /// true although no such label exists, and is never false if one does.
    #[must_use]
    pub fn may_overlap(&self, other: &Self) -> bool {
        match (self.literal(), other.literal()) {
            (Some(label), _) => other.matches(label),
            (_, Some(label)) => self.matches(label),
            (None, None) => ends_alike(self.as_str(), other.as_str()),
        }
    }

    /// The label; `None` for a glob.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match &self.0 {
            LabelForm::Literal(label) => Some(label),
            LabelForm::Glob(_) => None,
        }
    }

    /// The text that it was parsed from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            LabelForm::Literal(label) => label,
            LabelForm::Glob(glob) => glob.as_str(),
        }
    }
}
