//! A mock app with real capability files, and pages that speak the wire protocol by hand.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::ipc::{CallbackFn, InvokeBody, InvokeResponse, InvokeResponseBody};
use tauri::test::{INVOKE_KEY, MockRuntime, mock_builder};
use tauri::webview::InvokeRequest;
use tauri::{App, Context, Manager, RunEvent, WebviewWindow, WebviewWindowBuilder};
use tauri_plugin_event_bus::{Builder, Limits};

/// How long a test waits for a result. Only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn app() -> App<MockRuntime> {
    app_with(Builder::new())
}

pub(crate) fn app_with(builder: Builder) -> App<MockRuntime> {
    app_in(fixture::context(), builder)
}

/// An app with these limits.
pub(crate) fn app_of(limits: Limits) -> App<MockRuntime> {
    app_with(Builder::new().limits(limits))
}

/// An app with capabilities of its own.
pub(crate) fn app_in(context: Context<MockRuntime>, builder: Builder) -> App<MockRuntime> {
    mock_builder()
        .plugin(builder.build())
        .build(context)
        .unwrap()
}

pub(crate) fn open(app: &impl Manager<MockRuntime>, label: &str) -> WebviewWindow<MockRuntime> {
    WebviewWindowBuilder::new(app, label, tauri::WebviewUrl::default())
        .build()
        .unwrap()
}

/// Exits the app as a user does, by closing its last window.
pub(crate) fn exit(app: App<MockRuntime>) {
    app.run(|app, event| {
        if matches!(event, RunEvent::Ready) {
            for window in app.webview_windows().values() {
                window.destroy().unwrap();
            }
        }
    });
}

/// A pending result of a command.
pub(crate) struct Pending(mpsc::Receiver<InvokeResponse>);

impl Pending {
    pub(crate) fn wait(self) -> Result<Value, Value> {
        match self.receive() {
            InvokeResponse::Ok(body) => Ok(body.deserialize().unwrap()),
            InvokeResponse::Err(error) => Err(error.0),
        }
    }

    /// The text of the result, for what serde_json cannot hold as a value.
    pub(crate) fn text(self) -> String {
        match self.receive() {
            InvokeResponse::Ok(InvokeResponseBody::Json(json)) => json,
            _ => panic!("the result is not JSON"),
        }
    }

    /// The body of the result.
    pub(crate) fn body(self) -> InvokeResponseBody {
        match self.receive() {
            InvokeResponse::Ok(body) => body,
            InvokeResponse::Err(error) => panic!("{}", error.0),
        }
    }

    /// The items of a batch: `[index, seq, timestamp, event, source, subscriptions, payload, extras?]` for an event, and an
    /// object with its index for a gap or a request.
    pub(crate) fn rows(self) -> Value {
        rows(&self.wait().unwrap())
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.0.try_recv(), Err(mpsc::TryRecvError::Empty))
    }

    /// Whether the command was dropped without a result.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.0.try_recv(), Err(mpsc::TryRecvError::Disconnected))
    }

    fn receive(self) -> InvokeResponse {
        self.0.recv_timeout(PATIENCE).expect("no result")
    }
}

/// Reads a batch as docs/wire-protocol.md describes it.
pub(crate) fn rows(batch: &Value) -> Value {
    let (mut seq, mut micros) = (0, 0);
    let mut indexes = batch["first"].as_u64().unwrap()..;
    let mut rows = Vec::new();
    for item in batch["items"].as_array().unwrap() {
        let Some(run) = item.as_array() else {
            let mut other = item.clone();
            // Each part of a stream has an index of its own.
            let count = item["parts"].as_array().map_or(1, Vec::len);
            other["index"] = json!(indexes.nth(count - 1));
            rows.push(other);
            continue;
        };
        assert!(run.len() >= 4, "a run without an event: {item}");
        let head = &batch["heads"][run[0].as_u64().unwrap() as usize];
        let events = run[2..].chunks_exact(2);
        let extras = events.remainder();
        let mut step = run[1].as_i64().unwrap();
        for event in events {
            seq += step;
            step = 1;
            micros += event[0].as_i64().unwrap();
            let mut row = vec![
                json!(indexes.next()),
                json!(seq),
                json!(micros as f64 / 1000.0),
            ];
            row.extend(head.as_array().unwrap().iter().cloned());
            row.push(event[1].clone());
            row.extend(extras.iter().cloned());
            rows.push(Value::Array(row));
        }
    }
    Value::Array(rows)
}

/// Sends a command as a page of the app does.
pub(crate) fn invoke(
    webview: &WebviewWindow<MockRuntime>,
    command: &str,
    arguments: Value,
) -> Pending {
    invoke_from("tauri://localhost", webview, command, arguments)
}

/// Sends a command as a page of this origin does.
pub(crate) fn invoke_from(
    origin: &str,
    webview: &WebviewWindow<MockRuntime>,
    command: &str,
    arguments: Value,
) -> Pending {
    invoke_at(LOCAL, origin, webview, command, arguments)
}

/// The address of the app's own pages.
const LOCAL: &str = "tauri://localhost";

/// Sends a command as a page at this address does.
fn invoke_at(
    url: &str,
    origin: &str,
    webview: &WebviewWindow<MockRuntime>,
    command: &str,
    arguments: Value,
) -> Pending {
    // On requests over the IPC protocol, WebKit sets `Origin` and Tauri's script sets `Tauri-Callback`.
    let headers = [("Origin", origin), ("Tauri-Callback", "0")];
    invoke_with(url, webview, command, InvokeBody::Json(arguments), &headers)
}

/// Sends a command as a page does whose IPC fell back to postMessage.
pub(crate) fn invoke_by_message(
    webview: &WebviewWindow<MockRuntime>,
    command: &str,
    arguments: Value,
) -> Pending {
    invoke_with(LOCAL, webview, command, InvokeBody::Json(arguments), &[])
}

/// Sends a command with any body, over the IPC protocol or by postMessage.
pub(crate) fn invoke_body(
    webview: &WebviewWindow<MockRuntime>,
    command: &str,
    body: InvokeBody,
    is_fetched: bool,
) -> Pending {
    let headers = [("Origin", LOCAL), ("Tauri-Callback", "0")];
    let headers = if is_fetched { &headers[..] } else { &[] };
    invoke_with(LOCAL, webview, command, body, headers)
}

fn invoke_with(
    url: &str,
    webview: &WebviewWindow<MockRuntime>,
    command: &str,
    body: InvokeBody,
    headers: &[(&str, &str)],
) -> Pending {
    let (sender, receiver) = mpsc::channel();
    let request = InvokeRequest {
        cmd: format!("plugin:event-bus|{command}"),
        callback: CallbackFn(0),
        error: CallbackFn(1),
        url: url.parse().unwrap(),
        body,
        headers: headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<tauri::http::HeaderMap>(),
        invoke_key: INVOKE_KEY.to_string(),
    };
    let webview: &tauri::Webview<MockRuntime> = webview.as_ref();
    webview.clone().on_message(
        request,
        Box::new(move |_, _, response, _, _| {
            let _ = sender.send(response);
        }),
    );
    Pending(receiver)
}

/// A page with a session of its own.
pub(crate) struct Page {
    pub(crate) webview: WebviewWindow<MockRuntime>,
    pub(crate) session: String,
    pub(crate) origin: String,
    pub(crate) url: String,
    pub(crate) n: u64,
    pub(crate) ack: u64,
    newest_id: u32,
}

impl Page {
    pub(crate) fn open(app: &impl Manager<MockRuntime>, label: &str) -> Self {
        Self::load(open(app, label))
    }

    /// A new page in an existing webview.
    pub(crate) fn load(webview: WebviewWindow<MockRuntime>) -> Self {
        static NEWEST: AtomicU64 = AtomicU64::new(1);
        Self {
            webview,
            session: format!("{:032x}", NEWEST.fetch_add(1, Ordering::Relaxed)),
            origin: LOCAL.to_owned(),
            url: LOCAL.to_owned(),
            n: 0,
            ack: 0,
            newest_id: 0,
        }
    }

    /// Sends a command that changes state, with the next number.
    pub(crate) fn send(&mut self, command: &str, arguments: Value) -> Pending {
        self.n += 1;
        self.repeat(command, arguments)
    }

    /// Sends a command with the last number again.
    pub(crate) fn repeat(&self, command: &str, mut arguments: Value) -> Pending {
        arguments["session"] = json!(self.session);
        arguments["n"] = json!(self.n);
        invoke_at(&self.url, &self.origin, &self.webview, command, arguments)
    }

    pub(crate) fn call(&mut self, command: &str, arguments: Value) -> Result<Value, Value> {
        self.send(command, arguments).wait()
    }

    /// A new page at another URL in the webview of this page.
    pub(crate) fn navigate(self, url: &str) -> Self {
        let mut page = Self::load(self.webview);
        page.origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
        page.url = url.to_owned();
        page
    }

    /// Subscribes and returns the id of the subscription.
    pub(crate) fn listen(&mut self, pattern: &str) -> u32 {
        let result = self.try_listen(pattern);
        assert!(result["seq"].is_u64(), "{result}");
        self.newest_id
    }

    /// Subscribes and returns the result.
    pub(crate) fn try_listen(&mut self, pattern: &str) -> Value {
        self.newest_id += 1;
        let subscriptions = json!([{ "id": self.newest_id, "event": pattern }]);
        self.call("subscribe", json!({ "subscriptions": subscriptions }))
            .unwrap()[0]
            .take()
    }

    /// Starts a job and returns the result.
    pub(crate) fn start_job(&mut self, job: Value) -> Result<Value, Value> {
        self.call("start_job", json!({ "job": job }))
    }

    pub(crate) fn emit(&mut self, event: &str, payload: &str) -> Value {
        self.call(
            "emit",
            json!({ "events": [{ "event": event, "payload": payload }] }),
        )
        .unwrap()[0]
            .take()
    }

    pub(crate) fn emit_to(&mut self, to: Value, event: &str, payload: &str) -> Value {
        self.call(
            "emit_to",
            json!({ "events": [{ "event": event, "payload": payload, "to": to }] }),
        )
        .unwrap()[0]
            .take()
    }

    pub(crate) fn pull(&self) -> Pending {
        let arguments = json!({ "session": self.session, "ack": self.ack });
        invoke_at(&self.url, &self.origin, &self.webview, "pull", arguments)
    }

    /// Pulls and acknowledges. Returns `(event, payload)` of each event.
    pub(crate) fn receive(&mut self) -> Vec<(String, Value)> {
        let batch = self.pull().rows();
        let items = batch.as_array().unwrap();
        items
            .iter()
            .map(|item| {
                self.ack = item[0].as_u64().unwrap();
                (item[3].as_str().unwrap().to_owned(), item[6].clone())
            })
            .collect()
    }

    /// Receives until at least `count` events have arrived.
    pub(crate) fn receive_many(&mut self, count: usize) -> Vec<(String, Value)> {
        let mut received = Vec::new();
        while received.len() < count {
            received.extend(self.receive());
        }
        received
    }
}

/// The code of an error, or of an entry with an error.
#[track_caller]
pub(crate) fn code(error: &Value) -> &str {
    error["code"]
        .as_str()
        .or_else(|| error["error"]["code"].as_str())
        .unwrap_or_else(|| panic!("no error with a code: {error}"))
}

/// The message of an error, or of an entry with an error.
#[track_caller]
pub(crate) fn message(error: &Value) -> &str {
    error["message"]
        .as_str()
        .or_else(|| error["error"]["message"].as_str())
        .unwrap_or_else(|| panic!("no error with a message: {error}"))
}
