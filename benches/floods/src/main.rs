//! Measures how much a page that floods the bus delays events for another page.
//!
//! The measured page listens to 200 events a second of the app; the latency is from `emit` to the page. Another page
//! floods the bus from a thread of its own, through real commands on Tauri's mock runtime. There is no webview, so the
//! figures cover the host alone. Prints percentiles in microseconds and as multiples of the quiet case, with the default
//! limits and without any.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tauri::ipc::{CallbackFn, InvokeBody, InvokeResponse, InvokeResponseBody};
use tauri::test::{INVOKE_KEY, MockRuntime, mock_builder};
use tauri::webview::InvokeRequest;
use tauri::{App, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder};
use tauri_plugin_event_bus::{Builder, EventBusExt, Limits};

const EVENTS: usize = 600;
const INTERVAL: Duration = Duration::from_millis(5);

/// How long a page that is gone may take to come back.
const GRACE: Duration = Duration::from_millis(100);

type Flood = fn(&mut Page, &AtomicBool) -> u64;

/// The row whose page may listen only within 50 entries. The pages of the others have no list.
const SCOPED: &str = "emits new names, with 4,096 times `*` in 50 entries";

/// The rows with members of presence. The measured page watches a room.
const ROOMS: [&str; 2] = [
    "subscribes to a room of 8,000 members",
    "ends with members in 8,000 rooms",
];

const MEMBERS: u64 = 8000;

/// What the other page does, with the label of its row.
const FLOODS: [(&str, Flood); 14] = [
    ("quiet", |_, _| 0),
    ("emits events without listeners", |page, stop| {
        emit(page, stop, |_| json!({ "event": "flood", "payload": "1" }))
    }),
    ("emits what the measured page listens to", |page, stop| {
        emit(
            page,
            stop,
            |_| json!({ "event": "app:flood", "payload": "1" }),
        )
    }),
    ("emits new names, with 4,096 globs", |page, stop| {
        subscribe_all(page, |id| format!("*a*b*{id}*c*d"));
        let name = "ab".repeat(100);
        emit(
            page,
            stop,
            |n| json!({ "event": format!("{name}{n}"), "payload": "1" }),
        )
    }),
    (SCOPED, |page, stop| {
        subscribe_all(page, |_| "*".to_owned());
        emit(
            page,
            stop,
            |n| json!({ "event": format!("flood{n}"), "payload": "1" }),
        )
    }),
    ("subscribes to names", |page, stop| {
        subscribe(page, stop, |id| format!("name-{id}"))
    }),
    (
        "subscribes to what the measured page listens to",
        |page, stop| subscribe(page, stop, |_| "app:*".to_owned()),
    ),
    (
        "subscribes to globs, with 1,024 names in use",
        |page, stop| {
            let name = "ab".repeat(100);
            for batch in 0..4 {
                let new_name = |n: u64| json!({ "event": format!("{name}{}", batch * 256 + n) });
                page.call(
                    "emit",
                    json!({ "events": (0..256).map(new_name).collect::<Vec<_>>() }),
                );
            }
            subscribe(page, stop, |id| format!("*a*b*{id}*c*d"))
        },
    ),
    (ROOMS[0], |page, stop| {
        join(
            page,
            |key| json!({ "room": "room:7", "key": key.to_string(), "state": "1" }),
        );
        subscribe(page, stop, |_| "event-bus:presence:room:7".to_owned())
    }),
    (ROOMS[1], |page, stop| {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            join(
                page,
                |key| json!({ "room": format!("room:{key}"), "state": "1" }),
            );
            count += MEMBERS;
            page.renew(count);
            // Its first pull shows that it is there.
            let pull = json!({ "session": page.session, "ack": 0 });
            let _ = page.send("pull", pull).recv();
            thread::sleep(2 * GRACE);
        }
        count
    }),
    ("emits 16 MiB payloads", |page, stop| {
        let payload = format!("\"{}\"", "x".repeat((16 << 20) - 2));
        emit_batches(
            page,
            stop,
            1,
            |_| json!({ "event": "flood", "payload": payload }),
        )
    }),
    ("fetches the same 1 MiB repeatedly", |page, stop| {
        let payload = format!("\"{}\"", "x".repeat(4096));
        page.call(
            "subscribe",
            json!({ "subscriptions": [{ "id": 1, "event": "flood" }] }),
        );
        let event = json!({ "event": "flood", "payload": payload });
        page.call("emit", json!({ "events": vec![event; 256] }));
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            let pull = json!({ "session": page.session, "ack": 0 });
            count += u64::from(page.send("pull", pull).recv().unwrap().is_ok());
        }
        count
    }),
    ("opens sessions", |page, stop| {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            count += 1;
            page.renew(count);
        }
        count
    }),
    ("runs 128 jobs of 1 ms", |page, stop| {
        for _ in 0..128 {
            page.call(
                "start_job",
                json!({ "job": { "event": "flood", "everyMs": 1 } }),
            );
        }
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(10));
        }
        0
    }),
];

fn main() {
    let mut unlimited = Limits::default();
    unlimited.emits_per_second = usize::MAX;
    unlimited.emit_burst = usize::MAX;
    unlimited.emit_bytes_per_second = usize::MAX;
    unlimited.emit_burst_bytes = usize::MAX;
    unlimited.subscribes_per_second = usize::MAX;
    unlimited.subscribe_burst = usize::MAX;
    unlimited.sessions_per_second = usize::MAX;
    unlimited.session_burst = usize::MAX;
    unlimited.repeat_bytes_per_second = usize::MAX;
    unlimited.repeat_burst_bytes = usize::MAX;
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for (title, limits) in [
        ("the default limits", Limits::default()),
        ("no flood limits", unlimited),
    ] {
        println!("\nWith {title}\n");
        println!(
            "| another page, meanwhile | entries/s | p50 µs | p99 µs | max µs | p50 × | p99 × |"
        );
        println!("|---|---|---|---|---|---|---|");
        let mut quiet = None;
        for (name, flood) in FLOODS {
            if name != "quiet" && !name.contains(&wanted) {
                continue;
            }
            let (times, rate) = measure(limits.clone(), (name, flood), EVENTS);
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
            let (p50, p99) = (at(0.5), at(0.99));
            let (quiet50, quiet99) = *quiet.get_or_insert((p50, p99));
            println!(
                "| {name} | {rate:.0} | {p50:.0} | {p99:.0} | {:.0} | {:.1} | {:.1} |",
                at(1.0),
                p50 / quiet50,
                p99 / quiet99
            );
        }
    }
}

/// Lets a page emit everything, and listen only within 50 entries.
fn allow_scoped(app: &App<MockRuntime>) {
    let names: Vec<Value> = (0..50).map(|n| json!(format!("area{n}:*"))).collect();
    let capability = json!({
        "identifier": "scoped",
        "windows": ["scoped"],
        "permissions": [
            { "identifier": "event-bus:listen", "allow": names },
            "event-bus:emit",
        ],
    });
    app.add_capability(capability.to_string()).unwrap();
}

/// Lets both pages know of rooms.
fn allow_rooms(app: &App<MockRuntime>) {
    let pages = json!({
        "identifier": "event-bus:pages",
        "allow": [{ "page": "*" }, { "presence": "room:*" }],
    });
    let capability = json!({
        "identifier": "rooms",
        "windows": ["main", "other"],
        "permissions": [pages],
    });
    app.add_capability(capability.to_string()).unwrap();
}

/// The latency of each event in microseconds, sorted; and the number of entries a second of the flood.
fn measure(mut limits: Limits, (name, flood): (&str, Flood), events: usize) -> (Vec<f64>, f64) {
    limits.page_grace_ms = GRACE.as_millis() as usize;
    let app = mock_builder()
        .plugin(Builder::new().limits(limits).build())
        .build(fixture::context())
        .unwrap();
    if ROOMS.contains(&name) {
        allow_rooms(&app);
    }
    let mut listener = Page::open(&app, "other");
    let mut flooder = if name == SCOPED {
        allow_scoped(&app);
        Page::open(&app, "scoped")
    } else {
        Page::open(&app, "main")
    };
    let entry = json!({ "id": 1, "event": "app:*" });
    listener.call("subscribe", json!({ "subscriptions": [entry] }));
    if ROOMS.contains(&name) {
        let entry = json!({ "id": 2, "event": "event-bus:presence:room:0" });
        listener.call("subscribe", json!({ "subscriptions": [entry] }));
    }

    let stop = Arc::new(AtomicBool::new(false));
    let flooding = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            let begin = Instant::now();
            let count = flood(&mut flooder, &stop);
            count as f64 / begin.elapsed().as_secs_f64()
        })
    };
    let start = Instant::now();
    let receiving = thread::spawn(move || {
        let mut times = Vec::new();
        let mut ack = 0;
        while times.len() < events {
            let pull = json!({ "session": listener.session, "ack": ack });
            let Ok(batch) = listener.send("pull", pull).recv().unwrap() else {
                continue;
            };
            let now = start.elapsed().as_secs_f64();
            let mut next = batch["first"].as_u64().unwrap();
            for item in batch["items"].as_array().unwrap() {
                // A gap is an object.
                let Some(run) = item.as_array() else {
                    ack = next;
                    next += 1;
                    continue;
                };
                let head = &batch["heads"][run[0].as_u64().unwrap() as usize];
                for event in run[2..].chunks_exact(2) {
                    ack = next;
                    next += 1;
                    if head[0] == "app:event" {
                        times.push((now - event[1].as_f64().unwrap()) * 1e6);
                    }
                }
            }
        }
        times
    });
    let bus = app.event_bus();
    for n in 0..events {
        let due = INTERVAL * (n as u32 + 20);
        thread::sleep(due.saturating_sub(start.elapsed()));
        // From when it was due: a delayed host counts as a delay, too.
        bus.emit("app:event", due.as_secs_f64()).unwrap();
    }
    let mut times = receiving.join().unwrap();
    stop.store(true, Ordering::Relaxed);
    let rate = flooding.join().unwrap();
    times.sort_by(f64::total_cmp);
    (times, rate)
}

fn emit(page: &mut Page, stop: &AtomicBool, entry: impl Fn(u64) -> Value) -> u64 {
    emit_batches(page, stop, 256, entry)
}

fn emit_batches(
    page: &mut Page,
    stop: &AtomicBool,
    size: u64,
    entry: impl Fn(u64) -> Value,
) -> u64 {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let events: Vec<Value> = (count..count + size).map(&entry).collect();
        page.call("emit", json!({ "events": events }));
        count += size;
    }
    count
}

/// Subscribes repeatedly, and ends the subscriptions when there are too many.
fn subscribe(page: &mut Page, stop: &AtomicBool, pattern: impl Fn(u64) -> String) -> u64 {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let entry = |id: u64| json!({ "id": id, "event": pattern(id) });
        let batch: Vec<Value> = (count..count + 1024).map(entry).collect();
        page.call("subscribe", json!({ "subscriptions": batch }));
        count += 1024;
        if count.is_multiple_of(4096) {
            for begin in (count - 4096..count).step_by(1024) {
                let ids: Vec<u64> = (begin..begin + 1024).collect();
                page.call("unsubscribe", json!({ "ids": ids }));
            }
        }
    }
    count
}

/// Joins so many members.
fn join(page: &mut Page, change: impl Fn(u64) -> Value) {
    for begin in (0..MEMBERS).step_by(1000) {
        let changes: Vec<Value> = (begin..begin + 1000).map(&change).collect();
        page.call("presence", json!({ "changes": changes }));
    }
}

fn subscribe_all(page: &mut Page, pattern: impl Fn(u64) -> String) {
    for begin in (0..4096).step_by(1024) {
        let entry = |id: u64| json!({ "id": id, "event": pattern(id) });
        let batch: Vec<Value> = (begin..begin + 1024).map(entry).collect();
        page.call("subscribe", json!({ "subscriptions": batch }));
    }
}

/// A page that speaks the wire protocol by hand.
struct Page {
    webview: WebviewWindow<MockRuntime>,
    session: String,
    n: u64,
}

impl Page {
    fn open(app: &App<MockRuntime>, label: &str) -> Self {
        let webview = WebviewWindowBuilder::new(app, label, WebviewUrl::default());
        Self {
            webview: webview.build().unwrap(),
            session: "1".repeat(32),
            n: 0,
        }
    }

    fn call(&mut self, command: &str, mut arguments: Value) {
        self.n += 1;
        arguments["session"] = json!(self.session);
        arguments["n"] = json!(self.n);
        let result = self.send(command, arguments).recv().unwrap();
        // The flood limits refuse commands; any other error is a mistake in this benchmark.
        if let Err(error) = result {
            assert_eq!(error["code"], "rate_limited", "{error}");
        }
    }

    /// Opens another session.
    fn renew(&mut self, number: u64) {
        self.session = format!("{number:032x}");
        self.n = 0;
        self.call("emit", json!({ "events": [] }));
    }

    fn send(&self, command: &str, arguments: Value) -> Receiver<Result<Value, Value>> {
        let (sender, receiver) = channel();
        let headers = [("Origin", "tauri://localhost"), ("Tauri-Callback", "0")];
        let request = InvokeRequest {
            cmd: format!("plugin:event-bus|{command}"),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url: "tauri://localhost".parse().unwrap(),
            body: InvokeBody::Json(arguments),
            headers: headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect::<tauri::http::HeaderMap>(),
            invoke_key: INVOKE_KEY.to_string(),
        };
        let webview: &tauri::Webview<MockRuntime> = self.webview.as_ref();
        webview.clone().on_message(
            request,
            Box::new(move |_, _, response, _, _| {
                let result = match response {
                    InvokeResponse::Ok(InvokeResponseBody::Json(json)) => {
                        Ok(serde_json::from_str(&json).unwrap())
                    }
                    InvokeResponse::Ok(InvokeResponseBody::Raw(_)) => unreachable!(),
                    InvokeResponse::Err(error) => Err(error.0),
                };
                let _ = sender.send(result);
            }),
        );
        receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_another_page_its_events() {
        for (name, flood) in FLOODS {
            let (times, _) = measure(Limits::default(), (name, flood), 5);
            assert_eq!(times.len(), 5, "{name}");
        }
    }
}
