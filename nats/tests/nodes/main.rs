//! Nodes over a real server.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod broadcasts;
mod config;
mod example;
mod faults;
mod histories;
mod permissions;
mod presence;
mod proxy;
mod requests;
mod security;
mod support;
mod tls;
mod versions;
