use std::any::Any;
use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, Weak};

use crate::engine::Engine;
use crate::engine::causes::Turn;
use crate::hub::queue::{Entry, QueuedEvent};
use crate::hub::subscriptions::{Hearing, SubscriberKey, SubscriptionId};
use crate::model::event::BusEvent;
use crate::model::pattern::EventPattern;
use crate::sync::{Mutex, MutexGuard, yield_now};

/// Keeps a listener in Rust. It ends when this is dropped; [`Listener::forget`] keeps it for good.
///
/// ```
/// # fn listen(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
/// let listener = bus.listen("cart:*", |event| println!("{}", event.name()))?;
/// drop(listener); // hears nothing from now on
/// # Ok(())
/// # }
/// ```
#[must_use = "a listener ends when it is dropped; call .forget() to keep it"]
pub struct Listener {
    engine: Weak<Engine>,
    id: SubscriptionId,
    is_kept: bool,
}

impl Listener {
    /// Keeps the listener until the app exits.
    pub fn forget(mut self) {
        self.is_kept = true;
    }

    /// Ends the listener, as dropping it does.
    pub fn unlisten(self) {}
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Some(engine) = self.engine.upgrade() {
            let subscriber = engine.callbacks.subscriber;
            engine.hub().unlisten(subscriber, self.id);
            engine.callbacks.remove(self.id);
        }
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Listener").field(&self.id).finish()
    }
}

type Callback = Box<dyn FnMut(BusEvent) + Send>;

/// The callbacks that the app has registered. All of them hang on one queue, which one task works off in order.
pub(crate) struct Callbacks {
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
    /// Taken out while it runs, so that no lock is held meanwhile and it may unlisten itself.
    callback: Option<Callback>,
}

impl Callbacks {
    pub(crate) fn new(subscriber: SubscriberKey) -> Self {
        Self {
            subscriber,
            registered: Mutex::default(),
        }
    }

    pub(crate) fn add(
        engine: &Arc<Engine>,
        pattern: EventPattern,
        hearing: Hearing,
        callback: impl FnMut(BusEvent) + Send + 'static,
    ) -> Listener {
        let callbacks = &engine.callbacks;
        let id = {
            let mut registered = callbacks.lock();
            registered.newest += 1;
            let id = registered.newest;
            registered.slots.insert(
                id,
                Slot {
                    pattern: pattern.clone(),
                    callback: Some(Box::new(callback)),
                },
            );
            id
        };
        let outcome = engine
            .hub()
            .listen(callbacks.subscriber, id, pattern, hearing);
        engine.settle(outcome);
        engine.jobs.look_again();
        Listener {
            engine: Arc::downgrade(engine),
            id,
            is_kept: false,
        }
    }

    fn remove(&self, id: SubscriptionId) {
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

    /// Puts a callback back, unless it was removed while it ran.
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
            let turn = Turn::begin(&queued.event);
            let called = catch_unwind(AssertUnwindSafe(|| callback(queued.event.clone())));
            turn.end();
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
            "a listener of {:?} panicked at event {:?} ({}): {}; it goes on listening",
            pattern.unwrap_or_default(),
            event.name(),
            event.seq(),
            panic_message(panic)
        );
    }
}

/// Drops a value of the app, whose drop may panic as well.
pub(crate) fn drop_safely<T>(value: T) {
    if catch_unwind(AssertUnwindSafe(|| drop(value))).is_err() {
        log::error!("what a listener had captured panicked when it was dropped");
    }
}

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Calls the app's listeners, event by event, until the app exits.
pub(crate) async fn call_listeners(engine: Weak<Engine>) {
    loop {
        let next = poll_fn(|context| match engine.upgrade() {
            Some(engine) => engine.poll_consumer(engine.callbacks.subscriber, context),
            None => std::task::Poll::Ready(None),
        })
        .await;
        // A stream of events without end must not keep the thread from the runtime's other tasks.
        yield_now().await;
        let Some(engine) = engine.upgrade() else {
            return;
        };
        match next {
            Some(Entry::Event(queued)) => engine.callbacks.call_all(&queued),
            Some(Entry::Lost(lost)) => log::warn!(
                "the listeners in Rust were too slow: {} events from {} to {} are lost",
                lost.gap.count,
                lost.gap.from,
                lost.gap.to
            ),
            None => return,
        }
    }
}
