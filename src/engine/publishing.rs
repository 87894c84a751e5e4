//! Publishing an event: its checks, the interceptors, and a second try where the platform lists a webview first.

use crate::engine::core::Core;
use crate::engine::observe::Emitting;
use crate::engine::reply::Reply;
use crate::hub::{Audience, EmitEffects, NewEvent, Refusal};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::event::Receipt;
use crate::model::json::Json;
use crate::model::name::EventName;

impl Core {
    /// Publishes an event: numbers it, and puts it into every queue that it is for.
    pub(crate) fn publish(&self, event: NewEvent, audience: &Audience) -> Result<Receipt> {
        let about = self.about(&event);
        let emitting = Emitting::begin(&event);
        emitting.run(|| match self.try_publish(event, audience) {
            Ok((receipt, effects)) => {
                emitting.accepted(&self.counting, &receipt);
                self.apply_emit_effects(effects);
                Ok(receipt)
            }
            Err(refusal) => {
                emitting.refused(&self.counting, refusal.error.code());
                Err(self.note_refused_emit(about, refusal.error))
            }
        })
    }

    /// Publishes an event and leaves its effects to the caller, or hands it back.
    pub(crate) fn try_publish(
        &self,
        mut event: NewEvent,
        audience: &Audience,
    ) -> std::result::Result<(Receipt, EmitEffects<Reply>), Box<Refusal>> {
        match self.prepare_event(&mut event, audience) {
            Ok(()) => self.publish_checked(event, audience),
            Err(error) => Err(Refusal::of(event, error)),
        }
    }

    /// Checks an event, and lets the interceptors see it.
    pub(crate) fn prepare_event(&self, event: &mut NewEvent, audience: &Audience) -> Result<()> {
        let mut checked = self.check_event(event);
        if audience.is_compatible {
            checked = self.pass_limit(&event.name, checked);
        }
        checked?;
        if let Some(interceptors) = self.interceptors.get()
            && interceptors.run(event, audience, &self.diagnostics)?
        {
            self.check_payload(&event.name, &event.payload)?;
        }
        Ok(())
    }

    /// Publishes an event that was checked.
    pub(crate) fn publish_checked(
        &self,
        event: NewEvent,
        audience: &Audience,
    ) -> std::result::Result<(Receipt, EmitEffects<Reply>), Box<Refusal>> {
        if let Some(to) = &audience.to {
            self.resolve_windows(&to.selection);
            // A label that stays unknown is no error then, so there is no second try.
            if audience.is_compatible {
                self.resolve_unannounced(&to.selection);
            }
        }
        match self.enqueue(event, audience) {
            Err(refusal) if self.is_resolved(&refusal.error, audience) => {
                self.enqueue(refusal.event, audience)
            }
            published => published,
        }
    }

    pub(super) fn enqueue(
        &self,
        event: NewEvent,
        audience: &Audience,
    ) -> std::result::Result<(Receipt, EmitEffects<Reply>), Box<Refusal>> {
        let clock = self.clock();
        // Bound to a name, so that the lock is released before anything else is called.
        let published = self.hub().enqueue(event, audience, || clock.now());
        if published.as_ref().is_err_and(|refusal| refusal.has_freed) {
            self.rearm.notify_one();
        }
        published
    }

    /// The platform may list a webview that the hub does not know yet. Returns whether the event is worth another try.
    pub(super) fn is_resolved(&self, error: &Error, audience: &Audience) -> bool {
        let is_resolved = error.code() == ErrorCode::UnknownTarget
            && audience
                .to
                .as_ref()
                .is_some_and(|to| self.resolve_unannounced(&to.selection));
        if is_resolved {
            self.hub().forget_refusal();
        }
        is_resolved
    }

    fn check_event(&self, event: &NewEvent) -> Result<()> {
        self.check_payload(&event.name, &event.payload)?;
        match &event.provenance {
            Some(provenance) => provenance.check(&event.name, self.limits.hops),
            None => Ok(()),
        }
    }

    pub(crate) fn check_payload(&self, name: &EventName, payload: &Json) -> Result<()> {
        let limit = self.limits.payload_bytes;
        let size = payload.size();
        if size <= limit {
            return Ok(());
        }
        let hint = if is_list_of_numbers(payload) {
            ". Each number of a Vec<u8> takes up to four bytes of JSON; send them as Bytes, or send a path"
        } else {
            ""
        };
        Err(Error::new(
            ErrorCode::PayloadTooLarge,
            format!(
                "the payload of {:?} has {size} bytes{}; the limit `payloadBytes` is {limit}{hint}",
                name.as_str(),
                if payload.attached().is_empty() {
                    " of JSON"
                } else {
                    ""
                },
            ),
        ))
    }
}

/// Whether JSON looks like a list of bytes, by how it begins.
fn is_list_of_numbers(json: &str) -> bool {
    const LOOKED_AT: usize = 64;
    let is_part = |b: u8| b.is_ascii_digit() || b == b',';
    json.strip_prefix('[')
        .is_some_and(|rest| rest.bytes().take(LOOKED_AT).all(is_part))
}
