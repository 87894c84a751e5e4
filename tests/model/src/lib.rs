//! The plugin's own concurrent code under a model checker.
//!
//! The files of the plugin are compiled here as they are. Only `sync` is another one: its locks, notifications, tasks and
//! clock are the checker's, which decides at each of them who goes on. What stands under a type of Tauri (commands, the
//! builder, the raw handler of pulls) is left out.

// Only a part of each file is used, and the names of the scenarios say what they show.
#![allow(
    dead_code,
    missing_docs,
    unexpected_cfgs,
    unreachable_pub,
    unused_imports
)]

#[path = "../../../src/config.rs"]
mod config;
#[path = "../../../src/engine/mod.rs"]
mod engine;
#[path = "../../../src/flood.rs"]
mod flood;
#[path = "../../../src/hub/mod.rs"]
mod hub;
#[path = "../../../src/limits.rs"]
mod limits;
#[path = "../../../src/model/mod.rs"]
mod model;
#[path = "../../../src/periodic/mod.rs"]
mod periodic;
#[path = "../../../src/permissions/mod.rs"]
mod permissions;
#[path = "../../../src/runtime.rs"]
mod runtime;
#[path = "../../../src/wire/mod.rs"]
mod wire;

mod api;
mod sync;

mod check;
#[allow(clippy::unwrap_used)]
pub mod inside;
#[allow(clippy::unwrap_used)]
pub mod pulls;
#[allow(clippy::unwrap_used)]
pub mod questions;
#[allow(clippy::unwrap_used)]
pub mod room;
#[allow(clippy::unwrap_used)]
pub mod sessions;
#[allow(clippy::unwrap_used)]
mod world;
