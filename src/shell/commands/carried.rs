//! What a page tells the host with a pull, or with the value of a call: responses, and outcomes of events.

use serde_json::Value;

use crate::api::bus::EventBus;
use crate::hub::ids::SessionId;
use crate::model::error::Error;
#[cfg(calls)]
use crate::model::error::{ErrorCode, escaped};

#[cfg(calls)]
use super::arguments::check_entries;
use super::body::Entry;
use super::respond::apply_response;
use super::settle::{SettledEntry, apply_all};

/// Applies what came with a pull of this session, or with the value of a call. Returns the errors of what was refused.
pub(super) fn apply_carried(
    bus: &EventBus,
    label: &str,
    session: SessionId,
    entries: Vec<Value>,
) -> Vec<Error> {
    let core = &bus.runtime().core;
    // Nothing of a session that has ended counts any more, and the pull fails with that error.
    let Some(page) = core.hub().page_of(label, session) else {
        return Vec::new();
    };
    let mut settled = Vec::new();
    let mut refused = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        // Responses and entries of streams have none.
        if entry.get("seq").is_some() {
            let what = format_args!("carried entry at index {index}");
            settled.push(SettledEntry::read(what, entry));
            continue;
        }
        let applied =
            Entry::of(entry).and_then(|entry| apply_response(bus, page, label, (index, entry)));
        refused.extend(applied.err());
    }
    let settled = apply_all(core, page, settled);
    refused.extend(settled.into_iter().filter_map(Result::err));
    refused
}

/// Applies what came with the value of a call, as JSON.
#[cfg(calls)]
pub(in crate::shell) fn apply_carried_text(
    bus: &EventBus,
    label: &str,
    session: SessionId,
    json: &str,
) -> Vec<Error> {
    let read = serde_json::from_str::<Vec<Value>>(json).map_err(|error| {
        let message = format!(
            "invalid value of a call: expected a list behind the index: {}",
            escaped(&error)
        );
        Error::new(ErrorCode::InvalidArgument, message)
    });
    let checked = read.and_then(|entries| {
        check_entries("carried entries", entries.len())?;
        Ok(entries)
    });
    match checked {
        Ok(entries) => apply_carried(bus, label, session, entries),
        Err(error) => vec![error],
    }
}
