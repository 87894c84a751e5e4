//! The plugin through its public API and its commands, on Tauri's mock runtime with real capability files.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod bytes;
mod compat;
mod components;
mod consumed;
mod delivery;
mod diagnostics;
mod expiry;
mod floods;
mod forging;
mod frames;
mod history;
mod house;
mod injection;
mod inspection;
mod interceptors;
mod jobs;
mod listeners;
mod messages;
mod names;
mod newest;
mod permissions;
mod policies;
mod quotas;
mod requests;
mod scopes;
mod sessions;
mod support;
mod tap;
mod test_bus;
mod typed;
mod views;
mod waits;
