//! Each watcher's members against those of the hub.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value;

use super::members::{EVENT, ROOM, everything};
use super::{ORIGIN, World, resume};
use crate::hub::ids::SubscriberKey;
use crate::hub::presence::{PresenceStep, Room};

#[derive(Debug, Clone)]
enum Step {
    /// A member of this page, or of the host, with this key and state.
    Join(usize, u8, u8),
    Leave(usize, u8),
    /// The page reloads and watches again.
    Reload(usize),
    /// The page renews its session and watches on, and has joined as these again.
    Renew(usize),
    Pull(usize),
    /// The webview of the page is closed, and another one of its label watches.
    Close(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_usize, 0..3_u8, 0..3_u8).prop_map(|(by, key, state)| Step::Join(by, key, state)),
        2 => (0..3_usize, 0..3_u8).prop_map(|(by, key)| Step::Leave(by, key)),
        1 => (0..2_usize).prop_map(Step::Reload),
        1 => (0..2_usize).prop_map(Step::Renew),
        2 => (0..2_usize).prop_map(Step::Pull),
        1 => (0..2_usize).prop_map(Step::Close),
        2 => (0..9000_u64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 1..60)
}

const LABELS: [&str; 2] = ["main", "other"];

type Members = BTreeMap<(Option<String>, String), Value>;

/// A page that keeps the members of the room.
struct Watcher {
    session: u64,
    key: SubscriberKey,
    ack: u64,
    members: Members,
    seq: u64,
}

fn id_of(member: &Value) -> (Option<String>, String) {
    let label = member["label"].as_str().map(str::to_owned);
    (label, member["key"].as_str().unwrap().to_owned())
}

impl Watcher {
    fn open(world: &mut World, page: usize, session: u64) -> Self {
        let key = world.open(LABELS[page], session);
        world.subscribe(key, EVENT, &everything());
        Self {
            session,
            key,
            ack: 0,
            members: Members::new(),
            seq: 0,
        }
    }

    /// Takes what waits, as the guest does.
    fn pull(&mut self, world: &mut World, page: usize) {
        for payload in world.payloads_and_gaps(LABELS[page], self.session, self.ack) {
            self.ack += 1;
            let Some(payload) = payload else {
                continue;
            };
            if let Some(all) = payload["members"].as_array() {
                self.members.clear();
                for member in all {
                    self.members.insert(id_of(member), member["state"].clone());
                }
            }
            for member in payload["joined"].as_array().into_iter().flatten() {
                let before = self.members.insert(id_of(member), member["state"].clone());
                assert_eq!(before, None, "no member twice");
            }
            for member in payload["updated"].as_array().into_iter().flatten() {
                let before = self.members.insert(id_of(member), member["state"].clone());
                assert!(before.is_some(), "an update of nobody");
            }
            for member in payload["left"].as_array().into_iter().flatten() {
                assert!(self.members.remove(&id_of(member)).is_some(), "left twice");
            }
        }
        self.seq = world.hub.seq;
    }
}

fn truth(world: &World) -> Members {
    let members = world.hub.members(&Room::parse(ROOM).unwrap());
    let members: Vec<Value> = serde_json::from_str(&members.to_json()).unwrap();
    let members = members.iter();
    members
        .map(|member| (id_of(member), member["state"].clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_watcher_knows_the_members(steps in steps()) {
        let mut world = World::new();
        let mut newest = 2;
        let mut pages = [0, 1].map(|page| Watcher::open(&mut world, page, page as u64 + 1));
        for step in steps {
            match step {
                Step::Join(by, key, state) => {
                    let by = pages.get(by).map(|page| page.key);
                    world.join(by, &key.to_string(), &state.to_string());
                }
                Step::Leave(by, key) => {
                    let by = pages.get(by).map(|page| page.key);
                    world.step(by, &key.to_string(), PresenceStep::Leave).unwrap();
                }
                Step::Reload(page) => {
                    pages[page].pull(&mut world, page);
                    let _ = world.hub.leave_page(LABELS[page], Some(ORIGIN.into()));
                    newest += 1;
                    pages[page] = Watcher::open(&mut world, page, newest);
                }
                Step::Renew(page) => {
                    pages[page].pull(&mut world, page);
                    newest += 1;
                    let (before, seq) = (pages[page].session, pages[page].seq);
                    let key = world.open(LABELS[page], newest);
                    world.subscribe_again(key, EVENT, &everything(), resume(before, seq));
                    let members = std::mem::take(&mut pages[page].members);
                    for ((label, own), state) in &members {
                        if label.as_deref() == Some(LABELS[page]) {
                            world.join(Some(key), own, &state.to_string());
                        }
                    }
                    let (session, ack) = (newest, 0);
                    pages[page] = Watcher { session, key, ack, members, seq };
                }
                Step::Pull(page) => pages[page].pull(&mut world, page),
                Step::Close(page) => {
                    let label = LABELS[page];
                    let number = world.hub.webview_number(label).unwrap();
                    let _ = world.hub.remove_webview(label, number);
                    let _ = world.hub.announce(label, "window");
                    world.pass(Duration::ZERO);
                    let mut members = truth(&world).into_keys();
                    prop_assert!(members.all(|(own, _)| own.as_deref() != Some(label)));
                    newest += 1;
                    pages[page] = Watcher::open(&mut world, page, newest);
                }
                Step::Pass(millis) => {
                    for (page, watcher) in pages.iter_mut().enumerate() {
                        watcher.pull(&mut world, page);
                    }
                    world.pass(Duration::from_millis(millis));
                }
            }
        }
        for (page, watcher) in pages.iter_mut().enumerate() {
            watcher.pull(&mut world, page);
            prop_assert_eq!(&watcher.members, &truth(&world));
        }
        // Who does not join again is no member after a while.
        for label in LABELS {
            let _ = world.hub.leave_page(label, Some(ORIGIN.into()));
        }
        world.pass(Duration::ZERO);
        world.pass(super::GRACE);
        prop_assert!(truth(&world).keys().all(|(label, _)| label.is_none()));
        let (members, owners, left) = world.hub.count_members();
        prop_assert_eq!((members, owners, left), (truth(&world).len(), 0, 0));
    }
}
