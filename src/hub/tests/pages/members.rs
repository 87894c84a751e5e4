//! Members of presence: who is told of them, and when they end.

use serde_json::{Value, json};

use super::{GRACE, ORIGIN, World, resume};
use crate::hub::SESSION_LEASE;
use crate::hub::ids::SubscriberKey;
use crate::hub::pages::SHOWN_AFTER;
use crate::hub::presence::{PresenceStep, Room};
use crate::model::error::{ErrorCode, Result};

pub(super) const ROOM: &str = "doc:7";
pub(super) const EVENT: &str = "event-bus:presence:doc:7";

/// What a page may know that watches everything.
pub(super) fn everything() -> [Value; 2] {
    [json!({ "presence": "*" }), json!({ "page": "*" })]
}

impl World {
    pub(super) fn step(
        &mut self,
        by: Option<SubscriberKey>,
        key: &str,
        step: PresenceStep,
    ) -> Result<()> {
        let room = Room::parse(ROOM).unwrap();
        self.hub.change_presence(by, &room, key, step, self.now).0
    }

    pub(super) fn join(&mut self, by: Option<SubscriberKey>, key: &str, state: &str) {
        let state = PresenceStep::State(state.to_owned().into());
        self.step(by, key, state).unwrap();
    }

    fn members(&self) -> Value {
        let room = Room::parse(ROOM).unwrap();
        serde_json::from_str(&self.hub.members(&room, None)).unwrap()
    }

    /// The payloads of what a page receives.
    pub(super) fn payloads(&mut self, label: &str, session: u64, ack: u64) -> Vec<Value> {
        let items = self.payloads_and_gaps(label, session, ack).into_iter();
        items.flatten().collect()
    }
}

fn member(label: Option<&str>, key: &str, state: u32) -> Value {
    json!({ "label": label, "key": key, "state": state })
}

#[test]
fn a_watcher_gets_a_snapshot_and_then_differences() {
    let mut world = World::new();
    let main = world.ready("main", 1);
    world.join(Some(main), "", "1");
    world.join(None, "clerk", "2");
    let other = world.open("other", 2);
    world.subscribe(other, EVENT, &everything());
    let all = json!({ "members": [member(None, "clerk", 2), member(Some("main"), "", 1)] });
    assert_eq!(world.payloads("other", 2, 0), [all]);
    world.join(Some(main), "", "3");
    // The same again is no change.
    world.join(Some(main), "", "3");
    world.join(Some(main), "b", "4");
    world.step(None, "clerk", PresenceStep::Leave).unwrap();
    world.step(None, "clerk", PresenceStep::Leave).unwrap();
    assert_eq!(
        world.payloads("other", 2, 1),
        [
            json!({ "updated": [member(Some("main"), "", 3)] }),
            json!({ "joined": [member(Some("main"), "b", 4)] }),
            json!({ "left": [{ "label": null, "key": "clerk" }] }),
        ]
    );
}

#[test]
fn members_live_through_a_reload() {
    let mut world = World::new();
    let main = world.ready("main", 1);
    world.join(Some(main), "a", "1");
    world.join(Some(main), "b", "1");
    let other = world.open("other", 2);
    world.subscribe(other, EVENT, &everything());
    world.payloads("other", 2, 0);
    world.leave("main", ORIGIN);
    let main = world.ready("main", 3);
    world.join(Some(main), "a", "1");
    assert!(world.payloads("other", 2, 1).is_empty());
    // It has not joined again as the other one.
    world.pass(GRACE);
    let left = json!({ "left": [{ "label": "main", "key": "b" }] });
    assert_eq!(world.payloads("other", 2, 1), [left]);
    assert_eq!(world.members(), json!([member(Some("main"), "a", 1)]));
    assert_eq!(world.hub.count_members(), (1, 1, 0));
}

#[test]
fn a_page_that_shows_itself_late_joins_again() {
    for is_back in [false, true] {
        let mut world = World::new();
        let main = world.ready("main", 1);
        world.join(Some(main), "", "1");
        let other = world.open("other", 2);
        world.subscribe(other, EVENT, &everything());
        world.payloads("other", 2, 0);
        world.leave("main", ORIGIN);
        world.pass(GRACE - SHOWN_AFTER / 2);
        let main = world.open("main", 3);
        world.pass(SHOWN_AFTER / 2);
        assert!(world.payloads("other", 2, 1).is_empty());
        world.pass(SHOWN_AFTER / 2);
        if is_back {
            world.join(Some(main), "", "1");
        }
        world.pass(GRACE);
        let left = json!({ "left": [{ "label": "main", "key": "" }] });
        let expected = if is_back { vec![] } else { vec![left] };
        assert_eq!(world.payloads("other", 2, 1), expected);
    }
}

#[test]
fn a_join_costs_each_page_its_difference_alone() {
    const PAGES: u64 = 8;
    const MEMBERS: u64 = 10_000;
    let mut world = World::new();
    let labels: Vec<String> = (0..PAGES).map(|page| format!("page-{page}")).collect();
    let mut keys = Vec::new();
    for (session, label) in (1..).zip(&labels) {
        let _ = world.hub.announce(label, "window");
        keys.push(world.open(label, session));
    }
    let state = r#"{"user":"ada","cursor":3}"#;
    for member in 0..MEMBERS {
        let by = keys[(member % PAGES) as usize];
        world.join(Some(by), &member.to_string(), state);
    }
    for (session, (key, label)) in (1..).zip(keys.iter().zip(&labels)) {
        world.subscribe(*key, EVENT, &everything());
        let all = world.payloads(label, session, 0);
        let members = all[0]["members"].as_array().unwrap().len() as u64;
        assert_eq!((all.len(), members), (1, MEMBERS));
    }
    world.join(Some(keys[0]), "new", state);
    world.join(Some(keys[0]), "new", "4");
    world
        .step(Some(keys[0]), "new", PresenceStep::Leave)
        .unwrap();
    let own = |state: Value| json!({ "label": "page-0", "key": "new", "state": state });
    let expected = [
        json!({ "joined": [own(serde_json::from_str(state).unwrap())] }),
        json!({ "updated": [own(json!(4))] }),
        json!({ "left": [{ "label": "page-0", "key": "new" }] }),
    ];
    let length = |news: &[Value]| -> usize { news.iter().map(|one| one.to_string().len()).sum() };
    for (session, label) in (1..).zip(&labels) {
        let news = world.payloads(label, session, 1);
        assert_eq!(news, expected, "{label}");
        // All of it, for all that there are 10,000 of.
        assert!(length(&news) < 256, "{}", length(&news));
    }
}

#[test]
fn members_end_with_their_page_in_one_event() {
    let mut world = World::new();
    let main = world.ready("main", 1);
    for key in ["a", "b", "c"] {
        world.join(Some(main), key, "1");
    }
    let other = world.open("other", 2);
    world.subscribe(other, EVENT, &everything());
    world.payloads("other", 2, 0);
    let number = world.hub.webview_number("main").unwrap();
    assert!(world.hub.remove_webview("main", number).1.rearm);
    world.pass(std::time::Duration::ZERO);
    let told = world.payloads("other", 2, 1);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["left"].as_array().unwrap().len(), 3);
    assert_eq!(world.hub.count_members(), (0, 0, 0));
}

#[test]
fn a_silent_page_is_no_member_for_ever() {
    let mut world = World::new();
    let main = world.ready("main", 1);
    world.join(Some(main), "", "1");
    world.pass(SESSION_LEASE);
    assert_eq!(world.members(), json!([member(Some("main"), "", 1)]));
    world.pass(GRACE);
    assert_eq!(world.members(), json!([]));
    let error = world.step(Some(main), "", PresenceStep::State("1".into()));
    assert_eq!(error.unwrap_err().code(), ErrorCode::StaleSession);
}

#[test]
fn a_renewed_watcher_gets_a_snapshot_again() {
    let mut world = World::new();
    let other = world.open("other", 2);
    world.subscribe(other, EVENT, &everything());
    assert_eq!(world.payloads("other", 2, 0), [json!({ "members": [] })]);
    assert!(world.payloads("other", 2, 1).is_empty());
    let seq = world.hub.seq;
    world.pass(SESSION_LEASE);
    world.join(None, "", "1");
    let other = world.open("other", 3);
    world.subscribe_again(other, EVENT, &everything(), resume(2, seq));
    let told = world.pull("other", 3, 0);
    assert_eq!(told, ["gap of 1", "event-bus:presence:doc:7"]);
}

#[test]
fn a_watcher_knows_only_members_of_its_scope() {
    let mut world = World::new();
    let main = world.ready("main", 1);
    world.join(Some(main), "", "1");
    world.join(None, "", "2");
    let other = world.open("other", 2);
    world.subscribe(other, EVENT, &[json!({ "presence": "doc:*" })]);
    world.join(Some(other), "", "3");
    world.join(Some(main), "", "4");
    // The host and itself.
    assert_eq!(
        world.payloads("other", 2, 0),
        [
            json!({ "members": [member(None, "", 2)] }),
            json!({ "joined": [member(Some("other"), "", 3)] }),
        ]
    );
    // A room of another name.
    world.leave("other", ORIGIN);
    let other = world.open("other", 3);
    let scope = [json!({ "presence": "room:*" }), json!({ "page": "*" })];
    world.subscribe(other, "event-bus:presence*", &scope);
    world.join(Some(main), "", "5");
    assert!(world.payloads("other", 3, 0).is_empty());
}

#[test]
fn names_of_rooms_and_keys_are_checked() {
    for (room, code) in [
        ("", ErrorCode::InvalidEventName),
        ("a b", ErrorCode::InvalidEventName),
        ("tauri://x", ErrorCode::ReservedEventName),
    ] {
        assert_eq!(Room::parse(room).unwrap_err().code(), code, "{room}");
    }
    assert!(Room::parse(&"x".repeat(236)).is_ok());
    let error = Room::parse(&"x".repeat(237)).unwrap_err();
    assert!(error.message().contains("too long"), "{error}");
    let mut world = World::new();
    let state = || PresenceStep::State("1".into());
    assert!(world.step(None, &"k".repeat(255), state()).is_ok());
    let error = world.step(None, &"k".repeat(256), state()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
}

#[test]
fn a_page_takes_no_more_members_than_it_leaves_free() {
    let mut world = World::new();
    world.hub.limits.presence_members = 10;
    world.hub.limits.presence_bytes = 4000;
    let main = world.ready("main", 1);
    for key in 0..5 {
        world.join(Some(main), &key.to_string(), "1");
    }
    let state = |text: &str| PresenceStep::State(text.to_owned().into());
    let error = world.step(Some(main), "5", state("1")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("presenceMembers"), "{error}");
    // It can always say something else of those that it has.
    world.join(Some(main), "4", "2");
    let error = world
        .step(Some(main), "4", state(&"1".repeat(3000)))
        .unwrap_err();
    assert!(error.message().contains("presenceBytes"), "{error}");
    for key in 0..5 {
        world.join(None, &key.to_string(), "1");
    }
    let error = world.step(None, "5", state("1")).unwrap_err();
    assert!(error.message().contains("there are 10 members"), "{error}");
    world.step(Some(main), "0", PresenceStep::Leave).unwrap();
    world.join(None, "5", "1");
}
