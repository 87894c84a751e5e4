//! What travels between the host and a page, as text.

pub(crate) mod batch;
