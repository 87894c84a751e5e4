//! Reading recordings. An error names the line, and what was expected there.

mod entry;
mod line;
mod value;

use std::time::SystemTime;

use serde_json::Value;

use crate::model::error::{Error, ErrorCode, Result, escaped};
use crate::model::tap::record::TapRecord;
use crate::wire::tap::line::{FORMAT, VERSION};
use crate::wire::tap::read::entry::{Problem, read_record, shown};
use crate::wire::tap::read::value::time_of;

/// A recording, as [`EventBus::record`](crate::EventBus::record) writes it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recording {
    /// When it began.
    pub started_at: SystemTime,
    /// What happened, in order.
    pub records: Vec<TapRecord>,
}

impl Recording {
    /// Reads the text of a recording.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidArgument`] if it is no recording, has another version, was cut, or has a line that is no record.
    /// The message has the number of the line, and what was expected there.
    ///
    /// ```
    /// use tauri_plugin_event_bus::tap::Recording;
    ///
    /// let error = Recording::parse("{}").unwrap_err();
    /// assert!(error.message().starts_with("line 1: "));
    /// ```
    pub fn parse(text: &str) -> Result<Self> {
        let mut lines = (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty());
        let (number, first) = lines.next().unwrap_or((1, ""));
        let started_at = read_header(first).map_err(|problem| at(number, &problem))?;
        let mut records = Vec::new();
        let ends_whole = text.ends_with('\n');
        let mut lines = lines.peekable();
        while let Some((number, line)) = lines.next() {
            let is_last = lines.peek().is_none();
            match read_record(line) {
                Ok(record) => records.push(record),
                Err(Problem::NoJson(_)) if is_last && !ends_whole => {
                    return Err(cut(number, line.len()));
                }
                Err(Problem::NoJson(problem) | Problem::NoRecord(problem)) => {
                    return Err(at(number, &problem));
                }
            }
        }
        Ok(Self {
            started_at,
            records,
        })
    }

    /// Reads the bytes of a file, which may end within a character.
    pub(crate) fn parse_bytes(bytes: &[u8]) -> Result<Self> {
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return Self::parse(text),
            Err(error) => error,
        };
        let valid = &bytes[..error.valid_up_to()];
        let start = valid.iter().rposition(|byte| *byte == b'\n');
        let start = start.map_or(0, |end| end + 1);
        let before = String::from_utf8_lossy(&bytes[..start]);
        // What is wrong before it comes first.
        if start > 0 {
            Self::parse(&before)?;
        }
        let number = before.lines().count() + 1;
        let line = &bytes[start..];
        if start > 0 && error.error_len().is_none() {
            return Err(cut(number, line.len()));
        }
        let column = valid.len() - start + 1;
        let byte = line.get(column - 1).copied().unwrap_or_default();
        let text = format!(
            "expected text in UTF-8, found the byte {byte:#04x} at position {column} of the line"
        );
        Err(at(number, &text))
    }
}

fn cut(line: usize, length: usize) -> Error {
    at(
        line,
        &format!(
            "the recording is cut: expected a whole record, found the first {length} bytes of one; remove this line to read the rest"
        ),
    )
}

fn at(line: usize, problem: &str) -> Error {
    Error::new(
        ErrorCode::InvalidArgument,
        format!("line {line}: {problem}"),
    )
}

fn read_header(line: &str) -> Result<SystemTime, String> {
    let expected = || {
        format!(
            "expected the first line of a recording, {{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"startedAt\":…}}, found {}",
            shown(line)
        )
    };
    let header: Value = serde_json::from_str(line).map_err(|_| expected())?;
    if header["format"] != FORMAT {
        return Err(expected());
    }
    if header["version"] != VERSION {
        return Err(format!(
            "the recording has version {}, and this reads version {VERSION}; record it again, or read it with the version of the plugin that wrote it",
            escaped(&header["version"])
        ));
    }
    header["startedAt"]
        .as_f64()
        .and_then(time_of)
        .ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde::Deserialize;
    use tauri_plugin_event_bus_types::Bytes;

    use super::*;
    use crate::model::endpoint::Endpoint;
    use crate::model::event::GapReason;
    use crate::model::json::Json;
    use crate::model::tap::record::{
        TapAction, TapEntry, TappedGap, TappedPayload, TappedRefusal, TappedResponse,
    };

    const HEAD: &str = r#"{"format":"tauri-plugin-event-bus","version":1,"startedAt":1000.5}"#;

    /// A record of each kind, as it is written.
    const LINES: &[&str] = &[
        r#"{"at":1.5,"kind":"event","seq":7,"name":"cart","source":{"kind":"webview","label":"main"},"to":["a","b*",{"kind":"host"},{"kind":"Window","label":"w"}],"except":["c",{"kind":"Node","node":"shop"}],"component":"Cart","causes":["click"],"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tick":{"job":"j","count":2,"scheduledAt":1.0,"missed":1},"retained":true,"payload":{"b":1.50,"a":[1E2]},"routes":[{"receiver":{"kind":"webview","label":"a"},"subscriptions":[1,2],"queued":true},{"receiver":{"kind":"host"},"stream":true,"subscriptions":[0],"queued":false}],"keptFor":["late"]}"#,
        r#"{"at":2.0,"kind":"event","seq":8,"name":"photo","source":{"kind":"host"},"payload":{"a":null},"bytes":[["AP8=","a"]],"routes":[]}"#,
        r#"{"at":2.0,"kind":"event","seq":9,"name":"long","source":{"kind":"host"},"cut":{"bytes":90,"start":"[1,"},"redacted":true,"routes":[]}"#,
        r#"{"at":3.0,"kind":"event","seq":10,"name":"far","source":{"kind":"node","node":"shop"},"payload":1,"routes":[]}"#,
        r#"{"at":3.0,"kind":"delivered","receiver":{"kind":"webview","label":"a"},"seqs":[7,8]}"#,
        r#"{"at":3.0,"kind":"acknowledged","receiver":{"kind":"webview","label":"a"},"seqs":[7]}"#,
        r#"{"at":4.0,"kind":"gap","receiver":{"kind":"host"},"stream":true,"to":9,"from":3,"count":4,"atMost":true,"reason":"expired","subscriptions":[1]}"#,
        r#"{"at":5.0,"kind":"refused","action":"emit","name":"a b","source":{"kind":"host"},"job":"j","code":"invalid_event_name","message":"no"}"#,
        r#"{"at":6.0,"kind":"request","request":"1","name":"sum","source":{"kind":"host"},"receiver":{"kind":"webview","label":"a"},"stream":true,"payload":null}"#,
        r#"{"at":7.0,"kind":"response","request":"1","name":"sum","source":{"kind":"webview","label":"a"},"receiver":{"kind":"host"},"payload":3}"#,
        r#"{"at":7.0,"kind":"response","request":"2","name":"sum","source":{"kind":"webview","label":"a"},"receiver":{"kind":"host"},"error":{"code":"timeout","message":"late"}}"#,
        r#"{"at":8.0,"kind":"lost","count":5}"#,
    ];

    fn recording(lines: &[&str]) -> String {
        let all = std::iter::once(&HEAD).chain(lines);
        all.map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_record_of_each_kind_is_read_as_it_was_written() {
        let recording = Recording::parse(&recording(LINES)).unwrap();
        let started = SystemTime::UNIX_EPOCH + Duration::from_micros(1_000_500);
        assert_eq!(recording.started_at, started);
        let lines = recording.records.iter().map(TapRecord::to_json);
        for (own, expected) in lines.zip(LINES) {
            let value = |text: &str| serde_json::from_str::<Value>(text);
            assert_eq!(value(&own).unwrap(), value(expected).unwrap(), "{own}");
        }
        assert_eq!(recording.records.len(), LINES.len());
        let TapEntry::Event(first) = &recording.records[0].entry else {
            panic!("{:?}", recording.records[0]);
        };
        // A payload is kept byte for byte.
        let json = r#"{"b":1.50,"a":[1E2]}"#;
        assert_eq!(first.payload.json(), Some(json));
        let TapEntry::Event(photo) = &recording.records[1].entry else {
            panic!("{:?}", recording.records[1]);
        };
        #[derive(Deserialize)]
        struct Photo {
            a: Bytes,
        }
        assert_eq!(&photo.payload.read::<Photo>().unwrap().a[..], [0, 255]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let without = |key: &str| {
            let mut line: Value = serde_json::from_str(LINES[4]).unwrap();
            line.as_object_mut().unwrap().remove(key);
            line.to_string()
        };
        for (line, problem) in [
            ("[1]", "line 3: expected a record"),
            (
                "tail -f",
                "line 3: expected a record, which is a JSON object, found \"tail -f\"",
            ),
            (
                "{}",
                "line 3: expected a record with `kind`, one of event, ",
            ),
            (
                r#"{"at":1,"kind":"flood"}"#,
                "line 3: the kind \"flood\" is unknown",
            ),
            (r#"{"kind":"lost"}"#, "needs `at`"),
            (r#"{"at":-1,"kind":"lost"}"#, "`at` is -1"),
            (r#"{"at":1,"kind":"lost"}"#, "needs `count`"),
            (&*without("seqs"), "\"delivered\" needs `seqs`"),
            (&*without("receiver"), "needs `receiver`"),
            (
                r#"{"at":1,"kind":"refused","action":"x","name":"a","source":{"kind":"host"},"code":"denied","message":""}"#,
                "the action \"x\"",
            ),
            (
                r#"{"at":1,"kind":"refused","action":"emit","name":"a","source":{"kind":"host"},"code":"x","message":""}"#,
                "error code \"x\"",
            ),
            (
                r#"{"at":1,"kind":"event","seq":1,"name":"a","source":{"kind":"host"},"to":{"kind":"x"},"payload":1}"#,
                "expected a target",
            ),
            (
                r#"{"at":1,"kind":"event","seq":1,"name":"a","source":{"kind":"host"}}"#,
                "`payload` or `cut`",
            ),
            (
                r#"{"at":1,"kind":"event","seq":1,"name":"a","source":{"kind":"host"},"payload":1,"bytes":[["?"]]}"#,
                "`bytes`",
            ),
            (
                r#"{"at":1,"kind":"event","seq":1,"name":"a","source":{"kind":"host"},"payload":1,"bytes":[["AA==","a"]]}"#,
                "nothing at [\"a\"]",
            ),
        ] {
            let error = Recording::parse(&recording(&[LINES[11], line, LINES[11]])).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            let message = error.message();
            assert!(
                message.starts_with("line 3: ") && message.contains(problem),
                "{line}: {error}"
            );
        }
    }

    #[test]
    fn another_format_or_version_is_refused() {
        for (text, problem) in [
            ("", "line 1: expected the first line of a recording"),
            (LINES[3], "line 1: expected the first line of a recording"),
            ("<html>", "found \"<html>\""),
            (
                r#"{"format":"other","version":1,"startedAt":1}"#,
                "expected the first line",
            ),
            (
                r#"{"format":"tauri-plugin-event-bus","version":2,"startedAt":1}"#,
                "line 1: the recording has version 2, and this reads version 1",
            ),
            (
                r#"{"format":"tauri-plugin-event-bus","version":1}"#,
                "startedAt",
            ),
        ] {
            let error = Recording::parse(text).unwrap_err();
            assert!(error.message().contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn a_recording_that_is_cut_says_where() {
        let whole = recording(LINES);
        let last = whole.trim_end().rfind('\n').unwrap() + 1;
        let cut = &whole[..last + 12];
        let error = Recording::parse(cut).unwrap_err();
        let expected =
            "line 13: the recording is cut: expected a whole record, found the first 12 bytes";
        assert!(error.message().starts_with(expected), "{error}");
        assert!(Recording::parse(&whole[..last]).is_ok());
        // A last line without its break is whole.
        assert!(Recording::parse(whole.trim_end()).is_ok());
    }

    fn read_back(line: &str) -> Result<TapRecord> {
        let mut recording = Recording::parse(&recording(&[line]))?;
        Ok(recording.records.remove(0))
    }

    /// The reason behind this one. A new reason does not compile until it is here.
    fn reason_after(reason: GapReason) -> Option<GapReason> {
        match reason {
            GapReason::QueueFull => Some(GapReason::HistoryFull),
            GapReason::HistoryFull => Some(GapReason::SessionEnded),
            GapReason::SessionEnded => Some(GapReason::Expired),
            GapReason::Expired => Some(GapReason::LinkLost),
            GapReason::LinkLost => None,
        }
    }

    #[test]
    fn a_gap_of_each_reason_is_read_back() {
        let reasons = std::iter::successors(Some(GapReason::QueueFull), |own| reason_after(*own));
        for reason in reasons {
            let record = TapRecord {
                at: SystemTime::UNIX_EPOCH,
                entry: TapEntry::Gap(TappedGap {
                    receiver: Endpoint::Host,
                    is_stream: false,
                    from: 1,
                    to: 2,
                    count: 2,
                    at_most: false,
                    reason,
                    subscriptions: vec![1],
                }),
            };
            let again = read_back(&record.to_json()).unwrap();
            assert!(
                matches!(&again.entry, TapEntry::Gap(gap) if gap.reason == reason),
                "{again:?}"
            );
        }
    }

    #[test]
    fn refusals_of_each_kind_are_read_back() {
        let actions = TapAction::ALL
            .iter()
            .map(|action| (*action, ErrorCode::Denied));
        let codes = ErrorCode::ALL.iter().map(|code| (TapAction::Emit, *code));
        for (action, code) in actions.chain(codes) {
            let refusal = TappedRefusal {
                action,
                name: "a".into(),
                source: Endpoint::Host,
                job: None,
                code,
                message: "no".into(),
            };
            let record = TapRecord {
                at: SystemTime::UNIX_EPOCH,
                entry: TapEntry::Refused(refusal.clone()),
            };
            let again = read_back(&record.to_json()).unwrap();
            assert!(
                matches!(&again.entry, TapEntry::Refused(own) if *own == refusal),
                "{again:?}"
            );
        }
    }

    #[test]
    fn other_line_ends_and_unknown_fields_are_read() {
        let text = recording(LINES)
            .replace('\n', "\r\n")
            .replace("\"at\"", "\"new\":{},\"at\"");
        assert_eq!(Recording::parse(&text).unwrap().records.len(), LINES.len());
    }

    #[test]
    fn a_payload_with_line_breaks_takes_one_line() {
        let payload = TappedPayload::whole(Json::from("{\n \"a\":\r\n 1 }"), false);
        let record = TapRecord {
            at: SystemTime::UNIX_EPOCH,
            entry: TapEntry::Response(Box::new(TappedResponse {
                request: String::new(),
                name: "a".into(),
                source: Endpoint::Host,
                receiver: Endpoint::Host,
                result: Ok(payload),
            })),
        };
        let line = record.to_json();
        assert!(!line.contains(['\n', '\r']), "{line}");
        assert_eq!(
            Recording::parse(&recording(&[&line]))
                .unwrap()
                .records
                .len(),
            1
        );
    }
}
