//! What a run tells the oracle: the answers of the host, and what pages note.

use serde_json::{Value, json};

use crate::expiry::expires_at;
use crate::facts::{Delivered, Emitted, Gap, is_retained};
use crate::hub::ids::SessionId;
use crate::sync::{self, Clocks};
use crate::world::{Accepted, World};

impl World {
    /// Tells the oracle what the host has accepted, as its answer says.
    pub(crate) fn learn(
        &mut self,
        document: u32,
        label: &str,
        command: &str,
        arguments: &str,
        json: &str,
        at: Clocks,
    ) {
        let key = match command {
            "plugin:event-bus|emit" | "plugin:event-bus|emit_to" => "events",
            "plugin:event-bus|subscribe" => "subscriptions",
            _ => return,
        };
        let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
        // A copy of a command gets the answer that was recorded.
        let command = (text_of(&arguments["session"]), arguments["n"].as_u64());
        if !self.learned.insert(command) {
            return;
        }
        let mut answer: Value = serde_json::from_str(json).unwrap_or_default();
        if let Some(quoted) = answer[0].as_str() {
            answer = serde_json::from_str(quoted).unwrap_or_default();
        }
        let entries = arguments[key].as_array().into_iter().flatten();
        for (entry, result) in entries.zip(answer.as_array().into_iter().flatten()) {
            let Some(seq) = result["seq"].as_u64() else {
                continue;
            };
            if key == "events" {
                let payload = entry["payload"].as_str().unwrap_or("null");
                let event = Emitted {
                    name: text_of(&entry["event"]),
                    payload: serde_json::from_str(payload).unwrap_or_default(),
                    source: Some(label.into()),
                    to: entry.get("to").cloned(),
                    except: entry.get("except").cloned(),
                    is_retained: is_retained(&text_of(&entry["event"]), entry["retain"].as_bool()),
                    expires_at: expires_at(entry["expiresMs"].as_u64(), at.steady),
                    is_complete: true,
                };
                self.oracle.accepted(seq, event);
                continue;
            }
            let id = entry["id"].as_u64().unwrap_or_default();
            let new = entry.get("resume").is_none().then_some(seq);
            if new.is_some() {
                let pattern = text_of(&entry["event"]);
                self.oracle
                    .accepted_subscription(document, id, &pattern, seq);
            }
            // A page that was left takes nothing over, however late its command arrives, unless a pull follows.
            let is_there = self
                .documents
                .get(&document)
                .is_some_and(|document| !document.is_frozen);
            let session = text_of(&arguments["session"]);
            match is_there {
                true => self
                    .oracle
                    .registered(document, id, new, session, sync::passed()),
                false => self.oracle.registered_late(document, session),
            }
        }
    }

    /// Tells the oracle what it learns of every answer, also of one that reaches no page: what a batch has, and which wills are
    /// accepted.
    pub(crate) fn note_answer(&mut self, sent: &Accepted, json: &str, at: Clocks) {
        let arguments: Value = serde_json::from_str(&sent.arguments).unwrap_or_default();
        let mut answer: Value = serde_json::from_str(json).unwrap_or_default();
        if let Some(quoted) = answer[0].as_str() {
            answer = serde_json::from_str(quoted).unwrap_or_default();
        }
        let session = text_of(&arguments["session"]);
        if sent.command.ends_with("|pull") {
            return self.oracle.batched(&session, &answer, at.steady);
        }
        // A copy of a command gets the answer that was recorded.
        if !self.answered.insert((session, arguments["n"].as_u64())) {
            return;
        }
        let events = arguments["events"].as_array().into_iter().flatten();
        for (entry, result) in events.zip(answer.as_array().into_iter().flatten()) {
            if entry.get("will").is_some() && result.get("error").is_none() {
                self.oracle
                    .will_is_accepted(sent.document, entry, at.monotonic);
            }
        }
    }

    /// Tells the oracle that a page pulls. With a session that has ended, also from silence, it takes nothing over.
    pub(crate) fn note_pull(&mut self, window: usize, page: u32, arguments: &str) {
        let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
        let session = text_of(&arguments["session"]);
        let label = self.windows[window].label;
        let is_open = SessionId::parse(&session)
            .is_ok_and(|id| self.runtime.core.hub().page_of(label, id).is_some());
        self.oracle.page_is_heard_of(page, is_open, sync::passed());
        if is_open {
            self.oracle.pulls(page, session);
        }
    }

    pub(crate) fn take_note(&mut self, page: u32, kind: &str, value: &Value) {
        self.note(format!("page {page} {kind} {value}"));
        let number = |key: &str| value[key].as_u64().unwrap_or_default();
        let listener = number("listener");
        match kind {
            "event" => self.oracle.event(listener, read_event(value)),
            "gap" => {
                let gap = Gap {
                    from: number("from"),
                    to: number("to"),
                    count: number("count"),
                    at_most: value["atMost"] == json!(true),
                    reason: text_of(&value["reason"]),
                };
                self.oracle.gap(listener, gap);
            }
            "opened" => {
                let pattern = text_of(&value["pattern"]);
                let options = &value["options"];
                self.oracle
                    .listener_opens(listener, Some(page), &pattern, options);
            }
            "listening" => self.oracle.listener_has_id(listener, number("id")),
            "ended" => self.oracle.listener_ends(listener),
            "promise" => {
                let what = text_of(&value["what"]);
                self.oracle.promised(number("promise"), Some(page), &what);
            }
            "resolved" => self
                .oracle
                .settled(number("promise"), Ok(value["value"].clone())),
            "rejected" => self
                .oracle
                .settled(number("promise"), Err(text_of(&value["code"]))),
            "watching" => {
                let room = text_of(&value["room"]);
                self.oracle.watch_begins(number("watcher"), page, &room);
            }
            "watchEnds" => self.oracle.watch_ends(number("watcher")),
            "member" => self.oracle.member_is_told(value),
            "stopping" => self.oracle.will_is_stopping(number("will")),
            "called" => self.note_call_answer(value),
            "responding" => self.oracle.responding(&value["request"]),
            "report" => {
                let code = text_of(&value["code"]);
                self.oracle.page_reports_refusal(page);
                if code.ends_with("Error") {
                    self.oracle
                        .violation(format!("page {page} reported {value}"));
                }
            }
            _ => {}
        }
    }
}

pub(crate) fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn read_event(value: &Value) -> Delivered {
    Delivered {
        seq: value["seq"].as_u64().unwrap_or_default(),
        name: text_of(&value["name"]),
        payload: value["payload"].clone(),
        source: value["source"].as_str().map(str::to_owned),
        is_replayed: value["replayed"] == json!(true),
        is_retained: value["retained"] == json!(true),
        superseded: value["superseded"].as_u64().unwrap_or_default(),
        taken_at: None,
    }
}
