#![doc = include_str!("../README.md")]

mod builder;
mod bus;
mod capabilities;
mod catalog;
mod command_names;
mod commands;
mod component;
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
mod inspection;
mod json;
mod listener;
mod name;
mod page;
mod pattern;
mod periodic;
mod policy;
mod request;
mod scope;
mod stream;
mod sync;
mod target;
mod turn;
#[cfg(feature = "typed")]
mod typed;

pub use builder::{Builder, init};
pub use bus::{EmitOptions, EventBus, EventBusExt, WebviewBus};
pub use capabilities::{
    CapabilityFault, CapabilityFaults, check_capabilities, check_capabilities_in,
};
#[cfg(feature = "typed")]
pub use catalog::ExportError;
pub use catalog::{Catalog, ComponentDescription, DeclaredEvent, DescribedEvent};
pub use command_names::COMMANDS;
pub use component::{
    ActionComplete, ActionFailed, BUILT_IN_EVENTS, Component, Message, MessageLevel,
    MessageOptions, Namespace,
};
pub use config::{CatalogMode, Config, Limits, PolicyRule};
pub use error::{Error, ErrorCode, Failure, Result};
pub use event::{BusEvent, Gap, GapReason, Receipt, Source, Tick};
pub use inspection::{
    ConsumerInspection, Heard, Inspection, Load, PageInspection, SubscriptionInspection,
    WebviewInspection,
};
pub use listener::Listener;
pub use periodic::{
    AnyPayload, JobOwner, JobState, MissedTicks, Periodic, PeriodicBuilder, PeriodicChange,
    PeriodicInfo, SourceCall,
};
pub use policy::{Overflow, Policy};
pub use request::{
    Answers, RequestAllBuilder, RequestBuilder, RequestContext, Responder, ResponderResult,
};
pub use stream::{EventStream, StreamItem};
pub use target::Target;
#[cfg(feature = "typed")]
pub use typed::{Event, Exact, ExactNumber, Received, Request, TypedItem, TypedStream};

/// The blocks of the guides compile, too.
#[cfg(doctest)]
#[doc = include_str!("../docs/permissions.md")]
#[cfg_attr(feature = "typed", doc = include_str!("../docs/typed-events.md"))]
struct Guides;

#[cfg(doctest)]
#[doc = include_str!("../docs/inspecting.md")]
struct InspectingGuide;

#[cfg(doctest)]
#[doc = include_str!("../docs/components.md")]
struct ComponentsGuide;

#[cfg(doctest)]
#[doc = include_str!("../docs/periodic.md")]
struct PeriodicGuide;

#[cfg(doctest)]
#[cfg_attr(feature = "typed", doc = include_str!("../docs/requests.md"))]
struct RequestGuide;
