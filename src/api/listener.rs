use std::sync::Weak;

use crate::engine::listeners::Listeners;
use crate::hub::ids::SubscriptionId;

/// Keeps a host listener. It is removed on drop; [`Listener::forget`] keeps it for good.
///
/// ```
/// # fn listen(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
/// let listener = bus.listen("cart:*", |event| println!("{}", event.name()))?;
/// listener.stop(); // gets no further events
/// # Ok(())
/// # }
/// ```
#[must_use = "a listener is removed when it is dropped; call .forget() to keep it"]
pub struct Listener {
    listeners: Weak<Listeners>,
    id: SubscriptionId,
    is_kept: bool,
}

impl Listener {
    pub(crate) fn new(listeners: Weak<Listeners>, id: SubscriptionId) -> Self {
        Self {
            listeners,
            id,
            is_kept: false,
        }
    }

    /// Keeps the listener until the app exits.
    pub fn forget(mut self) {
        self.is_kept = true;
    }

    /// Removes the listener, as dropping it does. A call that has begun goes on.
    pub fn stop(self) {}
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(listeners) = self.listeners.upgrade().filter(|_| !self.is_kept) {
            listeners.remove(self.id);
        }
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Listener").field(&self.id).finish()
    }
}
