//! Events in components of Leptos. With the feature `leptos`.
//!
//! ```no_run
//! # use schemars::JsonSchema;
//! # use serde::{Deserialize, Serialize};
//! # use tauri_plugin_event_bus_guest::Event;
//! # #[derive(Serialize, Deserialize, JsonSchema)]
//! # struct CartUpdated { item_count: u32 }
//! # impl Event for CartUpdated { const NAME: &'static str = "cart:updated"; }
//! use tauri_plugin_event_bus_guest::leptos::use_latest;
//!
//! // In a component:
//! let cart = use_latest::<CartUpdated>();
//! ```

use js_sys::{Array, Function};
use reactive_graph::owner::{LocalStorage, StoredValue};
use reactive_graph::signal::{ReadSignal, signal};
use reactive_graph::traits::Set as _;
use tauri_plugin_event_bus_types::Event;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

use crate::event::TypedEvent;
use crate::js;
use crate::listen::{ListenOptions, on_with};
use crate::payload::{read, thrown};

/// The payload of the latest event of a type, as a signal; `None` before the first one. It listens until its owner, such as a
/// component, is disposed of.
///
/// A retained event is there at once. If one was lost in a gap, it is fetched again.
#[must_use]
pub fn use_latest<E: Event + Send + Sync>() -> ReadSignal<Option<E>> {
    let (latest, set_latest) = signal(None);
    let changed = move |text: String, pieces: Array| {
        let payload = read::<E>(format_args!("the payload of {:?}", E::NAME), text, &pieces)
            .map_err(|error| thrown(&error))?;
        set_latest.set(Some(payload));
        Ok(())
    };
    let changed: Closure<Changed> = Closure::wrap_assert_unwind_safe(Box::new(changed));
    keep(Latest {
        stop: js::latest(E::NAME, changed.as_js_value()),
        _changed: changed,
    });
    latest
}

type Changed = dyn FnMut(String, Array) -> Result<(), JsValue>;

/// Calls a function with each event of a type, until its owner, such as a component, is disposed of.
pub fn use_event_listener<E: Event>(handler: impl FnMut(TypedEvent<E>) + 'static) {
    use_event_listener_with(ListenOptions::new(), handler);
}

/// Calls a function with each event of a type, with options. Otherwise as [`use_event_listener`].
pub fn use_event_listener_with<E: Event>(
    options: ListenOptions,
    handler: impl FnMut(TypedEvent<E>) + 'static,
) {
    keep(on_with(options, handler));
}

/// Keeps a handle until the owner is disposed of, which drops it.
fn keep<T: 'static>(handle: T) {
    let _: StoredValue<T, LocalStorage> = StoredValue::new_local(handle);
}

struct Latest {
    stop: Function,
    _changed: Closure<Changed>,
}

impl Drop for Latest {
    fn drop(&mut self) {
        // It throws nothing.
        let _ = self.stop.call0(&JsValue::UNDEFINED);
    }
}
