use serde::Serialize;

use crate::model::error::Failure;
use crate::model::event::Receipt;

/// What became of an event for one of its receivers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Each handler has returned, and the promise or future of each sequential one is done.
    Handled,
    /// A handler threw, rejected or panicked. It is the first of several.
    Failed {
        /// The name of the error, for example `TypeError`; `panic` in Rust.
        name: String,
        /// Its message.
        message: String,
    },
    /// A full queue dropped it, a newer event replaced it, it expired, or its subscription had ended.
    Dropped,
    /// The session of the page ended before the page told: it was closed, left or reloaded, it crashed, or it was silent for
    /// too long.
    Gone,
    /// Nothing was told in time.
    Timeout,
}

impl Outcome {
    /// A failure, with long texts cut.
    pub(crate) fn failed(name: &str, message: &str) -> Self {
        let Failure { name, message, .. } = Failure::new(name, message, None);
        Self::Failed { name, message }
    }

    /// The word that pages read.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Handled => "handled",
            Self::Failed { .. } => "failed",
            Self::Dropped => "dropped",
            Self::Gone => "gone",
            Self::Timeout => "timeout",
        }
    }

    /// The outcome of a receiver that got the event in two ways, which had this outcome and the other one.
    pub(crate) fn join(self, other: Self) -> Self {
        let rank = |outcome: &Self| match outcome {
            Self::Handled => 0,
            Self::Dropped => 1,
            Self::Failed { .. } => 2,
            Self::Gone | Self::Timeout => 3,
        };
        match rank(&other) > rank(&self) {
            true => other,
            false => self,
        }
    }
}

/// What became of an event in one page.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageOutcome {
    /// The label of the page's webview.
    pub page: String,
    /// What became of the event there.
    pub outcome: Outcome,
}

/// What became of an event, once all of its receivers have told or the time is over: see
/// [`EventBus::emit_handled`](crate::EventBus::emit_handled).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handled {
    /// The receipt of the event.
    pub receipt: Receipt,
    /// One entry for each page that it was queued for, in the order of the labels.
    pub pages: Vec<PageOutcome>,
    /// One entry for all listeners in Rust; `None` if it was for none of them. Readers of streams do not count.
    pub listeners: Option<Outcome>,
}

impl Handled {
    /// Whether every receiver has handled it. It is true of an event without a receiver, too.
    #[must_use]
    pub fn is_handled(&self) -> bool {
        let pages = self.pages.iter().map(|page| &page.outcome);
        let mut outcomes = pages.chain(&self.listeners);
        outcomes.all(|outcome| *outcome == Outcome::Handled)
    }
}

/// What a page is told of an event that it has emitted.
#[derive(Debug, Serialize)]
pub(crate) struct OutcomeMessage<'a> {
    /// The number that the page gave.
    outcome: u64,
    pages: Vec<OutcomeEntry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listeners: Option<OutcomeEntry<'a>>,
}

#[derive(Debug, Serialize)]
struct OutcomeEntry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

impl<'a> OutcomeEntry<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        let (name, message) = match outcome {
            Outcome::Failed { name, message } => (Some(&**name), Some(&**message)),
            _ => (None, None),
        };
        Self {
            page: None,
            outcome: outcome.as_str(),
            name,
            message,
        }
    }
}

impl<'a> OutcomeMessage<'a> {
    pub(crate) fn new(id: u64) -> Self {
        Self {
            outcome: id,
            pages: Vec::new(),
            listeners: None,
        }
    }

    pub(crate) fn set_listeners(&mut self, outcome: &'a Outcome) {
        self.listeners = Some(OutcomeEntry::of(outcome));
    }

    /// Adds a page. Of one that the other may not know of, which has no label here, only the outcome is told.
    pub(crate) fn add_page(&mut self, label: Option<&'a str>, outcome: &'a Outcome) {
        let entry = OutcomeEntry::of(outcome);
        self.pages.push(match label {
            Some(_) => OutcomeEntry {
                page: label,
                ..entry
            },
            None => OutcomeEntry {
                name: None,
                message: None,
                ..entry
            },
        });
    }

    /// The place of a page without a label would tell something of it.
    pub(crate) fn sorted(mut self) -> Self {
        self.pages
            .sort_by_key(|entry| (entry.page.is_none(), entry.page, entry.outcome));
        self
    }
}
