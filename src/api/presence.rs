use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::{Arc, Weak};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::EventBus;
use crate::api::json::{read_as, to_json};
use crate::api::listener::Listener;
use crate::engine::core::Core;
use crate::engine::diagnostics::Record;
use crate::engine::listeners::Listeners;
use crate::hub::presence::{PresenceStep, Room};
use crate::model::delivery::HostSubscription;
use crate::model::error::Result;
use crate::model::event::BusEvent;
use crate::model::pattern::EventPattern;
use crate::model::presence::{PresenceChange, PresenceMember, PresenceNews};
use crate::sync::{Mutex, MutexGuard};

/// A room of presence: who is in it, and what each member says of itself as a `T`; made by [`EventBus::presence`].
///
/// What was joined through this leaves when it is dropped.
///
/// ```
/// # fn show(bus: &tauri_plugin_event_bus::EventBus) -> tauri_plugin_event_bus::Result<()> {
/// use tauri_plugin_event_bus::pages::PresenceChange;
///
/// let document = bus.presence::<String>("doc:7")?;
/// document
///     .on_change(|change| match change {
///         PresenceChange::Join(member) => println!("{:?} is here: {}", member.label, member.state),
///         PresenceChange::Leave { label, .. } => println!("{label:?} has left"),
///         _ => {}
///     })?
///     .forget();
/// document.join(&"Rust".to_owned())?;
/// println!("{} are here", document.list()?.len());
/// # Ok(())
/// # }
/// ```
#[must_use = "what was joined leaves when this is dropped"]
pub struct Presence<T> {
    core: Arc<Core>,
    listeners: Weak<Listeners>,
    name: String,
    room: Room,
    joined: Mutex<BTreeSet<String>>,
    state: PhantomData<fn(T) -> T>,
}

impl EventBus {
    /// A room of presence, in which pages and the host tell each other that they are there.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidEventName`](crate::ErrorCode::InvalidEventName): a room has a name like an event, of at most 236
    /// bytes.
    pub fn presence<T: Serialize + DeserializeOwned>(&self, room: &str) -> Result<Presence<T>> {
        let name = self.full_name(room)?.into_owned();
        Ok(Presence {
            core: Arc::clone(&self.runtime().core),
            listeners: Arc::downgrade(&self.runtime().listeners),
            room: Room::parse(&name)?,
            name,
            joined: Mutex::default(),
            state: PhantomData,
        })
    }
}

impl<T: Serialize + DeserializeOwned> Presence<T> {
    /// Joins as the host, or says something else of it.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidPayload`](crate::ErrorCode::InvalidPayload),
    /// [`ErrorCode::PayloadTooLarge`](crate::ErrorCode::PayloadTooLarge), and
    /// [`ErrorCode::QueueFull`](crate::ErrorCode::QueueFull): there are too many members
    pub fn join(&self, state: &T) -> Result<()> {
        self.join_as("", state)
    }

    /// Joins under a key, since the host may be several members.
    ///
    /// # Errors
    ///
    /// Those of [`Presence::join`], and [`ErrorCode::InvalidArgument`](crate::ErrorCode::InvalidArgument): the key has more
    /// than 255 bytes.
    pub fn join_as(&self, key: &str, state: &T) -> Result<()> {
        let state = to_json(&self.name, state)?;
        self.core.check_payload(&self.room.event()?, &state)?;
        self.core
            .change_presence(None, &self.room, key, PresenceStep::State(state))?;
        self.joined().insert(key.to_owned());
        Ok(())
    }

    /// Leaves. Without having joined, it does nothing.
    pub fn leave(&self) {
        self.leave_as("");
    }

    /// Leaves under a key.
    pub fn leave_as(&self, key: &str) {
        self.joined().remove(key);
        // Leaving is never refused.
        drop(
            self.core
                .change_presence(None, &self.room, key, PresenceStep::Leave),
        );
    }

    /// Everybody in the room, in the order of labels and keys, the host first.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidPayload`](crate::ErrorCode::InvalidPayload): the state of a member is no `T`.
    pub fn list(&self) -> Result<Vec<PresenceMember<T>>> {
        // Bound to a name, so that they are written after the lock.
        let members = self.core.hub().members(&self.room);
        read_as(&members.to_json(), || {
            format!("the state of a member of {:?}", self.name)
        })
    }

    /// Calls a function with each change. Call it before [`Presence::list`], so that nothing comes between. A member whose
    /// state is no `T` is left out, and the app's log says so.
    ///
    /// # Errors
    ///
    /// None for a room that could be made.
    pub fn on_change(
        &self,
        mut changed: impl FnMut(PresenceChange<T>) + Send + 'static,
    ) -> Result<Listener> {
        let pattern = EventPattern::parse(self.room.event()?.as_str())?;
        let core = Arc::downgrade(&self.core);
        let listener = move |event: BusEvent| match event.payload::<PresenceNews<T>>() {
            Ok(news) => news.into_changes().into_iter().for_each(&mut changed),
            Err(error) => {
                if let Some(core) = core.upgrade() {
                    let diagnostics = core.diagnostics();
                    let detail = || format!(" ({}): {error}", event.seq());
                    diagnostics.tell(
                        Record::PayloadIgnored,
                        event.name(),
                        event.as_cause(),
                        detail,
                    );
                }
            }
        };
        let Some(listeners) = self.listeners.upgrade() else {
            return Ok(Listener::new(Weak::new(), 0));
        };
        let id = listeners.add(pattern, HostSubscription::default(), |_| listener);
        Ok(Listener::new(self.listeners.clone(), id))
    }
}

impl<T> Presence<T> {
    fn joined(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.joined
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<T> Drop for Presence<T> {
    fn drop(&mut self) {
        for key in std::mem::take(&mut *self.joined()) {
            drop(
                self.core
                    .change_presence(None, &self.room, &key, PresenceStep::Leave),
            );
        }
    }
}

impl<T> std::fmt::Debug for Presence<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presence")
            .field("room", &self.name)
            .finish_non_exhaustive()
    }
}
