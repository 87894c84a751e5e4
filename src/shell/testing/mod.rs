//! A bus for the tests of an app: a mock app without a window, and pages that the test plays.

pub(crate) mod bus;
pub(crate) mod clock;
pub(crate) mod compare;
pub(crate) mod page;
pub(crate) mod replay;
