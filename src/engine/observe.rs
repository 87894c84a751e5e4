//! Spans, with the feature `tracing`, and what is counted, with the feature `metrics`. Without both, this does nothing.
//!
//! Subscribers and recorders are foreign code: never call this with a lock held.

#[cfg(any(feature = "tracing", feature = "metrics"))]
use std::collections::HashMap;
#[cfg(any(feature = "tracing", feature = "metrics"))]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
#[cfg(any(feature = "tracing", feature = "metrics"))]
use std::sync::PoisonError;
#[cfg(any(feature = "tracing", feature = "metrics"))]
use std::time::Instant;

use crate::engine::counting::Counting;
#[cfg(any(feature = "tracing", feature = "metrics"))]
use crate::engine::foreign::drop_safely;
use crate::engine::incoming::IncomingRequest;
use crate::engine::reply::Reply;
use crate::hub::NewEvent;
#[cfg(any(feature = "tracing", feature = "metrics"))]
use crate::hub::command_log::JsonResult;
use crate::hub::ids::RequestId;
use crate::hub::outbox::Batch;
#[cfg(any(feature = "tracing", feature = "metrics"))]
use crate::hub::outbox::Item;
use crate::hub::queue::QueueEntry;
use crate::hub::requests::NewRequest;
#[cfg(feature = "tracing")]
use crate::hub::requests::Recipient;
use crate::model::endpoint::Endpoint;
use crate::model::error::ErrorCode;
use crate::model::event::{BusEvent, Receipt};
use crate::model::name::EventName;
#[cfg(any(feature = "tracing", feature = "metrics"))]
use crate::sync::{Mutex, MutexGuard, now};

/// The target of the spans, by which a subscriber filters them.
#[cfg(feature = "tracing")]
const TARGET: &str = "tauri_plugin_event_bus";

/// Tells the app's recorder or subscriber. What is told of has happened, so a panic of theirs keeps its effects back from nobody.
/// The hook for panics has told of it.
#[inline]
pub(super) fn safely(tell: impl FnOnce()) {
    #[cfg(not(any(feature = "tracing", feature = "metrics")))]
    tell();
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    if let Err(panic) = catch_unwind(AssertUnwindSafe(tell)) {
        drop_safely(panic);
    }
}

/// An event on its way into the queues.
pub(crate) struct Emitting {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
    #[cfg(feature = "metrics")]
    name: EventName,
    #[cfg(feature = "metrics")]
    bytes: usize,
}

impl Emitting {
    #[cfg_attr(
        not(all(feature = "tracing", feature = "metrics")),
        allow(unused_variables)
    )]
    #[inline]
    pub(crate) fn begin(event: &NewEvent) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            span: emit_span(&event.name, &event.source, event.payload.size(), {
                let own = event.provenance.as_deref();
                Known {
                    component: own.and_then(|own| own.component.as_deref()),
                    causes: joined(own.map_or(&[][..], |own| &own.causes)),
                    traceparent: own.and_then(|own| own.traceparent.as_ref()?.as_str().into()),
                    job: event.tick.as_ref().map(|tick| &*tick.job),
                }
            }),
            #[cfg(feature = "metrics")]
            name: event.name.clone(),
            #[cfg(feature = "metrics")]
            bytes: event.payload.size(),
        }
    }

    /// Runs a part of it.
    #[inline]
    pub(crate) fn run<T>(&self, run: impl FnOnce() -> T) -> T {
        #[cfg(feature = "tracing")]
        return self.span.in_scope(run);
        #[cfg(not(feature = "tracing"))]
        run()
    }

    /// It was accepted.
    #[cfg_attr(
        not(all(feature = "tracing", feature = "metrics")),
        allow(unused_variables)
    )]
    #[inline]
    pub(crate) fn accepted(&self, counting: &Counting, receipt: &Receipt) {
        safely(|| {
            #[cfg(feature = "tracing")]
            note_receipt(&self.span, receipt);
            #[cfg(feature = "metrics")]
            counting.event(&self.name, self.bytes);
        });
    }

    /// It was refused.
    #[cfg_attr(
        not(all(feature = "tracing", feature = "metrics")),
        allow(unused_variables)
    )]
    #[inline]
    pub(crate) fn refused(&self, counting: &Counting, code: ErrorCode) {
        safely(|| {
            #[cfg(feature = "tracing")]
            self.span.record("error", code.as_str());
            #[cfg(feature = "metrics")]
            counting.refused(self.name.as_str(), code);
        });
    }
}

/// What few events have.
#[cfg(feature = "tracing")]
#[derive(Default)]
struct Known<'a> {
    component: Option<&'a str>,
    causes: Option<String>,
    traceparent: Option<&'a str>,
    job: Option<&'a str>,
}

#[cfg(feature = "tracing")]
fn emit_span(name: &EventName, source: &Endpoint, bytes: usize, known: Known<'_>) -> tracing::Span {
    tracing::debug_span!(
        target: TARGET,
        "emit",
        name = name.as_str(),
        source = text_of(source),
        bytes,
        component = known.component,
        causes = known.causes,
        traceparent = known.traceparent,
        job = known.job,
        seq = tracing::field::Empty,
        pages = tracing::field::Empty,
        listeners = tracing::field::Empty,
        error = tracing::field::Empty,
    )
}

#[cfg(feature = "tracing")]
fn note_receipt(span: &tracing::Span, receipt: &Receipt) {
    span.record("seq", receipt.seq);
    span.record("pages", receipt.pages);
    span.record("listeners", receipt.listeners);
}

/// The names of causes, oldest first.
#[cfg(feature = "tracing")]
fn joined(causes: &[EventName]) -> Option<String> {
    let names: Vec<&str> = causes.iter().map(EventName::as_str).collect();
    (!names.is_empty()).then(|| names.join(" → "))
}

#[cfg(feature = "tracing")]
fn text_of(endpoint: &Endpoint) -> &str {
    match endpoint {
        Endpoint::Webview(name) | Endpoint::Node(name) => name,
        _ => "host",
    }
}

/// The tick of a job was published, or refused, by now.
#[cfg_attr(
    not(all(feature = "tracing", feature = "metrics")),
    allow(unused_variables)
)]
#[inline]
pub(crate) fn ticked(
    counting: &Counting,
    (name, source): (&EventName, &Endpoint),
    job: &str,
    bytes: usize,
    result: std::result::Result<&Receipt, ErrorCode>,
) {
    #[cfg(feature = "tracing")]
    {
        let known = Known {
            job: Some(job),
            ..Known::default()
        };
        let begin = || emit_span(name, source, bytes, known);
        if let Ok(span) = catch_unwind(AssertUnwindSafe(begin)).map_err(drop_safely) {
            safely(|| match result {
                Ok(receipt) => note_receipt(&span, receipt),
                Err(code) => {
                    span.record("error", code.as_str());
                }
            });
            // A span that was never entered is not shown by some subscribers.
            safely(|| span.in_scope(|| {}));
            drop_safely(span);
        }
    }
    safely(|| match result {
        Ok(_) => counting.event(name, bytes),
        Err(code) => counting.refused(name.as_str(), code),
    });
}

/// The span of what handles an event or a request.
pub(crate) struct Handling {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl Handling {
    #[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
    #[inline]
    pub(crate) fn of_event(event: &BusEvent) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            span: tracing::debug_span!(
                target: TARGET,
                "handle",
                name = event.name(),
                source = text_of(event.source()),
                bytes = event.json().size(),
                seq = event.seq(),
                component = event.component(),
                causes = joined(event.provenance().map_or(&[][..], |own| &own.causes)),
                traceparent = event.traceparent(),
            ),
        }
    }

    #[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
    #[inline]
    pub(crate) fn of_request(request: &IncomingRequest) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            span: tracing::debug_span!(
                target: TARGET,
                "respond",
                name = request.name.as_str(),
                source = text_of(&request.source),
                bytes = request.payload.size(),
                request = %request.id,
                component = request.component.as_deref(),
                causes = joined(&request.origin.causes[..request.origin.causes.len() - 1]),
                traceparent = request.origin.traceparent.as_ref().map(|trace| trace.as_str()),
            ),
        }
    }

    #[inline]
    pub(crate) fn run<T>(&self, run: impl FnOnce() -> T) -> T {
        #[cfg(feature = "tracing")]
        return self.span.in_scope(run);
        #[cfg(not(feature = "tracing"))]
        run()
    }
}

/// A request from the moment it is sent.
pub(crate) struct Requesting {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    name: EventName,
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    counting: Arc<Counting>,
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    sent_at: Instant,
}

impl Requesting {
    #[cfg_attr(
        not(all(feature = "tracing", feature = "metrics")),
        allow(unused_variables)
    )]
    #[inline]
    pub(crate) fn begin(counting: &Arc<Counting>, request: &NewRequest) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            span: request_span(request),
            #[cfg(any(feature = "tracing", feature = "metrics"))]
            name: request.message.name.clone(),
            #[cfg(any(feature = "tracing", feature = "metrics"))]
            counting: Arc::clone(counting),
            #[cfg(any(feature = "tracing", feature = "metrics"))]
            sent_at: now(),
        }
    }

    /// Ends with this reply, which is sent without a lock.
    #[inline]
    pub(crate) fn until(self, reply: Reply) -> Reply {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        return Reply::new(move |result: Option<JsonResult>| {
            self.ended(match &result {
                Some(Ok(_)) => "ok",
                Some(Err(error)) => error.code().as_str(),
                // Its caller is gone.
                None => ErrorCode::Unavailable.as_str(),
            });
            if let Some(result) = result {
                reply.send(result);
            }
        });
        #[cfg(not(any(feature = "tracing", feature = "metrics")))]
        reply
    }

    #[cfg(any(feature = "tracing", feature = "metrics"))]
    fn ended(self, outcome: &'static str) {
        safely(|| {
            #[cfg(feature = "tracing")]
            self.span.record("outcome", outcome);
            let elapsed = now().saturating_duration_since(self.sent_at);
            self.counting.request(&self.name, outcome, elapsed);
        });
        // Closing a span is foreign code, too.
        drop_safely(self);
    }
}

/// The streams and channels that are open. What the hub replies to their requests is only that they were sent.
#[derive(Default)]
pub(crate) struct OpenStreams {
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    open: Mutex<HashMap<RequestId, Requesting>>,
}

#[cfg_attr(
    not(any(feature = "tracing", feature = "metrics")),
    allow(unused_variables, clippy::unused_self)
)]
impl OpenStreams {
    /// Begins with the request. Only what [`OpenStreams::end`] is told of ends.
    pub(crate) fn begin(&self, id: RequestId, requesting: Requesting) {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        self.open().insert(id, requesting);
    }

    pub(crate) fn end(&self, id: RequestId, code: Option<ErrorCode>) {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        {
            // Bound to a name, so that the lock is released before the recorder is called.
            let ended = self.open().remove(&id);
            if let Some(requesting) = ended {
                requesting.ended(code.map_or("ok", ErrorCode::as_str));
            }
        }
    }

    /// The request was a copy of one that was sent before.
    pub(crate) fn forget(&self, id: RequestId) {
        #[cfg(any(feature = "tracing", feature = "metrics"))]
        {
            let forgotten = self.open().remove(&id);
            drop_safely(forgotten);
        }
    }

    #[cfg(any(feature = "tracing", feature = "metrics"))]
    fn open(&self) -> MutexGuard<'_, HashMap<RequestId, Requesting>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(feature = "tracing")]
fn request_span(request: &NewRequest) -> tracing::Span {
    let message = &request.message;
    let receiver = match &request.to {
        Recipient::Host => "host",
        Recipient::Page(name) | Recipient::Node(name) => name,
    };
    tracing::debug_span!(
        target: TARGET,
        "request",
        name = message.name.as_str(),
        source = text_of(&message.source),
        receiver,
        bytes = message.payload.size(),
        request = %message.id,
        component = message.component().map(|name| &**name),
        causes = joined(message.causes()),
        traceparent = message.trace().map(|trace| trace.as_str()),
        outcome = tracing::field::Empty,
    )
}

/// Gives a page a batch.
#[cfg_attr(
    not(all(feature = "tracing", feature = "metrics")),
    allow(unused_variables)
)]
#[inline]
pub(crate) fn delivering<T>(counting: &Counting, batch: &Batch, give: impl FnOnce() -> T) -> T {
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    if !batch.is_empty() {
        let mut told = Delivered::default();
        for item in batch.items() {
            match item {
                Item::Event(queued) => told.event(queued.event.seq()),
                Item::Lost(lost) => told.lost += lost.gap.count,
                _ => {}
            }
        }
        return told.tell(counting, ("page", batch.page()), give);
    }
    give()
}

/// The host has taken these out of a queue.
#[cfg_attr(
    not(all(feature = "tracing", feature = "metrics")),
    allow(unused_variables)
)]
#[inline]
pub(crate) fn taken(counting: &Counting, entries: &[QueueEntry]) {
    #[cfg(any(feature = "tracing", feature = "metrics"))]
    if !entries.is_empty() {
        let mut told = Delivered::default();
        for entry in entries {
            match entry {
                QueueEntry::Event(queued) => told.event(queued.event.seq()),
                QueueEntry::Lost(lost) => told.lost += lost.gap.count,
            }
        }
        told.tell(counting, ("host", None), || {});
    }
}

/// What a receiver was given.
#[cfg(any(feature = "tracing", feature = "metrics"))]
#[derive(Default)]
struct Delivered {
    events: u64,
    lost: u64,
    first: u64,
    last: u64,
}

#[cfg(any(feature = "tracing", feature = "metrics"))]
impl Delivered {
    fn event(&mut self, seq: u64) {
        self.first = if self.events == 0 { seq } else { self.first };
        self.last = seq;
        self.events += 1;
    }

    #[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
    fn tell<T>(
        &self,
        counting: &Counting,
        (kind, label): (&'static str, Option<&str>),
        give: impl FnOnce() -> T,
    ) -> T {
        // What is told here is on its way, so a panic of the app's recorder or subscriber keeps it back from nobody. The hook
        // for panics has told of it.
        let begin = || {
            counting.delivered(kind, self.events, self.lost);
            #[cfg(feature = "tracing")]
            return tracing::debug_span!(
                target: TARGET,
                "deliver",
                receiver = label.unwrap_or(kind),
                events = self.events,
                lost = self.lost,
                first = self.first,
                last = self.last,
            )
            .entered();
        };
        let entered = catch_unwind(AssertUnwindSafe(begin)).map_err(drop_safely);
        let given = give();
        drop_safely(entered);
        given
    }
}
