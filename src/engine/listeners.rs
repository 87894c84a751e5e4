//! Listeners of the host: the callbacks that the app has registered.

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
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::queue::{LostEvents, QueueEntry, QueuedEvent};
use crate::model::delivery::DeliveryFilter;
use crate::model::event::{BusEvent, Gap};
use crate::model::pattern::EventPattern;
use crate::sync::{Mutex, MutexGuard, yield_now};

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

    pub(crate) fn add(
        &self,
        pattern: EventPattern,
        filter: DeliveryFilter,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> SubscriptionId {
        let id = {
            let mut registered = self.lock();
            registered.newest += 1;
            let id = registered.newest;
            let slot = Slot {
                pattern: pattern.clone(),
                callback: Some(Box::new(callback)),
            };
            registered.slots.insert(id, slot);
            id
        };
        let effects = self.core.hub().listen(self.subscriber, id, pattern, filter);
        self.core.apply_effects(effects);
        id
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

    fn take(&self, id: SubscriptionId) -> Option<Callback> {
        self.lock().slots.get_mut(&id)?.callback.take()
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
        for id in queued.subscriptions.iter() {
            let Some(mut callback) = self.take(*id) else {
                continue;
            };
            let scope = CauseScope::begin(&queued.event);
            let called = catch_unwind(AssertUnwindSafe(|| callback(queued.event.clone())));
            let deferred = scope.end();
            // A logger is foreign code, so what is logged comes after the call in every respect.
            self.put_back(*id, callback, &queued.event);
            for name in deferred {
                self.tell(Record::DeferredPanicked, &name, &queued.event, String::new);
            }
            if let Err(panic) = called {
                self.report_panic(*id, &queued.event, &*panic);
                drop_safely(panic);
            }
        }
    }

    fn report_panic(&self, id: SubscriptionId, event: &BusEvent, panic: &(dyn Any + Send)) {
        let pattern = self
            .lock()
            .slots
            .get(&id)
            .map(|slot| slot.pattern.to_string());
        let pattern = pattern.as_deref().unwrap_or(event.name());
        self.tell(Record::ListenerPanicked, pattern, event, || {
            format!(
                " at event {:?} ({}): {}; it keeps listening",
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
    }
}

/// Calls the app's listeners, event by event, until the app exits.
pub(crate) async fn call_listeners(listeners: Weak<Listeners>) {
    loop {
        let next = poll_fn(|context| match listeners.upgrade() {
            Some(listeners) => listeners.core.poll_consumer(listeners.subscriber, context),
            None => Poll::Ready(None),
        })
        .await;
        // An endless run of events must not keep the thread from the runtime's other tasks.
        yield_now().await;
        let Some(listeners) = listeners.upgrade() else {
            return;
        };
        match next {
            Some(QueueEntry::Event(queued)) => listeners.call_all(&queued),
            Some(QueueEntry::Lost(lost)) => listeners.report_loss(&lost),
            None => return,
        }
    }
}
