//! Pages that the host calls. Calls arrive in their order or fail, and their outcomes come late.

use super::pages::Page;
use super::{BATCH, WEBVIEWS, World, session_id};
use crate::hub::calls::{Call, CallId, CallReply};

/// The calls of a page.
#[derive(Debug, Default)]
pub(super) struct Called {
    /// Whether it expects calls instead of pulling.
    pub(super) is_on: bool,
    /// Calls on their way, oldest first.
    coming: Vec<Call>,
    /// What they returned, which the host has yet to learn. `None` is a failure.
    outcomes: Vec<(CallId, Option<u64>)>,
}

impl Page {
    /// Whether a call is on its way.
    pub(super) fn has_coming(&self) -> bool {
        !self.called.coming.is_empty()
    }
}

impl World {
    /// The platform can call this page, in a run with calls.
    pub(super) fn offer_calls(&mut self, page: usize) -> bool {
        if self.has_calls
            && let Some(number) = self.hub.webview_number(WEBVIEWS[page])
        {
            self.hub.note_callable(WEBVIEWS[page], number);
        }
        self.has_calls
    }

    /// The platform makes the call that is due to a page, if there is one.
    pub(super) fn make_call(&mut self, page: usize) {
        let Some(key) = self.pages[page].key else {
            return;
        };
        let (call, effects) = self.hub.take_call(key, BATCH, self.now);
        self.apply_effects(effects);
        if let Some(call) = call {
            self.note_delivered(page, &call.batch);
            self.pages[page].called.coming.push(call);
        }
    }

    /// The oldest call arrives.
    pub(super) fn receive_call(&mut self, page: usize) {
        let own = &mut self.pages[page];
        let call = own.called.coming.remove(0);
        let is_own = call.session == own.session;
        let is_next = call.batch.first() <= own.handled + 1;
        if is_own && is_next {
            own.mailbox.insert(0, call.batch);
            self.receive(page, 0);
        }
        let own = &mut self.pages[page];
        let handled = (is_own && is_next).then_some(own.handled);
        own.called.outcomes.push((call.id, handled));
    }

    pub(super) fn lose_call(&mut self, page: usize, which: usize) {
        let called = &mut self.pages[page].called;
        if which < called.coming.len() {
            let call = called.coming.remove(which);
            called.outcomes.push((call.id, None));
        }
    }

    /// The host learns what came of a call.
    pub(super) fn learn_outcome(&mut self, page: usize) {
        if self.pages[page].called.outcomes.is_empty() {
            return;
        }
        let (id, handled) = self.pages[page].called.outcomes.remove(0);
        let session = session_id(self.pages[page].number);
        let reply = handled.and_then(|handled| CallReply::parse(&format!("{session}:{handled}")));
        let effects = self.hub.finish_call(id, reply, self.now);
        self.apply_effects(effects);
    }

    /// The page pulls for a while, because its user acts.
    pub(super) fn hold_calls(&mut self, page: usize) {
        if std::mem::take(&mut self.pages[page].called.is_on) {
            self.fetch(page, false, false);
        }
    }

    /// Everything that is on its way arrives, and the page pulls.
    pub(super) fn end_calls(&mut self, page: usize) {
        while self.pages[page].has_coming() {
            self.receive_call(page);
        }
        while !self.pages[page].called.outcomes.is_empty() {
            self.learn_outcome(page);
        }
        self.hold_calls(page);
    }
}
