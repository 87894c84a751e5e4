//! Taps: what is noted beside the hub, and how their readers get records.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use crate::engine::core::Core;
use crate::engine::diagnostics::Record;
use crate::engine::observe::safely;
use crate::engine::reply::Reply;
use crate::hub::NewEvent;
use crate::hub::ids::SubscriberKey;
use crate::hub::outbox::Batch;
use crate::hub::queue::QueueEntry;
use crate::hub::requests::RequestMessage;
use crate::hub::tap::queue::TapSlot;
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, Result};
use crate::model::name::EventName;
use crate::model::tap::filter::RecordFilter;
use crate::model::tap::record::{TapAction, TapEntry, TapRecord, TappedRefusal};
use crate::sync::wall_clock;
use crate::wire::tap::record::Showing;
use crate::wire::tap::redaction::{Redactions, Unmatched};

/// The name and the source of what may be refused. `None` if nothing is to note that.
pub(crate) type About = Option<(EventName, Endpoint)>;

impl Core {
    /// Hides these from taps.
    pub(crate) fn set_redactions(&self, redactions: Redactions) {
        let _ = self.taps.redactions.set(redactions);
    }

    /// Sets whether pages may have taps.
    pub(crate) fn set_page_taps(&self, are_on: bool) {
        let _ = self.taps.page_taps.set(are_on);
    }

    pub(crate) fn has_page_taps(&self) -> bool {
        self.taps
            .page_taps
            .get()
            .copied()
            .unwrap_or(cfg!(debug_assertions))
    }

    /// What a recording holds until all of it is written.
    pub(crate) fn hold_recording(&self) -> Arc<()> {
        Arc::clone(&self.taps.writers)
    }

    /// Whether a recording is being written.
    pub(crate) fn is_recording(&self) -> bool {
        Arc::strong_count(&self.taps.writers) > 1
    }

    pub(crate) fn is_tapped(&self) -> bool {
        self.taps.are_on.load(Ordering::Relaxed)
    }

    pub(super) fn about(&self, event: &NewEvent) -> About {
        self.is_tapped()
            .then(|| (event.name.clone(), event.source.clone()))
    }

    /// Notes that an event was refused, and hands the error on.
    pub(super) fn note_refused_emit(&self, about: About, error: Error) -> Error {
        if let Some((name, source)) = about {
            self.note_refusal(TapAction::Emit, name.as_str(), &source, None, &error);
        }
        error
    }

    pub(super) fn about_request(&self, message: &RequestMessage) -> About {
        self.notes_refusals()
            .then(|| (message.name.clone(), message.source.clone()))
    }

    /// Whether a refusal is told or counted.
    pub(crate) fn notes_refusals(&self) -> bool {
        cfg!(feature = "metrics") || self.is_tapped()
    }

    /// Notes that a request was refused, and hands the error on.
    pub(super) fn note_refused_request(&self, about: About, error: Error) -> Error {
        if let Some((name, source)) = about {
            safely(|| self.counting.refused(name.as_str(), error.code()));
            self.note_refusal(TapAction::Request, name.as_str(), &source, None, &error);
        }
        error
    }

    /// Notes that something was refused.
    pub(crate) fn note_refusal(
        &self,
        action: TapAction,
        name: &str,
        source: &Endpoint,
        job: Option<&str>,
        error: &Error,
    ) {
        if !self.is_tapped() {
            return;
        }
        let refusal = TappedRefusal::of(action, name, source, job, error);
        let name = EventName::parse(name).ok();
        let wakers = self.hub().note_refusal(name.as_ref(), refusal);
        self.wake(wakers);
    }

    /// Notes the refusal of what a page has tried, if it was refused.
    pub(crate) fn note_result<T>(
        &self,
        (action, name, source): (TapAction, &str, &Endpoint),
        result: Result<T>,
    ) -> Result<T> {
        if let Err(error) = &result {
            if matches!(action, TapAction::Emit | TapAction::Request) {
                safely(|| self.counting.refused(name, error.code()));
            }
            self.note_refusal(action, name, source, None, error);
        }
        result
    }

    /// Notes what pages are given. Their pulls are completed afterwards.
    pub(super) fn note_batches(&self, batches: &[(Reply, Batch)]) {
        for (_, batch) in batches {
            self.note_batch(batch);
        }
    }

    pub(super) fn note_batch(&self, batch: &Batch) {
        if self.is_tapped() && !batch.is_empty() {
            let wakers = self.hub().note_batch(batch);
            self.wake(wakers);
        }
    }

    pub(super) fn note_taken(&self, key: SubscriberKey, entries: &[QueueEntry]) {
        if self.is_tapped() && !entries.is_empty() {
            let wakers = self.hub().tap_taken(key, entries);
            self.wake(wakers);
        }
    }

    /// Turns a tap on. Returns its number.
    pub(crate) fn add_tap(&self, filter: Arc<RecordFilter>) -> u64 {
        let mut hub = self.hub();
        // Under the lock, as where the last one ends.
        self.taps.are_on.store(true, Ordering::Relaxed);
        hub.add_tap(filter)
    }

    /// The bus is gone: every reader gets what waits, and then the end.
    pub(crate) fn close_taps(&self) {
        let wakers = self.hub().close_taps();
        self.wake(wakers);
    }

    /// Ends a tap. Its reader gets what waits, and then the end.
    pub(crate) fn close_tap(&self, number: u64) {
        let waker = self.hub().close_tap(number);
        self.wake(waker);
    }

    pub(crate) fn remove_tap(&self, number: u64) {
        let mut hub = self.hub();
        let (waiting, waker, is_last) = hub.remove_tap(number);
        if is_last {
            self.taps.are_on.store(false, Ordering::Relaxed);
        }
        drop(hub);
        // What it refers to, and a waker, may be of the app.
        drop((waiting, waker));
    }

    /// Takes all records that wait for a reader; `None` at the end. Without a context it does not wait.
    pub(crate) fn poll_tap(
        &self,
        number: u64,
        filter: &RecordFilter,
        context: Option<&Context<'_>>,
    ) -> Poll<Option<Vec<TapRecord>>> {
        let waker = context.map(|context| context.waker().clone());
        let (polled, unneeded) = self.hub().poll_tap(number, waker);
        drop(unneeded);
        polled.map(|slots| {
            let slots = slots?;
            let none = Redactions::default();
            let mut showing = self.showing(&none, filter.payload_bytes);
            if filter.shows_all {
                showing.redactions = &none;
            }
            Some(self.records_of(slots, showing))
        })
    }

    /// The newest retained events, at most so many, as taps show them.
    #[cfg(feature = "inspector")]
    pub(crate) fn retained_records(&self, most: usize, payload_bytes: usize) -> Vec<TapRecord> {
        let slots = self.hub().retained_records(most);
        let none = Redactions::default();
        self.records_of(slots, self.showing(&none, payload_bytes))
    }

    /// A payload as taps show it.
    #[cfg(feature = "inspector")]
    pub(crate) fn show_payload(
        &self,
        name: &EventName,
        json: &crate::model::json::Json,
        payload_bytes: usize,
    ) -> crate::model::tap::record::TappedPayload {
        let none = Redactions::default();
        let mut showing = self.showing(&none, payload_bytes);
        let payload = showing.payload(name, json);
        self.tell_notes(showing.notes);
        payload
    }

    /// The message of an error as taps show it.
    #[cfg(feature = "inspector")]
    pub(crate) fn show_error(&self, name: &EventName, error: &Error) -> String {
        let none = Redactions::default();
        let redactions = self.taps.redactions.get().unwrap_or(&none);
        redactions.message(Some(name), error.code(), error.message())
    }

    fn tell_notes(&self, notes: Vec<Unmatched>) {
        for note in notes {
            let kind = Record::NotRedacted;
            self.diagnostics().tell(kind, &note.rule, [], || {
                format!(": the payload of {} has nothing there", note.name)
            });
        }
    }

    fn showing<'a>(&'a self, none: &'a Redactions, payload_bytes: usize) -> Showing<'a> {
        Showing {
            redactions: self.taps.redactions.get().unwrap_or(none),
            payload_bytes,
            notes: Vec::new(),
        }
    }

    fn records_of(&self, slots: Vec<TapSlot>, mut showing: Showing<'_>) -> Vec<TapRecord> {
        let record_of = |slot: TapSlot| match slot {
            TapSlot::Record(raw) => showing.record(raw),
            TapSlot::Lost(count) => TapRecord {
                at: wall_clock(),
                entry: TapEntry::Lost(count),
            },
        };
        let records = slots.into_iter().map(record_of).collect();
        self.tell_notes(showing.notes);
        records
    }
}
