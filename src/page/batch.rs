use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::event::{Event, Mark, Source, unix_millis};
use crate::hub::outbox::Delivery;
use crate::hub::queue::{Entry, LostEvents, QueuedEvent};
use crate::hub::subscriptions::SubscriptionId;

/// Writes the answer to a pull. Payloads are copied in as they are; docs/wire-protocol.md shows the result.
pub(crate) fn encode(batch: &[Delivery]) -> String {
    const ENVELOPE: usize = 96;
    let length: usize = batch.iter().map(|delivery| weight(&delivery.entry)).sum();
    let mut json = String::with_capacity(length + batch.len() * ENVELOPE + 2);
    json.push('[');
    for delivery in batch {
        if json.len() > 1 {
            json.push(',');
        }
        match &delivery.entry {
            Entry::Event(queued) => push_event(&mut json, delivery.index, queued),
            Entry::Lost(lost) => push_gap(&mut json, delivery.index, lost),
        }
    }
    json.push(']');
    json
}

fn weight(entry: &Entry) -> usize {
    match entry {
        Entry::Event(queued) => queued.event.weight(),
        Entry::Lost(_) => 0,
    }
}

fn push_event(json: &mut String, index: u64, queued: &QueuedEvent) {
    let event = &queued.event;
    // Names have no character that JSON escapes. Writing to a string cannot fail.
    let _ = write!(
        json,
        "[{index},{},{},\"{}\",",
        event.seq(),
        unix_millis(event.timestamp()),
        event.name()
    );
    match event.source() {
        Source::Host => json.push('0'),
        Source::Webview(label) => {
            let _ = write!(json, "{}", json!(**label));
        }
    }
    json.push(',');
    push_ids(json, &queued.subscriptions);
    json.push(',');
    json.push_str(event.payload_json());
    push_extras(json, event);
    json.push(']');
}

fn push_extras(json: &mut String, event: &Event) {
    let mark = event.mark();
    if event.tick().is_none() && mark == Mark::default() {
        return;
    }
    let mut extras = Map::new();
    if let Some(tick) = event.tick() {
        let tick = json!({
            "id": &*tick.job,
            "tick": tick.count,
            "scheduledAt": unix_millis(tick.scheduled_at),
            "missed": tick.missed,
        });
        extras.insert("periodic".to_owned(), tick);
    }
    for (name, is_set) in [("replayed", mark.replayed), ("retained", mark.retained)] {
        if is_set {
            extras.insert(name.to_owned(), Value::Bool(true));
        }
    }
    if mark.superseded > 0 {
        extras.insert("superseded".to_owned(), mark.superseded.into());
    }
    let _ = write!(json, ",{}", Value::Object(extras));
}

fn push_ids(json: &mut String, ids: &[SubscriptionId]) {
    if let [id] = ids {
        let _ = write!(json, "{id}");
        return;
    }
    json.push('[');
    for (place, id) in ids.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let _ = write!(json, "{comma}{id}");
    }
    json.push(']');
}

fn push_gap(json: &mut String, index: u64, lost: &LostEvents) {
    let gap = &lost.gap;
    let item = json!({
        "index": index,
        "from": gap.from,
        "to": gap.to,
        "count": gap.count,
        "atMost": gap.at_most,
        "reason": gap.reason.as_str(),
        "subscriptions": lost.subscriptions,
    });
    let _ = write!(json, "{item}");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::event::{Accepted, Gap, GapReason, Tick};
    use crate::hub::subscriptions::Reach;
    use crate::name::EventName;

    fn delivery(
        index: u64,
        payload: &str,
        source: Source,
        ids: &[u32],
        tick: Option<Tick>,
    ) -> Delivery {
        let event = Event::new(Accepted {
            seq: 40 + index,
            name: EventName::parse("a:b").unwrap(),
            payload: payload.into(),
            accepted_at: SystemTime::UNIX_EPOCH + Duration::from_micros(1_500_250),
            source,
            tick,
        });
        Delivery {
            index,
            entry: Entry::Event(QueuedEvent {
                event,
                subscriptions: ids.into(),
                reach: Reach::Broadcast,
            }),
        }
    }

    #[test]
    fn nothing_is_an_empty_array() {
        assert_eq!(encode(&[]), "[]");
    }

    #[test]
    fn writes_what_the_protocol_shows() {
        let tick = Tick {
            job: "j".into(),
            count: 3,
            scheduled_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1500),
            missed: 1,
        };
        let lost = Delivery {
            index: 3,
            entry: Entry::Lost(LostEvents {
                gap: Gap {
                    from: 43,
                    to: 60,
                    count: 18,
                    at_most: false,
                    reason: GapReason::QueueFull,
                },
                subscriptions: BTreeSet::from([3]),
            }),
        };
        let batch = [
            delivery(1, r#"{"itemCount":3}"#, Source::Host, &[3], None),
            delivery(
                2,
                "null",
                Source::Webview("main".into()),
                &[3, 4],
                Some(tick),
            ),
            lost,
        ];
        let json: Value = serde_json::from_str(&encode(&batch)).unwrap();
        assert_eq!(
            json,
            json!([
                [1, 41, 1500.25, "a:b", 0, 3, { "itemCount": 3 }],
                [2, 42, 1500.25, "a:b", "main", [3, 4], null,
                    { "periodic": { "id": "j", "tick": 3, "scheduledAt": 1500.0, "missed": 1 } }],
                { "index": 3, "from": 43, "to": 60, "count": 18, "atMost": false, "reason": "queue_full", "subscriptions": [3] },
            ])
        );
    }

    #[test]
    fn payloads_are_copied_byte_for_byte() {
        for payload in [
            "\"\\ud800\"",
            "\"\u{2028}</script>\"",
            "1e400",
            "{\"b\":1,\"a\":2,\"b\":3}",
        ] {
            let json = encode(&[delivery(1, payload, Source::Host, &[1], None)]);
            assert!(json.contains(&format!(",1,{payload}]")), "{json}");
        }
    }
}
