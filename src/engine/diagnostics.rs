//! What the plugin logs on behalf of the app's events.
//!
//! A logger may emit what is logged, so a record must not cause itself without an end. It carries the causes of the event
//! that it is about, so that the limit of a chain holds, and each kind of record is written once for a name and a time.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use log::Level;

use crate::engine::causes::run_caused_by;
use crate::engine::foreign::drop_safely;
use crate::model::compat::{CompatKind, CompatNote};
use crate::model::event::Origin;
use crate::model::name::EventName;
use crate::sync::{Mutex, MutexGuard, Tasks, after, sleep_until};

/// For how long records of one kind and name are only counted after one was written.
const PERIOD: Duration = Duration::from_secs(10);

/// How many names of a kind are told apart. Pages may make up names.
const MAX_NAMES: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Record {
    ListenerPanicked,
    ListenersTooSlow,
    ResponderPanicked,
    TaskPanicked,
    /// What a component emits at the end of a listener or a responder.
    DeferredPanicked,
    DropPanicked,
    /// What runs a task of the app.
    WakerPanicked,
    TickFailed,
    JobFailed,
    /// A typed listener got a payload of another type.
    PayloadIgnored,
    /// What a component emits by itself was refused.
    NotEmitted,
    /// An event that was kept until it is consumed was given up.
    NotConsumed,
    InterceptorPanicked,
    /// A message of another node was refused.
    ArrivalRefused,
    /// Events were not sent to other nodes.
    NotSent,
    /// A pointer of a redaction has matched nothing.
    NotRedacted,
    /// The function that tells the trace of the app has failed.
    TraceContextFailed,
    /// A recording ended since it could not be written.
    NotRecorded,
    /// An event was not bridged to or from Tauri's own events.
    NotBridged,
    /// Compatible mode has noted a difference.
    Noted(CompatKind),
}

impl Record {
    fn level(self) -> Level {
        match self {
            Self::ListenersTooSlow
            | Self::TickFailed
            | Self::PayloadIgnored
            | Self::NotRedacted
            | Self::TraceContextFailed
            | Self::ArrivalRefused
            | Self::NotSent
            | Self::Noted(_) => Level::Warn,
            _ => Level::Error,
        }
    }

    /// What has happened.
    fn describe(self, name: &str) -> String {
        match self {
            Self::Noted(_) => "compatible mode: without it, this would be different".to_owned(),
            Self::ListenerPanicked => format!("a listener of {name:?} panicked"),
            Self::ListenersTooSlow => "the host listeners were too slow".to_owned(),
            Self::ResponderPanicked => format!("the responder of {name:?} panicked"),
            Self::TaskPanicked => format!("the task {name:?} panicked"),
            Self::DeferredPanicked => {
                format!("emitting {name:?} at the end of a listener or a responder panicked")
            }
            Self::DropPanicked => {
                format!(
                    "what a listener or responder of {name:?} has captured panicked while it was dropped"
                )
            }
            Self::WakerPanicked => "waking a task of the app panicked".to_owned(),
            Self::TickFailed => format!("a tick of a job of {name:?} was not emitted"),
            Self::PayloadIgnored => format!("a listener ignored an event {name:?}"),
            Self::NotConsumed => format!("an event {name:?} was given up"),
            Self::InterceptorPanicked => format!("an interceptor panicked at {name:?}"),
            Self::NotBridged => format!("{name:?} was not bridged"),
            Self::NotRedacted => format!("a redaction of {name} has matched nothing"),
            Self::TraceContextFailed => "the trace context of the app was ignored".to_owned(),
            Self::NotRecorded => format!("the recording {name:?} has ended"),
            Self::NotEmitted => format!("{name:?} was not emitted"),
            Self::ArrivalRefused => format!("a message of the node {name:?} was refused"),
            Self::NotSent => "events were not sent to other nodes".to_owned(),
            Self::JobFailed => format!("a job of {name:?} stopped"),
        }
    }
}

/// Writes records, each at its time. Never call it with a lock held, since a logger is foreign code.
pub(crate) struct Diagnostics {
    ledger: Arc<Mutex<Ledger>>,
    tasks: Tasks,
}

/// The records that were written lately.
#[derive(Debug, Default)]
struct Ledger {
    recent: BTreeMap<(Record, Arc<str>), Suppressed>,
}

/// What was only counted since the last record was written.
#[derive(Debug, Default)]
struct Suppressed {
    count: u64,
    /// The causes of the last one.
    causes: Arc<[EventName]>,
}

impl Ledger {
    /// Returns the key of a record that is to be written now; `None` if it is only counted.
    fn admit(
        &mut self,
        record: Record,
        name: &str,
        causes: &Arc<[EventName]>,
    ) -> Option<(Record, Arc<str>)> {
        let mut key = (record, Arc::from(name));
        if !self.recent.contains_key(&key) {
            let of_kind = self.recent.keys().filter(|(known, _)| *known == record);
            if of_kind.count() >= MAX_NAMES {
                key.1 = "".into();
            }
        }
        if let Some(suppressed) = self.recent.get_mut(&key) {
            suppressed.count += 1;
            suppressed.causes = Arc::clone(causes);
            return None;
        }
        self.recent.insert(key.clone(), Suppressed::default());
        Some(key)
    }

    /// Returns what was only counted in the period that ends. If that is nothing, the next record is written at once.
    fn end_period(&mut self, key: &(Record, Arc<str>)) -> Option<Suppressed> {
        let suppressed = std::mem::take(self.recent.get_mut(key)?);
        if suppressed.count == 0 {
            self.recent.remove(key);
            return None;
        }
        Some(suppressed)
    }
}

impl Diagnostics {
    pub(crate) fn new(tasks: Tasks) -> Self {
        Self {
            ledger: Arc::default(),
            tasks,
        }
    }

    /// Writes a record about an event or request with these causes, its own name included, unless one of its kind and name
    /// was written lately. `detail` follows the description.
    pub(crate) fn tell(
        &self,
        record: Record,
        name: &str,
        causes: impl Into<Arc<[EventName]>>,
        detail: impl FnOnce() -> String,
    ) {
        let causes = causes.into();
        let Some(key) = lock(&self.ledger).admit(record, name, &causes) else {
            return;
        };
        let ledger = Arc::downgrade(&self.ledger);
        self.tasks.spawn(report_suppressed(ledger, key));
        let text = format!("{}{}", record.describe(name), detail());
        write(record.level(), &text, &causes);
    }

    /// Writes what compatible mode has noted. Each note comes once.
    pub(crate) fn tell_notes(&self, notes: Vec<CompatNote>) {
        for note in notes {
            let detail = || format!(": {}", note.message);
            self.tell(Record::Noted(note.kind), &note.event, [], detail);
        }
    }

    /// What panicked at the end of a listener or a responder.
    pub(crate) fn tell_deferred(&self, names: Vec<String>, causes: &Arc<[EventName]>) {
        for name in names {
            let record = Record::DeferredPanicked;
            self.tell(record, &name, Arc::clone(causes), String::new);
        }
    }
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reports what was only counted, period by period, until there is nothing.
async fn report_suppressed(ledger: Weak<Mutex<Ledger>>, key: (Record, Arc<str>)) {
    loop {
        sleep_until(after(PERIOD)).await;
        let suppressed = ledger
            .upgrade()
            .and_then(|ledger| lock(&ledger).end_period(&key));
        let Some(suppressed) = suppressed else {
            return;
        };
        let (record, name) = &key;
        let name = if name.is_empty() { "…" } else { name };
        let text = format!(
            "{}: {} times more in {PERIOD:?}",
            record.describe(name),
            suppressed.count
        );
        write(record.level(), &text, &suppressed.causes);
    }
}

/// A logger that panics costs its record only.
fn write(level: Level, text: &str, causes: &Arc<[EventName]>) {
    let log = || log::log!(level, "{text}");
    let origin = Origin {
        causes: Arc::clone(causes),
        traceparent: None,
    };
    let logged = catch_unwind(AssertUnwindSafe(|| run_caused_by(&origin, log, |_| {})));
    drop_safely(logged);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn causes(names: &[&str]) -> Arc<[EventName]> {
        let names = names.iter().map(|name| EventName::parse(name).unwrap());
        names.collect()
    }

    #[test]
    fn a_record_is_written_once_for_a_name_and_a_time() {
        let mut ledger = Ledger::default();
        let panicked = Record::ListenerPanicked;
        let key = ledger.admit(panicked, "a", &causes(&["x"])).unwrap();
        assert!(ledger.admit(panicked, "b", &causes(&[])).is_some());
        assert!(
            ledger
                .admit(Record::TickFailed, "a", &causes(&[]))
                .is_some()
        );
        for chain in [&["y"][..], &["y", "z"]] {
            assert!(ledger.admit(panicked, "a", &causes(chain)).is_none());
        }
        let suppressed = ledger.end_period(&key).unwrap();
        assert_eq!(
            (suppressed.count, suppressed.causes),
            (2, causes(&["y", "z"]))
        );
        // Still only counted in the period after, and written again after a quiet one.
        assert!(ledger.admit(panicked, "a", &causes(&[])).is_none());
        assert_eq!(ledger.end_period(&key).unwrap().count, 1);
        assert!(ledger.end_period(&key).is_none());
        assert!(ledger.admit(panicked, "a", &causes(&[])).is_some());
    }

    #[test]
    fn made_up_names_share_one_record() {
        let mut ledger = Ledger::default();
        let written = (0..1000).filter(|n| {
            let name = format!("n{n}");
            let admitted = ledger.admit(Record::TickFailed, &name, &causes(&[]));
            admitted.is_some()
        });
        assert_eq!(written.count(), MAX_NAMES + 1);
        assert_eq!(ledger.recent.len(), MAX_NAMES + 1);
        let shared = (Record::TickFailed, "".into());
        let suppressed = ledger.end_period(&shared).unwrap();
        assert_eq!(suppressed.count as usize, 1000 - MAX_NAMES - 1);
    }
}
