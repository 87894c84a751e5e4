//! Requests to pages and to the host, and their responses.

mod causes;
mod channels;
mod endings;
mod hostile;
mod refusals;
mod responders;
mod responses;
mod streams;
mod task_ends;
mod tasks;
#[cfg(feature = "typed")]
mod typed;

use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::async_runtime::{JoinHandle, spawn};
use tauri_plugin_event_bus::{Error, EventBus, IntoTarget};

use crate::support::{Page, Pending, invoke};

/// How long a test waits for what must come. It only passes in full when the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

impl Page {
    /// Registers or removes a responder of this page.
    pub(crate) fn set_responder(&mut self, name: &str, on: bool) -> Value {
        let responders = json!([{ "name": name, "on": on }]);
        self.call("set_responders", json!({ "responders": responders }))
            .unwrap()[0]
            .take()
    }

    /// Pulls and acknowledges. Returns the items of the batch.
    fn items(&mut self) -> Vec<Value> {
        let batch = self.pull().rows();
        let items = batch.as_array().unwrap().clone();
        if let Some(last) = items.last() {
            self.ack = last["index"].as_u64().or(last[0].as_u64()).unwrap();
        }
        items
    }

    /// The next request, or the end of one.
    pub(crate) fn next_request(&mut self) -> Value {
        let mut items = self.items();
        items.retain(Value::is_object);
        items.remove(0)
    }

    fn respond_with(&mut self, entry: Value) -> Value {
        self.call("respond", json!({ "responses": [entry] }))
            .unwrap()[0]
            .take()
    }

    pub(crate) fn respond(&mut self, request: &Value, payload: &str) -> Value {
        self.respond_with(json!({ "request": request["request"], "payload": payload }))
    }

    fn request(&self, id: u64, to: Value, name: &str) -> Pending {
        self.request_with(json!({ "id": id, "to": to, "name": name }))
    }

    pub(crate) fn request_with(&self, mut arguments: Value) -> Pending {
        arguments["session"] = json!(self.session);
        invoke(&self.webview, "request", arguments)
    }

    fn cancel(&self, session: &str, id: u64) {
        let arguments = json!({ "session": session, "ids": [id] });
        invoke(&self.webview, "cancel_request", arguments)
            .wait()
            .unwrap();
    }
}

/// An open request of the host. It runs on a task, since tests run on the main thread.
struct HostRequest(mpsc::Receiver<Result<Value, Error>>, JoinHandle<()>);

impl HostRequest {
    fn wait(self) -> Result<Value, Error> {
        self.0.recv_timeout(PATIENCE).expect("no outcome")
    }

    fn error(self) -> Error {
        self.wait().unwrap_err()
    }
}

fn send(bus: &EventBus, to: impl IntoTarget + Send + 'static, name: &str) -> HostRequest {
    send_with_timeout(bus, to, name, Duration::from_secs(60))
}

fn send_with_timeout(
    bus: &EventBus,
    to: impl IntoTarget + Send + 'static,
    name: &str,
    timeout: Duration,
) -> HostRequest {
    let (sender, receiver) = mpsc::channel();
    let request = bus
        .request::<Value>(to, name, json!({ "n": 1 }))
        .timeout(timeout);
    let task = spawn(async move {
        let _ = sender.send(request.await);
    });
    HostRequest(receiver, task)
}
