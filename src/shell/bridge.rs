//! Bridges between the bus and Tauri's own events, for the names that an app lists.

use std::sync::{Arc, Weak};

use tauri::{AppHandle, EventTarget, Manager, Runtime};

use crate::api::bus::EventBus;
use crate::catalog::Catalog;
use crate::engine::diagnostics::Record;
use crate::hub::{Audience, NewEvent};
use crate::model::core_target::is_name_of_core;
use crate::model::delivery::{DeliveryFilter, HostSubscription};
use crate::model::endpoint::Endpoint;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::event::BusEvent;
use crate::model::json::Json;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::pattern::{EventPattern, is_wildcard};
use crate::model::payload::check_json;
use crate::runtime::BusRuntime;
use crate::shell::compat::Watched;
use crate::shell::convert::core_target_of;

/// The names that an app lists, checked.
pub(super) struct Bridges {
    from_core: Vec<EventName>,
    to_core: Vec<EventPattern>,
}

impl Bridges {
    pub(super) fn parse(from_core: &[String], to_core: &[String]) -> Result<Self> {
        let mut bridges = Self {
            from_core: Vec::new(),
            to_core: Vec::new(),
        };
        for name in from_core {
            let name = read_name(name)?;
            if !bridges.from_core.contains(&name) {
                bridges.from_core.push(name);
            }
        }
        for pattern in to_core {
            let parsed = read_pattern(pattern)?;
            let mut names = bridges.from_core.iter();
            if let Some(name) = names.find(|name| parsed.matches(name)) {
                return Err(refused(format!(
                    "{} is bridged from Tauri's events, and {} bridges it back to them; give each name one direction",
                    quoted(name.as_str()),
                    quoted(pattern)
                )));
            }
            bridges.to_core.push(parsed);
        }
        Ok(bridges)
    }

    pub(super) fn start<R: Runtime>(self, app: &AppHandle<R>, bus: &EventBus) {
        let runtime = bus.runtime();
        for name in self.from_core {
            let (runtime, catalog) = (Arc::downgrade(runtime), bus.catalog().clone());
            app.state::<Watched>().add(&name);
            // Not `listen_any`, which would spread what is for one window.
            tauri::Listener::listen(app, name.as_str().to_owned(), move |event| {
                if let Some(runtime) = runtime.upgrade() {
                    bring_in(&runtime, &catalog, &name, event.payload());
                }
            });
        }
        if self.to_core.is_empty() {
            return;
        }
        runtime.core.hub().set_bridged(self.to_core.clone());
        for pattern in self.to_core {
            let (app, weak) = (app.clone(), Arc::downgrade(runtime));
            let wanted = HostSubscription {
                filter: DeliveryFilter::Everything,
                wants_retained: false,
                ..HostSubscription::default()
            };
            runtime.listeners.add(pattern, wanted, |_| {
                move |event| take_out(&app, &weak, &event)
            });
        }
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}

fn read_name(text: &str) -> Result<EventName> {
    if let Some(wildcard) = text.chars().find(|c| is_wildcard(*c)) {
        return Err(refused(format!(
            "bridge_from_core got {}, which has the wildcard {wildcard:?}; Tauri listens to one name at a time, so list each name",
            quoted(text)
        )));
    }
    let name = EventName::parse_emitted(text)?;
    check_name(text, text)?;
    Ok(name)
}

fn read_pattern(text: &str) -> Result<EventPattern> {
    let pattern = EventPattern::parse(text)?;
    // Only the text between the wildcards is known.
    let is_syntax = |c: char| is_wildcard(c) || c == '!';
    let literal: String = text.chars().filter(|c| !is_syntax(*c)).collect();
    if pattern.exact().is_some() {
        EventName::parse_emitted(text)?;
    }
    check_name(text, &literal)?;
    Ok(pattern)
}

fn check_name(text: &str, literal: &str) -> Result<()> {
    if is_name_of_core(literal) {
        return Ok(());
    }
    Err(refused(format!(
        "Tauri's events refuse the name {}; a bridged name has letters, digits and - / : _ only",
        quoted(text)
    )))
}

/// Publishes an event of Tauri's. Pages that may emit Tauri's events can forge it, so it is checked as theirs are.
fn bring_in(runtime: &BusRuntime, catalog: &Catalog, name: &EventName, payload: &str) {
    let json = Json::from(payload);
    let checked = check_json(payload)
        .map_err(|problem| {
            let message = format!("the payload of {} {problem}", quoted(name.as_str()));
            Error::new(ErrorCode::InvalidPayload, message)
        })
        .and_then(|()| catalog.check_name(name))
        .and_then(|()| catalog.check_payload(name, &json));
    let event = NewEvent {
        name: name.clone(),
        payload: json,
        source: Endpoint::Host,
        tick: None,
        provenance: None,
        retain: None,
        lifetime: Lifetime::default(),
    };
    let audience = Audience {
        is_bridged: true,
        ..Audience::default()
    };
    let published = checked.and_then(|()| runtime.core.publish(event, &audience));
    if let Err(error) = published {
        tell(runtime, name.as_str(), "from", &error.to_string());
    }
}

/// Emits an event of the bus in Tauri's own system, to those that it is for.
fn take_out<R: Runtime>(app: &AppHandle<R>, runtime: &Weak<BusRuntime>, event: &BusEvent) {
    let (name, payload) = (event.name(), event.json().to_numbers());
    let emitted = match event.audience() {
        None => tauri::Emitter::emit_str(app, name, payload),
        Some(audience) => {
            tauri::Emitter::emit_str_filter(app, name, payload, |target| is_for(audience, target))
        }
    };
    if let (Err(error), Some(runtime)) = (emitted, runtime.upgrade()) {
        tell(&runtime, name, "to", &error.to_string());
    }
}

fn is_for(audience: &Audience, target: &EventTarget) -> bool {
    core_target_of(target).is_ok_and(|target| audience.reaches_core(&target))
}

fn tell(runtime: &BusRuntime, name: &str, direction: &str, error: &str) {
    let diagnostics = runtime.core.diagnostics();
    diagnostics.tell(Record::NotBridged, name, [], || {
        format!(" {direction} Tauri's events: {error}")
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: &[&str], to: &[&str], expected: Option<(ErrorCode, &str)>) {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (from, to): (Vec<String>, Vec<String>) = (owned(from), owned(to));
        let error = Bridges::parse(&from, &to).err();
        let found = error.as_ref().map(|error| (error.code(), error.message()));
        match (found, expected) {
            (None, None) => {}
            (Some((code, message)), Some((expected, part))) => {
                assert_eq!(code, expected);
                assert!(message.contains(part), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_direction_for_each_name() {
        let invalid = |part| Some((ErrorCode::InvalidArgument, part));
        check(&["deep-link://new-url"], &["download:*"], None);
        check(&["a", "a"], &[], None);
        check(&[], &["log:[!d]*"], None);
        check(&["download:x"], &["download:*"], invalid("\"download:x\""));
        check(&["a"], &["a"], invalid("one direction"));
        check(&["a:*"], &[], invalid("'*'"));
        check(&["a.b"], &[], invalid("\"a.b\""));
        check(&[], &["a.b"], invalid("\"a.b\""));
        check(&[], &["a.*"], invalid("\"a.*\""));
        let reserved = |part| Some((ErrorCode::ReservedEventName, part));
        check(&["tauri://focus"], &[], reserved("tauri://focus"));
        check(&["event-bus:x"], &[], reserved("event-bus:x"));
        let pattern = Some((ErrorCode::InvalidPattern, "a**"));
        check(&[], &["a**"], pattern);
    }
}
