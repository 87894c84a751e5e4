use std::fmt::Write;

use serde_json::json;
use tauri_plugin_event_bus_types::internal::Attachment;

use crate::hub::outbox::{Batch, Item};
use crate::hub::queue::{LostEvents, QueuedEvent};
use crate::hub::requests::RequestMessage;
use crate::hub::requests::channel::ChannelNote;
use crate::hub::requests::part::PagePart;
use crate::model::endpoint::Endpoint;
use crate::model::event::unix_micros;
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::wire::cuts::{Cut, Cuts, is_plain};
use crate::wire::extras::extras_of;
use crate::wire::heads::Heads;

/// Writes the batch of a pull, with the bytes of its payloads beside it. Payloads are copied in as they are; docs/wire-protocol.md shows the result.
///
/// What events have in common is written once, and numbers as the difference to the event before. Otherwise a small event
/// would be more envelope than payload.
pub(crate) fn encode(batch: &Batch) -> Json {
    const REST: usize = 64;
    let mut writer = Writer {
        json: String::with_capacity(batch.items().iter().map(likely_length).sum::<usize>() + REST),
        heads: Heads::default(),
        run: None,
        stream: None,
        items: 0,
        attached: Vec::new(),
        seq: 0,
        micros: 0,
        cuts: batch.has_cuts.then(Cuts::default),
    };
    writer.json.push_str("{\"items\":[");
    for item in batch.items() {
        match item {
            Item::Event(queued) => writer.push_event(queued),
            Item::Lost(lost) => push_gap(writer.next_item(), lost),
            Item::Request(message) => {
                push_request(writer.next_item(), message);
                writer.attach("\"payload\"", &message.payload);
            }
            Item::Part(part) => writer.push_part(part),
            Item::StreamEnd(end) => {
                let json = writer.next_item();
                // Writing to a string cannot fail.
                let _ = match &end.response {
                    Ok(response) => write!(
                        json,
                        "{{\"stream\":{},\"response\":{}}}",
                        end.stream, &**response
                    ),
                    Err(error) => write!(
                        json,
                        "{{\"stream\":{},\"error\":{}}}",
                        end.stream,
                        json!(error)
                    ),
                };
                if let Ok(response) = &end.response {
                    writer.attach("\"response\"", response);
                }
            }
            Item::Channel(channel, note) => {
                let json = writer.next_item();
                // Writing to a string cannot fail.
                let _ = match note {
                    ChannelNote::Credit(parts) => {
                        write!(json, "{{\"stream\":{channel},\"credit\":{parts}}}")
                    }
                    ChannelNote::Unread => {
                        write!(json, "{{\"stream\":{channel},\"unread\":true}}")
                    }
                    ChannelNote::Closed => {
                        write!(json, "{{\"stream\":{channel},\"closed\":true}}")
                    }
                };
            }
            Item::Credit(id, parts) => {
                let _ = write!(
                    writer.next_item(),
                    "{{\"credit\":\"{id}\",\"parts\":{parts}}}"
                );
            }
            Item::Outcomes(json) => writer.next_item().push_str(json),
            Item::Ended(id, ending) => {
                let code = ending.code();
                // Writing to a string cannot fail.
                let _ = write!(
                    writer.next_item(),
                    "{{\"ended\":\"{id}\",\"code\":\"{code}\"}}"
                );
            }
        }
    }
    writer.finish(batch)
}

/// About as many bytes as an item takes.
fn likely_length(item: &Item) -> usize {
    /// Two commas and the difference in time. What else belongs to an event is written once for many events.
    const SMALL: usize = 8;
    match item {
        Item::Event(queued) => queued.event.payload_json().len() + SMALL,
        other => other.weight(),
    }
}

struct Writer<'a> {
    json: String,
    heads: Heads<'a>,
    /// How many items have begun.
    items: usize,
    /// The bytes of the payloads.
    attached: Vec<Attachment>,
    /// The run that has no end yet.
    run: Option<Run>,
    /// The parts that have no end yet.
    stream: Option<StreamRun<'a>>,
    /// The numbers of the event before.
    seq: u64,
    micros: i64,
    /// Where its plain runs stand, if the page wants to know.
    cuts: Option<Cuts>,
}

/// Parts of one stream.
struct StreamRun<'a> {
    last: &'a PagePart,
    count: usize,
}

/// Where the payload of the first event of a run stands.
const FIRST_PAYLOAD: usize = 3;

/// Events with consecutive numbers that share a head and extras.
struct Run {
    head: usize,
    extras: Option<String>,
    /// The position of its last payload.
    last: usize,
    /// Where it begins, if its page may cut it out.
    cut: Option<Cut>,
}

impl<'a> Writer<'a> {
    fn push_event(&mut self, queued: &'a QueuedEvent) {
        let event = &queued.event;
        let mut next = Run {
            head: self.heads.index_of(queued),
            extras: extras_of(event),
            last: FIRST_PAYLOAD,
            cut: None,
        };
        let micros = unix_micros(event.timestamp());
        let step = event.seq().wrapping_sub(self.seq).cast_signed();
        let continues = |run: &Run| step == 1 && run.head == next.head && run.extras == next.extras;
        if let Some(run) = self.run.as_mut().filter(|run| continues(run)) {
            run.last += 2;
            self.json.push(',');
            if let Some(cut) = &mut run.cut {
                cut.events += 1;
            }
        } else {
            let before = self.micros;
            let wants_cut = self.cuts.is_some();
            let json = self.next_item();
            if wants_cut && is_plain(event) {
                next.cut = Some(Cut {
                    start: json.len(),
                    head: next.head,
                    events: 1,
                    step,
                    micros: before,
                });
            }
            json.push('[');
            push_number(json, next.head.cast_signed() as i64);
            json.push(',');
            push_number(json, step);
            json.push(',');
            self.run = Some(next);
        }
        push_number(&mut self.json, micros - self.micros);
        self.json.push(',');
        self.json.push_str(event.payload_json());
        if !event.json().attached().is_empty() {
            // Its text stands in another one, with the bytes.
            self.cuts = None;
            let position = self.run.as_ref().map_or(FIRST_PAYLOAD, |run| run.last);
            self.attach(&position.to_string(), event.json());
        }
        self.seq = event.seq();
        self.micros = micros;
    }

    fn push_part(&mut self, part: &'a PagePart) {
        let before = self.stream.as_ref();
        let count = match before.filter(|run| part.continues(run.last)) {
            Some(run) => {
                let count = run.count + 1;
                self.json.push(',');
                count
            }
            None => {
                let json = self.next_item();
                // Writing to a string cannot fail.
                let _ = write!(json, "{{\"stream\":{},\"parts\":[", part.stream);
                1
            }
        };
        self.json.push_str(&part.payload);
        if !part.payload.attached().is_empty() {
            self.attach(&format!("\"parts\",{}", count - 1), &part.payload);
        }
        self.stream = Some(StreamRun { last: part, count });
    }

    /// Ends the run before and returns the text that the next item is appended to.
    fn next_item(&mut self) -> &mut String {
        self.end_run();
        self.items += 1;
        if !self.json.ends_with('[') {
            self.json.push(',');
        }
        &mut self.json
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            if let Some(extras) = run.extras {
                let _ = write!(self.json, ",{extras}");
            }
            self.json.push(']');
            if let (Some(cuts), Some(cut)) = (&mut self.cuts, run.cut) {
                cuts.push(&self.json, &cut, self.micros);
            }
        }
        if let Some(run) = self.stream.take() {
            let end = match run.last.is_due {
                true => "],\"due\":true}",
                false => "]}",
            };
            self.json.push_str(end);
        }
    }

    /// Names the places of a payload's bytes, which stand in the last item.
    fn attach(&mut self, position: &str, payload: &Json) {
        let item = self.items - 1;
        self.attached.extend(payload.attached().iter().map(|one| {
            let comma = if one.path().is_empty() { "" } else { "," };
            let path = format!("\"items\",{item},{position}{comma}{}", one.path());
            Attachment::at(path, one.bytes().clone())
        }));
    }

    fn finish(mut self, batch: &Batch) -> Json {
        self.end_run();
        let (first, more) = (batch.first(), batch.more);
        let call = match batch.calls_follow {
            true => ",\"call\":true",
            false => "",
        };
        let again = match batch.tells_again {
            true => ",\"again\":true",
            false => "",
        };
        let heads = &self.heads.json;
        let _ = write!(
            self.json,
            "],\"heads\":[{heads}],\"first\":{first},\"more\":{more}{call}{again}"
        );
        let is_whole = self.attached.is_empty();
        if let Some(cuts) = self.cuts.filter(|_| is_whole).and_then(Cuts::finish) {
            let _ = write!(self.json, ",\"cuts\":[{cuts}]");
        }
        self.json.push('}');
        (self.json, self.attached.into()).into()
    }
}

/// Writes a number without formatting, which would cost more than all else of an event here.
fn push_number(json: &mut String, number: i64) {
    if number < 0 {
        json.push('-');
    }
    let mut rest = number.unsigned_abs();
    let mut digits = [b'0'; 20];
    let mut start = digits.len() - 1;
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        start = place;
        if rest == 0 {
            break;
        }
    }
    json.extend(digits[start..].iter().map(|digit| char::from(*digit)));
}

fn push_request(json: &mut String, message: &RequestMessage) {
    let source = match &message.source {
        Endpoint::Webview(label) => json!(label),
        Endpoint::Node(node) => json!([node]),
        _ => json!(0),
    };
    let causes: Vec<&str> = message.causes().iter().map(EventName::as_str).collect();
    let causes = match causes.is_empty() {
        true => String::new(),
        false => format!("\"causes\":{},", json!(causes)),
    };
    let component = message
        .component()
        .map_or_else(String::new, |name| format!("\"component\":\"{name}\","));
    let trace = message.trace().map_or_else(String::new, |trace| {
        format!("\"traceparent\":\"{}\",", trace.as_str())
    });
    let stream = message.stream.map_or_else(String::new, |credit| {
        format!(
            "\"stream\":{{\"bytes\":{},\"parts\":{}}},",
            credit.bytes, credit.parts
        )
    });
    // Names have no characters that JSON escapes.
    let _ = write!(
        json,
        "{{\"request\":\"{}\",\"name\":\"{}\",\"source\":{source},{component}{causes}{trace}{stream}\"payload\":{}}}",
        message.id,
        message.name.as_str(),
        &*message.payload
    );
}

fn push_gap(json: &mut String, lost: &LostEvents) {
    let gap = &lost.gap;
    let item = json!({
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
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use serde_json::Value;

    use super::*;
    use crate::hub::ids::{RequestId, SubscriptionId};
    use crate::hub::outbox::{BatchBound, Outbox};
    use crate::hub::queue::{QueueBound, SupersededLists};
    use crate::hub::requests::part::StreamEnd;
    use crate::model::delivery::Addressing;
    use crate::model::endpoint::Endpoint;
    use crate::model::error::{Error, ErrorCode, Failure};
    use crate::model::event::{Accepted, BusEvent, Gap, GapReason, Mark, Provenance, Rare, Tick};
    use crate::model::policy::Overflow;
    use crate::model::traceparent::Traceparent;
    use crate::wire::attached::to_text;

    fn event(seq: u64, payload: &str, source: Endpoint, ids: &[u32], tick: Option<Tick>) -> Item {
        let event = BusEvent::new(Accepted {
            seq,
            name: EventName::parse("a:b").unwrap(),
            payload: payload.into(),
            accepted_at: SystemTime::UNIX_EPOCH + Duration::from_micros(1_500_250),
            source,
            provenance: None,
            rare: Rare::of(tick.map(Box::new), None, None),
        });
        Item::Event(QueuedEvent {
            event,
            subscriptions: ids.into(),
            addressing: Addressing::Broadcast,
            superseded: SupersededLists::default(),
        })
    }

    fn encode(items: Vec<Item>) -> String {
        super::encode(&Batch::of(1, items, false)).to_string()
    }

    #[test]
    fn an_empty_batch_has_no_items() {
        assert_eq!(
            encode(Vec::new()),
            r#"{"items":[],"heads":[],"first":0,"more":false}"#
        );
        let mut batch = Batch::of(1, Vec::new(), false);
        batch.tells_again = true;
        assert_eq!(
            &*super::encode(&batch),
            r#"{"items":[],"heads":[],"first":0,"more":false,"again":true}"#
        );
    }

    #[test]
    fn matches_the_documented_protocol() {
        let tick = Tick {
            job: "j".into(),
            count: 3,
            scheduled_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1500),
            missed: 1,
        };
        let lost = Item::Lost(Box::new(LostEvents {
            superseded: None,
            cause: None,
            gap: Gap {
                from: 44,
                to: 61,
                count: 18,
                at_most: false,
                reason: GapReason::QueueFull,
            },
            subscriptions: BTreeSet::from([3]),
        }));
        let main = Endpoint::Webview("main".into());
        let items = vec![
            event(41, r#"{"itemCount":3}"#, Endpoint::Host, &[3], None),
            event(42, r#"{"itemCount":4}"#, Endpoint::Host, &[3], None),
            event(43, "null", main, &[3, 4], Some(tick)),
            lost,
            event(62, "null", Endpoint::Host, &[3], None),
        ];
        let json = super::encode(&Batch::of(1, items, true));
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            json,
            json!({
                "first": 1,
                "more": true,
                "heads": [["a:b", 0, 3], ["a:b", "main", [3, 4]]],
                "items": [
                    [0, 41, 1_500_250, { "itemCount": 3 }, 0, { "itemCount": 4 }],
                    [1, 1, 0, null, { "tick": { "job": "j", "count": 3, "scheduledAt": 1500.0, "missed": 1 } }],
                    { "from": 44, "to": 61, "count": 18, "atMost": false, "reason": "queue_full", "subscriptions": [3] },
                    [0, 19, 0, null],
                ],
            })
        );
    }

    fn part(stream: u64, payload: impl Into<Json>, is_due: bool) -> Item {
        Item::Part(PagePart {
            stream,
            payload: payload.into(),
            is_due,
        })
    }

    fn stream_end(stream: u64, response: crate::model::error::Result<Json>) -> Item {
        Item::StreamEnd(Box::new(StreamEnd {
            stream,
            response,
            reserved: 0,
        }))
    }

    #[test]
    fn parts_of_one_stream_share_an_item() {
        let bytes = || Json::with_bytes("\u{1}", vec![[7, 8, 9].into()]).unwrap();
        let error = Error::new(ErrorCode::Timeout, "too late");
        let id = RequestId::of(7);
        let items = vec![
            part(1, "1", false),
            part(1, bytes(), true),
            part(1, "3", false),
            part(2, "[4]", false),
            event(41, "null", Endpoint::Host, &[3], None),
            part(2, bytes(), false),
            stream_end(2, Ok(bytes())),
            stream_end(1, Err(error)),
            Item::Credit(id, 12),
        ];
        let batch = super::encode(&Batch::of(5, items, false));
        let json: Value = serde_json::from_str(&batch).unwrap();
        assert_eq!(
            json["items"],
            json!([
                { "stream": 1, "parts": [1, null], "due": true },
                { "stream": 1, "parts": [3] },
                { "stream": 2, "parts": [[4]] },
                [0, 41, 1_500_250, null],
                { "stream": 2, "parts": [null] },
                { "stream": 2, "response": null },
                { "stream": 1, "error": { "code": "timeout", "message": "too late" } },
                { "credit": id.to_string(), "parts": 12 },
            ])
        );
        let paths: Vec<&str> = batch.attached().iter().map(|one| one.path()).collect();
        assert_eq!(
            paths,
            [
                r#""items",0,"parts",1"#,
                r#""items",4,"parts",0"#,
                r#""items",5,"response""#
            ]
        );
    }

    #[test]
    fn parts_are_no_longer_than_they_count() {
        let failure = Failure::new("Error", &"\"\\\n".repeat(200), Some(&"\"\n".repeat(2000)));
        let failed = Error::failed("a", "the host", failure);
        let bytes = |size| Json::with_bytes("[\u{1}]", vec![vec![1; size].into()]).unwrap();
        let mut items = vec![stream_end(7, Err(failed))];
        for stream in [1, u64::MAX] {
            items.push(stream_end(stream ^ 2, Ok(bytes(100))));
            for round in 0..50 {
                items.push(part(stream, "1", round % 7 == 0));
                items.push(part(stream ^ (round % 2), "\"ab\"", false));
                items.push(part(stream, bytes(round as usize), true));
            }
        }
        let bound = BatchBound {
            events: 100_000,
            bytes: 4000,
        };
        let mut outbox = Outbox::new(QueueBound {
            events: 1,
            bytes: 1,
        });
        let count = items.len() as u64;
        for item in items {
            match item {
                Item::Part(part) => outbox.streamed.push_part(part, 0),
                Item::StreamEnd(end) => outbox.streamed.push_end(*end, 0),
                other => panic!("{other:?}"),
            }
        }
        let mut ack = 0;
        while ack < count {
            let batch = outbox.batch(ack, bound);
            ack += batch.items().len() as u64;
            outbox.acknowledge(ack).unwrap();
            let length = to_text(&super::encode(&batch)).len();
            let is_single = batch.items().len() == 1;
            assert!(length <= bound.bytes || is_single, "{length} bytes");
        }
        assert_eq!(outbox.streamed.bytes(), 0);
    }

    #[test]
    fn bytes_stand_beside_the_batch() {
        let with_bytes = |seq, payload: Json| {
            let event = BusEvent::new(Accepted {
                seq,
                name: EventName::parse("a:b").unwrap(),
                payload,
                accepted_at: SystemTime::UNIX_EPOCH,
                source: Endpoint::Host,
                provenance: None,
                rare: None,
            });
            Item::Event(QueuedEvent {
                event,
                subscriptions: [3].into(),
                addressing: Addressing::Broadcast,
                superseded: SupersededLists::default(),
            })
        };
        let payload = |marked: &str| {
            let pieces = marked.matches('\u{1}').map(|_| [7, 8, 9].into());
            Json::with_bytes(marked, pieces.collect()).unwrap()
        };
        let request = RequestMessage {
            id: RequestId::random().unwrap(),
            name: EventName::parse("a").unwrap(),
            payload: payload("\u{1}"),
            source: Endpoint::Host,
            provenance: None,
            stream: None,
            is_channel: false,
        };
        let items = vec![
            with_bytes(1, payload("\u{1}")),
            with_bytes(2, "1".into()),
            with_bytes(3, payload("{\"items\":[0,\u{1}],\"b\":\u{1}}")),
            event(9, "null", Endpoint::Host, &[1], None),
            with_bytes(10, payload("\u{1}")),
            Item::Request(Arc::new(request)),
        ];
        let length: usize = items.iter().map(Item::weight).sum();
        let batch = super::encode(&Batch::of(1, items, false));
        let value: Value = serde_json::from_str(&batch).unwrap();
        let mut places = Vec::new();
        for one in batch.attached() {
            let path: Vec<Value> = serde_json::from_str(&format!("[{}]", one.path())).unwrap();
            let step = |value: &Value, step: &Value| match step.as_u64() {
                Some(index) => value[index as usize].clone(),
                None => value[step.as_str().unwrap()].clone(),
            };
            assert_eq!(
                path.iter().fold(value.clone(), |at, next| step(&at, next)),
                json!(null)
            );
            places.push(one.path());
        }
        let expected = [
            "\"items\",0,3",
            "\"items\",0,7,\"items\",1",
            "\"items\",0,7,\"b\"",
            "\"items\",2,3",
            "\"items\",3,\"payload\"",
        ];
        assert_eq!(places, expected);
        let text = crate::wire::attached::to_text(&batch);
        assert!(text.len() <= length + 5 * 3, "{} {length}", text.len());
    }

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn provenance_is_written_and_counts() {
        let causes = ["a", "b:c"].map(|name| EventName::parse(name).unwrap());
        let event = BusEvent::new(Accepted {
            seq: 1,
            name: EventName::parse("d").unwrap(),
            payload: "1".into(),
            accepted_at: SystemTime::UNIX_EPOCH,
            source: Endpoint::Host,
            provenance: Provenance::of(
                Some("Cart".into()),
                causes.into(),
                Some(Traceparent::parse(TRACEPARENT).unwrap()),
            ),
            rare: None,
        });
        let plain = self::event(1, "1", Endpoint::Host, &[1], None).weight();
        let item = Item::Event(QueuedEvent {
            event,
            subscriptions: [1].into(),
            addressing: Addressing::Broadcast,
            superseded: SupersededLists::default(),
        });
        let weight = item.weight();
        let json = encode(vec![item]);
        let extras =
            format!(r#"{{"causes":["a","b:c"],"component":"Cart","traceparent":"{TRACEPARENT}"}}"#);
        assert!(json.contains(&format!("[0,1,0,1,{extras}]")), "{json}");
        assert!(
            weight >= plain - "a:b".len() + "d".len() + extras.len(),
            "{weight}"
        );
    }

    #[test]
    fn sequence_numbers_may_decrease() {
        // A retained event is older than what another subscription has received.
        let items = vec![
            event(49, "1", Endpoint::Host, &[1], None),
            event(43, "2", Endpoint::Host, &[1], None),
        ];
        assert!(encode(items).contains("[0,49,1500250,1],[0,-6,0,2]"));
    }

    #[test]
    fn a_run_has_its_head_and_extras_once() {
        let marked = |seq: u64, mark: Mark| match event(seq, "1", Endpoint::Host, &[1], None) {
            Item::Event(mut queued) => {
                queued.event = queued.event.marked(mark);
                Item::Event(queued)
            }
            other => other,
        };
        let plain = Mark::default();
        let replayed = Mark {
            replayed: true,
            ..plain
        };
        let items = vec![
            marked(1, replayed),
            marked(2, replayed),
            marked(3, plain),
            marked(4, plain),
            marked(5, replayed),
            event(6, "2", Endpoint::Webview("a".into()), &[1], None),
            event(8, "3", Endpoint::Webview("a".into()), &[1], None),
            event(9, "4", Endpoint::Webview("a".into()), &[1], None),
            event(10, "5", Endpoint::Webview("a".into()), &[1, 2], None),
        ];
        let runs = r#"[0,1,1500250,1,0,1,{"replayed":true}],[0,1,0,1,0,1],[0,1,0,1,{"replayed":true}],[1,1,0,2],[1,2,0,3,0,4],[2,1,0,5]"#;
        let json = encode(items);
        assert!(json.contains(&format!("\"items\":[{runs}],")), "{json}");
    }

    /// What each cut of a batch says, beside the text that it stands for.
    fn cuts_of(items: Vec<Item>) -> Option<Vec<(Value, String)>> {
        let mut batch = Batch::of(1, items, false);
        batch.has_cuts = true;
        let json = super::encode(&batch).to_string();
        let units: Vec<u16> = json.encode_utf16().collect();
        let value: Value = serde_json::from_str(&json).unwrap();
        let cuts = value.get("cuts")?.as_array().unwrap().iter();
        let cuts = cuts.map(|cut| {
            let at = |place: usize| cut[place].as_u64().unwrap() as usize;
            let text = String::from_utf16(&units[at(0)..at(0) + at(1)]).unwrap();
            let rest = cut.as_array().unwrap()[2..].to_vec();
            (Value::Array(rest), text)
        });
        Some(cuts.collect())
    }

    #[test]
    fn cuts_tell_where_plain_runs_stand() {
        let lost = Item::Lost(Box::new(LostEvents {
            superseded: None,
            cause: None,
            gap: Gap {
                from: 44,
                to: 61,
                count: 18,
                at_most: false,
                reason: GapReason::QueueFull,
            },
            subscriptions: BTreeSet::from([3]),
        }));
        let tick = || Tick {
            job: "j".into(),
            count: 3,
            scheduled_at: SystemTime::UNIX_EPOCH,
            missed: 0,
        };
        let items = vec![
            event(41, "\"ä🎈\"", Endpoint::Host, &[3], None),
            event(42, "[\"é\"]", Endpoint::Host, &[3], None),
            event(43, "0", Endpoint::Webview("ü".into()), &[4], None),
            lost,
            event(62, "1", Endpoint::Host, &[3], Some(tick())),
            event(63, "2", Endpoint::Host, &[3], None),
        ];
        let cut = |cut: Value, text: &str| (cut, text.to_owned());
        assert_eq!(
            cuts_of(items).unwrap(),
            [
                cut(
                    json!([0, 2, 41, 1_500_250]),
                    "[0,41,1500250,\"ä🎈\",0,[\"é\"]]"
                ),
                cut(json!([1, 1, 1, 0]), "[1,1,0,0]"),
                cut(json!([0, 1, 1, 0]), "[0,1,0,2]"),
            ]
        );
        assert_eq!(cuts_of(Vec::new()), None);
    }

    #[test]
    fn cuts_are_left_out_where_they_save_nothing() {
        let alternating = |count: u64, alike: u64| {
            let events = 1..=count * alike;
            let id = move |seq: u64| [(seq / alike % 2) as SubscriptionId];
            events.map(move |seq| event(seq, "1", Endpoint::Host, &id(seq), None))
        };
        assert_eq!(cuts_of(alternating(60, 1).collect()).unwrap().len(), 60);
        assert_eq!(cuts_of(alternating(100, 1).collect()), None);
        assert_eq!(cuts_of(alternating(100, 9).collect()).unwrap().len(), 101);
        // With bytes, the batch is a part of another text.
        let mut items: Vec<Item> = alternating(2, 1).collect();
        let bytes = Json::with_bytes("\u{1}", vec![[7].into()]).unwrap();
        items.push(part(1, bytes, false));
        assert_eq!(cuts_of(items), None);
        // The pages of other sessions are not told.
        let json = encode(alternating(2, 1).collect());
        assert!(!json.contains("cuts"), "{json}");
    }

    #[test]
    fn times_are_written_as_differences_of_any_length() {
        let at = |seq: u64, micros: u64| {
            let event = BusEvent::new(Accepted {
                seq,
                name: EventName::parse("a").unwrap(),
                payload: "0".into(),
                accepted_at: SystemTime::UNIX_EPOCH + Duration::from_micros(micros),
                source: Endpoint::Host,
                provenance: None,
                rare: None,
            });
            Item::Event(QueuedEvent {
                event,
                subscriptions: [1].into(),
                addressing: Addressing::Broadcast,
                superseded: SupersededLists::default(),
            })
        };
        let times = [100, 100, 109, 119, 218, 18, 1018, 1 << 53, 0];
        let items = (1..).zip(times).map(|(seq, micros)| at(seq, micros));
        let json = encode(items.collect());
        assert!(
            json.contains(
                "[0,1,100,0,0,0,9,0,10,0,99,0,-200,0,1000,0,9007199254739974,0,-9007199254740992,0]"
            ),
            "{json}"
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
            let json = encode(vec![event(1, payload, Endpoint::Host, &[1], None)]);
            assert!(json.contains(&format!(",1500250,{payload}]")), "{json}");
        }
    }

    /// As large as a batch may be that WebKit evaluates.
    const NARROW: BatchBound = BatchBound {
        events: 10_000,
        bytes: 8 * 1024 - 2,
    };

    /// Everything that waits for a page, as batches that each fit into the narrow bound.
    fn narrow_batches(items: Vec<QueuedEvent>) -> Vec<String> {
        let count = items.len() as u64;
        let mut outbox = Outbox::new(QueueBound {
            events: 100_000,
            bytes: 64 << 20,
        });
        for queued in items {
            outbox.push(queued, Overflow::DropOldest);
        }
        let (mut batches, mut ack) = (Vec::new(), 0);
        while ack < count {
            let batch = outbox.batch(ack, NARROW);
            ack += batch.items().len() as u64;
            outbox.acknowledge(ack).unwrap();
            batches.push(super::encode(&batch).to_string());
        }
        batches
    }

    #[test]
    fn a_batch_is_no_longer_than_its_bound() {
        let names = ["a", "a:long/name.of-an_event", "b"];
        let ids: [Arc<[SubscriptionId]>; 3] = [[1].into(), [1, 4_000_000_000].into(), [7].into()];
        // So many events in a row have the same in common.
        for alike in [1, 2, 7, 100, 3_000] {
            let events = (0..3_000).map(|i| {
                let kind = i / alike % 3;
                // Times that are as far apart as can be written.
                let micros = if i % 2 == 0 { 10_u64.pow(15) } else { i as u64 };
                let event = BusEvent::new(Accepted {
                    seq: u64::MAX / 4 + i as u64 * (1 + kind as u64 % 2),
                    name: EventName::parse(names[kind]).unwrap(),
                    payload: "1234567890"[..i % 10 + 1].into(),
                    accepted_at: SystemTime::UNIX_EPOCH + Duration::from_micros(micros),
                    source: match kind {
                        1 => Endpoint::Webview("main".into()),
                        _ => Endpoint::Host,
                    },
                    provenance: None,
                    rare: None,
                });
                let mark = Mark {
                    replayed: kind == 2,
                    ..Mark::default()
                };
                QueuedEvent {
                    event: event.marked(mark),
                    subscriptions: Arc::clone(&ids[kind]),
                    addressing: Addressing::Broadcast,
                    superseded: SupersededLists::default(),
                }
            });
            let batches = narrow_batches(events.collect());
            for batch in &batches {
                assert!(batch.len() <= NARROW.bytes, "{} bytes", batch.len());
            }
            // Events that are alike do not count an envelope each.
            if alike == 3_000 {
                assert!(
                    batches.len() < 3_000 * 40 / NARROW.bytes,
                    "{}",
                    batches.len()
                );
            }
        }
    }
}
