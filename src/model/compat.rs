use std::collections::HashSet;

use serde::Serialize;

use crate::model::name::EventName;

/// How many notes are kept. Pages may make up names.
pub(crate) const MAX_NOTES: usize = 256;

/// What compatible mode has noted: what the bus would have done otherwise without it.
/// [`EventBus::compat_report`](crate::EventBus::compat_report) returns it.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CompatReport {
    /// One note for each kind and name, in the order in which they came.
    pub notes: Vec<CompatNote>,
    /// How many times a difference had no more room in `notes`, of which 256 are kept.
    pub omitted: u64,
}

impl CompatReport {
    /// Whether nothing was noted, so that the mode can be turned off.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }
}

/// One difference: see [`CompatReport`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CompatNote {
    /// The rule that would have acted otherwise.
    pub kind: CompatKind,
    /// The name of the event.
    pub event: String,
    /// What would have been different, in one sentence.
    pub message: String,
}

/// The rule of the bus that a [`CompatNote`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CompatKind {
    /// A label names no webview, which would be an error.
    UnknownLabel,
    /// A page received an event that was sent to another one, or did not receive its own, because it listens with another
    /// kind of target.
    OtherTarget,
    /// A listener with a target received an event to everyone.
    Broadcast,
    /// Earlier events would have been replayed, or a retained one delivered.
    Replay,
    /// JSON would have been written otherwise, or refused.
    Value,
    /// A rate, a size, a quota or the length of a chain would have refused the event.
    Limit,
    /// The event came through Tauri's own system.
    Core,
}

/// Collects notes, one for each kind and name.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    all: Vec<CompatNote>,
    known: HashSet<(CompatKind, EventName)>,
    omitted: u64,
    /// Those that are not logged yet.
    fresh: Vec<CompatNote>,
}

impl Notes {
    pub(crate) fn add(
        &mut self,
        kind: CompatKind,
        name: &EventName,
        message: impl FnOnce() -> String,
    ) {
        // Cloned without an allocation: events look this up while the mode is on.
        let key = (kind, name.clone());
        if self.known.contains(&key) {
            return;
        }
        if self.known.len() >= MAX_NOTES {
            self.omitted += 1;
            return;
        }
        let note = CompatNote {
            kind,
            event: name.as_str().to_owned(),
            message: message(),
        };
        self.fresh.push(note.clone());
        self.all.push(note);
        self.known.insert(key);
    }

    pub(crate) fn take_fresh(&mut self) -> Vec<CompatNote> {
        std::mem::take(&mut self.fresh)
    }

    pub(crate) fn report(&self) -> CompatReport {
        CompatReport {
            notes: self.all.clone(),
            omitted: self.omitted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_and_name_is_noted_once() {
        let mut notes = Notes::default();
        let name = |n: usize| EventName::parse(&format!("n{n}")).unwrap();
        for _ in 0..2 {
            notes.add(CompatKind::Limit, &name(0), || "first".to_owned());
            notes.add(CompatKind::Value, &name(0), || "second".to_owned());
        }
        assert_eq!(notes.take_fresh().len(), 2);
        assert!(notes.take_fresh().is_empty());
        for n in 0..300 {
            notes.add(CompatKind::Replay, &name(n), String::new);
        }
        let report = notes.report();
        assert_eq!((report.notes.len(), report.omitted), (MAX_NOTES, 46));
    }
}
