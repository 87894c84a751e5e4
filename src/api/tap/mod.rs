//! Taps of the host and of pages, and recordings.

pub(crate) mod page;
pub(crate) mod recorder;
pub(crate) mod stream;
