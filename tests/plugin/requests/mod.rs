//! Asking a page, or Rust, and getting its answer.

mod causes;
mod endings;
mod refusals;
mod responders;
mod responses;
#[cfg(feature = "typed")]
mod typed;

use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::async_runtime::{JoinHandle, spawn};
use tauri_plugin_event_bus::{Error, EventBus, Target};

use crate::support::{Page, Pending, invoke};

/// How long a test waits for what must come. It only passes in full when the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

impl Page {
    /// Responses questions of this name from now on, or no more.
    fn respond(&mut self, name: &str, on: bool) -> Value {
        let responders = json!([{ "name": name, "on": on }]);
        self.call("set_responders", json!({ "responders": responders }))
            .unwrap()[0]
            .take()
    }

    /// Pulls, acknowledges, and gives what came.
    fn items(&mut self) -> Vec<Value> {
        let batch = self.pull().rows();
        let items = batch.as_array().unwrap().clone();
        if let Some(last) = items.last() {
            self.ack = last["index"].as_u64().or(last[0].as_u64()).unwrap();
        }
        items
    }

    /// The next question, or end of one.
    fn question(&mut self) -> Value {
        let mut items = self.items();
        items.retain(Value::is_object);
        items.remove(0)
    }

    fn reply(&mut self, entry: Value) -> Value {
        self.call("respond", json!({ "responses": [entry] }))
            .unwrap()[0]
            .take()
    }

    fn answer(&mut self, question: &Value, payload: &str) -> Value {
        self.reply(json!({ "request": question["request"], "payload": payload }))
    }

    fn ask(&self, id: u64, to: Value, event: &str) -> Pending {
        self.ask_with(json!({ "id": id, "to": to, "name": event }))
    }

    fn ask_with(&self, mut arguments: Value) -> Pending {
        arguments["session"] = json!(self.session);
        invoke(&self.webview, "request", arguments)
    }

    fn give_up(&self, session: &str, id: u64) {
        let arguments = json!({ "session": session, "ids": [id] });
        invoke(&self.webview, "cancel_request", arguments)
            .wait()
            .unwrap();
    }
}

/// A question of Rust, on its way. The test itself stands on the main thread.
struct Asked(mpsc::Receiver<Result<Value, Error>>, JoinHandle<()>);

impl Asked {
    fn wait(self) -> Result<Value, Error> {
        self.0.recv_timeout(PATIENCE).expect("no answer")
    }

    fn error(self) -> Error {
        self.wait().unwrap_err()
    }
}

fn ask(bus: &EventBus, to: impl Into<Target>, name: &str) -> Asked {
    ask_for(bus, to, name, Duration::from_secs(60))
}

fn ask_for(bus: &EventBus, to: impl Into<Target>, name: &str, timeout: Duration) -> Asked {
    let (sender, receiver) = mpsc::channel();
    let request = bus
        .request::<Value>(to, name, json!({ "n": 1 }))
        .timeout(timeout);
    let task = spawn(async move {
        let _ = sender.send(request.await);
    });
    Asked(receiver, task)
}
