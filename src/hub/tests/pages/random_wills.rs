//! Wills of pages that come, go, renew their sessions and crash, against a list of what is due.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::wills::will;
use super::{GRACE, ORIGIN, World, resume};
use crate::hub::ids::SubscriberKey;
use crate::hub::pages::SHOWN_AFTER;

#[derive(Debug, Clone)]
enum Step {
    Set(usize, u64, u64),
    Stop(usize, u64),
    /// A page opens its session: one that has come back, or the same one, which goes on.
    Open(usize),
    Renew(usize),
    /// The page pulls, which shows that it is there.
    Show(usize),
    Leave(usize),
    Crash(usize),
    /// The webview shows a page of another origin.
    Navigate(usize),
    Close(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let page = 0..LABELS.len();
    let after = prop_oneof![Just(0_u64), Just(2000), Just(7000)];
    let step = prop_oneof![
        4 => (page.clone(), 0..3_u64, after).prop_map(|(page, id, after)| Step::Set(page, id, after)),
        1 => (page.clone(), 0..3_u64).prop_map(|(page, id)| Step::Stop(page, id)),
        3 => page.clone().prop_map(Step::Open),
        2 => page.clone().prop_map(Step::Renew),
        3 => page.clone().prop_map(Step::Show),
        2 => page.clone().prop_map(Step::Leave),
        1 => page.clone().prop_map(Step::Crash),
        1 => page.clone().prop_map(Step::Navigate),
        1 => page.prop_map(Step::Close),
        5 => (0..4000_u64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 1..80)
}

const LABELS: [&str; 2] = ["main", "other"];

struct Session {
    number: u64,
    key: SubscriberKey,
    opened: Instant,
    is_shown: bool,
    /// Whether it continues the session before it.
    continues: bool,
}

/// Names and delays, by the ids that a page gave.
type Wills = BTreeMap<u64, (String, Duration)>;

#[derive(Default)]
struct Page {
    session: Option<Session>,
    /// The number of its last session, if that was there for others.
    away: Option<u64>,
    away_since: Option<Instant>,
    own: Wills,
    /// Those of sessions that have ended, and when.
    left: BTreeMap<u64, (String, Duration, Instant, SubscriberKey)>,
    /// The last session that was left, and whether it continued the one before it.
    last: Option<(SubscriberKey, bool)>,
}

impl Page {
    fn open(&mut self, world: &mut World, label: &str, number: u64, continues: bool) {
        let before = self.session.as_ref().map(|session| session.number);
        let before = before.or(self.away).filter(|_| continues);
        self.end(world.now);
        let key = world.open(label, number);
        let resumption = before.and_then(|before| resume(before, world.hub.seq));
        world.subscribe_again(key, "x", &[], resumption);
        self.session = Some(Session {
            number,
            key,
            opened: world.now,
            is_shown: false,
            continues: before.is_some() && before == self.away,
        });
    }

    /// Its session is over.
    fn end(&mut self, now: Instant) {
        let Some(session) = self.session.take() else {
            return;
        };
        if session.is_shown {
            self.away = Some(session.number);
            self.away_since = Some(now);
        } else if session.continues {
            self.away = Some(session.number);
        }
        for (id, (name, after)) in std::mem::take(&mut self.own) {
            self.left.insert(id, (name, after, now, session.key));
        }
        self.last = Some((session.key, session.continues));
    }

    fn show(&mut self) {
        let Some(session) = self.session.as_mut().filter(|session| !session.is_shown) else {
            return;
        };
        session.is_shown = true;
        self.away = None;
        let left = std::mem::take(&mut self.left);
        if session.continues {
            for (id, (name, after, ..)) in left {
                self.own.entry(id).or_insert((name, after));
            }
        }
    }

    fn pass(&mut self, now: Instant, due: &mut Vec<String>) {
        if (self.session.as_ref()).is_some_and(|session| now >= session.opened + SHOWN_AFTER) {
            self.show();
        }
        if self.session.is_some() {
            return;
        }
        if self.away_since.is_some_and(|since| now >= since + GRACE) {
            self.away = None;
        }
        self.left.retain(|_, (name, after, since, _)| {
            let is_due = now >= *since + (*after).max(GRACE);
            if is_due {
                due.push(std::mem::take(name));
            }
            !is_due
        });
    }

    /// Its page cannot come back.
    fn give_up(&mut self, due: &mut Vec<String>) {
        self.away = None;
        due.extend(
            std::mem::take(&mut self.left)
                .into_values()
                .map(|will| will.0),
        );
    }
}

fn take(world: &mut World) -> Vec<String> {
    let _ = world.hub.expire(world.now);
    let wills = world.hub.take_due_wills().into_iter();
    let mut names: Vec<String> = wills.map(|will| will.event.name.as_str().into()).collect();
    names.sort();
    names
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_will_is_emitted_once_and_in_time(steps in steps()) {
        let mut world = World::new();
        let mut pages = [Page::default(), Page::default()];
        let mut newest = 0;
        for step in steps {
            newest += 1;
            let mut due = Vec::new();
            match step {
                Step::Set(page, id, after) => {
                    if let Some(session) = &pages[page].session {
                        let (name, after) = (format!("gone-{newest}"), Duration::from_millis(after));
                        let (result, _) = world.hub.set_will(session.key, id, Some(will(&name, "1", after)));
                        prop_assert!(result.is_ok());
                        pages[page].own.insert(id, (name, after));
                    }
                }
                Step::Stop(page, id) => {
                    if let Some(session) = &pages[page].session {
                        prop_assert!(world.hub.set_will(session.key, id, None).0.is_ok());
                        if !session.is_shown && session.continues {
                            pages[page].left.remove(&id);
                        }
                        pages[page].own.remove(&id);
                    } else if let Some((key, continues)) = pages[page].last {
                        // It is one of the last commands of the page.
                        prop_assert!(world.hub.set_will(key, id, None).0.is_ok());
                        let own = &mut pages[page];
                        let goes_on = continues && own.away.is_some();
                        own.left.retain(|other, left| *other != id || left.3 != key && !goes_on);
                    }
                }
                Step::Open(page) => pages[page].open(&mut world, LABELS[page], newest, false),
                Step::Renew(page) => pages[page].open(&mut world, LABELS[page], newest, true),
                Step::Show(page) => {
                    if let Some(session) = &pages[page].session {
                        world.pull(LABELS[page], session.number, 0);
                        pages[page].show();
                    }
                }
                Step::Leave(page) => {
                    let _ = world.hub.leave_page(LABELS[page], Some(ORIGIN.into()));
                    pages[page].end(world.now);
                }
                Step::Crash(page) => {
                    let _ = world.hub.note_crash(LABELS[page]);
                    pages[page].end(world.now);
                }
                Step::Navigate(page) => {
                    for origin in ["https://example.org", ORIGIN] {
                        let _ = world.hub.leave_page(LABELS[page], Some(origin.into()));
                    }
                    pages[page].end(world.now);
                    if pages[page].away.is_some() {
                        pages[page].give_up(&mut due);
                    }
                }
                Step::Close(page) => {
                    let number = world.hub.webview_number(LABELS[page]).unwrap();
                    let _ = world.hub.remove_webview(LABELS[page], number);
                    let _ = world.hub.announce(LABELS[page], "window");
                    pages[page].end(world.now);
                    pages[page].give_up(&mut due);
                    pages[page].last = None;
                }
                Step::Pass(millis) => {
                    for (page, label) in pages.iter().zip(LABELS) {
                        // It is not silent.
                        if let Some(session) = page.session.as_ref().filter(|session| session.is_shown) {
                            world.pull(label, session.number, 0);
                        }
                    }
                    world.now += Duration::from_millis(millis);
                }
            }
            for page in &mut pages {
                page.pass(world.now, &mut due);
            }
            due.sort();
            prop_assert_eq!(take(&mut world), due);
        }
        // All that is left is emitted once everything is closed.
        let mut due = Vec::new();
        for (page, label) in pages.iter_mut().zip(LABELS) {
            let number = world.hub.webview_number(label).unwrap();
            let _ = world.hub.remove_webview(label, number);
            page.end(world.now);
            page.give_up(&mut due);
        }
        due.sort();
        prop_assert_eq!(take(&mut world), due);
    }
}
