//! Typed events of every shape that serde gives a payload, each with values to send.

mod events;
mod random;

use std::fmt::Debug;

use tauri_plugin_event_bus::{Builder, Event};

pub use events::*;
pub use random::Random;

/// A type with values to send.
pub trait Sample: Event + Debug + Send + Sync {
    /// One of its values.
    fn sample(random: &mut Random) -> Self;
}

/// What is done with each of the events.
pub trait Visitor {
    /// Does it with one.
    fn visit<E: Sample>(&mut self);
}

/// The events registered with a builder.
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
