#![doc = include_str!("../README.md")]

mod builder;
mod bus;
mod capabilities;
mod command_names;
mod commands;
mod config;
mod engine;
mod error;
mod event;
mod flood;
#[cfg(fuzzing)]
#[doc(hidden)]
#[allow(missing_docs)]
pub mod fuzzing;
mod hub;
mod json;
mod listener;
mod name;
mod page;
mod pattern;
mod periodic;
mod policy;
mod scope;
mod stream;
mod sync;
mod target;

pub use builder::{Builder, init};
pub use bus::{EmitOptions, EventBus, EventBusExt, WebviewBus};
pub use capabilities::{
    CapabilityFault, CapabilityFaults, check_capabilities, check_capabilities_in,
};
pub use command_names::COMMANDS;
pub use config::{Config, Limits, PolicyRule};
pub use error::{Error, ErrorCode, Result};
pub use event::{Event, Gap, GapReason, Receipt, Source, Tick};
pub use listener::Listener;
pub use periodic::{
    JobOwner, JobState, MissedTicks, Periodic, PeriodicBuilder, PeriodicChange, PeriodicInfo,
    SourceCall,
};
pub use policy::{Overflow, Policy};
pub use stream::{EventStream, StreamItem};
pub use target::Target;

/// The blocks of the guides compile, too.
#[cfg(doctest)]
#[doc = include_str!("../docs/permissions.md")]
struct Guides;

#[cfg(doctest)]
#[doc = include_str!("../docs/periodic.md")]
struct PeriodicGuide;
