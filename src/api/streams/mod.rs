//! Streams: requests with parts before the response. Channels: streams whose callers send parts, too.

pub(crate) mod channel;
pub(crate) mod request;
mod respond;
pub(crate) mod sender;

#[cfg(test)]
mod tests;
