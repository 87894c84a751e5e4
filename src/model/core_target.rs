use std::sync::Arc;

/// A target in Tauri's own system of events: of a listener, or of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum CoreTarget {
    Any,
    App,
    AnyLabel(Arc<str>),
    Window(Arc<str>),
    Webview(Arc<str>),
    WebviewWindow(Arc<str>),
}

impl CoreTarget {
    pub(crate) fn label(&self) -> Option<&str> {
        match self {
            Self::Any | Self::App => None,
            Self::AnyLabel(label)
            | Self::Window(label)
            | Self::Webview(label)
            | Self::WebviewWindow(label) => Some(label),
        }
    }

    /// Whether an event with this target reaches a listener, as Tauri decides it.
    pub(crate) fn reaches(&self, listener: &Self) -> bool {
        if *self == Self::Any || *listener == Self::Any {
            return true;
        }
        match self {
            Self::AnyLabel(label) => listener.label() == Some(label),
            Self::Any | Self::App => self == listener,
            Self::Window(label) | Self::Webview(label) | Self::WebviewWindow(label) => {
                self == listener || *listener == Self::AnyLabel(Arc::clone(label))
            }
        }
    }
}

/// Whether Tauri takes the name of an event. It panics at a listener of any other.
pub(crate) fn is_name_of_core(name: &str) -> bool {
    let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '/' | ':' | '_');
    name.chars().all(is_allowed)
}

/// A listener that was written for Tauri's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CompatListener {
    pub(crate) target: CoreTarget,
    /// Whether it receives what one of Tauri's with its target does, or only what is for its own page.
    pub(crate) takes_others: bool,
    /// Whether it receives broadcasts although it has a target.
    pub(crate) takes_broadcasts: bool,
    /// Whether it is registered in Tauri's own system, too.
    pub(crate) is_in_core: bool,
}

/// Whom an event is for in Tauri's own system.
#[derive(Debug, Clone)]
pub(crate) enum CoreSelection {
    Target(CoreTarget),
    /// The listeners' targets that a filter accepts.
    Accepted(Arc<[CoreTarget]>),
}

impl CoreSelection {
    pub(crate) fn reaches(&self, listener: &CoreTarget) -> bool {
        match self {
            Self::Target(target) => target.reaches(listener),
            Self::Accepted(accepted) => *listener == CoreTarget::Any || accepted.contains(listener),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_reaches_what_it_reaches_in_tauri() {
        let kinds: [fn(Arc<str>) -> CoreTarget; 4] = [
            CoreTarget::AnyLabel,
            CoreTarget::Window,
            CoreTarget::Webview,
            CoreTarget::WebviewWindow,
        ];
        for (sent, target) in kinds.iter().enumerate() {
            let target = target("main".into());
            for (own, listener) in kinds.iter().enumerate() {
                let is_same_kind = sent == 0 || own == 0 || sent == own;
                assert_eq!(target.reaches(&listener("main".into())), is_same_kind);
                assert!(!target.reaches(&listener("side".into())));
            }
            assert!(target.reaches(&CoreTarget::Any) && CoreTarget::Any.reaches(&target));
            assert!(!target.reaches(&CoreTarget::App) && !CoreTarget::App.reaches(&target));
        }
        assert!(CoreTarget::App.reaches(&CoreTarget::App));
    }
}
