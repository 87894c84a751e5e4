//! What the app does in a page.

use serde_json::{Value, json};

use crate::world::{LABELS, World};

const NAMES: &[&str] = &["d:a", "d:b", "l:a", "r:a", "h:a", "k:a"];
const PATTERNS: &[&str] = &[
    "*", "d:*", "d:a", "l:a", "r:*", "h:a", "k:*", "?:a", "t:*", "*a",
];

impl World {
    pub(crate) fn event_name(&mut self) -> &'static str {
        self.rng.pick(NAMES)
    }

    pub(crate) fn pattern(&mut self) -> &'static str {
        self.rng.pick(PATTERNS)
    }

    pub(crate) fn target(&mut self) -> Value {
        let label = self.rng.pick(&LABELS);
        match self.rng.below(8) {
            0 => json!({ "kind": "host" }),
            1 => json!({ "kind": "webview", "label": label }),
            2 => json!("editor-*"),
            3 => json!([label, { "kind": "host" }]),
            4 if self.rng.chance(20) => json!("nowhere"),
            _ => json!(label),
        }
    }

    /// How many events are emitted at once.
    pub(crate) fn burst(&mut self) -> u64 {
        match self.rng.chance(5 * self.plan.weights.bursts) {
            true => self.rng.pick(&[3, 10, 40]),
            false => 1,
        }
    }

    pub(crate) fn page_acts(&mut self, page: u32) {
        let (jobs, requests) = (self.plan.weights.jobs, self.plan.weights.requests);
        let receipts = self.plan.weights.receipts;
        let (presence, wills) = (self.plan.weights.presence, self.plan.weights.wills);
        let choices = [
            (presence, "join"),
            (presence / 3, "leave"),
            (presence / 2, "watch"),
            (presence / 6, "unwatch"),
            (wills, "will"),
            (wills / 2, "stopWill"),
            (receipts, "emitHandled"),
            (25, "listen"),
            (30, "emit"),
            (5, "unlisten"),
            (1, "unlistenAll"),
            (4, "waitFor"),
            (2, "clearRetained"),
            (jobs, "startJob"),
            (jobs, "controlJob"),
            (requests, "respond"),
            (requests / 3, "endRespond"),
            (requests * 2, "request"),
            (requests / 3, "abort"),
            (requests / 2, "respondStream"),
            (requests, "requestStream"),
            (requests, "openChannel"),
            (jobs / 2, "listJobs"),
            (1, "inspect"),
            (1, "emitWhenLeft"),
        ];
        if let Some(op) = self.rng.weighted(&choices) {
            self.page_does(page, op);
        }
    }

    pub(crate) fn page_does(&mut self, page: u32, op: &str) {
        let promise = self.number();
        let made = match op {
            "listen" => self.make_listen(page, promise),
            "emit" => return self.page_emits(page),
            "emitHandled" => {
                let payload = json!(format!("page.{promise}"));
                self.oracle.will_emit(promise, payload.clone());
                json!({
                    "name": self.event_name(),
                    "payload": payload,
                    "to": self.rng.chance(40).then(|| self.target()),
                    "timeoutMs": self.rng.pick(&[20, 3_000, 30_000]),
                    "options": match self.expiry() {
                        Some(millis) => json!({ "expiresMs": millis }),
                        None => json!({}),
                    },
                })
            }
            "join" | "leave" => self.make_member(page, promise, op == "leave"),
            "watch" => self.make_watch(promise),
            "unwatch" => json!({ "watcher": self.rng.below(promise as usize) }),
            "will" => self.make_will(page, promise),
            "stopWill" => json!({ "will": self.rng.below(promise as usize) }),
            "unlisten" => json!({ "listener": self.rng.below(promise as usize) }),
            "unlistenAll" | "clearRetained" => json!({ "pattern": self.pattern() }),
            "waitFor" => {
                let timeout = self.rng.pick(&[10, 1_000, 20_000]);
                json!({ "pattern": self.pattern(), "timeoutMs": timeout })
            }
            "startJob" => {
                let name = format!("t:{promise}");
                let mut options = json!({
                    "everyMs": self.rng.pick(&[20, 500, 5_000]),
                    "onlyWhileListened": self.rng.chance(30),
                });
                let to = self.rng.chance(50).then(|| self.target());
                if let Some(to) = &to {
                    options["to"] = to.clone();
                }
                if self.rng.chance(40) {
                    options["count"] = json!(2);
                }
                match self.rng.chance(50) {
                    true => options["payload"] = json!(promise),
                    false => options["source"] = json!("count"),
                }
                self.oracle.job_starts(&name, to);
                json!({ "job": promise % 4, "name": name, "options": options })
            }
            "controlJob" => json!({
                "job": self.rng.below(4),
                "action": self.rng.pick(&["pause", "resume", "stop", "update", "info"]),
                "changes": { "everyMs": 1_000 },
            }),
            "respond" => json!({
                "responder": promise,
                "name": self.rng.pick(&["q:a", "q:b"]),
                "manner": self.rng.pick(&["now", "now", "later", "never", "throw"]),
                "ms": self.rng.pick(&[1, 300, 15_000]),
            }),
            "endRespond" => json!({ "responder": self.rng.below(promise as usize) }),
            "request" => {
                let payload = json!(format!("page.{promise}"));
                self.oracle.will_request(promise, payload.clone());
                let to = match self.rng.chance(30) {
                    true => json!({ "kind": "host" }),
                    false => json!(self.rng.pick(&LABELS)),
                };
                json!({
                    "to": to,
                    "name": self.rng.pick(&["q:a", "q:b"]),
                    "payload": payload,
                    "timeoutMs": self.rng.pick(&[50, 4_000, 30_000]),
                    "abort": self.rng.chance(30),
                })
            }
            "respondStream" => json!({
                "responder": promise,
                "name": self.rng.pick(&["s:a", "s:b"]),
                "waits": self.rng.pick(&[0, 0, 1, 400]),
            }),
            "requestStream" => {
                let to = match self.rng.chance(30) {
                    true => json!({ "kind": "host" }),
                    false => json!(self.rng.pick(&LABELS)),
                };
                json!({
                    "to": to,
                    "name": self.rng.pick(&["s:a", "s:b"]),
                    "count": self.rng.pick(&[0, 1, 5, 40, 300]),
                    "parts": self.rng.pick(&[1, 2, 16, 4_096]),
                    "leaves": self.rng.pick(&[-1, -1, -1, 1, 20]),
                    "work": if self.rng.chance(10) { self.rng.pick(&[1, 30]) } else { 0 },
                    "abort": self.rng.chance(30),
                })
            }
            "openChannel" => json!({
                "name": self.rng.pick(&["c:a", "c:b"]),
                "count": self.rng.pick(&[0, 1, 5, 40, 300]),
                "parts": self.rng.pick(&[1, 2, 16, 4_096]),
                "leaves": self.rng.pick(&[-1, -1, -1, 1, 20]),
                "waits": self.rng.chance(50),
                "work": if self.rng.chance(10) { self.rng.pick(&[1, 30]) } else { 0 },
                "abort": self.rng.chance(30),
            }),
            "emitWhenLeft" => {
                json!({ "name": self.event_name(), "payload": format!("left.{promise}") })
            }
            _ => json!({}),
        };
        let mut made = made;
        made["op"] = json!(op);
        made["promise"] = json!(promise);
        self.operate(page, &made);
    }

    fn make_listen(&mut self, page: u32, promise: u64) -> Value {
        let mut options = json!({});
        if self.rng.chance(15) {
            let window = self
                .documents
                .get(&page)
                .map_or(0, |document| document.window);
            options["target"] = json!(LABELS[window]);
        }
        for key in ["replay", "retained"] {
            if self.rng.chance(15) {
                options[key] = json!(false);
            }
        }
        let mut made = json!({
            "listener": promise,
            "pattern": self.pattern(),
            "options": options,
            "work": if self.rng.chance(10) { self.rng.pick(&[2, 30, 6_000]) } else { 0 },
            "emits": self.rng.chance(6).then(|| json!({
                "name": NAMES[promise as usize % NAMES.len()],
                "payload": format!("after.{promise}"),
            })),
            "ends": self.rng.chance(8),
            "later": if self.rng.chance(10) { self.rng.pick(&[1, 80]) } else { 0 },
        });
        if made["later"] != 0 {
            made["options"]["sequential"] = json!(true);
        }
        made
    }

    fn page_emits(&mut self, page: u32) {
        let count = self.burst();
        let first = self.numbers(count);
        let mut events = Vec::new();
        for promise in first..first + count {
            let payload = json!(format!("page.{promise}"));
            self.oracle.will_emit(promise, payload.clone());
            let mut event = json!({ "name": self.event_name(), "payload": payload, "options": {} });
            if self.rng.chance(40) {
                event["to"] = self.target();
            }
            if self.rng.chance(10) {
                event["options"]["retain"] = json!(self.rng.chance(80));
            }
            if self.rng.chance(10) {
                event["options"]["except"] = self.target();
            }
            if let Some(millis) = self.expiry() {
                event["options"]["expiresMs"] = json!(millis);
            }
            events.push(event);
        }
        let op = json!({ "op": "emit", "promise": first, "events": events });
        self.operate(page, &op);
    }
}
