//! Everything that names Tauri: the plugin and its hooks, its commands and replies, conversions of Tauri's types, and the
//! reading of capability files.

pub(crate) mod capability_files;
pub(crate) mod commands;
mod convert;
pub(crate) mod crash;
mod manager;
pub(crate) mod plugin;
mod registration;
pub(crate) mod reply;
