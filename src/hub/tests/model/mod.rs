//! The hub against an oracle, over random interleavings of what apps, pages and networks do.
//!
//! Pages here behave as the guest does, but their batches may be lost or late, they may vanish at any moment, and the hub
//! may hear of their webviews late. Whatever happens, a subscription gets each of its events once and in order, or a gap
//! that covers it; and between two pages of one webview nothing is lost that is kept.

mod checks;
mod pages;

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::session_id;
use crate::hub::outbox::BatchBound;
use crate::hub::{Address, Audience, Effects, Hub, NewEvent};
use crate::limits::Limits;
use crate::model::endpoint::Endpoint;
use crate::model::error::ErrorCode;
use crate::model::name::EventName;
use crate::model::policies::Policies;
use crate::model::policy::Policy;
use crate::model::target::Target;
use pages::Page;

/// The first two are in one window.
const WEBVIEWS: [&str; 3] = ["a", "b", "c"];
const WINDOWS: [&str; 3] = ["w", "w", "c"];
/// Events named `live` have no history, and those named `kept` are retained unless the emitter says otherwise. Those named
/// `latest` and `reject` have the policy of that name.
const NAMES: [&str; 6] = ["x", "y", "live", "kept", "latest", "reject"];
/// The last one is `*` of a page that may receive only `x`.
const PATTERNS: [&str; 8] = ["x", "live", "kept", "latest", "reject", "y", "*", "* in x"];
/// The payload of a large event has this many bytes.
const LARGE: usize = 400;
const BATCH: BatchBound = BatchBound {
    events: 3,
    bytes: 1 << 20,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    Everyone,
    Webview(usize),
    Window(&'static str),
    /// The first two.
    Glob,
    /// The first and the last.
    Several,
}

impl To {
    fn target(self) -> Option<Target> {
        match self {
            Self::Everyone => None,
            Self::Webview(page) => Some(WEBVIEWS[page].into()),
            Self::Window(window) => Some(Target::window(window)),
            Self::Glob => Some("[ab]".into()),
            Self::Several => Some(["a", "c"].into()),
        }
    }

    fn reaches(self, page: usize) -> bool {
        match self {
            Self::Everyone => true,
            Self::Webview(own) => own == page,
            Self::Window(window) => WINDOWS[page] == window,
            Self::Glob => page < 2,
            Self::Several => page != 1,
        }
    }
}

/// An event that was accepted.
#[derive(Debug, Clone, Copy)]
struct Emitted {
    seq: u64,
    name: &'static str,
    /// The page that emitted it; `None` for the host.
    by: Option<usize>,
    to: To,
    except: Option<usize>,
    is_retained: bool,
    is_large: bool,
}

impl Emitted {
    fn is_for(&self, page: usize, pattern: &str) -> bool {
        let is_named = match pattern {
            "*" => true,
            "* in x" => self.name == "x",
            pattern => pattern == self.name,
        };
        is_named && self.to.reaches(page) && self.except != Some(page)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Emit(Emitted),
    Subscribe {
        page: usize,
        pattern: usize,
    },
    Unsubscribe {
        page: usize,
        which: usize,
    },
    Pull {
        page: usize,
    },
    ReadAhead {
        page: usize,
    },
    /// A batch arrives, not always the oldest, and its listeners run.
    Receive {
        page: usize,
        which: usize,
    },
    /// A batch is lost on the way.
    Lose {
        page: usize,
        which: usize,
    },
    /// The page abandons what is on its way and pulls again.
    PullAgain {
        page: usize,
    },
    Reload {
        page: usize,
        is_announced: bool,
    },
    /// The page before returns out of the back/forward cache.
    Return {
        page: usize,
    },
    /// A window closes.
    Close {
        page: usize,
    },
    /// A webview is closed alone, and the hub may be told.
    CloseAlone {
        page: usize,
        is_told: bool,
    },
    /// The hub hears of a webview.
    Hear {
        page: usize,
        is_ready: bool,
    },
    Wait {
        millis: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let page = 0..WEBVIEWS.len();
    let to = prop_oneof![
        4 => Just(To::Everyone),
        2 => page.clone().prop_map(To::Webview),
        1 => Just(To::Window("w")),
        1 => Just(To::Glob),
        1 => Just(To::Several),
    ];
    let by = proptest::option::weighted(0.3, page.clone());
    let except = proptest::option::weighted(0.1, page.clone());
    let retain = proptest::option::weighted(0.3, any::<bool>());
    let is_large = proptest::bool::weighted(0.2);
    let emit = (0..NAMES.len(), by, to, except, retain, is_large).prop_map(
        |(name, by, to, except, retain, is_large)| {
            let name = NAMES[name];
            let is_retained = retain.unwrap_or(name == "kept");
            Step::Emit(Emitted {
                seq: 0,
                name,
                by,
                to,
                except,
                is_retained,
                is_large,
            })
        },
    );
    prop_oneof![
        10 => emit,
        3 => (page.clone(), 0..PATTERNS.len()).prop_map(|(page, pattern)| Step::Subscribe { page, pattern }),
        1 => (page.clone(), 0..4_usize).prop_map(|(page, which)| Step::Unsubscribe { page, which }),
        5 => page.clone().prop_map(|page| Step::Pull { page }),
        3 => page.clone().prop_map(|page| Step::ReadAhead { page }),
        5 => (page.clone(), 0..3_usize).prop_map(|(page, which)| Step::Receive { page, which: which.saturating_sub(1) }),
        1 => (page.clone(), 0..3_usize).prop_map(|(page, which)| Step::Lose { page, which }),
        1 => page.clone().prop_map(|page| Step::PullAgain { page }),
        1 => (page.clone(), any::<bool>()).prop_map(|(page, is_announced)| Step::Reload { page, is_announced }),
        1 => page.clone().prop_map(|page| Step::Return { page }),
        1 => page.clone().prop_map(|page| Step::Close { page }),
        1 => (page.clone(), any::<bool>()).prop_map(|(page, is_told)| Step::CloseAlone { page, is_told }),
        2 => (page, any::<bool>()).prop_map(|(page, is_ready)| Step::Hear { page, is_ready }),
        2 => prop_oneof![4 => 0..4000_u64, 1 => Just(61_000_u64)].prop_map(|millis| Step::Wait { millis }),
    ]
}

struct World {
    hub: Hub<usize>,
    now: Instant,
    pages: Vec<Page>,
    /// Whether the hook has told of the webview that is there.
    is_ready: [bool; 3],
    /// The sequence number when the hub first heard of the webview that is there.
    heard_at: [u64; 3],
    events: Vec<Emitted>,
    newest_session: u64,
    newest_id: u32,
    /// The page before, by webview: what it was subscribed to, and what it had received.
    before: Vec<Option<Page>>,
}

impl World {
    fn new(room: Room) -> Self {
        let limits = Limits {
            queue_events: room.queue_events,
            backlog_events: room.backlog_events,
            queue_bytes: room.bytes,
            backlog_bytes: room.bytes,
            ..Limits::default()
        };
        let mut policies = Policies::default();
        policies.add("live", Policy::new().history(false)).unwrap();
        policies.add("kept", Policy::new().retain(true)).unwrap();
        policies.add("latest", Policy::new().latest()).unwrap();
        policies.add("reject", Policy::new().reject()).unwrap();
        let mut world = Self {
            hub: Hub::new(limits, policies),
            now: Instant::now(),
            pages: Vec::new(),
            is_ready: [false; 3],
            heard_at: [0; 3],
            events: Vec::new(),
            newest_session: 0,
            newest_id: 0,
            before: vec![None, None, None],
        };
        for _ in WEBVIEWS {
            let page = world.new_page();
            world.pages.push(page);
        }
        world
    }

    fn new_page(&mut self) -> Page {
        self.newest_session += 1;
        Page::new(session_id(self.newest_session))
    }

    fn apply_effects(&mut self, effects: Effects<usize>) {
        for (page, batch) in effects.batches {
            if !batch.is_empty() {
                self.pages[page].mailbox.push(batch);
            }
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Emit(event) => self.emit(event),
            Step::Subscribe { page, pattern } => self.subscribe(page, PATTERNS[pattern]),
            Step::Unsubscribe { page, which } => self.unsubscribe(page, which),
            Step::Pull { page } => self.pull(page),
            Step::ReadAhead { page } => self.read_ahead(page),
            Step::Receive { page, which } => self.pages[page].receive(which, &self.events),
            Step::Lose { page, which } => {
                if which < self.pages[page].mailbox.len() {
                    self.pages[page].mailbox.remove(which);
                }
            }
            Step::PullAgain { page } => {
                self.pages[page].mailbox.clear();
                self.pull(page);
            }
            Step::Reload { page, is_announced } => self.reload(page, is_announced),
            Step::Return { page } => self.return_to_page_before(page),
            Step::Close { page } => {
                let (gone, effects) = self.hub.remove_window(WINDOWS[page]);
                self.apply_effects(effects);
                let in_window: Vec<usize> = (0..WEBVIEWS.len())
                    .filter(|other| WINDOWS[*other] == WINDOWS[page])
                    .collect();
                assert!(gone.len() <= in_window.len());
                for other in in_window {
                    self.begin_anew(other);
                }
            }
            Step::CloseAlone { page, is_told } => self.close_alone(page, is_told),
            Step::Hear { page, is_ready } => self.hear(page, is_ready),
            Step::Wait { millis } => {
                self.now += Duration::from_millis(millis);
                let (effects, next) = self.hub.expire(self.now);
                assert!(
                    next.is_none_or(|next| next > self.now),
                    "nothing that is due is left undone"
                );
                self.apply_effects(effects);
            }
        }
    }

    /// Another webview has the label of this one, which is closed.
    fn begin_anew(&mut self, page: usize) {
        self.check_page(page);
        self.before[page] = None;
        self.is_ready[page] = false;
        self.pages[page] = self.new_page();
    }

    fn close_alone(&mut self, page: usize, is_told: bool) {
        let Some(number) = self.hub.webview_number(WEBVIEWS[page]) else {
            return;
        };
        if is_told {
            let (is_removed, effects) = self.hub.remove_webview(WEBVIEWS[page], number);
            assert!(is_removed);
            self.apply_effects(effects);
        } else if self.is_ready[page] {
            // Another webview has its label, and its hook tells.
            let (is_replaced, effects) = self.hub.webview_is_ready(WEBVIEWS[page], WINDOWS[page]);
            assert!(is_replaced);
            self.apply_effects(effects);
            self.heard_at[page] = self.hub.seq;
        } else {
            return;
        }
        let is_known = self.hub.knows(WEBVIEWS[page]);
        self.begin_anew(page);
        self.is_ready[page] = is_known;
        // What the webview before got late is of no interest.
        let (is_removed, _) = self.hub.remove_webview(WEBVIEWS[page], number);
        assert!(!is_removed);
    }

    /// The hub hears of a webview, from the event of its creation, from its hook, or from its page.
    fn hear(&mut self, page: usize, is_ready: bool) {
        if !self.hub.knows(WEBVIEWS[page]) {
            self.heard_at[page] = self.hub.seq;
        }
        if is_ready && !self.is_ready[page] {
            let (is_replaced, effects) = self.hub.webview_is_ready(WEBVIEWS[page], WINDOWS[page]);
            assert!(!is_replaced);
            self.apply_effects(effects);
            self.is_ready[page] = true;
        } else {
            let effects = self.hub.announce(WEBVIEWS[page], WINDOWS[page]);
            self.apply_effects(effects);
        }
    }

    fn emit(&mut self, event: Emitted) {
        let payload = match event.is_large {
            true => format!("\"{}\"", "x".repeat(LARGE)),
            false => "null".to_owned(),
        };
        let may_be_full = self.may_be_full(&event);
        let new = NewEvent {
            name: EventName::parse(event.name).unwrap(),
            payload: payload.into(),
            source: match event.by {
                Some(page) => Endpoint::Webview(WEBVIEWS[page].into()),
                None => Endpoint::Host,
            },
            tick: None,
            provenance: None,
            retain: Some(event.is_retained),
        };
        let selected = |page: usize| Address::of(WEBVIEWS[page].into()).unwrap();
        let audience = Audience {
            to: event.to.target().map(|target| Address::of(target).unwrap()),
            except: event.except.map(selected),
        };
        let now = self.now;
        match self.hub.enqueue(new, &audience, || now) {
            Ok((receipt, effects)) => {
                self.events.push(Emitted {
                    seq: receipt.seq,
                    ..event
                });
                self.apply_effects(*effects.unwrap_or_default());
            }
            Err(refusal) if refusal.error.code() == ErrorCode::QueueFull => {
                assert!(may_be_full, "{refusal:?} though no queue is full");
            }
            Err(refusal) => {
                assert_eq!(refusal.error.code(), ErrorCode::UnknownTarget);
                let is_known = |label: &str| self.hub.knows(label);
                assert!(WEBVIEWS.iter().any(|label| !is_known(label)));
            }
        }
    }

    /// Whether this event may be refused: its policy is to reject, and events wait for a page that it is for.
    fn may_be_full(&self, event: &Emitted) -> bool {
        let is_full = |page: usize| {
            let own = &self.pages[page];
            let mut live = own.received.values().filter(|own| own.until.is_none());
            let listens = live.any(|received| event.is_for(page, &received.pattern));
            let session = own.key.and_then(|key| self.hub.sessions.get(&key));
            listens && session.is_some_and(|session| session.outbox.usage().0 > 0)
        };
        event.name == "reject" && (0..WEBVIEWS.len()).any(is_full)
    }
}

/// The limits of a run.
struct Room {
    queue_events: usize,
    backlog_events: usize,
    bytes: usize,
}

fn check(room: Room, steps: Vec<Step>) {
    let mut world = World::new(room);
    for step in steps {
        world.renew_expired_sessions();
        world.run(step);
    }
    world.renew_expired_sessions();
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_room_nothing_is_lost(steps in proptest::collection::vec(step(), 1..80)) {
        check(Room { queue_events: 1000, backlog_events: 1000, bytes: 1 << 20 }, steps);
    }

    #[test]
    fn without_room_every_loss_is_a_gap(steps in proptest::collection::vec(step(), 1..100)) {
        check(Room { queue_events: 3, backlog_events: 4, bytes: 1 << 20 }, steps);
    }

    /// Some events are larger than others, and a queue takes two of the large ones.
    #[test]
    fn without_bytes_every_loss_is_a_gap(steps in proptest::collection::vec(step(), 1..100)) {
        check(Room { queue_events: 1000, backlog_events: 1000, bytes: 1500 }, steps);
    }
}
