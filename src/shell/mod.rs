//! Everything that names Tauri: the plugin and its hooks, commands, replies, and the conversions of its types.

pub(crate) mod capability_files;
pub(crate) mod commands;
mod convert;
pub(crate) mod crash;
mod manager;
pub(crate) mod plugin;
mod registration;
pub(crate) mod reply;
