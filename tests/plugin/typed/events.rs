//! Typed events as they are emitted, received and repeated.

use std::convert::Infallible;
use std::sync::mpsc;
use std::time::Duration;

use declared_events::AppReady;
use serde_json::{Value, json};
use tauri_plugin_event_bus::periodic::SourceCall;
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Builder, EmitOptions, ErrorCode, EventBusExt, Limits, Policy};

use crate::support::{Page, app_with, code, message};

use super::{Counted, Moved, PATIENCE, moved};

#[test]
fn a_typed_event_is_received_as_its_type() {
    let app = app_with(Builder::new().event::<Moved>());
    let (main, mut other) = (Page::open(&app, "main"), Page::open(&app, "other"));
    other.listen("*");
    let (sender, receiver) = mpsc::channel();
    let bus = app.event_bus();
    Moved::listen(&bus, move |event| {
        sender.send((event.seq(), event.payload)).unwrap();
    })
    .unwrap()
    .forget();

    let receipt = moved(1.0).emit(&app).unwrap();
    moved(2.0).emit(&bus).unwrap();
    moved(3.0).emit(&main.webview).unwrap();
    moved(4.0).emit_to(&app, "other").unwrap();
    moved(5.0)
        .emit_with(&bus, EmitOptions::new().except("other"))
        .unwrap();

    assert_eq!(
        receiver.recv_timeout(PATIENCE).unwrap(),
        (receipt.seq, moved(1.0))
    );
    for x in [2.0, 3.0, 5.0] {
        assert_eq!(receiver.recv_timeout(PATIENCE).unwrap().1, moved(x));
    }
    let xs: Vec<Value> = other
        .receive_many(4)
        .into_iter()
        .map(|(_, payload)| payload["to"][0]["x"].clone())
        .collect();
    assert_eq!(xs, [json!(1.0), json!(2.0), json!(3.0), json!(4.0)]);
    // The policy of the event retains it: of the host and of the webview for everyone, and of the host for "other".
    assert_eq!(bus.clear_retained("moved").unwrap(), 3);
}

#[test]
fn a_typed_stream_yields_invalid_payloads_as_values() {
    let app = app_with(Builder::new().event::<Moved>());
    let bus = app.event_bus();
    let mut stream = Moved::stream(&bus).unwrap();
    bus.emit("moved", json!({ "to": [{ "x": 1, "y": "2" }] }))
        .unwrap();
    moved(1.0).emit(&bus).unwrap();
    tauri::async_runtime::block_on(async {
        match stream.recv().await.unwrap() {
            TypedItem::Invalid(event, error) => {
                assert_eq!((event.seq(), error.code()), (1, ErrorCode::InvalidPayload));
                assert!(error.message().contains("`to[0].y`"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        match stream.recv().await.unwrap() {
            TypedItem::Event(event) => assert_eq!((event.seq(), event.payload), (2, moved(1.0))),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_typed_event_is_emitted_later() {
    let app = app_with(Builder::new().event::<Moved>());
    let bus = app.event_bus();
    let (sender, receiver) = mpsc::channel();
    let _listener = Moved::listen(&bus, move |event| sender.send(event.payload).unwrap());
    let soon = Duration::from_millis(1);
    moved(1.0).emit_after(&bus, soon).start().unwrap().forget();
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), moved(1.0));
    let past = std::time::SystemTime::UNIX_EPOCH;
    moved(2.0).emit_at(&bus, past).start().unwrap().forget();
    assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), moved(2.0));
    let error = moved(f64::NAN).emit_after(&bus, soon).start().unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);
}

#[test]
fn a_typed_job_has_typed_payloads() {
    let app = app_with(Builder::new().event::<Moved>());
    let bus = app.event_bus();
    let (sender, receiver) = mpsc::channel();
    Moved::listen(&bus, move |event| {
        sender
            .send((event.tick().unwrap().count, event.payload))
            .unwrap();
    })
    .unwrap()
    .forget();
    let every = Duration::from_millis(1);
    Moved::periodic(&bus)
        .every(every)
        .immediate()
        .count(2)
        .payload_with(|tick| moved(tick.count as f64))
        .start()
        .unwrap()
        .forget();
    for count in 1..=2 {
        assert_eq!(
            receiver.recv_timeout(PATIENCE).unwrap(),
            (count, moved(count as f64))
        );
    }

    let error = Moved::periodic(&bus).every(every).start().unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);
    assert!(error.message().contains(".payload("), "{error}");
    let error = Moved::periodic(&bus)
        .every(every)
        .payload(moved(f64::NAN))
        .start()
        .unwrap_err();
    assert!(error.message().contains("`to[0].x`"), "{error}");
    // An event without payload needs none.
    let job = AppReady::periodic(&bus).every(every).start();
    assert!(job.is_ok(), "{job:?}");
}

#[test]
fn a_typed_event_waits_for_room() {
    let reject = Policy::new().reject();
    let mut limits = Limits::default();
    limits.queue_events = 1;
    let app = app_with(
        Builder::new()
            .event::<Moved>()
            .policy("moved", reject)
            .limits(limits),
    );
    let mut main = Page::open(&app, "main");
    main.listen("moved");
    let bus = app.event_bus();
    moved(1.0).emit(&bus).unwrap();
    assert_eq!(
        moved(2.0).emit(&bus).unwrap_err().code(),
        ErrorCode::QueueFull
    );
    let waiting = tauri::async_runtime::spawn(moved(3.0).emit_async_with(&bus, EmitOptions::new()));
    assert_eq!(main.receive().len(), 1);
    assert_eq!(main.receive_many(1)[0].1["to"][0]["x"], 3.0);
    tauri::async_runtime::block_on(waiting).unwrap().unwrap();
    let refused = moved(f64::NAN).emit_async_with(&bus, EmitOptions::new());
    let refused = tauri::async_runtime::block_on(refused).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidPayload);
}

#[test]
fn a_source_must_match_the_type_of_its_event() {
    let app = app_with(
        Builder::new()
            .event::<Moved>()
            .job_source("point", |_: &SourceCall| Ok::<_, Infallible>(moved(1.0)))
            .event::<Counted>()
            .job_source("large", |_: &SourceCall| {
                Ok::<_, Infallible>(Counted { id: u64::MAX })
            })
            .job_source("number", |_: &SourceCall| Ok::<_, Infallible>(5))
            .job_source_async("late", async |_: SourceCall| Ok::<_, Infallible>(5)),
    );
    let mut main = Page::open(&app, "main");
    main.listen("moved");
    main.listen("event-bus:job-failed");
    for source in ["number", "late"] {
        let job = json!({ "event": "moved", "everyMs": 1000, "immediate": true, "source": source, "id": source });
        main.start_job(job).unwrap();
        let [(name, failed)] = &main.receive_many(1)[..] else {
            panic!("{source}: not one event")
        };
        assert_eq!(name, "event-bus:job-failed", "{source}");
        assert_eq!(failed["error"]["code"], "invalid_payload", "{source}");
    }
    let job = json!({ "event": "counted", "everyMs": 1000, "immediate": true, "source": "large" });
    main.start_job(job).unwrap();
    let failed = &main.receive_many(1)[0].1;
    assert_eq!(failed["error"]["code"], "invalid_payload", "{failed}");
    assert!(message(&failed["error"]).contains("`id`"), "{failed}");
    // A page may not emit a number that JavaScript would change either.
    let refused = main.emit("counted", r#"{"id":9007199254740993}"#);
    assert_eq!(code(&refused), "invalid_payload", "{refused}");
    let accepted = main.emit("counted", r#"{"id":9007199254740991}"#);
    assert!(accepted["seq"].is_u64(), "{accepted}");
    let job = json!({ "event": "moved", "everyMs": 1000, "immediate": true, "source": "point" });
    main.start_job(job).unwrap();
    assert_eq!(main.receive_many(1)[0].0, "moved");

    let bus = app.event_bus();
    let job = Moved::periodic(&bus).source("point", ()).immediate();
    let job = job.every(Duration::from_secs(1000)).start().unwrap();
    assert_eq!(job.info().source.as_deref(), Some("point"));
    assert_eq!(main.receive_many(1)[0].0, "moved");
}
