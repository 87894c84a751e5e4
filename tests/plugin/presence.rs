//! Presence and wills of pages, through capability files.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tauri_plugin_event_bus::pages::{PresenceChange, PresenceMember};
use tauri_plugin_event_bus::{Bytes, EmitOptions, ErrorCode, EventBus, EventBusExt, Limits};

use crate::support::{Page, app, app_of, code, invoke, message};

const PATIENCE: Duration = Duration::from_secs(20);

fn change(page: &mut Page, entry: Value) -> Value {
    let changes = page.call("presence", json!({ "changes": [entry] }));
    changes.unwrap()[0].take()
}

/// The members of a room, as Rust knows them.
fn members(bus: &EventBus, room: &str) -> Vec<(Option<String>, Value)> {
    let members: Vec<PresenceMember<Value>> = bus.presence(room).unwrap().list().unwrap();
    let members = members.into_iter();
    members.map(|member| (member.label, member.state)).collect()
}

fn state(state: u32) -> String {
    state.to_string()
}

#[test]
fn pages_and_rust_share_a_room() {
    let app = app();
    let bus = app.event_bus();
    let (sender, told) = std::sync::mpsc::channel();
    let room = bus.presence::<u32>("doc:7").unwrap();
    let _listener = room
        .on_change(move |change| sender.send(change).unwrap())
        .unwrap();
    let mut watcher = Page::open(&app, "watcher");
    watcher.listen("event-bus:presence:doc:7");
    let joined = json!({ "room": "doc:7", "state": state(1) });
    assert_eq!(change(&mut watcher, joined), json!({}));
    room.join(&2).unwrap();
    let list = room.list().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!((list[0].label.as_deref(), list[0].state), (None, 2));
    assert_eq!(
        (list[1].label.as_deref(), list[1].state),
        (Some("watcher"), 1)
    );
    let received: Vec<Value> = watcher
        .receive_many(3)
        .into_iter()
        .map(|(_, own)| own)
        .collect();
    let joined = |label: Value, state: u32| json!({ "joined": [{ "label": label, "key": "", "state": state }] });
    assert_eq!(received[0], json!({ "members": [] }));
    assert_eq!(
        received[1..],
        [joined(json!("watcher"), 1), joined(Value::Null, 2)]
    );
    drop(room);
    let left = json!({ "left": [{ "label": null, "key": "" }] });
    assert_eq!(watcher.receive_many(1)[0].1, left);
    // In the order of labels where both were there at the first look.
    let joined: BTreeSet<Option<String>> = (0..2)
        .map(|_| match told.recv_timeout(PATIENCE).unwrap() {
            PresenceChange::Join(member) => member.label,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(joined, BTreeSet::from([None, Some("watcher".to_owned())]));
    let left = told.recv_timeout(PATIENCE).unwrap();
    assert!(
        matches!(left, PresenceChange::Leave { label: None, .. }),
        "{left:?}"
    );
}

#[test]
fn a_page_joins_only_rooms_of_its_list() {
    let app = app();
    let (mut watcher, mut herald) = (Page::open(&app, "watcher"), Page::open(&app, "herald"));
    for room in ["doc:secret", "room", "doc"] {
        let refused = change(&mut watcher, json!({ "room": room, "state": "1" }));
        assert_eq!(code(&refused), "denied", "{room}");
        let listened = watcher.try_listen(&format!("event-bus:presence:{room}"));
        assert_eq!(code(&listened), "denied", "{room}");
        assert!(members(&app.event_bus(), room).is_empty());
    }
    let missing = herald
        .call("presence", json!({ "changes": [] }))
        .unwrap_err();
    assert!(missing.to_string().contains("not allowed"), "{missing}");
}

#[test]
fn a_membership_cannot_be_forged() {
    let app = app();
    let bus = app.event_bus();
    let mut watcher = Page::open(&app, "watcher");
    let mut editor = Page::open(&app, "editor-watching");
    change(&mut editor, json!({ "room": "doc:7", "state": "1" }));
    for forged in [
        json!({ "room": "doc:7", "state": "2", "label": "editor-watching" }),
        json!({ "room": "doc:7", "state": "2", "label": null }),
        json!({ "room": "doc:7", "key": 5, "state": "2" }),
        json!({ "room": "doc:7", "state": "{" }),
        json!({ "room": "doc:7", "state": 5 }),
        json!({ "room": "doc:7", "key": "k".repeat(256), "state": "2" }),
    ] {
        let refused = change(&mut watcher, forged);
        let expected = ["invalid_argument", "invalid_payload"];
        assert!(expected.contains(&code(&refused)), "{refused}");
    }
    // It leaves and changes members of its own alone.
    assert_eq!(
        change(&mut watcher, json!({ "room": "doc:7", "left": true })),
        json!({})
    );
    let only = [(Some("editor-watching".to_owned()), json!(1))];
    assert_eq!(members(&bus, "doc:7"), only);
}

#[test]
fn a_hundred_thousand_members_do_not_fit() {
    let mut limits = Limits::default();
    limits.emit_burst = 200_000;
    limits.emits_per_second = 200_000;
    let app = app_of(limits);
    let mut watcher = Page::open(&app, "watcher");
    let mut joined = 0;
    for command in 0..100 {
        let entry = |key: u32| json!({ "room": format!("doc:{}", key % 7), "key": key.to_string(), "state": "1" });
        let changes: Vec<Value> = (0..1000).map(|own| entry(command * 1000 + own)).collect();
        let results = watcher
            .call("presence", json!({ "changes": changes }))
            .unwrap();
        let results = results.as_array().unwrap();
        let refused = results
            .iter()
            .filter(|result| result.get("error").is_some());
        for error in refused.clone().take(1) {
            assert_eq!(code(error), "queue_full");
            assert!(message(error).contains("presenceMembers"), "{error}");
        }
        joined += results.len() - refused.count();
    }
    // Half of all that there is room for.
    assert_eq!(joined, 8192);
    let room = app.event_bus().presence::<u32>("doc:8").unwrap();
    assert!(room.join(&1).is_ok());
}

#[test]
fn rust_names_what_is_wrong_with_a_room() {
    let app = app();
    let bus = app.event_bus();
    let error = bus.presence::<u32>("a b").unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidEventName);
    let room = bus.namespace("shop").presence::<u32>("doc").unwrap();
    room.join_as("a", &1).unwrap();
    room.join_as("b", &1).unwrap();
    room.leave_as("a");
    assert_eq!(members(&bus, "shop:doc"), [(None, json!(1))]);
    let words = bus.presence::<String>("shop:doc").unwrap();
    assert_eq!(words.list(), Ok(Vec::new()));
    let bytes = bus.presence::<Bytes>("shop:doc").unwrap();
    let error = bytes.join(&Bytes::from(vec![1])).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidPayload);
    assert!(error.message().contains("shop:doc"), "{error}");
}

#[test]
fn no_page_keeps_rust_from_the_others() {
    let app = app();
    let bus = app.event_bus();
    let room = bus.presence::<u32>("doc:7").unwrap();
    let (sender, told) = std::sync::mpsc::channel();
    room.on_change(move |change| sender.send(change).unwrap())
        .unwrap()
        .forget();
    let mut watcher = Page::open(&app, "watcher");
    let member = |key: &str, state: &str| json!({ "room": "doc:7", "key": key, "state": state });
    assert_eq!(change(&mut watcher, member("text", "\"x\"")), json!({}));
    let deep = "[".repeat(125) + &"]".repeat(125);
    let refused = change(&mut watcher, member("deep", &deep));
    assert_eq!(code(&refused), "invalid_payload");
    assert!(message(&refused).contains("the limit is 124"), "{refused}");
    let deep = "[".repeat(124) + &"]".repeat(124);
    assert_eq!(change(&mut watcher, member("deep", &deep)), json!({}));
    assert_eq!(change(&mut watcher, member("number", "7")), json!({}));
    let list = room.list().unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].key.as_str(), list[0].state), ("number", 7));
    let PresenceChange::Join(member) = told.recv_timeout(PATIENCE).unwrap() else {
        panic!("no join");
    };
    assert_eq!((member.key.as_str(), member.state), ("number", 7));
    let everything = bus.presence::<Value>("doc:7").unwrap();
    assert_eq!(everything.list().unwrap().len(), 3);
}

/// Its first call waits until it is let go, and events of the room are lost meanwhile.
#[test]
fn a_slow_listener_of_a_room_knows_its_members() {
    let mut limits = Limits::default();
    limits.queue_events = 16;
    limits.batch_events = 16;
    let app = app_of(limits);
    let bus = app.event_bus();
    let room = bus.presence::<u32>("doc:7").unwrap();
    room.join_as("before", &0).unwrap();
    let (let_go, gate) = std::sync::mpsc::channel::<()>();
    let (sender, told) = std::sync::mpsc::channel();
    let mut gate = Some(gate);
    room.on_change(move |change| {
        if let Some(gate) = gate.take() {
            gate.recv_timeout(PATIENCE).unwrap();
        }
        sender.send(change).unwrap();
    })
    .unwrap()
    .forget();
    for round in 0..200 {
        let key = (round % 40).to_string();
        room.join_as(&key, &round).unwrap();
        if round % 3 == 0 {
            room.leave_as(&key);
        }
    }
    room.leave_as("before");
    let_go.send(()).unwrap();
    room.join_as("last", &1).unwrap();
    let expected: BTreeMap<String, u32> = room
        .list()
        .unwrap()
        .into_iter()
        .map(|member| (member.key, member.state))
        .collect();
    let mut known = BTreeMap::new();
    while known != expected {
        match told.recv_timeout(PATIENCE).unwrap() {
            PresenceChange::Join(member) => {
                let before = known.insert(member.key, member.state);
                assert_eq!(before, None, "a member comes twice");
            }
            PresenceChange::Update(member) => {
                let before = known.insert(member.key, member.state);
                assert!(before.is_some(), "an unknown member changes");
            }
            PresenceChange::Leave { key, .. } => {
                assert!(known.remove(&key).is_some(), "an unknown member leaves");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(!known.contains_key("before"));
}

#[test]
fn a_will_has_the_permission_of_an_emit() {
    let app = app();
    let mut shop = Page::open(&app, "shop");
    let mut emit = |command: &str, entry: Value| {
        let results = shop.call(command, json!({ "events": [entry] }));
        results.unwrap()[0].take()
    };
    let will =
        |name: &str| json!({ "event": name, "payload": "1", "will": { "id": 1, "afterMs": 0 } });
    assert_eq!(emit("emit", will("cart:closed")), json!({}));
    assert_eq!(code(&emit("emit", will("cart:secret"))), "denied");
    assert_eq!(
        code(&emit("emit", will("event-bus:page-closed"))),
        "reserved_event_name"
    );
    let mut to = will("greeting");
    to["to"] = json!("other");
    assert_eq!(code(&emit("emit_to", to)), "denied");
    for wrong in [json!(-1), json!(1e15), json!("1")] {
        let mut entry = will("cart:closed");
        entry["will"]["afterMs"] = wrong.clone();
        assert_eq!(code(&emit("emit", entry)), "invalid_argument", "{wrong}");
    }
    let mut entry = will("cart:closed");
    entry["payload"] = json!("{");
    assert_eq!(code(&emit("emit", entry)), "invalid_payload");
    let stop = json!({ "event": "cart:closed", "will": { "id": 1, "stop": true } });
    assert_eq!(emit("emit", stop), json!({}));
}

#[test]
fn a_will_of_another_page_is_out_of_reach() {
    let app = app();
    let (mut editor, mut watcher) = (
        Page::open(&app, "editor-watching"),
        Page::open(&app, "watcher"),
    );
    let entry = |will: Value| json!({ "event": "cart:closed", "payload": "1", "will": will });
    let own = json!({ "events": [entry(json!({ "id": 1 }))] });
    assert_eq!(editor.call("emit", own).unwrap(), json!([{}]));
    for forged in [
        json!({ "id": 1, "label": "editor-watching" }),
        json!({ "id": 1, "stop": true, "session": editor.session }),
        json!({ "id": 1, "source": "editor-watching" }),
        json!({ "id": "1" }),
        json!({ "id": -1 }),
        json!(7),
    ] {
        let events = json!({ "events": [entry(forged.clone())] });
        let refused = watcher.call("emit", events).unwrap();
        assert_eq!(code(&refused[0]), "invalid_argument", "{forged}");
    }
    // With the session of the other page it is in no session.
    for will in [json!({ "id": 1, "stop": true }), json!({ "id": 1 })] {
        let stolen = json!({ "events": [entry(will)], "session": editor.session, "n": 2 });
        let refused = invoke(&watcher.webview, "emit", stolen).wait().unwrap_err();
        assert_eq!(code(&refused), "stale_session");
    }
}

/// A room is watched, and listeners of other events fall behind.
#[test]
fn a_watched_room_drops_nothing_of_others() {
    let mut limits = Limits::default();
    limits.queue_events = 4;
    let app = app_of(limits);
    let bus = app.event_bus();
    let room = bus.presence::<u32>("doc:7").unwrap();
    let _watching = room.on_change(drop).unwrap();
    let (begun, begins) = std::sync::mpsc::channel();
    let (go, goes) = std::sync::mpsc::channel::<()>();
    let _gate = bus.listen("gate", move |_| {
        begun.send(()).unwrap();
        goes.recv_timeout(PATIENCE).unwrap();
    });
    let (sender, received) = std::sync::mpsc::channel();
    let _row = bus.listen("row", move |event| {
        sender.send(event.payload::<u32>().unwrap()).unwrap();
    });
    bus.emit("gate", ()).unwrap();
    begins.recv_timeout(PATIENCE).unwrap();
    // One that expires keeps others from being taken together.
    let expires = EmitOptions::new().expires(Duration::from_secs(3600));
    for row in 0..6_u32 {
        let options = if row == 4 {
            expires.clone()
        } else {
            EmitOptions::new()
        };
        bus.emit_with("row", row, options).unwrap();
    }
    go.send(()).unwrap();
    let rows = [(); 4].map(|()| received.recv_timeout(PATIENCE).unwrap());
    assert_eq!(rows, [2, 3, 4, 5]);
}

#[test]
fn a_panic_at_a_change_keeps_back_no_other() {
    let app = app();
    let bus = app.event_bus();
    let room = bus.presence::<u32>("doc:7").unwrap();
    for key in ["a", "b", "c"] {
        room.join_as(key, &1).unwrap();
    }
    let (sender, told) = std::sync::mpsc::channel();
    let _listener = room
        .on_change(move |change| {
            let PresenceChange::Join(member) = change else {
                panic!("{change:?}");
            };
            sender.send(member.key.clone()).unwrap();
            assert_ne!(member.key, "a", "on purpose");
        })
        .unwrap();
    let keys = [(); 3].map(|()| told.recv_timeout(PATIENCE).unwrap());
    assert_eq!(keys, ["a", "b", "c"]);
    room.join_as("d", &1).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "d");
}

/// A state whose type panics while it is read.
#[derive(Debug, serde::Serialize)]
struct Odd(u32);

impl<'de> serde::Deserialize<'de> for Odd {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let state = u32::deserialize(from)?;
        assert_ne!(state, 1, "on purpose");
        Ok(Self(state))
    }
}

#[test]
fn a_state_that_cannot_be_read_is_left_out() {
    let app = app();
    let bus = app.event_bus();
    let room = bus.presence::<Odd>("doc:7").unwrap();
    for (key, state) in [("a", 0), ("b", 1), ("c", 2)] {
        room.join_as(key, &Odd(state)).unwrap();
    }
    let states = |members: Vec<PresenceMember<Odd>>| -> Vec<u32> {
        members.into_iter().map(|member| member.state.0).collect()
    };
    assert_eq!(states(room.list().unwrap()), [0, 2]);
    let (sender, told) = std::sync::mpsc::channel();
    let _listener = room.on_change(move |change| {
        if let PresenceChange::Join(member) = change {
            sender.send(member.state.0).unwrap();
        }
    });
    let joined = [(); 2].map(|()| told.recv_timeout(PATIENCE).unwrap());
    assert_eq!(joined, [0, 2]);
}
