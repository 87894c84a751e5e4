//! A target whose labels and globs are parsed.

use std::sync::Arc;

use crate::model::core_target::{CoreSelection, CoreTarget};
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::label::AllowedLabels;
use crate::model::node::check_node;
use crate::model::pattern::is_wildcard;
use crate::model::target::{LabelPattern, Target, TargetPart};

/// The most labels and globs of one target.
const MAX_PARTS: usize = 64;

/// A [`Target`] whose patterns are checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) everyone: bool,
    pub(crate) host: bool,
    pub(crate) webviews: Vec<LabelPattern>,
    pub(crate) windows: Vec<LabelPattern>,
    /// The names of nodes. Once they are resolved, the own node is among them only if the target is for everyone here.
    pub(crate) nodes: Vec<Arc<str>>,
    /// The labels that the page's scope allows. `None` allows all.
    pub(crate) within: Option<Arc<AllowedLabels>>,
    /// What it is in Tauri's own system, if it comes from code that was written for that.
    pub(crate) core: Option<CoreSelection>,
}

impl Selection {
    /// Parses the labels and globs of a target.
    pub(crate) fn of(target: &Target) -> Result<Self> {
        let parts = target.parts();
        if parts.is_empty() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the target is an empty list; expected at least one label",
            ));
        }
        if parts.len() > MAX_PARTS {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the target has {} labels; expected at most {MAX_PARTS}. Use a glob to name many",
                    parts.len()
                ),
            ));
        }
        let mut selection = Self::default();
        for part in parts {
            match part {
                TargetPart::Everyone => selection.everyone = true,
                TargetPart::Host => selection.host = true,
                TargetPart::Webview(label) => selection.webviews.push(LabelPattern::parse(label)?),
                TargetPart::Window(label) => selection.windows.push(LabelPattern::parse(label)?),
                TargetPart::Node(node) => {
                    check_node(node)?;
                    selection.nodes.push(node.as_str().into());
                }
                other => return Err(unknown_part(other)),
            }
        }
        if selection.everyone {
            // Other nodes are included.
            selection.nodes.clear();
        }
        Ok(selection)
    }

    /// The webviews with these labels, however many they are, and the host if it `has_host`.
    pub(crate) fn of_labels(labels: &[Arc<str>], has_host: bool) -> Self {
        let webviews = labels.iter();
        let webviews = webviews.filter_map(|label| LabelPattern::parse(label).ok());
        Self {
            host: has_host,
            webviews: webviews.collect(),
            ..Self::default()
        }
    }

    /// What a target of Tauri's selects. A label that no webview can have selects nothing.
    pub(crate) fn of_core(target: CoreTarget) -> Self {
        let mut selection = Self::default();
        let literal = |label: &str| {
            let pattern = LabelPattern::parse(label).ok();
            pattern.filter(|pattern| pattern.literal().is_some())
        };
        match &target {
            CoreTarget::Any => selection.everyone = true,
            CoreTarget::App => selection.host = true,
            CoreTarget::Window(label) => selection.windows.extend(literal(label)),
            CoreTarget::AnyLabel(label)
            | CoreTarget::Webview(label)
            | CoreTarget::WebviewWindow(label) => selection.webviews.extend(literal(label)),
        }
        selection.core = Some(CoreSelection::Target(target));
        selection
    }

    /// The label of a target of Tauri's that selects nothing.
    pub(crate) fn label_of_none(&self) -> Option<&str> {
        let has_labels = !self.webviews.is_empty() || !self.windows.is_empty();
        match &self.core {
            Some(CoreSelection::Target(target)) if !has_labels => target.label(),
            _ => None,
        }
    }

    /// This target as seen from the node with this name, which it may name as well. Returns what is left without that, and
    /// whether it was named.
    pub(crate) fn without_node(&self, own: &str) -> (Self, bool) {
        let mut others = self.clone();
        others.nodes.retain(|node| **node != *own);
        let is_named = others.nodes.len() < self.nodes.len();
        (others, is_named)
    }

    /// Whether an event that is sent to this reaches a listener with a target of Tauri's. `is_sent` is whether it is sent to
    /// the page of the listener, or to the host of one in Rust.
    pub(crate) fn reaches(&self, listener: &CoreTarget, is_sent: bool, is_page: bool) -> bool {
        if self.everyone || *listener == CoreTarget::Any {
            return true;
        }
        if let Some(core) = &self.core {
            return core.reaches(listener);
        }
        let Some(label) = listener.label() else {
            return self.host;
        };
        let names = |patterns: &[LabelPattern]| patterns.iter().any(|one| one.matches(label));
        let is_window = matches!(listener, CoreTarget::AnyLabel(_) | CoreTarget::Window(_));
        (is_page && is_sent) || names(&self.webviews) || (is_window && names(&self.windows))
    }

    pub(crate) fn has_webview(&self, webview: &str, window: &str) -> bool {
        let is_named = self.everyone
            || self.webviews.iter().any(|pattern| pattern.matches(webview))
            || self.windows.iter().any(|pattern| pattern.matches(window));
        is_named && self.is_within_scope(webview)
    }

    /// Whether it is a list of labels of webviews, without windows or globs.
    pub(crate) fn names_only_webviews(&self) -> bool {
        let is_label = |pattern: &LabelPattern| pattern.literal().is_some();
        !self.everyone && self.windows.is_empty() && self.webviews.iter().all(is_label)
    }

    /// Whether the page's scope allows this webview.
    pub(crate) fn is_within_scope(&self, webview: &str) -> bool {
        self.within
            .as_ref()
            .is_none_or(|within| within.allows(webview))
    }
}

/// The approximate bytes of a target, parsed and as text. A parsed glob has a token for each character.
pub(crate) fn weight_of_target(target: &Target) -> usize {
    const ENVELOPE: usize = 96;
    const TOKEN: usize = 64;
    let weight_of = |part: &TargetPart| match part {
        TargetPart::Everyone | TargetPart::Host => ENVELOPE,
        TargetPart::Node(node) => ENVELOPE + node.len() * 3,
        TargetPart::Webview(label) | TargetPart::Window(label) if label.contains(is_wildcard) => {
            ENVELOPE + label.len() * TOKEN
        }
        TargetPart::Webview(label) | TargetPart::Window(label) => ENVELOPE + label.len() * 3,
        _ => ENVELOPE,
    };
    target.parts().iter().map(weight_of).sum()
}

fn unknown_part(part: &TargetPart) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!("the target has the part {part:?}, which this version of the plugin does not know"),
    )
}

/// The error for a label that no webview or window has, with the known labels. `None` stands for labels that the caller may
/// not see.
pub(crate) fn unknown_target(kind: &str, label: &str, known: Option<&[&str]>) -> Error {
    let alternatives = alternatives(kind, known);
    Error::new(
        ErrorCode::UnknownTarget,
        format!("no {kind} has the label {}{alternatives}", quoted(label)),
    )
}

/// The known labels, to follow on a sentence.
pub(crate) fn alternatives(kind: &str, known: Option<&[&str]>) -> String {
    let mut labels: Vec<String> = known
        .into_iter()
        .flatten()
        .map(|label| quoted(label))
        .collect();
    labels.sort();
    labels.dedup();
    match known {
        Some([]) => format!("; there is no {kind} yet"),
        Some(_) => format!("; there are {}", labels.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: impl Into<Target>, webview: &str, window: &str, expected: bool) {
        let target = target.into();
        let selection = Selection::of(&target).unwrap();
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
    fn refuses_empty_targets() {
        assert_eq!(
            Selection::of(&Target::from("")).unwrap_err().code(),
            ErrorCode::InvalidArgument
        );
        assert_eq!(
            Selection::of(&Target::from(Vec::<String>::new()))
                .unwrap_err()
                .code(),
            ErrorCode::InvalidArgument
        );
        let many = vec!["x"; 65];
        assert_eq!(
            Selection::of(&Target::from(many)).unwrap_err().code(),
            ErrorCode::InvalidArgument
        );
        assert_eq!(
            Selection::of(&Target::from("x".repeat(256)))
                .unwrap_err()
                .code(),
            ErrorCode::InvalidArgument
        );
        assert_eq!(
            Selection::of(&Target::from("a[")).unwrap_err().code(),
            ErrorCode::InvalidPattern
        );
        assert_eq!(
            Selection::of(&Target::from("a**")).unwrap_err().code(),
            ErrorCode::InvalidPattern
        );
    }

    #[test]
    fn the_message_lists_what_there_is() {
        let error = unknown_target("webview", "mian", Some(&["side", "main"]));
        assert_eq!(
            error.message(),
            r#"no webview has the label "mian"; there are "main", "side""#
        );
        assert!(
            unknown_target("webview", "x", Some(&[]))
                .message()
                .contains("no webview yet")
        );
    }
}
