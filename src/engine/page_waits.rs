use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use crate::engine::core::Core;
use crate::hub::WaitTicket;
use crate::hub::ids::SubscriberKey;
use crate::hub::presence::{PresenceStep, Room};
use crate::hub::will::Will;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::presence::check_state;

impl Core {
    /// Sets a will of a page, or takes it back.
    pub(crate) fn set_will(&self, page: SubscriberKey, id: u64, will: Option<Will>) -> Result<()> {
        // Bound to a name, so that what it replaces is dropped after the lock.
        let (set, _replaced) = self.hub().set_will(page, id, will);
        set
    }

    /// Lets a member of a page or of the host join, change or leave.
    pub(crate) fn change_presence(
        &self,
        page: Option<SubscriberKey>,
        room: &Room,
        key: &str,
        step: PresenceStep,
    ) -> Result<()> {
        if let PresenceStep::State(state) = &step {
            let event = room.event()?;
            check_state(room.name().as_ref().map_or("", |name| name.as_str()), state)?;
            self.check_payload(&event, state)?;
        }
        // What is shared costs nothing to copy under the lock.
        let step = match step {
            PresenceStep::State(state) => PresenceStep::State(state.shared()),
            PresenceStep::Leave => PresenceStep::Leave,
        };
        let (changed, effects) =
            self.hub()
                .change_presence(page, room, key, step, self.clock().now());
        self.apply_effects(effects);
        changed
    }
}

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

    /// Where it would wait for what has to pass this thread.
    pub(crate) fn is_on_main_thread(&self) -> bool {
        let core = self.core.upgrade();
        core.is_some_and(|core| core.is_on_main_thread())
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
