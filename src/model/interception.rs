//! What an interceptor sees of an event that is about to be published.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::audience::Audience;
use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::event::{Provenance, Tick};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::target::Target;
use crate::model::traceparent::Traceparent;

/// An event that is about to be published, as an interceptor sees it and may amend it: see
/// [`Builder::before_emit`](crate::Builder::before_emit).
#[derive(Debug)]
pub struct EmittedEvent<'a> {
    name: &'a EventName,
    payload: &'a mut Json,
    is_amended: &'a mut bool,
}

/// Where an event comes from that is about to be published, and whom it is for.
#[derive(Debug)]
pub struct EmitContext<'a> {
    source: &'a Endpoint,
    audience: &'a Audience,
    provenance: Option<&'a Provenance>,
    tick: Option<&'a Tick>,
}

impl<'a> EmittedEvent<'a> {
    pub(crate) fn new(
        name: &'a EventName,
        payload: &'a mut Json,
        is_amended: &'a mut bool,
    ) -> Self {
        Self {
            name,
            payload,
            is_amended,
        }
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The payload as JSON text. In the place of [`Bytes`](crate::Bytes) it has `null`.
    #[must_use]
    pub fn payload_json(&self) -> &str {
        self.payload
    }

    /// The payload as a value of your type.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidPayload`](crate::ErrorCode::InvalidPayload) if the JSON does not match `T`.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T> {
        self.payload.read().map_err(|mismatch| {
            mismatch.into_error::<T>(format_args!("the payload of {:?}", self.name()))
        })
    }

    /// Replaces the payload. Its length is checked again, but not that it has the type which the event was declared with.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidPayload`](crate::ErrorCode::InvalidPayload) if it cannot be serialized as JSON.
    pub fn set_payload(&mut self, payload: impl Serialize) -> Result<()> {
        *self.payload = Json::write(
            format_args!("the payload of {:?}", self.name.as_str()),
            &payload,
        )?;
        *self.is_amended = true;
        Ok(())
    }
}

impl<'a> EmitContext<'a> {
    pub(crate) fn new(
        source: &'a Endpoint,
        audience: &'a Audience,
        provenance: Option<&'a Provenance>,
        tick: Option<&'a Tick>,
    ) -> Self {
        Self {
            source,
            audience,
            provenance,
            tick,
        }
    }

    /// Who emits it.
    #[must_use]
    pub fn source(&self) -> &Endpoint {
        self.source
    }

    /// Whom it is sent to; `None` is everyone.
    #[must_use]
    pub fn to(&self) -> Option<&Target> {
        self.audience.target()
    }

    /// The name of the component that emits it, if one does.
    #[must_use]
    pub fn component(&self) -> Option<&str> {
        self.provenance?.component.as_deref()
    }

    /// The names of the events that caused it, oldest first.
    pub fn causes(&self) -> impl ExactSizeIterator<Item = &str> {
        let causes = self.provenance.map_or(&[][..], |own| &own.causes);
        causes.iter().map(EventName::as_str)
    }

    /// The trace that it belongs to, as `traceparent` of W3C Trace Context spells it.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        let trace = self.provenance?.traceparent.as_ref();
        trace.map(Traceparent::as_str)
    }

    /// Which tick of which job it is, if a job emits it.
    #[must_use]
    pub fn tick(&self) -> Option<&Tick> {
        self.tick
    }
}
