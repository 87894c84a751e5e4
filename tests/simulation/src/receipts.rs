//! Events whose emitters wait until they are handled.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::options::EmitOptions;
use crate::expiry::expires_at;
use crate::facts::{Emitted, is_retained};
use crate::host::{Note, target_of};
use crate::matching::matches;
use crate::model::outcome::{Handled, Outcome};
use crate::mutation::Mutation;
use crate::oracle::Oracle;
use crate::sync;
use crate::world::{World, lock};

impl World {
    /// Emits in Rust, and waits until the event is handled.
    pub(crate) fn host_emits_and_waits(&mut self) {
        let promise = self.number();
        let name = self.event_name();
        let expiry = self.expiry();
        let event = Emitted {
            name: name.into(),
            payload: json!(format!("host.{promise}")),
            source: None,
            to: self.rng.chance(50).then(|| self.target()),
            except: None,
            is_retained: is_retained(name, None),
            // It is emitted when the future is polled.
            expires_at: None,
            is_complete: true,
        };
        let timeout = Duration::from_millis(self.rng.pick(&[20, 3_000, 30_000]));
        self.note(format!(
            "host promise {promise} emits {event:?} and waits {timeout:?}"
        ));
        self.oracle.promised(promise, None, "emitHandled");
        self.oracle.will_emit(promise, event.payload.clone());
        let emit = self.bus.emit_handled(name, event.payload.clone());
        let options = match expiry {
            Some(millis) => EmitOptions::new().expires(Duration::from_millis(millis)),
            None => EmitOptions::new(),
        };
        let emit = emit.options(options).timeout(timeout);
        let emit = match &event.to {
            Some(to) => emit.to(target_of(to)),
            None => emit,
        };
        let is_forged = self.mutation == Some(Mutation::ForgeOutcomes);
        let notes = Arc::clone(&self.host.notes);
        let handled = emit.into_future();
        sync::spawn(async move {
            let emitted = sync::steady_now();
            let result = match handled.await {
                Ok(handled) => {
                    let event = Emitted {
                        expires_at: expires_at(expiry, emitted),
                        ..event
                    };
                    lock(&notes).push(Note::Accepted(handled.receipt.seq, event));
                    Ok(brief(&handled, is_forged))
                }
                Err(error) => Err(error.code().to_string()),
            };
            lock(&notes).push(Note::Settled(promise, result));
        });
    }
}

/// The outcomes as a page notes them.
fn brief(handled: &Handled, is_forged: bool) -> Value {
    let word = |outcome: &Outcome| match is_forged {
        true => "handled",
        false => outcome.as_str(),
    };
    let outcomes = handled.pages.iter();
    let outcomes: Vec<Value> = outcomes
        .map(|page| json!({ "page": page.page, "outcome": word(&page.outcome) }))
        .collect();
    let host = handled.listeners.as_ref();
    json!({
        "seq": handled.receipt.seq,
        "pages": handled.receipt.pages,
        "outcomes": outcomes,
        "host": host.map(|outcome| json!({ "outcome": word(outcome) })),
    })
}

impl Oracle {
    /// Looks at what emitters were told: that a page has handled an event that none of its listeners got, or failed, which none
    /// does here.
    pub(crate) fn check_outcomes(&self, found: &mut Vec<String>) {
        let settled = self.promises.iter().filter_map(|(number, promise)| {
            let told = promise.settled.as_ref()?.as_ref().ok()?;
            (promise.what == "emitHandled").then_some((number, told))
        });
        for (number, told) in settled {
            let outcomes = told["outcomes"].as_array().map_or(&[][..], Vec::as_slice);
            if (outcomes.len() as u64) < told["pages"].as_u64().unwrap_or_default() {
                found.push(format!("promise {number} has too few outcomes: {told}"));
            }
            for outcome in outcomes.iter().chain([&told["host"]]) {
                let is_known = match outcome["outcome"].as_str() {
                    Some("handled") => self.is_handled(told, outcome),
                    Some("dropped" | "gone" | "timeout") => true,
                    None => outcome.is_null(),
                    Some(_) => false,
                };
                if !is_known {
                    found.push(format!("promise {number} was told {outcome} of {told}"));
                }
            }
        }
    }

    /// Whether a listener of that page has got the event, or may have.
    fn is_handled(&self, told: &Value, outcome: &Value) -> bool {
        // Of other pages a page learns no label.
        let Some(label) = outcome["page"].as_str() else {
            return true;
        };
        let seq = told["seq"].as_u64().unwrap_or_default();
        let is_there = |page: u32| {
            self.pages
                .get(&page)
                .is_some_and(|page| page.label == label)
        };
        let mut listeners = self.listeners.values();
        let has_come = listeners.any(|listener| {
            let is_own = listener.page.is_some_and(is_there);
            is_own && listener.delivered.iter().any(|got| got.seq == seq)
        });
        // What a page waits for has no listener.
        let name = self.events.get(&seq).map_or("", |event| &event.name);
        let mut pages = self.pages.values().filter(|page| page.label == label);
        has_come || pages.any(|page| page.waits.iter().any(|own| matches(own, name)))
    }
}
