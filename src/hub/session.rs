use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::hub::Effects;
use crate::hub::command_log::CommandLog;
use crate::hub::outbox::{BatchBound, Outbox};
use crate::hub::queue::QueueBound;
use crate::hub::requests::CallerLog;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::id::Id;
use crate::model::name::EventName;

/// The id of a session, which its page has chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(Id);

impl SessionId {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        Id::parse(text).map(Self).ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "invalid session id {}: expected 32 lower-case hexadecimal digits",
                    quoted(text)
                ),
            )
        })
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One page's connection: what it is owed, its parked pull and its commands.
#[derive(Debug)]
pub(crate) struct Session<W> {
    pub(crate) id: SessionId,
    pub(crate) webview: Arc<str>,
    pub(crate) outbox: Outbox,
    pub(crate) order: CommandLog<W>,
    pub(crate) subscriptions: usize,
    /// The names of the questions that it answers.
    pub(crate) responders: HashSet<EventName>,
    /// What it has asked.
    pub(crate) asking: CallerLog,
    /// How many questions it has to answer.
    pub(crate) asked: usize,
    /// Whether it has waited for an answer since it was last seen.
    pub(crate) has_waited: bool,
    pub(crate) opened: Instant,
    /// The origin of its page, as far as it is known.
    pub(crate) origin: Option<String>,
    /// When its start-up phase began.
    pub(crate) first_subscribed: Option<Instant>,
    pub(crate) parked: Option<ParkedPull<W>>,
    /// When the page was last heard of or answered. A parked pull proves that it is there.
    pub(crate) last_seen: Instant,
    /// When the page last acknowledged something.
    pub(crate) acknowledged_at: Option<Instant>,
}

/// A pull that waits for something to deliver.
#[derive(Debug)]
pub(crate) struct ParkedPull<W> {
    pub(crate) waiter: W,
    pub(crate) bound: BatchBound,
    pub(crate) since: Instant,
}

impl<W> Session<W> {
    /// Whether nothing can come for its page, so that no pull is held.
    pub(crate) fn is_idle(&self) -> bool {
        let has_to_answer = !self.responders.is_empty() || self.asked > 0;
        self.subscriptions == 0 && !has_to_answer && !self.outbox.has_requests()
    }

    /// Responses the parked pull, if there is one and something to answer.
    pub(crate) fn answer_parked(&mut self, now: Instant, effects: &mut Effects<W>) {
        let Some(pull) = self.parked.take() else {
            return;
        };
        let batch = self.outbox.batch_ahead(pull.bound);
        if batch.is_empty() {
            self.parked = Some(pull);
            return;
        }
        self.last_seen = now;
        effects.batches.push((pull.waiter, batch));
    }

    pub(crate) fn new(
        id: SessionId,
        webview: Arc<str>,
        origin: Option<String>,
        bound: QueueBound,
        now: Instant,
    ) -> Self {
        Self {
            id,
            webview,
            outbox: Outbox::new(bound),
            order: CommandLog::new(),
            subscriptions: 0,
            responders: HashSet::new(),
            asking: CallerLog::default(),
            asked: 0,
            has_waited: false,
            opened: now,
            origin,
            first_subscribed: None,
            parked: None,
            last_seen: now,
            acknowledged_at: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_ids_have_one_spelling() {
        let text = "00ff5a5a00ff5a5a00ff5a5a00ff5a5a";
        assert_eq!(SessionId::parse(text).unwrap().to_string(), text);
        for wrong in [
            "",
            "00",
            "+0ff5a5a00ff5a5a00ff5a5a00ff5a5a",
            "00FF5a5a00ff5a5a00ff5a5a00ff5a5a",
            "zz",
        ] {
            let error = SessionId::parse(wrong).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument, "{wrong}");
            assert!(error.message().contains("32"));
        }
    }
}
