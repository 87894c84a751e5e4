//! The hub behind its one lock, its effects once the lock is released, and the listeners and responders of the host.

pub(crate) mod backpressure;
pub(crate) mod calls;
pub(crate) mod causes;
mod consumers;
pub(crate) mod core;
pub(crate) mod diagnostics;
pub(crate) mod foreign;
pub(crate) mod handler;
pub(crate) mod incoming;
pub(crate) mod interceptors;
pub(crate) mod leases;
pub(crate) mod link;
pub(crate) mod link_state;
pub(crate) mod listeners;
pub(crate) mod outcomes;
pub(crate) mod page_waits;
pub(crate) mod parts;
mod publishing;
pub(crate) mod pump;
pub(crate) mod reply;
pub(crate) mod responders;
pub(crate) mod subscriptions;
mod tap_settings;
pub(crate) mod taps;
mod webviews;
