//! Spans and metrics, read from recorders in memory. They are for the whole process, so these tests have a process of their
//! own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod metrics;
mod spans;
