#![doc = include_str!("../README.md")]

mod api;
mod catalog;
mod config;
mod engine;
mod flood;
#[cfg(fuzzing)]
#[doc(hidden)]
#[allow(missing_docs)]
pub mod fuzzing;
mod hub;
mod model;
mod periodic;
mod permissions;
mod shell;
mod sync;
mod wire;

pub use api::bus::{EmitOptions, EventBus, EventBusExt, WebviewBus};
pub use api::component::{
    ActionComplete, ActionFailed, BUILT_IN_EVENTS, Component, Message, MessageLevel,
    MessageOptions, Namespace,
};
pub use api::jobs::PeriodicChange;
pub use api::periodic::{AnyPayload, Periodic, PeriodicBuilder};
pub use api::request::{
    Answers, RequestAllBuilder, RequestBuilder, RequestContext, Responder, ResponderResult,
};
pub use api::stream::{EventStream, StreamItem};
#[cfg(feature = "typed")]
pub use api::typed::{Event, Exact, ExactNumber, Received, Request, TypedItem, TypedStream};
#[cfg(feature = "typed")]
pub use catalog::ExportError;
pub use catalog::{Catalog, ComponentDescription, DeclaredEvent, DescribedEvent};
pub use config::{CatalogMode, Config, Limits, PolicyRule};
pub use engine::listeners::Listener;
pub use model::error::{Error, ErrorCode, Failure, Result};
pub use model::event::{BusEvent, Gap, GapReason, Receipt, Source, Tick};
pub use model::inspection::{
    ConsumerInspection, Heard, Inspection, Load, PageInspection, SubscriptionInspection,
    WebviewInspection,
};
pub use model::policy::{Overflow, Policy};
pub use model::target::Target;
pub use periodic::job::{JobOwner, JobState, PeriodicInfo};
pub use periodic::schedule::MissedTicks;
pub use periodic::source::SourceCall;
pub use shell::capability_files::{
    CapabilityFault, CapabilityFaults, check_capabilities, check_capabilities_in,
};
pub use shell::commands::names::COMMANDS;
pub use shell::plugin::{Builder, init};

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
