//! Replays of recordings: what is played, and what is compared.

use std::future::IntoFuture;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::tap::Recording;
use tauri_plugin_event_bus::test::{DifferenceKind, Replay, ReplayOptions, TestBus};
use tauri_plugin_event_bus::{ErrorCode, EventBus, EventBusExt, HOST};

/// A recording of these lines.
fn recording_of(lines: &[String]) -> Recording {
    let head = r#"{"format":"tauri-plugin-event-bus","version":1,"startedAt":0}"#;
    Recording::parse(&format!("{head}\n{}\n", lines.join("\n"))).unwrap()
}

/// What a recorder would have written.
fn written(bus: &TestBus) -> Recording {
    let lines = bus.records().into_iter().map(|record| record.to_json());
    recording_of(&lines.collect::<Vec<_>>())
}

fn replayed(code: impl Fn(&EventBus), recording: &Recording) -> Replay {
    let bus = TestBus::new();
    code(&bus.event_bus());
    bus.replay(recording, &ReplayOptions::new()).unwrap()
}

#[test]
fn ticks_are_not_compared() {
    let code = |bus: &EventBus| {
        let every = bus.periodic("clock").every(Duration::from_secs(1));
        every.start().unwrap().forget();
    };
    let recorded = {
        let bus = TestBus::new();
        let clock = bus.clock();
        code(&bus.event_bus());
        clock.advance(Duration::from_secs(5));
        assert_eq!(bus.history("clock").len(), 5);
        written(&bus)
    };
    assert_eq!(replayed(code, &recorded).differences, []);
}

/// A request of the host to the page `shop`, and its response.
fn request_line(id: &str, response: Option<&Value>) -> Vec<String> {
    let host = json!({ "kind": "host" });
    let shop = json!({ "kind": "webview", "label": "shop" });
    let request = json!({
        "at": 1, "kind": "request", "request": id, "name": "price", "source": host, "receiver": shop, "payload": id,
    });
    let response = response.map(|payload| {
        json!({
            "at": 1, "kind": "response", "request": id, "name": "price", "source": shop, "receiver": host,
            "payload": payload,
        })
    });
    std::iter::once(request)
        .chain(response)
        .map(|line| line.to_string())
        .collect()
}

/// An event of `main`.
fn event_line(name: &str, payload: &Value) -> String {
    let main = json!({ "kind": "webview", "label": "main" });
    json!({
        "at": 1, "kind": "event", "seq": 1, "name": name, "source": main, "payload": payload, "routes": [],
    })
    .to_string()
}

#[test]
fn a_lost_response_shifts_no_other() {
    let prices = |bus: &EventBus| {
        let own = bus.clone();
        bus.listen("ask", move |_| {
            let own = own.clone();
            tauri::async_runtime::spawn(async move {
                for n in 0..2 {
                    let price = own.request::<u32>("shop", "price", n).await;
                    let told = price.map_err(|error| error.message().to_owned());
                    own.emit("price", told).unwrap();
                }
            });
        })
        .unwrap()
        .forget();
    };
    let mut lines = vec![event_line("ask", &json!(1))];
    lines.extend(request_line("1", None));
    lines.extend(request_line("2", Some(&json!(7))));
    lines.push(r#"{"at":2,"kind":"lost","count":3}"#.to_owned());
    let bus = TestBus::new();
    prices(&bus.event_bus());
    let replay = bus
        .replay(&recording_of(&lines), &ReplayOptions::new())
        .unwrap();
    assert_eq!(replay.lost, 3);
    while bus.history("price").len() < 2 {
        std::thread::yield_now();
    }
    let told = bus.emitted::<Result<u32, String>>("price");
    let first = told[0].as_ref().unwrap_err();
    assert!(first.contains("has no response"), "{first}");
    assert_eq!(told[1], Ok(7));
}

/// A recording of a request of `main` for this name.
fn recorded(code: impl Fn(&EventBus)) -> Vec<String> {
    let bus = TestBus::new();
    code(&bus.event_bus());
    let main = bus.page("main");
    let request = main.request::<Value>(HOST, "sum", 1);
    drop(block_on(request.into_future()));
    let records = bus.records().into_iter();
    records.map(|record| record.to_json()).collect()
}

fn failing(bus: &EventBus) {
    bus.respond("sum", async |_: u32| Err::<String, _>("no".into()))
        .unwrap()
        .forget();
}

fn spelling_it(bus: &EventBus) {
    bus.respond("sum", async |_: u32| Ok("error: responder_failed"))
        .unwrap()
        .forget();
}

#[test]
fn a_failed_response_equals_only_its_own_kind() {
    let failed = recording_of(&recorded(failing));
    assert_eq!(replayed(failing, &failed).differences, []);
    for (code, recorded) in [
        (spelling_it as fn(&EventBus), &failed),
        (failing, &recording_of(&recorded(spelling_it))),
    ] {
        let differences = replayed(code, recorded).differences;
        assert_eq!(differences.len(), 1);
        assert_eq!(differences[0].kind, DifferenceKind::Response);
    }
}

#[test]
fn a_cut_response_differs_from_a_failure() {
    let lines = recorded(spelling_it);
    let lines: Vec<String> = lines
        .into_iter()
        .map(|line| {
            let mut line: Value = serde_json::from_str(&line).unwrap();
            if line["kind"] == "response" {
                line.as_object_mut().unwrap().remove("payload");
                line["cut"] = json!({ "bytes": 26, "start": "\"err" });
            }
            line.to_string()
        })
        .collect();
    let cut = recording_of(&lines);
    assert_eq!(replayed(spelling_it, &cut).differences, []);
    let differences = replayed(failing, &cut).differences;
    assert_eq!(differences[0].kind, DifferenceKind::Response);
}

#[test]
fn a_replay_of_a_stopped_clock_comes_to_its_end() {
    let code = |bus: &EventBus| {
        let own = bus.clone();
        bus.respond("sum", move |n: u32| {
            let own = own.clone();
            async move {
                own.emit_after("late", Duration::from_secs(5), 1)
                    .start()?
                    .forget();
                own.wait_for("late")
                    .timeout(Duration::from_secs(20))
                    .await?;
                Ok(n)
            }
        })
        .unwrap()
        .forget();
    };
    let bus = TestBus::new();
    bus.event_bus()
        .respond("sum", async |n: u32| Ok(n))
        .unwrap()
        .forget();
    let request = bus.page("main").request::<u32>(HOST, "sum", 1);
    assert_eq!(block_on(request.into_future()), Ok(1));
    let recorded = written(&bus);
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        let bus = TestBus::new();
        drop(bus.clock());
        code(&bus.event_bus());
        let replay = bus.replay(&recorded, &ReplayOptions::new());
        let _ = sender.send(replay.map(|replay| replay.differences));
    });
    let differences = received.recv_timeout(Duration::from_secs(20));
    assert_eq!(differences.expect("the replay hangs"), Ok(vec![]));
}

#[test]
fn an_error_is_played_with_its_code() {
    let code = |bus: &EventBus| {
        let own = bus.clone();
        bus.respond("sum", move |n: u32| {
            let own = own.clone();
            async move {
                let asked = own.request::<u32>("shop", "price", n).await;
                let code = asked.map_err(|error| error.code().as_str());
                Ok(code)
            }
        })
        .unwrap()
        .forget();
    };
    let bus = TestBus::new();
    code(&bus.event_bus());
    bus.page("shop");
    let request = bus.page("main").request::<Value>(HOST, "sum", 1);
    let response = block_on(request.into_future()).unwrap();
    assert_eq!(response["Err"], ErrorCode::NoResponder.as_str());
    assert_eq!(replayed(code, &written(&bus)).differences, []);
}
