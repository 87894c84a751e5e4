//! Tasks: work of the app that ends with a result, belongs to no page, and can be followed by any.
//!
//! [`ledger`] says which run when, and which ends are kept. [`run`] is one of them, [`running`] drives its future, and
//! [`following`] makes a stream of what it tells.

pub(crate) mod following;
mod ledger;
pub(crate) mod room;
pub(crate) mod run;
mod running;
