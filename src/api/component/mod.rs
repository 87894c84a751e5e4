//! Parts of an app that emit under their own name, and the built-in events of components.

pub(crate) mod actions;
#[allow(clippy::module_inception, reason = "the type that the folder is about")]
mod component;
pub(crate) mod messages;

pub use component::Component;
