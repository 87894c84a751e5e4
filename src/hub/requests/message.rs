use std::sync::Arc;
use std::time::Duration;

use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::requests::window::Credit;
use crate::model::endpoint::Endpoint;
use crate::model::error::ErrorCode;
use crate::model::event::{Origin, Provenance, source_length, weight_of};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::traceparent::Traceparent;

/// A request as its responder gets it.
#[derive(Debug)]
pub(crate) struct RequestMessage {
    pub(crate) id: RequestId,
    pub(crate) name: EventName,
    pub(crate) payload: Json,
    pub(crate) source: Endpoint,
    /// What it follows from.
    pub(crate) provenance: Option<Arc<Provenance>>,
    /// How much of its parts may be on their way, if it is a request for a stream or a channel.
    pub(crate) stream: Option<Credit>,
    /// Whether its caller sends parts, too, with as much credit.
    pub(crate) is_channel: bool,
}

/// What a responder responds with, and a request requests. A name has one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponderKind {
    /// One response.
    Single,
    /// Parts, and then a response.
    Stream,
    /// Parts, while its caller sends parts, too.
    Channel,
}

impl ResponderKind {
    /// The end of the sentence "it responds …", with the function that fits.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Single => "with one response; use request",
            Self::Stream => "with a stream; use requestStream, or request_stream in Rust",
            Self::Channel => "with a channel; use openChannel in a page",
        }
    }
}

impl RequestMessage {
    /// What it requests.
    pub(crate) fn kind(&self) -> ResponderKind {
        match self.stream {
            None => ResponderKind::Single,
            Some(_) if self.is_channel => ResponderKind::Channel,
            Some(_) => ResponderKind::Stream,
        }
    }

    /// The same without its payload.
    pub(super) fn head(&self) -> Self {
        Self {
            id: self.id,
            name: self.name.clone(),
            payload: Json::from(""),
            source: self.source.clone(),
            provenance: self.provenance.clone(),
            stream: self.stream,
            is_channel: self.is_channel,
        }
    }

    /// The name of the component that sent it.
    pub(crate) fn component(&self) -> Option<&Arc<str>> {
        self.provenance.as_ref()?.component.as_ref()
    }

    /// The names of what caused it, oldest first.
    pub(crate) fn causes(&self) -> &[EventName] {
        let provenance = self.provenance.as_deref();
        provenance.map_or(&[], |provenance| &provenance.causes)
    }

    /// The trace that it belongs to.
    pub(crate) fn trace(&self) -> Option<&Traceparent> {
        self.provenance.as_ref()?.traceparent.as_ref()
    }

    /// The causes and the trace of what follows from it.
    pub(crate) fn as_origin(&self) -> Origin {
        Origin::after(&self.name, self.provenance.as_deref())
    }

    /// At least as many bytes as it takes in a batch.
    pub(crate) fn length(&self) -> usize {
        self.weight() + self.payload.growth()
    }

    /// The bytes that it counts for.
    pub(crate) fn weight(&self) -> usize {
        let source = source_length(&self.source) * 2;
        weight_of(&self.name, &self.payload, self.provenance.as_deref()) + source
    }
}

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Host,
    /// A page, by its session and the number that it gave the request.
    Page(SubscriberKey, u64),
}

/// Who is to respond.
#[derive(Debug, Clone)]
pub(crate) enum Recipient {
    Host,
    /// The page in this webview.
    Page(Arc<str>),
    /// The host of this node, through the link. Here it is like the host itself.
    Node(Arc<str>),
}

/// A request to be sent.
#[derive(Debug)]
pub(crate) struct NewRequest {
    pub(crate) message: RequestMessage,
    pub(crate) caller: Caller,
    pub(crate) to: Recipient,
    /// `None` only for a stream: how long there may be neither a part nor the response.
    pub(crate) timeout: Option<Duration>,
}

/// Why a responder need not respond any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Timeout,
    Cancelled,
}

impl Ending {
    /// The code that the page's signal has.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Self::Timeout => ErrorCode::Timeout,
            Self::Cancelled => ErrorCode::Cancelled,
        }
    }
}
