//! The nouns: names, patterns, targets, events, errors. Each is parsed once into a checked value.
//!
//! Nothing here knows Tauri or Tokio.

pub(crate) mod built_in;
pub(crate) mod delivery;
pub(crate) mod endpoint;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod id;
pub(crate) mod inspection;
pub(crate) mod interval;
pub(crate) mod job;
pub(crate) mod json;
pub(crate) mod name;
pub(crate) mod pattern;
pub(crate) mod policy;
pub(crate) mod quota;
pub(crate) mod target;
