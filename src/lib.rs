#![doc = include_str!("../README.md")]

mod api;
mod catalog;
mod config;
mod engine;
mod flood;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
#[allow(missing_docs)]
pub mod fuzzing;
mod hub;
mod model;
mod periodic;
mod permissions;
mod runtime;
mod shell;
mod sync;
mod wire;

pub use api::bus::{EmitOptions, EventBus, EventBusExt, WebviewBus};
pub use api::component::{
    ActionComplete, ActionFailed, Component, Message, MessageLevel, MessageOptions, Namespace,
};
pub use api::jobs::JobChanges;
pub use api::listener::Listener;
pub use api::periodic::{AnyPayload, Job, JobBuilder};
pub use api::request::{
    RequestAllBuilder, RequestBuilder, RequestContext, Responder, ResponderResult, Responses,
};
pub use api::stream::{EventStream, StreamItem};
#[cfg(feature = "typed")]
pub use api::typed::{Event, Exact, ExactNumber, Request, TypedEvent, TypedItem, TypedStream};
#[cfg(feature = "typed")]
pub use catalog::ExportError;
pub use catalog::{Catalog, ComponentDescription, DeclaredEvent, DescribedEvent};
pub use config::{CatalogMode, Config, Limits, PolicyRule};
pub use model::built_in::BUILT_IN_EVENTS;
pub use model::delivery::DeliveryFilter;
pub use model::endpoint::{Endpoint, HOST};
pub use model::error::{Error, ErrorCode, Failure, Result};
pub use model::event::{BusEvent, Gap, GapReason, Receipt, Tick};
pub use model::inspection::{
    ConsumerInspection, Inspection, PageInspection, QueueUsage, SubscriptionInspection,
    WebviewInspection,
};
pub use model::job::{JobInfo, JobState, MissedTickBehavior};
pub use model::policy::{Overflow, Policy};
pub use model::target::Target;
pub use periodic::source::SourceCall;
pub use permissions::capability::{CapabilityFault, CapabilityFaults};
pub use shell::capability_files::{check_capabilities, check_capabilities_in};
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
