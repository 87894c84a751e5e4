//! What a user of the plugin does, in real windows of a real app.
//!
//! "Never" is shown by order: every page gets events in the order in which they were emitted, so once it has a later
//! one (the barrier), what has not come will not come.

mod components;
mod events;
mod faults;
mod pages;
mod permissions;
mod requests;
mod shop;
mod support;
mod typed;
