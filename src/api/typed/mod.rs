//! Typed events and requests on a bus. The declarations stand in a crate of their own.

pub(crate) mod channel_request;
pub(crate) mod event;
mod jobs;
pub(crate) mod received;
pub(crate) mod request;
pub(crate) mod stream;
pub(crate) mod stream_request;
