//! Channels: parts both ways, the ways in which a half ends, and those in which both do.

mod random;

use super::*;
use crate::hub::requests::channel::ChannelNote;

/// What a page was told of a channel besides its parts and its end.
#[derive(Debug, Default, Clone)]
pub(super) struct Notes {
    /// How many parts of the page count no more.
    credit: u64,
    is_unread: bool,
    /// How many parts the page had seen when the host closed its half.
    closed_after: Option<usize>,
}

impl Notes {
    fn take(&mut self, note: ChannelNote, seen: usize) {
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

impl Page {
    pub(super) fn note(&mut self, channel: u64, note: ChannelNote) {
        let seen = self.seen.get(&channel).map_or(0, |seen| seen.parts.len());
        self.notes.entry(channel).or_default().take(note, seen);
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
    world.host_drops_its_reader(&channel);
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
    assert_eq!(
        world.page_saw(&channel).end,
        Some(Err(ErrorCode::QueueFull))
    );
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

/// Either side ends it; the other one learns why, and nothing is kept.
#[test]
fn a_channel_ends_in_every_way() {
    type End = fn(&mut World, &Stream);
    type Outcome = Option<std::result::Result<&'static str, ErrorCode>>;
    let ends: [(&str, End, Outcome); 7] = [
        ("stop", |world, own| world.leave(own), None),
        ("leave", |world, _| world.leave_page("a"), None),
        (
            "renew",
            |world, _| {
                world.open("a");
            },
            None,
        ),
        (
            "complete",
            |world, own| world.respond(own, Ok("null")),
            Some(Ok("null")),
        ),
        (
            "fail",
            |world, own| world.respond(own, Err(Error::new(ErrorCode::ResponderFailed, ""))),
            Some(Err(ErrorCode::ResponderFailed)),
        ),
        (
            "refused part",
            |world, own| {
                let error = Error::new(ErrorCode::InvalidPayload, "");
                let key = world.key("a");
                let (sent, effects) = world
                    .hub
                    .send_part_of_caller(key, own.number, 3, Err(error));
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
        assert_eq!(
            world.told.cancelled.contains(&channel.id),
            !is_own,
            "{what}"
        );
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

#[test]
fn what_the_host_has_dropped_takes_no_room() {
    let limits = Limits {
        queue_bytes: 2_000,
        ..Limits::default()
    };
    let mut world = World::with(limits);
    world.open("a");
    let large = "1".repeat(1_500);
    let channels = [(); 3].map(|()| world.open_channel(CREDIT).unwrap());
    for unread in &channels[..2] {
        world.page_sends(unread, 1, &large).unwrap();
        world.host_drops_its_reader(unread);
    }
    world.page_sends(&channels[2], 1, &large).unwrap();
    for channel in &channels {
        world.leave(channel);
    }
    world.host_drops_its_reader(&channels[2]);
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
