//! When ticks are due and which of them pass. Pure: callers pass the time.

pub(crate) mod queue;
pub(crate) mod rate;
pub(crate) mod schedule;
#[cfg(test)]
mod tests;
