//! Taps and recordings.

mod pages;
mod recordings;
mod records;
mod redactions;
mod refusals;

use serde_json::Value;
use tauri_plugin_event_bus::tap::{Tap, TapRecord};

/// All records that wait, as JSON.
fn records(tap: &mut Tap) -> Vec<Value> {
    let waiting = std::iter::from_fn(|| tap.try_recv());
    waiting.map(|record| json_of(&record)).collect()
}

fn json_of(record: &TapRecord) -> Value {
    serde_json::from_str(&record.to_json()).unwrap()
}

/// The records of this kind.
fn of_kind(records: &[Value], kind: &str) -> Vec<Value> {
    let own = records.iter().filter(|record| record["kind"] == kind);
    own.cloned().collect()
}
