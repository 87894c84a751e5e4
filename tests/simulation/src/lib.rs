//! Both ends of the bus, real, in one thread under one seed.
//!
//! This crate compiles the files of the plugin unchanged, with the commands and the API. Three things are replaced: `sync`,
//! whose clocks and tasks belong to the simulation, the look at Tauri's list of webviews, since Tauri's mock runtime closes
//! none, and random bytes. The pages run the guest as it is built, each in a JavaScript engine of its own.

// Only a part of each file is used.
#![allow(
    dead_code,
    missing_docs,
    unexpected_cfgs,
    unreachable_pub,
    unused_imports
)]

// `getrandom::fill` of the plugin is the one of this crate.
extern crate self as getrandom;

#[path = "../../../src/api/mod.rs"]
mod api;
#[path = "../../../src/catalog/mod.rs"]
pub mod catalog;
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

mod app;
mod browser;
mod calls;
mod expiry;
mod facts;
mod faults;
mod history;
mod host;
mod jobs;
mod judgment;
mod matching;
mod mutation;
mod notes;
mod ops;
mod oracle;
mod plan;
mod platform;
mod presence;
mod receipts;
mod rng;
mod run;
mod shell;
mod shrink;
mod streams;
mod sync;
mod wills;
mod world;

pub use mutation::Mutation;
pub use run::{Options, Outcome, run};
pub use shrink::{read_steps, shrink, spell};
pub use sync::fill;
