//! The public API of the host: every `impl EventBus`.

pub(crate) mod bus;
mod compat;
pub(crate) mod component;
mod inspection;
#[cfg(feature = "inspector")]
mod inspector;
pub(crate) mod jobs;
pub(crate) mod json;
pub(crate) mod link;
mod listen;
pub(crate) mod listen_async;
pub(crate) mod listener;
mod namespace;
pub(crate) mod options;
pub(crate) mod outcomes;
pub(crate) mod pages;
pub(crate) mod presence;
pub(crate) mod request;
pub(crate) mod respond;
pub(crate) mod stream;
pub(crate) mod streams;
pub(crate) mod tap;
pub(crate) mod target;
pub(crate) mod tasks;
#[cfg(feature = "typed")]
pub(crate) mod typed;
pub(crate) mod wait;
pub(crate) mod webview;
