//! The plugin's own concurrent code under a model checker.
//!
//! This crate compiles the files of the plugin unchanged. Only `sync` is replaced: its locks, notifications, tasks and
//! clock belong to the checker, which decides at each of them which task runs next. `shell` and `api`, apart from
//! listeners and streams, are left out.

// Only a part of each file is used. The names of the scenarios document them.
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
#[path = "../../../src/tasks/mod.rs"]
mod tasks;
#[path = "../../../src/wire/mod.rs"]
mod wire;

mod api;
mod sync;

#[allow(clippy::unwrap_used)]
pub mod channels;
mod check;
#[allow(clippy::unwrap_used)]
pub mod consumers;
#[allow(clippy::unwrap_used)]
pub mod jobs;
#[allow(clippy::unwrap_used)]
pub mod pages;
#[allow(clippy::unwrap_used)]
pub mod pulls;
#[allow(clippy::unwrap_used)]
pub mod receipts;
#[allow(clippy::unwrap_used)]
pub mod requests;
#[allow(clippy::unwrap_used)]
pub mod room;
#[allow(clippy::unwrap_used)]
pub mod sessions;
#[allow(clippy::unwrap_used)]
pub mod streams;
#[allow(clippy::unwrap_used)]
mod world;
