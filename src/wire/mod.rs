//! The text of what travels from the host to a page.

pub(crate) mod attached;
pub(crate) mod batch;
mod cuts;
mod extras;
mod heads;
pub(crate) mod presence;
pub(crate) mod tap;
