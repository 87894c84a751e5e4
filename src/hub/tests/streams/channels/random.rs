//! Channels of one page against an oracle, in which everything may happen at any moment.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

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
