//! Listeners of the host: the callbacks that the app has registered.

use std::any::Any;
use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, Weak};
use std::task::Poll;

use crate::engine::causes::CauseScope;
use crate::engine::core::Core;
use crate::engine::foreign::{drop_safely, panic_message};
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::queue::{QueueEntry, QueuedEvent};
use crate::model::delivery::DeliveryFilter;
use crate::model::event::BusEvent;
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
    fn put_back(&self, id: SubscriptionId, callback: Callback) {
        let ended = match self.lock().slots.get_mut(&id) {
            Some(slot) => slot.callback.replace(callback),
            None => Some(callback),
        };
        drop_safely(ended);
    }

    fn call_all(&self, queued: &QueuedEvent) {
        for id in queued.subscriptions.iter() {
            let Some(mut callback) = self.take(*id) else {
                continue;
            };
            let scope = CauseScope::begin(&queued.event);
            let called = catch_unwind(AssertUnwindSafe(|| callback(queued.event.clone())));
            scope.end();
            if let Err(panic) = called {
                self.report_panic(*id, &queued.event, &*panic);
                drop_safely(panic);
            }
            self.put_back(*id, callback);
        }
    }

    fn report_panic(&self, id: SubscriptionId, event: &BusEvent, panic: &(dyn Any + Send)) {
        let pattern = self
            .lock()
            .slots
            .get(&id)
            .map(|slot| slot.pattern.to_string());
        log::error!(
            "a listener of {:?} panicked at event {:?} ({}): {}; it keeps listening",
            pattern.unwrap_or_default(),
            event.name(),
            event.seq(),
            panic_message(panic)
        );
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
            Some(QueueEntry::Lost(lost)) => log::warn!(
                "the listeners of the host were too slow: lost {} events, from {} to {}",
                lost.gap.count,
                lost.gap.from,
                lost.gap.to
            ),
            None => return,
        }
    }
}
