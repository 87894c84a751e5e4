//! Streams between the host and two pages, against an oracle. Replies to pulls are lost, requests and reports come late or
//! twice, time passes, and pages reload or renew their sessions. Each consumer sees what was sent, in order, up to the end, and no sender
//! waits for good.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone, Copy)]
enum Step {
    Request {
        from: u8,
        to: u8,
        narrow: bool,
        is_timed: bool,
    },
    /// So many milliseconds pass.
    Wait {
        millis: u64,
    },
    Send {
        which: usize,
        size: usize,
    },
    /// The consumer takes so many parts.
    Take {
        which: usize,
        count: u64,
    },
    /// A page reports again what it has taken, or an older number.
    Report {
        which: usize,
        late: u64,
    },
    Respond {
        which: usize,
    },
    Leave {
        which: usize,
    },
    Pull {
        page: u8,
        is_lost: bool,
    },
    /// Another session begins in a webview, after its page was left or not.
    Renew {
        page: u8,
        is_left: bool,
    },
    /// A page's request comes again.
    Repeat {
        which: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..4_usize;
    prop_oneof![
        3 => (0..3_u8, 0..3_u8, any::<bool>(), any::<bool>())
            .prop_map(|(from, to, narrow, is_timed)| Step::Request { from, to, narrow, is_timed }),
        2 => (1..60_u64).prop_map(|millis| Step::Wait { millis }),
        12 => (which.clone(), 0..60_usize).prop_map(|(which, size)| Step::Send { which, size }),
        8 => (which.clone(), 1..5_u64).prop_map(|(which, count)| Step::Take { which, count }),
        2 => (which.clone(), 0..4_u64).prop_map(|(which, late)| Step::Report { which, late }),
        1 => which.clone().prop_map(|which| Step::Respond { which }),
        1 => which.clone().prop_map(|which| Step::Leave { which }),
        1 => which.prop_map(|which| Step::Repeat { which }),
        8 => (0..2_u8, prop::bool::weighted(0.3))
            .prop_map(|(page, is_lost)| Step::Pull { page, is_lost }),
        1 => (0..2_u8, any::<bool>())
            .prop_map(|(page, is_left)| Step::Renew { page, is_left }),
    ]
}

fn place(number: u8) -> Option<&'static str> {
    [None, Some("a"), Some("b")][usize::from(number)]
}

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
    /// The place of a send that waits, and how often it had been woken when it began to.
    waiting: Option<(SendTicket, usize)>,
    woken: Arc<Woken>,
    is_timed: bool,
    /// When it was requested, or its newest part was sent.
    sent_at: Instant,
    /// The same, or when its consumer last took something, or its sender was last seen to wait.
    active: Instant,
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
                self.world.pull_over(["a", "b"][usize::from(page)], is_lost);
            }
            Step::Renew { page, is_left } => {
                self.renew(["a", "b"][usize::from(page)], is_left);
            }
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
        let stream = self.world.request_with(from, to, credit, timeout).unwrap();
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
            sent_at: self.world.now,
            active: self.world.now,
        });
    }

    fn renew(&mut self, label: &'static str, is_left: bool) {
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
                assert!(waits || !must_end, "it did not time out");
                if self.waiting.is_some() {
                    self.active = world.now;
                }
            }
        }
    }

    fn send(&mut self, world: &mut World, size: usize) {
        let part = format!("{}{}", self.sent.len(), "0".repeat(size));
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
        let sent = match self.stream.to {
            None => self.send_or_wait(world, &part),
            Some(_) => world.send(&mut self.stream, &part),
        };
        let is_full = sent.as_ref().err().map(Error::code) == Some(ErrorCode::QueueFull);
        assert_eq!(sent.is_ok() || is_full, self.is_open, "{sent:?}");
        if is_full {
            assert!(self.stream.to.is_none(), "an honest page has credit");
            let untaken = self.sent.len() as u64 - self.taken;
            assert!(untaken > 0, "what was taken gives credit back");
        }
        if sent.is_ok() {
            self.sent_at = world.now;
            self.active = world.now;
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
        let ticket = self.waiting.map(|(ticket, _)| ticket);
        let sent = world.send_part_or_wait(&self.stream, part, ticket, &self.woken);
        if let PartSent::Waits(_, ticket) = sent {
            self.waiting = ticket.map(|ticket| (ticket, self.woken.count()));
            return Err(Error::new(ErrorCode::QueueFull, "waits"));
        }
        if let Some((_, before)) = self.waiting.take() {
            assert!(self.woken.count() > before, "nothing woke it");
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
                if before < due && due <= self.taken {
                    world.take(&self.stream, self.taken).unwrap();
                }
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
        world.respond(&self.stream, Ok("\"done\""));
        if std::mem::replace(&mut self.is_open, false) {
            self.end = Some(Ok("\"done\"".into()));
        }
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

proptest! {
    #[test]
    fn each_consumer_sees_what_was_sent(steps in prop::collection::vec(step(), 1..250)) {
        let mut world = World::new();
        world.open("a");
        world.open("b");
        let mut simulation = Simulation { world, streams: Vec::new() };
        for step in steps {
            simulation.run(step);
            for own in &simulation.streams {
                own.check(&simulation.world);
            }
        }
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
