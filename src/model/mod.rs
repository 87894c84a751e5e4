//! The nouns: names, patterns, targets, events, errors. Each is parsed once into a checked value.
//!
//! Nothing here knows Tauri or Tokio.

pub(crate) mod audience;
pub(crate) mod built_in;
pub(crate) mod compat;
pub(crate) mod core_target;
pub(crate) mod deferred;
pub(crate) mod delivery;
pub(crate) mod event;
pub(crate) mod id;
pub(crate) mod inspection;
#[cfg(feature = "inspector")]
pub(crate) mod inspector;
pub(crate) mod interception;
pub(crate) mod interval;
pub(crate) mod job;
pub(crate) mod json;
pub(crate) mod label;
pub(crate) mod lifetime;
pub(crate) mod link;
pub(crate) mod node;
pub(crate) mod outcome;
pub(crate) mod page;
pub(crate) mod policies;
pub(crate) mod presence;
pub(crate) mod provenance;
pub(crate) mod quota;
pub(crate) mod selection;
pub(crate) mod tap;
pub(crate) mod task;
pub(crate) mod traceparent;

// The nouns that apps declare with stand in a crate of their own.

pub(crate) mod endpoint {
    pub(crate) use tauri_plugin_event_bus_types::Endpoint;
}

pub(crate) mod error {
    pub(crate) use tauri_plugin_event_bus_types::internal::{escaped, quoted};
    pub(crate) use tauri_plugin_event_bus_types::{Error, ErrorCode, Failure, Result};
}

pub(crate) mod name {
    pub(crate) use tauri_plugin_event_bus_types::EventName;
    pub(crate) use tauri_plugin_event_bus_types::internal::{
        OWN_PREFIX, check_namespace, parse_component,
    };
}

pub(crate) mod pattern {
    pub(crate) use tauri_plugin_event_bus_types::EventPattern;
    pub(crate) use tauri_plugin_event_bus_types::internal::is_wildcard;
}

pub(crate) mod payload {
    pub(crate) use tauri_plugin_event_bus_types::internal::check_json;
}

pub(crate) mod policy {
    pub(crate) use tauri_plugin_event_bus_types::{Overflow, Policy, Until};
}

pub(crate) mod target {
    pub(crate) use tauri_plugin_event_bus_types::{LabelPattern, Target, TargetPart};
}
