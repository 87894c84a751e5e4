#[path = "../../../src/request/responders.rs"]
pub(crate) mod responders;
