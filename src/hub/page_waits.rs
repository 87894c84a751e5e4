//! Waiting until a page is ready.

use std::collections::BTreeMap;
use std::task::{Poll, Waker};

use crate::hub::Hub;
use crate::hub::effects::Effects;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::selection::unknown_target;

/// Numbers those that wait.
pub(crate) type WaitTicket = u64;

/// Those that wait until a page is ready.
#[derive(Debug, Default)]
pub(super) struct PageWaits {
    newest: WaitTicket,
    waiting: BTreeMap<WaitTicket, Wait>,
}

#[derive(Debug)]
struct Wait {
    /// The number of the webview.
    webview: u64,
    /// `None` once it has ended.
    waker: Option<Waker>,
    end: Option<Result<()>>,
}

impl<W> Hub<W> {
    /// Looks whether a page is ready, and else waits in the same step. The first look gets a ticket for the next ones. The
    /// caller drops the waker that comes back after the lock.
    pub(crate) fn poll_ready(
        &mut self,
        label: &str,
        ticket: &mut Option<WaitTicket>,
        waker: Waker,
    ) -> (Poll<Result<()>>, Option<Waker>) {
        if let Some(known) = *ticket
            && let Some(wait) = self.page_waits.waiting.get_mut(&known)
        {
            if let Some(end) = wait.end.take() {
                self.page_waits.waiting.remove(&known);
                *ticket = None;
                return (Poll::Ready(end), Some(waker));
            }
            return (Poll::Pending, wait.waker.replace(waker));
        }
        let found = match self.webviews.get(label) {
            _ if self.exiting => Err(exiting()),
            None => {
                let known: Vec<&str> = self.webviews.keys().map(|label| &**label).collect();
                Err(unknown_target("webview", label, Some(&known)))
            }
            Some(webview) if webview.standing.is_ready() => Ok(()),
            Some(webview) => {
                let waits = &mut self.page_waits;
                waits.newest += 1;
                *ticket = Some(waits.newest);
                let wait = Wait {
                    webview: webview.number,
                    waker: Some(waker),
                    end: None,
                };
                waits.waiting.insert(waits.newest, wait);
                return (Poll::Pending, None);
            }
        };
        (Poll::Ready(found), Some(waker))
    }

    /// Waits no longer. The caller drops the waker after the lock.
    pub(crate) fn stop_waiting_for_page(&mut self, ticket: WaitTicket) -> Option<Waker> {
        self.page_waits.waiting.remove(&ticket)?.waker
    }

    /// Ends the waits for the page of the webview with this number.
    pub(super) fn end_waits(
        &mut self,
        webview: u64,
        end: impl Fn() -> Result<()>,
        effects: &mut Effects<W>,
    ) {
        let waiting = self.page_waits.waiting.values_mut();
        for wait in waiting.filter(|wait| wait.webview == webview && wait.end.is_none()) {
            wait.end = Some(end());
            effects.wakers.extend(wait.waker.take());
        }
    }

    pub(super) fn end_all_waits(&mut self, effects: &mut Effects<W>) {
        let waiting = self.page_waits.waiting.values_mut();
        for wait in waiting.filter(|wait| wait.end.is_none()) {
            wait.end = Some(Err(exiting()));
            effects.wakers.extend(wait.waker.take());
        }
    }

    #[cfg(test)]
    pub(super) fn count_page_waits(&self) -> usize {
        self.page_waits.waiting.len()
    }
}

fn exiting() -> Error {
    Error::new(
        ErrorCode::Unavailable,
        "the event bus is unavailable: the app is exiting",
    )
}
