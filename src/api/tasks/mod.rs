//! Tasks: registering, starting and following them.

pub(crate) mod context;
pub(crate) mod register;
pub(crate) mod start;
pub(crate) mod task;
pub(crate) mod view;
