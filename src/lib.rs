//! Broadcast, targeted and periodic events between Rust and webviews, for [Tauri](https://v2.tauri.app) 2: ordered,
//! batched, and replayed after a reload. Pages use the npm package `tauri-plugin-event-bus-api`.
//!
//! # Setup
//!
//! Add the plugin to the app, with [`init`] or with a [`Builder`]. Limits, policies and the catalog mode may also come from
//! `tauri.conf.json`: see [`Config`]. Each page needs permissions of the plugin in a capability; [`check_capabilities`]
//! checks the capability files in a test.
//!
//! ```no_run
//! tauri::Builder::default().plugin(tauri_plugin_event_bus::init());
//! ```
//!
//! # Events
//!
//! [`EventBusExt::event_bus`] gives the [`EventBus`] of an app or a window, and the [`WebviewBus`] of a webview.
//!
//! ```
//! # fn main_page(app: &tauri::AppHandle) -> tauri_plugin_event_bus::Result<()> {
//! use tauri_plugin_event_bus::EventBusExt;
//!
//! let bus = app.event_bus();
//! bus.listen("cart:*", |event| println!("{} {}", event.name(), event.payload_json()))?
//!     .forget();
//! bus.emit("cart:updated", serde_json::json!({ "itemCount": 3 }))?;
//! bus.emit_to("main", "greeting", "hello")?;
//! # Ok(())
//! # }
//! ```
//!
//! | To | use |
//! |---|---|
//! | emit | [`EventBus::emit`], [`EventBus::emit_to`] with a [`Target`], [`EventBus::emit_with`] with [`EmitOptions`]; they return a [`Receipt`] |
//! | wait for room in the queues | [`EventBus::emit_async`] |
//! | listen | [`EventBus::listen`], which calls a function with each [`BusEvent`] and returns a [`Listener`] |
//! | read a stream | [`EventBus::stream`], which returns an [`EventStream`] of events and [`Gap`]s |
//! | choose what queues drop, retain and keep | a [`Policy`] per name or pattern, with [`Builder::policy`] |
//!
//! # Periodic events
//!
//! [`EventBus::periodic`] returns a [`JobBuilder`] of an event that the plugin emits at a fixed rate. A started [`Job`] can
//! be paused, resumed, changed with [`JobChanges`], and stopped. Pages may name a source of payloads that
//! [`Builder::job_source`] has registered.
//!
//! # Requests
//!
//! [`EventBus::request`] sends a request to a page or to the host and awaits the response; [`EventBus::request_all`] sends it
//! to several pages. [`EventBus::respond`] registers a [`Responder`] of the host.
//!
//! # Components
//!
//! A [`Namespace`] prefixes names. A [`Component`] emits under its own name, and has messages, refreshes and actions.
//! [`Builder::component`] describes components for the catalog.
//!
#![cfg_attr(
    feature = "typed",
    doc = "
# Typed events and requests

With the feature `typed`, which is on by default, a type that implements [`Event`] or [`Request`] declares a name and its
payload. The plugin checks what pages send against it, and a [`Catalog`] generates TypeScript, Markdown and JSON Schema.
"
)]
//! # Errors and inspection
//!
//! Every failure is an [`Error`] with a stable [`ErrorCode`]. [`EventBus::inspect`] takes a snapshot of the bus for tools and
//! tests.
//!
//! # Features
//!
//! All but `unstable` are on by default.
//!
//! | Feature | Effect |
//! |---|---|
//! | `typed` | typed events and requests, and what a catalog generates |
//! | `stream` | streams implement `futures_core::Stream` |
//! | `flood-limits` | the rates of [`Limits`] apply to pages |
//! | `page-crashes` | on Linux, the plugin notices immediately that a page crashed, and that a webview was closed alone or moved |
//! | `unstable` | the plugin knows child webviews immediately; for apps that use Tauri's feature `unstable` |

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
mod limits;
mod model;
mod periodic;
mod permissions;
mod runtime;
mod shell;
mod sync;
mod wire;

// Setup.
pub use config::{CatalogMode, Config, PolicyRule};
pub use limits::Limits;
pub use permissions::capability::{CapabilityFault, CapabilityFaults};
pub use shell::capability_files::{check_capabilities, check_capabilities_in};
pub use shell::commands::names::COMMANDS;
pub use shell::plugin::{Builder, init};

// Events.
pub use api::bus::{EventBus, EventBusExt, WebviewBus};
pub use api::listener::Listener;
pub use api::options::EmitOptions;
pub use api::stream::{EventStream, StreamItem};
pub use api::target::IntoTarget;
pub use model::delivery::DeliveryFilter;
pub use model::event::{BusEvent, Gap, GapReason, Receipt, Tick};
pub use tauri_plugin_event_bus_types::{Endpoint, HOST, Overflow, Policy, Target};

// Periodic events.
pub use api::jobs::builder::{AnyPayload, JobBuilder};
pub use api::jobs::changes::JobChanges;
pub use api::jobs::job::Job;
pub use model::job::{JobInfo, JobState, MissedTickBehavior};
pub use periodic::source::SourceCall;

// Requests.
pub use api::request::{RequestAllBuilder, RequestBuilder, Responses};
pub use api::respond::{RequestContext, Responder, ResponderResult};

// Components.
pub use api::component::Component;
pub use api::component::actions::{ActionComplete, ActionFailed};
pub use api::component::messages::{Message, MessageLevel, MessageOptions};
pub use api::component::namespace::Namespace;
pub use model::built_in::BUILT_IN_EVENTS;

// Declarations and what is generated from them.
#[cfg(feature = "typed")]
pub use api::typed::{Event, Request, TypedEvent, TypedItem, TypedStream};
#[cfg(feature = "typed")]
pub use catalog::ExportError;
pub use catalog::{Catalog, ComponentDescription, DeclaredEvent, DescribedEvent};
#[cfg(feature = "typed")]
pub use tauri_plugin_event_bus_types::{Exact, ExactNumber};

// Errors and inspection.
pub use model::inspection::{
    ConsumerInspection, Inspection, PageInspection, QueueUsage, SubscriptionInspection,
    WebviewInspection,
};
pub use tauri_plugin_event_bus_types::{Error, ErrorCode, Failure, Result};

/// Compiles the blocks of the pages.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

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
