//! The half of a channel that its caller sends.

use crate::hub::requests::window::{Credit, Window};

/// What a page sends of a channel that it opened.
#[derive(Debug)]
pub(crate) struct CallerHalf {
    pub(crate) window: Window,
    /// Whether the page sends no more.
    pub(crate) is_closed: bool,
    /// Whether the host reads no more.
    pub(crate) is_unread: bool,
}

impl CallerHalf {
    pub(super) fn new(credit: Credit) -> Self {
        Self {
            window: Window::new(credit),
            is_closed: false,
            is_unread: false,
        }
    }
}

/// What a page is told of a channel besides its parts and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChannelNote {
    /// So many parts of the page count no more.
    Credit(u64),
    /// The host reads no more parts.
    Unread,
    /// No more parts of the host come.
    Closed,
}
