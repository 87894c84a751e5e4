//! What a page requests when it subscribes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use crate::hub::ids::{SessionId, SubscriptionId};
use crate::model::event::Gap;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::selection::Selection;
use crate::permissions::{Scope, WatchScope};

/// A subscription that a page requests.
#[derive(Debug)]
pub(crate) struct SubscriptionRequest {
    pub(crate) id: SubscriptionId,
    pub(crate) pattern: EventPattern,
    /// What it may receive of that, checked at every delivery. `None` allows everything.
    pub(crate) scope: Option<Arc<Scope>>,
    /// Restricts it to what is sent to this target, which must be the page's own webview or window.
    pub(crate) target: Option<Selection>,
    /// Whether it gets what is kept for a starting page.
    pub(crate) wants_replayed: bool,
    pub(crate) wants_retained: bool,
    /// Whether only the newest event of a name waits for it.
    pub(crate) wants_latest: bool,
    /// What its page may know of other pages, for one that is about these.
    pub(crate) watches: Option<Arc<WatchScope>>,
    /// Where it resumes, if the page had it in a session before.
    pub(crate) resume: Option<Resumption>,
}

impl SubscriptionRequest {
    /// Whether it gets what is kept for a starting page. One that resumes gets what it has missed instead.
    pub(crate) fn is_replayed(&self) -> bool {
        self.wants_replayed && self.resume.is_none()
    }

    pub(super) fn matches(&self, name: &EventName, answers: &ScopeAnswers) -> bool {
        let scope = self.scope.as_ref();
        self.pattern.receives(name) && scope.is_none_or(|scope| answers.of(scope, name))
    }
}

/// What scopes have answered in one command, which may have many subscriptions that look through many events of few names.
#[derive(Debug, Default)]
pub(super) struct ScopeAnswers {
    /// By the address of the scope. No scope is made while this lives, so an address is that of one.
    known: RefCell<HashMap<(*const Scope, EventName), bool>>,
}

impl ScopeAnswers {
    fn of(&self, scope: &Arc<Scope>, name: &EventName) -> bool {
        let key = (Arc::as_ptr(scope), name.clone());
        let mut known = self.known.borrow_mut();
        *known
            .entry(key)
            .or_insert_with(|| scope.allows_listening(name))
    }
}

/// Where a subscription resumes that the same page had in another session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resumption {
    pub(crate) session: SessionId,
    /// The sequence number up to which the page has everything.
    pub(crate) after: u64,
    /// The last sequence number that this subscription has received; 0 if there is none.
    pub(crate) handled: u64,
    /// The index of the last item that the page has handled in that session.
    pub(crate) index: u64,
}

/// How a subscription began in a session.
#[derive(Debug, Clone)]
pub(crate) enum Beginning {
    /// It was a new one.
    New {
        since: u64,
        /// What it was told that another page may have taken over.
        taken_over: Option<Gap>,
    },
    /// Its page had it in another session.
    Resumed(Resumption),
}
