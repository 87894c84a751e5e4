//! What users of the plugin do, in real windows of a real app.
//!
//! "Never" is shown by order: every page gets events in the order in which they were emitted. Once a page has a later
//! event (the barrier), a missing earlier one will not arrive.

mod both_builds;
mod bytes;
mod calls;
mod carriers;
#[cfg(feature = "unstable")]
mod children;
mod chromium;
mod components;
mod events;
mod faults;
mod hidden;
mod inspector;
mod inspector_pace;
mod measured;
mod members;
mod moving;
mod pages;
mod permissions;
mod requests;
mod rust_frontend;
mod shop;
mod streams;
mod support;
mod together;
mod typed;
