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
#[path = "../../../src/engine.rs"]
mod engine;
#[path = "../../../src/error.rs"]
mod error;
#[path = "../../../src/event.rs"]
mod event;
#[path = "../../../src/flood.rs"]
mod flood;
#[path = "../../../src/hub/mod.rs"]
mod hub;
#[path = "../../../src/inspection.rs"]
mod inspection;
#[path = "../../../src/json.rs"]
mod json;
#[path = "../../../src/listener.rs"]
mod listener;
#[path = "../../../src/name.rs"]
mod name;
#[path = "../../../src/pattern.rs"]
mod pattern;
#[path = "../../../src/policy.rs"]
mod policy;
#[path = "../../../src/scope/mod.rs"]
mod scope;
#[path = "../../../src/stream.rs"]
mod stream;
#[path = "../../../src/target.rs"]
mod target;
#[path = "../../../src/turn.rs"]
mod turn;

mod page;
mod periodic;
mod request;
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
