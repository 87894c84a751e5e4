//! What Rust code of an app calls: every `impl EventBus`.

pub(crate) mod bus;
pub(crate) mod component;
pub(crate) mod jobs;
pub(crate) mod listener;
pub(crate) mod periodic;
pub(crate) mod request;
pub(crate) mod stream;
#[cfg(feature = "typed")]
pub(crate) mod typed;
