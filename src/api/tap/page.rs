//! Taps of pages: a stream whose parts are lists of records.

use std::sync::{Arc, PoisonError, Weak};

use crate::api::tap::stream::Tap;
use crate::engine::core::Core;
use crate::engine::parts::PartSink;
use crate::engine::responders::{Handler, ResponseFuture};
use crate::hub::command_log::JsonResult;
use crate::model::tap::filter::RecordFilter;
use crate::model::tap::record::{TapEntry, TapRecord};
use crate::sync::Mutex;
use crate::wire::tap::line::line_of;

/// How many bytes of records are in one part, unless one record is larger.
const PART_BYTES: usize = 128 << 10;

/// Responds to a request with what a tap tells.
pub(crate) fn send_records(core: &Arc<Core>, filter: RecordFilter) -> Handler {
    // On from now on, and not once a task calls this.
    let tap = Mutex::new(Some(Tap::new(core, filter)));
    let core: Weak<Core> = Arc::downgrade(core);
    Arc::new(move |incoming| {
        let tap = tap.lock().unwrap_or_else(PoisonError::into_inner).take();
        let tapped = core.upgrade().zip(tap).map(|(core, tap)| {
            let sink = PartSink::new(&core, incoming.id, incoming.name.clone());
            (tap, sink, core.limits().payload_bytes)
        });
        Box::pin(async move {
            match tapped {
                Some((tap, sink, limit)) => send_all(tap, sink, limit).await,
                // The app is exiting.
                None => Ok("null".into()),
            }
        }) as ResponseFuture
    })
}

async fn send_all(mut tap: Tap, sink: PartSink, limit: usize) -> JsonResult {
    while let Some(records) = tap.recv_all().await {
        for part in parts_of(&records, limit) {
            sink.send(Ok(part.into())).await?;
        }
    }
    Ok("null".into())
}

/// The parts that these records take. A record that is larger than any payload may be is counted as lost.
fn parts_of(records: &[TapRecord], limit: usize) -> Vec<String> {
    let most = PART_BYTES.min(limit);
    let mut parts = Vec::new();
    let mut part = String::new();
    for record in records {
        let mut line = line_of(record);
        if line.len() + 2 > limit {
            line = line_of(&TapRecord {
                at: record.at,
                entry: TapEntry::Lost(1),
            });
        }
        if !part.is_empty() && part.len() + line.len() + 2 > most {
            part.push(']');
            parts.push(std::mem::take(&mut part));
        }
        part.push(if part.is_empty() { '[' } else { ',' });
        part.push_str(&line);
    }
    if !part.is_empty() {
        part.push(']');
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn parts_are_lists_and_no_longer_than_the_limit() {
        let record = |count| TapRecord {
            at: SystemTime::UNIX_EPOCH,
            entry: TapEntry::Lost(count),
        };
        let records: Vec<TapRecord> = (0..10).map(record).collect();
        let parts = parts_of(&records, 100);
        assert!(parts.iter().all(|part| part.len() <= 100), "{parts:?}");
        let read = parts.iter().flat_map(|part| {
            let list: Vec<serde_json::Value> = serde_json::from_str(part).unwrap();
            list
        });
        let counts: Vec<u64> = read.map(|own| own["count"].as_u64().unwrap()).collect();
        assert_eq!(counts, (0..10).collect::<Vec<_>>());
        assert!(parts_of(&[], 100).is_empty());
    }
}
