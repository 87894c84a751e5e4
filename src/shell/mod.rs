//! Everything that names Tauri: the plugin and its hooks, commands, replies, and the conversions of its types.

pub(crate) mod capability_files;
pub(crate) mod commands;
pub(crate) mod crash;
pub(crate) mod plugin;
