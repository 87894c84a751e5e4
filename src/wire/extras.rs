use serde_json::{Map, Value, json};

use crate::model::event::{BusEvent, Mark, unix_millis};

/// What an event has besides its head, its numbers and its payload. Most events have nothing.
pub(super) fn extras_of(event: &BusEvent) -> Option<String> {
    let mark = event.mark();
    let is_plain = event.tick().is_none() && event.provenance().is_none();
    if is_plain && mark == Mark::default() {
        return None;
    }
    let mut extras = Map::new();
    if let Some(component) = event.component() {
        extras.insert("component".to_owned(), component.into());
    }
    if event.hops() > 0 {
        extras.insert("causes".to_owned(), event.causes().collect());
    }
    if let Some(traceparent) = event.traceparent() {
        extras.insert("traceparent".to_owned(), traceparent.into());
    }
    if let Some(tick) = event.tick() {
        let tick = json!({
            "job": &*tick.job,
            "count": tick.count,
            "scheduledAt": unix_millis(tick.scheduled_at),
            "missed": tick.missed,
        });
        extras.insert("tick".to_owned(), tick);
    }
    for (name, is_set) in [
        ("replayed", mark.replayed),
        ("retained", mark.retained),
        ("consume", mark.until_consumed),
        ("redelivered", mark.redelivered),
        ("outcome", mark.is_tracked),
    ] {
        if is_set {
            extras.insert(name.to_owned(), Value::Bool(true));
        }
    }
    if mark.superseded > 0 {
        extras.insert("superseded".to_owned(), mark.superseded.into());
    }
    Some(Value::Object(extras).to_string())
}
