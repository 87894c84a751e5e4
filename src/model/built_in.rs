//! The one list of the built-in events.

/// The events that components emit by themselves. A name that ends with `-` begins the names of one for each component.
pub const BUILT_IN_EVENTS: &[&str] = &[ACTION_COMPLETE, ERROR, MESSAGE, REFRESH];

pub(crate) const ACTION_COMPLETE: &str = "action-complete";
pub(crate) const ERROR: &str = "error";
pub(crate) const MESSAGE: &str = "message";
pub(crate) const REFRESH: &str = "refresh-";

/// How the names of the events about pages begin.
pub(crate) const PAGE_PREFIX: &str = "event-bus:page-";

/// How the names of the events about members of presence begin.
pub(crate) const PRESENCE_PREFIX: &str = "event-bus:presence";

/// Whether a name or pattern stands for events about pages or their members alone. A permission of their own says who may
/// know of these.
pub(crate) fn is_about_pages(text: &str) -> bool {
    text.starts_with(PAGE_PREFIX) || text.starts_with(PRESENCE_PREFIX)
}

/// Whether a name is that of a built-in event, in whichever namespace.
pub(crate) fn is_built_in(name: &str) -> bool {
    let own = name.rsplit(':').next().unwrap_or(name);
    BUILT_IN_EVENTS
        .iter()
        .any(|built_in| match built_in.strip_suffix('-') {
            Some(_) => own.len() > built_in.len() && own.starts_with(built_in),
            None => own == *built_in,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_events_are_known_in_every_namespace() {
        for name in [
            "message",
            "shop:message",
            "a:b:error",
            "action-complete",
            "refresh-a",
            "shop:refresh-a",
        ] {
            assert!(is_built_in(name), "{name}");
        }
        for name in ["messages", "refresh-", "refresh", "message:x", "an-error"] {
            assert!(!is_built_in(name), "{name}");
        }
    }
}
