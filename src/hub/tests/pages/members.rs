//! Members of presence: who is told of them, and when they end.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{GRACE, ORIGIN, World, resume};
use crate::hub::ids::SubscriberKey;
use crate::hub::outbox::Item;
use crate::hub::pages::SHOWN_AFTER;
use crate::hub::presence::{PresenceStep, Room};
use crate::hub::{Hub, SESSION_LEASE, START_UP, SubscriptionRequest};
use crate::limits::Limits;
use crate::model::error::{ErrorCode, Result};
use crate::model::pattern::EventPattern;
use crate::model::policies::Policies;
use crate::permissions::{ScopeEntry, WatchScope};

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
        serde_json::from_str(&self.hub.members(&room).to_json()).unwrap()
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

/// As many subscriptions to the events of the room as a page may begin at once.
fn requests(pattern: &str, ids: std::ops::Range<u32>) -> Vec<SubscriptionRequest> {
    let entries = everything();
    let entries: Vec<_> = entries.iter().map(ScopeEntry::read).map(Arc::new).collect();
    let watches = Arc::new(WatchScope::new(&entries, &[]));
    let request = |id| SubscriptionRequest {
        id,
        pattern: EventPattern::parse(pattern).unwrap(),
        scope: None,
        target: None,
        wants_replayed: true,
        wants_retained: true,
        wants_latest: false,
        watches: Some(Arc::clone(&watches)),
        resume: None,
    };
    ids.map(request).collect()
}

#[test]
fn subscriptions_to_one_room_share_a_snapshot() {
    let mut world = World::new();
    let main = world.ready("main", 1);
    world.join(Some(main), "", "1");
    let other = world.open("other", 2);
    let mut all = requests(EVENT, 0..512);
    let others = requests("event-bus:presence:empty", 512..520);
    all.extend(others);
    let before = world.hub.seq;
    let (results, _) = world.hub.subscribe(other, all, world.now);
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(world.hub.seq, before + 2, "one event for each room");
    let effects = world.hub.pull("other", super::pull(2, 0), 'p', world.now);
    let effects = effects.unwrap();
    let items = effects.batches[0].1.items();
    let counts: Vec<usize> = items
        .iter()
        .map(|item| match item {
            Item::Event(queued) => queued.subscriptions.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(counts, [512, 8]);
}

#[test]
#[cfg(feature = "flood-limits")]
fn snapshots_count_as_what_a_page_gets_again() {
    let limits = Limits {
        repeat_burst_bytes: 3000,
        repeat_bytes_per_second: 1000,
        ..Limits::default()
    };
    let mut world = World::limited(limits);
    let main = world.ready("main", 1);
    world.join(Some(main), "", &"1".repeat(1400));
    let other = world.open("other", 2);
    let mut subscribe = |id| {
        let requests = requests(EVENT, id..id + 1);
        let (mut results, _) = world.hub.subscribe(other, requests, world.now);
        results.remove(0).map_err(|error| error.code())
    };
    assert!(subscribe(1).is_ok() && subscribe(2).is_ok());
    assert_eq!(subscribe(3), Err(ErrorCode::RateLimited));
    world.now += std::time::Duration::from_secs(2);
    assert!(
        world
            .hub
            .subscribe(other, requests(EVENT, 3..4), world.now)
            .0[0]
            .is_ok()
    );
}

/// Joins one member in each of so many rooms.
fn join_rooms(world: &mut World, by: SubscriberKey, rooms: std::ops::Range<usize>) {
    for room in rooms {
        let room = Room::parse(&format!("room:{room:05}")).unwrap();
        let state = PresenceStep::State("1".into());
        let (joined, _) = (world.hub).change_presence(Some(by), &room, "", state, world.now);
        joined.unwrap();
    }
}

#[test]
fn few_rooms_end_under_one_lock() {
    let mut world = World::new();
    let main = world.ready("main", 1);
    join_rooms(&mut world, main, 0..1000);
    // All members of one room leave it at once, however many they are.
    for key in 0..1000 {
        world.join(Some(main), &key.to_string(), "1");
    }
    world.told();
    let number = world.hub.webview_number("main").unwrap();
    let _ = world.hub.remove_webview("main", number);
    let (mut told, mut turns) = (Vec::new(), 0);
    loop {
        let next = world.pass(std::time::Duration::ZERO);
        let ended = world.told();
        assert!(ended.len() <= 65, "{}", ended.len());
        told.extend(ended);
        turns += 1;
        if next != Some(world.now) {
            break;
        }
    }
    assert_eq!(told[0], "main closed closed");
    assert_eq!(told.len(), 1002);
    assert!((16..20).contains(&turns), "{turns}");
    assert_eq!(world.hub.count_members(), (0, 0, 0));
}

#[test]
fn all_sessions_of_a_closed_page_leave_at_once() {
    let mut world = World::new();
    let main = world.ready("main", 1);
    world.join(Some(main), "a", "1");
    world.leave("main", ORIGIN);
    let main = world.ready("main", 2);
    world.join(Some(main), "b", "1");
    let other = world.open("other", 3);
    world.subscribe(other, EVENT, &everything());
    world.payloads("other", 3, 0);
    let _ = world.hub.remove_window("window");
    let _ = world.hub.announce("other", "window");
    world.told();
    world.pass(std::time::Duration::ZERO);
    assert_eq!(
        world.told().len(),
        3,
        "two pages, and one event of the room"
    );
    assert_eq!(world.hub.count_members(), (0, 0, 0));
}

#[test]
fn any_number_of_watchers_is_told() {
    let mut world = World::new();
    let labels: Vec<String> = (0..70).map(|n| format!("watcher-{n}")).collect();
    for (session, label) in (10..).zip(&labels) {
        let _ = world.hub.announce(label, label);
        let key = world.open(label, session);
        world.subscribe(key, EVENT, &everything());
        world.payloads(label, session, 0);
    }
    world.join(None, "", "1");
    for (session, label) in (10..).zip(&labels) {
        assert_eq!(world.payloads(label, session, 1).len(), 1, "{label}");
    }
}

#[test]
fn who_watches_another_room_gets_no_number() {
    let mut world = World::new();
    let (labels, hub) = (
        ["main", "other"],
        Hub::new(Limits::default(), Policies::default()),
    );
    world.hub = hub;
    for label in labels {
        let _ = world.hub.announce(label, label);
    }
    let other = world.open("other", 2);
    world.subscribe(other, "event-bus:presence:other", &everything());
    world.pull("other", 2, 0);
    world.pull("other", 2, 1);
    world.pass(START_UP);
    let before = world.hub.seq;
    world.join(None, "", "1");
    assert_eq!(world.hub.seq, before);
}
