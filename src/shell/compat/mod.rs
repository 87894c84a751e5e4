//! `Emitter` and `Listener` with the methods of Tauri's traits of these names, on the event bus.

mod emitter;
mod event;
mod listener;
mod registered;
mod watched;

pub use emitter::Emitter;
pub use event::Event;
pub use listener::Listener;
pub(super) use registered::CompatListeners;
pub(super) use watched::{Watched, watch};
