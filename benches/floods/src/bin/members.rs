//! What a member costs in a room of 10,000 that 8 pages share: the bytes that each page gets, and the time of the host.
//!
//! The pages send real commands on Tauri's mock runtime. There is no webview, so the figures cover the host alone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tauri::ipc::{CallbackFn, InvokeBody, InvokeResponse, InvokeResponseBody};
use tauri::test::{INVOKE_KEY, MockRuntime, mock_builder};
use tauri::webview::InvokeRequest;
use tauri::{App, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder};
use tauri_plugin_event_bus::Builder;

const PAGES: usize = 8;
const MEMBERS: usize = 10_000;
const EVENT: &str = "event-bus:presence:room";

fn main() {
    println!("{}", Costs::measure(MEMBERS, 200));
}

/// What the members cost.
struct Costs {
    members: usize,
    /// The bytes of the batch that a subscription begins with, and of that for one change.
    snapshot: usize,
    change: usize,
    subscribe: Duration,
    join: Duration,
}

impl Costs {
    fn measure(members: usize, changes: usize) -> Self {
        let app = mock_builder()
            .plugin(Builder::new().build())
            .build(fixture::context())
            .unwrap();
        let capability = json!({
            "identifier": "members",
            "windows": ["member-*"],
            "permissions": [
                "event-bus:default",
                { "identifier": "event-bus:pages", "allow": [{ "presence": "*" }, { "page": "*" }] },
            ],
        });
        app.add_capability(capability.to_string()).unwrap();
        let mut pages: Vec<Page> = (0..PAGES).map(|page| Page::open(&app, page)).collect();
        let entry = |key: usize, cursor: usize| {
            let state = json!({ "user": "ada", "cursor": cursor }).to_string();
            json!({ "room": "room", "key": key.to_string(), "state": state })
        };
        let own = members / PAGES;
        for (index, page) in pages.iter_mut().enumerate() {
            let keys = index * own..(index + 1) * own;
            for keys in keys.collect::<Vec<_>>().chunks(1000) {
                let joined: Vec<Value> = keys.iter().map(|key| entry(*key, 0)).collect();
                page.change(joined);
            }
        }
        let begin = Instant::now();
        for page in &mut pages {
            page.call(
                "subscribe",
                json!({ "subscriptions": [{ "id": 1, "event": EVENT }] }),
            );
        }
        let subscribe = begin.elapsed() / PAGES as u32;
        let snapshot = pages.iter_mut().map(Page::pull).max().unwrap();
        let (mut change, mut join) = (0, Duration::ZERO);
        for n in 0..changes {
            let begin = Instant::now();
            pages[0].change(vec![entry(own, n)]);
            join += begin.elapsed();
            change = pages.iter_mut().map(Page::pull).max().unwrap().max(change);
        }
        Self {
            members: own * PAGES,
            snapshot,
            change,
            subscribe,
            join: join / changes as u32,
        }
    }
}

impl std::fmt::Display for Costs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            members,
            snapshot,
            change,
            subscribe,
            join,
        } = self;
        writeln!(f, "{members} members of {PAGES} pages")?;
        writeln!(
            f,
            "a subscription begins with {snapshot} bytes, after {subscribe:.0?}"
        )?;
        writeln!(
            f,
            "a change costs each page {change} bytes, and the host {join:.0?}"
        )?;
        write!(f, "as a part of all members: 1/{}", snapshot / change)
    }
}

/// A page that speaks the wire protocol by hand.
struct Page {
    webview: WebviewWindow<MockRuntime>,
    session: String,
    n: u64,
    ack: u64,
}

impl Page {
    fn open(app: &App<MockRuntime>, number: usize) -> Self {
        let label = format!("member-{number}");
        let webview = WebviewWindowBuilder::new(app, label, WebviewUrl::default());
        Self {
            webview: webview.build().unwrap(),
            session: format!("{:032x}", number + 1),
            n: 0,
            ack: 0,
        }
    }

    fn change(&mut self, changes: Vec<Value>) {
        let changed = self.call("presence", json!({ "changes": changes }));
        assert!(!changed.contains("error"), "{changed}");
    }

    fn call(&mut self, command: &str, mut arguments: Value) -> String {
        self.n += 1;
        arguments["n"] = json!(self.n);
        self.send(command, arguments)
    }

    /// Fetches all that waits. Returns how many bytes that were.
    fn pull(&mut self) -> usize {
        let batch = self.send("pull", json!({ "ack": self.ack }));
        let read: Value = serde_json::from_str(&batch).unwrap();
        self.ack =
            read["first"].as_u64().unwrap() + read["items"].as_array().unwrap().len() as u64 - 1;
        batch.len()
    }

    fn send(&self, command: &str, mut arguments: Value) -> String {
        arguments["session"] = json!(self.session);
        let (sender, receiver) = channel();
        let headers = [("Origin", "tauri://localhost"), ("Tauri-Callback", "0")];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let request = InvokeRequest {
            cmd: format!("plugin:event-bus|{command}"),
            callback: CallbackFn(0),
            error: CallbackFn(1),
            url: "tauri://localhost".parse().unwrap(),
            body: InvokeBody::Json(arguments),
            headers: headers.into_iter().collect::<tauri::http::HeaderMap>(),
            invoke_key: INVOKE_KEY.to_string(),
        };
        let webview: &tauri::Webview<MockRuntime> = self.webview.as_ref();
        webview.clone().on_message(
            request,
            Box::new(move |_, _, response, _, _| {
                let InvokeResponse::Ok(InvokeResponseBody::Json(json)) = response else {
                    panic!("{response:?}");
                };
                let _ = sender.send(json);
            }),
        );
        receiver.recv().unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_costs_little_of_all_members() {
        let costs = Costs::measure(800, 2);
        assert_eq!(costs.members, 800);
        assert!(costs.change * 100 < costs.snapshot, "{costs}");
    }
}
