//! Taps of the host and of pages, and recordings.

#[cfg(feature = "inspector")]
pub(crate) mod feed;
pub(crate) mod page;
pub(crate) mod recorder;
pub(crate) mod stream;
