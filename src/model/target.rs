use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::pattern::{is_wildcard, parse_glob};
use crate::permissions::Labels;

/// The most labels and globs of one target.
const MAX_PARTS: usize = 64;

/// The longest label or glob of labels, in bytes.
const MAX_LABEL_BYTES: usize = 255;

/// Whom an event is for: one webview by its label, a glob of labels, several of them, or Tauri's `EventTarget`.
///
/// Made from a string, an array or a list of strings, or an `EventTarget`; a glob has the wildcards `*`, `?` and
/// `[abc]`.
///
/// ```
/// use tauri_plugin_event_bus::Target;
///
/// let one = Target::from("main");
/// let editors = Target::from("editor-*");
/// let both = Target::from(["main", "settings"]);
/// let window = Target::from(tauri::EventTarget::window("main"));
/// # let _ = (one, editors, both, window);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    Everyone,
    Host,
    Webview(String),
    Window(String),
}

impl Target {
    /// Every page and the app's own listeners: what a broadcast reaches.
    #[must_use]
    pub fn everyone() -> Self {
        Self::of(Part::Everyone)
    }

    /// The app's own listeners in Rust, and no page.
    #[must_use]
    pub fn host() -> Self {
        Self::of(Part::Host)
    }

    /// The webview with this label, or those that match this glob of labels.
    pub fn webview(label: impl Into<String>) -> Self {
        Self::of(Part::Webview(label.into()))
    }

    /// Every webview of the window with this label, or of those that match this glob of labels.
    pub fn window(label: impl Into<String>) -> Self {
        Self::of(Part::Window(label.into()))
    }

    fn of(part: Part) -> Self {
        Self { parts: vec![part] }
    }

    pub(crate) fn join(targets: impl IntoIterator<Item = Target>) -> Self {
        Self {
            parts: targets
                .into_iter()
                .flat_map(|target| target.parts)
                .collect(),
        }
    }

    /// About as many bytes as it takes, parsed and as it was given. A parsed glob has a token for each character.
    pub(crate) fn weight(&self) -> usize {
        const ENVELOPE: usize = 96;
        const TOKEN: usize = 64;
        let weight_of = |part: &Part| match part {
            Part::Everyone | Part::Host => ENVELOPE,
            Part::Webview(label) | Part::Window(label) if label.contains(is_wildcard) => {
                ENVELOPE + label.len() * TOKEN
            }
            Part::Webview(label) | Part::Window(label) => ENVELOPE + label.len() * 3,
        };
        self.parts.iter().map(weight_of).sum()
    }

    pub(crate) fn select(&self) -> Result<Selection> {
        if self.parts.is_empty() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the target is an empty list; it names at least one label",
            ));
        }
        if self.parts.len() > MAX_PARTS {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the target has {} labels; it has at most {MAX_PARTS}, and a glob names many",
                    self.parts.len()
                ),
            ));
        }
        let mut selection = Selection::default();
        for part in &self.parts {
            match part {
                Part::Everyone => selection.everyone = true,
                Part::Host => selection.host = true,
                Part::Webview(label) => selection.webviews.push(LabelPattern::parse(label)?),
                Part::Window(label) => selection.windows.push(LabelPattern::parse(label)?),
            }
        }
        Ok(selection)
    }
}

/// As TypeScript writes it: a label, an `EventTarget` of Tauri, or a list of these.
impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.parts.as_slice() {
            [part] => part.serialize(serializer),
            parts => serializer.collect_seq(parts),
        }
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, label) = match self {
            Self::Webview(label) => return serializer.serialize_str(label),
            Self::Everyone => ("Any", None),
            Self::Host => ("host", None),
            Self::Window(label) => ("Window", Some(label)),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", kind)?;
        if let Some(label) = label {
            map.serialize_entry("label", label)?;
        }
        map.end()
    }
}

impl From<Endpoint> for Target {
    fn from(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Host => Self::host(),
            Endpoint::Webview(label) => Self::webview(&*label),
        }
    }
}

impl From<&Endpoint> for Target {
    fn from(endpoint: &Endpoint) -> Self {
        endpoint.clone().into()
    }
}

impl From<&str> for Target {
    fn from(label: &str) -> Self {
        Self::webview(label)
    }
}

impl From<String> for Target {
    fn from(label: String) -> Self {
        Self::webview(label)
    }
}

impl From<&String> for Target {
    fn from(label: &String) -> Self {
        Self::webview(label)
    }
}

impl<T: Into<Target>> From<Vec<T>> for Target {
    fn from(labels: Vec<T>) -> Self {
        Self::join(labels.into_iter().map(Into::into))
    }
}

impl<T: Into<Target> + Clone> From<&[T]> for Target {
    fn from(labels: &[T]) -> Self {
        Self::join(labels.iter().cloned().map(Into::into))
    }
}

impl<T: Into<Target>, const N: usize> From<[T; N]> for Target {
    fn from(labels: [T; N]) -> Self {
        Self::join(labels.into_iter().map(Into::into))
    }
}

/// A [`Target`] whose patterns are checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) everyone: bool,
    pub(crate) host: bool,
    pub(crate) webviews: Vec<LabelPattern>,
    pub(crate) windows: Vec<LabelPattern>,
    /// Of all these, only those to whom the page that named them may send. All, if there is nothing.
    pub(crate) within: Option<Arc<Labels>>,
}

impl Selection {
    pub(crate) fn has_webview(&self, webview: &str, window: &str) -> bool {
        let is_named = self.everyone
            || self.webviews.iter().any(|pattern| pattern.matches(webview))
            || self.windows.iter().any(|pattern| pattern.matches(window));
        is_named && self.may_reach(webview)
    }

    /// Whether it is a list of labels of webviews, without windows or globs.
    pub(crate) fn names_only_webviews(&self) -> bool {
        let is_label = |pattern: &LabelPattern| pattern.literal().is_some();
        !self.everyone && self.windows.is_empty() && self.webviews.iter().all(is_label)
    }

    /// Whether the page that made this may send to the webview, whether it has named it or not.
    pub(crate) fn may_reach(&self, webview: &str) -> bool {
        self.within
            .as_ref()
            .is_none_or(|within| within.allows(webview))
    }
}

#[derive(Debug, Clone)]
pub(crate) enum LabelPattern {
    Literal(String),
    Glob(glob::Pattern),
}

impl LabelPattern {
    pub(crate) fn parse(label: &str) -> Result<Self> {
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
        Ok(if label.contains(is_wildcard) {
            Self::Glob(parse_glob(label)?)
        } else {
            Self::Literal(label.to_owned())
        })
    }

    pub(crate) fn matches(&self, label: &str) -> bool {
        match self {
            Self::Literal(own) => own == label,
            Self::Glob(glob) => glob.matches(label),
        }
    }

    pub(crate) fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(label) => Some(label),
            Self::Glob(_) => None,
        }
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Literal(label) => label,
            Self::Glob(glob) => glob.as_str(),
        }
    }
}

/// Says which label names nothing, and which there are.
pub(crate) fn unknown_target(kind: &str, label: &str, known: &[&str]) -> Error {
    let mut known: Vec<String> = known.iter().map(|label| quoted(label)).collect();
    known.sort();
    known.dedup();
    let there = if known.is_empty() {
        format!("there is no {kind} yet")
    } else {
        format!("there are {}", known.join(", "))
    };
    Error::new(
        ErrorCode::UnknownTarget,
        format!("no {kind} has the label {}; {there}", quoted(label)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: impl Into<Target>, webview: &str, window: &str, expected: bool) {
        let target = target.into();
        let selection = target.select().unwrap();
        assert_eq!(
            selection.has_webview(webview, window),
            expected,
            "{target:?} {webview} {window}"
        );
    }

    #[test]
    fn a_label_is_the_webviews_own() {
        check("main", "main", "main", true);
        check("main", "side", "main", false);
        check(Target::window("main"), "side", "main", true);
        check(Target::everyone(), "side", "main", true);
        check(Target::host(), "main", "main", false);
    }

    #[test]
    fn globs_and_lists() {
        check("editor-*", "editor-2", "x", true);
        check("editor-*", "main", "x", false);
        check(["main", "settings"], "settings", "x", true);
        check(
            vec!["main".to_owned(), "editor-?".to_owned()],
            "editor-1",
            "x",
            true,
        );
        check(["main", "settings"], "other", "x", false);
    }

    #[test]
    fn refuses_what_names_nothing() {
        assert_eq!(
            Target::from("").select().unwrap_err().code(),
            ErrorCode::InvalidArgument
        );
        assert_eq!(
            Target::from(Vec::<String>::new())
                .select()
                .unwrap_err()
                .code(),
            ErrorCode::InvalidArgument
        );
        let many = vec!["x"; 65];
        assert_eq!(
            Target::from(many).select().unwrap_err().code(),
            ErrorCode::InvalidArgument
        );
        assert_eq!(
            Target::from("x".repeat(256)).select().unwrap_err().code(),
            ErrorCode::InvalidArgument
        );
        assert_eq!(
            Target::from("a[").select().unwrap_err().code(),
            ErrorCode::InvalidPattern
        );
        assert_eq!(
            Target::from("a**").select().unwrap_err().code(),
            ErrorCode::InvalidPattern
        );
    }

    #[test]
    fn the_message_lists_what_there_is() {
        let error = unknown_target("webview", "mian", &["side", "main"]);
        assert_eq!(
            error.message(),
            r#"no webview has the label "mian"; there are "main", "side""#
        );
        assert!(
            unknown_target("webview", "x", &[])
                .message()
                .contains("no webview yet")
        );
    }
}
