//! A page that the host calls: what it has got, the values that it returns, and what they carry.

use super::*;
use crate::hub::calls::{Call, CallId, CallReply};

/// In how many values after the first one a page tells what it has taken, as the guest package does.
const TOLD_AGAIN: usize = 3;

/// The carrier of a page, from its side.
#[derive(Debug, Default)]
pub(super) struct Called {
    /// Whether its values carry what it tells.
    is_carrying: bool,
    /// Calls that are on their way to the page.
    coming: VecDeque<Call>,
    /// Calls whose items the page has, and that have not returned.
    begun: VecDeque<CallId>,
    /// What calls have come to, on the way to the host.
    values: Vec<(CallId, Option<Value>)>,
    /// What the next value carries: how much was taken, by stream.
    untold: HashMap<u64, u64>,
    /// What values have carried, and how often.
    told: HashMap<u64, (u64, usize)>,
}

/// What a call returns.
#[derive(Debug)]
struct Value {
    handled: u64,
    /// How much was taken, by stream.
    taken: Vec<(u64, u64)>,
}

impl World {
    /// The page says that it can be called.
    pub(super) fn offer_calls(&mut self, label: &'static str, is_lost: bool) {
        if !self.pages[label].called.is_carrying {
            self.pull_with(label, is_lost, true);
        }
    }

    /// Whether what a page gets comes by calls.
    pub(super) fn is_called(&self, label: &str) -> bool {
        self.pages[label].called.is_carrying
    }

    /// The page got the last pull before calls.
    pub(super) fn begin_calls(&mut self, label: &str) {
        self.pages.get_mut(label).unwrap().called.is_carrying = true;
    }

    /// The page pulls from now on. Its values may be lost, so it tells everything again.
    pub(super) fn stop_carrying(&mut self, label: &'static str) {
        let called = &mut self.pages.get_mut(label).unwrap().called;
        if std::mem::take(&mut called.is_carrying) {
            called.untold.clear();
            called.told.clear();
            self.tell_again(label);
        }
    }

    /// The host calls the page, if a call is due.
    pub(super) fn call(&mut self, label: &str) {
        let (call, effects) = self.hub.take_call(self.key(label), BATCH, self.now);
        self.apply_effects(effects);
        let called = &mut self.pages.get_mut(label).unwrap().called;
        called.coming.extend(call);
    }

    /// The page handles the oldest call on its way, without returning from it.
    pub(super) fn begin_call(&mut self, label: &'static str) {
        let called = &mut self.pages.get_mut(label).unwrap().called;
        let Some(call) = called.coming.pop_front() else {
            return;
        };
        called.begun.push_back(call.id);
        if !self.handle(label, &call.batch) {
            let called = &mut self.pages.get_mut(label).unwrap().called;
            called.begun.pop_back();
            called.values.push((call.id, None));
        }
    }

    /// A call is lost before the page gets it.
    pub(super) fn lose_call(&mut self, label: &str, which: usize) {
        let called = &mut self.pages.get_mut(label).unwrap().called;
        if let Some(call) = called.coming.remove(which) {
            called.values.push((call.id, None));
        }
    }

    /// The oldest call returns.
    pub(super) fn return_call(&mut self, label: &str) {
        let page = self.pages.get_mut(label).unwrap();
        let called = &mut page.called;
        let Some(id) = called.begun.pop_front() else {
            return;
        };
        let mut taken = Vec::new();
        if called.is_carrying {
            for (stream, count) in called.untold.drain() {
                called.told.insert(stream, (count, 0));
            }
            called.told.retain(|stream, (count, times)| {
                taken.push((*stream, *count));
                *times += 1;
                *times <= TOLD_AGAIN
            });
        }
        let handled = page.ack;
        called.values.push((id, Some(Value { handled, taken })));
    }

    /// A value arrives, or is lost. The host may apply what it carries before or after it takes the call for ended.
    pub(super) fn end_call(
        &mut self,
        label: &str,
        which: usize,
        is_lost: bool,
        carried_first: bool,
    ) {
        let page = self.pages.get_mut(label).unwrap();
        let values = &mut page.called.values;
        if values.is_empty() {
            return;
        }
        let (id, value) = values.remove(which % values.len());
        let value = value.filter(|_| !is_lost);
        let session = self.session(label);
        let reply = value.as_ref().and_then(|value| {
            let handled = value.handled;
            self.note_acknowledged(label, handled);
            CallReply::parse(&format!("{session}:{handled}"))
        });
        let taken = value.map_or(Vec::new(), |value| value.taken);
        let end = |world: &mut Self| {
            let effects = world.hub.finish_call(id, reply, world.now);
            world.apply_effects(effects);
        };
        if !carried_first {
            end(self);
        }
        for (stream, count) in taken {
            let key = self.key(label);
            let (told, effects) = self.hub.take_parts(key, stream, count, self.now);
            self.apply_effects(effects);
            told.unwrap();
        }
        if carried_first {
            end(self);
        }
    }

    /// The page has taken so much of a stream. It tells that if it is due, with the value of a call that has yet to return.
    pub(super) fn note_taken(&mut self, stream: &Stream, taken: u64, is_due: bool) {
        let page = self.pages.get_mut(stream.from.unwrap()).unwrap();
        page.taken.insert(stream.number, taken);
        let called = &mut page.called;
        if !is_due {
            return;
        }
        if called.is_carrying && !called.begun.is_empty() {
            called.untold.insert(stream.number, taken);
        } else {
            self.take(stream, taken).unwrap();
        }
    }

    /// The page tells again what it has taken of all its streams.
    pub(super) fn tell_again(&mut self, label: &str) {
        let page = self.pages.get_mut(label).unwrap();
        let taken = page.taken.clone();
        if page.called.is_carrying && !page.called.begun.is_empty() {
            page.called.untold.extend(taken);
            return;
        }
        for (stream, count) in taken {
            let key = self.key(label);
            let (told, effects) = self.hub.take_parts(key, stream, count, self.now);
            self.apply_effects(effects);
            told.unwrap();
        }
    }

    /// Whether what a page has taken of a stream is on its way to the host.
    pub(super) fn is_telling(&self, stream: &Stream) -> bool {
        let page = stream.from.and_then(|label| self.pages.get(label));
        page.is_some_and(|page| {
            let called = &page.called;
            let values = called.values.iter().filter_map(|(_, value)| value.as_ref());
            let mut carried = values.flat_map(|value| &value.taken);
            called.untold.contains_key(&stream.number)
                || called.told.contains_key(&stream.number)
                || carried.any(|(number, _)| *number == stream.number)
        })
    }

    /// The session of a page has ended. Its calls fail.
    pub(super) fn fail_calls(&mut self, label: &str) {
        let Some(page) = self.pages.get_mut(label) else {
            return;
        };
        let called = std::mem::take(&mut page.called);
        let coming = called.coming.into_iter().map(|call| call.id);
        let values = called.values.into_iter().map(|(id, _)| id);
        for id in coming.chain(called.begun).chain(values) {
            let effects = self.hub.finish_call(id, None, self.now);
            self.apply_effects(effects);
        }
    }

    /// All calls come and return, and so do their values.
    pub(super) fn settle_calls(&mut self, label: &'static str) {
        loop {
            self.call(label);
            self.begin_call(label);
            self.return_call(label);
            let called = &self.pages[label].called;
            if called.values.is_empty() && called.coming.is_empty() {
                return;
            }
            self.end_call(label, 0, false, false);
        }
    }
}
