//! The hub against an oracle, over random interleavings of what apps, pages and networks do.
//!
//! Pages here behave as the guest does, but their batches may be lost or late, the answers to their commands may be lost,
//! they may vanish at any moment, and the hub may hear of their webviews late. Whatever happens, a subscription gets each of
//! its events once and in order, or a gap that covers it; between two pages of one webview nothing is lost that is kept; and
//! a request ends once, as what came first says.

mod calls;
mod checks;
mod commands;
mod emits;
mod ends;
mod expiry;
mod pages;
mod receipts;
mod requests;
mod steps;

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{session_id, set_steady, steady};
use crate::hub::ids::RequestId;
use crate::hub::outbox::BatchBound;
use crate::hub::{Effects, Hub};
use crate::limits::Limits;
use crate::model::policies::Policies;
use crate::model::policy::Policy;
use crate::model::target::Target;
use crate::sync::BusClock;
use pages::Page;
use receipts::Awaited;
use requests::{End, REQUESTS, SentRequest};
use steps::{Step, steps};

/// The first two are in one window.
const WEBVIEWS: [&str; 3] = ["a", "b", "c"];
const WINDOWS: [&str; 3] = ["w", "w", "c"];
/// Events named `live` have no history, and those named `kept` are retained unless the emitter says otherwise. Those named
/// `latest` and `reject` have the policy of that name.
const NAMES: [&str; 6] = ["x", "y", "live", "kept", "latest", "reject"];
/// `* in x` is `*` of a page that may receive only `x`, and for `newest *` only the newest event of a name waits.
const PATTERNS: [&str; 9] = [
    "x", "live", "kept", "latest", "reject", "y", "*", "* in x", NEWEST,
];
const NEWEST: &str = "newest *";
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
    /// How long it counts.
    expires: Option<Duration>,
    /// When it expires, by the steady clock.
    expires_at: Option<Duration>,
}

impl Emitted {
    fn is_for(&self, page: usize, pattern: &str) -> bool {
        let is_named = match pattern {
            "*" | NEWEST => true,
            "* in x" => self.name == "x",
            pattern => pattern == self.name,
        };
        is_named && self.to.reaches(page) && self.except != Some(page)
    }
}

/// Who waits for the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiter {
    /// A pull of the page in this webview.
    Pull(usize),
    /// A command of the page in this webview.
    Command(usize),
    /// A call of `request`, by its number.
    Request(u64),
}

struct World {
    hub: Hub<Waiter>,
    now: Instant,
    pages: Vec<Page>,
    /// Whether the hook has told of the webview that is there.
    is_ready: [bool; 3],
    /// The sequence number when the hub first heard of the webview that is there.
    heard_at: [u64; 3],
    events: Vec<Emitted>,
    /// Events whose emitters wait.
    awaited: Vec<Awaited>,
    newest_session: u64,
    newest_id: u32,
    /// The page before, by webview: what it was subscribed to, and what it had received.
    before: Vec<Option<Page>>,
    requests: Vec<SentRequest>,
    newest_call: u64,
    /// How calls have ended in this step.
    ended: Vec<(u64, End)>,
    /// The requests whose end the host was told of in this step.
    cancelled: Vec<RequestId>,
    /// Whether time has passed in this step.
    has_waited: bool,
    /// Whether a page has taken over its webview in this step without a word of the page before.
    is_taken_over: bool,
    /// Whether the platform can call pages.
    has_calls: bool,
    /// In which webviews only the newest event of a name waited for a subscription.
    had_newest: [bool; 3],
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
        set_steady(Duration::ZERO);
        let mut hub = Hub::new(limits, policies);
        hub.clock = BusClock::of_steady(steady);
        let mut world = Self {
            hub,
            now: Instant::now(),
            pages: Vec::new(),
            is_ready: [false; 3],
            heard_at: [0; 3],
            events: Vec::new(),
            awaited: Vec::new(),
            newest_session: 0,
            newest_id: 0,
            before: vec![None, None, None],
            requests: Vec::new(),
            newest_call: 0,
            ended: Vec::new(),
            cancelled: Vec::new(),
            has_waited: false,
            is_taken_over: false,
            has_calls: room.has_calls,
            had_newest: [false; 3],
        };
        for _ in WEBVIEWS {
            let page = world.new_page();
            world.pages.push(page);
        }
        world
    }

    fn new_page(&mut self) -> Page {
        self.newest_session += 1;
        Page::new(self.newest_session)
    }

    fn apply_effects(&mut self, effects: Effects<Waiter>) {
        self.note_ends(effects.replies, effects.gone, effects.cancelled);
        for (waiter, batch) in effects.batches {
            let Waiter::Pull(page) = waiter else {
                panic!("{waiter:?} got a batch");
            };
            self.note_delivered(page, &batch);
            self.pages[page].called.is_on |= batch.calls_follow;
            if !batch.is_empty() {
                self.pages[page].mailbox.push(batch);
            }
        }
    }

    fn run(&mut self, step: Step) {
        self.act(step);
        self.check_outcomes();
        self.check_requests();
    }

    fn act(&mut self, step: Step) {
        match step {
            Step::Emit(event) => self.emit(event),
            Step::Subscribe {
                page,
                pattern,
                fate,
            } => self.subscribe(page, PATTERNS[pattern], fate),
            Step::Unsubscribe { page, which } => self.unsubscribe(page, which),
            Step::Pull { page } => self.pull(page),
            Step::ReadAhead { page } => self.read_ahead(page),
            Step::Receive { page, .. } if self.pages[page].has_coming() => self.receive_call(page),
            Step::Receive { page, which } => self.receive(page, which),
            Step::Lose { page, which } if self.pages[page].has_coming() => {
                self.lose_call(page, which);
            }
            Step::Lose { page, which } => {
                if which < self.pages[page].mailbox.len() {
                    self.pages[page].mailbox.remove(which);
                }
            }
            Step::PullAgain { page } => {
                self.hold_calls(page);
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
            Step::Sleep { millis } => set_steady(steady() + Duration::from_millis(millis)),
            Step::Wait { millis } => {
                set_steady(steady() + Duration::from_millis(millis));
                self.now += Duration::from_millis(millis);
                self.has_waited = true;
                // A page whose request has ended was there until then, so its lease is looked at again.
                let mut calls = 0;
                loop {
                    let (effects, next) = self.hub.expire(self.now);
                    self.apply_effects(effects);
                    calls += 1;
                    assert!(calls < 3, "something that is due is left undone");
                    if next.is_none_or(|next| next > self.now) {
                        break;
                    }
                }
            }
            Step::SendAgain { page } => self.send_again(page),
            Step::CopyCommand { page, is_before } => self.copy_command(page, is_before),
            Step::SetResponder {
                page,
                name,
                is_on,
                fate,
            } => self.set_responder(page, REQUESTS[name], is_on, fate),
            Step::Request {
                from,
                to,
                name,
                millis,
            } => self.request(from, to, REQUESTS[name], millis),
            Step::CopyRequest { which } => self.copy_request(which),
            Step::Respond {
                page,
                which,
                is_own,
                is_declined,
                fate,
            } => self.respond(page, (which, is_own), is_declined, fate),
            Step::RespondFromHost { which } => self.respond_from_host(which),
            Step::Cancel { which } => self.cancel(which),
            Step::CancelEarly { page } => self.cancel_early(page),
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
}

/// The limits of a run.
struct Room {
    queue_events: usize,
    backlog_events: usize,
    bytes: usize,
    has_calls: bool,
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

/// The sessions of a caller and of its responder end at once: one from silence, the other since a call has not returned.
#[test]
fn a_caller_may_end_with_its_responder() {
    let set = |page| Step::SetResponder {
        page,
        name: 0,
        is_on: true,
        fate: steps::Fate::IsAnswered,
    };
    let request = |from, to| Step::Request {
        from,
        to: Some(to),
        name: 0,
        millis: 500,
    };
    let [pull, receive] = [Step::Pull { page: 1 }, Step::Receive { page: 1, which: 0 }];
    let steps = vec![
        set(0),
        set(1),
        pull.clone(),
        pull.clone(),
        receive,
        Step::ReadAhead { page: 1 },
        request(Some(1), 0),
        request(None, 1),
        pull,
        Step::Wait { millis: 61_000 },
    ];
    let room = Room {
        queue_events: 1000,
        backlog_events: 1000,
        bytes: 1 << 20,
        has_calls: true,
    };
    check(room, steps);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_room_nothing_is_lost(steps in steps(1, 80)) {
        check(Room { queue_events: 1000, backlog_events: 1000, bytes: 1 << 20, has_calls: false }, steps);
    }

    #[test]
    fn without_room_every_loss_is_a_gap(steps in steps(1, 100)) {
        check(Room { queue_events: 3, backlog_events: 4, bytes: 1 << 20, has_calls: false }, steps);
    }

    /// Some events are larger than others, and a queue takes two of the large ones.
    #[test]
    fn without_bytes_every_loss_is_a_gap(steps in steps(1, 100)) {
        check(Room { queue_events: 1000, backlog_events: 1000, bytes: 1500, has_calls: false }, steps);
    }

    #[test]
    fn every_request_ends_once(steps in steps(20, 100)) {
        check(Room { queue_events: 1000, backlog_events: 1000, bytes: 1 << 20, has_calls: false }, steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn called_pages_lose_nothing_with_room(steps in steps(10, 80)) {
        check(Room { queue_events: 1000, backlog_events: 1000, bytes: 1 << 20, has_calls: true }, steps);
    }

    #[test]
    fn called_pages_get_every_loss_as_a_gap(steps in steps(1, 100)) {
        check(Room { queue_events: 3, backlog_events: 4, bytes: 1 << 20, has_calls: true }, steps);
    }

    #[test]
    fn called_pages_end_every_request(steps in steps(20, 100)) {
        check(Room { queue_events: 1000, backlog_events: 1000, bytes: 1 << 20, has_calls: true }, steps);
    }
}
