//! Streams between the host and two pages, against an oracle. Pages pull or are called, replies and values are lost, requests
//! and reports come late or twice, time passes, and pages reload or renew their sessions. Some worlds have little room. Each
//! consumer sees what was sent, in order, up to the end, no sender waits for good, and nothing grows.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::steps::{Step, step};
use super::*;
use crate::hub::requests::parts::EndPlace;

fn place(number: u8) -> Option<&'static str> {
    [None, Some("a"), Some("b")][usize::from(number)]
}

fn label(page: u8) -> &'static str {
    ["a", "b"][usize::from(page)]
}

/// How much a page may leave unacknowledged where there is little room, and how much credit its streams may have together.
const LITTLE_ROOM: usize = 3_000;

/// At least as many bytes as a request takes at its recipient.
const REQUEST: usize = 300;

/// A stream, and what must be true of it.
struct Expected {
    stream: Stream,
    credit: Credit,
    sent: Vec<String>,
    /// How many parts the consumer has taken.
    taken: u64,
    /// The sizes of the parts that count, as a page that sends them knows.
    known: VecDeque<usize>,
    told: u64,
    /// Whether its responder may still send.
    is_open: bool,
    /// What its consumer sees last; `None` if that is there no more.
    end: Option<std::result::Result<String, ErrorCode>>,
    has_left: bool,
    /// A send that waits.
    waiting: Option<WaitingSend>,
    woken: Arc<Woken>,
    is_timed: bool,
    /// Whether its responder has waited for room since its newest part.
    has_waited: bool,
    /// When it was requested, or its newest part was sent.
    sent_at: Instant,
    /// The same, or when its consumer last took something, or its sender was last seen to wait.
    active: Instant,
}

/// A send keeps its place and its part while it waits.
struct WaitingSend {
    ticket: SendTicket,
    /// How often it had been woken when it began to wait.
    woken: usize,
    part: String,
}

/// How long a sender may be silent. All waits together are shorter than the lease of a page.
const SILENCE: Duration = Duration::from_millis(100);

struct Simulation {
    world: World,
    streams: Vec<Expected>,
}

impl Simulation {
    fn run(&mut self, step: Step) {
        match step {
            Step::Request {
                from,
                to,
                narrow,
                is_timed,
            } => self.request(place(from), place(to), narrow, is_timed),
            Step::Wait { millis } => self.wait(Duration::from_millis(millis)),
            Step::Pull { page, is_lost } => {
                self.world.pull_over(label(page), is_lost);
            }
            Step::Offer { page, is_lost } => self.world.offer_calls(label(page), is_lost),
            Step::Call { page } => self.world.call(label(page)),
            Step::Begin { page } => self.world.begin_call(label(page)),
            Step::Lose { page, which } => self.world.lose_call(label(page), which),
            Step::Return { page } => self.world.return_call(label(page)),
            Step::End {
                page,
                which,
                is_lost,
                carried_first,
            } => self
                .world
                .end_call(label(page), which, is_lost, carried_first),
            Step::Renew { page, is_left } => self.renew(label(page), is_left),
            Step::Repeat { which } => self.with(which, |own, world| own.repeat(world)),
            Step::Send { which, size } => self.with(which, |own, world| own.send(world, size)),
            Step::Take { which, count } => self.with(which, |own, world| own.take(world, count)),
            Step::Report { which, late } => self.with(which, |own, world| own.report(world, late)),
            Step::Respond { which } => self.with(which, Expected::respond),
            Step::Leave { which } => self.with(which, Expected::leave),
        }
    }

    /// Acts on one of the newest streams.
    fn with(&mut self, which: usize, act: impl FnOnce(&mut Expected, &mut World)) {
        if let Some(own) = self.streams.iter_mut().rev().nth(which) {
            act(own, &mut self.world);
        }
    }

    fn wait(&mut self, time: Duration) {
        self.world.now += time;
        self.world.expire();
        for own in &mut self.streams {
            own.pass_time(&self.world);
        }
    }

    fn request(
        &mut self,
        from: Option<&'static str>,
        to: Option<&'static str>,
        narrow: bool,
        is_timed: bool,
    ) {
        let credit = match narrow {
            true => Credit { bytes: 1, parts: 1 },
            false => CREDIT,
        };
        let timeout = is_timed.then_some(SILENCE);
        let requested = self.world.request_with(from, to, credit, timeout);
        self.check_requested(from, to, credit, requested.as_ref().err());
        let Ok(stream) = requested else {
            return;
        };
        self.streams.push(Expected {
            stream,
            credit,
            sent: Vec::new(),
            taken: 0,
            known: VecDeque::new(),
            told: 0,
            is_open: true,
            end: None,
            has_left: false,
            waiting: None,
            woken: Arc::default(),
            is_timed,
            has_waited: false,
            sent_at: self.world.now,
            active: self.world.now,
        });
    }

    /// A request is refused if, and only if, the credit of its caller or the room of its recipient is used up.
    fn check_requested(
        &self,
        from: Option<&str>,
        to: Option<&str>,
        credit: Credit,
        refused: Option<&Error>,
    ) {
        let limit = self.world.hub.limits.queue_bytes;
        let credit_of = |may_count: &dyn Fn(&Expected) -> bool| -> usize {
            let own = self.streams.iter();
            let own = own.filter(|own| own.stream.from == from && !own.has_left && may_count(own));
            own.map(|own| own.credit.bytes).sum()
        };
        let Some(error) = refused else {
            let open = credit_of(&|own| own.is_open);
            assert!(from.is_none() || open + credit.bytes <= limit);
            return;
        };
        assert_eq!(error.code(), ErrorCode::QueueFull, "{error}");
        // The page may not have acknowledged the ends of the others.
        let is_used_up = from.is_some() && credit_of(&|_| true) + credit.bytes > limit;
        let pending = self.streams.iter().filter(|own| own.stream.to == to);
        assert!(
            is_used_up || (pending.count() + 1) * REQUEST > limit,
            "{error}"
        );
    }

    fn renew(&mut self, label: &'static str, is_left: bool) {
        self.world.fail_calls(label);
        if is_left {
            self.world.leave_page(label);
        }
        for own in &mut self.streams {
            if own.stream.from == Some(label) {
                own.is_open = false;
                own.has_left = true;
            } else if own.stream.to == Some(label) && own.is_open {
                own.is_open = false;
                own.end = Some(Err(ErrorCode::PageGone));
            }
        }
        self.world.open(label);
    }
}

impl Expected {
    /// Time has passed: a silent stream has ended, unless its sender waits for credit or room.
    fn pass_time(&mut self, world: &World) {
        if !self.is_open {
            return;
        }
        let is_silent = |since: Instant| self.is_timed && world.now >= since + SILENCE;
        let (may_end, must_end) = (is_silent(self.sent_at), is_silent(self.active));
        match world.hub.requests.stream(self.stream.id) {
            None => {
                assert!(may_end, "it timed out too early");
                self.is_open = false;
                self.end = Some(Err(ErrorCode::Timeout));
            }
            Some((_, _, window)) => {
                let waits = self.waiting.is_some() || !window.has_credit();
                assert!(waits || self.has_waited || !must_end, "it did not time out");
                // A sender without credit is not silent, and gets it back with a report that may be under way.
                if waits || (must_end && self.has_waited) {
                    self.active = world.now;
                    self.has_waited = false;
                }
            }
        }
    }

    fn send(&mut self, world: &mut World, size: usize) {
        let part = match &self.waiting {
            Some(waiting) => waiting.part.clone(),
            None => format!("{}{}", self.sent.len(), "0".repeat(size)),
        };
        if let Some(label) = self.stream.to {
            let credit = world.told.credit.get(&self.stream.id).copied();
            let count = credit.unwrap_or(0) - self.told;
            self.known.drain(..count as usize);
            self.told += count;
            let bytes: usize = self.known.iter().sum();
            let may_send = self.known.len() < self.credit.parts && bytes < self.credit.bytes;
            let has_it = world.pages[label].received.contains(&self.stream.id);
            if self.is_open && (!may_send || !has_it) {
                return;
            }
        }
        // At most so much of its credit is left.
        let untaken = &self.sent[self.taken as usize..];
        let used: usize = untaken.iter().map(|part| size_of(part)).sum();
        let is_beyond = size_of(&part) > self.credit.bytes.saturating_sub(used);
        let has_no_room = is_beyond && self.holds_too_much(world);
        let may_have_no_room = world.is_full(self.stream.from);
        let sent = match self.stream.to {
            None => self.send_or_wait(world, &part),
            Some(_) => world.send(&mut self.stream, &part),
        };
        let is_full = sent.as_ref().err().map(Error::code) == Some(ErrorCode::QueueFull);
        assert_eq!(sent.is_ok() || is_full, self.is_open, "{sent:?}");
        if is_full && self.stream.to.is_some() {
            assert!(may_have_no_room, "an honest page has credit");
            self.is_open = false;
            self.end = Some(Err(ErrorCode::QueueFull));
        } else if is_full {
            let is_taken = self.taken == self.sent.len() as u64;
            let is_told = !is_taken || world.is_telling(&self.stream);
            assert!(
                is_told || may_have_no_room,
                "what was taken gives credit back"
            );
        }
        if sent.is_ok() {
            assert!(!has_no_room, "its page has too much to acknowledge");
            self.sent_at = world.now;
            self.active = world.now;
            self.has_waited = false;
            self.known.push_back(size_of(&part));
            self.sent.push(part);
            let untaken = &self.sent[self.taken as usize..];
            assert!(untaken.len() <= self.credit.parts);
            let before: usize = untaken.iter().rev().skip(1).map(|part| size_of(part)).sum();
            assert!(before < self.credit.bytes);
        }
    }

    /// Sends as the host does. A send that has waited goes on only where it was woken.
    fn send_or_wait(&mut self, world: &mut World, part: &str) -> Result<()> {
        let ticket = self.waiting.as_ref().map(|waiting| waiting.ticket);
        let sent = world.send_part_or_wait(&self.stream, part, ticket, &self.woken);
        if let PartSent::Waits(_, ticket) = sent {
            let woken = self.woken.count();
            let part = part.to_owned();
            self.waiting = ticket.map(|ticket| WaitingSend {
                ticket,
                woken,
                part,
            });
            return Err(Error::new(ErrorCode::QueueFull, "waits"));
        }
        if let Some(waiting) = self.waiting.take() {
            assert!(self.woken.count() > waiting.woken, "nothing woke it");
        }
        if matches!(sent, PartSent::Ended(_)) {
            return Err(Error::new(ErrorCode::Cancelled, "ended"));
        }
        self.stream.sent += 1;
        Ok(())
    }

    /// A copy of the request gets the same reply, and changes nothing.
    fn repeat(&self, world: &mut World) {
        if self.stream.from.is_some() && !self.has_left {
            world.repeat(&self.stream);
        }
    }

    fn take(&mut self, world: &mut World, count: u64) {
        if self.has_left {
            return;
        }
        self.active = world.now;
        match self.stream.from {
            None => {
                world.look(&mut self.stream, count);
                self.taken = self.stream.seen.parts.len() as u64;
            }
            Some(label) => {
                let page = &world.pages[label];
                let due = page.due.get(&self.stream.number).copied().unwrap_or(0);
                let before = self.taken;
                let received = self.seen(world).parts.len() as u64;
                self.taken = (self.taken + count).min(received);
                // It reports at the parts that are due.
                let is_due = before < due && due <= self.taken;
                world.note_taken(&self.stream, self.taken, is_due);
            }
        }
        self.check(world);
    }

    fn report(&mut self, world: &mut World, late: u64) {
        if self.stream.from.is_some() && !self.has_left {
            self.active = world.now;
            let count = self.taken.saturating_sub(late);
            world.take(&self.stream, count).unwrap();
        }
    }

    fn respond(&mut self, world: &mut World) {
        if self
            .stream
            .to
            .is_some_and(|label| !world.pages[label].received.contains(&self.stream.id))
        {
            return;
        }
        let has_no_room = self.holds_too_much(world);
        let is_full = world.is_full(self.stream.from);
        assert!(
            is_full || !has_no_room,
            "its page has too much to acknowledge"
        );
        if self.stream.to.is_none() && self.is_open {
            let (place, effects) = world
                .hub
                .poll_end(self.stream.id, None, Waker::noop().clone());
            world.apply_effects(effects);
            if let EndPlace::Waits(ticket) = place {
                assert!(is_full, "there is room");
                drop(world.hub.stop_sending(self.stream.id, ticket));
                self.has_waited = true;
                return;
            }
        }
        world.respond(&self.stream, Ok("\"done\""));
        if std::mem::replace(&mut self.is_open, false) {
            self.end = Some(match is_full {
                true => Err(ErrorCode::QueueFull),
                false => Ok("\"done\"".into()),
            });
        }
    }

    /// Whether the page that receives it has no room for what goes beyond its credit.
    fn holds_too_much(&self, world: &World) -> bool {
        let limit = world.hub.limits.queue_bytes;
        self.stream
            .from
            .is_some_and(|label| world.held(label) >= limit)
    }

    fn leave(&mut self, world: &mut World) {
        if !std::mem::replace(&mut self.has_left, true) {
            world.leave(&self.stream);
            self.is_open = false;
        }
    }

    fn seen(&self, world: &World) -> Seen {
        match self.stream.from {
            None => self.stream.seen.clone(),
            Some(label) => {
                let seen = world.pages[label].seen.get(&self.stream.number);
                seen.cloned().unwrap_or_default()
            }
        }
    }

    fn check(&self, world: &World) {
        if self.has_left {
            return;
        }
        let seen = self.seen(world);
        assert!(
            self.sent.starts_with(&seen.parts),
            "{seen:?} {:?}",
            self.sent
        );
        if seen.end.is_some() {
            assert_eq!(seen.end, self.end);
            assert_eq!(seen.parts, self.sent, "all parts come before the end");
        }
    }
}

impl Simulation {
    /// From now on nothing is lost. Everything is taken, and no sender waits then.
    fn settle(&mut self) {
        // Until calls are tried again.
        for _ in 0..20 {
            for label in ["a", "b"] {
                self.world.settle_calls(label);
                if !self.world.is_called(label) {
                    self.world.pull(label);
                }
            }
            for own in &mut self.streams {
                own.take(&mut self.world, u64::from(u32::MAX));
            }
            self.wait(Duration::from_secs(1));
        }
        for own in &mut self.streams {
            if !own.is_open || own.has_left {
                continue;
            }
            let stream = self.world.hub.requests.stream(own.stream.id);
            let (_, _, window) = stream.unwrap();
            assert!(window.has_credit(), "everything is taken");
            if let Some(waiting) = &own.waiting {
                assert!(own.woken.count() > waiting.woken, "nothing woke it");
            }
            assert!(!self.world.is_full(own.stream.from));
        }
    }
}

proptest! {
    #[test]
    fn each_consumer_sees_what_was_sent(
        has_room in any::<bool>(),
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut limits = Limits::default();
        if !has_room {
            limits.queue_bytes = LITTLE_ROOM;
        }
        let mut world = World::with(limits);
        world.open("a");
        world.open("b");
        let mut simulation = Simulation { world, streams: Vec::new() };
        for step in steps {
            simulation.run(step);
            for own in &simulation.streams {
                own.check(&simulation.world);
            }
        }
        simulation.settle();
        let Simulation { mut world, mut streams } = simulation;
        world.pull_all();
        for own in &mut streams {
            if own.is_open {
                own.leave(&mut world);
            } else if !own.has_left {
                own.take(&mut world, u64::from(u32::MAX));
                assert_eq!(own.seen(&world).end, own.end, "it learns of the end");
            }
        }
        let streams: Vec<&Stream> = streams.iter().map(|own| &own.stream).collect();
        world.check_empty(&streams);
    }
}
