//! The counts by which receivers know what they have lost. No clock but what is passed in, and no network.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tauri_plugin_event_bus::link::LinkStream;

/// How many nodes are known at a time.
pub(crate) const MAX_NODES: usize = 1024;

/// How many events before a message are lost at most, as a node believes. A bus takes no more at once.
pub(crate) const MAX_MISSING: u64 = 1 << 32;

/// After how long a sender tells the count of a stream in which nothing follows.
const QUIET: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(25),
];

/// What a node has sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    streams: BTreeMap<LinkStream, Stream>,
    /// No stream to a node begins with a lower count, since one to the same node may be forgotten.
    floor: u64,
    /// How many streams to nodes there are.
    nodes: usize,
    used: u64,
}

#[derive(Debug)]
struct Stream {
    count: u64,
    /// When its count is to be told, and how often that was since its last event.
    due: Option<(Duration, usize)>,
    used: u64,
}

impl Sent {
    /// Counts events, whether they are sent or dropped. Returns the count of the first one.
    pub(crate) fn count(&mut self, stream: &LinkStream, events: u64, now: Duration) -> u64 {
        let own = self.stream(stream);
        let first = own.count + 1;
        own.count += events;
        own.due = Some((now + QUIET[0], 0));
        first
    }

    /// How many events of a stream were counted.
    pub(crate) fn total(&mut self, stream: &LinkStream) -> u64 {
        self.stream(stream).count
    }

    fn stream(&mut self, stream: &LinkStream) -> &mut Stream {
        self.used += 1;
        let used = self.used;
        if !self.streams.contains_key(stream) && matches!(stream, LinkStream::Node(_)) {
            self.make_room();
            self.nodes += 1;
        }
        let floor = match stream {
            LinkStream::Node(_) => self.floor,
            _ => 0,
        };
        let own = self.streams.entry(stream.clone()).or_insert(Stream {
            count: floor,
            due: None,
            used: 0,
        });
        if matches!(stream, LinkStream::Node(_)) {
            own.used = used;
        }
        own
    }

    fn make_room(&mut self) {
        if self.nodes < MAX_NODES {
            return;
        }
        let nodes = self.streams.iter();
        let nodes = nodes.filter(|(stream, _)| matches!(stream, LinkStream::Node(_)));
        let oldest = nodes.min_by_key(|(_, own)| own.used);
        if let Some(oldest) = oldest.map(|(stream, _)| stream.clone())
            && let Some(forgotten) = self.streams.remove(&oldest)
        {
            self.floor = self.floor.max(forgotten.count);
            self.nodes -= 1;
        }
    }

    /// When the next count is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let due = self.streams.values().filter_map(|own| own.due);
        due.map(|(due, _)| due).min()
    }

    /// Takes the streams whose counts are due.
    pub(crate) fn take_due(&mut self, now: Duration) -> Vec<(LinkStream, u64)> {
        let mut taken = Vec::new();
        for (stream, own) in &mut self.streams {
            let Some((due, times)) = own.due.filter(|(due, _)| *due <= now) else {
                continue;
            };
            own.due = QUIET
                .get(times + 1)
                .map(|quiet| (due + *quiet - QUIET[times], times + 1));
            taken.push((stream.clone(), own.count));
        }
        taken
    }
}

/// What a node has received of others.
#[derive(Debug, Default)]
pub(crate) struct Received {
    nodes: HashMap<String, Node>,
    used: u64,
}

#[derive(Debug)]
struct Node {
    run: String,
    /// The run before, which does not come back.
    before: Option<String>,
    /// Whether this run began after the node was known, so that nothing of it was before.
    is_whole: bool,
    /// The next count of each stream. `None` stands for what is sent to this node alone.
    next: HashMap<Option<String>, u64>,
    used: u64,
}

/// What is to be done with a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// So many events before it are lost, and so many of its own are copies.
    Accept { missing: u64, copies: usize },
    /// Another node has the same name.
    SameName,
    /// It says that so many events before it are lost, which no node sends.
    TooMany { missing: u64 },
}

impl Received {
    /// Notes events of a stream, from this count on. A count without events says that all up to it were sent.
    pub(crate) fn note(
        &mut self,
        node: &str,
        run: &str,
        stream: Option<&str>,
        n: u64,
        events: usize,
    ) -> Verdict {
        self.used += 1;
        let used = self.used;
        if !self.nodes.contains_key(node) {
            self.make_room();
            let known = Node {
                run: run.to_owned(),
                before: None,
                is_whole: false,
                next: HashMap::new(),
                used,
            };
            self.nodes.insert(node.to_owned(), known);
        }
        let Some(known) = self.nodes.get_mut(node) else {
            return Verdict::SameName;
        };
        if known.run != run {
            if known.before.as_deref() == Some(run) {
                return Verdict::SameName;
            }
            known.before = Some(std::mem::replace(&mut known.run, run.to_owned()));
            known.is_whole = true;
            known.next.clear();
        }
        known.used = used;
        // A count tells of the last event, and events of their first.
        let first = if events == 0 { n + 1 } else { n };
        let after = first + events as u64;
        let stream = stream.map(str::to_owned);
        let beginning = if known.is_whole { 1 } else { first };
        let next = known.next.entry(stream).or_insert(beginning);
        let missing = first.saturating_sub(*next);
        // What is refused changes nothing.
        if missing > MAX_MISSING {
            return Verdict::TooMany { missing };
        }
        let copies = usize::try_from(*next - (*next).min(first)).unwrap_or(usize::MAX);
        *next = (*next).max(after);
        Verdict::Accept {
            missing,
            copies: copies.min(events),
        }
    }

    fn make_room(&mut self) {
        if self.nodes.len() < MAX_NODES {
            return;
        }
        let oldest = self.nodes.iter().min_by_key(|(_, node)| node.used);
        if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
            self.nodes.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(missing: u64, copies: usize) -> Verdict {
        Verdict::Accept { missing, copies }
    }

    #[test]
    fn a_hole_is_counted() {
        let mut received = Received::default();
        let mut note = |n, events| received.note("a", "r1", Some("order:*"), n, events);
        // What came before is not known.
        assert_eq!(note(5, 2), accept(0, 0));
        assert_eq!(note(7, 1), accept(0, 0));
        assert_eq!(note(10, 3), accept(2, 0));
        assert_eq!(note(11, 3), accept(0, 2));
        assert_eq!(note(11, 3), accept(0, 3));
        assert_eq!(note(1, 1), accept(0, 1));
        assert_eq!(note(14, 1), accept(0, 0));
    }

    #[test]
    fn a_count_that_no_node_reaches_changes_nothing() {
        let mut received = Received::default();
        let mut note = |n, events| received.note("a", "r1", None, n, events);
        assert_eq!(note(5, 1), accept(0, 0));
        let missing = (1 << 40) - 5;
        assert_eq!(note(1 << 40, 0), Verdict::TooMany { missing });
        assert_eq!(note(6, 1), accept(0, 0));
    }

    #[test]
    fn a_count_tells_of_what_was_lost_at_the_end() {
        let mut received = Received::default();
        let mut note = |n, events| received.note("a", "r1", Some("order:*"), n, events);
        assert_eq!(note(0, 0), accept(0, 0));
        assert_eq!(note(3, 1), accept(2, 0));
        assert_eq!(note(3, 0), accept(0, 0));
        assert_eq!(note(8, 0), accept(5, 0));
        assert_eq!(note(2, 0), accept(0, 0));
        assert_eq!(note(9, 1), accept(0, 0));
    }

    #[test]
    fn a_new_run_begins_with_its_first_event() {
        let mut received = Received::default();
        assert_eq!(received.note("a", "r1", None, 9, 1), accept(0, 0));
        assert_eq!(received.note("a", "r2", None, 4, 1), accept(3, 0));
        assert_eq!(received.note("a", "r2", Some("x"), 2, 0), accept(2, 0));
        assert_eq!(received.note("a", "r1", None, 10, 1), Verdict::SameName);
        assert_eq!(received.note("a", "r2", None, 5, 1), accept(0, 0));
    }

    #[test]
    fn streams_and_nodes_are_apart() {
        let mut received = Received::default();
        assert_eq!(received.note("a", "r", Some("x"), 1, 1), accept(0, 0));
        assert_eq!(received.note("a", "r", Some("y"), 5, 1), accept(0, 0));
        assert_eq!(received.note("b", "r", Some("x"), 5, 1), accept(0, 0));
        assert_eq!(received.note("a", "r", Some("x"), 2, 1), accept(0, 0));
    }

    #[test]
    fn many_nodes_forget_the_oldest() {
        let mut received = Received::default();
        for node in 0..=MAX_NODES {
            received.note(&node.to_string(), "r", None, 1, 1);
        }
        assert_eq!(received.nodes.len(), MAX_NODES);
        assert!(!received.nodes.contains_key("0"));
        let mut sent = Sent::default();
        let now = Duration::ZERO;
        let node = |number: usize| LinkStream::Node(number.to_string().into());
        assert_eq!(sent.count(&node(0), 7, now), 1);
        for number in 1..=MAX_NODES {
            sent.count(&node(number), 1, now);
        }
        assert_eq!(sent.streams.len(), MAX_NODES);
        // It goes on behind what was forgotten, which its receiver may know.
        assert_eq!(sent.count(&node(0), 1, now), 8);
    }

    #[test]
    fn the_last_count_is_told_three_times() {
        let mut sent = Sent::default();
        let second = Duration::from_secs;
        let share = LinkStream::Share(0);
        assert_eq!(sent.next_due(), None);
        assert_eq!(sent.count(&share, 2, second(10)), 1);
        assert_eq!(sent.take_due(second(10)), []);
        assert_eq!(sent.count(&share, 3, second(10)), 3);
        let mut told = Vec::new();
        while let Some(due) = sent.next_due() {
            assert_eq!(sent.take_due(due), [(share.clone(), 5)]);
            told.push(due.as_secs());
        }
        assert_eq!(told, [11, 15, 35]);
        assert_eq!(sent.total(&share), 5);
    }

    proptest::proptest! {
        /// Whatever is lost, doubled or late: each event is accepted once or counted as missing.
        #[test]
        fn each_event_is_accepted_or_missing(
            messages in proptest::collection::vec((1u64..4, 0u8..4), 1..40),
        ) {
            let mut received = Received::default();
            received.note("a", "r", None, 0, 0);
            let (mut n, mut accepted, mut missing) = (1, 0, 0);
            let mut take = |n, events: u64| {
                match received.note("a", "r", None, n, events as usize) {
                    Verdict::Accept { missing: lost, copies } => {
                        missing += lost;
                        accepted += events - copies as u64;
                    }
                    Verdict::SameName | Verdict::TooMany { .. } => unreachable!(),
                }
            };
            let mut before = None;
            for (events, fate) in messages {
                if fate > 0 {
                    take(n, events);
                }
                if fate > 1 {
                    take(n, events);
                }
                if fate > 2 && let Some((n, events)) = before {
                    take(n, events);
                }
                before = Some((n, events));
                n += events;
            }
            take(n - 1, 0);
            proptest::prop_assert_eq!(accepted + missing, n - 1);
        }
    }
}
