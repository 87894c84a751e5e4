//! What happens to pages and their connections.

use std::time::Duration;

use crate::mutation::Mutation;
use crate::sync;
use crate::world::{ORIGINS, Stage, World};

/// How a page is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaving {
    /// Its document is gone.
    ForGood,
    /// It waits in the back/forward cache.
    Cached,
}

impl World {
    /// The pages whose tasks run.
    pub(crate) fn running(&self) -> Vec<u32> {
        let running = self.documents.iter();
        let running = running.filter(|(_, document)| !document.is_frozen && !document.is_suspended);
        running.map(|(number, _)| *number).collect()
    }

    pub(crate) fn wires_of(&self, document: u32) -> Vec<u64> {
        let own = self
            .wires
            .iter()
            .filter(|(_, wire)| wire.document == document);
        own.map(|(number, _)| *number).collect()
    }

    /// A fetch fails, at whatever point it is. Tauri sends the message again by postMessage, and all later ones.
    pub(crate) fn fail_fetch(&mut self) {
        let fetched = self.wires.iter().filter(|(_, wire)| {
            let document = self.documents.get(&wire.document);
            !wire.is_posted && document.is_some_and(|document| !document.is_frozen)
        });
        let fetched: Vec<u64> = fetched.map(|(number, _)| *number).collect();
        if fetched.is_empty() {
            return;
        }
        let chosen = self.rng.pick(&fetched);
        let Some(page) = self.wires.get(&chosen).map(|wire| wire.document) else {
            return;
        };
        // `window.stop()` fails all of them.
        let all = self.rng.chance(40);
        for number in self.wires_of(page) {
            if number == chosen || all {
                self.fail_wire(number);
            }
        }
    }

    /// Sends what was fetched once more, by postMessage.
    fn fail_wire(&mut self, number: u64) {
        let Some(wire) = self.wires.get(&number).filter(|wire| !wire.is_posted) else {
            return;
        };
        let (page, message) = (wire.document, wire.message.clone());
        self.note(format!("wire {number} fails"));
        if let Some(document) = self.documents.get_mut(&page) {
            document.is_latched = true;
        }
        self.send(page, message, Some(true));
        self.forget_answer(number);
    }

    /// The answer of this message reaches nobody. The message itself may still reach the host.
    fn forget_answer(&mut self, number: u64) {
        let is_answered = self
            .wires
            .get(&number)
            .is_some_and(|wire| matches!(wire.stage, Stage::Answered { .. }));
        if is_answered || self.rng.chance(30) {
            // Where the host has it, the answer is dropped when it comes.
            self.wires.remove(&number);
        } else if let Some(wire) = self.wires.get_mut(&number) {
            wire.message.callback = 0;
        }
    }

    /// The answer to a pull is lost on its way.
    pub(crate) fn lose_pull(&mut self) {
        let answered = self.wires.iter().filter(|(_, wire)| {
            matches!(wire.stage, Stage::Answered { .. }) && wire.message.command.ends_with("|pull")
        });
        let answered: Vec<u64> = answered.map(|(number, _)| *number).collect();
        if answered.is_empty() {
            return;
        }
        let number = self.rng.pick(&answered);
        self.note(format!("wire {number} loses its answer"));
        self.wires.remove(&number);
    }

    /// A call is lost on its way to the page, in it, or on its way back.
    pub(crate) fn lose_call(&mut self) {
        let open: Vec<u64> = self.calls.keys().copied().collect();
        if !open.is_empty() {
            let number = self.rng.pick(&open);
            self.fail_call(number);
        }
    }

    /// Leaves the page of a window, and returns whether it had one.
    fn unload(&mut self, window: usize, leaving: Leaving) {
        let Some(number) = self.windows[window].page.take() else {
            return;
        };
        self.note(format!("page {number} is left: {leaving:?}"));
        let is_cached = leaving == Leaving::Cached;
        if let Some(document) = self.documents.get_mut(&number) {
            document.is_suspended = false;
            document.page.fire("pagehide", is_cached);
        }
        if is_cached {
            self.oracle.page_is_cached(number);
        }
        self.collect(number);
        // WebKit fails what is in flight, so Tauri sends it again, before the page is gone.
        for wire in self.wires_of(number) {
            let is_fetched = self.wires.get(&wire).is_some_and(|wire| !wire.is_posted);
            if is_fetched && self.rng.chance(50) {
                self.fail_wire(wire);
            }
        }
        // Most of it arrives before the next page does.
        for wire in self.wires_of(number) {
            let is_sent = self
                .wires
                .get(&wire)
                .is_some_and(|wire| matches!(wire.stage, Stage::Sent));
            if is_sent && self.rng.chance(80) {
                self.deliver(wire);
            }
        }
        self.settle();
        self.end_document(number, leaving);
    }

    fn end_document(&mut self, number: u32, leaving: Leaving) {
        self.fail_calls_of(number);
        for wire in self.wires_of(number) {
            let is_answered = self.wires.get(&wire).is_some_and(|wire| {
                matches!(wire.stage, Stage::Answered { .. }) || !wire.is_posted
            });
            if is_answered {
                self.forget_answer(wire);
            }
        }
        match leaving {
            Leaving::ForGood => {
                self.oracle.page_is_gone(number);
                self.documents.remove(&number);
            }
            Leaving::Cached => {
                if let Some(document) = self.documents.get_mut(&number) {
                    document.is_frozen = true;
                    self.windows[document.window].cached.push(number);
                }
            }
        }
    }

    /// Tauri's hook tells that the page of a window is left.
    pub(crate) fn leave(&mut self, window: usize, origin: Option<&str>) {
        let label = self.windows[window].label;
        let seq = self.seq();
        let is_first = self.loaded.insert(label);
        let told = match self.mutation {
            Some(Mutation::MistakeFirstPages) if is_first => Some("tauri://mistaken"),
            _ => origin,
        };
        self.runtime.leave_page(label, told.map(str::to_owned));
        self.oracle.page_is_left(label, origin, seq, sync::passed());
        self.note(format!(
            "window {window} leaves its page for {origin:?} at {seq}"
        ));
        self.settle();
    }

    fn forget_cached(&mut self, window: usize) {
        for number in std::mem::take(&mut self.windows[window].cached) {
            self.note(format!("page {number} leaves the cache"));
            self.end_document(number, Leaving::ForGood);
        }
    }

    pub(crate) fn reload(&mut self, window: usize) {
        let page = self.windows[window].page;
        let origin = page
            .and_then(|page| self.documents.get(&page))
            .map(|document| document.origin);
        self.unload(window, Leaving::ForGood);
        self.begin_page(window, origin.unwrap_or(ORIGINS[0]));
    }

    pub(crate) fn navigate(&mut self, window: usize, is_cached: bool) {
        let leaving = match is_cached {
            true => Leaving::Cached,
            false => Leaving::ForGood,
        };
        self.unload(window, leaving);
        let origin = match self.rng.chance(30) {
            true => ORIGINS[1],
            false => ORIGINS[0],
        };
        self.begin_page(window, origin);
    }

    /// Loads a page, whose app usually listens to something at once.
    pub(crate) fn begin_page(&mut self, window: usize, origin: &'static str) {
        let page = self.load(window, origin);
        for _ in 0..self.rng.below(4) {
            self.page_does(page, "listen");
        }
        if self.rng.chance(30) {
            self.page_does(page, "respond");
        }
    }

    /// Goes back to a page in the cache.
    pub(crate) fn go_back(&mut self, window: usize) {
        let cached = &self.windows[window].cached;
        if cached.is_empty() {
            return;
        }
        let place = self.rng.below(cached.len());
        let leaving = match self.rng.chance(60) {
            true => Leaving::Cached,
            false => Leaving::ForGood,
        };
        let number = self.windows[window].cached.remove(place);
        self.unload(window, leaving);
        let origin = self.documents.get(&number).map(|document| document.origin);
        self.leave(window, origin);
        self.windows[window].page = Some(number);
        self.note(format!("page {number} is back"));
        if let Some(document) = self.documents.get_mut(&number) {
            document.is_frozen = false;
            document.is_latched = true;
            document.page.fire("pageshow", true);
        }
        self.collect(number);
    }

    /// The process of a page ends without a word.
    pub(crate) fn crash(&mut self, window: usize) {
        let Some(number) = self.windows[window].page.take() else {
            return;
        };
        self.note(format!("page {number} crashes"));
        self.end_document(number, Leaving::ForGood);
        self.forget_cached(window);
        self.leave(window, None);
    }

    pub(crate) fn close(&mut self, window: usize) {
        self.note(format!("window {window} closes"));
        self.unload(window, Leaving::ForGood);
        self.forget_cached(window);
        self.windows[window].is_open = false;
        let made: Vec<u64> = self
            .calls
            .iter()
            .filter(|(_, call)| call.window == window)
            .map(|(number, _)| *number)
            .collect();
        for number in made {
            self.fail_call(number);
        }
        let label = self.windows[window].label;
        self.oracle.window_closes(label, sync::passed());
        crate::platform::list(label, false);
        self.runtime.remove_window(label);
        self.settle();
    }

    pub(crate) fn open(&mut self, window: usize) {
        // What an earlier window of this label has sent is gone with it.
        self.wires
            .retain(|_, wire| wire.window != window || matches!(wire.stage, Stage::Accepted));
        self.open_window(window);
        if self.rng.chance(80) {
            self.begin_page(window, ORIGINS[0]);
        }
    }

    /// The machine sleeps.
    pub(crate) fn sleep(&mut self) {
        let time = Duration::from_secs(self.rng.pick(&[30, 90, 3_600, 8 * 3_600]));
        self.note(format!("the machine sleeps for {time:?}"));
        let monotonic = match self.plan.sleep_counts {
            true => time,
            false => Duration::ZERO,
        };
        sync::advance(monotonic, time);
    }
}
