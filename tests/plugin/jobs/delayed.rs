//! Events that are emitted once, later.

use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::periodic::JobState;
use tauri_plugin_event_bus::{BusEvent, ErrorCode, EventBus, EventBusExt, StreamItem};

use crate::support::{Page, app, code, message};

const PATIENCE: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3600);

fn next(bus: &EventBus, start: impl FnOnce()) -> BusEvent {
    let mut stream = bus.stream("tea").unwrap();
    start();
    match block_on(stream.recv()) {
        Some(StreamItem::Event(event)) => event,
        other => panic!("{other:?}"),
    }
}

fn missed(event: &BusEvent) -> (u64, u64) {
    let tick = event.tick().unwrap();
    (tick.count, tick.missed)
}

#[test]
fn a_delay_ends_with_one_event() {
    let app = app();
    let bus = app.event_bus();
    let event = next(&bus, || {
        let delayed = bus.emit_after("tea", Duration::from_millis(1), "Assam");
        delayed.start().unwrap().forget();
    });
    assert_eq!(
        (event.payload_json(), missed(&event)),
        ("\"Assam\"", (1, 0))
    );
    assert!(bus.jobs().list().is_empty());
}

#[test]
fn a_time_of_day_is_met() {
    let app = app();
    let bus = app.event_bus();
    let time = SystemTime::now() + Duration::from_millis(5);
    let event = next(&bus, || {
        bus.emit_at("tea", time, 1).start().unwrap().forget();
    });
    assert_eq!(
        (event.tick().unwrap().scheduled_at, missed(&event)),
        (time, (1, 0))
    );
    assert!(event.timestamp() + Duration::from_millis(1) >= time);
}

#[test]
fn a_missed_time_is_emitted_or_not() {
    let app = app();
    let bus = app.event_bus();
    let past = SystemTime::now() - HOUR;
    let event = next(&bus, || {
        bus.emit_at("tea", past, 1).start().unwrap().forget();
    });
    assert_eq!(missed(&event), (1, 1));
    let (sender, stopped) = mpsc::channel();
    let send = move |event: BusEvent| sender.send(event.payload::<Value>().unwrap()).unwrap();
    bus.listen("event-bus:job-stopped", send).unwrap().forget();
    let mut stream = bus.stream("tea").unwrap();
    let skipped = bus.emit_at("tea", past, 1).id("skipped").skip_missed();
    skipped.start().unwrap().forget();
    let notice = loop {
        let notice = stopped.recv_timeout(PATIENCE).unwrap();
        if notice["id"] == "skipped" {
            break notice;
        }
    };
    let (reason, ticks, missed) = (&notice["reason"], &notice["ticks"], &notice["missed"]);
    assert_eq!(
        (reason, ticks, missed),
        (&json!("missed"), &json!(0), &json!(1))
    );
    bus.emit("tea", "end").unwrap();
    let Some(StreamItem::Event(event)) = block_on(stream.recv()) else {
        panic!("nothing is lost");
    };
    assert_eq!(event.payload_json(), "\"end\"");
}

#[test]
fn it_is_listed_paused_and_stopped_as_a_job() {
    let app = app();
    let bus = app.event_bus();
    let time = SystemTime::now() + HOUR;
    let lunch = bus.emit_at("lunch", time, ()).id("lunch").start().unwrap();
    let info = lunch.info();
    assert_eq!(
        (info.at, info.next_at, info.count),
        (Some(time), Some(time), Some(1))
    );
    lunch.pause().unwrap();
    assert_eq!(
        (lunch.info().state, lunch.info().next_at),
        (JobState::Paused, None)
    );
    lunch.resume().unwrap();
    assert_eq!(lunch.info().next_at, Some(time));
    let changes = tauri_plugin_event_bus::periodic::JobChanges::new().every(HOUR);
    assert_eq!(
        lunch.update(changes).unwrap_err().code(),
        ErrorCode::InvalidArgument
    );
    drop(lunch);
    assert!(bus.jobs().get("lunch").is_none());
    let tea = bus.emit_after("tea", HOUR, ()).id("tea").start().unwrap();
    assert_eq!((tea.info().at, tea.info().interval), (None, HOUR));
    let again = bus.emit_after("tea", HOUR, ()).id("tea");
    assert_eq!(again.start().unwrap_err().code(), ErrorCode::DuplicateJob);
    let shorter = bus.emit_after("tea", Duration::from_millis(1), 2).id("tea");
    let event = next(&bus, || shorter.replace().start().unwrap().forget());
    assert_eq!(event.payload_json(), "2");
    tea.stop();
}

#[test]
fn a_page_delays_events() {
    let app = app();
    let mut main = Page::open(&app, "main");
    main.listen("tea");
    let job = main.start_job(json!({ "event": "tea", "afterMs": 1, "payload": "1" }));
    let job = job.unwrap();
    assert_eq!(
        (&job["count"], &job["at"], &job["everyMs"]),
        (&json!(1), &Value::Null, &json!(1.0))
    );
    assert_eq!(main.receive(), [("tea".to_owned(), json!(1))]);
    let past = json!({ "event": "tea", "at": 1000.5, "payload": "2" });
    assert_eq!(main.start_job(past).unwrap()["at"], json!(1000.5));
    assert_eq!(main.receive(), [("tea".to_owned(), json!(2))]);
}

#[test]
fn wrong_times_are_refused() {
    let app = app();
    let mut main = Page::open(&app, "main");
    for (job, part) in [
        (json!({ "afterMs": 0 }), "afterMs is 0 ms"),
        (json!({ "afterMs": 4e10 }), "at most a year"),
        (
            json!({ "at": -1 }),
            "at is -1; it must be in milliseconds since 1970",
        ),
        (
            json!({ "at": 0, "source": "cpu" }),
            "`source` is for a job with `everyMs`",
        ),
        (
            json!({ "afterMs": 1, "source": "cpu" }),
            "this one has `afterMs`",
        ),
        (
            json!({ "at": 0, "onlyWhileListened": true }),
            "onlyWhileListened",
        ),
        (json!({ "afterMs": 1, "count": 5 }), "count"),
        (json!({ "afterMs": 1, "immediate": true }), "immediate"),
        (json!({ "afterMs": 1, "startDelayMs": 5 }), "startDelayMs"),
        (json!({ "at": 0, "jitterMs": 5 }), "jitterMs"),
        (json!({ "at": 0, "missedTicks": "burst" }), "missedTicks"),
        (json!({ "at": 0, "maxFailures": 1 }), "maxFailures"),
        (json!({ "at": 1e16 }), "at most a year ahead"),
        (json!({ "at": 1, "everyMs": 1 }), "one of"),
        (json!({ "afterMs": 1, "skipMissed": true }), "skipMissed"),
    ] {
        let mut entry = job.clone();
        entry["event"] = json!("tea");
        let error = main.start_job(entry).unwrap_err();
        assert_eq!(code(&error), "invalid_argument", "{job}");
        assert!(message(&error).contains(part), "{error}");
    }
    let bus = app.event_bus();
    for delay in [Duration::ZERO, Duration::MAX] {
        let error = bus.emit_after("tea", delay, 1).start().unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
    }
    let far = SystemTime::now() + HOUR * 24 * 366;
    for time in [far, SystemTime::UNIX_EPOCH - HOUR] {
        let error = bus.emit_at("tea", time, 1).start().unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
    }
}
