//! Asking a page, or Rust, and getting its answer.

use std::future::{IntoFuture, poll_fn};
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::async_runtime::{JoinHandle, block_on, spawn};
use tauri_plugin_event_bus::{
    Builder, Endpoint, Error, ErrorCode, EventBus, EventBusExt, Limits, ResponderResult, Target,
};

use crate::support::{Page, Pending, app, app_with, code, exit, invoke, message};

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

#[test]
fn rust_asks_a_page_and_gets_its_answer() {
    let app = app();
    let mut main = Page::open(&app, "main");
    assert_eq!(main.respond("confirm", true), json!({}));
    let asked = ask(&app.event_bus(), "main", "confirm");
    let question = main.question();
    assert_eq!(
        (&question["name"], &question["source"], &question["payload"]),
        (&json!("confirm"), &json!(0), &json!({ "n": 1 }))
    );
    assert_eq!(question["request"].as_str().unwrap().len(), 32);
    assert_eq!(main.answer(&question, "{\"yes\":true}"), json!({}));
    assert_eq!(asked.wait().unwrap(), json!({ "yes": true }));
}

#[test]
fn a_question_comes_after_what_was_emitted_before_it_and_before_what_came_after() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.listen("*");
    let own = bus.clone();
    let (sender, was_asked) = mpsc::channel();
    let asked = spawn(async move {
        let mut asked = own.request::<u8>("main", "q", ()).into_future();
        // A question is asked once it is polled.
        let polled = poll_fn(|context| Poll::Ready(asked.as_mut().poll(context))).await;
        sender.send(polled.is_pending()).unwrap();
        asked.await
    });
    assert!(was_asked.recv_timeout(PATIENCE).unwrap());
    bus.emit("x", 1).unwrap();
    // What has waited for its page comes once the page answers that name.
    main.respond("q", true);
    bus.emit("x", 2).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        for item in main.items() {
            if item.is_object() {
                main.answer(&item, "1");
            }
            seen.push(item.get(6).cloned());
        }
    }
    let place = seen.iter().position(Option::is_none).unwrap();
    let events: Vec<Value> = seen.into_iter().flatten().collect();
    assert_eq!(events, [json!(1), json!(2)]);
    assert_eq!(place, 1);
    assert_eq!(block_on(asked).unwrap(), Ok(1));
}

#[test]
fn a_page_asks_a_page_and_rust() {
    let app = app();
    let sum = async |numbers: Vec<i64>| Ok(numbers.iter().sum::<i64>());
    app.event_bus().respond("sum", sum).unwrap().forget();
    let mut main = Page::open(&app, "main");
    main.respond("confirm", true);
    let other = Page::open(&app, "other");
    let pending = other.ask(1, json!("main"), "confirm");
    let question = main.question();
    assert_eq!(question["source"], "other");
    assert_eq!(question["payload"], Value::Null);
    main.answer(&question, "\"yes\"");
    assert_eq!(pending.wait().unwrap(), "yes");
    let pending = other.ask_with(
        json!({ "id": 2, "to": { "kind": "host" }, "name": "sum", "payload": "[1,2,3]" }),
    );
    assert_eq!(pending.wait().unwrap(), 6);
    let window = json!({ "kind": "Window", "label": "main" });
    let pending = other.ask(3, window, "confirm");
    let question = main.question();
    main.answer(&question, "1");
    assert_eq!(pending.wait().unwrap(), 1);
}

#[test]
fn a_failure_has_its_name_and_message_and_a_stack_only_if_it_is_sent() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let asked = ask(&app.event_bus(), "main", "q");
    let question = main.question();
    let failure = json!({ "name": "TypeError", "message": "x is \u{202e}no function" });
    main.reply(json!({ "request": question["request"], "failure": failure }));
    let error = asked.error();
    assert_eq!(error.code(), ErrorCode::ResponderFailed);
    assert!(error.message().contains(r"TypeError: x is \u{202e}no"));
    let failure = error.failure().unwrap();
    assert_eq!(
        (&*failure.name, failure.stack.as_deref()),
        ("TypeError", None)
    );

    let other = Page::open(&app, "other");
    let pending = other.ask(1, json!("main"), "q");
    let question = main.question();
    let failure = json!({ "name": "E", "message": "m", "stack": "a\nb" });
    main.reply(json!({ "request": question["request"], "failure": failure }));
    let error = pending.wait().unwrap_err();
    assert_eq!(code(&error), "responder_failed");
    assert_eq!(error["failure"], failure);
}

#[test]
fn a_page_answers_only_what_it_was_asked_and_once() {
    let app = app();
    let mut main = Page::open(&app, "main");
    let mut thief = Page::open(&app, "other");
    main.respond("q", true);
    thief.respond("q", true);
    let asked = ask(&app.event_bus(), "main", "q");
    let question = main.question();
    for unknown in [
        question["request"].clone(),
        json!("0".repeat(32)),
        json!("x"),
    ] {
        let entry = json!({ "request": unknown, "payload": "\"stolen\"" });
        assert_eq!(code(&thief.reply(entry)), "unknown_request");
    }
    let entry = json!({ "request": question["request"], "payload": "1" });
    let arguments = json!({ "responses": [entry] });
    main.call("respond", arguments.clone()).unwrap();
    // The same command, as WebKit sends it once more, is answered alike; another one is late.
    let again = main.repeat("respond", arguments.clone()).wait();
    assert_eq!(again.unwrap(), json!([{}]));
    let late = main.call("respond", arguments).unwrap();
    assert_eq!(code(&late[0]), "unknown_request");
    assert_eq!(asked.wait().unwrap(), 1);
}

#[test]
fn an_answer_that_cannot_be_given_ends_the_question_on_both_sides() {
    let mut limits = Limits::default();
    limits.payload_bytes = 100;
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let text = |length: usize| format!("\"{}\"", "x".repeat(length - 2));
    for (payload, expected) in [
        (text(100), None),
        (text(101), Some("payload_too_large")),
        ("{".to_owned(), Some("invalid_payload")),
    ] {
        let asked = ask(&bus, "main", "q");
        let question = main.question();
        let answer = main.answer(&question, &payload);
        match expected {
            None => assert_eq!((answer, asked.wait().is_ok()), (json!({}), true)),
            Some(expected) => {
                assert_eq!(code(&answer), expected);
                assert_eq!(asked.error().code().as_str(), expected);
            }
        }
    }
    let long = bus.request::<Value>("main", "q", "x".repeat(99));
    let error = block_on(spawn(async move { long.await }))
        .unwrap()
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::PayloadTooLarge);
}

#[test]
fn an_answer_of_another_shape_is_told_with_its_path() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let request = app.event_bus().request::<Vec<Option<u8>>>("main", "q", ());
    let task = spawn(async move { request.await });
    let question = main.question();
    main.answer(&question, "[1,\"x\"]");
    let error = block_on(task).unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);
    #[cfg(feature = "typed")]
    assert!(error.message().contains("[1]"), "{error}");
}

#[test]
fn a_page_that_another_one_replaces_is_gone() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let asked = ask(&bus, "main", "q");
    main.question();
    let mut next = Page::load(main.webview.clone());
    next.respond("q", true);
    let error = asked.error();
    assert_eq!(error.code(), ErrorCode::PageGone);
    assert!(error.message().contains("\"main\""), "{error}");
    // The next page is asked only what comes from now on.
    let asked = ask(&bus, "main", "q");
    let question = next.question();
    next.answer(&question, "2");
    assert_eq!(asked.wait().unwrap(), 2);
}

#[test]
fn time_that_is_over_aborts_the_responder_and_refuses_its_answer() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let asked = ask_for(&app.event_bus(), "main", "q", Duration::from_millis(700));
    let question = main.question();
    let ended = main.question();
    assert_eq!(ended["ended"], question["request"]);
    assert_eq!(ended["code"], "timeout");
    assert_eq!(code(&main.answer(&question, "1")), "unknown_request");
    let error = asked.error();
    assert_eq!(error.code(), ErrorCode::Timeout);
    assert!(error.message().contains("700ms"), "{error}");
}

#[test]
fn whoever_gives_up_aborts_the_responder() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let asked = ask(&app.event_bus(), "main", "q");
    let question = main.question();
    asked.1.abort();
    let ended = main.question();
    assert_eq!(ended["ended"], question["request"]);
    assert_eq!(ended["code"], "cancelled");

    let other = Page::open(&app, "other");
    let pending = other.ask(7, json!("main"), "q");
    let question = main.question();
    other.give_up(&other.session, 7);
    assert_eq!(main.question()["ended"], question["request"]);
    assert_eq!(code(&pending.wait().unwrap_err()), "cancelled");

    let pending = other.ask(8, json!("main"), "q");
    let question = main.question();
    Page::load(other.webview.clone()).listen("x");
    assert_eq!(main.question()["ended"], question["request"]);
    assert_eq!(code(&pending.wait().unwrap_err()), "unavailable");
}

#[test]
fn a_copy_of_a_question_asks_nobody_twice() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let other = Page::open(&app, "other");
    let first = other.ask(1, json!("main"), "q");
    let question = main.question();
    let copy = other.ask(1, json!("main"), "q");
    let next = other.ask(2, json!("main"), "q");
    let second = main.question();
    assert_ne!(second["request"], question["request"]);
    main.answer(&second, "2");
    assert_eq!(next.wait().unwrap(), 2);
    main.answer(&question, "1");
    assert_eq!(first.wait().unwrap(), 1);
    match copy.wait() {
        Ok(answer) => assert_eq!(answer, 1),
        // It came after the answer.
        Err(error) => assert_eq!(code(&error), "invalid_argument"),
    }
    // One that was given up before it came is not asked either.
    other.give_up(&other.session, 3);
    for id in [1, 3] {
        let late = other.ask(id, json!("main"), "q").wait().unwrap_err();
        assert_eq!(code(&late), "invalid_argument");
    }
}

#[test]
fn a_page_that_starts_is_waited_for() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    let asked = ask(&bus, "main", "q");
    main.respond("other", true);
    main.respond("q", true);
    let question = main.question();
    main.answer(&question, "1");
    assert_eq!(asked.wait().unwrap(), 1);
    let error = ask(&bus, Target::host(), "nobody").error();
    assert_eq!(error.code(), ErrorCode::NoResponder);
    assert!(error.message().contains("\"nobody\""), "{error}");
}

#[test]
fn a_name_has_one_responder() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    assert_eq!(code(&main.respond("q", true)), "duplicate_responder");
    main.respond("q", false);
    assert_eq!(main.respond("q", true), json!({}));

    let answer = async |()| Ok(1);
    let first = bus.respond("q", answer).unwrap();
    let error = bus.respond("q", answer).unwrap_err();
    assert_eq!(error.code(), ErrorCode::DuplicateResponder);
    assert!(error.message().contains("requests.rs:"), "{error}");
    drop(first);
    bus.respond("q", answer).unwrap().forget();
    assert!(bus.respond("q", answer).is_err());
}

#[test]
fn a_page_that_has_stopped_answering_still_answers_what_it_was_given() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    main.listen("x");
    let asked = ask(&app.event_bus(), "main", "q");
    let question = main.question();
    main.respond("q", false);
    main.answer(&question, "1");
    assert_eq!(asked.wait().unwrap(), 1);
    main.respond("q", true);
    let asked = ask(&app.event_bus(), "main", "q");
    let question = main.question();
    main.reply(json!({ "request": question["request"], "declined": true }));
    assert_eq!(asked.error().code(), ErrorCode::NoResponder);
}

#[test]
fn on_the_main_thread_a_page_is_not_waited_for() {
    let app = app();
    let bus = app.event_bus();
    let _main = Page::open(&app, "main");
    let asked = block_on(bus.request::<Value>("main", "q", ()).into_future());
    assert_eq!(asked.unwrap_err().code(), ErrorCode::WouldBlock);
    let asked = block_on(bus.request_all::<Value>("*", "q", ()).into_future());
    assert_eq!(asked.unwrap_err().code(), ErrorCode::WouldBlock);
    // Rust answers on its own threads.
    let answer = async |()| Ok(1);
    bus.respond("q", answer).unwrap().forget();
    let asked = block_on(bus.request::<u8>(Target::host(), "q", ()).into_future());
    assert_eq!(asked, Ok(1));
}

#[test]
fn several_pages_are_asked_at_once() {
    let app = app();
    let bus = app.event_bus();
    let mut one = Page::open(&app, "editor-1");
    let mut two = Page::open(&app, "editor-2");
    one.respond("q", true);
    two.respond("q", true);
    let task = spawn(async move { bus.request_all::<u8>("editor-*", "q", ()).await });
    let question = two.question();
    two.answer(&question, "2");
    let question = one.question();
    one.answer(&question, "\"x\"");
    let answers = block_on(task).unwrap().unwrap();
    let labels: Vec<&str> = answers.iter().map(|(label, _)| &**label).collect();
    assert_eq!(labels, ["editor-1", "editor-2"]);
    let error = answers[0].1.as_ref().unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);
    assert_eq!(answers[1].1, Ok(2));
}

#[test]
fn what_cannot_be_asked_is_refused_with_what_would_be_right() {
    use ErrorCode::{InvalidArgument, InvalidEventName, ReservedEventName, UnknownTarget};
    let app = app();
    let bus = app.event_bus();
    let _main = Page::open(&app, "main");
    let main = || Target::from("main");
    for (to, name, millis, expected, part) in [
        (Target::from("nowhere"), "q", 1000, UnknownTarget, "nowhere"),
        (
            Target::from("m*"),
            "q",
            1000,
            InvalidArgument,
            "request_all",
        ),
        (
            Target::from(["main", "x"]),
            "q",
            1000,
            InvalidArgument,
            "request_all",
        ),
        (
            Target::everyone(),
            "q",
            1000,
            InvalidArgument,
            "request_all",
        ),
        (main(), "a b", 1000, InvalidEventName, "a b"),
        (main(), "tauri://x", 1000, ReservedEventName, "tauri://"),
        (main(), "q", 0, InvalidArgument, "at least 1 ms"),
        (main(), "q", 86_400_001, InvalidArgument, "24 hours"),
    ] {
        let error = ask_for(&bus, to, name, Duration::from_millis(millis)).error();
        assert_eq!(error.code(), expected, "{error}");
        assert!(error.message().contains(part), "{error}");
    }
}

#[test]
fn a_page_waits_for_so_many_answers_and_a_page_is_asked_so_much() {
    let mut limits = Limits::default();
    limits.requests_per_caller = 2;
    limits.requests_per_page = 3;
    limits.responders_per_page = 2;
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    main.respond("r", true);
    let refused = main.respond("s", true);
    assert_eq!(code(&refused), "queue_full");
    assert!(message(&refused).contains("respondersPerPage"));
    let other = Page::open(&app, "other");
    let mut open = Vec::new();
    for id in 1..=2 {
        open.push(other.ask(id, json!("main"), "q"));
        main.question();
    }
    let refused = other.ask(3, json!("main"), "q").wait().unwrap_err();
    assert_eq!(code(&refused), "queue_full");
    assert!(message(&refused).contains("requestsPerCaller"));
    let third = ask(&bus, "main", "q");
    let question = main.question();
    let error = ask(&bus, "main", "q").error();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("requestsPerPage"), "{error}");
    main.answer(&question, "1");
    assert_eq!(third.wait().unwrap(), 1);
    let _fourth = ask(&bus, "main", "q");
    assert_eq!(main.question()["name"], "q");
}

#[test]
fn responders_in_rust_fail_panic_block_and_are_given_up() {
    let app = app();
    let bus = app.event_bus();
    bus.respond("fails", async |()| Err::<(), _>("no".into()))
        .unwrap()
        .forget();
    let panics = async |()| -> ResponderResult<u8> { panic!("oh") };
    bus.respond("panics", panics).unwrap().forget();
    bus.respond_blocking("blocks", |(), _| Ok(5))
        .unwrap()
        .forget();
    let panics = |(), _| -> ResponderResult<u8> { panic!("oh") };
    bus.respond_blocking("blocks:panics", panics)
        .unwrap()
        .forget();
    let ask = |name: &str| {
        let asked = bus.request::<u8>(Target::host(), name, ());
        let answer = block_on(asked.into_future());
        answer.map_err(|error| (error.code(), error.message().to_owned()))
    };
    let (code, text) = ask("fails").unwrap_err();
    assert_eq!(code, ErrorCode::ResponderFailed);
    assert!(text.ends_with("failed: Error: no"), "{text}");
    let (code, text) = ask("panics").unwrap_err();
    assert_eq!(code, ErrorCode::ResponderFailed);
    assert!(text.contains("oh"), "{text}");
    assert_eq!(ask("blocks"), Ok(5));
    let (code, _) = ask("blocks:panics").unwrap_err();
    assert_eq!(code, ErrorCode::ResponderFailed);
    let refused = bus.request::<u8>(Target::host(), "blocks", "no unit");
    let error = block_on(refused.into_future()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);

    // Its future is dropped when nobody waits any more.
    let (guard, dropped) = mpsc::channel::<()>();
    let guard = std::sync::Mutex::new(Some(guard));
    let hangs = move |(), context: tauri_plugin_event_bus::RequestContext| {
        let guard = guard.lock().unwrap().take();
        assert_eq!(*context.source(), Endpoint::Host);
        async move {
            let _guard = guard;
            std::future::pending::<ResponderResult<u8>>().await
        }
    };
    bus.respond_with("hangs", hangs).unwrap().forget();
    let request = bus.request::<u8>(Target::host(), "hangs", ());
    let request = request.timeout(Duration::from_millis(50));
    let error = block_on(request.into_future()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Timeout);
    let ended = dropped.recv_timeout(PATIENCE);
    assert_eq!(ended, Err(mpsc::RecvTimeoutError::Disconnected));
}

#[test]
fn a_page_asks_only_what_its_capability_lists() {
    let app = app();
    let bus = app.event_bus();
    let answer = async |_: Value| Ok(1);
    bus.respond("sum", answer).unwrap().forget();
    bus.respond("confirm", answer).unwrap().forget();
    let mut main = Page::open(&app, "main");
    main.respond("confirm", true);
    let _secret = Page::open(&app, "editor-secret");
    let caller = Page::open(&app, "caller");
    let host = || json!({ "kind": "host" });
    let denied = [
        ("confirm", json!("other")),
        ("confirm", json!("editor-secret")),
        ("confirm", json!("nowhere")),
        ("confirm", host()),
        ("sum", json!("main")),
        ("everyone", json!("main")),
        ("everyone", host()),
        ("another", json!("main")),
    ];
    for (id, (event, to)) in (1..).zip(denied) {
        let error = caller.ask(id, to.clone(), event).wait().unwrap_err();
        assert_eq!(code(&error), "denied", "{event} {to}");
        let text = message(&error);
        assert!(
            text.contains("may not send the request") && text.contains(event),
            "{text}"
        );
        assert!(text.contains("event-bus:allow-request"), "{text}");
    }
    assert_eq!(caller.ask(20, host(), "sum").wait().unwrap(), 1);
    let pending = caller.ask(21, json!("main"), "confirm");
    let question = main.question();
    main.answer(&question, "2");
    assert_eq!(pending.wait().unwrap(), 2);
    // Of the windows that there are it is told those that it may ask.
    let unknown = caller.ask(22, json!("editor-9"), "confirm").wait();
    let unknown = unknown.unwrap_err();
    assert_eq!(code(&unknown), "unknown_target");
    assert_eq!(
        message(&unknown),
        "no webview has the label \"editor-9\"; there are \"main\""
    );
}

#[test]
fn the_session_of_another_page_gives_up_nothing() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let other = Page::open(&app, "other");
    let pending = other.ask(1, json!("main"), "q");
    let question = main.question();
    let thief = Page::open(&app, "editor-1");
    thief.give_up(&other.session, 1);
    assert!(pending.is_open());
    main.answer(&question, "1");
    assert_eq!(pending.wait().unwrap(), 1);
}

#[cfg(feature = "typed")]
mod typed {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use tauri_plugin_event_bus::{CatalogMode, Request};

    use super::*;

    /// Asks for a choice.
    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Choose {
        most_at_once: u8,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    struct Choice {
        names: Vec<String>,
    }

    impl Request for Choose {
        const NAME: &'static str = "choose";
        type Response = Choice;
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Another;

    impl Request for Another {
        const NAME: &'static str = "choose";
        type Response = ();
    }

    #[test]
    fn questions_and_answers_of_pages_have_the_shapes_that_are_declared() {
        let builder = Builder::new()
            .request::<Choose>()
            .catalog_mode(CatalogMode::Strict);
        let app = app_with(builder);
        let bus = app.event_bus();
        let mut main = Page::open(&app, "main");
        assert_eq!(code(&main.respond("other", true)), "invalid_event_name");
        main.respond("choose", true);
        let other = Page::open(&app, "other");
        let wrong =
            json!({ "id": 1, "to": "main", "name": "choose", "payload": "{\"mostAtOnce\":300}" });
        let error = other.ask_with(wrong).wait().unwrap_err();
        assert_eq!(code(&error), "invalid_payload");
        assert!(message(&error).contains("mostAtOnce"), "{error}");
        let error = other.ask(2, json!("main"), "other").wait().unwrap_err();
        assert_eq!(code(&error), "invalid_event_name");

        let asked = Choose { most_at_once: 2 }.ask(&bus, "main");
        let task = spawn(async move { asked.await });
        let question = main.question();
        assert_eq!(question["payload"], json!({ "mostAtOnce": 2 }));
        let refused = main.answer(&question, "{\"names\":[1]}");
        assert_eq!(code(&refused), "invalid_payload");
        assert!(message(&refused).contains("names[0]"), "{refused}");
        let error = block_on(task).unwrap().unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidPayload);

        let answer = async |question: Choose| {
            let names = vec!["x".to_owned(); usize::from(question.most_at_once)];
            Ok(Choice { names })
        };
        bus.respond_to(answer).unwrap().forget();
        let asked = Choose { most_at_once: 1 }.ask(&bus, Target::host());
        let answer = block_on(asked.into_future()).unwrap();
        assert_eq!(answer.names, ["x"]);
    }

    #[test]
    fn questions_are_declared_once_and_generated() {
        let twice = Builder::new().request::<Choose>().request::<Another>();
        let error = twice.catalog().unwrap_err();
        assert!(error.message().contains("\"choose\""), "{error}");
        let catalog = Builder::new().request::<Choose>().catalog().unwrap();
        let text = catalog.typescript();
        let expected = "  interface RequestMap {\n    /** Asks for a choice. */\n    'choose': { request: Choose; response: Choice }\n  }\n}\n";
        assert!(text.ends_with(expected), "{text}");
        assert!(text.contains("export interface Choice {\n  names: string[]\n}"));
        let document = serde_json::to_value(&catalog).unwrap();
        assert_eq!(document["requests"][0]["name"], "choose");
        assert!(catalog.markdown().contains("## `choose`"));
    }
}

#[test]
fn malformed_questions_and_answers_are_refused() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let mut id = 0;
    for (key, value, expected) in [
        ("name", json!("a b"), "invalid_event_name"),
        ("name", json!("event-bus:x"), "reserved_event_name"),
        ("payload", json!("{"), "invalid_payload"),
        ("payload", json!(1), "invalid_argument"),
        ("timeoutMs", json!(0), "invalid_argument"),
        ("timeoutMs", json!(-1), "invalid_argument"),
        ("timeoutMs", json!(1e300), "invalid_argument"),
        ("to", json!("*"), "invalid_argument"),
        ("to", json!([]), "invalid_argument"),
        ("to", json!({ "kind": "Any" }), "invalid_argument"),
    ] {
        id += 1;
        let mut arguments = json!({ "id": id, "name": "q", "to": "main" });
        arguments[key] = value.clone();
        let error = main.ask_with(arguments).wait().unwrap_err();
        assert_eq!(code(&error), expected, "{key} {value}");
    }
    let bad = main.reply(json!({ "request": "x", "source": "other" }));
    assert_eq!(code(&bad), "invalid_argument");
    let refused = main.respond("event-bus:x", true);
    assert_eq!(code(&refused), "reserved_event_name");
}

#[test]
fn an_app_that_exits_answers_nobody() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    let asked = ask(&app.event_bus(), "main", "q");
    main.question();
    exit(app);
    let code = asked.error().code();
    assert!(
        matches!(code, ErrorCode::PageGone | ErrorCode::Unavailable),
        "{code}"
    );
}

#[test]
fn what_follows_from_a_question_carries_the_chain() {
    let app = app();
    let bus = app.event_bus();
    let mut main = Page::open(&app, "main");
    main.respond("q", true);
    main.listen("done");
    // An event that Rust hears, a question that it asks for it, and what the responder emits.
    let (own, inner) = (bus.clone(), bus.clone());
    bus.listen("start", move |_| {
        let asked = own.request::<u8>(Target::host(), "outer", ());
        spawn(async move { asked.await });
    })
    .unwrap()
    .forget();
    bus.respond("outer", move |()| {
        let bus = inner.clone();
        async move {
            let answer: u8 = bus.request("main", "q", ()).await?;
            bus.emit("done", answer)?;
            Ok(answer)
        }
    })
    .unwrap()
    .forget();
    bus.emit("start", ()).unwrap();
    let question = main.question();
    assert_eq!(question["causes"], json!(["start", "outer"]));
    main.answer(&question, "7");
    let batch = main.pull().rows();
    let extras = &batch[0][7];
    assert_eq!(extras["causes"], json!(["start", "outer"]));

    // A blocking responder's, too.
    let (sender, heard) = mpsc::channel();
    bus.listen("read", move |event| {
        let causes: Vec<String> = event.causes().map(str::to_owned).collect();
        sender.send(causes).unwrap();
    })
    .unwrap()
    .forget();
    let own = bus.clone();
    bus.respond_blocking("blocks", move |(), _| Ok(own.emit("read", ())?.seq))
        .unwrap()
        .forget();
    let other = Page::open(&app, "other");
    let asked = other.ask_with(
        json!({ "id": 1, "to": { "kind": "host" }, "name": "blocks", "causes": ["click"] }),
    );
    asked.wait().unwrap();
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), ["click", "blocks"]);
}

#[test]
fn questions_that_cause_each_other_come_to_an_end() {
    let app = app();
    let bus = app.event_bus();
    let (sender, ends) = mpsc::channel();
    let own = bus.clone();
    bus.respond("ping", move |depth: u8| {
        let (bus, sender) = (own.clone(), sender.clone());
        async move {
            let again = bus.request::<u8>(Target::host(), "ping", depth + 1).await;
            if let Err(error) = &again
                && error.code() == ErrorCode::EventLoop
            {
                sender.send((depth, error.message().to_owned())).unwrap();
            }
            Ok(again.map_err(|error| error.to_string())?)
        }
    })
    .unwrap()
    .forget();
    let asked = bus.request::<u8>(Target::host(), "ping", 0);
    let error = block_on(asked.into_future()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::ResponderFailed);
    let (depth, text) = ends.recv_timeout(PATIENCE).unwrap();
    // Sixteen causes pass, and the seventeenth does not.
    assert_eq!(depth, 16);
    assert!(
        text.contains("ping → ping") && text.contains("16"),
        "{text}"
    );
}

#[test]
fn calls_of_a_responder_that_blocks_count_until_they_return() {
    let mut limits = tauri_plugin_event_bus::Limits::default();
    limits.requests_per_page = 2;
    let app = app_with(Builder::new().limits(limits));
    let bus = app.event_bus();
    let (called, calls) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    bus.respond_blocking("slow", move |(), _| {
        called.send(()).unwrap();
        told.lock().unwrap().recv().unwrap();
        Ok(1)
    })
    .unwrap()
    .forget();
    let ask = || {
        let asked = bus.request::<u8>(Target::host(), "slow", ());
        let asked = asked.timeout(std::time::Duration::from_millis(20));
        block_on(asked.into_future()).map_err(|error| error.code())
    };
    // Both end, and their functions are at it still.
    for _ in 0..2 {
        assert_eq!(ask(), Err(ErrorCode::Timeout));
        calls.recv_timeout(PATIENCE).unwrap();
    }
    assert_eq!(ask(), Err(ErrorCode::QueueFull));
    assert!(calls.try_recv().is_err());
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    go_on.send(()).unwrap();
    // Their places are free again.
    while ask() == Err(ErrorCode::QueueFull) {}
}
