use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::session_id;
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::outbox::{BatchBound, Item};
use crate::hub::requests::message::{
    Caller, Ending, NewRequest, Recipient, RequestMessage, ResponderKind,
};
use crate::hub::requests::recipients::GRACE;
use crate::hub::{Effects, Hub, PULL_HOLD, Pull, SESSION_LEASE};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::{ErrorCode, Result};
use crate::model::name::EventName;
use crate::model::policies::Policies;

mod ends;

const BATCH: BatchBound = BatchBound {
    events: 4096,
    bytes: 1 << 20,
};
const TIMEOUT: Duration = Duration::from_secs(30);

struct World {
    hub: Hub<u32>,
    now: Instant,
    newest: u128,
    /// How each request ended, by the number of its waiter.
    ended: HashMap<u32, std::result::Result<String, ErrorCode>>,
    /// Those whose page is gone.
    gone: Vec<u32>,
}

fn name(text: &str) -> EventName {
    EventName::parse(text).unwrap()
}

impl World {
    fn new() -> Self {
        let mut hub = Hub::new(Limits::default(), Policies::default());
        let _ = hub.announce("a", "a");
        let _ = hub.announce("b", "b");
        Self {
            hub,
            now: Instant::now(),
            newest: 0,
            ended: HashMap::new(),
            gone: Vec::new(),
        }
    }

    fn apply_effects(&mut self, effects: Effects<u32>) {
        for (waiter, response) in effects.replies {
            let response = response.map_err(|error| error.code());
            let response = response.map(|json| json.to_string());
            let before = self.ended.insert(waiter, response);
            assert_eq!(before, None, "{waiter} got two replies");
        }
        self.gone
            .extend(effects.gone.into_iter().map(|(waiter, _)| waiter));
    }

    /// Opens a session with one responder.
    fn open(&mut self, label: &str, id: u64) -> SubscriberKey {
        let key = self.open_without_responder(label, id);
        let (added, effects) =
            self.hub
                .add_responder(key, name("q"), ResponderKind::Single, self.now);
        added.unwrap();
        self.apply_effects(effects);
        key
    }

    fn open_without_responder(&mut self, label: &str, id: u64) -> SubscriberKey {
        let (opened, effects) = self.hub.open_session(label, session_id(id), None, self.now);
        self.apply_effects(effects);
        opened.unwrap()
    }

    fn send(&mut self, to: &str, caller: Caller, waiter: u32) -> Result<RequestId> {
        self.newest += 1;
        let id = RequestId::of(self.newest);
        let request = NewRequest {
            message: RequestMessage {
                id,
                name: name("q"),
                payload: "1".into(),
                source: Endpoint::Host,
                provenance: None,
                stream: None,
                is_channel: false,
            },
            caller,
            to: match to {
                "host" => Recipient::Host,
                label => Recipient::Page(label.into()),
            },
            timeout: Some(TIMEOUT),
        };
        match self.hub.request(request, waiter, self.now) {
            Ok((_, effects)) => {
                self.apply_effects(effects);
                Ok(id)
            }
            Err((_, error)) => Err(error),
        }
    }

    /// What is delivered to the page of this session, which acknowledges all before.
    fn pull(&mut self, label: &str, id: u64) -> Vec<Item> {
        let ack = self.hub.webviews[label]
            .session
            .map_or(0, |key| self.hub.sessions[&key].outbox.last_index);
        let pull = Pull {
            session: session_id(id),
            ack,
            is_ahead: true,
            is_prompt: false,
            can_be_called: false,
            bound: BATCH,
        };
        let mut effects = self.hub.pull(label, pull, 0, self.now).unwrap();
        let (_, batch) = effects.batches.remove(0);
        self.apply_effects(effects);
        batch.items().to_vec()
    }

    fn expire(&mut self) -> Option<Instant> {
        let (effects, next) = self.hub.expire(self.now);
        self.apply_effects(effects);
        next
    }

    fn end(&mut self, waiter: u32) -> std::result::Result<String, ErrorCode> {
        self.ended.remove(&waiter).unwrap()
    }

    #[track_caller]
    fn check_empty(&self) {
        assert!(self.hub.requests.is_empty(), "{:?}", self.hub.requests);
        for session in self.hub.sessions.values() {
            assert!(session.sent_requests.is_empty() && session.outbox.messages.is_empty());
            assert_eq!(session.received_requests, 0);
        }
    }
}

#[test]
fn a_request_ends_once_whatever_comes_first() {
    type Step = fn(&mut World, SubscriberKey, RequestId);
    let steps: [(&str, Step); 5] = [
        ("response", |world, key, id| {
            let response = Ok("1".into());
            if let Ok(effects) = world.hub.respond_from_page(key, id, response, None) {
                world.apply_effects(effects);
            }
        }),
        ("timeout", |world, _, _| {
            world.now += TIMEOUT;
            world.expire();
        }),
        ("cancelled", |world, _, id| {
            let effects = world.hub.cancel(id);
            world.apply_effects(effects);
        }),
        ("page_gone", |world, _, _| {
            let effects = world.hub.leave_page("a", None);
            world.apply_effects(effects);
        }),
        ("no_responder", |world, key, id| {
            if let Ok(effects) = world.hub.decline(key, id) {
                world.apply_effects(effects);
            }
        }),
    ];
    for (first, step) in steps {
        for (_, later) in steps {
            for is_delivered in [false, true] {
                // A page knows only the ids of requests that it was delivered.
                if !is_delivered && matches!(first, "response" | "no_responder") {
                    continue;
                }
                let mut world = World::new();
                let key = world.open("a", 1);
                let id = world.send("a", Caller::Host, 7).unwrap();
                if is_delivered {
                    assert_eq!(world.pull("a", 1).len(), 1);
                }
                step(&mut world, key, id);
                let ended = world.ended[&7].clone();
                let ended = ended.map_or_else(ErrorCode::as_str, |_| "response");
                assert_eq!(ended, first);
                later(&mut world, key, id);
                assert_eq!(world.ended.len(), 1);
                if !matches!(first, "page_gone")
                    && world.hub.session_key("a", session_id(1)).is_ok()
                {
                    let endings = world.pull("a", 1);
                    let is_notified = is_delivered && matches!(first, "timeout" | "cancelled");
                    assert_eq!(!endings.is_empty(), is_notified, "{first} {endings:?}");
                }
                world.check_empty();
            }
        }
    }
}

#[test]
fn a_page_may_respond_after_its_responder_has_ended() {
    let mut world = World::new();
    let key = world.open("a", 1);
    let id = world.send("a", Caller::Host, 1).unwrap();
    assert_eq!(world.pull("a", 1).len(), 1);
    let effects = world.hub.remove_responder(key, &name("q"));
    world.apply_effects(effects);
    world.pull("a", 1);
    assert!(!world.hub.sessions[&key].is_idle());
    let effects = world
        .hub
        .respond_from_page(key, id, Ok("1".into()), None)
        .unwrap();
    world.apply_effects(effects);
    assert_eq!(world.end(1), Ok("1".into()));
    assert!(world.hub.sessions[&key].is_idle());
    world.check_empty();
}

#[test]
fn a_page_that_has_waited_keeps_its_session() {
    let mut world = World::new();
    let key = world.open_without_responder("b", 2);
    world.open("a", 1);
    let sent_at = world.now;
    let id = world.send("host", Caller::Page(key, 1), 1).unwrap();
    world.now = sent_at + TIMEOUT - Duration::from_millis(1);
    world.hub.sessions.get_mut(&key).unwrap().last_seen = sent_at - SESSION_LEASE;
    let effects = world.hub.respond_from_host(id, Ok("1".into()));
    assert!(effects.rearm, "its lease is to be checked");
    world.apply_effects(effects);
    world.expire();
    assert!(world.hub.is_open(key));
    world.now += SESSION_LEASE;
    world.expire();
    assert!(!world.hub.is_open(key));
    world.check_empty();
}

#[test]
fn a_lease_begins_when_the_wait_ends() {
    for is_answered in [true, false] {
        let mut world = World::new();
        let key = world.open_without_responder("b", 2);
        let id = world.send("host", Caller::Page(key, 1), 1).unwrap();
        match is_answered {
            true => {
                world.now += TIMEOUT / 2;
                let effects = world.hub.respond_from_host(id, Ok("1".into()));
                assert!(effects.rearm, "the end of its lease is not known yet");
                world.apply_effects(effects);
            }
            false => world.now += TIMEOUT,
        }
        let due = world.expire();
        assert_eq!(due, Some(world.now + SESSION_LEASE));
        world.now += SESSION_LEASE;
        world.expire();
        assert!(!world.hub.is_open(key));
    }
}

#[test]
fn a_page_that_pulls_needs_no_proof_of_waiting() {
    let mut world = World::new();
    let key = world.open("b", 2);
    let id = world.send("host", Caller::Page(key, 1), 1).unwrap();
    let pull = Pull {
        session: session_id(2),
        ack: 0,
        is_ahead: false,
        is_prompt: false,
        can_be_called: false,
        bound: BATCH,
    };
    let effects = world.hub.pull("b", pull, 9, world.now).unwrap();
    assert!(effects.batches.is_empty(), "it is parked");
    let effects = world.hub.respond_from_host(id, Ok("1".into()));
    assert!(!effects.rearm);
    world.apply_effects(effects);
    world.now += PULL_HOLD;
    let due = world.expire();
    assert_eq!(due, Some(world.now + SESSION_LEASE));
    world.now += SESSION_LEASE;
    world.expire();
    assert!(!world.hub.is_open(key));
}

#[test]
fn only_a_caller_that_is_there_gets_a_reply() {
    // Two webviews of one window send requests to each other, one to itself, and the window closes.
    let mut world = World::new();
    let _ = world.hub.announce("c", "a");
    let (a, c) = (world.open("a", 1), world.open("c", 3));
    world.send("c", Caller::Page(a, 1), 1).unwrap();
    world.send("a", Caller::Page(c, 1), 2).unwrap();
    world.send("a", Caller::Page(a, 2), 3).unwrap();
    let (_, effects) = world.hub.remove_window("a");
    world.apply_effects(effects);
    world.gone.sort_unstable();
    assert_eq!(
        (world.gone.as_slice(), world.ended.len()),
        (&[1, 2, 3][..], 0)
    );
    world.check_empty();

    // The app exits.
    let mut world = World::new();
    let (a, b) = (world.open("a", 1), world.open("b", 2));
    world.send("b", Caller::Page(a, 1), 1).unwrap();
    world.send("b", Caller::Host, 2).unwrap();
    let _ = b;
    let effects = world.hub.shut_down();
    world.apply_effects(effects);
    assert_eq!(world.gone, [1]);
    assert_eq!(world.end(2), Err(ErrorCode::Unavailable));
    world.check_empty();

    // A page renews its session while it waits: it is still there, and gets an error.
    let mut world = World::new();
    let a = world.open("a", 1);
    world.send("host", Caller::Page(a, 1), 1).unwrap();
    world.open("a", 2);
    assert_eq!(world.end(1), Err(ErrorCode::Unavailable));
    assert!(world.gone.is_empty());
    world.check_empty();
}

#[test]
fn a_request_waits_for_a_starting_page() {
    let mut world = World::new();
    // No page is there yet.
    world.send("a", Caller::Host, 1).unwrap();
    world.now += GRACE - Duration::from_millis(1);
    let next = world.expire();
    assert_eq!(next, Some(world.now + Duration::from_millis(1)));
    assert!(world.ended.is_empty());
    world.now += Duration::from_millis(1);
    world.expire();
    assert_eq!(world.end(1), Err(ErrorCode::NoResponder));

    // The page is there, without a responder for this name.
    let opened = world.now;
    let key = world.open_without_responder("a", 1);
    world.now += Duration::from_secs(1);
    world.send("a", Caller::Host, 2).unwrap();
    world.now = opened + GRACE - Duration::from_millis(1);
    world.expire();
    let (added, effects) =
        world
            .hub
            .add_responder(key, name("q"), ResponderKind::Single, world.now);
    assert_eq!(added, Ok(()));
    world.apply_effects(effects);
    let items = world.pull("a", 1);
    let Item::Request(message) = &items[0] else {
        panic!("{items:?}");
    };
    let effects = world
        .hub
        .respond_from_page(key, message.id, Ok("2".into()), None);
    world.apply_effects(effects.unwrap());
    assert_eq!(world.end(2), Ok("2".into()));

    // Once it has started, no request waits.
    world.now = opened + GRACE;
    let effects = world.hub.remove_responder(key, &name("q"));
    world.apply_effects(effects);
    let error = world.send("a", Caller::Host, 3).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NoResponder);
    world.check_empty();
}

#[test]
fn a_waiting_request_ends_with_its_webview() {
    let mut world = World::new();
    world.send("a", Caller::Host, 1).unwrap();
    let (_, effects) = world.hub.remove_window("a");
    world.apply_effects(effects);
    assert_eq!(world.end(1), Err(ErrorCode::PageGone));
    world.check_empty();
}

#[test]
fn the_end_of_the_caller_cancels_its_requests() {
    let mut world = World::new();
    world.open("a", 1);
    let caller = world.open_without_responder("b", 2);
    world.send("a", Caller::Page(caller, 1), 1).unwrap();
    world.pull("a", 1);
    world.send("host", Caller::Page(caller, 2), 2).unwrap();
    let effects = world.hub.leave_page("b", None);
    assert_eq!(effects.cancelled.len(), 1);
    world.apply_effects(effects);
    world.gone.sort_unstable();
    assert_eq!(world.gone, [1, 2]);
    let endings = world.pull("a", 1);
    assert!(matches!(endings[..], [Item::Ended(_, Ending::Cancelled)]));
    world.check_empty();
}

#[test]
fn a_late_copy_of_a_request_is_not_sent_again() {
    let mut world = World::new();
    let caller = world.open_without_responder("b", 2);
    world.send("host", Caller::Page(caller, 1), 1).unwrap();
    let effects = world.hub.cancel_from_page("b", session_id(2), 2);
    world.apply_effects(effects);
    world.now += TIMEOUT;
    // It was there while it waited, so its lease begins now.
    world.expire();
    world.expire();
    world.now += SESSION_LEASE;
    world.expire();
    // The page sends the others in its next session.
    for (number, code) in [
        (1, ErrorCode::Unavailable),
        (2, ErrorCode::Unavailable),
        (3, ErrorCode::StaleSession),
    ] {
        let (opened, _) = world
            .hub
            .open_for_request("b", session_id(2), number, None, world.now);
        assert_eq!(opened.unwrap_err().code(), code, "{number}");
    }
    assert!(world.hub.sessions.is_empty());
}

#[test]
fn a_waiting_caller_keeps_its_session() {
    let mut world = World::new();
    world.open("a", 1);
    let caller = world.open_without_responder("b", 2);
    world.send("host", Caller::Page(caller, 1), 1).unwrap();
    world.hub.sessions.get_mut(&caller).unwrap().last_seen -= Duration::from_secs(600);
    world.expire();
    assert!(world.hub.sessions.contains_key(&caller));
    world.now += TIMEOUT;
    world.expire();
    assert_eq!(world.end(1), Err(ErrorCode::Timeout));
    // It was there while it waited, so its lease begins now.
    world.expire();
    assert!(world.hub.sessions.contains_key(&caller));
    world.now += SESSION_LEASE;
    world.expire();
    assert!(!world.hub.sessions.contains_key(&caller));
}

#[test]
fn only_the_recipient_may_respond() {
    let mut world = World::new();
    world.open("a", 1);
    let thief = world.open("b", 2);
    let id = world.send("a", Caller::Host, 1).unwrap();
    let of_host = world.send("host", Caller::Host, 2).unwrap();
    for id in [id, of_host] {
        let stolen = world.hub.respond_from_page(thief, id, Ok("1".into()), None);
        assert_eq!(stolen.unwrap_err().code(), ErrorCode::UnknownRequest);
    }
    assert!(world.ended.is_empty());
}
