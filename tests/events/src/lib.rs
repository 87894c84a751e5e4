//! Typed events with every representation of serde, each with sample values.

mod events;
mod random;

use std::fmt::Debug;

use tauri_plugin_event_bus::Builder;
use tauri_plugin_event_bus::typed::*;

pub use events::*;
pub use random::Random;

/// A type with sample values.
pub trait Sample: Event + Debug + Send + Sync {
    /// A sample value.
    fn sample(random: &mut Random) -> Self;
}

/// Visits each event.
pub trait Visitor {
    /// Visits one event.
    fn visit<E: Sample>(&mut self);
}

/// Registers the events with a builder.
pub fn register(builder: Builder) -> Builder {
    struct Registrar(Builder);
    impl Visitor for Registrar {
        fn visit<E: Sample>(&mut self) {
            let builder = std::mem::take(&mut self.0);
            self.0 = builder.event::<E>();
        }
    }
    let mut registrar = Registrar(builder);
    visit_all(&mut registrar);
    registrar.0
}
