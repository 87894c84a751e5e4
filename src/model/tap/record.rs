//! Records: what happened, as apps read it.

use std::time::SystemTime;

use serde::de::DeserializeOwned;

use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::{GapReason, Tick};
use crate::model::json::Json;
use crate::model::target::Target;

/// What a [`Tap`](crate::tap::Tap) tells: something that happened, and when.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TapRecord {
    /// When it happened.
    pub at: SystemTime,
    /// What happened.
    pub entry: TapEntry,
}

/// What happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TapEntry {
    /// An event was accepted, or a tick of a job.
    Event(Box<TappedEvent>),
    /// A page was given events, or the host has taken them out of its queue.
    Delivered(TappedDelivery),
    /// A page has handled a batch.
    Acknowledged(TappedDelivery),
    /// A receiver was told that it has lost events.
    Gap(TappedGap),
    /// Something was refused.
    Refused(TappedRefusal),
    /// A request was sent.
    Request(Box<TappedRequest>),
    /// A request has ended.
    Response(Box<TappedResponse>),
    /// So many records are lost here: the reader was too slow.
    Lost(u64),
}

/// A kind of records, for a [`TapFilter`](crate::tap::TapFilter).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TapKind {
    /// [`TapEntry::Event`].
    Event,
    /// [`TapEntry::Delivered`].
    Delivered,
    /// [`TapEntry::Acknowledged`].
    Acknowledged,
    /// [`TapEntry::Gap`].
    Gap,
    /// [`TapEntry::Refused`].
    Refused,
    /// [`TapEntry::Request`].
    Request,
    /// [`TapEntry::Response`].
    Response,
}

impl TapKind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Event,
        Self::Delivered,
        Self::Acknowledged,
        Self::Gap,
        Self::Refused,
        Self::Request,
        Self::Response,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Delivered => "delivered",
            Self::Acknowledged => "acknowledged",
            Self::Gap => "gap",
            Self::Refused => "refused",
            Self::Request => "request",
            Self::Response => "response",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An event that was accepted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TappedEvent {
    /// Its number in the order of the whole app.
    pub seq: u64,
    /// Its name.
    pub name: String,
    /// Who emitted it.
    pub source: Endpoint,
    /// Whom it was sent to; `None` for everyone.
    pub to: Option<Target>,
    /// Whom it leaves out.
    pub except: Option<Target>,
    /// The component that emitted it.
    pub component: Option<String>,
    /// The names of the events that caused it, oldest first.
    pub causes: Vec<String>,
    /// The trace that it belongs to, as `traceparent` of W3C Trace Context spells it.
    pub traceparent: Option<String>,
    /// Which tick of which job it is.
    pub tick: Option<Tick>,
    /// Whether it is retained.
    pub is_retained: bool,
    /// Its payload.
    pub payload: TappedPayload,
    /// Where it went: each page, stream and queue of listeners that it was for.
    pub routes: Vec<TapRoute>,
    /// The labels of webviews whose page has yet to come, or to start, and gets it then.
    pub kept_for: Vec<String>,
}

/// Where an event went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TapRoute {
    /// The page, or the host.
    pub receiver: Endpoint,
    /// Whether it is a stream of the host, and not its listeners.
    pub is_stream: bool,
    /// The ids of the subscriptions that it is for.
    pub subscriptions: Vec<u32>,
    /// Whether it was queued. Otherwise the queue was full of events that are never dropped, and the receiver gets a gap.
    pub is_queued: bool,
}

/// Events that were delivered, or handled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TappedDelivery {
    /// The page, or the host.
    pub receiver: Endpoint,
    /// Whether it is a stream of the host, and not its listeners.
    pub is_stream: bool,
    /// The numbers of the events.
    pub seqs: Vec<u64>,
}

/// Lost events, as a receiver was told of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TappedGap {
    /// The page, or the host.
    pub receiver: Endpoint,
    /// Whether it is a stream of the host, and not its listeners.
    pub is_stream: bool,
    /// The number of the first lost event.
    pub from: u64,
    /// The number of the last lost event.
    pub to: u64,
    /// How many are lost.
    pub count: u64,
    /// Whether `count` is an upper bound.
    pub at_most: bool,
    /// Why they are lost.
    pub reason: GapReason,
    /// The ids of the subscriptions that it may concern.
    pub subscriptions: Vec<u32>,
}

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TapAction {
    /// To emit an event.
    Emit,
    /// To listen.
    Listen,
    /// To send a request.
    Request,
    /// To respond.
    Respond,
    /// To emit the tick of a job.
    Tick,
    /// To start a job.
    StartJob,
    /// To change a job.
    UpdateJob,
    /// To pause a job.
    PauseJob,
    /// To resume a job.
    ResumeJob,
    /// To stop a job.
    StopJob,
    /// To start a task.
    StartTask,
    /// To follow a task.
    AttachTask,
    /// To cancel a task.
    CancelTask,
    /// To change what is in a room.
    Presence,
    /// To clear retained events.
    ClearRetained,
}

impl TapAction {
    pub(crate) const ALL: [Self; 15] = [
        Self::Emit,
        Self::Listen,
        Self::Request,
        Self::Respond,
        Self::Tick,
        Self::StartJob,
        Self::UpdateJob,
        Self::PauseJob,
        Self::ResumeJob,
        Self::StopJob,
        Self::StartTask,
        Self::AttachTask,
        Self::CancelTask,
        Self::Presence,
        Self::ClearRetained,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Emit => "emit",
            Self::Listen => "listen",
            Self::Request => "request",
            Self::Respond => "respond",
            Self::Tick => "tick",
            Self::StartJob => "start_job",
            Self::UpdateJob => "update_job",
            Self::PauseJob => "pause_job",
            Self::ResumeJob => "resume_job",
            Self::StopJob => "stop_job",
            Self::StartTask => "start_task",
            Self::AttachTask => "attach_task",
            Self::CancelTask => "cancel_task",
            Self::Presence => "presence",
            Self::ClearRetained => "clear_retained",
        }
    }
}

/// Something that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TappedRefusal {
    /// What was refused.
    pub action: TapAction,
    /// The name or pattern, as it was given. Of a job that was to be changed, its event; empty if that was refused before the
    /// job was found, and then a tap with names does not get it.
    pub name: String,
    /// Who tried it.
    pub source: Endpoint,
    /// The id of the job, for a tick or a change of a job.
    pub job: Option<String>,
    /// The kind of the error.
    pub code: ErrorCode,
    /// Its message. That of `denied` says which permission would allow it.
    pub message: String,
}

impl TappedRefusal {
    /// What is told of an error.
    pub(crate) fn of(
        action: TapAction,
        name: &str,
        source: &Endpoint,
        job: Option<&str>,
        error: &Error,
    ) -> Self {
        /// Of a pattern that a page has made up.
        const MAX_NAME: usize = 512;
        Self {
            action,
            name: name.chars().take(MAX_NAME).collect(),
            source: source.clone(),
            job: job.map(str::to_owned),
            code: error.code(),
            message: error.message().to_owned(),
        }
    }
}

/// A request that was sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TappedRequest {
    /// Its id, which its response has, too.
    pub request: String,
    /// Its name.
    pub name: String,
    /// Who sent it.
    pub source: Endpoint,
    /// Who is to respond.
    pub receiver: Endpoint,
    /// The component that sent it.
    pub component: Option<String>,
    /// The names of what caused it, oldest first.
    pub causes: Vec<String>,
    /// The trace that it belongs to, as `traceparent` of W3C Trace Context spells it.
    pub traceparent: Option<String>,
    /// Whether it requests a stream.
    pub is_stream: bool,
    /// Its payload.
    pub payload: TappedPayload,
}

/// How a request ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TappedResponse {
    /// The id of the request.
    pub request: String,
    /// Its name.
    pub name: String,
    /// Who was to respond.
    pub source: Endpoint,
    /// Who sent the request.
    pub receiver: Endpoint,
    /// The response, or the kind and the message of the error.
    pub result: std::result::Result<TappedPayload, (ErrorCode, String)>,
}

/// A payload as a tap has it: whole, cut or redacted.
#[derive(Debug, Clone)]
pub struct TappedPayload {
    shown: Shown,
    is_redacted: bool,
}

#[derive(Debug, Clone)]
enum Shown {
    Whole(Json),
    Cut { size: usize, start: Box<str> },
}

impl TappedPayload {
    pub(crate) fn whole(json: Json, is_redacted: bool) -> Self {
        Self {
            shown: Shown::Whole(json),
            is_redacted,
        }
    }

    pub(crate) fn cut(size: usize, start: &str, is_redacted: bool) -> Self {
        Self {
            shown: Shown::Cut {
                size,
                start: start.into(),
            },
            is_redacted,
        }
    }

    pub(crate) fn shown(&self) -> std::result::Result<&Json, (usize, &str)> {
        match &self.shown {
            Shown::Whole(json) => Ok(json),
            Shown::Cut { size, start } => Err((*size, start)),
        }
    }

    /// The payload as JSON text, with `null` in the place of bytes. `None` if it was cut.
    #[must_use]
    pub fn json(&self) -> Option<&str> {
        self.shown().ok().map(|json| &**json)
    }

    /// How the text begins, if it was cut.
    #[must_use]
    pub fn start(&self) -> Option<&str> {
        self.shown().err().map(|(_, start)| start)
    }

    /// How many bytes it has as a whole.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.shown {
            Shown::Whole(json) => json.size(),
            Shown::Cut { size, .. } => *size,
        }
    }

    /// Whether a rule of [`Builder::redact`](crate::Builder::redact) has replaced something in it.
    #[must_use]
    pub fn is_redacted(&self) -> bool {
        self.is_redacted
    }

    /// The payload as a value of your type.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidPayload`] if the JSON does not match `T`, or if the payload was cut.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        match self.shown() {
            Ok(json) => json
                .read()
                .map_err(|mismatch| mismatch.into_error::<T>("a tapped payload")),
            Err((size, _)) => Err(Error::new(
                ErrorCode::InvalidPayload,
                format!(
                    "this payload of {size} bytes was cut, so it cannot be read; raise TapFilter::payload_bytes"
                ),
            )),
        }
    }
}
