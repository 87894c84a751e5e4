//! Emitting, with what the hub may refuse.

use super::{Emitted, LARGE, WEBVIEWS, World, steady};
use crate::hub::{Address, Audience, NewEvent};
use crate::model::endpoint::Endpoint;
use crate::model::error::ErrorCode;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;

impl World {
    pub(super) fn emit(&mut self, event: Emitted) {
        let payload = match event.is_large {
            true => format!("\"{}\"", "x".repeat(LARGE)),
            false => "null".to_owned(),
        };
        let may_be_full = self.may_be_full(&event);
        let receipt = self.open_receipt(&event);
        let new = NewEvent {
            name: EventName::parse(event.name).unwrap(),
            payload: payload.into(),
            source: match event.by {
                Some(page) => Endpoint::Webview(WEBVIEWS[page].into()),
                None => Endpoint::Host,
            },
            tick: None,
            provenance: None,
            retain: Some(event.is_retained),
            lifetime: Lifetime {
                expires: event.expires,
                receipt,
                ..Lifetime::default()
            },
        };
        let selected = |page: usize| Address::of(WEBVIEWS[page].into()).unwrap();
        let audience = Audience {
            to: event.to.target().map(|target| Address::of(target).unwrap()),
            except: event.except.map(selected),
            ..Audience::default()
        };
        let now = self.now;
        match self.hub.enqueue(new, &audience, || now) {
            Ok((accepted, effects)) => {
                self.note_published(receipt, accepted.seq);
                self.events.push(Emitted {
                    seq: accepted.seq,
                    expires_at: event.expires.map(|expires| steady() + expires),
                    ..event
                });
                self.apply_effects(*effects.unwrap_or_default());
            }
            Err(refusal) if refusal.error.code() == ErrorCode::QueueFull => {
                receipt.map(|ticket| self.hub.forget_receipt(ticket));
                assert!(may_be_full, "{refusal:?} though no queue is full");
            }
            Err(refusal) => {
                receipt.map(|ticket| self.hub.forget_receipt(ticket));
                assert_eq!(refusal.error.code(), ErrorCode::UnknownTarget);
                let is_known = |label: &str| self.hub.knows(label);
                assert!(WEBVIEWS.iter().any(|label| !is_known(label)));
            }
        }
    }

    /// Whether this event may be refused: its policy is to reject, and events wait for a page that it is for.
    fn may_be_full(&self, event: &Emitted) -> bool {
        let is_full = |page: usize| {
            let own = &self.pages[page];
            let mut live = own.received.values().filter(|own| own.until.is_none());
            let listens = live.any(|received| event.is_for(page, &received.pattern));
            let session = own.key.and_then(|key| self.hub.sessions.get(&key));
            listens && session.is_some_and(|session| session.outbox.usage().0 > 0)
        };
        event.name == "reject" && (0..WEBVIEWS.len()).any(is_full)
    }
}
