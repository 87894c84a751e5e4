mod refused;

use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use tauri::http::HeaderMap;
use tauri::ipc::{CallbackFn, CapabilityBuilder, InvokeBody, InvokeResponse};
use tauri::test::{INVOKE_KEY, MockRuntime, mock_builder};
use tauri::webview::InvokeRequest;
use tauri::{App, AppHandle, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use super::state::{Inspector, TOKEN_HEADER};
use crate::api::bus::{EventBus, EventBusExt};
use crate::api::options::EmitOptions;
use crate::model::error::ErrorCode;
use crate::model::tap::filter::TapFilter;
use crate::shell::hidden::INSPECTOR;
use crate::shell::plugin::Builder;

/// How long a test waits for a result. Only a failing test waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

const OWN: &str = "event-bus-inspector://localhost";

struct Opened {
    app: AppHandle<MockRuntime>,
    window: WebviewWindow<MockRuntime>,
    bus: EventBus,
}

fn app(builder: Builder) -> App<MockRuntime> {
    let builder = mock_builder().plugin(builder.build());
    builder.build(fixture::context()).unwrap()
}

fn window(app: &impl Manager<MockRuntime>, label: &str) -> WebviewWindow<MockRuntime> {
    let built = WebviewWindowBuilder::new(app, label, WebviewUrl::default());
    built.build().unwrap()
}

/// An app whose inspector is open, and the app itself, which ends when it is dropped.
fn opened(builder: Builder) -> (App<MockRuntime>, Opened) {
    let app = app(builder);
    let bus = app.event_bus();
    bus.open_inspector().unwrap();
    let window = loop {
        match app.get_webview_window(INSPECTOR) {
            Some(window) => break window,
            None => std::thread::yield_now(),
        }
    };
    let handle = app.handle().clone();
    let opened = Opened {
        app: handle,
        window,
        bus,
    };
    (app, opened)
}

/// Sends a command with these headers, and awaits its reply.
fn send(
    window: &WebviewWindow<MockRuntime>,
    command: &str,
    body: InvokeBody,
    headers: &[(&str, &str)],
) -> Result<Value, Value> {
    let text = send_text(window, command, body, headers)?;
    Ok(serde_json::from_str(&text).unwrap())
}

fn send_text(
    window: &WebviewWindow<MockRuntime>,
    command: &str,
    body: InvokeBody,
    headers: &[(&str, &str)],
) -> Result<String, Value> {
    let (sender, receiver) = mpsc::channel();
    let headers = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let request = InvokeRequest {
        cmd: format!("plugin:event-bus|{command}"),
        callback: CallbackFn(0),
        error: CallbackFn(1),
        url: "event-bus-inspector://localhost/".parse().unwrap(),
        body,
        headers: headers.collect::<HeaderMap>(),
        invoke_key: INVOKE_KEY.to_owned(),
    };
    let webview: &tauri::Webview<MockRuntime> = window.as_ref();
    let respond = move |_, _, response, _, _| {
        let _ = sender.send(response);
    };
    webview.clone().on_message(request, Box::new(respond));
    match receiver.recv_timeout(PATIENCE).expect("no result") {
        InvokeResponse::Ok(body) => Ok(match body {
            tauri::ipc::InvokeResponseBody::Json(json) => json,
            tauri::ipc::InvokeResponseBody::Raw(bytes) => String::from_utf8(bytes).unwrap(),
        }),
        InvokeResponse::Err(error) => Err(error.0),
    }
}

impl Opened {
    fn token(&self) -> String {
        self.app.state::<Arc<Inspector>>().token()
    }

    /// Sends a command as the inspector's page does.
    fn send_body(&self, command: &str, body: InvokeBody) -> Result<String, Value> {
        let token = self.token();
        let headers = [("Origin", OWN), (TOKEN_HEADER, token.as_str())];
        send_text(&self.window, command, body, &headers)
    }

    fn call(&self, command: &str, arguments: Value) -> Result<Value, Value> {
        let text = self.send_body(command, InvokeBody::Json(arguments))?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    fn act(&self, act: Value) -> Result<Value, Value> {
        self.call("inspector_act", json!({ "act": act }))
    }

    fn state(&self) -> Value {
        let mut state = self
            .call("inspector_state", json!({ "retained": true }))
            .unwrap();
        // Its records are lines, which the page reads without rounding numbers.
        for record in state["retained"].as_array_mut().unwrap() {
            *record = serde_json::from_str(record.as_str().unwrap()).unwrap();
        }
        state
    }

    /// The number and the records of the text after this one.
    fn records(&self, tap: &str, after: u64) -> Result<(u64, Vec<Value>), Value> {
        let arguments = InvokeBody::Json(json!({ "tap": tap, "after": after }));
        let text = self.send_body("inspector_records", arguments)?;
        let mut lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let head: Value = lines.next().unwrap();
        Ok((head["number"].as_u64().unwrap(), lines.collect()))
    }

    /// Begins a tap, which then sees what comes. Returns the number before its first text.
    fn begin(&self, tap: &str) -> u64 {
        let (number, records) = self.records(tap, 0).unwrap();
        assert!(records.is_empty(), "{records:?}");
        number
    }

    /// The records of these names, until there are so many.
    fn records_of(&self, tap: &str, after: &mut u64, name: &str, count: usize) -> Vec<Value> {
        let mut own = Vec::new();
        while own.len() < count {
            let (number, records) = self.records(tap, *after).unwrap();
            *after = number;
            own.extend(records.into_iter().filter(|one| one["name"] == name));
        }
        own
    }
}

fn code(error: &Value) -> &str {
    error["code"]
        .as_str()
        .unwrap_or_else(|| panic!("no code: {error}"))
}

fn grant(app: &impl Manager<MockRuntime>, label: &str, permissions: &[&str]) {
    let capability = CapabilityBuilder::new(format!("granted-{label}")).webview(label);
    let capability = permissions
        .iter()
        .fold(capability, |own, permission| own.permission(*permission));
    app.add_capability(capability).unwrap();
}

#[test]
fn a_page_with_the_permission_opens_it() {
    let app = app(Builder::new());
    let main = window(&app, "main");
    let open = || send(&main, "open_inspector", InvokeBody::Json(json!({})), &[]);
    let error = open().unwrap_err();
    assert!(error.as_str().unwrap().contains("not allowed"), "{error}");
    grant(&app, "main", &["event-bus:allow-open-inspector"]);
    assert_eq!(open(), Ok(Value::Null));
    while app.get_webview_window(INSPECTOR).is_none() {
        std::thread::yield_now();
    }
    assert_eq!(open(), Ok(Value::Null), "it gets the focus");
}

#[test]
fn the_bus_knows_nothing_of_it() {
    let (_app, opened) = opened(Builder::new());
    let mut tap = opened.bus.tap(TapFilter::new()).unwrap();
    let state = opened.state();
    assert_eq!(state["inspection"]["webviews"], json!([]));
    assert_eq!(state["pages"], json!([]));
    opened
        .act(json!({ "kind": "clearRetained", "event": "x" }))
        .unwrap();
    assert!(tap.try_recv().is_none(), "its commands are in no tap");
    let receipt = opened.bus.emit("cart", 1).unwrap();
    assert_eq!(receipt.pages, 0);
    let record = tap.try_recv().unwrap().to_json();
    let record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(
        (&record["routes"], &record["keptFor"]),
        (&json!([]), &Value::Null)
    );
    let error = opened.bus.emit_to(INSPECTOR, "cart", 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownTarget);
    let to_all = opened.bus.emit_to("*", "cart", 1);
    assert_eq!(to_all.map(|receipt| receipt.pages), Ok(0));
    assert!(opened.bus.inspect().webviews.is_empty());
    assert!(opened.bus.pages().is_empty());
}

#[test]
fn a_repeated_command_gets_the_same_text() {
    let (_app, opened) = opened(Builder::new());
    let mut number = opened.begin("a");
    opened.bus.emit("cart", json!({ "n": 1 })).unwrap();
    let own = opened.records_of("a", &mut number, "cart", 1);
    assert_eq!(own[0]["payload"], json!({ "n": 1 }));
    let again = opened.records("a", number - 1).unwrap();
    assert_eq!(again.0, number);
    assert!(again.1.iter().any(|record| record["name"] == "cart"));
    let error = opened.records("a", number + 7).unwrap_err();
    assert_eq!(code(&error), "invalid_argument");
    let error = opened.records("b", 3).unwrap_err();
    assert_eq!(code(&error), "invalid_argument", "there is no such tap");
    opened.begin("b");
    assert!(opened.records("a", number).is_err(), "its tap has ended");
}

#[test]
fn its_tap_ends_with_its_window() {
    let (_app, opened) = opened(Builder::new());
    opened.begin("a");
    let core = &opened.bus.runtime().core;
    assert!(core.is_tapped());
    super::close(&opened.app);
    while core.is_tapped() {
        std::thread::yield_now();
    }
}

#[test]
fn it_emits_and_requests_by_hand() {
    let (_app, opened) = opened(Builder::new());
    let mut number = opened.begin("a");
    let emit = json!({ "kind": "emit", "event": "cart", "payload": "{\"n\":1e400}" });
    let error = opened.act(emit).unwrap_err();
    assert_eq!(code(&error), "invalid_payload");
    let emit = json!({ "kind": "emit", "event": "cart", "payload": "{\"n\":12345678901234567}", "retain": true });
    assert!(opened.act(emit).unwrap()["seq"].is_u64());
    let own = opened.records_of("a", &mut number, "cart", 1);
    let expected = (
        &json!({ "kind": "host" }),
        &json!("inspector"),
        &json!(true),
    );
    assert_eq!(
        (&own[0]["source"], &own[0]["component"], &own[0]["retained"]),
        expected
    );
    let state = opened.state();
    assert_eq!(state["retained"][0]["payload"]["n"], 12345678901234567_u64);
    assert_eq!(
        opened.act(json!({ "kind": "clearRetained", "event": "cart" })),
        Ok(json!(1))
    );
    assert_eq!(opened.state()["retained"], json!([]));

    let respond = |n: u32| async move { Ok(n + 1) };
    opened.bus.respond("next", respond).unwrap().forget();
    let request = json!({ "kind": "request", "name": "next", "payload": "4" });
    assert_eq!(opened.act(request).unwrap()["payload"], 5);
    let request = json!({ "kind": "request", "name": "none", "payload": "4" });
    assert_eq!(
        opened.act(request).unwrap()["error"]["code"],
        "no_responder"
    );
}

#[test]
fn what_is_redacted_is_redacted_here() {
    let (_app, opened) = opened(Builder::new().redact("user*", "/token"));
    let user = json!({ "name": "ada", "token": "secret" });
    let retain = EmitOptions::new().retain(true);
    opened.bus.emit_with("user", &user, retain).unwrap();
    let state = opened.state();
    assert_eq!(state["retained"][0]["redacted"], true);
    assert!(!state.to_string().contains("secret"), "{state}");
    let respond = move |(): ()| {
        let user = user.clone();
        async move { Ok(user) }
    };
    opened.bus.respond("user-of", respond).unwrap().forget();
    let request = json!({ "kind": "request", "name": "user-of" });
    let response = opened.act(request).unwrap();
    assert_eq!(response["payload"]["name"], "ada");
    assert!(!response.to_string().contains("secret"), "{response}");
    let fail = |(): ()| async { Err::<(), _>("the token secret is wrong".into()) };
    opened.bus.respond("user-check", fail).unwrap().forget();
    let request = json!({ "kind": "request", "name": "user-check" });
    let response = opened.act(request).unwrap();
    assert_eq!(response["error"]["code"], "responder_failed");
    assert!(!response.to_string().contains("secret"), "{response}");
}

#[test]
fn it_pauses_resumes_and_runs_jobs() {
    let (_app, opened) = opened(Builder::new());
    let hour = Duration::from_secs(3_600);
    let job = opened.bus.periodic("clock").every(hour).id("clock");
    let job = job.start().unwrap();
    let act = |kind: &str| {
        opened.act(json!({ "kind": kind, "owner": { "kind": "host" }, "id": "clock" }))
    };
    assert_eq!(act("runJob"), Ok(Value::Null));
    assert_eq!(job.info().ticks, 1);
    assert_eq!(act("pauseJob"), Ok(Value::Null));
    assert_eq!(opened.state()["inspection"]["jobs"][0]["state"], "paused");
    assert_eq!(code(&act("runJob").unwrap_err()), "invalid_argument");
    assert_eq!(act("resumeJob"), Ok(Value::Null));
    job.stop();
    assert_eq!(code(&act("runJob").unwrap_err()), "unknown_job");
}

#[test]
fn requests_in_flight_are_listed_until_they_end() {
    let (_app, opened) = opened(Builder::new());
    let (end, ends) = tokio::sync::oneshot::channel::<()>();
    let ends = std::sync::Mutex::new(Some(ends));
    let respond = move |(): ()| {
        let ends = ends.lock().unwrap().take();
        async move {
            if let Some(ends) = ends {
                let _ = ends.await;
            }
            Ok(1)
        }
    };
    opened.bus.respond("slow", respond).unwrap().forget();
    std::thread::scope(|scope| {
        let request = json!({ "kind": "request", "name": "slow" });
        let requested = scope.spawn(|| opened.act(request).unwrap());
        let listed = loop {
            let state = opened.state();
            if state["requestCount"] == 1 {
                break state["requests"][0].clone();
            }
            std::thread::yield_now();
        };
        assert_eq!(
            (&listed["name"], &listed["isStream"]),
            (&json!("slow"), &json!(false))
        );
        assert!(
            listed["ageMs"].is_u64() && listed["dueInMs"].is_u64(),
            "{listed}"
        );
        end.send(()).unwrap();
        assert_eq!(requested.join().unwrap()["payload"], 1);
    });
    assert_eq!(opened.state()["requestCount"], 0);
}

#[test]
fn an_export_is_a_recording_or_refused() {
    let (_app, opened) = opened(Builder::new());
    let export = |text: &str| {
        let body = InvokeBody::Raw(text.as_bytes().to_vec());
        let reply = opened.send_body("inspector_export", body)?;
        Ok::<Value, Value>(serde_json::from_str(&reply).unwrap())
    };
    let error = export("#!/bin/sh\n").unwrap_err();
    assert_eq!(code(&error), "invalid_argument");
    assert!(
        error["message"].as_str().unwrap().contains("line 1"),
        "{error}"
    );
    let head = json!({ "format": "tauri-plugin-event-bus", "version": 1, "startedAt": 1.5 });
    let lost = json!({ "at": 2, "kind": "lost", "count": 3 });
    let text = format!("{head}\n{lost}\n");
    let exported = export(&text).unwrap();
    assert_eq!(exported["records"], 1);
    let path = exported["path"].as_str().unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    std::fs::remove_file(path).unwrap();
}
