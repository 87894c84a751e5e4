//! Streams: requests with parts before the response.

pub(crate) mod request;
mod respond;
pub(crate) mod sender;

#[cfg(test)]
mod tests;
