use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::endpoint::Endpoint;

/// The receivers of an event: one webview by its label, a glob of labels, several of these, or an endpoint.
///
/// It is made from a string, an array or list of strings, or an [`Endpoint`]. A glob has the wildcards `*`, `?` and
/// `[abc]`.
///
/// ```
/// use tauri_plugin_event_bus_types::Target;
///
/// let one = Target::from("main");
/// let editors = Target::from("editor-*");
/// let both = Target::from(["main", "settings"]);
/// let window = Target::window("main");
/// # let _ = (one, editors, both, window);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    parts: Vec<TargetPart>,
}

/// One part of a [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TargetPart {
    /// Every page, and the host listeners.
    Everyone,
    /// The host listeners.
    Host,
    /// The webview with this label, or those that match this glob.
    Webview(String),
    /// Every webview of the window with this label, or of those that match this glob.
    Window(String),
    /// Everyone on the node with this name, over a link.
    Node(String),
}

impl Target {
    /// Every page and the host listeners, as a broadcast.
    #[must_use]
    pub fn everyone() -> Self {
        Self::of(TargetPart::Everyone)
    }

    /// The host listeners, and no page.
    #[must_use]
    pub fn host() -> Self {
        Self::of(TargetPart::Host)
    }

    /// The webview with this label, or those that match this glob of labels.
    pub fn webview(label: impl Into<String>) -> Self {
        Self::of(TargetPart::Webview(label.into()))
    }

    /// Every webview of the window with this label, or of those that match this glob of labels.
    pub fn window(label: impl Into<String>) -> Self {
        Self::of(TargetPart::Window(label.into()))
    }

    /// Everyone on the node with this name: its pages and the listeners of its host. It needs a link to other nodes. The own
    /// node is a node, too.
    pub fn node(name: impl Into<String>) -> Self {
        Self::of(TargetPart::Node(name.into()))
    }

    fn of(part: TargetPart) -> Self {
        Self { parts: vec![part] }
    }

    /// The union of several targets.
    pub fn join(targets: impl IntoIterator<Item = Target>) -> Self {
        Self {
            parts: targets
                .into_iter()
                .flat_map(|target| target.parts)
                .collect(),
        }
    }

    /// The parts that it was made from, in their order.
    #[must_use]
    pub fn parts(&self) -> &[TargetPart] {
        &self.parts
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

impl Serialize for TargetPart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, named) = match self {
            Self::Webview(label) => return serializer.serialize_str(label),
            Self::Everyone => ("Any", None),
            Self::Host => ("host", None),
            Self::Window(label) => ("Window", Some(("label", label))),
            Self::Node(node) => ("Node", Some(("node", node))),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", kind)?;
        if let Some((key, name)) = named {
            map.serialize_entry(key, name)?;
        }
        map.end()
    }
}

impl From<Endpoint> for Target {
    fn from(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Host => Self::host(),
            Endpoint::Webview(label) => Self::webview(&*label),
            Endpoint::Node(node) => Self::node(&*node),
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
