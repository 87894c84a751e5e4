#[path = "../../../src/api/stream.rs"]
pub(crate) mod stream;
