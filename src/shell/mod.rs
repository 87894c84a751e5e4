//! Everything that names Tauri: the plugin and its hooks, its commands and replies, conversions of Tauri's types, and the
//! reading of capability files.

mod bridge;
mod builder;
#[cfg(calls)]
mod calls;
pub(crate) mod capability_files;
pub(crate) mod commands;
pub(crate) mod compat;
mod convert;
mod hidden;
#[cfg(feature = "inspector")]
mod inspector;
mod link;
mod manager;
mod platform;
pub(crate) mod plugin;
mod registration;
pub(crate) mod reply;
mod seen;
#[cfg(all(feature = "debug-socket", debug_assertions))]
mod socket;
#[cfg(feature = "test")]
pub(crate) mod testing;
pub(crate) mod window_events;
