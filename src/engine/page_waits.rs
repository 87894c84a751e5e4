use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use crate::engine::core::Core;
use crate::hub::WaitTicket;
use crate::model::error::{Error, ErrorCode, Result};

/// Completes when the page of a webview is ready, or is gone.
#[derive(Debug)]
pub(crate) struct PageWait {
    core: Weak<Core>,
    label: String,
    ticket: Option<WaitTicket>,
    is_begun: bool,
}

impl PageWait {
    pub(crate) fn new(core: &Arc<Core>, label: String) -> Self {
        Self {
            core: Arc::downgrade(core),
            label,
            ticket: None,
            is_begun: false,
        }
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }
}

impl Future for PageWait {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(core) = self.core.upgrade() else {
            return Poll::Ready(Err(Error::new(
                ErrorCode::Unavailable,
                "the event bus is unavailable: the app is exiting",
            )));
        };
        if !std::mem::replace(&mut self.is_begun, true) {
            core.announce_if_unknown(&self.label);
        }
        // Cloned before the lock, since a waker is foreign code.
        let waker = context.waker().clone();
        let Self { label, ticket, .. } = &mut *self;
        let (polled, _unneeded) = core.hub().poll_ready(label, ticket, waker);
        polled
    }
}

impl Drop for PageWait {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket
            && let Some(core) = self.core.upgrade()
        {
            // Bound to a name, so that the waker is dropped after the lock.
            let _waker = core.hub().stop_waiting_for_page(ticket);
        }
    }
}
