#[path = "../../../src/api/listener.rs"]
pub(crate) mod listener;
#[path = "../../../src/api/stream.rs"]
pub(crate) mod stream;
