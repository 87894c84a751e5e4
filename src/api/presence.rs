use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Weak};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::bus::EventBus;
use crate::api::json::to_json;
use crate::api::listener::Listener;
use crate::engine::core::Core;
use crate::engine::diagnostics::{Diagnostics, Record};
use crate::engine::foreign::{drop_safely, panic_message};
use crate::engine::listeners::Listeners;
use crate::hub::presence::{PresenceStep, Room};
use crate::model::error::Result;
use crate::model::event::BusEvent;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::presence::{PresenceChange, PresenceMember};
use crate::model::tap::MARK_NAME;
use crate::sync::{Mutex, MutexGuard};
use crate::wire::presence::{PresenceNews, RawState, read_member, read_members};

/// A room of presence: who is in it, and what each member says of itself as a `T`; made by [`EventBus::presence`].
///
/// What was joined through this leaves when it is dropped. Two of these that join one room under the same key are one member,
/// which leaves with the first of them.
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
    /// - [`ErrorCode::InvalidPayload`](crate::ErrorCode::InvalidPayload): the state is not JSON, has bytes, or nests arrays and
    ///   objects more than 124 deep
    /// - [`ErrorCode::PayloadTooLarge`](crate::ErrorCode::PayloadTooLarge)
    /// - [`ErrorCode::QueueFull`](crate::ErrorCode::QueueFull): there are too many members
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

    /// Everybody in the room, in the order of labels and keys, the host first. A member whose state is not a `T` is left out,
    /// and the app's log says so: no page can keep the others from this list.
    ///
    /// # Errors
    ///
    /// None for a room that could be made.
    pub fn list(&self) -> Result<Vec<PresenceMember<T>>> {
        // Bound to a name, so that they are written after the lock.
        let members = self.core.hub().members(&self.room);
        let members = members.to_json();
        let event = self.room.event()?;
        let members = read_members(&members).into_iter().map(read_safely);
        let fits = |member: std::result::Result<_, String>| {
            let left_out = |error: String| leave_out(self.core.diagnostics(), &event, [], &error);
            member.map_err(left_out).ok()
        };
        Ok(members.filter_map(fits).collect())
    }

    /// Calls a function with each change, from the members that there are now on: each of them is a
    /// [`PresenceChange::Join`]. So no member comes twice, and none stays that has left, even if events of the room were lost
    /// because the listeners were too slow. A member whose state is not a `T` is left out, and the app's log says so.
    ///
    /// # Errors
    ///
    /// None for a room that could be made.
    pub fn on_change(
        &self,
        mut changed: impl FnMut(PresenceChange<T>) + Send + 'static,
    ) -> Result<Listener> {
        let pattern = EventPattern::parse(self.room.event()?.as_str())?;
        let mut watch = Watch {
            core: Arc::downgrade(&self.core),
            room: self.room.clone(),
            known: BTreeMap::new(),
            known_to: 0,
        };
        let Some(listeners) = self.listeners.upgrade() else {
            return Ok(Listener::new(Weak::new(), 0));
        };
        let id = listeners.add_keeping(pattern, move |event| {
            let mut panicked = None;
            // Each change is told once, so a panic at one keeps back no other.
            for change in watch.take(&event) {
                let told = catch_unwind(AssertUnwindSafe(|| changed(change)));
                if let Err(panic) = told
                    && let Some(earlier) = panicked.replace(panic)
                {
                    drop_safely(earlier);
                }
            }
            if let Some(panic) = panicked {
                resume_unwind(panic);
            }
        });
        Ok(Listener::new(self.listeners.clone(), id))
    }
}

/// A member, told apart from others.
type Id = (Option<String>, String);

/// What a listener of a room knows of its members.
struct Watch {
    core: Weak<Core>,
    room: Room,
    known: BTreeMap<Id, Known>,
    /// The event up to which it knows them.
    known_to: u64,
}

struct Known {
    state: RawState,
    /// Whether its state fits the type, so that it was told.
    is_told: bool,
}

impl Watch {
    /// Takes an event of the room, or a mark, where it looks at all members. Returns what has changed.
    fn take<T: DeserializeOwned>(&mut self, event: &BusEvent) -> Vec<PresenceChange<T>> {
        let mut changes = Vec::new();
        if event.name() == MARK_NAME {
            self.look(event, &mut changes);
        } else if event.seq() > self.known_to
            && let Ok(news) = event.payload::<PresenceNews>()
        {
            match news {
                PresenceNews::Joined(members) | PresenceNews::Updated(members) => {
                    for member in members {
                        changes.extend(self.put(member, event));
                    }
                }
                PresenceNews::Left(members) => {
                    let left = members.into_iter().map(|left| (left.label, left.key));
                    changes.extend(left.filter_map(|id| self.remove(id)));
                }
            }
        }
        changes
    }

    /// Compares all members with those that it knows.
    fn look<T: DeserializeOwned>(&mut self, mark: &BusEvent, changes: &mut Vec<PresenceChange<T>>) {
        let Some(core) = self.core.upgrade() else {
            return;
        };
        let (seq, members) = core.hub().members_now(&self.room);
        let members = read_members(&members.to_json());
        self.known_to = seq;
        let present: BTreeSet<(Option<&str>, &str)> = members
            .iter()
            .map(|member| (member.label.as_deref(), member.key.as_str()))
            .collect();
        let is_gone = |(label, key): &&Id| !present.contains(&(label.as_deref(), key.as_str()));
        let gone: Vec<Id> = self.known.keys().filter(is_gone).cloned().collect();
        changes.extend(gone.into_iter().filter_map(|id| self.remove(id)));
        for member in members {
            changes.extend(self.put(member, mark));
        }
    }

    fn put<T: DeserializeOwned>(
        &mut self,
        member: PresenceMember<RawState>,
        event: &BusEvent,
    ) -> Option<PresenceChange<T>> {
        let id = (member.label.clone(), member.key.clone());
        let before = self.known.get(&id);
        if before.is_some_and(|before| before.state.get() == member.state.get()) {
            return None;
        }
        let was_told = before.is_some_and(|before| before.is_told);
        let state = member.state.clone();
        let read = read_safely(member);
        let is_told = read.is_ok();
        self.known.insert(id.clone(), Known { state, is_told });
        match read {
            Ok(member) if was_told => Some(PresenceChange::Update(member)),
            Ok(member) => Some(PresenceChange::Join(member)),
            Err(error) => {
                if let (Some(core), Ok(room)) = (self.core.upgrade(), self.room.event()) {
                    leave_out(core.diagnostics(), &room, event.as_cause(), &error);
                }
                let (label, key) = id;
                was_told.then_some(PresenceChange::Leave { label, key })
            }
        }
    }

    fn remove<T>(&mut self, id: Id) -> Option<PresenceChange<T>> {
        let known = self.known.remove(&id)?;
        let (label, key) = id;
        known
            .is_told
            .then_some(PresenceChange::Leave { label, key })
    }
}

/// Reads the state of a member with the code of the app, which may panic.
fn read_safely<T: DeserializeOwned>(
    member: PresenceMember<RawState>,
) -> std::result::Result<PresenceMember<T>, String> {
    catch_unwind(AssertUnwindSafe(|| read_member(member))).unwrap_or_else(|panic| {
        let text = format!("reading it panicked: {}", panic_message(&*panic));
        drop_safely(panic);
        Err(text)
    })
}

/// Says that a member is left out.
fn leave_out(
    diagnostics: &Diagnostics,
    event: &EventName,
    causes: impl Into<Arc<[EventName]>>,
    error: &str,
) {
    let detail = || format!(": the state of a member is of another type: {error}");
    diagnostics.tell(Record::PayloadIgnored, event.as_str(), causes, detail);
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
