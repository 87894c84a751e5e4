//! Pulls and calls of the pages.

use super::*;

impl World {
    /// A page fetches what is there, and acknowledges it with its next pull.
    pub(super) fn pull(&mut self, label: &'static str) -> usize {
        self.pull_over(label, false)
    }

    /// The same, over a way that may lose the reply.
    pub(super) fn pull_over(&mut self, label: &'static str, is_lost: bool) -> usize {
        self.stop_carrying(label);
        self.pull_with(label, is_lost, false)
    }

    pub(super) fn pull_with(
        &mut self,
        label: &'static str,
        is_lost: bool,
        can_be_called: bool,
    ) -> usize {
        let ack = self.pages[label].ack;
        let pull = Pull {
            session: self.session(label),
            ack,
            is_ahead: false,
            is_prompt: true,
            can_be_called,
            bound: BATCH,
        };
        let Ok(mut effects) = self.hub.pull(label, pull, 0, self.now) else {
            return 0;
        };
        self.note_acknowledged(label, ack);
        let (_, batch) = effects.batches.remove(0);
        self.apply_effects(effects);
        if is_lost {
            return 0;
        }
        if batch.calls_follow {
            self.begin_calls(label);
        }
        let is_whole = self.handle(label, &batch);
        assert!(is_whole, "a pull follows on what it acknowledges");
        batch.items().len()
    }

    /// The host knows that a page has everything up to this index.
    pub(super) fn note_acknowledged(&mut self, label: &str, ack: u64) {
        let page = self.pages.get_mut(label).unwrap();
        while page
            .unacknowledged
            .front()
            .is_some_and(|(index, _)| *index <= ack)
        {
            page.unacknowledged.pop_front();
        }
    }

    /// A page handles what it does not have. Returns false if the batch does not follow on what it has.
    pub(super) fn handle(&mut self, label: &'static str, batch: &Batch) -> bool {
        let page = self.pages.get_mut(label).unwrap();
        if batch.first() > page.ack + 1 {
            return false;
        }
        let is_repeated = !batch.is_empty() && batch.first() <= page.ack;
        for (index, item) in (batch.first()..).zip(batch.items()) {
            if index <= page.ack {
                continue;
            }
            page.ack = index;
            match item {
                Item::Part(part) => {
                    let seen = page.seen.entry(part.stream).or_default();
                    assert_eq!(seen.end, None, "a part behind the end");
                    seen.parts.push(part.payload.to_string());
                    if part.is_due {
                        page.due.insert(part.stream, seen.parts.len() as u64);
                    }
                    let coming = page.coming.get_mut(&part.stream);
                    let weight = coming.and_then(VecDeque::pop_front).unwrap_or(0);
                    page.unacknowledged.push_back((index, weight));
                }
                Item::StreamEnd(end) => {
                    let seen = page.seen.entry(end.stream).or_default();
                    assert_eq!(seen.end, None, "two ends");
                    seen.end = Some(outcome(&end.response));
                }
                Item::Request(message) => page.received.push(message.id),
                Item::Ended(id, ending) => self.told.endings.push((*id, *ending)),
                Item::Credit(id, parts) => {
                    let before = self.told.credit.insert(*id, *parts);
                    assert!(before.unwrap_or(0) < *parts, "credit grows");
                }
                Item::Channel(channel, note) => page.note(*channel, *note),
                other => panic!("{other:?}"),
            }
        }
        // What comes again may have been lost together with what the page has told.
        if is_repeated {
            self.tell_again(label);
        }
        true
    }

    /// Both pages show that they are there.
    pub(super) fn pull_all(&mut self) {
        for label in ["a", "b"] {
            if self.pages.contains_key(label) {
                while self.pull(label) > 0 {}
            }
        }
    }
}
