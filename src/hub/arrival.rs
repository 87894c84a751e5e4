use crate::hub::ids::SessionId;
use crate::hub::outbox::Outbox;

/// How far the page of a session is on its way to be ready.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Whether acknowledgements are looked at: until the page is ready.
    pub(super) is_arriving: bool,
    /// Whether it is known that the page is there.
    pub(super) is_shown: bool,
    /// Whether the page itself says when it is ready.
    pub(super) is_deferred: bool,
    /// Whether it has said so.
    pub(super) is_announced: bool,
    /// The newest event at the first accepted subscription.
    subscribed_at: Option<u64>,
    /// The index of the last item with what waited then.
    passes_at: Option<u64>,
    /// The session that it continues.
    pub(super) continues: Option<SessionId>,
}

impl Default for Arrival {
    fn default() -> Self {
        Self {
            is_arriving: true,
            is_shown: false,
            is_deferred: false,
            is_announced: false,
            subscribed_at: None,
            passes_at: None,
            continues: None,
        }
    }
}

impl Arrival {
    /// Subscriptions were accepted, the newest event being this one.
    pub(super) fn note_subscribed(&mut self, seq: u64) {
        self.subscribed_at.get_or_insert(seq);
    }

    /// Whether the page has handled what waited for it when it first subscribed, or has said that it is ready.
    pub(super) fn has_arrived(&mut self, outbox: &Outbox) -> bool {
        if self.is_announced {
            return true;
        }
        let Some(subscribed_at) = self.subscribed_at.filter(|_| !self.is_deferred) else {
            return false;
        };
        if self.passes_at.is_none() && outbox.queue.has_passed(subscribed_at) {
            self.passes_at = Some(outbox.last_index());
        }
        self.passes_at
            .is_some_and(|index| outbox.acknowledged() >= index)
    }
}
