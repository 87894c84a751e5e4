//! Host listeners: the callbacks that the app has registered.

use std::any::Any;
use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, Weak};
use std::task::Poll;

use crate::engine::causes::CauseScope;
use crate::engine::core::Core;
use crate::engine::diagnostics::Record;
use crate::engine::foreign::{drop_safely, panic_message};
use crate::engine::observe::Handling;
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::queue::{LostEvents, QueueEntry, QueuedEvent};
use crate::model::compat::CompatKind;
use crate::model::core_target::{CompatListener, CoreTarget};
use crate::model::delivery::HostSubscription;
use crate::model::error::quoted;
use crate::model::event::{BusEvent, Gap};
use crate::model::name::EventName;
use crate::model::outcome::Outcome;
use crate::model::pattern::EventPattern;
use crate::model::tap::MARK_NAME;
#[cfg(feature = "test")]
use crate::sync::oneshot;
use crate::sync::{Mutex, MutexGuard};

/// What a handler has made of an event.
fn outcome_of<T>(called: &Result<T, Box<dyn Any + Send>>) -> Outcome {
    match called {
        Ok(_) => Outcome::Handled,
        Err(panic) => Outcome::failed("panic", panic_message(&**panic)),
    }
}

type Callback = Box<dyn FnMut(BusEvent) + Send>;

/// All callbacks share one queue. One task reads it in order.
pub(crate) struct Listeners {
    core: Arc<Core>,
    pub(crate) subscriber: SubscriberKey,
    registered: Mutex<Registered>,
}

#[derive(Default)]
struct Registered {
    newest: SubscriptionId,
    slots: HashMap<SubscriptionId, Slot>,
}

struct Slot {
    pattern: EventPattern,
    /// The target of one that was written for Tauri's events.
    target: Option<CoreTarget>,
    /// Whether it gets a mark at its begin and after each loss.
    wants_marks: bool,
    /// Whether a mark waits. One is enough: what it has lost by then, it takes anew.
    has_mark: bool,
    /// Taken out while it runs, so that no lock is held and it may remove itself.
    callback: Option<Callback>,
}

impl Listeners {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let subscriber = core.hub().add_listeners();
        Self {
            core,
            subscriber,
            registered: Mutex::default(),
        }
    }

    /// Adds a listener. `make` gets its id, with which it can be removed.
    pub(crate) fn add<F: FnMut(BusEvent) + Send + 'static>(
        &self,
        pattern: EventPattern,
        wanted: HostSubscription,
        make: impl FnOnce(SubscriptionId) -> F,
    ) -> SubscriptionId {
        let id = self.next_id();
        self.insert(id, &pattern, (None, false), make(id));
        let subscriber = self.subscriber;
        let mut hub = self.core.hub();
        let effects = hub.listen(subscriber, id, pattern, wanted);
        drop(hub);
        self.core.apply_effects(effects);
        id
    }

    /// Adds a listener that keeps a copy of what events change. It begins with a mark, gets another one where events were
    /// lost, and takes a new copy at each.
    pub(crate) fn add_keeping(
        &self,
        pattern: EventPattern,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> SubscriptionId {
        let id = self.next_id();
        self.insert(id, &pattern, (None, true), callback);
        let wanted = HostSubscription::default();
        let effects = self.core.hub().listen(self.subscriber, id, pattern, wanted);
        self.core.apply_effects(effects);
        self.mark(id);
        id
    }

    /// Queues a mark for a listener, behind what waits.
    fn mark(&self, id: SubscriptionId) {
        let waits = |slot: &mut Slot| std::mem::replace(&mut slot.has_mark, true);
        if self.lock().slots.get_mut(&id).is_none_or(waits) {
            return;
        }
        if let Ok(name) = EventName::parse(MARK_NAME) {
            let effects = self.core.hub().queue_mark(self.subscriber, id, name);
            self.core.apply_effects(effects);
        }
    }

    /// Adds a listener that was written for Tauri's events. `make` gets its id.
    pub(crate) fn add_compatible<F: FnMut(BusEvent) + Send + 'static>(
        &self,
        pattern: EventPattern,
        listener: CompatListener,
        make: impl FnOnce(SubscriptionId) -> F,
    ) -> SubscriptionId {
        let id = self.next_id();
        self.insert(
            id,
            &pattern,
            (Some(listener.target.clone()), false),
            make(id),
        );
        let mut hub = self.core.hub();
        let effects = hub.listen_compatible(self.subscriber, id, pattern, listener);
        drop(hub);
        self.core.apply_effects(effects);
        id
    }

    fn next_id(&self) -> SubscriptionId {
        let mut registered = self.lock();
        registered.newest += 1;
        registered.newest
    }

    fn insert(
        &self,
        id: SubscriptionId,
        pattern: &EventPattern,
        (target, wants_marks): (Option<CoreTarget>, bool),
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) {
        let slot = Slot {
            pattern: pattern.clone(),
            target,
            wants_marks,
            has_mark: false,
            callback: Some(Box::new(callback)),
        };
        self.lock().slots.insert(id, slot);
    }

    /// Removes the listeners with one of these targets, whose windows and webviews are closed, as Tauri does.
    pub(crate) fn end_targets(&self, closed: &[CoreTarget]) {
        let mut registered = self.lock();
        let is_closed = |slot: &Slot| slot.target.as_ref().is_some_and(|own| closed.contains(own));
        let ended: Vec<_> = registered
            .slots
            .extract_if(|_, slot| is_closed(slot))
            .collect();
        drop(registered);
        if ended.is_empty() {
            return;
        }
        for (id, _) in &ended {
            let effects = self.core.hub().unlisten(self.subscriber, *id);
            self.core.apply_effects(effects);
        }
        // Callbacks are foreign code, and hooks of the platform run here.
        let tasks = self.core.tasks();
        tasks.spawn(async move {
            for (_, slot) in ended {
                drop_safely(slot);
            }
        });
    }

    /// Hands a listener what it has received through Tauri's own system.
    pub(crate) fn hand_over(&self, id: SubscriptionId, name: &EventName, payload: &str) {
        if !self.lock().slots.contains_key(&id) {
            return;
        }
        self.core.note_difference(CompatKind::Core, name, || {
            format!(
                "{} was emitted through Tauri's own events and received by a listener in Rust",
                quoted(name.as_str())
            )
        });
        let (name, payload) = (name.clone(), payload.to_owned().into());
        let effects = self
            .core
            .hub()
            .hand_over(self.subscriber, id, name, payload);
        self.core.apply_effects(effects);
    }

    /// Waits until the listeners have handled everything that waits for them now.
    #[cfg(feature = "test")]
    pub(crate) async fn reach_mark(&self) {
        let Ok(pattern) = EventPattern::parse(MARK_NAME) else {
            return;
        };
        let (sender, reached) = oneshot::channel();
        let mut sender = Some(sender);
        let id = self.next_id();
        self.insert(id, &pattern, (None, false), move |_| {
            if let Some(sender) = sender.take() {
                let _ = sender.send(());
            }
        });
        self.mark(id);
        // Not called any more once the app exits.
        let _ = reached.await;
        self.remove(id);
    }

    pub(crate) fn remove(&self, id: SubscriptionId) {
        let effects = self.core.hub().unlisten(self.subscriber, id);
        self.core.apply_effects(effects);
        // Bound to a name, so that the callback is dropped after the lock.
        let _removed = self.lock().slots.remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, Registered> {
        self.registered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a callback to handle this event.
    fn take(&self, id: SubscriptionId, event: &BusEvent) -> Option<Callback> {
        let mut registered = self.lock();
        let slot = registered.slots.get_mut(&id)?;
        slot.has_mark &= event.name() != MARK_NAME;
        slot.callback.take()
    }

    /// Puts a callback back, unless its listener was removed while it ran.
    fn put_back(&self, id: SubscriptionId, callback: Callback, event: &BusEvent) {
        let ended = match self.lock().slots.get_mut(&id) {
            Some(slot) => slot.callback.replace(callback),
            None => Some(callback),
        };
        if !drop_safely(ended) {
            self.tell(Record::DropPanicked, event.name(), event, String::new);
        }
    }

    fn tell(&self, record: Record, name: &str, event: &BusEvent, detail: impl FnOnce() -> String) {
        let diagnostics = self.core.diagnostics();
        diagnostics.tell(record, name, event.as_cause(), detail);
    }

    fn call_all(&self, queued: &QueuedEvent) {
        let mut outcome: Option<Outcome> = None;
        let mut is_handled = false;
        for id in queued.subscriptions.iter() {
            let Some(mut callback) = self.take(*id, &queued.event) else {
                continue;
            };
            let scope = CauseScope::begin(&queued.event, self.subscriber);
            let called = catch_unwind(AssertUnwindSafe(|| {
                let call = || callback(queued.event.clone());
                let run = || self.core.traces().run_in(queued.event.trace(), call);
                Handling::of_event(&queued.event).run(run);
            }));
            let deferred = scope.end();
            // A logger is foreign code, so what is logged comes after the call in every respect.
            self.put_back(*id, callback, &queued.event);
            for name in deferred {
                self.tell(Record::DeferredPanicked, &name, &queued.event, String::new);
            }
            if called.is_ok() && !is_handled {
                is_handled = true;
                // At once, since a listener that is called behind this one may add another one.
                self.settle(queued, true);
            }
            if queued.event.mark().is_tracked {
                let own = outcome_of(&called);
                outcome = Some(match outcome {
                    Some(before) => before.join(own),
                    None => own,
                });
            }
            if let Err(panic) = called {
                self.report_panic(*id, &queued.event, &*panic);
                drop_safely(panic);
            }
        }
        if !is_handled {
            self.settle(queued, false);
        }
        if queued.event.mark().is_tracked {
            // Those that it was for may have ended.
            let outcome = outcome.unwrap_or(Outcome::Dropped);
            self.core
                .tell_outcome_of_listeners(queued.event.seq(), outcome);
        }
    }

    /// Tells of an event that may be kept until one listener has handled it.
    fn settle(&self, queued: &QueuedEvent, is_handled: bool) {
        if queued.event.mark().until_consumed {
            let (subscriber, seq) = (self.subscriber, queued.event.seq());
            self.core.settle(subscriber, seq, is_handled);
        }
    }

    fn report_panic(&self, id: SubscriptionId, event: &BusEvent, panic: &(dyn Any + Send)) {
        let pattern = self
            .lock()
            .slots
            .get(&id)
            .map(|slot| slot.pattern.to_string());
        // A listener for one event, or one that removed itself, has no pattern any more.
        let (name, then) = match &pattern {
            Some(pattern) => (pattern.as_str(), "; it keeps listening"),
            None => (event.name(), "; it has ended"),
        };
        self.tell(Record::ListenerPanicked, name, event, || {
            format!(
                " at event {:?} ({}): {}{then}",
                event.name(),
                event.seq(),
                panic_message(panic)
            )
        });
    }

    fn report_loss(&self, lost: &LostEvents) {
        let Gap {
            from, to, count, ..
        } = lost.gap;
        let last = lost.cause.as_ref();
        let causes = last.map_or_else(Box::default, BusEvent::as_cause);
        let diagnostics = self.core.diagnostics();
        diagnostics.tell(Record::ListenersTooSlow, "", causes, || {
            let name = last.map_or("", BusEvent::name);
            format!(": lost {count} events, from {from} to {to}, the last of {name:?}")
        });
        let registered = self.lock();
        let slots = registered.slots.iter();
        let keeping: Vec<SubscriptionId> = slots
            .filter(|(id, slot)| slot.wants_marks && lost.subscriptions.contains(id))
            .map(|(id, _)| *id)
            .collect();
        drop(registered);
        for id in keeping {
            self.mark(id);
        }
    }
}

/// Calls the app's listeners, event by event, until the app exits.
///
/// A listener may block, and wait for a future, so no task of the runtime calls it. Whatever waits is handled in one go on
/// a thread for blocking work.
pub(crate) async fn call_listeners(listeners: Weak<Listeners>) {
    loop {
        let next = poll_fn(|context| match listeners.upgrade() {
            Some(listeners) => listeners.core.poll_consumer(listeners.subscriber, context),
            None => Poll::Ready(None),
        })
        .await;
        let (Some(entry), Some(running)) = (next, listeners.upgrade()) else {
            return;
        };
        let tasks = running.core.tasks().clone();
        drop(running);
        let listeners = Weak::clone(&listeners);
        let handled = tasks.spawn_blocking(move || handle_waiting(&listeners, entry));
        // The runtime drops it where it shuts down.
        if !matches!(handled.await, Ok(true)) {
            return;
        }
    }
}

/// Handles an entry and all that wait behind it. Returns false at the end.
fn handle_waiting(listeners: &Weak<Listeners>, first: QueueEntry) -> bool {
    let mut entries = vec![first];
    // The task polls again, with its waker, once nothing waits.
    while !entries.is_empty() {
        for entry in entries.drain(..) {
            let Some(listeners) = listeners.upgrade() else {
                return false;
            };
            // What is not a listener may panic, too: the app's logger, or what owns the bytes of an event.
            let handled = catch_unwind(AssertUnwindSafe(|| match entry {
                QueueEntry::Event(queued) => listeners.call_all(&queued),
                QueueEntry::Lost(lost) => listeners.report_loss(&lost),
            }));
            if let Err(panic) = handled {
                drop_safely(panic);
            }
        }
        let Some(listeners) = listeners.upgrade() else {
            return false;
        };
        listeners
            .core
            .take_waiting(listeners.subscriber, &mut entries);
    }
    true
}
