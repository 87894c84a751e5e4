//! Broadcast, targeted and periodic events between Rust and webviews, for [Tauri](https://v2.tauri.app) 2: ordered,
//! batched, and replayed after a reload. Pages use the npm package `tauri-plugin-event-bus-api`.
//!
//! # Install
//!
//! ```sh
//! cargo add tauri-plugin-event-bus
//! npm install tauri-plugin-event-bus-api
//! ```
//!
//! Add the plugin to the app, with [`init`] or with a [`Builder`]. Limits, policies and the catalog mode may also come from
//! `tauri.conf.json`: see [`Config`]. Each page needs permissions of the plugin in a capability; [`check_capabilities`](capabilities::check_capabilities)
//! checks the capability files in a test.
//!
//! ```no_run
//! tauri::Builder::default().plugin(tauri_plugin_event_bus::init());
//! ```
//!
//! ```json
//! { "identifier": "default", "windows": ["main"], "permissions": ["core:default", "event-bus:default"] }
//! ```
//!
#![cfg_attr(
    guides,
    doc = "
The [guides] explain each subject, for Rust and for pages: [getting started](guides::start),
[permissions](guides::permissions), [delivery and limits](guides::delivery), [errors](guides::errors).
"
)]
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
//! | listen | [`EventBus::listen`], which calls a function with each [`BusEvent`] and returns a [`Listener`]; [`EventBus::once`], [`EventBus::listen_with`] |
//! | wait for one event | [`EventBus::wait_for`], a future with a filter and a timeout |
//! | know which pages are there | [`EventBus::pages`], [`EventBus::wait_until_ready`]; who is with them: [`EventBus::presence`] |
//! | read a stream | [`EventBus::stream`], which returns an [`EventStream`] of events and [`Gap`]s |
//! | choose what queues drop, retain and keep | a [`Policy`] per name or pattern, with [`Builder::policy`] |
//!
//! # Periodic events
//!
//! [`EventBus::periodic`] returns a [`JobBuilder`](periodic::JobBuilder) of an event that the plugin emits at a fixed rate. A
//! started [`Job`](periodic::Job) can be paused, resumed, changed and stopped, and [`EventBus::jobs`] finds it again. Pages
//! may name a source of payloads that [`Builder::job_source`] has registered. See [`periodic`].
//!
//! # Requests
//!
//! [`EventBus::request`] sends a request to a page or to the host and awaits the response; [`EventBus::request_all`] sends it
//! to several pages. [`EventBus::respond`] registers a
//! [`Responder`](request::Responder) of the host. See [`request`].
//!
//! # Tasks
//!
//! [`EventBus::register_task`] registers long work of the app. [`EventBus::start_task`] starts it, and returns a
//! [`Task`](task::Task) by which it is followed. Pages start and follow tasks, too. See [`task`].
//!
//! # Views and components
//!
//! [`EventBus::namespace`] returns a view of the bus that prefixes names. [`EventBus::component`] returns one that emits under
//! its own name, and has messages, refreshes and actions: see [`component`].
//!
#![cfg_attr(
    feature = "typed",
    doc = "
# Typed events and requests

With the feature `typed`, which is on by default, a type that implements [`Event`](typed::Event),
[`Request`](typed::Request) or [`StreamRequest`](typed::StreamRequest) declares a name and its payload. The plugin checks what pages send against it, and a
[`Catalog`](catalog::Catalog) generates TypeScript, Markdown and JSON Schema. See [`typed`].
"
)]
//! # Errors and inspection
//!
//! Every failure is an [`Error`] with a stable [`ErrorCode`]. [`EventBus::inspect`] takes a snapshot of the bus for tools and
//! tests.
//!
//! # Features
//!
//! All but `debug-socket`, `inspector`, `metrics`, `test`, `tracing` and `unstable` are on by default.
//!
//! | Feature | Effect |
//! |---|---|
//! | `typed` | typed events and requests, and what a catalog generates |
//! | `stream` | streams implement `futures_core::Stream` |
//! | `flood-limits` | the rates of [`Limits`] apply to pages |
//! | `page-crashes` | on Linux, the plugin notices immediately that a page crashed, and that a webview was closed alone or moved |
//! | `calls` | on WebKitGTK, the host calls pages with their events, which is faster than their pulls |
//! | `debug-socket` | debug builds open a socket, by which `npx tauri-plugin-event-bus-api tail` shows what happens |
//! | `metrics` | counters and histograms for the recorder of the app |
//! | `tracing` | spans for the subscriber of the app |
//! | `inspector` | a window that shows what happens in the bus, for debug builds: `EventBus::open_inspector` |
//! | `test` | a bus for tests of your app, in `test`; for `[dev-dependencies]` |
//! | `unstable` | the plugin knows child webviews immediately; for apps that use Tauri's feature `unstable` |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod api;
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
mod permissions;
mod runtime;
mod shell;
mod sync;
mod tasks;
mod wire;

pub use api::bus::{EventBus, EventBusExt};
pub use api::listen_async::AsyncListener;
pub use api::listener::Listener;
pub use api::options::{EmitOptions, ListenOptions};
pub use api::stream::{EventStream, StreamItem};
pub use api::target::IntoTarget;
pub use api::wait::WaitFor;
pub use api::webview::WebviewBus;
pub use config::{CatalogMode, Config, PolicyRule};
pub use limits::Limits;
pub use model::delivery::DeliveryFilter;
pub use model::event::{BusEvent, Gap, GapReason, Receipt};
pub use shell::plugin::{Builder, init};
pub use tauri_plugin_event_bus_types::{
    self as types, Bytes, Endpoint, Error, ErrorCode, HOST, Overflow, Policy, Result, Target, Until,
};

pub mod catalog;

/// Jobs: events that the plugin emits by itself. [`EventBus::periodic`] starts one, and [`EventBus::jobs`] finds
/// them.
pub mod periodic {
    // The room of the jobs has this name within the crate, and apps find here what the API makes of it.
    #[path = "mod.rs"]
    mod room;
    pub(crate) use room::*;

    pub use crate::api::jobs::builder::{AnyPayload, JobBuilder};
    pub use crate::api::jobs::changes::JobChanges;
    pub use crate::api::jobs::delayed::DelayedEmit;
    pub use crate::api::jobs::job::Job;
    pub use crate::api::jobs::view::Jobs;
    pub use crate::model::event::Tick;
    pub use crate::model::job::{JobInfo, JobState, MissedTickBehavior};
    pub use source::SourceCall;
}

/// What functions see that are registered with [`Builder::before_emit`].
pub mod intercept {
    pub use crate::model::interception::{EmitContext, EmittedEvent};
}

/// Links to other nodes: what carries events of shared names between machines. Apps use a crate that has one, such as
/// `tauri-plugin-event-bus-nats`, with [`Builder::link`].
pub mod link {
    pub use crate::api::link::messages::{Arrival, DepartingEvent, Departure, LinkPayload};
    pub use crate::api::link::port::LinkPort;
    pub use crate::api::link::requests::{ArrivingRequest, DepartingRequest};
    pub use crate::api::link::start::{Link, LinkPlan, LinkStarter};
    pub use crate::model::link::{LinkStatus, LinkStream, Share};
}

/// Requests, responses, streams and channels: what [`EventBus::request`], [`EventBus::request_all`],
/// [`EventBus::request_stream`], [`EventBus::respond`], [`EventBus::respond_stream`] and [`EventBus::accept_channel`] take and
/// return.
pub mod request {
    pub use crate::api::request::{RequestAllBuilder, RequestBuilder, Responses};
    pub use crate::api::respond::{RequestContext, Responder, ResponderResult};
    pub use crate::api::streams::channel::PartChannel;
    pub use crate::api::streams::request::{PartStream, RequestStreamBuilder};
    pub use crate::api::streams::sender::{PartSender, SendPart};
    pub use tauri_plugin_event_bus_types::Failure;
}

/// Tasks: work of the app that ends with a result, and that any page can follow. [`EventBus::register_task`] registers one,
/// [`EventBus::start_task`] starts it, and [`EventBus::tasks`] finds it.
pub mod task {
    pub use crate::api::tasks::context::TaskContext;
    pub use crate::api::tasks::register::TaskRegistration;
    pub use crate::api::tasks::start::StartTaskBuilder;
    pub use crate::api::tasks::task::Task;
    pub use crate::api::tasks::view::Tasks;
    pub use crate::model::task::{TaskInfo, TaskProgress, TaskState};
    pub use crate::tasks::room::IfRunning;
}

/// Typed events and requests. `use tauri_plugin_event_bus::typed::*` brings the traits by which types declare them, and
/// what they can then do: `CartUpdated { … }.emit(&bus)`, `CartUpdated::listen(&bus, …)`.
#[cfg(feature = "typed")]
pub mod typed {
    pub use crate::api::typed::channel_request::ChannelRequestExt;
    pub use crate::api::typed::event::EventExt;
    pub use crate::api::typed::received::TypedEvent;
    pub use crate::api::typed::request::RequestExt;
    pub use crate::api::typed::stream::{TypedItem, TypedStream};
    pub use crate::api::typed::stream_request::{
        StreamRequestExt, TypedPartStream, TypedRequestStreamBuilder,
    };
    pub use tauri_plugin_event_bus_types::{
        ChannelRequest, Event, Exact, ExactNumber, Request, StreamRequest,
    };
}

/// For apps that move from Tauri's own events: [`Emitter`](compat::Emitter) and [`Listener`](compat::Listener) have the
/// methods of Tauri's traits, and [`EventBus::compat_report`] lists what the rules of the bus would do otherwise.
pub mod compat {
    pub use crate::config::Compatible;
    pub use crate::model::compat::{CompatKind, CompatNote, CompatReport};
    pub use crate::shell::compat::{Emitter, Event, Listener};
    pub use crate::shell::window_events::WindowEventKind;
}

/// What happens in the bus, as [`EventBus::tap`] tells it, and recordings of it, as [`EventBus::record`] writes them.
pub mod tap {
    pub use crate::api::tap::recorder::{Recorder, RecordingSummary};
    pub use crate::api::tap::stream::Tap;
    pub use crate::model::tap::filter::TapFilter;
    pub use crate::model::tap::record::{
        TapAction, TapEntry, TapKind, TapRecord, TapRoute, TappedDelivery, TappedEvent, TappedGap,
        TappedPayload, TappedRefusal, TappedRequest, TappedResponse,
    };
    pub use crate::wire::tap::read::Recording;
}

/// Which pages there are, and who is with them: what [`EventBus::pages`], [`EventBus::wait_until_ready`] and
/// [`EventBus::presence`] return.
pub mod pages {
    pub use crate::api::pages::WaitUntilReady;
    pub use crate::api::presence::Presence;
    pub use crate::model::page::{PageInfo, PageState};
    pub use crate::model::presence::{PresenceChange, PresenceMember};
}

/// What became of an event: what [`EventBus::emit_handled`] returns.
pub mod receipts {
    pub use crate::api::outcomes::EmitHandled;
    pub use crate::model::outcome::{Handled, Outcome, PageOutcome};
}

/// A snapshot of the bus for tools and tests, as [`EventBus::inspect`] takes it.
pub mod inspect {
    pub use crate::model::inspection::{
        ConsumerInspection, Inspection, PageInspection, QueueUsage, StreamInspection,
        SubscriptionInspection, WebviewInspection,
    };
}

/// The check of an app's capability files, and the commands that their permissions are about.
pub mod capabilities {
    pub use crate::permissions::capability::{CapabilityFault, CapabilityFaults};
    pub use crate::shell::capability_files::{check_capabilities, check_capabilities_in};
    pub use crate::shell::commands::names::{COMMANDS, INSPECTOR_COMMANDS};
}

/// A bus for the tests of an app, with pages that the test plays, and recordings that it replays. Feature `test`.
#[cfg(feature = "test")]
pub mod test {
    pub use crate::shell::testing::bus::TestBus;
    pub use crate::shell::testing::clock::TestClock;
    pub use crate::shell::testing::compare::{DifferenceKind, ReplayDifference, ReplayedEvent};
    pub use crate::shell::testing::page::TestPage;
    pub use crate::shell::testing::replay::{Replay, ReplayOptions};
}

/// Components, which emit under their own name, and their built-in events: messages, refreshes, and outcomes of actions.
pub mod component {
    pub use crate::api::component::Component;
    pub use crate::api::component::actions::{ActionComplete, ActionFailed};
    pub use crate::api::component::messages::{Message, MessageLevel, MessageOptions};
    pub use crate::model::built_in::BUILT_IN_EVENTS;
}

/// Compiles the blocks of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The guides: how to use the plugin, one page a subject.
#[cfg(any(guides, doctest))]
pub mod guides {
    // Doc tests compile the files as they are. rustdoc gets them with links of its own: see `build/guides.rs`.
    macro_rules! guides {
        ($($(#[$condition:meta])? $name:ident: $file:literal,)*) => { $(
            $(#[$condition])?
            #[cfg_attr(guides, doc = include_str!(concat!(env!("EVENT_BUS_GUIDES"), "/", $file)))]
            #[cfg_attr(all(doctest, not(guides)), doc = include_str!(concat!("../docs/", $file)))]
            pub mod $name {}
        )* };
    }

    guides! {
        #[cfg(any(guides, feature = "typed"))]
        start: "start.md",
        permissions: "permissions.md",
        #[cfg(any(guides, feature = "typed"))]
        typed_events: "typed-events.md",
        #[cfg(any(guides, feature = "typed"))]
        requests: "requests.md",
        #[cfg(any(guides, feature = "typed"))]
        streams: "streams.md",
        periodic: "periodic.md",
        #[cfg(any(guides, feature = "typed"))]
        bytes: "bytes.md",
        components: "components.md",
        delivery: "delivery.md",
        errors: "errors.md",
        inspecting: "inspecting.md",
        #[cfg(any(guides, feature = "inspector"))]
        inspector: "inspector.md",
        interceptors: "interceptors.md",
        many_machines: "many-machines.md",
        observe: "observe.md",
        pages: "pages.md",
        presence: "presence.md",
        receipts: "receipts.md",
        testing: "testing.md",
        react: "react.md",
        vue: "vue.md",
        svelte: "svelte.md",
        solid: "solid.md",
        rust_frontends: "rust-frontends.md",
        without_a_framework: "without-a-framework.md",
        without_tauri: "without-tauri.md",
        workers_and_frames: "workers-and-frames.md",
        moving: "moving.md",
        moving_by_hand: "moving-by-hand.md",
        platforms: "platforms.md",
        tauri_3: "tauri-3.md",
        comparison: "comparison.md",
        guarantees: "guarantees.md",
        api: "api.md",
        wire_protocol: "wire-protocol.md",
        development: "development.md",
    }
}
