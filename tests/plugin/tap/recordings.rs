//! Recordings: what is written can be read.

use std::path::PathBuf;

use serde_json::json;
use tauri::async_runtime::block_on;
use tauri_plugin_event_bus::tap::{Recording, TapEntry};
use tauri_plugin_event_bus::{Bytes, ErrorCode, EventBusExt};

use crate::support::app;

/// A file that is removed at the end of the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("event-bus-{name}-{}.ndjson", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_recording_is_read_as_it_happened() {
    let app = app();
    let bus = app.event_bus();
    let file = Scratch::new("recording");
    let recorder = bus.record(&file.0).unwrap();
    bus.emit("cart", json!({ "items": [1, 2] })).unwrap();
    bus.emit("photo", Bytes::from(vec![0, 255])).unwrap();
    bus.emit("long", "x".repeat(100_000)).unwrap();
    let summary = block_on(recorder.stop()).unwrap();
    assert_eq!((summary.records, summary.lost), (3, 0));
    bus.emit("later", 1).unwrap();

    let recording = Recording::open(&file.0).unwrap();
    let events: Vec<_> = recording
        .records
        .iter()
        .map(|record| match &record.entry {
            TapEntry::Event(event) => event,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(events[0].payload.json(), Some(r#"{"items":[1,2]}"#));
    assert_eq!(&events[1].payload.read::<Bytes>().unwrap()[..], [0, 255]);
    assert_eq!(events[2].payload.size(), 100_002);
    assert_eq!(events.len(), 3);
    assert!(recording.records[0].at >= recording.started_at);
}

#[test]
fn a_dropped_recorder_leaves_a_whole_file() {
    let app = app();
    let bus = app.event_bus();
    let file = Scratch::new("dropped");
    let recorder = bus.record(&file.0).unwrap();
    bus.emit("cart", 1).unwrap();
    drop(recorder);
    // Written by a task.
    let text = || std::fs::read_to_string(&file.0).unwrap_or_default();
    while text().lines().count() < 2 {
        std::thread::yield_now();
    }
    assert_eq!(Recording::parse(&text()).unwrap().records.len(), 1);
}

#[test]
fn a_file_that_cannot_be_made_is_named() {
    let app = app();
    let path = std::env::temp_dir().join("no-such-folder-of-event-bus/a.ndjson");
    let error = app.event_bus().record(&path).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(
        error.message().contains("no-such-folder-of-event-bus"),
        "{error}"
    );
    let error = Recording::open(&path).unwrap_err();
    assert!(
        error.message().contains("no-such-folder-of-event-bus"),
        "{error}"
    );
}

#[test]
fn a_cut_file_names_its_line() {
    let app = app();
    let bus = app.event_bus();
    let file = Scratch::new("cut");
    let recorder = bus.record(&file.0).unwrap();
    bus.emit("a", 1).unwrap();
    bus.emit("b", 2).unwrap();
    block_on(recorder.stop()).unwrap();
    let text = std::fs::read_to_string(&file.0).unwrap();
    std::fs::write(&file.0, &text[..text.len() - 9]).unwrap();
    let error = Recording::open(&file.0).unwrap_err();
    assert!(
        error.message().contains("line 3: the recording is cut"),
        "{error}"
    );
    assert!(error.message().contains(".ndjson"), "{error}");
}

#[test]
fn a_file_cut_within_a_character_names_its_line() {
    let app = app();
    let bus = app.event_bus();
    let file = Scratch::new("cut-character");
    let recorder = bus.record(&file.0).unwrap();
    bus.emit("a", 1).unwrap();
    bus.emit("b", "é").unwrap();
    block_on(recorder.stop()).unwrap();
    let whole = std::fs::read(&file.0).unwrap();
    let within = whole.iter().position(|byte| *byte == 0xc3).unwrap() + 1;
    std::fs::write(&file.0, &whole[..within]).unwrap();
    let error = Recording::open(&file.0).unwrap_err();
    assert!(
        error.message().contains("line 3: the recording is cut"),
        "{error}"
    );
    // A byte that is wrong is another fault.
    let mut wrong = whole.clone();
    wrong[within] = 0xff;
    std::fs::write(&file.0, &wrong).unwrap();
    let error = Recording::open(&file.0).unwrap_err();
    assert!(error.message().contains("line 3: "), "{error}");
    assert!(error.message().contains("UTF-8"), "{error}");
    // What comes before it is read first.
    let text = "{}\n\u{e9}".as_bytes();
    std::fs::write(&file.0, &text[..text.len() - 1]).unwrap();
    let error = Recording::open(&file.0).unwrap_err();
    assert!(error.message().contains("line 1: "), "{error}");
}

#[cfg(unix)]
#[test]
fn only_its_user_may_read_a_recording() {
    use std::os::unix::fs::PermissionsExt;

    let app = app();
    let file = Scratch::new("mode");
    let recorder = app.event_bus().record(&file.0).unwrap();
    let mode = std::fs::metadata(&file.0).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    block_on(recorder.stop()).unwrap();
}

#[test]
fn a_recording_is_whole_when_the_app_exits() {
    let app = app();
    let _main = crate::support::Page::open(&app, "main");
    let bus = app.event_bus();
    let file = Scratch::new("exit");
    let recorder = bus.record(&file.0).unwrap();
    for n in 0..2000 {
        bus.emit("n", n).unwrap();
    }
    crate::support::exit(app);
    let recording = Recording::open(&file.0).unwrap();
    let events = recording
        .records
        .iter()
        .filter(|record| matches!(record.entry, TapEntry::Event(_)));
    assert!(events.count() >= 2000);
    drop(recorder);
}

#[test]
fn the_package_reads_the_same_lines() {
    // The tests of the package read them, too.
    let lines: serde_json::Value =
        serde_json::from_str(include_str!("../../recordings.json")).unwrap();
    let parse = |line: &serde_json::Value| {
        let head = r#"{"format":"tauri-plugin-event-bus","version":1,"startedAt":0}"#;
        Recording::parse(&format!("{head}\n{}\n", line.as_str().unwrap()))
    };
    for line in lines["bad"].as_array().unwrap() {
        let error = parse(line).expect_err(line.as_str().unwrap());
        assert!(error.message().starts_with("line 2: "), "{line}: {error}");
    }
    for line in lines["good"].as_array().unwrap() {
        assert_eq!(parse(line).unwrap().records.len(), 1, "{line}");
    }
}

#[cfg(unix)]
#[test]
fn only_its_user_may_read_a_file_that_was_there() {
    use std::os::unix::fs::PermissionsExt;

    let app = app();
    let file = Scratch::new("readable");
    std::fs::write(&file.0, "earlier").unwrap();
    std::fs::set_permissions(&file.0, PermissionsExt::from_mode(0o644)).unwrap();
    let recorder = app.event_bus().record(&file.0).unwrap();
    let mode = std::fs::metadata(&file.0).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    block_on(recorder.stop()).unwrap();
    // A device is everybody's.
    let before = std::fs::metadata("/dev/null").unwrap().permissions();
    block_on(app.event_bus().record("/dev/null").unwrap().stop()).unwrap();
    assert_eq!(
        std::fs::metadata("/dev/null").unwrap().permissions(),
        before
    );
}
