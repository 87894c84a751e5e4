//! Requests to pages and to the host: who sent what, who is to respond, and how each of them ends.
//!
//! ```text
//! caller ──► pending ──► waits for its page (grace) ──► outbox ──► page ──► response ──► caller
//!               └──────────────────────────────────────────────────► host ───┘
//! ```
//!
//! A request ends once, with whatever comes first: its response, its timeout, the end of the responding page or the end
//! of the caller. Its end takes it out of every index, so that what comes later finds nothing.
//!
//! A stream is a request with parts before its response. Its sender needs credit for each, which comes back as the consumer's
//! loop takes them. A channel is a stream whose caller sends parts, too, with credit of its own.

pub(crate) mod caller_log;
mod callers;
pub(crate) mod channel;
mod channels;
mod endings;
pub(crate) mod flow;
pub(crate) mod inbox;
pub(crate) mod message;
pub(crate) mod part;
pub(crate) mod parts;
pub(crate) mod pending;
pub(super) mod recipients;
mod responders;
pub(crate) mod window;

pub(crate) use message::{Caller, NewRequest, Recipient, RequestMessage, ResponderKind};
