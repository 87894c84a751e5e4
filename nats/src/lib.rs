#![doc = include_str!("../README.md")]

mod connection;
mod counts;
mod message;
mod options;
mod presence;
mod receiver;
mod requests;
mod sender;
mod signals;
mod subject;

pub use async_nats::ConnectOptions;
pub use options::{Nats, NatsConfig};
