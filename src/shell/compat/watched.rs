use std::collections::HashSet;
use std::sync::{Arc, PoisonError, Weak};

use tauri::{AppHandle, Manager, Runtime};

use crate::model::compat::{CompatKind, MAX_NOTES};
use crate::model::core_target::is_name_of_core;
use crate::model::error::quoted;
use crate::model::name::EventName;
use crate::runtime::BusRuntime;
use crate::sync::Mutex;

/// The names whose first event of Tauri's own system is noted, because a page listens to them there, too.
///
/// What a page receives through that system passes the plugin by, so a listener of its own looks for it.
#[derive(Default)]
pub(in crate::shell) struct Watched(Mutex<HashSet<EventName>>);

impl Watched {
    /// Whether the name is new. Pages may make names up, so their number has the limit of the notes.
    pub(in crate::shell) fn add(&self, name: &EventName) -> bool {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.len() < MAX_NOTES && names.insert(name.clone())
    }
}

/// Notes the first event that Tauri's own system has of this name.
pub(in crate::shell) fn watch<R: Runtime>(
    app: &AppHandle<R>,
    runtime: &Arc<BusRuntime>,
    name: &EventName,
) {
    let is_in_core = runtime.core.compatible().is_some_and(|parts| parts.core);
    // A bridge stays when the mode goes.
    if !is_in_core || !is_name_of_core(name.as_str()) || runtime.core.hub().is_bridged(name) {
        return;
    }
    if !app.state::<Watched>().add(name) {
        return;
    }
    let (runtime, own): (Weak<BusRuntime>, _) = (Arc::downgrade(runtime), name.clone());
    tauri::Listener::once_any(app, name.as_str().to_owned(), move |_| {
        if let Some(runtime) = runtime.upgrade() {
            runtime.core.note_difference(CompatKind::Core, &own, || {
                format!(
                    "{} was emitted through Tauri's own events, to which a page listens",
                    quoted(own.as_str())
                )
            });
        }
    });
}
