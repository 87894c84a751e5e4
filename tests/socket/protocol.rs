//! The protocol of the socket, and who may attach.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tauri_plugin_event_bus::Builder;

use super::{GREETING, Running, folder};

#[test]
fn an_attached_tool_gets_what_its_filter_takes() {
    let app = Running::with(
        "test.socket.records",
        Builder::new().redact("user:*", "/token"),
    );
    let mut tool = app.connect();
    tool.attach(&json!({
        "token": app.token(),
        "filter": { "names": ["cart:*", "user:*"], "kinds": ["event"] },
    }));
    let attached = tool.json();
    assert_eq!(attached["app"], "test.socket.records");
    assert_eq!(attached["pid"], std::process::id());
    let bus = app.bus();
    bus.emit("other", 1).unwrap();
    bus.emit("cart:added", json!({ "n": 1 })).unwrap();
    bus.emit("user:in", json!({ "name": "ada", "token": "secret" }))
        .unwrap();
    let mut records: Vec<Value> = Vec::new();
    while records.len() < 2 {
        let frame = tool.receive().unwrap();
        records.extend(
            frame
                .lines()
                .map(|line| serde_json::from_str(line).unwrap()),
        );
    }
    assert_eq!(records[0]["name"], "cart:added");
    assert_eq!(records[0]["payload"], json!({ "n": 1 }));
    assert_eq!(records[1]["payload"]["token"], "[redacted]");
}

#[test]
fn only_its_user_may_read_the_files() {
    let app = Running::start("test.socket.files");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder()), 0o700);
    assert_eq!(mode(&app.file), 0o600);
    let socket = app.description["socket"].as_str().unwrap();
    assert_eq!(mode(socket.as_ref()), 0o600);
    assert_eq!(app.token().len(), 32);
}

#[test]
fn a_wrong_token_is_refused() {
    let app = Running::start("test.socket.token");
    for wrong in ["", "x", &"0".repeat(32), &app.token()[1..]] {
        let mut tool = app.connect();
        tool.attach(&json!({ "token": wrong }));
        let refused = tool.json();
        assert_eq!(refused["error"]["code"], "denied", "{wrong:?}");
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("token"), "{message}");
        assert!(!message.contains(app.token()), "{message}");
        assert_eq!(tool.receive(), None);
    }
}

#[test]
fn a_browser_is_refused_at_its_first_byte() {
    let app = Running::start("test.socket.http");
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        b"POST /\0evbus\x01\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        &GREETING[1..],
    ] {
        let mut tool = app.connect();
        // The other side may be gone by then.
        let _ = tool.0.write_all(bytes);
        let mut rest = Vec::new();
        let _ = tool.0.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{rest:?}");
    }
}

#[test]
fn a_frame_that_is_too_long_is_not_read() {
    let app = Running::start("test.socket.long");
    for length in [(64 << 10) + 1, u32::MAX] {
        let mut tool = app.connect();
        tool.0.write_all(GREETING).unwrap();
        tool.0.write_all(&length.to_le_bytes()).unwrap();
        assert_eq!(tool.receive(), None);
    }
    // What is no JSON, and what has fields that the app does not know.
    for frame in [&b"nope"[..], b"", br#"{"token":"x","more":1}"#] {
        let mut tool = app.connect();
        tool.0.write_all(GREETING).unwrap();
        tool.send(frame);
        assert_eq!(tool.json()["error"]["code"], "invalid_argument");
    }
}

#[test]
fn a_wrong_filter_is_refused_with_its_reason() {
    let app = Running::start("test.socket.filter");
    for (filter, part) in [
        (json!({ "kinds": ["all"] }), "\"all\""),
        (json!({ "names": ["a["] }), "a["),
        (json!({ "payloadBytes": 1 << 20 }), "payloadBytes"),
        (json!({ "more": 1 }), "more"),
    ] {
        let mut tool = app.connect();
        tool.attach(&json!({ "token": app.token(), "filter": filter }));
        let refused = tool.json();
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_slow_tool_loses_records_with_their_number() {
    let app = Running::start("test.socket.slow");
    let mut tool = app.connect();
    let filter = json!({ "capacity": 16, "kinds": ["event"] });
    tool.attach(&json!({ "token": app.token(), "filter": filter }));
    tool.json();
    let bus = app.bus();
    let count = 20_000;
    for n in 0..count {
        bus.emit("flood", ("x".repeat(512), n)).unwrap();
    }
    bus.emit("last", ()).unwrap();
    let (mut events, mut lost) = (0, 0);
    while events + lost < count + 1 {
        for line in tool.receive().unwrap().lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            match record["kind"].as_str().unwrap() {
                "event" => events += 1,
                "lost" => lost += record["count"].as_u64().unwrap(),
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!(events + lost, count + 1);
    assert!(lost > 0, "{events}");
}

#[test]
fn a_few_tools_may_be_attached() {
    let app = Running::start("test.socket.many");
    let mut tools = Vec::new();
    for _ in 0..4 {
        let mut tool = app.connect();
        tool.attach(&json!({ "token": app.token() }));
        assert_eq!(tool.json()["app"], "test.socket.many");
        tools.push(tool);
    }
    let mut one_more = app.connect();
    one_more.attach(&json!({ "token": app.token() }));
    assert_eq!(one_more.json()["error"]["code"], "unavailable");
    // One that leaves makes room, once the app has noticed.
    tools.pop();
    loop {
        let mut next = app.connect();
        next.attach(&json!({ "token": app.token() }));
        if next.json()["app"] == "test.socket.many" {
            break;
        }
    }
}

#[test]
fn silent_connections_leave_room_for_tools() {
    let app = Running::start("test.socket.silent");
    let silent: Vec<_> = (0..8).map(|_| app.connect()).collect();
    let mut tool = app.connect();
    tool.attach(&json!({ "token": app.token() }));
    assert_eq!(tool.json()["app"], "test.socket.silent");
    drop(silent);
}

#[test]
fn files_that_were_never_described_are_removed() {
    let folder = folder();
    fs::create_dir_all(&folder).unwrap();
    let socket = folder.join("1-undescribed.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let unfinished = folder.join("1-undescribed.new");
    fs::write(&unfinished, "{").unwrap();
    let touched = std::process::Command::new("touch")
        .args(["-t", "202001010000"])
        .args([&socket, &unfinished])
        .status();
    assert!(touched.unwrap().success());
    let alive = folder.join(format!("{}-starting.sock", std::process::id()));
    let _ = fs::remove_file(&alive);
    let _listener = std::os::unix::net::UnixListener::bind(&alive).unwrap();
    let _app = Running::start("test.socket.undescribed");
    assert!(!socket.exists() && !unfinished.exists());
    assert!(alive.exists());
    fs::remove_file(alive).unwrap();
}

#[test]
fn files_of_apps_that_were_killed_are_removed() {
    let first = Running::start("test.socket.first");
    let dead = folder().join("1-dead.json");
    let socket = folder().join("1-dead.sock");
    fs::write(&socket, "").unwrap();
    let description = json!({
        "version": 1, "app": "test.socket.dead", "pid": 1, "token": "x", "socket": socket,
    });
    fs::write(&dead, description.to_string()).unwrap();
    let _second = Running::start("test.socket.second");
    assert!(!dead.exists() && !socket.exists());
    assert!(first.file.exists());
}
