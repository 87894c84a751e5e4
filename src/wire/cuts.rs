//! Where the runs of a batch stand in its text, so that a page hands them to workers and frames without reading them.

use std::fmt::Write;

use crate::model::event::{BusEvent, Mark};

/// Beyond so many runs, a batch has cuts only if its runs have this many events on average: to cut small ones takes longer than
/// to read them.
const MANY_RUNS: usize = 64;
const FEW_EVENTS: usize = 8;

/// The plain runs of a text that is being written.
#[derive(Default)]
pub(super) struct Cuts {
    json: String,
    runs: usize,
    events: usize,
    /// How much of the text has been counted: its bytes, and the units of UTF-16 in which JavaScript counts.
    counted: (usize, usize),
}

/// A run that is being written.
pub(super) struct Cut {
    /// Where it begins, in bytes.
    pub(super) start: usize,
    pub(super) head: usize,
    pub(super) events: usize,
    /// Its first number, as the difference to that of the event before.
    pub(super) step: i64,
    /// The time of the event before.
    pub(super) micros: i64,
}

/// Whether nothing but its handlers depends on an event: it is live, and no emitter waits for what becomes of it.
pub(super) fn is_plain(event: &BusEvent) -> bool {
    event.mark() == Mark::default() && event.tick().is_none()
}

impl Cuts {
    /// Notes a run that ends at the end of this text. `micros` is the time of its last event.
    pub(super) fn push(&mut self, text: &str, cut: &Cut, micros: i64) {
        let start = self.units_until(text, cut.start);
        let length = self.units_until(text, text.len()) - start;
        let comma = if self.runs == 0 { "" } else { "," };
        let (head, events, step, span) = (cut.head, cut.events, cut.step, micros - cut.micros);
        // Writing to a string cannot fail.
        let _ = write!(
            self.json,
            "{comma}[{start},{length},{head},{events},{step},{span}]"
        );
        self.runs += 1;
        self.events += events;
    }

    fn units_until(&mut self, text: &str, end: usize) -> usize {
        let (bytes, units) = self.counted;
        let more = text.get(bytes..end).unwrap_or_default();
        let more = match more.is_ascii() {
            true => more.len(),
            false => more.chars().map(char::len_utf16).sum(),
        };
        self.counted = (end, units + more);
        units + more
    }

    /// The cuts as JSON, if there are any that save time.
    pub(super) fn finish(self) -> Option<String> {
        let is_worth = self.runs <= MANY_RUNS || self.events >= self.runs * FEW_EVENTS;
        (self.runs > 0 && is_worth).then_some(self.json)
    }
}
