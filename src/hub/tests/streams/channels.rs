//! Channels: parts both ways, the ways in which a half ends, and those in which both do.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::hub::requests::channel::ChannelNote;

/// What a page was told of a channel besides its parts and its end.
#[derive(Debug, Default, Clone)]
pub(super) struct Notes {
    /// How many parts of the page count no more.
    pub(super) credit: u64,
    pub(super) is_unread: bool,
    /// How many parts the page had seen when the host closed its half.
    pub(super) closed_after: Option<usize>,
}

impl Notes {
    pub(super) fn take(&mut self, note: ChannelNote, seen: usize) {
        match note {
            ChannelNote::Credit(parts) => {
                assert!(parts > self.credit, "credit grows");
                self.credit = parts;
            }
            ChannelNote::Unread => self.is_unread = true,
            ChannelNote::Closed => {
                assert_eq!(self.closed_after, None, "closed twice");
                self.closed_after = Some(seen);
            }
        }
    }
}

impl World {
    /// The page in `a` opens a channel.
    fn open_channel(&mut self, credit: Credit) -> Result<Stream> {
        let from = Some("a");
        self.newest += 1;
        let page = self.pages.get_mut("a").unwrap();
        page.newest += 1;
        let (id, number) = (RequestId::of(self.newest), page.newest);
        let caller = Caller::Page(page.key.unwrap(), number);
        let request = NewRequest {
            message: channel_message(id, credit),
            caller,
            to: Recipient::Host,
            timeout: None,
        };
        let waiter = self.newest as u32;
        let (_, effects) = self
            .hub
            .request(request, waiter, self.now)
            .map_err(|(_, error)| error)?;
        self.apply_effects(effects);
        let Credit { bytes, parts } = credit;
        let reply = format!("{{\"credit\":{{\"bytes\":{bytes},\"parts\":{parts}}}}}");
        assert_eq!(self.replies.remove(&waiter), Some(Ok(reply)));
        Ok(Stream {
            id,
            from,
            to: None,
            number,
            sent: 0,
            seen: Seen::default(),
        })
    }

    /// The page sends a part of its half.
    fn page_sends(&mut self, channel: &Stream, number: u64, part: &str) -> Result<()> {
        let key = self.key("a");
        let part = Ok(part.into());
        let (sent, effects) = self
            .hub
            .send_part_of_caller(key, channel.number, number, part);
        self.apply_effects(effects);
        sent
    }

    fn page_closes(&mut self, channel: &Stream, after: u64) -> Result<()> {
        let key = self.key("a");
        let (closed, effects) = self.hub.close_half_of_caller(key, channel.number, after);
        self.apply_effects(effects);
        closed
    }

    fn host_closes(&mut self, channel: &Stream) {
        let effects = self.hub.close_half_of_host(channel.id, self.now);
        self.apply_effects(effects);
    }

    /// The host reads so many parts more, or the end of the page's half.
    fn host_reads(&mut self, channel: &mut Stream, count: usize) {
        for _ in 0..count {
            let waker = Waker::noop().clone();
            let (polled, effects) = self.hub.poll_parts(channel.id, waker, self.now);
            self.apply_effects(effects);
            match polled {
                Poll::Ready(Some(Received::Part(part))) => {
                    assert_eq!(channel.seen.end, None, "a part behind the end");
                    channel.seen.parts.push(part.to_string());
                }
                Poll::Ready(Some(Received::End(end))) => {
                    channel.seen.end = Some(outcome(&end));
                }
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
    }

    fn host_drops_its_reader(&mut self, channel: &Stream) {
        let (_, effects) = self.hub.close_inbox(channel.id, self.now);
        self.apply_effects(effects);
    }

    fn notes(&self, channel: &Stream) -> Notes {
        let notes = self.pages["a"].notes.get(&channel.number);
        notes.cloned().unwrap_or_default()
    }

    /// What the page has seen of the host's half.
    fn page_saw(&mut self, channel: &Stream) -> Seen {
        while self.pull("a") > 0 {}
        let seen = self.pages["a"].seen.get(&channel.number);
        seen.cloned().unwrap_or_default()
    }
}

fn channel_message(id: RequestId, credit: Credit) -> RequestMessage {
    RequestMessage {
        id,
        name: name(),
        payload: "1".into(),
        source: Endpoint::Host,
        provenance: None,
        stream: Some(credit),
        is_channel: true,
    }
}

fn opened() -> (World, Stream) {
    let mut world = World::new();
    world.open("a");
    let channel = world.open_channel(CREDIT).unwrap();
    (world, channel)
}

fn seen(parts: &[&str], end: Option<std::result::Result<&str, ErrorCode>>) -> Seen {
    Seen {
        parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        end: end.map(|end| end.map(str::to_owned)),
    }
}

#[test]
fn parts_go_both_ways() {
    let (mut world, mut channel) = opened();
    world.page_sends(&channel, 1, "1").unwrap();
    world.send(&mut channel, "\"a\"").unwrap();
    world.page_sends(&channel, 2, "2").unwrap();
    world.host_reads(&mut channel, 9);
    assert_eq!(channel.seen, seen(&["1", "2"], None));
    assert_eq!(world.page_saw(&channel), seen(&["\"a\""], None));
    assert_eq!(world.notes(&channel).credit, 2, "half of four was read");
    world.respond(&channel, Ok("null"));
    assert_eq!(world.page_saw(&channel), seen(&["\"a\""], Some(Ok("null"))));
    world.check_empty(&[]);
}

#[test]
fn a_page_without_credit_ends_its_channel() {
    let (mut world, mut channel) = opened();
    for number in 1..=4 {
        world.page_sends(&channel, number, "1").unwrap();
    }
    let error = world.page_sends(&channel, 5, "1").unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert_eq!(world.told.cancelled, [channel.id]);
    assert_eq!(world.page_saw(&channel).end, Some(Err(ErrorCode::QueueFull)));
    // What was not read is of no use: the future is dropped.
    world.host_reads(&mut channel, 9);
    assert_eq!(channel.seen, seen(&[], Some(Err(ErrorCode::Cancelled))));
    // What is on its way then is no fault.
    world.page_sends(&channel, 6, "1").unwrap();
    world.page_closes(&channel, 6).unwrap();
    world.host_drops_its_reader(&channel);
    world.check_empty(&[]);
}

#[test]
fn one_half_ends_before_the_other() {
    let (mut world, mut channel) = opened();
    world.page_sends(&channel, 1, "1").unwrap();
    let early = world.page_closes(&channel, 2).unwrap_err();
    assert_eq!(early.code(), ErrorCode::InvalidArgument);
    world.page_closes(&channel, 1).unwrap();
    let late = world.page_sends(&channel, 2, "2").unwrap_err();
    assert_eq!(late.code(), ErrorCode::InvalidArgument);
    world.host_reads(&mut channel, 9);
    assert_eq!(channel.seen, seen(&["1"], Some(Ok("null"))));
    // The host goes on.
    for part in ["1", "2", "3"] {
        world.send(&mut channel, part).unwrap();
    }
    world.host_closes(&channel);
    world.host_closes(&channel);
    let error = world.send(&mut channel, "4").unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled);
    assert_eq!(world.page_saw(&channel), seen(&["1", "2", "3"], None));
    assert_eq!(world.notes(&channel).closed_after, Some(3));
    world.respond(&channel, Ok("null"));
    assert_eq!(world.page_saw(&channel).end, Some(Ok("null".to_owned())));
    world.host_drops_its_reader(&channel);
    world.check_empty(&[]);
}

#[test]
fn closing_wakes_a_send_that_waits() {
    let (mut world, mut channel) = opened();
    for _ in 0..4 {
        world.send(&mut channel, "1").unwrap();
    }
    let woken = Arc::<Woken>::default();
    assert!(matches!(
        world.send_or_wait(&channel, None, &woken),
        PartSent::Waits(..)
    ));
    world.host_closes(&channel);
    assert_eq!(woken.count(), 1);
    assert!(matches!(
        world.send_or_wait(&channel, None, &woken),
        PartSent::Ended(_)
    ));
    world.leave(&channel);
    world.host_drops_its_reader(&channel);
    world.check_empty(&[]);
}

/// Whoever ends it, the other side learns why, and nothing is kept.
#[test]
fn a_channel_ends_in_every_way() {
    type End = fn(&mut World, &Stream);
    let failure = || Error::new(ErrorCode::ResponderFailed, "it failed");
    let ends: [(&str, End, Option<std::result::Result<&str, ErrorCode>>); 7] = [
        ("stop", |world, own| world.leave(own), None),
        ("leave", |world, _| world.leave_page("a"), None),
        ("renew", |world, _| { world.open("a"); }, None),
        ("complete", |world, own| world.respond(own, Ok("null")), Some(Ok("null"))),
        (
            "fail",
            |world, own| world.respond(own, Err(Error::new(ErrorCode::ResponderFailed, ""))),
            Some(Err(failure().code())),
        ),
        (
            "refused part",
            |world, own| {
                let error = Error::new(ErrorCode::InvalidPayload, "");
                let key = world.key("a");
                let (sent, effects) =
                    world.hub.send_part_of_caller(key, own.number, 3, Err(error));
                assert_eq!(sent.unwrap_err().code(), ErrorCode::InvalidPayload);
                world.apply_effects(effects);
            },
            Some(Err(ErrorCode::InvalidPayload)),
        ),
        (
            "exit",
            |world, _| {
                let effects = world.hub.shut_down();
                world.apply_effects(effects);
            },
            None,
        ),
    ];
    for (what, end, expected) in ends {
        let (mut world, mut channel) = opened();
        world.page_sends(&channel, 1, "1").unwrap();
        world.page_sends(&channel, 2, "2").unwrap();
        world.send(&mut channel, "3").unwrap();
        world.host_reads(&mut channel, 1);
        end(&mut world, &channel);
        if let Some(expected) = expected {
            let saw = world.page_saw(&channel);
            assert_eq!(saw, seen(&["3"], Some(expected)), "{what}");
        }
        let is_own = matches!(what, "complete" | "fail");
        assert_eq!(world.told.cancelled.contains(&channel.id), !is_own, "{what}");
        world.host_reads(&mut channel, 9);
        let cut = seen(&["1"], Some(Err(ErrorCode::Cancelled)));
        assert_eq!(channel.seen, cut, "{what}");
        let error = world.send(&mut channel, "4").unwrap_err();
        assert_eq!(error.code(), ErrorCode::Cancelled, "{what}");
        world.host_drops_its_reader(&channel);
        if what != "exit" {
            world.check_empty(&[]);
        }
    }
}

#[test]
fn what_the_host_reads_no_more_is_dropped() {
    let (mut world, mut channel) = opened();
    world.page_sends(&channel, 1, "1").unwrap();
    world.host_drops_its_reader(&channel);
    let _ = world.page_saw(&channel);
    assert!(world.notes(&channel).is_unread);
    for number in 2..20 {
        world.page_sends(&channel, number, "1").unwrap();
    }
    world.send(&mut channel, "1").unwrap();
    assert_eq!(world.page_saw(&channel), seen(&["1"], None));
    world.respond(&channel, Ok("null"));
    world.check_empty(&[]);
}

#[test]
fn what_a_page_sends_by_mistake_ends_nothing() {
    let (mut world, mut channel) = opened();
    let stream = world.request(Some("a"), None).unwrap();
    for (number, part, code) in [
        (channel.number, 2, ErrorCode::InvalidArgument),
        (channel.number, 0, ErrorCode::InvalidArgument),
        (stream.number, 1, ErrorCode::InvalidArgument),
        (stream.number + 1, 1, ErrorCode::UnknownRequest),
    ] {
        let other = Stream {
            number,
            ..channel.clone()
        };
        let error = world.page_sends(&other, part, "1").unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    // Nor does that of another page.
    world.open("b");
    let key = world.key("b");
    let part = Ok("1".into());
    let (sent, effects) = world.hub.send_part_of_caller(key, channel.number, 1, part);
    assert_eq!(sent.unwrap_err().code(), ErrorCode::UnknownRequest);
    world.apply_effects(effects);
    world.page_sends(&channel, 1, "1").unwrap();
    world.host_reads(&mut channel, 9);
    assert_eq!(channel.seen, seen(&["1"], None));
    world.leave(&channel);
    world.leave(&stream);
    world.host_drops_its_reader(&channel);
    world.check_empty(&[]);
}

#[test]
fn a_channel_is_between_a_page_and_the_host() {
    let mut world = World::new();
    let key = world.open("a");
    world.open("b");
    for (caller, to) in [
        (Caller::Page(key, 1), Recipient::Page("b".into())),
        (Caller::Host, Recipient::Host),
        (Caller::Host, Recipient::Page("a".into())),
    ] {
        let request = NewRequest {
            message: channel_message(RequestId::of(7), CREDIT),
            caller,
            to,
            timeout: None,
        };
        let (_, error) = world.hub.request(request, 1, world.now).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(error.message().contains("HOST"), "{error}");
    }
    world.check_empty(&[]);
}

#[test]
fn large_parts_of_a_page_have_a_limit() {
    let limits = Limits {
        queue_bytes: 2_000,
        ..Limits::default()
    };
    let mut world = World::with(limits);
    world.open("a");
    let large = "1".repeat(1_500);
    let mut channels: Vec<Stream> = (0..3)
        .map(|_| world.open_channel(CREDIT).unwrap())
        .collect();
    // One that is larger than all credit passes, while the host has little to read.
    world.page_sends(&channels[0], 1, &large).unwrap();
    world.page_sends(&channels[1], 1, &large).unwrap();
    let error = world.page_sends(&channels[2], 1, &large).unwrap_err();
    assert_eq!(error.code(), ErrorCode::QueueFull);
    assert!(error.message().contains("queueBytes"), "{error}");
    for channel in &mut channels {
        world.host_reads(channel, 9);
        world.leave(channel);
        world.host_drops_its_reader(channel);
    }
    world.check_empty(&[]);
}

/// A page that opens, sends and stops without fetching leaves nothing behind each of its channels.
#[test]
fn what_a_stopped_channel_had_to_tell_is_withdrawn() {
    let mut world = World::new();
    world.open("a");
    for _ in 0..100 {
        let mut channel = world.open_channel(CREDIT).unwrap();
        for number in 1..=4 {
            world.page_sends(&channel, number, "1").unwrap();
        }
        world.host_reads(&mut channel, 4);
        world.send(&mut channel, "1").unwrap();
        world.host_closes(&channel);
        world.host_drops_its_reader(&channel);
        world.leave(&channel);
    }
    let session = world.hub.sessions.values().next().unwrap();
    assert_eq!(session.outbox.messages.len(), 0);
    assert!(session.outbox.streamed.is_empty());
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Open { narrow: bool },
    PageSends { which: usize, size: usize },
    HostSends { which: usize, size: usize },
    HostReads { which: usize, count: usize },
    PageTakes { which: usize, count: u64 },
    PageCloses { which: usize },
    HostCloses { which: usize },
    HostDrops { which: usize },
    Stop { which: usize },
    Respond { which: usize },
    Repeat { which: usize },
    Pull { is_lost: bool },
    Renew { is_left: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..3_usize;
    prop_oneof![
        2 => any::<bool>().prop_map(|narrow| Step::Open { narrow }),
        10 => (which.clone(), 0..60_usize).prop_map(|(which, size)| Step::PageSends { which, size }),
        10 => (which.clone(), 0..60_usize).prop_map(|(which, size)| Step::HostSends { which, size }),
        8 => (which.clone(), 1..5_usize).prop_map(|(which, count)| Step::HostReads { which, count }),
        8 => (which.clone(), 1..5_u64).prop_map(|(which, count)| Step::PageTakes { which, count }),
        1 => which.clone().prop_map(|which| Step::PageCloses { which }),
        1 => which.clone().prop_map(|which| Step::HostCloses { which }),
        1 => which.clone().prop_map(|which| Step::HostDrops { which }),
        1 => which.clone().prop_map(|which| Step::Stop { which }),
        1 => which.clone().prop_map(|which| Step::Respond { which }),
        1 => which.prop_map(|which| Step::Repeat { which }),
        9 => prop::bool::weighted(0.3).prop_map(|is_lost| Step::Pull { is_lost }),
        1 => any::<bool>().prop_map(|is_left| Step::Renew { is_left }),
    ]
}

/// A channel, and what must be true of it.
struct Expected {
    own: Stream,
    credit: Credit,
    from_page: Vec<String>,
    from_host: Vec<String>,
    /// The sizes of the page's parts that count, as it knows.
    known: VecDeque<usize>,
    told: u64,
    taken: u64,
    is_open: bool,
    is_renewed: bool,
    page_has_closed: bool,
    host_has_closed: bool,
    host_has_dropped: bool,
    end: Option<std::result::Result<String, ErrorCode>>,
}

impl Expected {
    /// Whether the page has credit, as it knows.
    fn has_credit(&mut self, notes: &Notes) -> bool {
        self.known.drain(..(notes.credit - self.told) as usize);
        self.told = notes.credit;
        let bytes: usize = self.known.iter().sum();
        self.known.len() < self.credit.parts && bytes < self.credit.bytes
    }

    fn page_sends(&mut self, world: &mut World, size: usize) {
        let notes = world.notes(&self.own);
        if self.is_renewed || self.page_has_closed || notes.is_unread || !self.is_open {
            return;
        }
        if !self.has_credit(&notes) {
            return;
        }
        let part = format!("{}{}", self.from_page.len(), "0".repeat(size));
        let number = self.from_page.len() as u64 + 1;
        world.page_sends(&self.own, number, &part).unwrap();
        self.known.push_back(size_of(&part));
        self.from_page.push(part);
    }

    fn host_sends(&mut self, world: &mut World, size: usize) {
        let part = format!("{}{}", self.from_host.len(), "0".repeat(size));
        let sent = world.send(&mut self.own, &part);
        let code = sent.err().map(|error| error.code());
        let may_send = self.is_open && !self.host_has_closed;
        assert_eq!(code == Some(ErrorCode::Cancelled), !may_send, "{code:?}");
        match code {
            None => self.from_host.push(part),
            Some(ErrorCode::QueueFull) => {
                let untaken = self.from_host.len() as u64 - self.taken;
                assert!(untaken > 0, "what was taken gives credit back");
            }
            Some(_) => {}
        }
    }

    fn page_takes(&mut self, world: &mut World, count: u64) {
        if self.is_renewed {
            return;
        }
        let page = &world.pages["a"];
        let due = page.due.get(&self.own.number).copied().unwrap_or(0);
        let seen = page.seen.get(&self.own.number);
        let received = seen.map_or(0, |seen| seen.parts.len() as u64);
        let before = self.taken;
        self.taken = (before + count).min(received);
        if before < due && due <= self.taken {
            world.take(&self.own, self.taken).unwrap();
        }
    }

    fn run(&mut self, world: &mut World, step: Step) {
        match step {
            Step::PageSends { size, .. } => self.page_sends(world, size),
            Step::HostSends { size, .. } => self.host_sends(world, size),
            Step::HostReads { count, .. } if !self.host_has_dropped => {
                world.host_reads(&mut self.own, count);
            }
            Step::PageTakes { count, .. } => self.page_takes(world, count),
            Step::PageCloses { .. } if !self.is_renewed => {
                let after = self.from_page.len() as u64;
                world.page_closes(&self.own, after).unwrap();
                self.page_has_closed |= self.is_open;
            }
            Step::HostCloses { .. } => {
                world.host_closes(&self.own);
                self.host_has_closed |= self.is_open;
            }
            Step::HostDrops { .. } => {
                world.host_drops_its_reader(&self.own);
                self.host_has_dropped = true;
            }
            Step::Stop { .. } if !self.is_renewed && self.end.is_none() => {
                world.leave(&self.own);
                self.is_open = false;
            }
            Step::Respond { .. } => {
                world.respond(&self.own, Ok("null"));
                if std::mem::replace(&mut self.is_open, false) {
                    self.end = Some(Ok("null".to_owned()));
                }
            }
            Step::Repeat { .. } if !self.is_renewed => self.repeat(world),
            _ => {}
        }
        self.check(world);
    }

    /// A copy of the request gets the credit, or nothing once the channel has ended, and changes nothing.
    fn repeat(&self, world: &mut World) {
        world.newest += 1;
        let waiter = world.newest as u32;
        let request = NewRequest {
            message: channel_message(RequestId::of(world.newest), self.credit),
            caller: Caller::Page(world.key("a"), self.own.number),
            to: Recipient::Host,
            timeout: None,
        };
        let (is_new, effects) = world.hub.request(request, waiter, world.now).unwrap();
        assert!(!is_new);
        world.apply_effects(effects);
        let reply = world.replies.remove(&waiter).unwrap().unwrap();
        assert_eq!(reply.contains("credit"), self.is_open, "{reply}");
    }

    fn check(&self, world: &World) {
        let read = &self.own.seen;
        assert!(self.from_page.starts_with(&read.parts), "{read:?}");
        if read.end == Some(Ok("null".to_owned())) {
            assert!(self.page_has_closed);
            assert_eq!(read.parts, self.from_page, "all parts come before the end");
        }
        if self.is_renewed {
            return;
        }
        let seen = world.pages["a"].seen.get(&self.own.number);
        let seen = seen.cloned().unwrap_or_default();
        assert!(self.from_host.starts_with(&seen.parts), "{seen:?}");
        if let Some(end) = &seen.end {
            assert_eq!(Some(end), self.end.as_ref());
            assert_eq!(seen.parts, self.from_host, "all parts come before the end");
        }
        if let Some(after) = world.notes(&self.own).closed_after {
            assert!(self.host_has_closed);
            assert_eq!(after, self.from_host.len(), "it comes behind all parts");
        }
    }
}

proptest! {
    /// Replies to pulls are lost, requests come twice, and the page reloads or renews its session. Each side sees what the
    /// other one has sent, in order, up to its end, and an honest page is never refused.
    #[test]
    fn each_side_sees_what_the_other_sent(steps in prop::collection::vec(step(), 1..250)) {
        let mut world = World::new();
        world.open("a");
        let mut channels: Vec<Expected> = Vec::new();
        for step in steps {
            match step {
                Step::Open { narrow } => {
                    let credit = match narrow {
                        true => Credit { bytes: 1, parts: 1 },
                        false => CREDIT,
                    };
                    channels.push(Expected {
                        own: world.open_channel(credit).unwrap(),
                        credit,
                        from_page: Vec::new(),
                        from_host: Vec::new(),
                        known: VecDeque::new(),
                        told: 0,
                        taken: 0,
                        is_open: true,
                        is_renewed: false,
                        page_has_closed: false,
                        host_has_closed: false,
                        host_has_dropped: false,
                        end: None,
                    });
                }
                Step::Pull { is_lost } => {
                    world.pull_over("a", is_lost);
                }
                Step::Renew { is_left } => {
                    if is_left {
                        world.leave_page("a");
                    }
                    world.open("a");
                    for own in &mut channels {
                        own.is_open = false;
                        own.is_renewed = true;
                    }
                }
                Step::PageSends { which, .. }
                | Step::HostSends { which, .. }
                | Step::HostReads { which, .. }
                | Step::PageTakes { which, .. }
                | Step::PageCloses { which }
                | Step::HostCloses { which }
                | Step::HostDrops { which }
                | Step::Stop { which }
                | Step::Respond { which }
                | Step::Repeat { which } => {
                    if let Some(own) = channels.iter_mut().rev().nth(which) {
                        own.run(&mut world, step);
                    }
                }
            }
        }
        world.pull_all();
        for own in &mut channels {
            own.check(&world);
            if !own.is_open && !own.host_has_dropped {
                world.host_reads(&mut own.own, usize::MAX >> 1);
                own.check(&world);
                assert!(own.own.seen.end.is_some(), "the host learns of the end");
            }
            if own.is_open && !own.host_has_dropped && !own.page_has_closed {
                world.host_reads(&mut own.own, usize::MAX >> 1);
                world.pull_all();
                let notes = world.notes(&own.own);
                assert!(own.has_credit(&notes), "what was read gives credit back");
            }
            world.host_drops_its_reader(&own.own);
            if own.is_open {
                world.leave(&own.own);
            }
        }
        world.check_empty(&[]);
    }
}
