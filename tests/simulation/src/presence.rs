//! Presence: who is in a room, what watchers are told of that, and what is left of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::listener::Listener;
use crate::api::presence::Presence;
use crate::host::Note;
use crate::model::presence::{PresenceChange, PresenceMember};
use crate::oracle::Oracle;
use crate::world::{World, lock};

const ROOMS: [&str; 2] = ["room:a", "room:b"];

/// The label of a page, or `None` for the host, and a key.
type MemberId = (Option<String>, String);
type Members = BTreeMap<MemberId, Value>;

/// What a page has wanted of one of its members.
#[derive(Debug)]
struct Wish {
    promise: u64,
    /// `None` leaves.
    state: Option<Value>,
}

#[derive(Debug)]
struct Watcher {
    page: Option<u32>,
    room: String,
    /// Whom it knows, as its handlers were told.
    members: Members,
    is_ended: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Rooms {
    /// By page, room and key.
    wishes: BTreeMap<(u32, String, String), Vec<Wish>>,
    /// Pages that have reported a refusal, which may have been that of a member.
    refused: BTreeSet<u32>,
    watchers: BTreeMap<u64, Watcher>,
    /// What the host is in which room.
    host: BTreeMap<String, Value>,
}

/// What the host has in rooms.
#[derive(Default)]
pub(crate) struct HostRooms {
    joined: BTreeMap<&'static str, Presence<u64>>,
    watched: Vec<(u64, Listener)>,
}

impl HostRooms {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl World {
    fn room(&mut self) -> &'static str {
        self.rng.pick(&ROOMS)
    }

    /// What a page says of a member, or that it leaves.
    pub(crate) fn make_member(&mut self, page: u32, promise: u64, leaves: bool) -> Value {
        let (room, key) = (self.room(), self.rng.pick(&["", "", "b"]));
        // Few states, so that some are equal.
        let state = (!leaves).then(|| json!(self.rng.below(3)));
        let wishes = &mut self.oracle.rooms.wishes;
        let own = wishes.entry((page, room.into(), key.into())).or_default();
        own.push(Wish {
            promise,
            state: state.clone(),
        });
        json!({ "room": room, "key": key, "state": state })
    }

    pub(crate) fn make_watch(&mut self, promise: u64) -> Value {
        json!({ "watcher": promise, "room": self.room() })
    }

    /// The host joins a room, changes or leaves.
    pub(crate) fn host_is_present(&mut self) {
        let room = self.room();
        if self.rng.chance(30) {
            self.note(format!("host leaves {room}"));
            self.host.rooms.joined.remove(room);
            self.oracle.rooms.host.remove(room);
            return;
        }
        let state = self.rng.below(3) as u64;
        let joined = &mut self.host.rooms.joined;
        if !joined.contains_key(room) {
            let Ok(made) = self.bus.presence(room) else {
                return;
            };
            joined.insert(room, made);
        }
        let result = joined.get(room).map(|own| own.join(&state));
        self.note(format!("host joins {room} with {state}: {result:?}"));
        if result.is_some_and(|result| result.is_ok()) {
            self.oracle.rooms.host.insert(room.into(), json!(state));
        }
    }

    pub(crate) fn host_watches(&mut self) {
        let room = self.room();
        let number = self.number();
        let Ok(watched) = self.bus.presence::<Value>(room) else {
            return;
        };
        let notes = Arc::clone(&self.host.notes);
        let listener = watched.on_change(move |change| {
            lock(&notes).push(Note::Member(number, change));
        });
        let (Ok(listener), Ok(list)) = (listener, watched.list()) else {
            return;
        };
        self.note(format!("host watches {room} as {number}: {list:?}"));
        let watcher = Watcher {
            page: None,
            room: room.into(),
            members: list.into_iter().map(member).collect(),
            is_ended: false,
        };
        self.oracle.rooms.watchers.insert(number, watcher);
        self.host.rooms.watched.push((number, listener));
    }

    pub(crate) fn host_watches_no_more(&mut self) {
        if self.host.rooms.watched.is_empty() {
            return;
        }
        let (number, listener) = self.host.rooms.watched.remove(0);
        self.note(format!("host watcher {number} ends"));
        listener.stop();
        self.take_notes_of_host();
        self.oracle.watch_ends(number);
    }

    pub(crate) fn take_change(&mut self, watcher: u64, change: PresenceChange<Value>) {
        self.note(format!("host watcher {watcher} is told {change:?}"));
        let (word, (id, state)) = match change {
            PresenceChange::Join(new) => ("join", member(new)),
            PresenceChange::Update(new) => ("update", member(new)),
            PresenceChange::Leave { label, key } => ("leave", ((label, key), Value::Null)),
        };
        self.oracle.member_changes(watcher, word, id, state);
    }

    fn members_of(&self, room: &str) -> Members {
        let list = self.bus.presence::<Value>(room).and_then(|own| own.list());
        list.unwrap_or_default().into_iter().map(member).collect()
    }

    /// The members that are left once everything is closed.
    pub(crate) fn members_left(&self) -> Vec<String> {
        let rooms = ROOMS.map(|room| (room, self.members_of(room)));
        let rooms = rooms.into_iter().filter(|(_, members)| !members.is_empty());
        rooms
            .map(|(room, members)| format!("members are left in {room}: {members:?}"))
            .collect()
    }

    /// Looks at who is in the rooms of the host, once nothing changes any more.
    pub(crate) fn check_rooms(&mut self) {
        for room in ROOMS {
            let members = self.members_of(room);
            self.note(format!("{room} has {members:?}"));
            let (expected, unknown) = self.oracle.expected_in(room);
            let problems = compare(&members, &expected, &unknown);
            for problem in problems {
                self.oracle.violation(format!("{room}: {problem}"));
            }
        }
    }
}

fn member(member: PresenceMember<Value>) -> (MemberId, Value) {
    ((member.label, member.key), member.state)
}

/// What is wrong with who is there.
fn compare(found: &Members, expected: &Members, unknown: &BTreeSet<MemberId>) -> Vec<String> {
    let mut problems = Vec::new();
    for (id, state) in expected.iter().filter(|(id, _)| !unknown.contains(*id)) {
        match found.get(id) {
            Some(own) if own == state => {}
            own => problems.push(format!("the member {id:?} is {own:?} instead of {state}")),
        }
    }
    let left = found.keys();
    let left = left.filter(|id| !expected.contains_key(*id) && !unknown.contains(*id));
    problems.extend(left.map(|id| format!("the member {id:?} is left behind")));
    problems
}

impl Oracle {
    pub(crate) fn watch_begins(&mut self, watcher: u64, page: u32, room: &str) {
        let new = Watcher {
            page: Some(page),
            room: room.into(),
            members: Members::new(),
            is_ended: false,
        };
        self.rooms.watchers.insert(watcher, new);
    }

    pub(crate) fn watch_ends(&mut self, watcher: u64) {
        if let Some(watcher) = self.rooms.watchers.get_mut(&watcher) {
            watcher.is_ended = true;
        }
    }

    /// A page has reported that the host has refused something.
    pub(crate) fn page_reports_refusal(&mut self, page: u32) {
        self.rooms.refused.insert(page);
    }

    /// A handler of a page is told of a member.
    pub(crate) fn member_is_told(&mut self, value: &Value) {
        let watcher = value["watcher"].as_u64().unwrap_or_default();
        let label = value["label"].as_str().map(str::to_owned);
        let key = value["key"].as_str().unwrap_or_default().to_owned();
        let change = value["change"].as_str().unwrap_or_default();
        self.member_changes(watcher, change, (label, key), value["state"].clone());
    }

    fn member_changes(&mut self, watcher: u64, change: &str, id: MemberId, state: Value) {
        let Some(own) = self.rooms.watchers.get_mut(&watcher) else {
            return;
        };
        let before = match change {
            "leave" => own.members.remove(&id),
            _ => own.members.insert(id.clone(), state.clone()),
        };
        let is_right = match change {
            "join" => before.is_none(),
            "update" => before.as_ref().is_some_and(|before| *before != state),
            _ => before.is_some(),
        };
        let (is_ended, is_of_host) = (own.is_ended, own.page.is_none());
        if is_ended || (!is_right && !is_of_host) {
            self.violation(format!(
                "watcher {watcher} was told {change} of {id:?} with {state}, which was {before:?}, ended: {is_ended}"
            ));
        }
    }

    /// Who is to be in a room, and of whom that is unknown.
    fn expected_in(&self, room: &str) -> (Members, BTreeSet<MemberId>) {
        let (mut members, mut unknown) = (Members::new(), BTreeSet::new());
        if let Some(state) = self.rooms.host.get(room) {
            members.insert((None, String::new()), state.clone());
        }
        let own = self
            .rooms
            .wishes
            .iter()
            .filter(|((_, own, _), _)| own == room);
        for ((page, _, key), wishes) in own.filter(|((page, _, _), _)| !self.is_gone(*page)) {
            let label = self.pages.get(page).map(|page| page.label.clone());
            let id = (label, key.clone());
            let mut is_known = !self.rooms.refused.contains(page);
            let mut state = None;
            for wish in wishes {
                let settled = self.promises.get(&wish.promise);
                match settled.and_then(|promise| promise.settled.as_ref()) {
                    Some(Ok(_)) => state = wish.state.clone(),
                    _ => is_known = false,
                }
            }
            if let Some(state) = state {
                members.insert(id.clone(), state);
            }
            if !is_known {
                unknown.insert(id);
            }
        }
        (members, unknown)
    }

    /// What watchers know, once nothing changes any more. `dropped`: whether the host listeners were too slow for events.
    pub(crate) fn check_watchers(&self, dropped: bool, found: &mut Vec<String>) {
        for (number, watcher) in &self.rooms.watchers {
            let promise = self.promises.get(number);
            let has_begun = match watcher.page {
                Some(page) => {
                    let settled = promise.and_then(|promise| promise.settled.as_ref());
                    !self.is_gone(page) && settled.is_some_and(Result::is_ok)
                }
                None => !dropped,
            };
            if watcher.is_ended || !has_begun {
                continue;
            }
            let (expected, unknown) = self.expected_in(&watcher.room);
            let problems = compare(&watcher.members, &expected, &unknown);
            let room = &watcher.room;
            found.extend(
                problems
                    .into_iter()
                    .map(|problem| format!("watcher {number} of {room}: {problem}")),
            );
        }
    }
}
